//! A unix socket before another one, that notes every command that passes.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::scratch::Scratch;
use crate::stop::Stop;

/// What becomes of a command on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It is passed on, and so is the answer.
    Through,
    /// It is answered as if it had been done, and is not passed on.
    Swallowed,
    /// It is answered with this.
    Answered(&'static str),
}

type Rule = Box<dyn Fn(&str) -> Passage + Send + Sync>;

/// A recorder. It ends when it is dropped.
pub struct Recorder {
    /// Where it listens.
    pub socket: PathBuf,
    commands: Arc<Mutex<Vec<String>>>,
    stop: Stop,
    accepting: Option<JoinHandle<()>>,
    _scratch: Scratch,
}

impl Recorder {
    /// Passes everything on to the socket `behind`.
    pub fn start(behind: &Path) -> Self {
        Self::with_rule(behind, |_| Passage::Through)
    }

    /// Passes on what the rule lets through.
    pub fn with_rule(
        behind: &Path,
        rule: impl Fn(&str) -> Passage + Send + Sync + 'static,
    ) -> Self {
        let scratch = Scratch::new("recorder");
        let socket = scratch.join("api.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let (stop, commands) = (Stop::default(), Arc::<Mutex<Vec<String>>>::default());
        let (stopping, noting) = (stop.clone(), Arc::clone(&commands));
        let (behind, rule) = (behind.to_owned(), Arc::new(Box::new(rule) as Rule));
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopping.stopped() {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (behind, rule) = (behind.clone(), Arc::clone(&rule));
                let noting = Arc::clone(&noting);
                // The client may leave at any time; that is not the recorder's failure.
                std::thread::spawn(move || drop(pass(stream, &behind, &rule, &noting)));
            }
        });
        Self {
            socket,
            commands,
            stop,
            accepting: Some(accepting),
            _scratch: scratch,
        }
    }

    /// The commands so far that change something, in order.
    pub fn writes(&self) -> Vec<String> {
        let commands = self.commands.lock().unwrap();
        let writes = commands
            .iter()
            .filter(|command| command.starts_with("set "));
        writes.cloned().collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.stop.stop();
        // Wakes the thread that waits for the next connection.
        drop(UnixStream::connect(&self.socket));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn pass(
    mut client: UnixStream,
    behind: &Path,
    rule: &Rule,
    commands: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut command = String::new();
    BufReader::new(client.try_clone()?).read_line(&mut command)?;
    commands.lock().unwrap().push(command.trim_end().to_owned());
    match rule(command.trim_end()) {
        Passage::Through => {
            let mut server = UnixStream::connect(behind)?;
            server.write_all(command.as_bytes())?;
            let mut answer = Vec::new();
            server.read_to_end(&mut answer)?;
            client.write_all(&answer)
        }
        Passage::Swallowed => client.write_all(b"\n"),
        Passage::Answered(text) => client.write_all(text.as_bytes()),
    }
}
