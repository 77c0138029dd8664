//! A runtime API behind TLS, where both sides show certificates.

use testbed::backend::Backend;
use testbed::haproxy::{Config, Haproxy};
use testbed::tls::Ca;

use crate::step::{Pipeline, World};

#[test]
fn a_runtime_api_behind_tls_is_shown_a_certificate_as_text_or_from_a_file() {
    let ca = Ca::new("proxy");
    let (blue, green) = (Backend::start("blue"), Backend::start("green"));
    let config = Config::new(&blue, &green).tls(&ca.issue(&["localhost"]), &ca.pem);
    let proxy = Haproxy::start(&config);
    let world = World { blue, green, proxy };
    let issued = ca.issue_client("deployer");
    let pipeline = Pipeline::new("8", world.settings())
        .with("haproxy_address", &world.proxy.tls)
        .with("ca_certificate", "ca.pem");
    std::fs::write(pipeline.workspace.join("ca.pem"), &ca.pem).unwrap();
    std::fs::write(pipeline.workspace.join("client.pem"), &issued.cert_pem).unwrap();
    pipeline
        .run(&[])
        .with(2, "REFUSED")
        .saying("haproxy_certificate: ")
        .saying("haproxy_key: ");
    pipeline
        .run(&[
            ("haproxy_certificate", "elsewhere.pem"),
            ("haproxy_key", &issued.key_pem),
        ])
        .with(2, "REFUSED")
        .saying("PLUGIN_HAPROXY_CERTIFICATE: ");
    let other = Ca::new("other").issue_client("deployer");
    let foreign = [
        ("haproxy_certificate", other.cert_pem.as_str()),
        ("haproxy_key", other.key_pem.as_str()),
    ];
    pipeline
        .run(&foreign)
        .with(2, "REFUSED")
        .saying("traffic: ");
    let known = [
        ("haproxy_certificate", "client.pem"),
        ("haproxy_key", issued.key_pem.as_str()),
    ];
    let ended = pipeline.run(&known).with(0, "PASSED");
    let key = issued.key_pem.lines().nth(1).unwrap();
    assert!(!ended.log.contains(key), "{}", ended.log);
    assert_eq!(world.weights(), (0, 100));
}
