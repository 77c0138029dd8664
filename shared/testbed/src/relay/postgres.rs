//! PostgreSQL's protocol, version 3, in plain text: everything up to the server's "ready for the next" is one exchange.

use std::io::{self, Read, Write};

use super::desk::Kind;
use super::line::{Line, Stream};
use super::statement::{self, Said};

/// A message of a kind that does not exist.
const GARBAGE: &[u8] = b"?\0\0\0\x08abcd";
/// Asks for TLS before anything else.
const TLS: u32 = 80_877_103;
/// Asks for an encryption that nobody has here.
const GSS: u32 = 80_877_104;
/// Longer than any message of a test.
const LENGTH_MAX: usize = 64 << 20;

pub(super) fn serve(mut line: Line) -> io::Result<()> {
    let mut client = line.client.try_clone()?;
    let startup = loop {
        let bytes = startup(&mut client)?;
        match bytes.get(4..8).map(number) {
            Some(TLS | GSS) => client.write_all(b"N")?,
            _ => break bytes,
        }
    };
    let mut server = line.server.connect()?;
    line.exchange("connect".to_owned(), Kind::Connect, GARBAGE, || {
        server.write_all(&startup)?;
        greet(&mut client, &mut *server)
    })?;
    let mut open = Vec::new();
    loop {
        let messages = asked(&mut client)?;
        let bytes: Vec<u8> = messages.concat();
        if messages.last().is_some_and(|last| last[0] == b'X') {
            return server.write_all(&bytes);
        }
        let (name, kind) = meaning(&statement::said(&messages), &mut open);
        line.exchange(name, kind, GARBAGE, || {
            server.write_all(&bytes)?;
            answered(&mut *server)
        })?;
    }
}

/// What a statement is, where `open` is what the transaction has written so far.
fn meaning(said: &Said, open: &mut Vec<String>) -> (String, Kind) {
    match said {
        Said::Ends { commits } => {
            let written = std::mem::take(open);
            let word = if *commits { "COMMIT" } else { "ROLLBACK" };
            if *commits && !written.is_empty() {
                return (format!("COMMIT of {}", written.join(", ")), Kind::Effect);
            }
            (word.to_owned(), Kind::Read)
        }
        Said::Reads(name) => (name.clone(), Kind::Read),
        Said::Writes(name) => {
            open.push(name.clone());
            (name.clone(), Kind::Pending)
        }
        Said::Defines(name) => (name.clone(), Kind::Schema),
    }
}

/// Passes the greeting on, with the password's exchange in it; gives the rest of it, up to "ready".
fn greet(client: &mut impl Stream, server: &mut dyn Stream) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    loop {
        let message = message(server)?;
        let wants_more =
            message[0] == b'R' && matches!(message.get(5..9).map(number), Some(3 | 5 | 10 | 11));
        let is_over = matches!(message[0], b'Z' | b'E');
        answer.extend(message);
        if is_over {
            return Ok(answer);
        }
        if wants_more {
            client.write_all(&std::mem::take(&mut answer))?;
            server.write_all(&self::message(client)?)?;
        }
    }
}

/// The client's messages up to the one that it waits after.
fn asked(client: &mut impl Stream) -> io::Result<Vec<Vec<u8>>> {
    let mut messages = Vec::new();
    loop {
        let message = message(client)?;
        let waits = matches!(message[0], b'Q' | b'S' | b'X');
        messages.push(message);
        if waits {
            return Ok(messages);
        }
    }
}

/// The server's messages up to "ready".
fn answered(server: &mut dyn Stream) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    loop {
        let message = message(server)?;
        let is_over = message[0] == b'Z';
        answer.extend(message);
        if is_over {
            return Ok(answer);
        }
    }
}

/// A message with its kind and length.
fn message(input: &mut (impl Read + ?Sized)) -> io::Result<Vec<u8>> {
    let mut kind = [0];
    input.read_exact(&mut kind)?;
    let mut bytes = kind.to_vec();
    bytes.extend(startup(input)?);
    Ok(bytes)
}

/// A message without a kind.
fn startup(input: &mut (impl Read + ?Sized)) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    input.read_exact(&mut bytes)?;
    let length = usize::try_from(number(&bytes)).unwrap();
    if !(4..LENGTH_MAX).contains(&length) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    bytes.resize(length, 0);
    input.read_exact(&mut bytes[4..])?;
    Ok(bytes)
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().unwrap())
}
