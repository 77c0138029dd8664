//! The command line, made from the catalog.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::settings::catalog::{self, Plugin, Setting};

/// The command of a plugin, with a flag for each of its settings.
pub fn command(plugin: Plugin, version: &'static str, about: &'static str) -> Command {
    Command::new(plugin.name())
        .version(version)
        .about(about)
        .after_help(
            "Every flag is also a setting of the same name (PLUGIN_*). A flag beats the setting, the setting beats \
             the variables in brackets, those beat the policy file.",
        )
        .args(catalog::of(plugin).map(flag))
}

/// The flags that were given, by name.
pub fn given(plugin: Plugin, matches: &ArgMatches) -> BTreeMap<String, String> {
    catalog::of(plugin)
        .filter_map(|setting| {
            let value = matches.get_one::<String>(setting.name)?;
            Some((setting.flag(), value.clone()))
        })
        .collect()
}

/// Reads a command line.
///
/// # Errors
/// When a flag is unknown or lacks its value; also for `--help` and `--version`, as clap does it.
pub fn parse(
    mut command: Command,
    plugin: Plugin,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<BTreeMap<String, String>, clap::Error> {
    match command.try_get_matches_from_mut(arguments) {
        Ok(matches) => Ok(given(plugin, &matches)),
        Err(error) if is_stray(&error) => Err(command.error(
            ErrorKind::UnknownArgument,
            "unexpected argument that is no flag (not shown: it may be a secret); a flag's value follows it as in \
             --endpoint=https://shop.example/health",
        )),
        Err(error) => Err(error),
    }
}

/// Whether a value stands where a flag is expected. It may be the password that lost its flag: clap would show it.
fn is_stray(error: &clap::Error) -> bool {
    let argument = error.get(ContextKind::InvalidArg);
    matches!(argument, Some(ContextValue::String(text)) if !text.starts_with('-'))
}

fn flag(setting: &Setting) -> Arg {
    let mut sources = vec![setting.variable()];
    sources.extend(
        setting
            .plain
            .iter()
            .chain(setting.ci)
            .map(|name| (*name).to_owned()),
    );
    let mut help = format!("{} [{}]", setting.help.replace('`', ""), sources.join(", "));
    if !setting.policy.is_empty() {
        help = format!("{help} [policy: {}]", setting.policy);
    }
    if !setting.default.is_empty() {
        help = format!("{help} [default: {}]", setting.default.replace('`', ""));
    }
    let arg = Arg::new(setting.name)
        .long(setting.flag())
        .value_name("VALUE")
        .help(help)
        .action(ArgAction::Set);
    if setting.switch {
        arg.num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
    } else {
        arg.num_args(1).allow_hyphen_values(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_originals_flags_work_as_they_did() {
        let line =
            "plugin-health --endpoint http://a/ --wait --max-wait 60 --deployment-id d1 --verbose";
        let command = command(Plugin::Health, "0", "x");
        let flags = parse(command, Plugin::Health, line.split(' ').map(OsString::from)).unwrap();
        assert_eq!(flags["endpoint"], "http://a/");
        assert_eq!(
            (flags["wait"].as_str(), flags["verbose"].as_str()),
            ("true", "true")
        );
        assert_eq!(
            (flags["max-wait"].as_str(), flags["deployment-id"].as_str()),
            ("60", "d1")
        );
    }

    #[test]
    fn every_plugins_command_is_sound() {
        for plugin in [Plugin::Health, Plugin::Progressive, Plugin::Rollback] {
            command(plugin, "0", "x").debug_assert();
        }
    }
}
