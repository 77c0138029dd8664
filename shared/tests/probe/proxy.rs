//! Proxies: plain HTTP is handed over whole, TLS goes through a tunnel.

use shared::http::{Http, Proxies};
use shared::probe::probe;
use shared::sample::Sample;
use shared::tls::Roots;
use testbed::connect_proxy::ConnectProxy;
use testbed::hostile::{Behaviour, Server, json_answer};
use testbed::tls::Ca;

use super::{clock, said, target};

fn through(variables: &[(&str, String)], url: &str, roots: Roots) -> Sample {
    let pairs = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()));
    let proxies = Proxies::from_pairs(pairs).unwrap();
    probe(
        &target(url),
        &Http::new(roots, proxies, "probe-tests"),
        &clock(),
    )
}

#[test]
fn plain_http_is_handed_to_the_proxy_with_its_whole_address() {
    let server = Server::json("{}");
    let proxy = ConnectProxy::start(server.address, Some("Basic dTpwQHNz"));
    let variables = [("HTTP_PROXY", format!("http://u:p%40ss@{}", proxy.address))];
    // The proxy alone knows this name.
    let url = "http://shop.invalid:8080/health?a=1";
    let sample = through(&variables, url, Roots::default());
    assert!(sample.outcome.is_ok(), "{}", said(&sample));
    assert_eq!(
        proxy.lines(),
        ["GET http://shop.invalid:8080/health?a=1 HTTP/1.1"]
    );
    let head = server.heads()[0].to_lowercase();
    assert!(head.starts_with("get /health?a=1 http/1.1"), "{head}");
    assert!(head.contains("host: shop.invalid:8080"), "{head}");
    assert!(sample.phases.first_byte.is_some());
}

#[test]
fn tls_goes_through_a_tunnel_that_the_proxy_cannot_look_into() {
    let ca = Ca::new("tunnel");
    let issued = ca.issue(&["shop.invalid"]);
    let answer = Behaviour::Says(Box::new(|_| json_answer("{}")));
    let server = Server::start_with_tls(answer, &issued);
    let proxy = ConnectProxy::start(server.address, Some("Basic dTpwQHNz"));
    let variables = [("https_proxy", format!("http://u:p%40ss@{}", proxy.address))];
    let pem = std::env::temp_dir().join(format!("proxy-ca-{}.pem", std::process::id()));
    std::fs::write(&pem, &ca.pem).unwrap();
    let roots = Roots::load(Some(&pem)).unwrap();
    std::fs::remove_file(&pem).unwrap();
    let sample = through(&variables, "https://shop.invalid/health", roots);
    assert!(sample.outcome.is_ok(), "{}", said(&sample));
    assert_eq!(proxy.lines(), ["CONNECT shop.invalid:443 HTTP/1.1"]);
    assert!(!server.heads()[0].to_lowercase().contains("proxy-"));
    assert!(sample.phases.connect.is_some() && sample.phases.tls.is_some());
}

#[test]
fn a_host_among_the_exceptions_is_reached_directly() {
    let server = Server::json("{}");
    let variables = [
        ("HTTP_PROXY", "http://127.0.0.1:1".to_owned()),
        ("NO_PROXY", "elsewhere.example".to_owned()),
    ];
    let url = format!("http://{}/health", server.address);
    // A loopback address is an exception without being named.
    assert!(through(&variables, &url, Roots::default()).outcome.is_ok());
}

#[test]
fn a_proxy_that_fails_is_named() {
    let dead = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let closed = ConnectProxy::start(dead, Some("Basic none"));
    let silent = Server::start(Behaviour::Silent);
    for (name, proxy, url, expected) in [
        (
            "HTTP_PROXY",
            dead,
            "http://shop.invalid/",
            format!("proxy {dead}: connection refused while connecting"),
        ),
        (
            "HTTPS_PROXY",
            dead,
            "https://shop.invalid/",
            format!("proxy {dead}: connection refused while connecting"),
        ),
        (
            "HTTPS_PROXY",
            closed.address,
            "https://shop.invalid/",
            format!(
                "proxy {}: proxy server responded 407/407 while connecting",
                closed.address
            ),
        ),
        (
            "HTTP_PROXY",
            closed.address,
            "http://shop.invalid/",
            "status 407, expected 200-299".into(),
        ),
        (
            "HTTPS_PROXY",
            silent.address,
            "https://shop.invalid/",
            "no answer within 3s while connecting".into(),
        ),
    ] {
        let variables = [(name, proxy.to_string())];
        let sample = through(&variables, url, Roots::default());
        assert_eq!(said(&sample), expected);
    }
}

#[test]
fn a_tunnel_that_opens_drop_by_drop_ends_with_the_limit() {
    let drops = Server::start(Behaviour::Trickles("HTTP/1.1 200 OK\r\nX-Slow: "));
    let variables = [("HTTPS_PROXY", drops.address.to_string())];
    let sample = through(&variables, "https://shop.invalid/", Roots::default());
    assert_eq!(said(&sample), "no answer within 3s while connecting");
}
