//! A small forge on loopback: issues, comments, labels, statuses, deployments and pull requests with a memory, which
//! refuses whatever the real forge's own description refuses, and does wrong when it is told to.

mod description;
mod githublike;
mod gitlab;
mod serve;
mod state;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

use crate::sink::{Reply, Request};
use crate::stop::Stop;

pub use description::Description;
pub use state::{Asked, Data, Deployed, Item};

/// The token that it takes.
pub const TOKEN: &str = "t0k3n-t0k3n-t0k3n";
/// The repository that it has.
pub const REPO: &str = "acme/shop";

/// Which forge it speaks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// GitHub Enterprise, below `/api/v3`.
    GitHub,
    /// Forgejo, below `/api/v1`.
    Forgejo,
    /// GitLab, below `/api/v4`.
    GitLab,
}

impl Flavour {
    fn root(self) -> &'static str {
        match self {
            Self::GitHub => "/api/v3",
            Self::Forgejo => "/api/v1",
            Self::GitLab => "/api/v4",
        }
    }
}

/// When a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Instead of what was asked.
    Instead,
    /// After it was done: the answer got lost.
    After,
}

struct Fault {
    method: &'static str,
    part: String,
    when: When,
    reply: Reply,
    times: u32,
}

struct Gate {
    method: &'static str,
    part: String,
    barrier: Arc<Barrier>,
    left: usize,
}

struct Inner {
    flavour: Flavour,
    /// GitLab publishes none of this kind.
    description: Option<Description>,
    data: Mutex<Data>,
    faults: Mutex<Vec<Fault>>,
    gates: Mutex<Vec<Gate>>,
    seen: Mutex<Vec<Request>>,
    refused: Mutex<Vec<String>>,
    wrong: Mutex<Vec<String>>,
    stop: Stop,
}

/// A running forge. It ends when it is dropped, and fails the test if it answered what the description does not allow.
pub struct Forge {
    address: SocketAddr,
    inner: Arc<Inner>,
    accepting: Option<JoinHandle<()>>,
}

impl Forge {
    /// Starts on a free loopback port.
    pub fn start(flavour: Flavour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            flavour,
            description: Description::of(flavour),
            data: Mutex::new(Data::new(format!("http://{address}/{REPO}"))),
            faults: Mutex::default(),
            gates: Mutex::default(),
            seen: Mutex::default(),
            refused: Mutex::default(),
            wrong: Mutex::default(),
            stop: Stop::default(),
        });
        let serving = Arc::clone(&inner);
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.stop.stopped() {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let inner = Arc::clone(&serving);
                // The client may leave at any time; that is not the forge's failure.
                std::thread::spawn(move || {
                    drop(serve::serve(stream, |request| inner.answer(&request)));
                });
            }
        });
        Self {
            address,
            inner,
            accepting: Some(accepting),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of its pages.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it remembers, to look at and to change.
    pub fn data<T>(&self, with: impl FnOnce(&mut Data) -> T) -> T {
        with(&mut self.inner.data.lock().unwrap())
    }

    /// The next `times` requests of that method whose address holds `part` are answered with this.
    pub fn fault(&self, method: &'static str, part: &str, when: When, reply: Reply, times: u32) {
        let part = part.to_owned();
        self.inner.faults.lock().unwrap().push(Fault {
            method,
            part,
            when,
            reply,
            times,
        });
    }

    /// The next `count` requests of that method whose address holds `part` are answered only when all of them came.
    pub fn gather(&self, method: &'static str, part: &str, count: usize) {
        self.inner.gates.lock().unwrap().push(Gate {
            method,
            part: part.to_owned(),
            barrier: Arc::new(Barrier::new(count)),
            left: count,
        });
    }

    /// What came so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.inner.seen.lock().unwrap().clone()
    }

    /// How many requests of that method came whose address holds `part`.
    pub fn count(&self, method: &str, part: &str) -> usize {
        let seen = self.inner.seen.lock().unwrap();
        let same = seen
            .iter()
            .filter(|r| r.method == method && r.path.contains(part));
        same.count()
    }

    /// Requests that the description refuses, and why.
    pub fn refused(&self) -> Vec<String> {
        self.inner.refused.lock().unwrap().clone()
    }
}

