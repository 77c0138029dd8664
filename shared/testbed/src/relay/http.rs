//! HTTP/1.1: requests with their answers, each over a connection of its own to the server.

use std::io::{self, BufRead, BufReader, Write};

use serde_json::Value;

use super::desk::Kind;
use super::line::Line;

const GARBAGE: &[u8] = b"\x00nonsense\r\n\r\n";
/// Fields of a JSON body that tell one request from another.
const TELLING: [&str; 4] = ["action", "percent", "stage", "state"];

pub(super) fn serve(mut line: Line) -> io::Result<()> {
    let mut input = BufReader::new(line.client.try_clone()?);
    while let Some(request) = Message::read(&mut input, false)? {
        let name = request.name();
        let asks = name.starts_with("GET ") || name.starts_with("HEAD ");
        let kind = if asks { Kind::Read } else { Kind::Effect };
        let server = line.server.clone();
        let mut is_last = true;
        line.exchange(name, kind, GARBAGE, || {
            let mut server = server.connect()?;
            server.write_all(&request.bytes)?;
            let answer = Message::read(&mut BufReader::new(server), true)?;
            let answer = answer.ok_or(io::ErrorKind::UnexpectedEof)?;
            is_last = answer.ends_connection;
            Ok(answer.bytes)
        })?;
        if is_last {
            return Ok(());
        }
    }
    Ok(())
}

/// A request or an answer as it came.
struct Message {
    bytes: Vec<u8>,
    /// Where the body begins.
    body: usize,
    ends_connection: bool,
}

impl Message {
    /// Nothing when there is none any more. Only an answer may last until the connection ends.
    fn read(input: &mut impl BufRead, is_answer: bool) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        let (mut length, mut is_chunked, mut ends_connection) = (None::<usize>, false, false);
        loop {
            let begin = bytes.len();
            if input.read_until(b'\n', &mut bytes)? == 0 {
                return Ok(None);
            }
            let text = String::from_utf8_lossy(&bytes[begin..]).to_ascii_lowercase();
            if text.trim_end().is_empty() {
                break;
            }
            match text
                .split_once(':')
                .map(|(name, value)| (name, value.trim()))
            {
                Some(("content-length", value)) => length = value.parse().ok(),
                Some(("transfer-encoding", value)) => is_chunked = value.contains("chunked"),
                Some(("connection", value)) => ends_connection = value.contains("close"),
                _ => {}
            }
        }
        let body = bytes.len();
        match length {
            Some(length) => {
                bytes.resize(body + length, 0);
                input.read_exact(&mut bytes[body..])?;
            }
            None if is_chunked => while chunk(input, &mut bytes)? {},
            None if is_answer => {
                ends_connection = true;
                input.read_to_end(&mut bytes)?;
            }
            None => {}
        }
        Ok(Some(Self {
            bytes,
            body,
            ends_connection,
        }))
    }

    /// `POST /hook action=deploy stage=0`.
    fn name(&self) -> String {
        let head = String::from_utf8_lossy(&self.bytes[..self.body]);
        let mut words = head.split_whitespace();
        let (method, path) = (words.next(), words.next());
        let mut name = [method, path].map(Option::unwrap_or_default).join(" ");
        let body: Value = serde_json::from_slice(&self.bytes[self.body..]).unwrap_or_default();
        for field in TELLING {
            if let Some(value) = body.get(field).filter(|value| !value.is_null()) {
                let text = value.to_string();
                name = format!("{name} {field}={}", text.trim_matches('"'));
            }
        }
        name
    }
}

/// Copies one chunk of a body; false after the last one.
fn chunk(input: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<bool> {
    let begin = bytes.len();
    input.read_until(b'\n', bytes)?;
    let text = String::from_utf8_lossy(&bytes[begin..]).trim().to_owned();
    let size = text.split(';').next().unwrap_or_default();
    let size = usize::from_str_radix(size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
    let begin = bytes.len();
    bytes.resize(begin + size + 2, 0);
    input.read_exact(&mut bytes[begin..])?;
    Ok(size > 0)
}
