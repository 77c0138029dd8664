//! A deployment script: what it is told, what it sees, and how it ends.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use shared::hook::{Action, Call, Facts};
use shared::script::{Leash, Outcome, Script};
use shared::secret::Secret;
use shared::signal::Cancel;
use shared::split::Share;
use shared::traffic::{Fault, Scripted, TrafficManager};
use testbed::scratch::Scratch;

use crate::share;

/// Long enough for every script here; those that hang have one of their own.
const LIMIT: Duration = Duration::from_secs(30);

fn script(name: &str, workspace: &Scratch) -> Script {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traffic/scripts");
    Script {
        path: folder.join(name),
        workspace: workspace.path().to_owned(),
        variables: vec![
            ("PATH".into(), "/usr/bin:/bin".into()),
            ("CI_REPO".into(), "acme/shop".into()),
            (
                "PLUGIN_DATABASE_URL".into(),
                "postgres://u:own-secret@h/d".into(),
            ),
        ],
        script_env: vec![("CLOUD_TOKEN".into(), Secret::new("for-the-script"))],
        facts: Facts {
            id: "d1".into(),
            commit: "abc123".into(),
            environment: "staging".into(),
            pool: Some("green".into()),
            previous_commit: None,
        },
        limit: LIMIT,
        grace: Duration::from_millis(100),
    }
}

