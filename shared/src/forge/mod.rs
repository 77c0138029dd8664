//! The room for forges: commit status, deployment status and incidents on GitHub, Forgejo, Gitea and GitLab.
//!
//! Nothing is built in it yet, so no plugin takes a forge's token: a setting that would do nothing is not accepted.
//! Each forge gets a file of its own here, over `http`; what an incident says is decided in a pure room.
