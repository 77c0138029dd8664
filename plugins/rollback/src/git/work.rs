//! A bare repository of our own, in a folder that goes with it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use git2::{Buf, Commit, Oid, Repository, RepositoryInitOptions, Signature, Time};
use jiff::Timestamp;

use super::ask::EMPTY_PACK;
use super::error::GitError;

/// How many folders of the same name are tried: others run beside us, or were killed.
const TRIES: u32 = 1000;

/// A repository of our own. It is removed with the value; the user's clone is never touched.
pub struct Work {
    pub(super) repo: Repository,
    folder: PathBuf,
    /// The place that may have been made for it.
    place: Option<PathBuf>,
}

/// Who writes a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name.
    pub name: String,
    /// The mail address.
    pub email: String,
    /// When; the same inputs at the same time make the same commit.
    pub at: Timestamp,
}

impl Work {
    /// The places to try: the machine's temporary folder, else one in the workspace.
    pub fn places(workspace: &Path) -> [PathBuf; 2] {
        [PathBuf::from("/tmp"), workspace.join(".deployment")]
    }

    /// A new one, in the first place that can be written to. Only a place whose name begins with a dot is made.
    ///
    /// # Errors
    /// When there is no such place.
    pub fn create(places: &[PathBuf]) -> Result<Self, GitError> {
        let mut wrong = Vec::new();
        for place in places {
            match Self::create_in(place) {
                Ok(work) => return Ok(work),
                Err(error) => wrong.push(format!("{}: {error}", place.display())),
            }
        }
        Err(GitError::Here {
            detail: format!(
                "no folder can be made to work in ({}), mount a /tmp or make the workspace writable",
                wrong.join("; ")
            ),
        })
    }

    fn create_in(place: &Path) -> Result<Self, String> {
        let name = place.file_name().unwrap_or_default();
        let ours = name.as_encoded_bytes().starts_with(b".");
        let folder = own_folder(place, ours).map_err(|error| error.to_string())?;
        let mut options = RepositoryInitOptions::new();
        options.bare(true).external_template(false);
        let repo = Repository::init_opts(folder.join("repository"), &options);
        let repo = repo.map_err(|error| {
            let _ = fs::remove_dir_all(&folder);
            error.message().to_owned()
        })?;
        Ok(Self {
            repo,
            folder,
            place: ours.then(|| place.to_owned()),
        })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a commit is here.
    pub fn has(&self, id: Oid) -> bool {
        self.repo.find_commit(id).is_ok()
    }

    pub(super) fn commit(&self, id: Oid) -> Result<Commit<'_>, GitError> {
        Ok(self.repo.find_commit(id)?)
    }

    /// The tree of a commit that is here.
    ///
    /// # Errors
    /// When it is not.
    pub fn tree_of(&self, id: Oid) -> Result<Oid, GitError> {
        Ok(self.commit(id)?.tree_id())
    }

    /// The first parent of a commit that is here; nothing where it has none.
    ///
    /// # Errors
    /// When the commit is not here.
    pub fn parent_of(&self, id: Oid) -> Result<Option<Oid>, GitError> {
        Ok(self.commit(id)?.parent_id(0).ok())
    }

    /// Writes one commit whose parent is `head` and whose tree is that of `good`: nothing is merged, so nothing can
    /// conflict.
    ///
    /// # Errors
    /// When one of them is not here, or the identity has a character that git cannot write.
    pub fn restore_commit(
        &self,
        head: Oid,
        good: Oid,
        message: &str,
        identity: &Identity,
    ) -> Result<Oid, GitError> {
        let at = Time::new(identity.at.as_second(), 0);
        let signature = Signature::new(&identity.name, &identity.email, &at)?;
        let (head, good) = (self.commit(head)?, self.commit(good)?);
        let tree = good.tree()?;
        let made = self
            .repo
            .commit(None, &signature, &signature, message, &tree, &[&head])?;
        Ok(made)
    }

    /// A pack of just these objects.
    pub(super) fn pack(&self, objects: &[Oid]) -> Result<Vec<u8>, GitError> {
        if objects.is_empty() {
            return Ok(EMPTY_PACK.to_vec());
        }
        let mut builder = self.repo.packbuilder()?;
        for id in objects {
            builder.insert_object(*id, None)?;
        }
        let mut bytes = Buf::new();
        builder.write_buf(&mut bytes)?;
        Ok(bytes.to_vec())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
        if let Some(place) = &self.place {
            // It stays when something else is in it.
            let _ = fs::remove_dir(place);
        }
    }
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Work({})", self.folder.display())
    }
}

/// A new folder that only we can look into.
fn own_folder(place: &Path, make: bool) -> std::io::Result<PathBuf> {
    for count in 0..TRIES {
        if make {
            // Another run that ends may just have removed it.
            fs::create_dir_all(place)?;
        }
        let folder = place.join(format!("rollback-git-{}-{count}", std::process::id()));
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) if make && error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_temporary_folder_it_works_in_the_workspace_and_leaves_nothing_there() {
        let scratch = testbed::scratch::Scratch::new("work");
        let [_, workspace] = Work::places(scratch.path());
        let places = [scratch.join("no-tmp"), workspace.clone()];
        let (first, second) = (
            Work::create(&places).unwrap(),
            Work::create(&places).unwrap(),
        );
        assert!(first.folder().starts_with(&workspace) && first.folder() != second.folder());
        drop((first, second));
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
        let wrong = Work::create(&[scratch.join("no-tmp")]).unwrap_err();
        assert!(
            wrong.to_string().contains("no-tmp: No such file"),
            "{wrong}"
        );
    }

    #[test]
    fn the_pack_without_objects_is_one_that_git_takes() {
        let scratch = testbed::scratch::Scratch::new("pack");
        let work = Work::create(&[scratch.path().to_owned()]).unwrap();
        let built = {
            let mut bytes = Buf::new();
            let mut builder = work.repo.packbuilder().unwrap();
            builder.write_buf(&mut bytes).unwrap();
            bytes.to_vec()
        };
        assert_eq!(work.pack(&[]).unwrap(), built);
    }
}
