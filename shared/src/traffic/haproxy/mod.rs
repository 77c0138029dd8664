//! HAProxy, through its runtime API.
//!
//! ```text
//! address ─▶ dial (one command, one answer) ─▶ answer (tables) ─▶ state (weights, health, counts)
//!                        ▲                                          │
//!                        └── instance ◀── moves (raise, then lower) ┘
//! ```
//!
//! Several instances are asked at once: one that hangs delays no other. Weights are absolute and add up to 100, so
//! that `roundrobin` gives exact shares. What is set here is forgotten when HAProxy reloads.
//!
//! Deliberately absent: `;` chains (they are not atomic: a raise that is refused would still be followed by the
//! lowering) and relative weights (`50%` is relative to the configured weight).

mod address;
mod answer;
mod dial;
mod instance;
mod moves;
mod preflight;
mod settings;
mod snapshot;
mod state;
mod tls;

use std::thread::ScopedJoinHandle;

use crate::hook::Call;
use crate::split::{Share, Snapshot};
use crate::tally::Tally;

use super::{Fault, Health, Place, Preflight, Reading, TrafficError, TrafficManager};
use instance::Instance;
use moves::{Admin, Both};
use preflight::{notes, reload, suitable};
use snapshot::Detail;
use state::State;

pub use address::{Address, Host};
pub use settings::{LIMIT, Release, Servers, Settings, VERIFY};
pub use tls::Identity;

const NAME: &str = "haproxy";
/// HAProxy.
#[derive(Debug)]
pub struct Haproxy {
    settings: Settings,
}

impl Haproxy {
    /// Takes the settings.
    ///
    /// # Errors
    /// When there is no address, a `tls://` address without a certificate, or a name that cannot be one.
    pub fn new(settings: Settings) -> Result<Self, String> {
        settings.servers.check()?;
        if settings.addresses.is_empty() {
            return Err("found no address, expected one or more".into());
        }
        let tls = settings
            .addresses
            .iter()
            .find(|address| matches!(address, Address::Tls(_)));
        if let (Some(address), None) = (tls, &settings.identity) {
            return Err(format!("{address} needs a client certificate and its key"));
        }
        Ok(Self { settings })
    }

    /// Does the same at every instance, all at once.
    fn everywhere<T: Send>(
        &self,
        servers: &Servers,
        job: impl Fn(&Instance) -> Result<T, Fault> + Sync,
    ) -> Result<Vec<T>, TrafficError> {
        let settings = &self.settings;
        let tls = settings.identity.as_ref().map(|identity| &identity.config);
        let one = |address| {
            job(&Instance {
                address,
                tls,
                servers,
                limit: settings.limit,
                verify: settings.verify,
            })
        };
        let results: Vec<_> = std::thread::scope(|scope| {
            let start = |address| {
                std::thread::Builder::new()
                    .name("haproxy".into())
                    .spawn_scoped(scope, move || one(address))
            };
            let begun: Vec<_> = settings.addresses.iter().map(start).collect();
            let ended = settings.addresses.iter().zip(begun);
            ended
                .map(|(address, begun)| match begun.map(ScopedJoinHandle::join) {
                    Ok(Ok(result)) => result,
                    Ok(Err(panic)) => std::panic::resume_unwind(panic),
                    // Without a thread of its own it is done in this one: later, but done.
                    Err(_) => one(address),
                })
                .collect()
        });
        let (mut values, mut faults, mut done) = (Vec::new(), Vec::new(), Vec::new());
        for (address, result) in settings.addresses.iter().zip(results) {
            match result {
                Ok(value) => {
                    values.push(value);
                    done.push(address.to_string());
                }
                Err(fault) => faults.push((address.to_string(), fault)),
            }
        }
        if faults.is_empty() {
            return Ok(values);
        }
        Err(TrafficError { faults, done })
    }

