//! A secret of a repository, and where it may be used.

/// A secret; without a filter it may be used anywhere.
#[derive(Debug, Clone, Default)]
pub struct Secret {
    /// What is kept.
    pub value: String,
    /// The only images that get it: with a tag exactly these, without one in every version.
    pub images: Vec<String>,
    /// The only events in whose pipelines it is there.
    pub events: Vec<String>,
}

impl Secret {
    /// The same, for these images only.
    #[must_use]
    pub fn limited_to(mut self, images: &[&str]) -> Self {
        self.images = images.iter().map(|&image| image.to_owned()).collect();
        self
    }

    /// The same, for these events only.
    #[must_use]
    pub fn in_events(mut self, events: &[&str]) -> Self {
        self.events = events.iter().map(|&event| event.to_owned()).collect();
        self
    }

    /// Whether a step gets it. One with `commands:` never gets a secret that is limited to images: anybody who may
    /// write a command could print it.
    #[must_use]
    pub fn is_for(&self, image: &str, is_plugin: bool, event: &str) -> bool {
        let fits = |filter: &String| match name_of(filter) {
            name if name == filter => name == name_of(image),
            _ => filter == image,
        };
        let image_fits = self.images.is_empty() || (is_plugin && self.images.iter().any(fits));
        image_fits && (self.events.is_empty() || self.events.iter().any(|one| one == event))
    }
}

impl<T: Into<String>> From<T> for Secret {
    fn from(value: T) -> Self {
        Self {
            value: value.into(),
            ..Self::default()
        }
    }
}

/// An image without its tag; a colon before the last slash is a port's.
pub(crate) fn name_of(image: &str) -> &str {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_limited_to_images_is_for_these_plugins_only() {
        let secret = Secret::from("x").limited_to(&["plugin-health:0.1.0", "git.example:1/tool"]);
        assert!(secret.is_for("plugin-health:0.1.0", true, "push"));
        assert!(!secret.is_for("plugin-health:0.2.0", true, "push"));
        assert!(secret.is_for("git.example:1/tool:3", true, "push"));
        assert!(!secret.is_for("git.example:1/other", true, "push"));
        assert!(!secret.is_for("plugin-health:0.1.0", false, "push"));
    }

    #[test]
    fn a_secret_limited_to_events_is_there_in_these_only() {
        let secret = Secret::from("x").in_events(&["deployment"]);
        assert!(secret.is_for("alpine:3.20", false, "deployment"));
        assert!(!secret.is_for("alpine:3.20", false, "pull_request"));
    }
}
