//! Real servers for the tests: started on loopback, ended with the test.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "what cannot be started must fail the test"
)]

pub mod alertmanager;
pub mod backend;
pub mod binary;
pub mod company;
pub mod connect_proxy;
pub mod container;
pub mod example;
pub mod forge;
mod git_guard;
pub mod git_relay;
pub mod git_repository;
pub mod git_server;
pub mod git_shell;
pub mod haproxy;
pub mod hostile;
pub mod load;
pub mod markdown;
pub mod postgres;
pub mod program;
pub mod prometheus;
pub mod promise;
pub mod recorder;
pub mod registry;
pub mod relay;
pub mod scratch;
pub mod sink;
pub mod smtp;
mod stop;
pub mod tls;
pub mod woodpecker;
pub mod workflow;
