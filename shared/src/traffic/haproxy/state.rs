//! What one instance of HAProxy is set to, and what it counts.

use crate::split::{Share, Side};
use crate::tally::Count;

use super::Servers;
use super::answer::{Row, Table};
use super::moves::{Admin, Both, Setting, about, share};
use crate::traffic::{Fault, Health};

/// A backend with the two servers that matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    /// The balancing algorithm; empty where the level is too low to be told.
    pub(super) algorithm: String,
    /// `http` or `tcp`.
    pub(super) mode: String,
    /// The cookie by which clients stick.
    pub(super) cookie: String,
    pub(super) stable: Server,
    pub(super) canary: Server,
    /// Other servers that carry traffic, with their effective weights.
    pub(super) others: Vec<(String, u16)>,
}

/// One of the two servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) setting: Setting,
    /// The configured weight, to which a reload returns.
    pub(super) configured: u16,
    pub(super) health: Health,
    /// Attempts to hand it a request, repeated ones included.
    begun: u64,
    failed: u64,
    sessions: u64,
}

impl State {
    /// Reads the answers to `show stat` (types 2 and 4) and `show servers state` of one backend.
    pub(super) fn read(stat: &str, states: &str, servers: &Servers) -> Result<Self, Fault> {
        let garbage = |detail| Fault::Garbage { detail };
        let stat = Table::of_stat(stat).map_err(garbage)?;
        let states = Table::of_servers_state(states).map_err(garbage)?;
        let find = |name: &str| stat.rows().find(|row| row.text("svname") == name);
        let backend = find("BACKEND").ok_or_else(|| Fault::Garbage {
            detail: "show stat has no row of the backend".into(),
        })?;
        let server = |name: &str| {
            let unknown = || Fault::Unknown {
                what: format!("server {name} in backend {}", servers.backend),
            };
            let stat = find(name).ok_or_else(unknown)?;
            let state = states.rows().find(|row| row.text("srv_name") == name);
            Server::read(name, stat, state.ok_or_else(unknown)?).map_err(garbage)
        };
        let (stable, canary) = (server(&servers.stable)?, server(&servers.canary)?);
        let mut others = Vec::new();
        for state in states.rows() {
            let name = state.text("srv_name");
            // A backup gets nothing while any other server is up.
            let backup = find(name).is_some_and(|row| row.text("bck") == "1");
            if name != stable.name && name != canary.name && !backup {
                let weight = setting(state).map_err(garbage)?.effective();
                others.extend((weight > 0).then(|| (name.to_owned(), weight)));
            }
        }
        Ok(Self {
            algorithm: backend.text("algo").into(),
            mode: backend.text("mode").into(),
            cookie: backend.text("cookie").into(),
            stable,
            canary,
            others,
        })
    }

    pub(super) fn both(&self) -> Both {
        Both {
            stable: self.stable.setting,
            canary: self.canary.setting,
        }
    }

    /// The canary's share, where it is a whole number.
    pub(super) fn share(&self) -> Option<Share> {
        share(self.canary.setting.effective(), self.total())
    }

    /// The same, rounded.
    pub(super) fn about(&self) -> Share {
        about(self.canary.setting.effective(), self.total())
    }

    fn total(&self) -> u32 {
        let others = self.others.iter().map(|(_, weight)| *weight);
        let two = [self.stable.setting, self.canary.setting].map(Setting::effective);
        two.into_iter().chain(others).map(u32::from).sum()
    }

    /// `blue 90, green 10 (maint)`
    pub(super) fn words(&self) -> String {
        let Both { stable, canary } = self.both();
        format!(
            "{}, {}",
            weight_words(&self.stable.name, stable),
            weight_words(&self.canary.name, canary)
        )
    }

    pub(super) fn counts(&self, place: &str) -> [Count; 2] {
        [(Side::Stable, &self.stable), (Side::Canary, &self.canary)].map(|(side, server)| Count {
            place: place.to_owned(),
            side,
            begun: server.begun,
            failed: server.failed,
            sessions: server.sessions,
        })
    }
}

/// `green 10 (maint)`
pub(super) fn weight_words(name: &str, setting: Setting) -> String {
    match setting.state {
        Admin::Ready => format!("{name} {}", setting.weight),
        Admin::Drain | Admin::Maint => {
            format!("{name} {} ({})", setting.weight, setting.state.word())
        }
    }
}

impl Server {
    fn read(name: &str, stat: Row, state: Row) -> Result<Self, String> {
        let (begun, sessions) = (stat.number("stot")?, stat.number("scur")?);
        Ok(Self {
            name: name.to_owned(),
            setting: setting(state)?,
            configured: weight(state, "srv_iweight")?,
            health: health(stat.text("status")),
            begun,
            failed: failed(stat, begun.saturating_sub(sessions))?,
            sessions,
        })
    }
}

