//! A message as a mail: pure.

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

use crate::message::Message;
use crate::notify::Stamp;
use crate::notify::text;

use super::{Address, Email};

/// The mail as it goes over the wire: plain text and HTML, every header encoded, so that no title can add one.
pub(super) fn mail(email: &Email, message: &Message, stamp: &Stamp) -> Result<Vec<u8>, String> {
    if email.to.is_empty() {
        return Err("there is nobody to write to; set email_to".to_owned());
    }
    // The same in every attempt, so that servers drop a second copy.
    let id = format!("<{}@{}>", stamp.id, email.from.mailbox.domain());
    // Keeps absence notes from answering (RFC 3834).
    let machine_made = HeaderValue::new(
        HeaderName::new_from_ascii_str("Auto-Submitted"),
        "auto-generated".to_owned(),
    );
    let mut builder = lettre::Message::builder()
        .from(mailbox(&email.from))
        .subject(subject(&message.title))
        .date(stamp.at.into())
        .message_id(Some(id))
        .raw_header(machine_made);
    for to in &email.to {
        builder = builder.to(mailbox(to));
    }
    let parts = MultiPart::alternative_plain_html(text::plain(message), text::html(message));
    let mail = builder
        .multipart(parts)
        .map_err(|error| format!("the mail could not be written: {error}"))?;
    Ok(mail.formatted())
}

fn mailbox(address: &Address) -> Mailbox {
    Mailbox::new(address.name.clone(), address.mailbox.clone())
}

/// One line without control characters, of a length that mail programs show.
fn subject(title: &str) -> String {
    let line: String = title
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    text::shortened(line.trim(), 200)
}
