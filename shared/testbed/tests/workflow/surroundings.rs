//! What a step finds: its variables, its secrets, and nothing of the process that runs it.

use testbed::woodpecker::Secret;

use crate::Pipeline;

/// A workflow of one step that says its environment.
fn env(more: &str) -> String {
    format!("when: {{event: push}}\nsteps: [{{name: a b, image: alpine, commands: [env]{more}}}]")
}

#[test]
fn a_step_knows_what_it_is_told_and_nothing_else() {
    let pipeline = Pipeline::new()
        .with("CI_COMMIT_TAG", "")
        .with("GIVEN", "x y");
    let log = pipeline.log(&env(", environment: {OWN: 1.20, LIST: [a, b]}"));
    let mut names: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    names.sort_unstable();
    // PWD, SHLVL and _ are the shell's own.
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    let wanted = [
        "CI",
        "CI_COMMIT_BRANCH",
        "CI_PIPELINE_EVENT",
        "CI_PIPELINE_STATUS",
        "CI_STEP_NAME",
        "CI_STEP_TYPE",
        "CI_WORKSPACE",
        "GIVEN",
        "LIST",
        "NO_COLOR",
        "OWN",
        "PATH",
    ];
    assert_eq!(names, wanted);
    for line in [
        "CI=woodpecker",
        "GIVEN=x y",
        "OWN=1.2",
        "LIST=a,b",
        "CI_STEP_NAME=a b",
    ] {
        assert!(log.lines().any(|one| one == line), "{line}: {log}");
    }
}

#[test]
fn what_the_yaml_says_is_not_for_whoever_starts_the_pipeline_to_say() {
    let pipeline = Pipeline::new()
        .with("OWN", "theirs")
        .with("OTHER", "theirs");
    let log = pipeline.log(&env(", environment: {OWN: ours}"));
    assert!(
        log.contains("OWN=ours\n") && log.contains("OTHER=theirs\n"),
        "{log}"
    );
    let text = "when: {event: push}\nsteps: [{name: a, image: plugin-health:0.1.0, \
                settings: {endpoint: 'tcp://127.0.0.1:1', timeout: 50ms, retries: 0}}]";
    let pipeline = Pipeline::new().with("PLUGIN_ENDPOINT", "nonsense");
    let pipeline = pipeline.with("PLUGIN_ON_FAILURE", "warn");
    let log = pipeline.log(text);
    assert!(
        log.contains("tcp://127.0.0.1:1") && !log.contains("nonsense"),
        "{log}"
    );
}

#[test]
fn variables_anchors_merges_and_aliases_are_put_in_their_places() {
    let text = "\
when: &on {event: push}
variables:
  - &base {image: alpine, when: *on}
  - &words {A: one, B: '${CI_COMMIT_BRANCH}'}
steps:
  - <<: *base
    name: first
    environment: {<<: *words, B: own, C: '$${B}'}
    commands: ['echo $A $B $C ${CI_COMMIT_BRANCH}']
  - <<: [*base, {failure: ignore}]
    name: second
    environment: *words
    commands: ['echo $A $B']
";
    let ran = Pipeline::new().run(text);
    let logs: Vec<&str> = ran.iter().map(|step| step.log.as_str()).collect();
    assert_eq!(logs, ["one own ${B} main\n", "one main\n"]);
}

#[test]
fn a_message_of_several_lines_does_not_break_the_workflow() {
    let pipeline = Pipeline::new().with("CI_COMMIT_MESSAGE", "one: \"two\"\nthree");
    let log = pipeline.log(
        "when: {event: push}\nsteps:\n  - name: a\n    image: b\n    \
         environment:\n      SAID: ${CI_COMMIT_MESSAGE}\n    commands: ['echo \"$SAID\"']",
    );
    assert_eq!(log, "one: \"two\"\nthree\n");
}

#[test]
fn a_secret_is_taken_in_whichever_case_it_is_written() {
    let pipeline = Pipeline::new().secrets([("token", "s3cret")]);
    let log = pipeline.log(&env(", environment: {T: {from_secret: TOKEN}}"));
    assert!(log.contains("T=s3cret\n"), "{log}");
}

#[test]
#[should_panic(expected = "secret \\\"token\\\" not found")]
fn without_its_secret_a_workflow_does_not_run() {
    Pipeline::new().run(&env(", environment: {T: {from_secret: token}}"));
}

#[test]
#[should_panic(expected = "secret \\\"token\\\" not found")]
fn a_secret_that_is_limited_to_an_image_is_not_for_commands() {
    let mut pipeline = Pipeline::new();
    let secret = Secret::from("s3cret").limited_to(&["alpine"]);
    pipeline.agent.secrets.insert("token".to_owned(), secret);
    pipeline.run(&env(", environment: {T: {from_secret: token}}"));
}

#[test]
fn a_volume_is_there_for_a_repository_that_is_trusted_with_it() {
    let mut pipeline = Pipeline::new();
    pipeline.agent.is_trusted = true;
    let log = pipeline.log(&env(", volumes: ['/tmp:/tmp']"));
    assert!(log.contains("CI_STEP_TYPE=commands\n"), "{log}");
}

#[test]
#[should_panic(expected = "the repository is not trusted with `volumes`")]
fn without_that_trust_a_workflow_with_volumes_does_not_run() {
    Pipeline::new().run(&env(", volumes: ['/tmp:/tmp']"));
}

#[test]
#[should_panic(expected = "/nowhere/at/all is not there to be mounted")]
fn a_folder_that_is_not_there_is_not_mounted() {
    let mut pipeline = Pipeline::new();
    pipeline.agent.is_trusted = true;
    pipeline.run(&env(", volumes: ['/nowhere/at/all:/nowhere/at/all']"));
}

#[test]
fn commands_in_a_plugins_image_are_no_plugin() {
    let pipeline = Pipeline::new();
    let log = pipeline.log(
        "when: {event: push}\nsteps: [{name: a, image: 'plugin-rollback:0.1.0', commands: ['echo $CI_STEP_TYPE']}]",
    );
    assert_eq!(log, "commands\n");
}

#[test]
#[should_panic(expected = "secret \\\"token\\\" not found")]
fn a_secret_that_is_limited_to_a_plugins_image_is_not_for_commands_in_that_image() {
    let mut pipeline = Pipeline::new();
    let secret = Secret::from("s3cret").limited_to(&["plugin-rollback"]);
    pipeline.agent.secrets.insert("token".to_owned(), secret);
    let text = env(", environment: {T: {from_secret: token}}");
    pipeline.run(&text.replace("image: alpine", "image: 'plugin-rollback:0.1.0'"));
}