/// How many of the attempts that have ended came to nothing.
fn failed(stat: Row, ended: u64) -> Result<u64, String> {
    let sum = |columns: &[&str]| -> Result<u64, String> {
        columns.iter().map(|column| stat.count(column)).sum()
    };
    // Redispatch hides a dead server from the clients: what was retried or taken over by another server counts.
    // `stot` counts every attempt, so there are never more failures than attempts.
    let broken = sum(&["econ", "eresp", "wretr", "wredis"])?;
    if stat.text("mode") == "tcp" {
        return Ok(broken);
    }
    // A server that closes without an answer, on a client's second request or later, raises no counter at all:
    // HAProxy leaves it to the client to ask again. Such attempts are those of which nothing else is known.
    let answered = sum(&[
        "hrsp_1xx",
        "hrsp_2xx",
        "hrsp_3xx",
        "hrsp_4xx",
        "hrsp_5xx",
        "hrsp_other",
    ])?;
    let known = answered + broken + stat.count("cli_abrt")?;
    Ok(broken + stat.count("hrsp_5xx")? + ended.saturating_sub(known))
}

fn setting(state: Row) -> Result<Setting, String> {
    // Bits of `srv_admin_state`: 0x01 maintenance by an operator, 0x02 by a tracked server, 0x20 for want of an
    // address; 0x08 drained by an operator, 0x10 by a tracked server. 0x04 only says that the configuration began so.
    let flags = state.number("srv_admin_state")?;
    Ok(Setting {
        weight: weight(state, "srv_uweight")?,
        state: if flags & 0x23 != 0 {
            Admin::Maint
        } else if flags & 0x18 != 0 {
            Admin::Drain
        } else {
            Admin::Ready
        },
    })
}

fn weight(state: Row, column: &str) -> Result<u16, String> {
    let number = state.number(column)?;
    u16::try_from(number)
        .ok()
        .filter(|weight| *weight <= super::moves::HEAVIEST)
        .ok_or_else(|| format!("found {number} in the column {column}, expected 0 to 256"))
}

fn health(status: &str) -> Health {
    match status {
        "no check" => Health::Unchecked,
        // A server with weight 0 whose checks pass shows as `DRAIN`, one that asks to be drained as `NOLB`.
        _ if ["UP", "DRAIN", "NOLB"]
            .iter()
            .any(|word| status.starts_with(word)) =>
        {
            Health::Up
        }
        _ => Health::Down,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::haproxy::answer::{SERVERS, STAT};

    fn servers(canary: &str) -> Servers {
        Servers {
            backend: "shop".into(),
            stable: "blue".into(),
            canary: canary.into(),
        }
    }

    #[test]
    fn a_recorded_answer_is_read_whole() {
        let state = State::read(STAT, SERVERS, &servers("green")).unwrap();
        assert_eq!(
            (state.algorithm.as_str(), state.mode.as_str()),
            ("roundrobin", "http")
        );
        assert_eq!(state.words(), "blue 75, green 25 (maint)");
        assert_eq!(state.share(), Some(Share::NONE));
        assert_eq!(state.canary.configured, 25);
        let [stable, canary] = state.counts("here");
        assert_eq!((stable.begun, stable.failed, stable.sessions), (15, 0, 0));
        assert_eq!((canary.begun, canary.failed), (20, 20));
        assert!(state.others.is_empty());
    }

    #[test]
    fn a_server_that_is_not_there_is_named() {
        let fault = State::read(STAT, SERVERS, &servers("grin")).unwrap_err();
        assert_eq!(fault.to_string(), "there is no server grin in backend shop");
    }

    #[test]
    fn another_server_takes_its_part_of_the_traffic() {
        let servers = Servers {
            stable: "green".into(),
            canary: "blue".into(),
            ..servers("")
        };
        let third = SERVERS.lines().nth(2).unwrap().replace("blue", "third");
        let states = format!("{SERVERS}{third}\n");
        let state = State::read(STAT, &states, &servers).unwrap();
        assert_eq!(state.others, [("third".to_owned(), 75)]);
        assert_eq!(state.share(), Share::new(50));
    }

    #[test]
    fn the_bits_of_the_admin_state_say_whether_it_takes_part() {
        for (bits, state) in [
            ("0", Admin::Ready),
            ("4", Admin::Ready),
            ("1", Admin::Maint),
            ("34", Admin::Maint),
            ("8", Admin::Drain),
            ("9", Admin::Maint),
        ] {
            let text = SERVERS.replace(
                "green 127.0.0.1 0 1 ",
                &format!("green 127.0.0.1 0 {bits} "),
            );
            let table = Table::of_servers_state(&text).unwrap();
            let green = table.rows().nth(1).unwrap();
            assert_eq!(setting(green).unwrap().state, state, "{bits}");
        }
    }

    #[test]
    fn every_word_of_health_is_known() {
        for (word, expected) in [
            ("UP", Health::Up),
            ("UP 1/3", Health::Up),
            ("DRAIN", Health::Up),
            ("NOLB 1/2", Health::Up),
            ("no check", Health::Unchecked),
            ("DOWN", Health::Down),
            ("DOWN (agent)", Health::Down),
            ("MAINT (via a/b)", Health::Down),
        ] {
            assert_eq!(health(word), expected, "{word}");
        }
    }
}
