//! What went wrong, in words that say what to look at.

use std::io::{self, ErrorKind};

use ureq::Error;

use crate::endpoint::Endpoint;
use crate::reason::{Phase, Reason};
use crate::tls::refusal;

use super::hop::HEAD_LIMIT;
use super::progress::Progress;

/// A request that cannot be made at all.
pub(super) fn cannot_send(detail: &str) -> Reason {
    Reason::Unreachable {
        phase: Phase::Send,
        detail: detail.to_owned(),
    }
}

/// The reason behind an error, by what was going on; `proxy` where the trouble is on the way to it.
pub(super) fn explain(error: Error, progress: &Progress, proxy: Option<&Endpoint>) -> Reason {
    let phase = progress.phase();
    let early = matches!(phase, Phase::Resolve | Phase::Connect);
    let place = |detail: String| match proxy.filter(|_| early) {
        Some(proxy) => format!("proxy {}:{}: {detail}", proxy.host, proxy.port),
        None => detail,
    };
    match error {
        Error::Timeout(_) => Reason::Timeout {
            phase,
            limit: progress.limit(),
        },
        Error::Io(error) => io_reason(&error, progress, place),
        Error::Rustls(error) => certificate(&error),
        Error::Tls(text) => Reason::Certificate {
            detail: text.to_owned(),
        },
        Error::ConnectProxyFailed(text) => Reason::Unreachable {
            phase,
            detail: place(text),
        },
        Error::Protocol(error) => Reason::Malformed {
            detail: protocol_words(&error.to_string(), progress),
        },
        Error::LargeResponseHeader(..) => Reason::Malformed {
            detail: format!("the headers are over {HEAD_LIMIT} bytes"),
        },
        Error::BadUri(_) | Error::Http(_) => {
            cannot_send("the address is not one that can be requested")
        }
        other => Reason::Unreachable {
            phase,
            detail: place(other.to_string()),
        },
    }
}

/// The reason behind an error of a socket, outside HTTP too.
pub(crate) fn socket_words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".into(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "connection reset".into(),
        ErrorKind::ConnectionAborted => "connection aborted".into(),
        ErrorKind::HostUnreachable => "host unreachable".into(),
        ErrorKind::NetworkUnreachable => "network unreachable".into(),
        ErrorKind::AddrNotAvailable => "address not available".into(),
        ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string().to_ascii_lowercase(),
    }
}

fn io_reason(error: &io::Error, progress: &Progress, place: impl Fn(String) -> String) -> Reason {
    let phase = progress.phase();
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    if let Some(inner) = inner {
        return certificate(inner);
    }
    match (error.kind(), phase) {
        (ErrorKind::TimedOut, _) => Reason::Timeout {
            phase,
            limit: progress.limit(),
        },
        (_, Phase::Resolve) => Reason::Unresolved {
            detail: place(error.to_string()),
        },
        (ErrorKind::UnexpectedEof, Phase::Transfer) if progress.seen().reset => Reason::Malformed {
            detail: "the connection was reset within the body".into(),
        },
        (ErrorKind::UnexpectedEof, Phase::Transfer) => Reason::Malformed {
            detail: "the body ends before its announced end".into(),
        },
        (ErrorKind::UnexpectedEof, Phase::FirstByte) if progress.seen().first != [0, 0] => {
            Reason::Malformed {
                detail: "the answer ends within its headers".into(),
            }
        }
        (ErrorKind::UnexpectedEof, _) => Reason::Unreachable {
            phase,
            detail: place("connection closed without an answer".into()),
        },
        _ => Reason::Unreachable {
            phase,
            detail: place(socket_words(error)),
        },
    }
}

fn protocol_words(error: &str, progress: &Progress) -> String {
    let first = progress.seen().first;
    // A TLS record: an alert (21) or a handshake (22) of version 3.
    if matches!(first, [21 | 22, 3]) {
        return "the port speaks TLS, not plain http (use https://)".into();
    }
    match error.strip_prefix("http parse fail: ").unwrap_or(error) {
        "invalid HTTP version" | "invalid token" => "it begins with no HTTP status line".into(),
        other => other.to_owned(),
    }
}

fn certificate(error: &rustls::Error) -> Reason {
    Reason::Certificate {
        detail: refusal(error),
    }
}
