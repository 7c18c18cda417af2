use std::{borrow::Cow, fmt::Write as _};

#[cfg(feature = "import")]
use bytes::Bytes;
#[cfg(feature = "import")]
use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use jabber_archive_core::{Timestamp, journaled_mail};
use mail_parser::{HeaderForm, Message, MessageParser};

/// The layout of transcripts that is read here: what `X-Jabber-Archive-Version` says.
const LAYOUT: &str = "1";

/// What the header and the head of the text say of a mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mail {
    pub(crate) date: Option<Timestamp>,
    pub(crate) subject: String,
    /// `Name <address>`.
    pub(crate) from: String,
    /// Without angle brackets.
    pub(crate) message_id: String,
    pub(crate) kind: String,
    /// The JIDs of a pair, or that of a room.
    pub(crate) conversation: String,
    pub(crate) title: Option<String>,
    /// The participants that the text lists.
    pub(crate) people: Vec<Person>,
    /// Whether they are all of the conversation: a long list may go on in other parts.
    pub(crate) everybody: bool,
}

/// A participant as the text shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) address: String,
    /// How the address is known.
    pub(crate) known: AddressSource,
    pub(crate) jid: String,
}

/// How an address is known, as the text says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum AddressSource {
    Directory,
    /// It reaches nobody, wherever it is from.
    Nobody,
    /// A JID of another domain, or what a later version knows.
    #[default]
    Elsewhere,
}

impl AddressSource {
    fn of(text: &str) -> Self {
        match text {
            "from the directory" => Self::Directory,
            text if text.starts_with("reaches nobody: ") => Self::Nobody,
            _ => Self::Elsewhere,
        }
    }
}

/// A mail that was read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) mail: Mail,
    /// The text/plain body of a transcript, whose layout tells filters what they need; none of other mails.
    pub(crate) text: Option<String>,
}

impl Reading {
    /// Reads a mail where others do not wait for it.
    #[cfg(feature = "import")]
    pub(crate) async fn aside(content: Bytes) -> Result<Self> {
        let read = tokio::task::spawn_blocking(move || Self::of(&content)).await;
        read.map_err(|error| Error::new(ErrorKind::Conversion, ErrorClass::Fatal, "read mail", "a task ended early").because(error))
    }

    /// Reads a mail; of a journal report the mail in it, for the report says nothing else that is asked for.
    pub(crate) fn of(content: &[u8]) -> Self {
        let Some(message) = MessageParser::default().parse(content) else { return Self { mail: Mail::default(), text: None } };
        if message.header_raw("X-MS-Journal-Report").is_some()
            && let Ok(mail) = journaled_mail(content)
        {
            let mut reading = Self::of(mail);
            message.message_id().unwrap_or_default().clone_into(&mut reading.mail.message_id);
            return reading;
        }
        let fact = |name: &str| {
            let values = message.header_as(format!("X-Jabber-Archive-{name}"), HeaderForm::Text);
            let value = values.into_iter().next().and_then(|value| value.as_text().map(|text| text.trim().to_owned()));
            value.unwrap_or_default()
        };
        let mut mail = Mail {
            date: message.date().map(|date| Timestamp::from_millis(date.to_timestamp().saturating_mul(1_000))),
            subject: message.subject().unwrap_or_default().trim().to_owned(),
            from: from(&message),
            message_id: message.message_id().unwrap_or_default().to_owned(),
            kind: fact("Kind"),
            conversation: fact("Conversation"),
            ..Mail::default()
        };
        let text = (fact("Version") == LAYOUT).then(|| message.body_text(0)).flatten();
        let text = text.filter(|text| mail.read_head(text).is_some()).map(Cow::into_owned);
        Self { mail, text }
    }
}

fn from(message: &Message<'_>) -> String {
    let mut from = String::new();
    if let Some(sender) = message.from().and_then(mail_parser::Address::first) {
        let (name, address) = (sender.name().unwrap_or_default().trim(), sender.address().unwrap_or_default());
        from.push_str(name);
        let _ = write!(from, "{}<{address}>", if name.is_empty() { "" } else { " " });
    }
    from
}

/// What was said: the text of the messages, their subjects and the names of their files, a line each; neither who said it nor the frame around it.
#[cfg(feature = "export")]
pub(crate) fn said(text: &str) -> String {
    let mut said = String::new();
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    // Behind the participants, whose lines begin with a hyphen or a blank.
    for line in lines.skip_while(|line| !line.starts_with("Messages: ")).skip(1) {
        // Neither a name nor what is known of a file has `: ` in it.
        let words = if line.starts_with('[') || line.starts_with("  + ") {
            line.split_once(": ").map(|(_, words)| words)
        } else {
            line.strip_prefix("    ")
        };
        if let Some(words) = words {
            said.push_str(words);
            said.push('\n');
        }
    }
    said
}

impl Mail {
    /// Reads title and participants. What others chose is always one line there, so that it can forge none of them (see
    /// [`Transcript`](jabber_archive_core::Transcript)).
    fn read_head(&mut self, text: &str) -> Option<()> {
        let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        let head: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        // Subject and window come first, and then the zone, if it is not UTC.
        let zone = head.get(2).is_some_and(|line| line.starts_with("Local times: "));
        self.title = head.get(2 + usize::from(zone)).and_then(|line| line.strip_prefix("Title: ")).map(str::to_owned);
        let all: usize = lines.next()?.strip_prefix("Participants: ")?.split(',').next()?.parse().ok()?;
        for line in lines.take_while(|line| !line.is_empty()) {
            if let Some(address) = line.strip_prefix("    Address: ") {
                // How the address is known stands behind it in parentheses.
                let (address, known) = address.rsplit_once(" (").unwrap_or((address, ""));
                let known = AddressSource::of(known.strip_suffix(')').unwrap_or(known));
                self.people.push(Person { address: address.to_owned(), known, jid: String::new() });
            } else if let (Some(jid), Some(person)) = (line.strip_prefix("    JID: "), self.people.last_mut()) {
                jid.clone_into(&mut person.jid);
            }
        }
        self.everybody = self.people.len() == all;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_read_behind_the_zone_and_nowhere_else() {
        let title = |line: &str| {
            let mut mail = Mail::default();
            mail.read_head(&format!("Subject\r\nFrom this to that\r\n{line}\r\n\r\nParticipants: 0\r\n\r\n"))?;
            mail.title
        };
        assert_eq!(title("Title: Q3").as_deref(), Some("Q3"));
        assert_eq!(title("Local times: those of Asia/Tokyo, in the HTML part of this mail\r\nTitle: Q3").as_deref(), Some("Q3"));
        assert_eq!(title("This is part 1\r\nTitle: Q3"), None);
    }
}
