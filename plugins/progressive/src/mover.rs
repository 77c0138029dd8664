//! The traffic: which manager moves it, which server is which side, what it counted.

mod build;

use std::sync::Arc;
use std::time::Duration;

use shared::clock::Clock;
use shared::evidence::Pair;
use shared::hook::Call;
use shared::http::Http;
use shared::signal::Cancel;
use shared::split::{Share, Side, Snapshot};
use shared::tally::Meter;
use shared::traffic::haproxy::{Identity, Servers};
use shared::traffic::{Drained, Preflight, TrafficManager, Watching};

use crate::rollout::Reading;
use crate::sentry::Sentry;
use crate::settings::{Settings, Sides, Traffic};
use crate::targets::Places;

/// What moves the traffic of this run.
pub struct Mover<'a> {
    settings: &'a Settings,
    http: Arc<Http>,
    cancel: Cancel,
    /// The servers of the stable side and the canary, where servers are moved between.
    servers: Option<Servers>,
    manager: Box<dyn TrafficManager>,
    /// What was last set, where nothing is moved and so nothing can be read.
    pretended: Share,
    /// HAProxy's counters move with the request itself, and those under way at a change of the weights are counted on
    /// the side that they were given to: nothing lags, and no window is thrown away.
    meter: Meter,
    restores: u32,
    sentry: Arc<Sentry>,
    identity: Option<Identity>,
}

impl<'a> Mover<'a> {
    /// The manager that the settings name. Nothing is asked yet.
    ///
    /// # Errors
    /// When the settings cannot be used, in words.
    pub fn new(
        settings: &'a Settings,
        http: Arc<Http>,
        cancel: Cancel,
        sentry: Arc<Sentry>,
    ) -> Result<Self, String> {
        let servers = match &settings.traffic {
            Traffic::Haproxy { backend, sides, .. } => {
                let (stable, canary) = match sides {
                    Sides::Fixed { stable, canary } | Sides::Pools([stable, canary]) => {
                        (stable.clone(), canary.clone())
                    }
                };
                Some(Servers {
                    backend: backend.clone(),
                    stable,
                    canary,
                })
            }
            Traffic::Script | Traffic::Webhook | Traffic::None => None,
        };
        let mut mover = Self {
            settings,
            http,
            cancel,
            servers,
            manager: Box::new(Watching),
            pretended: Share::NONE,
            meter: Meter::default(),
            restores: 0,
            sentry,
            identity: build::identity(settings)?,
        };
        mover.rebuild()?;
        Ok(mover)
    }

    /// For the servers as they are now; the sentry gets one of its own.
    fn rebuild(&mut self) -> Result<(), String> {
        self.manager = self.build(false)?;
        self.sentry.lend(Arc::from(self.build(true)?));
        Ok(())
    }

    /// The pool that gets the new version, where pools take turns.
    pub fn pool(&self) -> Option<String> {
        self.takes_turns()
            .then(|| self.servers.as_ref().map(|servers| servers.canary.clone()))
            .flatten()
    }

    fn takes_turns(&self) -> bool {
        self.pools().is_some()
    }

    fn pools(&self) -> Option<&[String; 2]> {
        match &self.settings.traffic {
            Traffic::Haproxy {
                sides: Sides::Pools(pools),
                ..
            } => Some(pools),
            _ => None,
        }
    }

    /// Whether the pools have exchanged the places that the settings name them in.
    pub fn places(&self) -> Places {
        match (self.pools(), &self.servers) {
            (Some([first, _]), Some(servers)) if servers.canary == *first => Places::Exchanged,
            _ => Places::AsNamed,
        }
    }

