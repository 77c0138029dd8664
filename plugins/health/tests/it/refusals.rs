//! Bad input: every problem at once, by name, before anything is touched.

use crate::step::{Pipeline, service};

#[test]
fn two_mistakes_are_both_named_with_a_suggestion_and_no_request_is_sent() {
    let service = service(&["{}"]);
    let url = service.url("/");
    let ended = Pipeline::new()
        .var("HEALTH_ENDPOINT", &url)
        .run(&[("threshold_error_rate", "abc"), ("endpiont", "x")])
        .with(2)
        .saying("PLUGIN_THRESHOLD_ERROR_RATE: found \"abc\", expected a percentage from 0 to 100, such as 5 or 5%")
        .saying("PLUGIN_ENDPIONT: expected a setting of plugin-health; did you mean endpoint?");
    assert!(
        ended
            .verdict()
            .starts_with("REFUSED (exit 2): 2 problems in the settings"),
        "{}",
        ended.log
    );
    assert!(service.requests().is_empty());
}

#[test]
fn with_nothing_set_the_missing_endpoint_is_named() {
    Pipeline::new()
        .run(&[])
        .with(2)
        .saying("endpoint: expected an address to probe");
}

#[test]
fn a_secret_is_never_echoed() {
    Pipeline::new()
        .run(&[
            ("endpoint", "ftp://bob:hunter2222@x"),
            ("database_url", "postgres://bob:hunter2222@[bad"),
        ])
        .with(2)
        .saying("PLUGIN_ENDPOINT: expected an address")
        .saying("PLUGIN_DATABASE_URL: expected")
        .not_saying("hunter2222");
}

#[test]
fn no_setting_that_can_hold_a_secret_is_echoed_when_it_is_wrong() {
    let secrets: Vec<&str> = shared::settings::catalog::CATALOG
        .iter()
        .filter(|setting| setting.secret)
        .map(|setting| setting.name)
        .collect();
    assert!(secrets.contains(&"smtp_password") && secrets.contains(&"headers"));
    let mut settings: Vec<(&str, &str)> =
        secrets.iter().map(|name| (*name, "hunter2222")).collect();
    settings.extend([("databse_url", "hunter2222"), ("interval", "soon")]);
    let ended = Pipeline::new().run(&settings).with(2);
    ended
        .saying("PLUGIN_ENDPOINT: expected")
        .saying("PLUGIN_HEADERS: expected")
        .saying("PLUGIN_SMTP_PASSWORD: expected")
        .saying("PLUGIN_DATABSE_URL: expected")
        .saying("found \"soon\"")
        .not_saying("hunter2222");
    // As flags, too.
    let flags = secrets
        .iter()
        .filter_map(|name| shared::settings::catalog::find(name))
        .filter(|setting| setting.plugins.contains(&plugin_health::settings::PLUGIN));
    let pipeline = Pipeline::new();
    let mut step = pipeline.step(&[]);
    for setting in flags {
        step = step.flag(&format!("--{}=hunter2222", setting.flag()));
    }
    step.run().with(2).not_saying("hunter2222");
    let misspelt = pipeline.step(&[]).flag("--databse-url=hunter2222");
    misspelt.run().with(2).not_saying("hunter2222");
    let apart = pipeline.step(&[]).flag("--databse-url").flag("hunter2222");
    apart.run().with(2).not_saying("hunter2222");
    let stray = pipeline.step(&[]).flag("postgres://bob:hunter2222@db/x");
    stray.run().with(2).not_saying("hunter2222");
}

#[test]
fn an_unknown_flag_is_refused_with_a_suggestion() {
    Pipeline::new()
        .step(&[])
        .flag("--endpiont=x")
        .run()
        .with(2)
        .saying("--endpoint")
        .saying("REFUSED (exit 2)");
}

