//! The steps that the plugin's page shows, read from the page itself.

use anyhow::Context;

/// What teams read.
const PAGE: &str = include_str!("../../../../plugins/rollback/docs.md");

/// A step of a pipeline, as far as the page's steps go.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) image: String,
    /// `settings:`; a value from a secret is the secret's name.
    pub(super) settings: Vec<(String, String)>,
    pub(super) commands: Vec<String>,
    /// Whether it runs after a failure, and then only.
    pub(super) is_after_failure: bool,
}

/// The steps of the first pipeline under a heading.
pub(super) fn steps(heading: &str) -> anyhow::Result<Vec<Shown>> {
    let block = PAGE
        .split_once(&format!("### {heading}\n"))
        .and_then(|(_, section)| section.split_once("```yaml\n"))
        .and_then(|(_, block)| block.split_once("```"))
        .map(|(block, _)| block);
    let block = block.with_context(|| format!("the page shows no pipeline under {heading}"))?;
    let mut steps: Vec<Shown> = Vec::new();
    let mut section = "";
    for line in block.lines().filter(|line| !line.is_empty()) {
        let depth = line.len() - line.trim_start().len();
        let text = line.trim();
        if let (2, Some(name)) = (depth, text.strip_prefix("- name: ")) {
            steps.push(Shown {
                name: name.to_owned(),
                ..Shown::default()
            });
            continue;
        }
        let Some(step) = steps.last_mut() else {
            continue;
        };
        match (depth, text.split_once(':')) {
            (4, Some(("image", image))) => {
                let image = image.trim().split(':').next();
                image.unwrap_or_default().clone_into(&mut step.image);
            }
            (4, Some((name, _))) => section = name,
            (6, Some((name, value))) if section == "settings" => {
                let pair = (name.to_owned(), value.trim().to_owned());
                step.settings.push(pair);
            }
            // The value of the setting before it.
            (8, Some(("from_secret", secret))) if section == "settings" => {
                if let Some((_, value)) = step.settings.last_mut() {
                    secret.trim().clone_into(value);
                }
            }
            (6, _) if section == "commands" => {
                let command = text.trim_start_matches("- ").to_owned();
                step.commands.push(command);
            }
            (6, _) if section == "when" && text == "- status: failure" => {
                step.is_after_failure = true;
            }
            _ => anyhow::bail!("the demo does not understand this line of the page: {line}"),
        }
    }
    Ok(steps)
}
