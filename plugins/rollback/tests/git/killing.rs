//! Connections that break and processes that are killed: the branch is before or after, and the next run finishes.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use plugin_rollback::git::commit_id;
use plugin_rollback::git::lease::Pushed;
use testbed::git_relay::{Fate, Relay};
use testbed::git_server::GitServer;

use super::{Run, Shop, identity};

#[test]
fn a_request_that_is_cut_off_anywhere_leaves_the_branch_before_or_after_and_the_next_run_finishes()
{
    let (shop, url) = Shop::served("cut-request.git");
    let run = Run::new();
    let mut cut_off = 0;
    for bytes in (50..1500).step_by(150) {
        // The first connection looks, the second pushes; its handshake counts, too.
        let relay = Relay::start(GitServer::shared().address, move |count| match count {
            1 => Fate::CutUp(bytes),
            _ => Fate::Pass,
        });
        let port = relay.address.port();
        let cut = format!("https://localhost:{port}/git/cut-request.git");
        let ended = run
            .work
            .reset(&run.remote(&cut), "main", shop.bad, shop.good);
        let main = shop.main();
        match ended {
            Ok(ended) => {
                assert_eq!((ended, main), (Pushed::Done(shop.good), shop.good));
                break;
            }
            Err(error) => assert!(error.may_pass(), "{error}"),
        }
        assert!(main == shop.bad || main == shop.good);
        cut_off += 1;
    }
    assert!(cut_off > 3, "{cut_off} requests were cut off");
    let done = run
        .work
        .reset(&run.remote(&url), "main", shop.bad, shop.good);
    assert!(
        matches!(done, Ok(Pushed::Done(_) | Pushed::Already(_))),
        "{done:?}"
    );
    assert_eq!(shop.main(), shop.good);
}

#[test]
fn a_push_whose_answer_is_cut_off_is_known_to_have_come_through() {
    let (shop, _) = Shop::served("cut-answer.git");
    let here = shop.repository.path.join("here");
    let hook = format!("cat >/dev/null; touch {}", here.display());
    shop.repository.hook("post-receive", &hook);
    let relay = Relay::start(GitServer::shared().address, move |count| match count {
        1 => Fate::CutAnswer(here.clone()),
        _ => Fate::Pass,
    });
    let port = relay.address.port();
    let cut = format!("https://localhost:{port}/git/cut-answer.git");
    let run = Run::new();
    let ended = run
        .work
        .reset(&run.remote(&cut), "main", shop.bad, shop.good);
    assert_eq!(ended, Ok(Pushed::Done(shop.good)));
    assert_eq!(shop.main(), shop.good);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the parent of this process says where"
)]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[test]
#[ignore = "it is started, and killed, by the test below"]
fn the_process_that_is_killed() {
    let ca_file = PathBuf::from(told("KILLED_CA").unwrap());
    let run = Run::trusting(Some(&ca_file));
    let remote = run.remote(&told("KILLED_URL").unwrap());
    let [bad, good] =
        ["KILLED_BAD", "KILLED_GOOD"].map(|name| commit_id(&told(name).unwrap()).unwrap());
    let head = run.work.gather(&remote, "main", bad, good).unwrap();
    let identity = identity();
    let restore = plugin_rollback::git::acts::Restore {
        head,
        good,
        message: "restore",
        identity: &identity,
    };
    let _ = run.work.restore(&remote, "main", restore);
}

#[test]
fn a_process_killed_while_the_server_takes_its_push_has_pushed_or_not_and_the_next_finishes() {
    let (shop, url) = Shop::served("killed.git");
    let (here, go) = (
        shop.repository.path.join("here"),
        shop.repository.path.join("go"),
    );
    shop.repository.hook(
        "pre-receive",
        &format!(
            "touch {}; for i in $(seq 600); do [ -e {} ] && exit 0; sleep 0.05; done; exit 1",
            here.display(),
            go.display()
        ),
    );
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "killing::the_process_that_is_killed",
        ])
        .env("KILLED_URL", &url)
        .env("KILLED_CA", &GitServer::shared().ca_file)
        .env("KILLED_BAD", shop.bad.to_string())
        .env("KILLED_GOOD", shop.good.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // Far longer than it takes: a server that never runs its hook must not hold the tests.
    for _ in 0..3000 {
        if here.exists() {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    assert!(here.exists(), "the push never came");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(shop.main(), shop.bad);
    std::fs::write(&go, "").unwrap();
    shop.repository.unhook("pre-receive");

    let run = Run::new();
    let remote = run.remote(&url);
    let identity = identity();
    let mut ended = None;
    // The server may still be at the first push: then the lease is lost to ourselves, and the look after it tells.
    for _ in 0..2 {
        let head = run
            .work
            .gather(&remote, "main", shop.bad, shop.good)
            .unwrap();
        let restore = run
            .work
            .restore(&remote, "main", shop.restore(head, &identity));
        ended = Some(restore.unwrap());
        if !matches!(ended, Some(Pushed::LeaseLost { .. })) {
            break;
        }
    }
    assert!(
        matches!(ended, Some(Pushed::Done(_) | Pushed::Already(_))),
        "{ended:?}"
    );
    assert_eq!(shop.tree(shop.main()), shop.tree(shop.good));
    let count = shop.repository.git(&["rev-list", "--count", "main"]);
    assert_eq!(count, "4", "one commit was added");
}