fn manager(name: &str, workspace: &Scratch) -> Scripted {
    Scripted {
        script: script(name, workspace),
        cancel: Cancel::default(),
        verify: Duration::ZERO,
    }
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_script_moves_traffic_and_puts_it_back() {
    let workspace = Scratch::new("script-split");
    std::fs::write(workspace.join("share"), "0\n").unwrap();
    let manager = manager("split.sh", &workspace);
    assert!(manager.preflight().unwrap().notes[0].ends_with("get-traffic says 0 %"));
    let before = manager.read().unwrap().snapshot;
    let call = Call {
        stage: 2,
        attempt: 3,
    };
    manager.set(share(25), call).unwrap();
    assert_eq!(manager.read().unwrap().share, Some(share(25)));
    // What puts traffic back runs in a cancelled run too.
    manager.cancel.cancel();
    let error = manager.set(share(50), Call::FIRST).unwrap_err();
    assert_eq!(error.faults[0].1, Fault::Cancelled);
    manager.restore(&before, Call::FIRST).unwrap();
    assert_eq!(manager.read().unwrap().share, Some(Share::NONE));
    let calls = read(workspace.join("calls"));
    assert!(
        calls.starts_with("update-traffic 25 2 attempt 3 stage 2\n"),
        "{calls}"
    );
    assert!(
        calls.ends_with("update-traffic 0 0 attempt 1 stage 0\n"),
        "{calls}"
    );
    assert_eq!(manager.observe(), Ok(None));
}

#[test]
fn what_a_script_says_it_did_is_read_back() {
    let workspace = Scratch::new("script-stubborn");
    std::fs::write(workspace.join("share"), "0\n").unwrap();
    std::fs::write(workspace.join("stubborn"), "").unwrap();
    let error = manager("split.sh", &workspace)
        .set(share(25), Call::FIRST)
        .unwrap_err();
    let (wanted, found) = ("25 %".into(), "0 %".into());
    assert_eq!(error.faults[0].1, Fault::NotTaken { wanted, found });
}

#[test]
fn a_script_sees_what_is_meant_for_it_and_nothing_else() {
    let workspace = Scratch::new("script-environment");
    let script = script("environment.sh", &workspace);
    let ran = script.run(Action::Deploy, Call::FIRST, None);
    assert_eq!(ran.outcome, Outcome::Applied);
    let seen = read(workspace.join("seen"));
    let mut names: Vec<_> = seen
        .lines()
        .map(|line| line.split('=').next().unwrap())
        // The shell's own.
        .filter(|name| !["PWD", "SHLVL", "OLDPWD", "_"].contains(name))
        .collect();
    names.sort_unstable();
    let expected = [
        "CI_REPO",
        "CLOUD_TOKEN",
        "DEPLOYMENT_ATTEMPT",
        "DEPLOYMENT_COMMIT",
        "DEPLOYMENT_ENVIRONMENT",
        "DEPLOYMENT_ID",
        "DEPLOYMENT_POOL",
        "DEPLOYMENT_STAGE",
        "PATH",
    ];
    assert_eq!(names, expected);
    assert!(seen.contains("CLOUD_TOKEN=for-the-script\n") && !seen.contains("own-secret"));
    let shown = format!("{script:?}");
    assert!(!shown.contains("for-the-script"), "{shown}");
    let place = workspace.path().canonicalize().unwrap();
    assert_eq!(Path::new(read(workspace.join("where")).trim()), place);
}

#[test]
fn every_end_has_its_name() {
    let workspace = Scratch::new("script-ends");
    let run = |name, action| script(name, &workspace).run(action, Call::FIRST, None);
    assert_eq!(run("split.sh", Action::Deploy).outcome, Outcome::Applied);
    assert_eq!(run("split.sh", Action::Promote).outcome, Outcome::Usage);
    let failed = run("failing.sh", Action::Rollback);
    assert_eq!(failed.outcome, Outcome::Failed("exit 3".into()));
    let mut said: Vec<_> = failed.output.into_iter().map(|line| line.text).collect();
    said.sort();
    assert_eq!(said, ["giving up", "the balancer says no"]);
    for (name, words) in [
        ("none.sh", "none.sh in the workspace"),
        ("orphan.sh", "what its first line names is not"),
        ("not-executable.sh", "is not executable: chmod +x it"),
    ] {
        let Outcome::NotStarted(why) = run(name, Action::Deploy).outcome else {
            panic!("{name} was started");
        };
        assert!(why.contains(words), "{why}");
    }
}

#[test]
fn a_relative_path_starts_at_the_workspace() {
    let workspace = Scratch::new("script-relative");
    let absolute = script("split.sh", &workspace).path;
    std::os::unix::fs::symlink(absolute, workspace.join("deploy.sh")).unwrap();
    let mut script = script("split.sh", &workspace);
    script.path = "deploy.sh".into();
    let ran = script.run(Action::Deploy, Call::FIRST, None);
    assert_eq!(ran.outcome, Outcome::Applied);
}

#[test]
fn a_script_beyond_its_limit_is_ended_with_all_that_it_started() {
    let workspace = Scratch::new("script-hangs");
    let mut script = script("hanging.sh", &workspace);
    script.limit = Duration::from_millis(300);
    let ran = script.run(Action::UpdateTraffic(share(10)), Call::FIRST, None);
    assert_eq!(ran.outcome, Outcome::TimedOut);
    assert_eq!(ran.output[0].text, "hanging");
    for name in ["grandchild", "great-grandchild"] {
        wait_until_gone(read(workspace.join(name)).trim());
    }
}

#[test]
fn a_move_beyond_its_limit_may_have_been_made() {
    let workspace = Scratch::new("script-sleeps");
    let mut manager = manager("sleeping.sh", &workspace);
    manager.script.limit = Duration::from_millis(300);
    let error = manager.set(share(10), Call::FIRST).unwrap_err();
    assert!(error.is_open());
    assert!(
        error
            .to_string()
            .ends_with("timed out after 300ms while running update-traffic"),
        "{error}"
    );
}

#[test]
fn a_cancelled_run_ends_what_goes_forward() {
    let workspace = Scratch::new("script-cancelled");
    let cancel = Cancel::default();
    let (script, told) = (script("hanging.sh", &workspace), cancel.clone());
    let started = workspace.join("great-grandchild");
    let waiting = std::thread::spawn(move || {
        // The file is there before it is written.
        while std::fs::read_to_string(&started).map_or(true, |text| text.is_empty()) {
            std::thread::yield_now();
        }
        told.cancel();
    });
    let ran = script.run(Action::Deploy, Call::FIRST, Some(&cancel));
    waiting.join().unwrap();
    assert_eq!(ran.outcome, Outcome::Cancelled);
    wait_until_gone(read(workspace.join("great-grandchild")).trim());
}

#[test]
fn what_a_script_leaves_running_is_not_waited_for() {
    let workspace = Scratch::new("script-leaves");
    let ran = script("leaving.sh", &workspace).run(Action::Deploy, Call::FIRST, None);
    assert_eq!(ran.outcome, Outcome::Applied);
    assert_eq!(ran.output[0].text, "ended");
    let left = read(workspace.join("left"));
    assert!(is_alive(left.trim()));
    let left = Pid::from_raw(left.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(left, Signal::KILL).unwrap();
}

#[test]
fn a_share_that_is_none_is_refused_before_anything_moves() {
    let workspace = Scratch::new("script-odd");
    let error = manager("odd.sh", &workspace).preflight().unwrap_err();
    assert!(
        matches!(error.faults[0].1, Fault::Garbage { .. }),
        "{error}"
    );
    let error = manager("failing.sh", &workspace).preflight().unwrap_err();
    let said = error.to_string();
    assert!(said.contains("get-traffic failed with exit 3: "), "{said}");
    assert!(said.contains("the balancer says no"), "{said}");
}

fn is_alive(process: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
    // One that has ended and was not asked after yet is a zombie.
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim().starts_with('Z'))
}

fn wait_until_gone(process: &str) {
    let wait = Cancel::default();
    for _ in 0..500 {
        if !is_alive(process) {
            return;
        }
        wait.wait(Duration::from_millis(10));
    }
    panic!("process {process} is still there");
}

#[test]
fn what_goes_back_and_is_running_when_the_run_is_cancelled_has_a_little_time_left() {
    let workspace = Scratch::new("script-leash");
    let path = workspace.join("slow.sh");
    std::fs::write(&path, "#!/bin/sh\ntouch begun; sleep 100\n").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let script = Script {
        path,
        ..script("slow.sh", &workspace)
    };
    let cancel = Cancel::default();
    let begun = workspace.join("begun");
    let cancelling = cancel.clone();
    let watching = std::thread::spawn(move || {
        while !begun.exists() {}
        cancelling.cancel();
    });
    let leash = Leash {
        cancel: &cancel,
        left: Duration::from_millis(100),
    };
    // Its own limit is longer than any test may take.
    let ran = script.run_on(Some(leash), Action::Rollback, Call::FIRST);
    assert_eq!(ran.outcome, Outcome::Cancelled);
    watching.join().unwrap();
    // A run that is cancelled already lets it begin, and end.
    let quick = Script {
        path: "/bin/true".into(),
        ..script.clone()
    };
    let leash = Leash {
        cancel: &cancel,
        left: LIMIT,
    };
    let ran = quick.run_on(Some(leash), Action::Rollback, Call::FIRST);
    assert_eq!(ran.outcome, Outcome::Applied);
}
