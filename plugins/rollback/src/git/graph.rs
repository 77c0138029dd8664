//! Walking commits whose oldest may be missing, as they are after a fetch of limited depth.

use std::collections::HashSet;

use git2::{Oid, Repository};

/// A commit and all it came from, as far as that is here.
pub(super) struct Past {
    pub(super) ids: HashSet<Oid>,
    /// Whether nothing is missing.
    pub(super) whole: bool,
}

/// Everything that a commit came from, and the commit itself.
pub(super) fn past(repo: &Repository, from: Oid) -> Past {
    let mut past = Past {
        ids: HashSet::new(),
        whole: true,
    };
    let mut open = vec![from];
    while let Some(id) = open.pop() {
        if past.ids.contains(&id) {
            continue;
        }
        let Ok(commit) = repo.find_commit(id) else {
            past.whole = false;
            continue;
        };
        past.ids.insert(id);
        open.extend(commit.parent_ids());
    }
    past
}

/// Whether what is here is enough to say how the three commits of one line belong together: `good` before `bad` before
/// `head`, and no gap in what came after `bad`. In doubt it is not enough.
pub(super) fn is_enough(repo: &Repository, head: Oid, bad: Oid, good: Oid) -> bool {
    let (all, before) = (past(repo, head), past(repo, bad));
    if all.whole {
        return all.ids.contains(&bad) && all.ids.contains(&good);
    }
    let gap = all.ids.difference(&before.ids).any(|id| {
        let parents = repo.find_commit(*id);
        parents.is_ok_and(|commit| commit.parent_ids().any(|parent| !all.ids.contains(&parent)))
    });
    all.ids.contains(&bad) && before.ids.contains(&good) && !gap
}
