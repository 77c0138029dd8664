//! A small service on loopback whose health can be chosen by the path, for the demonstration and for tests.

mod service;

pub use service::Service;