impl Drop for Forge {
    fn drop(&mut self) {
        self.inner.stop.stop();
        // Wakes the thread that waits for the next connection.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        let wrong = self.inner.wrong.lock().unwrap();
        if !std::thread::panicking() {
            assert!(
                wrong.is_empty(),
                "answers that the real forge does not give: {wrong:?}"
            );
        }
    }
}

impl Inner {
    fn answer(&self, request: &Request) -> Reply {
        self.seen.lock().unwrap().push(request.clone());
        self.wait_for_others(request);
        if let Some(reply) = self.struck(request, When::Instead) {
            return reply;
        }
        let reply = self.done(request);
        self.struck(request, When::After).unwrap_or(reply)
    }

    fn wait_for_others(&self, request: &Request) {
        let barrier = {
            let mut gates = self.gates.lock().unwrap();
            let gate = gates.iter_mut().find(|gate| {
                gate.left > 0 && gate.method == request.method && request.path.contains(&gate.part)
            });
            gate.map(|gate| {
                gate.left -= 1;
                Arc::clone(&gate.barrier)
            })
        };
        if let Some(barrier) = barrier {
            barrier.wait();
        }
    }

    fn struck(&self, request: &Request, when: When) -> Option<Reply> {
        let mut faults = self.faults.lock().unwrap();
        let fault = faults.iter_mut().find(|fault| {
            let same = fault.method == request.method && request.path.contains(&fault.part);
            same && fault.times > 0 && fault.when == when
        })?;
        fault.times -= 1;
        Some(fault.reply.clone())
    }

    fn done(&self, request: &Request) -> Reply {
        if !self.is_known(request) {
            return message(401, "Bad credentials");
        }
        let Some(path) = request.path.strip_prefix(self.flavour.root()) else {
            return message(404, "Not Found");
        };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let asked = state::Asked {
            method: &request.method,
            parts: path.split('/').skip(1).map(state::decoded).collect(),
            query: query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (name.to_owned(), state::decoded(value)))
                .collect(),
            body: serde_json::from_slice(&request.body).unwrap_or(Value::Null),
        };
        let operation = match self
            .description
            .as_ref()
            .map(|all| all.request(&asked, path))
        {
            Some(Err(why)) => {
                let why = format!("{} {}: {why}", request.method, request.path);
                self.refused.lock().unwrap().push(why.clone());
                return message(422, &why);
            }
            Some(Ok(operation)) => Some(operation),
            None => None,
        };
        let mut data = self.data.lock().unwrap();
        let reply = match (self.flavour, &self.description) {
            (Flavour::GitLab, _) | (_, None) => gitlab::answer(&asked, &mut data),
            (flavour, Some(all)) => githublike::answer(&asked, &mut data, flavour, all),
        };
        if let (Some(operation), Some(all)) = (operation, &self.description)
            && let Err(why) = all.answer(operation, &reply)
        {
            let why = format!("{} {}: {why}", request.method, request.path);
            self.wrong.lock().unwrap().push(why);
        }
        reply
    }

    /// Every forge has its own way to be shown the token.
    fn is_known(&self, request: &Request) -> bool {
        let expected = match self.flavour {
            Flavour::GitHub => ("authorization", format!("Bearer {TOKEN}")),
            Flavour::Forgejo => ("authorization", format!("token {TOKEN}")),
            Flavour::GitLab => ("private-token", TOKEN.to_owned()),
        };
        request.header(expected.0) == Some(&expected.1)
    }
}

/// An answer with a message.
pub(crate) fn message(status: u16, text: &str) -> Reply {
    json(status, &serde_json::json!({ "message": text }))
}

/// An answer with a value.
pub(crate) fn json(status: u16, value: &Value) -> Reply {
    Reply::new(status, &value.to_string()).header("Content-Type", "application/json")
}
