//! Git: what is on the remote, what it came from, and taking a branch back.
//!
//! ```text
//! acts ─▶ swap ─▶ remote ─▶ wire/http  ─▶ shared::http
//!   │      │         ├────▶ wire/ssh   ─▶ talk ─▶ the program ssh
//! history  │         └────▶ wire/local ─▶ a repository on this machine
//!   └────▶ work (a bare repository in a folder of our own) ◀── fetch
//! pure: address, advert, ask, barrier, incoming, lease, login, name, packet, report, text
//! ```
//!
//! libgit2 keeps objects and walks them; the wire is ours, so that there is one TLS, one set of proxies and one list of
//! authorities, and so that every answer of a server is ours to read.
//!
//! Deliberately absent: the user's clone (shallow, partial, owned by another user, perhaps not there), a plain force
//! push, merging, SHA-256 repositories (libgit2 cannot read them yet), and git's own configuration.

pub mod acts;
pub mod address;
mod advert;
mod ask;
pub mod barrier;
pub mod error;
mod fetch;
mod graph;
pub mod history;
mod incoming;
pub mod lease;
pub mod login;
pub mod name;
mod packet;
pub mod remote;
mod report;
mod swap;
mod text;
mod wire;
pub mod work;

pub use git2::Oid;

/// Reads the full name of a commit: 40 hexadecimal digits, no abbreviation.
pub fn commit_id(text: &str) -> Option<Oid> {
    let hex = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex.then(|| Oid::from_str(text).ok()).flatten()
}