    fn states(&self) -> Result<Vec<State>, TrafficError> {
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method alone is not general enough over lifetimes"
        )]
        let states = self.everywhere(&self.settings.servers, |instance| instance.state());
        // Where it could be read, nothing was done.
        states.map_err(|error| TrafficError {
            done: Vec::new(),
            ..error
        })
    }

    fn places(&self) -> impl Iterator<Item = String> {
        self.settings.addresses.iter().map(Address::to_string)
    }

    fn snapshot(&self, states: &[State]) -> Snapshot {
        let instances = self
            .places()
            .zip(states)
            .map(|(address, state)| snapshot::Instance {
                address,
                stable: state.stable.setting,
                canary: state.canary.setting,
            });
        let detail = Detail {
            servers: self.settings.servers.clone(),
            instances: instances.collect(),
        };
        let highest = states.iter().map(State::about).max();
        Snapshot {
            manager: NAME.into(),
            share: highest.unwrap_or(Share::NONE),
            detail: serde_json::to_value(detail).unwrap_or_default(),
        }
    }

    fn put_back(
        &self,
        instance: &Instance,
        detail: &Detail,
        snapshot: &Snapshot,
    ) -> Result<(), Fault> {
        let now = instance.state()?;
        let mut goal = detail.goal(&instance.address.to_string(), snapshot);
        if goal.canary.effective() == 0 && self.releases(instance, &now) {
            goal.canary.state = Admin::Maint;
        }
        // A stable side that is down is no reason to leave traffic on a version that was judged bad.
        instance.bring(now.both(), goal, false)
    }

    fn releases(&self, instance: &Instance, now: &State) -> bool {
        match self.settings.release {
            Release::Always => true,
            Release::Never => false,
            // Not to know is no reason to keep clients on a bad version.
            Release::WhereSticky => !matches!(instance.sticky(now), Ok(None)),
        }
    }
}

impl TrafficManager for Haproxy {
    fn name(&self) -> &'static str {
        NAME
    }

    fn preflight(&self) -> Result<Preflight, TrafficError> {
        let found = self.everywhere(&self.settings.servers, |instance| {
            let level = instance.ask("show cli level")?;
            let state = instance.state()?;
            suitable(&level, &state, &instance.servers.backend)?;
            let sticky = instance.sticky(&state)?;
            Ok((notes(instance, &state, sticky), reload(&state)))
        })?;
        let (notes, reloads): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        let mut reloads: Vec<String> = reloads;
        reloads.dedup();
        Ok(Preflight {
            notes: notes.concat(),
            reload: Some(reloads.join("; ")),
        })
    }

    fn read(&self) -> Result<Reading, TrafficError> {
        let states = self.states()?;
        let places: Vec<_> = self
            .places()
            .zip(&states)
            .map(|(place, state)| Place {
                place,
                share: state.share(),
                detail: state.words(),
            })
            .collect();
        let first = places.first().and_then(|place| place.share);
        let agreed = places.iter().all(|place| place.share == first);
        let worst = |health: fn(&State) -> Health| states.iter().map(health).max();
        Ok(Reading {
            share: first.filter(|_| agreed),
            snapshot: self.snapshot(&states),
            stable: worst(|state| state.stable.health).unwrap_or(Health::Unchecked),
            canary: worst(|state| state.canary.health).unwrap_or(Health::Unchecked),
            places,
        })
    }

    fn set(&self, share: Share, _: Call) -> Result<(), TrafficError> {
        // An instance that cannot be read would be left behind: then none is moved.
        self.states()?;
        let servers = &self.settings.servers;
        let moved = self.everywhere(servers, |instance| {
            let now: Both = instance.state()?.both();
            instance.bring(now, now.sharing(share), true)
        });
        moved.map(|_| ())
    }

    fn restore(&self, snapshot: &Snapshot, _: Call) -> Result<(), TrafficError> {
        let detail = Detail::of(snapshot).map_err(|fault| TrafficError::at(NAME, fault))?;
        let restored = self.everywhere(&detail.servers, |instance| {
            self.put_back(instance, &detail, snapshot)
        });
        restored.map(|_| ())
    }

    fn observe(&self) -> Result<Option<Tally>, TrafficError> {
        let states = self.states()?;
        let counts = self.places().zip(&states);
        let counts = counts.flat_map(|(place, state)| state.counts(&place));
        Ok(Some(Tally {
            counts: counts.collect(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(address: &str, canary: &str) -> Settings {
        Settings {
            addresses: vec![Address::parse(address).unwrap()],
            servers: Servers {
                backend: "shop".into(),
                stable: "blue".into(),
                canary: canary.into(),
            },
            release: Release::default(),
            identity: None,
            limit: LIMIT,
            verify: VERIFY,
        }
    }

    #[test]
    fn names_that_would_be_commands_are_refused() {
        for name in ["", "a b", "green weight 0;shutdown", "a/b", "a\nb", "blue"] {
            assert!(Haproxy::new(settings("/s", name)).is_err(), "{name}");
        }
        assert!(Haproxy::new(settings("/s", "green-2.a:b_c")).is_ok());
    }

    #[test]
    fn tls_needs_a_certificate() {
        let error = Haproxy::new(settings("tls://a:1", "green")).unwrap_err();
        assert_eq!(error, "tls://a:1 needs a client certificate and its key");
    }
}
