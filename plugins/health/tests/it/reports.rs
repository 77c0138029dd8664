//! The report file, in each of its forms.

use crate::step::{Pipeline, service};

#[test]
fn the_report_says_what_the_log_says() {
    let service = service(&[r#"{"error_rate": 7}"#; 9]);
    let url = service.url("/");
    let pipeline = Pipeline::new();
    for name in ["out/report.html", "report.md", "report.json"] {
        let settings = [
            ("endpoint", url.as_str()),
            ("interval", "100ms"),
            ("report_file", name),
        ];
        pipeline.run(&settings).with(1).saying("report written to");
        let text = std::fs::read_to_string(pipeline.workspace.join(name)).unwrap();
        for part in [
            "error rate 7 %",
            "acme-shop-production-8",
            "https://ci.example/repos/7/pipeline/8",
        ] {
            assert!(
                text.contains(part) || text.replace("&gt;", ">").contains(part),
                "{part} is not in {name}:\n{text}"
            );
        }
    }
    let json = std::fs::read_to_string(pipeline.workspace.join("report.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["report"]["outcome"], "failure");
    assert_eq!(json["report"]["verdict"], "(exit 1)");
    assert_eq!(
        json["report"]["charts"][0]["points"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[test]
fn a_report_that_cannot_be_written_fails_no_step() {
    let service = service(&["{}"]);
    let url = service.url("/");
    let pipeline = Pipeline::new();
    pipeline.write("file", "");
    pipeline
        .run(&[("endpoint", &url), ("report_file", "file/report.md")])
        .with(0)
        .saying("could not be written");
    pipeline
        .run(&[("endpoint", &url), ("report_file", "report.pdf")])
        .with(2)
        .saying("PLUGIN_REPORT_FILE");
}

#[test]
fn a_window_is_drawn_in_the_log() {
    let service = service(&[r#"{"error_rate": 2}"#; 9]);
    let url = service.url("/");
    let settings = [
        ("endpoint", url.as_str()),
        ("watch", "1s"),
        ("interval", "300ms"),
        ("initial_delay", "0"),
    ];
    let ended = Pipeline::new().run(&settings).with(0);
    assert!(
        ended
            .log
            .lines()
            .any(|line| line.starts_with("error rate") && line.contains('▂')),
        "{}",
        ended.log
    );
}
