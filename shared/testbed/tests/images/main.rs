//! The images that `.ci/images` built, run by podman as Woodpecker runs them, against real servers on the host.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test must fail it")]

mod container;
mod contents;
mod emulated;
mod health;
mod labels;
mod pipeline;
mod progressive;
mod rollback;
mod team;
