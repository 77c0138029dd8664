//! What cannot carry a rollout is refused before it begins, and says what to do.

use shared::hook::Call;
use shared::secret::Secret;
use shared::traffic::haproxy::{Identity, Settings};
use shared::traffic::{Fault, Haproxy, TrafficManager};
use testbed::haproxy::Config;
use testbed::scratch::Scratch;
use testbed::tls::Ca;

use crate::{House, manager, set, settings, share};

fn refusal(house: &House) -> String {
    let error = house.manager().preflight().unwrap_err().to_string();
    let place = format!("{}: ", house.proxy.unix());
    error.strip_prefix(&place).unwrap().to_owned()
}

#[test]
fn a_good_setup_is_described() {
    let house = House::new();
    let found = house.manager().preflight().unwrap();
    let note = format!(
        "haproxy at {}: backend shop, blue 100, green 0",
        house.proxy.unix()
    );
    assert_eq!(found.notes, [note]);
    let reload = found.reload.unwrap();
    assert!(
        reload.starts_with(
            "a reload of haproxy returns to the configured weights, blue 100 and green 0 (unless"
        ),
        "{reload}"
    );
}

#[test]
fn an_algorithm_that_ignores_weights_is_refused() {
    for (balance, named) in [
        ("leastconn", "leastconn"),
        // HAProxy's own word for it in its statistics.
        ("random", "unknown"),
        ("static-rr", "static-rr"),
        ("source", "source"),
    ] {
        let house = House::with(|config| Config { balance, ..config });
        assert_eq!(
            refusal(&house),
            format!(
                "backend shop balances by {named}, which does not honour every weight: write `balance roundrobin`"
            )
        );
    }
}

#[test]
fn a_level_that_may_only_look_is_refused() {
    for level in ["user", "operator"] {
        let house = House::with(|config| Config { level, ..config });
        assert_eq!(
            refusal(&house),
            format!(
                "not permitted: found level {level}; to set weights needs level admin: \
                 write `stats socket … level admin` in the global section"
            )
        );
        let error = house.manager().set(share(10), Call::FIRST).unwrap_err();
        assert!(
            matches!(error.faults[0].1, Fault::Refused { .. }),
            "{error}"
        );
    }
}

#[test]
fn a_backend_or_server_that_is_not_there_is_named() {
    let house = House::new();
    for (backend, canary, what) in [
        ("shoop", "green", "backend shoop"),
        ("shop", "grin", "server grin in backend shop"),
    ] {
        let mut settings = settings(&[&house.proxy.unix()]);
        settings.servers.backend = backend.into();
        settings.servers.canary = canary.into();
        let manager = Haproxy::new(settings).unwrap();
        let error = manager.preflight().unwrap_err();
        assert_eq!(error.faults[0].1, Fault::Unknown { what: what.into() });
        assert!(manager.set(share(10), Call::FIRST).is_err());
    }
}

#[test]
fn a_third_server_that_takes_its_part_is_refused_and_a_backup_is_not() {
    let house = House::with(|config| Config {
        lines: "server red 127.0.0.1:1 weight 5",
        ..config
    });
    assert!(
        refusal(&house)
            .starts_with("server red of backend shop carries traffic too, with weight 5")
    );
    let house = House::with(|config| Config {
        lines: "server red 127.0.0.1:1 weight 5 backup",
        ..config
    });
    assert!(house.manager().preflight().is_ok());
}

#[test]
fn a_backend_without_any_weight_is_refused() {
    let house = House::with(|config| Config {
        weights: (0, 0),
        ..config
    });
    assert!(refusal(&house).starts_with("neither server of backend shop carries traffic"));
}

#[test]
fn a_canary_with_a_configured_weight_is_warned_about() {
    let house = House::with(|config| Config {
        weights: (50, 50),
        ..config
    });
    let reload = house.manager().preflight().unwrap().reload.unwrap();
    assert!(
        reload.contains("which gives traffic to green: configure it with `weight 0`"),
        "{reload}"
    );
}

#[test]
fn tcp_does_what_the_socket_does() {
    let house = House::new();
    let manager = manager(&[&house.proxy.tcp]);
    manager.preflight().unwrap();
    set(&manager, 25);
    assert_eq!(house.manager().read().unwrap().share, Some(share(25)));
}

#[test]
fn tls_lets_in_whom_the_authority_knows_and_nobody_else() {
    let (ca, other) = (Ca::new("proxy"), Ca::new("other"));
    let house = House::with(|config| config.tls(&ca.issue(&["localhost"]), &ca.pem));
    let files = Scratch::new("mtls");
    std::fs::write(files.join("ca.pem"), &ca.pem).unwrap();
    let as_client = |issuer: &Ca| {
        let issued = issuer.issue_client("deployer");
        let roots = shared::tls::Roots::load(Some(&files.join("ca.pem"))).unwrap();
        let key = Secret::new(issued.key_pem);
        let identity = Identity::new(&roots, &issued.cert_pem, &key).unwrap();
        let settings = Settings {
            identity: Some(identity),
            ..settings(&[&house.proxy.tls])
        };
        Haproxy::new(settings).unwrap()
    };
    let known = as_client(&ca);
    known.preflight().unwrap();
    set(&known, 10);
    assert_eq!(house.manager().read().unwrap().share, Some(share(10)));
    let error = as_client(&other).read().unwrap_err();
    assert!(
        matches!(error.faults[0].1, Fault::Unreachable { .. }),
        "{error}"
    );
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let ca = Ca::new("a");
    let (one, two) = (ca.issue(&["a"]), ca.issue(&["b"]));
    let refused = |certificate: &str, key: &str| {
        let roots = shared::tls::Roots::default();
        Identity::new(&roots, certificate, &Secret::new(key)).unwrap_err()
    };
    let missing = refused("nothing", &one.key_pem);
    assert!(
        missing.starts_with("found no client certificate"),
        "{missing}"
    );
    let broken = refused(&one.cert_pem, "hunter2222");
    assert!(
        broken.starts_with("the client key cannot be read, expected PEM"),
        "{broken}"
    );
    assert!(!broken.contains("hunter2222"), "{broken}");
    let foreign = refused(&one.cert_pem, &two.key_pem);
    assert!(
        foreign.starts_with("the client certificate cannot be used"),
        "{foreign}"
    );
}
