//! HAProxy's runtime API: one command a connection, answered until the server closes it.

use std::io::{self, BufRead, BufReader, Read, Write};

use super::desk::Kind;
use super::line::Line;

/// Answers that no runtime API gives.
const GARBAGE: &[u8] = b"\xff\xfe nonsense";
/// What begins a command that only asks.
const ASKING: [&str; 3] = ["show ", "get ", "help"];

pub(super) fn serve(mut line: Line) -> io::Result<()> {
    let mut command = String::new();
    BufReader::new(line.client.try_clone()?).read_line(&mut command)?;
    let name = command.trim_end().to_owned();
    if name.is_empty() {
        return Ok(());
    }
    let asks = ASKING.iter().any(|word| name.starts_with(word));
    let kind = if asks { Kind::Read } else { Kind::Effect };
    let server = line.server.clone();
    line.exchange(name, kind, GARBAGE, || {
        let mut server = server.connect()?;
        server.write_all(command.as_bytes())?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        Ok(answer)
    })
}
