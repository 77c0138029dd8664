//! Packet lines: four hexadecimal digits of length, then the line.

use std::io::{self, ErrorKind, Read};

/// Ends a section.
pub(super) const FLUSH: &[u8] = b"0000";
/// The longest line that a packet carries.
pub(super) const DATA_LIMIT: usize = 65_516;

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Packet {
    /// The end of a section.
    Flush,
    /// A line, as it came.
    Data(Vec<u8>),
}

/// Adds a line. It must not be longer than [`DATA_LIMIT`].
pub(super) fn add(out: &mut Vec<u8>, line: &str) {
    out.extend(format!("{:04x}{line}", line.len() + 4).as_bytes());
}

/// Reads the next packet; nothing at the end of the input.
///
/// # Errors
/// When the input ends within a packet, or what comes is none.
pub(super) fn next(input: &mut dyn Read) -> io::Result<Option<Packet>> {
    let mut head = [0; 4];
    let mut filled = 0;
    while filled < head.len() {
        match input.read(&mut head[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(amount) => filled += amount,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let digits = std::str::from_utf8(&head).ok();
    let digits = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let length = digits.and_then(|text| usize::from_str_radix(text, 16).ok());
    match length {
        Some(0) => Ok(Some(Packet::Flush)),
        Some(length @ 4..) if length - 4 <= DATA_LIMIT => {
            let mut data = vec![0; length - 4];
            input.read_exact(&mut data)?;
            Ok(Some(Packet::Data(data)))
        }
        _ => Err(broken("what comes is not in git's packets")),
    }
}

/// An error of the protocol, in words.
pub(super) fn broken(text: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_back_as_they_were_written() {
        let mut bytes = Vec::new();
        add(&mut bytes, "want\n");
        bytes.extend(FLUSH);
        bytes.extend(b"0004");
        let mut input = bytes.as_slice();
        assert_eq!(
            next(&mut input).unwrap(),
            Some(Packet::Data(b"want\n".to_vec()))
        );
        assert_eq!(next(&mut input).unwrap(), Some(Packet::Flush));
        assert_eq!(next(&mut input).unwrap(), Some(Packet::Data(Vec::new())));
        assert_eq!(next(&mut input).unwrap(), None);
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        for bytes in ["<htm", "0001", "0003", "+00a", "fff1", "00", "000aab"] {
            assert!(next(&mut bytes.as_bytes()).is_err(), "{bytes}");
        }
    }
}
