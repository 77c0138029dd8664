//! Counters that a real Prometheus scrapes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared::clock::{Clock, SystemClock};
use shared::endpoint::Endpoint;
use shared::http::{Http, Proxies};
use shared::metrics::counters::{Counters, Selectors, Sides};
use shared::metrics::prometheus::{Prometheus, Queries};
use shared::reason::Reason;
use shared::signal::Cancel;
use shared::split::Served;
use shared::tls::Roots;
use testbed::hostile::{Behaviour, Server};

/// What the service says it has counted: good requests, failed ones and slow ones of either side.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    stable: [u64; 3],
    canary: [u64; 3],
    /// It cannot be scraped.
    is_down: bool,
}

fn exposition(counts: &Counts) -> Vec<u8> {
    if counts.is_down {
        return b"HTTP/1.1 500 No\r\n\r\n".to_vec();
    }
    let mut text = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\n".to_owned();
    for (side, [good, failed, slow]) in [("stable", counts.stable), ("canary", counts.canary)] {
        let side = format!("track=\"{side}\"");
        let mut counts = vec![
            (format!("shop_requests_total{{{side},code=\"200\"}}"), good),
            (
                format!("shop_seconds_bucket{{{side},le=\"0.5\"}}"),
                good + failed - slow,
            ),
        ];
        // As client libraries do: there is no counter of what has not happened yet.
        if failed > 0 {
            counts.push((
                format!("shop_requests_total{{{side},code=\"500\"}}"),
                failed,
            ));
        }
        let lines = counts
            .iter()
            .map(|(name, count)| format!("{name} {count}\n"));
        text.extend(lines);
    }
    text.into_bytes()
}

struct Scene {
    counts: Arc<Mutex<Counts>>,
    counters: Counters,
    clock: SystemClock,
    http: Http,
}

impl Scene {
    fn set(&self, counts: Counts) {
        *self.counts.lock().unwrap() = counts;
    }

    fn window(&mut self) -> Result<Option<Sides>, Reason> {
        self.counters.window(&self.http, self.clock.elapsed())
    }

    /// The sum of all windows from here until it is enough.
    fn until(&mut self, enough: impl Fn(&Sides) -> bool) -> Sides {
        let none = Served {
            slow: Some(0),
            ..Served::default()
        };
        let mut sum = Sides {
            stable: none,
            canary: none,
        };
        for _ in 0..600 {
            if let Some(window) = self.window().unwrap() {
                sum.stable = sum.stable.plus(window.stable);
                sum.canary = sum.canary.plus(window.canary);
                if enough(&sum) {
                    return sum;
                }
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        panic!("it never came: {sum:?}");
    }
}

fn served(requests: u64, failed: u64, slow: u64) -> Served {
    Served {
        requests,
        failed,
        slow: Some(slow),
    }
}

#[test]
fn every_request_that_was_scraped_counts_once_and_none_from_before() {
    let counts = Arc::new(Mutex::new(Counts {
        stable: [1000, 7, 0],
        canary: [500, 0, 3],
        is_down: false,
    }));
    let told = Arc::clone(&counts);
    let target = Server::start(Behaviour::Says(Box::new(move |_| {
        exposition(&told.lock().unwrap())
    })));
    let server = testbed::prometheus::Prometheus::start(target.address, "/");
    let selector = |rest: &str| Selectors::check(rest).unwrap();
    let selectors = Selectors {
        requests: selector("shop_requests_total{track=\"$side\"}"),
        failed: selector("shop_requests_total{track=\"$side\",code=~\"5..\"}"),
        fast: Some(selector("shop_seconds_bucket{track=\"$side\",le=\"0.5\"}")),
    };
    let prometheus = Prometheus {
        base: Endpoint::parse(&format!("http://{}", server.address)).unwrap(),
        headers: Vec::new(),
        queries: Queries::default(),
        timeout: Duration::from_secs(10),
        show_name: false,
    };
    let names = ["stable", "canary"].map(str::to_owned);
    let mut scene = Scene {
        counts,
        counters: Counters::new(prometheus, selectors, names),
        clock: SystemClock::start(Cancel::default()),
        http: Http::new(Roots::default(), Proxies::default(), "metrics-tests"),
    };
    assert_eq!(scene.window(), Ok(None), "before any change");
    let elapsed = scene.clock.elapsed();
    scene.counters.begin(elapsed);
    // Nothing of the thousands from before, and at first nothing at all.
    assert_eq!(scene.window(), Ok(None));
    let first = scene.until(|_| true);
    assert_eq!(
        (first.stable, first.canary),
        (served(0, 0, 0), served(0, 0, 0))
    );

    // The canary's first failures: their counter appears with them.
    scene.set(Counts {
        stable: [1090, 8, 2],
        canary: [506, 4, 5],
        is_down: false,
    });
    let all = scene.until(|sum| sum.stable.requests >= 91 && sum.canary.requests >= 10);
    assert_eq!(
        (all.stable, all.canary),
        (served(91, 1, 2), served(10, 4, 2))
    );

    // What happens while it cannot be scraped is known afterwards, and it starts again in between.
    let scrapes = target.heads().len();
    scene.set(Counts {
        is_down: true,
        ..Counts::default()
    });
    for _ in 0..600 {
        if target.heads().len() > scrapes + 1 {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    assert_eq!(scene.window(), Ok(None), "no scrape is no window");
    scene.set(Counts {
        stable: [1190, 8, 2],
        canary: [20, 1, 0],
        is_down: false,
    });
    let all = scene.until(|sum| sum.stable.requests >= 100 && sum.canary.requests >= 21);
    assert_eq!(
        (all.stable, all.canary),
        (served(100, 0, 0), served(21, 1, 0))
    );

    // After a change of the traffic it begins anew.
    let elapsed = scene.clock.elapsed();
    scene.counters.begin(elapsed);
    assert_eq!(scene.window(), Ok(None));
    let first = scene.until(|_| true);
    assert_eq!((first.stable.requests, first.canary.requests), (0, 0));
    let selectors = &mut scene.counters.selectors;
    selectors.requests = "nothing_like_it{track=\"$side\"}".into();
    assert_eq!(scene.window(), Ok(None), "no series is no zero");
    drop(server);
    assert!(scene.window().is_err());
}
