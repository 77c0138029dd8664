//! Answers that are too big to be held: their body goes on as it comes.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use super::{Failure, Http, Progress, Request, Response};

impl Http {
    /// Sends a request and writes the body of a 200 to `sink` as it comes, up to the request's limit; the
    /// [`Response::body`] is then empty. The body of any other answer is read as by [`Http::send`]. No redirect is
    /// followed. `idle` limits every single read and write beside the request's own limit for the whole.
    ///
    /// # Errors
    /// As for [`Http::send`], and when `sink` takes no more.
    pub fn receive(
        &self,
        request: &Request,
        idle: Duration,
        sink: &mut dyn Write,
    ) -> Result<Response, Box<Failure>> {
        let progress = Arc::new(Progress::start(request.timeout).with_idle(idle));
        let answer = self
            .prepare(request, request.endpoint, &progress)
            .and_then(|hop| hop.run_into(sink));
        let failed = |reason| Failure {
            reason,
            phases: progress.phases(),
        };
        let mut response = answer.map_err(|reason| Box::new(failed(reason)))?;
        response.phases = progress.phases();
        Ok(response)
    }
}
