//! TLS over another transport.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, LazyBuffers, NextTimeout, Transport, TransportAdapter,
};

/// A transport after its TLS handshake.
#[derive(Debug)]
pub(super) struct Secured {
    buffers: LazyBuffers,
    stream: Stream,
}

struct Stream(StreamOwned<ClientConnection, TransportAdapter>);

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stream")
    }
}

/// Shakes hands with the server that `details` name.
pub(super) fn handshake(
    plain: Box<dyn Transport>,
    config: &Arc<ClientConfig>,
    details: &ConnectionDetails,
    timeout: NextTimeout,
) -> Result<Secured, Error> {
    let host = details.uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Error::Tls("the host's name is none that a certificate can carry"))?;
    let mut connection = ClientConnection::new(Arc::clone(config), name)?;
    let mut socket = TransportAdapter::new(plain, Arc::clone(&details.current_time));
    socket.set_timeout(timeout);
    connection.complete_io(&mut socket)?;
    let (input, output) = (
        details.config.input_buffer_size(),
        details.config.output_buffer_size(),
    );
    Ok(Secured {
        buffers: LazyBuffers::new(input, output),
        stream: Stream(StreamOwned::new(connection, socket)),
    })
}

impl Transport for Secured {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.0.sock.set_timeout(timeout);
        let output = &self.buffers.output()[..amount];
        self.stream.0.write_all(output)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.0.sock.set_timeout(timeout);
        let amount = self.stream.0.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.0.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
