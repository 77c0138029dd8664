//! A real SMTP server: aiosmtpd on a free loopback port, ended with the value.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::tls::Issued;

/// Whether and how the server encrypts.
#[derive(Debug, Default)]
pub enum Encryption {
    /// Not at all; it offers no STARTTLS.
    #[default]
    None,
    /// It takes nothing but STARTTLS first.
    StartTls(Issued),
    /// From the first byte.
    Implicit(Issued),
}

/// How the server behaves.
#[derive(Debug, Default)]
pub struct Behaviour {
    /// Whether and how it encrypts.
    pub encryption: Encryption,
    /// User and password, asked for when there are any.
    pub login: Option<(String, String)>,
    /// This many mails are answered with 451 first.
    pub busy: u32,
    /// Recipients that are answered with 550; `*` for all.
    pub refuse: Vec<String>,
    /// Answers EHLO with 550.
    pub refuse_hello: bool,
    /// Accepts connections and never answers.
    pub silent: bool,
    /// Greets for ever, a line every 200 ms.
    pub endless: bool,
}

/// A running server.
#[derive(Debug)]
pub struct Smtp {
    child: Child,
    folder: PathBuf,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

impl Smtp {
    /// Starts a server and waits until it listens.
    pub fn start(behaviour: &Behaviour) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("smtp-{}-{count}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (word, issued) = match &behaviour.encryption {
            Encryption::None => ("none", None),
            Encryption::StartTls(issued) => ("starttls", Some(issued)),
            Encryption::Implicit(issued) => ("implicit", Some(issued)),
        };
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        if let Some(issued) = issued {
            fs::write(&certificate, &issued.cert_pem).unwrap();
            fs::write(&key, &issued.key_pem).unwrap();
        }
        let options = json!({
            "tls": word, "certificate": certificate, "key": key, "log": folder.join("log"),
            "login": behaviour.login, "busy": behaviour.busy, "refuse": behaviour.refuse,
            "refuse_hello": behaviour.refuse_hello, "silent": behaviour.silent,
            "endless": behaviour.endless,
        });
        fs::write(folder.join("log"), "").unwrap();
        let mut child = Command::new("/usr/bin/python3")
            .args([
                "-W",
                "ignore",
                "-c",
                include_str!("smtp_server.py"),
                &options.to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let Ok(port) = line.trim().parse() else {
            panic!("the server printed {line:?} for its port (is python3-aiosmtpd installed?)");
        };
        Self {
            child,
            folder,
            port,
        }
    }

    /// The mails taken so far: envelope, headers, subject and both bodies as the server decoded them.
    pub fn mails(&self) -> Vec<Value> {
        self.events("mail")
    }

    /// Every command line that the server read so far.
    pub fn commands(&self) -> Vec<String> {
        self.events("command")
            .iter()
            .map(|event| event["line"].as_str().unwrap().to_owned())
            .collect()
    }

    fn events(&self, kind: &str) -> Vec<Value> {
        fs::read_to_string(self.folder.join("log"))
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|event| event["event"] == kind)
            .collect()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        // Both may fail when the server is gone already; there is nothing left to do then.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
