//! The settings table of each `docs.md` is what the catalog says.

use shared::settings::catalog::{self, Plugin};

use crate::files::read;

fn table(plugin: Plugin) -> String {
    let mut table = String::from("| Settings name | Default | Description |\n|---|---|---|\n");
    for setting in catalog::of(plugin) {
        let mut help = setting.help.to_owned();
        let fallbacks: Vec<String> = setting
            .plain
            .iter()
            .chain(setting.ci)
            .map(|name| format!("`{name}`"))
            .collect();
        if !fallbacks.is_empty() {
            help = format!("{help}. Falls back to {}", fallbacks.join(", "));
        }
        if !setting.policy.is_empty() {
            help = format!("{help}. Policy: `{}`", setting.policy);
        }
        let default = if setting.default.is_empty() {
            "*none*"
        } else {
            setting.default
        };
        table.extend([format!(
            "| `{}` | {default} | {help} |
",
            setting.name
        )]);
    }
    table
}

#[test]
fn every_plugins_table_is_the_catalogs() {
    for (plugin, path) in [
        (Plugin::Health, "plugins/health/docs.md"),
        (Plugin::Progressive, "plugins/progressive/docs.md"),
        (Plugin::Rollback, "plugins/rollback/docs.md"),
    ] {
        let (wanted, docs) = (table(plugin), read(path));
        assert!(
            docs.starts_with("---\nname: "),
            "{path} begins with Woodpecker's front matter"
        );
        assert!(
            docs.contains(&wanted),
            "the settings table in {path} should be:\n{wanted}"
        );
    }
}
