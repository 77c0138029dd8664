//! A small proxy: it splits the requests of clients between the two sides of the shop.
//!
//! It reads the canary's share from a file at every request, so that whoever writes the file moves the traffic at once.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::shop::Shop;
use super::{Side, http};

/// Starts splitting on a free loopback port, until the process ends.
pub(super) fn start(shop: Shop, share_file: PathBuf) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let splitter = Arc::new(Splitter {
        shop,
        share_file,
        split: AtomicU64::new(0),
    });
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let splitter = Arc::clone(&splitter);
            // A client that went away is its own affair.
            std::thread::spawn(move || drop(splitter.forward(stream)));
        }
    });
    Ok(address)
}

struct Splitter {
    shop: Shop,
    share_file: PathBuf,
    /// Requests so far.
    split: AtomicU64,
}

impl Splitter {
    fn forward(&self, mut client: TcpStream) -> std::io::Result<()> {
        let request = http::read_head(&client)?;
        let share: u64 = std::fs::read_to_string(&self.share_file)?
            .trim()
            .parse()
            .unwrap_or_default();
        let side = side(self.split.fetch_add(1, Ordering::SeqCst), share);
        client.write_all(&http::ask(self.shop.address(side), &request)?)
    }
}

/// Who gets the n-th request: the canary whenever its share of all of them grows by a whole one.
fn side(n: u64, share: u64) -> Side {
    if (n + 1) * share / 100 > n * share / 100 {
        Side::Canary
    } else {
        Side::Stable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_hundred_requests_the_canary_gets_its_share_evenly() {
        for share in [0, 10, 25, 50, 100] {
            let canary = |from: u64, to: u64| {
                (from..to)
                    .filter(|n| side(*n, share) == Side::Canary)
                    .count() as u64
            };
            assert_eq!(canary(300, 400), share);
            assert!(canary(0, 50).abs_diff(share / 2) <= 1);
        }
    }
}
