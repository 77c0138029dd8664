//! The images for arm64, run by an emulator.

use testbed::postgres::Postgres;

use crate::container::{PLUGINS, Step, workspace};
use crate::health::service;

#[test]
#[ignore = "needs the built images: .ci/images"]
fn every_plugin_starts() {
    let workspace = workspace(0o755);
    for plugin in PLUGINS {
        let ended = Step::new(plugin, &workspace)
            .on("arm64", plugin)
            .argument("--version")
            .run();
        let version = format!("{plugin} {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!((ended.code, ended.log), (Some(0), version));
    }
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn a_gate_checks_a_service_and_writes_what_it_saw() {
    let postgres = Postgres::shared();
    let name = postgres.fresh_database();
    let service = service(200, r#"{"status":"healthy","error_rate":1.5}"#);
    let workspace = workspace(0o777);
    let step = Step::new("plugin-health", &workspace)
        .on("arm64", "plugin-health")
        .set("endpoint", &service.url("/health"))
        .set("database_url", &postgres.url(&name));
    step.run().with(0);
    let rows = "SELECT health_status, error_rate FROM health_checks";
    assert_eq!(postgres.sql(&name, rows), "healthy|1.50");
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn the_base_is_of_the_same_architecture() {
    let workspace = workspace(0o755);
    for plugin in ["plugin-progressive", "plugin-rollback"] {
        let step = Step::new(plugin, &workspace).on("arm64", plugin);
        let shown = step.program("/bin/uname").argument("-m").run();
        assert_eq!(shown.with(0).log, "aarch64\n", "{plugin}");
    }
}