    /// From here on every command has little time.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn hurry(&mut self) -> Result<(), String> {
        self.manager = self.build(true)?;
        Ok(())
    }

    /// The manager's name.
    pub fn name(&self) -> &'static str {
        self.manager.name()
    }

    /// Looks whether a rollout can work.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn preflight(&self) -> Result<Preflight, String> {
        self.manager.preflight().map_err(|error| error.to_string())
    }

    /// Reads the traffic. With pools that take turns the sides are as in the snapshot; without one the pool that
    /// carries everything is the stable side.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&mut self, sides: Option<&Snapshot>) -> Result<Reading, String> {
        if self.takes_turns()
            && let Some(servers) = sides.and_then(servers_of)
        {
            self.be(servers)?;
        }
        let mut found = self.manager.read().map_err(|error| error.to_string())?;
        if self.takes_turns() && sides.is_none() && found.share == Some(Share::ALL) {
            self.turn()?;
            found = self.manager.read().map_err(|error| error.to_string())?;
        }
        let share = if self.manager.moves() {
            found.share
        } else {
            Some(self.pretended)
        };
        Ok(Reading {
            share,
            snapshot: found.snapshot,
        })
    }

    fn turn(&mut self) -> Result<(), String> {
        let Some(servers) = self.servers.clone() else {
            return Ok(());
        };
        self.be(Servers {
            stable: servers.canary,
            canary: servers.stable,
            backend: servers.backend,
        })
    }

    fn be(&mut self, servers: Servers) -> Result<(), String> {
        self.servers = Some(servers);
        self.rebuild()
    }

    /// The canary's share now.
    ///
    /// # Errors
    /// When it cannot be read, or the weights are no share.
    pub fn share(&self) -> Result<Share, String> {
        if !self.manager.moves() {
            return Ok(self.pretended);
        }
        let found = self.manager.read().map_err(|error| error.to_string())?;
        let share = found.share;
        share.ok_or_else(|| format!("the weights are no single share: {found}"))
    }

    /// Sets the canary's share and reads it back. Counting begins anew.
    ///
    /// # Errors
    /// When it is not so everywhere.
    pub fn set(&mut self, share: Share, stage: usize) -> Result<(), String> {
        let call = Call {
            stage: u32::try_from(stage).unwrap_or(u32::MAX),
            attempt: 1,
        };
        let right = self.sentry.forward()?;
        let set = self.manager.set(share, call);
        drop(right);
        set.map_err(|error| error.to_string())?;
        self.pretended = share;
        self.meter.begin(self.manager.observe().ok().flatten());
        Ok(())
    }

    /// Restores a snapshot and reads it back.
    ///
    /// # Errors
    /// When it is not so everywhere.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<(), String> {
        self.restores += 1;
        let call = Call {
            stage: 0,
            attempt: self.restores,
        };
        let right = self.sentry.back();
        let restored = self.manager.restore(snapshot, call);
        drop(right);
        restored.map_err(|error| error.to_string())?;
        self.pretended = snapshot.share;
        Ok(())
    }

    /// Waits for a side's open requests.
    ///
    /// # Errors
    /// When they cannot be counted, or are still under way.
    pub fn drain(&self, side: Side, limit: Duration, clock: &dyn Clock) -> Result<(), String> {
        match self.manager.drain(side, limit, clock) {
            Ok(Drained::Empty | Drained::Unknown) => Ok(()),
            Ok(Drained::Busy(left)) => Err(format!("{left} are still under way")),
            Ok(Drained::Cancelled) => Err("the run was cancelled".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Requests of the side that has the new version, and of the other one, since they were last asked for, or since
    /// the share was set; nothing where nobody counts, or could be asked.
    pub fn counts(&mut self, new: Side) -> Option<Pair> {
        let now = self.manager.observe().ok().flatten()?;
        let window = self.meter.window(now)?;
        Some(match new {
            Side::Canary => Pair {
                canary: window.canary,
                baseline: window.stable,
            },
            Side::Stable => Pair {
                canary: window.stable,
                baseline: window.canary,
            },
        })
    }

    /// The canary's share as this run set it last.
    pub fn last_set(&self) -> Share {
        self.pretended
    }

    /// Whether all traffic is on this side, as far as this run has moved it.
    pub fn carries_all(&self, side: Side) -> bool {
        match side {
            Side::Canary => self.pretended == Share::ALL,
            Side::Stable => self.pretended == Share::NONE,
        }
    }
}

/// The servers that a snapshot is about.
fn servers_of(snapshot: &Snapshot) -> Option<Servers> {
    let servers = snapshot.detail.get("servers")?;
    serde_json::from_value(servers.clone()).ok()
}