#[test]
fn help_and_version_speak_of_every_setting() {
    let help = Pipeline::new().step(&[]).flag("--help").run().with(0);
    help.saying("--consecutive-failures")
        .saying("PLUGIN_ENDPOINT, HEALTH_ENDPOINT")
        .saying("default: 30s");
    let help = Pipeline::new().step(&[]).flag("--help").run();
    let listed: Vec<&str> = help
        .log
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--"))
        .filter_map(|line| line.split([' ', '[', '=']).next())
        .collect();
    for setting in shared::settings::catalog::of(plugin_health::settings::PLUGIN) {
        assert!(
            listed.contains(&setting.flag().as_str()),
            "{}",
            setting.name
        );
        assert!(help.log.contains(&setting.variable()), "{}", setting.name);
    }
    let version = Pipeline::new().step(&[]).flag("--version").run().with(0);
    assert_eq!(
        version.log.trim(),
        concat!("plugin-health ", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn flags_beat_settings_as_in_the_original() {
    let service = service(&["{}"]);
    let url = service.url("/");
    let pipeline = Pipeline::new();
    let step = pipeline.step(&[("endpoint", "http://127.0.0.1:1/")]);
    let step = step.flag("--endpoint").flag(&url).flag("--verbose");
    step.run().with(0).saying("probe http");
}

#[test]
fn a_policy_with_mistakes_is_refused_with_their_places() {
    let pipeline = Pipeline::new();
    pipeline.write(
        "deployment-policy.yaml",
        "rollback_thresholds:\n  error_rate: 105\nhealth_cheks: {}\n",
    );
    let ended = pipeline.run(&[("endpoint", "http://127.0.0.1:1/")]).with(2);
    ended
        .saying("rollback_thresholds.error_rate")
        .saying("health_checks");
    pipeline.write("deployment-policy.yaml", "rollback_thresholds: [\n");
    pipeline
        .run(&[("endpoint", "http://127.0.0.1:1/")])
        .with(2)
        .saying("line 2");
    pipeline
        .run(&[("endpoint", "http://127.0.0.1:1/"), ("policy", "no.yaml")])
        .with(2)
        .saying("PLUGIN_POLICY");
}

#[test]
fn a_variable_that_is_not_text_is_named_and_a_strange_commit_message_is_nobodys_business() {
    use std::os::unix::ffi::OsStrExt;
    let broken = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    let service = service(&["{}"]);
    let run = |name: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_plugin-health"));
        command
            .env_clear()
            .env("HEALTH_ENDPOINT", service.url("/"))
            .env(name, broken);
        command
            .current_dir(std::env::temp_dir())
            .env("PLUGIN_DRY_RUN", "true");
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, log) = run("PLUGIN_REPO");
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("PLUGIN_REPO: expected text in UTF-8"), "{log}");
    assert_eq!(run("CI_COMMIT_MESSAGE").0, Some(0));
}

#[test]
fn what_can_never_pass_is_refused() {
    let pipeline = Pipeline::new();
    pipeline
        .run(&[
            ("endpoint", "http://127.0.0.1:1/"),
            ("method", "HEAD"),
            ("expect_version", "1.2.3"),
        ])
        .with(2)
        .saying("PLUGIN_METHOD: found \"HEAD\", expected GET, POST or OPTIONS");
    pipeline
        .run(&[("endpoint", "tcp://127.0.0.1:1"), ("max_age", "5m")])
        .with(2)
        .saying("PLUGIN_MAX_AGE");
    pipeline
        .run(&[
            ("endpoint", "http://127.0.0.1:1/"),
            ("smtp_server", "mail.example"),
            ("email_from", "a@shop.example"),
            ("email_to", ","),
        ])
        .with(2)
        .saying("PLUGIN_EMAIL_TO: found \",\", expected at least one address");
}

#[test]
fn the_policys_required_fields_do_not_stand_in_the_way_of_a_port() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let pipeline = Pipeline::new();
    pipeline.write(
        "deployment-policy.yaml",
        "health_checks: {required_fields: [status]}\n",
    );
    pipeline.run(&[("endpoint", &address)]).with(0);
    pipeline
        .run(&[("endpoint", &address), ("required_fields", "status")])
        .with(2)
        .saying("PLUGIN_REQUIRED_FIELDS");
}
