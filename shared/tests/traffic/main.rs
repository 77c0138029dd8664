//! Traffic managers against a real HAProxy with real backends, real scripts and a real webhook.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod counting;
mod hostile;
mod instances;
mod moving;
mod refusing;
mod script;
mod sticking;
mod webhook;

use std::time::Duration;

use shared::hook::Call;
use shared::split::Share;
use shared::traffic::haproxy::{Address, LIMIT, Release, Servers, Settings, VERIFY};
use shared::traffic::{Haproxy, TrafficManager};
use testbed::backend::Backend;
use testbed::haproxy::Config;

/// A proxy with a backend on each side.
pub(crate) struct House {
    pub(crate) blue: Backend,
    pub(crate) green: Backend,
    pub(crate) proxy: testbed::haproxy::Haproxy,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(|config| config)
    }

    pub(crate) fn with(change: impl FnOnce(Config) -> Config) -> Self {
        let (blue, green) = (Backend::start("blue"), Backend::start("green"));
        let proxy = testbed::haproxy::Haproxy::start(&change(Config::new(&blue, &green)));
        Self { blue, green, proxy }
    }

    pub(crate) fn manager(&self) -> Haproxy {
        manager(&[&self.proxy.unix()])
    }

    /// What the runtime API answers to a command.
    pub(crate) fn command(&self, command: &str) -> String {
        use std::io::{Read, Write};
        let mut line = std::os::unix::net::UnixStream::connect(&self.proxy.socket).unwrap();
        writeln!(line, "{command}").unwrap();
        let mut answer = String::new();
        line.read_to_string(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }
}

pub(crate) fn settings(addresses: &[&str]) -> Settings {
    Settings {
        addresses: addresses
            .iter()
            .map(|address| Address::parse(address).unwrap())
            .collect(),
        servers: Servers {
            backend: "shop".into(),
            stable: "blue".into(),
            canary: "green".into(),
        },
        release: Release::WhereSticky,
        identity: None,
        limit: LIMIT,
        verify: VERIFY,
    }
}

pub(crate) fn manager(addresses: &[&str]) -> Haproxy {
    Haproxy::new(settings(addresses)).unwrap()
}

/// One that soon gives up on what was written.
pub(crate) fn hasty(address: &str) -> Haproxy {
    Haproxy::new(Settings {
        verify: Duration::from_millis(100),
        ..settings(&[address])
    })
    .unwrap()
}

pub(crate) fn share(percent: u8) -> Share {
    Share::new(percent).unwrap()
}

pub(crate) fn set(manager: &dyn TrafficManager, percent: u8) {
    manager.set(share(percent), Call::FIRST).unwrap();
}
