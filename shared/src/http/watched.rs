//! A transport that notes what goes by.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

use super::progress::Progress;

/// Keeps every read and write within the whole request's limit, tells when the first byte is waited for, and notes what
/// explains a failure.
#[derive(Debug)]
pub(super) struct Watched {
    inner: Box<dyn Transport>,
    progress: Arc<Progress>,
    /// What goes before the path in the first line, until it is sent: a proxy for plain HTTP wants the whole address.
    origin: Option<String>,
}

impl Watched {
    pub(super) fn new(
        inner: Box<dyn Transport>,
        progress: Arc<Progress>,
        origin: Option<String>,
    ) -> Self {
        Self {
            inner,
            progress,
            origin,
        }
    }

    /// Puts the origin between method and path of the request that waits in the output buffer.
    fn insert_origin(&mut self, amount: usize) -> Result<usize, Error> {
        let Some(origin) = self.origin.take() else {
            return Ok(amount);
        };
        let output = self.inner.buffers().output();
        let space = output[..amount].iter().position(|byte| *byte == b' ');
        let longer = amount + origin.len();
        let Some(at) = space.map(|at| at + 1).filter(|_| longer <= output.len()) else {
            return Err(std::io::Error::other("the headers do not fit a proxy's request").into());
        };
        output.copy_within(at..amount, at + origin.len());
        output[at..at + origin.len()].copy_from_slice(origin.as_bytes());
        Ok(longer)
    }
}

impl Transport for Watched {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let amount = self.insert_origin(amount)?;
        self.inner
            .transmit_output(amount, within(timeout, self.progress.patience()))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.progress.sent();
        let result = self
            .inner
            .await_input(within(timeout, self.progress.patience()));
        match &result {
            Ok(true) => {
                let first = self.inner.buffers().input().first_chunk().copied();
                self.progress.see(|seen| {
                    if seen.first == [0, 0] {
                        seen.first = first.unwrap_or_default();
                    }
                });
            }
            Err(Error::Io(error)) if error.kind() == ErrorKind::ConnectionReset => {
                self.progress.see(|seen| seen.reset = true);
            }
            Ok(false) | Err(_) => {}
        }
        result
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let excess = self.inner.buffers().input();
        let excess = excess.iter().any(|byte| !byte.is_ascii_whitespace());
        self.progress.see(|seen| seen.excess |= excess);
    }
}

/// The time limit, but no longer than what is left of the whole.
pub(super) fn within(mut timeout: NextTimeout, left: Duration) -> NextTimeout {
    timeout.after = timeout.after.min(left.into());
    timeout
}
