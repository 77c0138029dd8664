//! Making a connection, step by step, so that every step can be timed and named.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::ClientConfig;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport,
};
use ureq::{Error, Timeout};

use crate::endpoint::Endpoint;
use crate::reason::Phase;

use super::progress::Progress;
use super::resolve::{NoAddress, addresses, is_address};
use super::secured::handshake;
use super::watched::{Watched, within};

/// Opens connections.
#[derive(Debug)]
pub(super) struct Dial {
    pub(super) progress: Arc<Progress>,
    /// Absent where nothing on the way speaks TLS.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// The origin to write before the path, when a proxy takes plain HTTP.
    pub(super) origin: Option<String>,
    /// Whether the connection to a proxy is being opened, on which another one will be built.
    pub(super) to_proxy: AtomicBool,
}

impl Connector for Dial {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let to_proxy = self.to_proxy.load(Ordering::Relaxed);
        let mut transport = self.open(details)?.ok_or(Error::ConnectionFailed)?;
        if let (Some(config), true) = (&self.tls, details.needs_tls()) {
            if !to_proxy {
                self.progress.enter(Phase::Tls);
            }
            let timeout = within(details.timeout, self.progress.left());
            transport = Box::new(handshake(transport, config, details, timeout)?);
        }
        if to_proxy {
            let watched = Watched::new(transport, Arc::clone(&self.progress), None);
            return Ok(Some(Box::new(watched)));
        }
        self.progress.enter(Phase::Send);
        let (progress, origin) = (Arc::clone(&self.progress), self.origin.clone());
        Ok(Some(Box::new(Watched::new(transport, progress, origin))))
    }
}

impl Dial {
    fn open(&self, details: &ConnectionDetails) -> Result<Option<Box<dyn Transport>>, Error> {
        if details.config.proxy().is_none() {
            let timeout = within(details.timeout, self.progress.left());
            let details = ConnectionDetails {
                uri: details.uri,
                addrs: details.addrs.clone(),
                config: details.config,
                request_level: details.request_level,
                resolver: details.resolver,
                now: details.now,
                timeout,
                current_time: Arc::clone(&details.current_time),
                run_connector: Arc::clone(&details.run_connector),
                register_shutdown: Arc::clone(&details.register_shutdown),
            };
            let opened = TcpConnector::default().connect(&details, None::<()>)?;
            return Ok(opened.map(Transport::boxed));
        }
        // This comes back here for the connection to the proxy itself.
        self.to_proxy.store(true, Ordering::Relaxed);
        self.progress.see(|seen| seen.at_proxy = true);
        let opened = ConnectProxyConnector::default().connect(details, None::<()>)?;
        self.to_proxy.store(false, Ordering::Relaxed);
        self.progress.see(|seen| seen.at_proxy = false);
        Ok(opened.map(Transport::boxed))
    }
}

/// Looks up the host of the request, or the proxy that takes it.
#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) progress: Arc<Progress>,
    /// The host to connect to.
    pub(super) peer: Endpoint,
}

impl Resolver for Lookup {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        if !is_address(&self.peer.host) {
            self.progress.enter(Phase::Resolve);
        }
        let found = addresses(&self.peer.host, self.peer.port, self.progress.left());
        let found = found.map_err(|none| match none {
            NoAddress::Timeout => Error::Timeout(Timeout::Resolve),
            NoAddress::Unknown(text) => Error::Io(std::io::Error::other(text)),
        })?;
        self.progress.enter(Phase::Connect);
        let mut addresses = self.empty();
        for address in found.into_iter().take(16) {
            addresses.push(address);
        }
        Ok(addresses)
    }
}
