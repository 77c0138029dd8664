//! The rollout played against a small world (golden scenarios, chance), and the real binary against real servers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod again;
mod broken;
mod chance;
mod corpus;
mod counting;
mod documents;
mod drains;
mod ends;
mod evidence;
mod examples;
mod faults;
mod forges;
mod frozen;
mod gates;
mod hangs;
mod hooks;
mod kills;
mod load;
mod page;
mod policies;
mod promises;
mod properties;
mod refusals;
mod replaying;
mod replays;
mod rollouts;
mod scenarios;
mod secured;
mod step;
mod telling;
mod world;
