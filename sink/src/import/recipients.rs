use std::collections::BTreeSet;

use bytes::Bytes;
use jabber_archive_core::{BareJid, ConversationKind, People, Window, is_addr_spec};
use serde::Serialize;

use crate::mail::{AddressSource, Mail, Person};

/// Into whose mailboxes an item is put: those of everybody who took part and whom the directory gave an address, unless something else is set.
///
/// ```
/// use jabber_archive_sink::Recipients;
///
/// let with_rooms_apart = Recipients::new().rooms_to(["rooms@example.com"]).catch_all("archive@example.com");
/// let all_into_one = Recipients::new().to(["compliance@example.com"]);
/// # let _ = (with_rooms_apart, all_into_one);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Recipients {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    to: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    rooms_to: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    catch_all: Option<String>,
    #[serde(skip)]
    most: usize,
}

impl Default for Recipients {
    fn default() -> Self {
        Self { to: BTreeSet::new(), rooms_to: BTreeSet::new(), catch_all: None, most: 100 }
    }
}

/// Whose an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Addressed {
    To(BTreeSet<String>),
    /// To more than one item may go to.
    TooMany(usize),
}

impl Recipients {
    /// The participants.
    pub fn new() -> Self {
        Self::default()
    }

    /// All items into these mailboxes, and no others.
    #[must_use]
    pub fn to<M: AsRef<str>>(mut self, mailboxes: impl IntoIterator<Item = M>) -> Self {
        self.to.extend(mailboxes.into_iter().map(|mailbox| folded(mailbox.as_ref())));
        self
    }

    /// Those of rooms and group chats into these, and not to the participants.
    #[must_use]
    pub fn rooms_to<M: AsRef<str>>(mut self, mailboxes: impl IntoIterator<Item = M>) -> Self {
        self.rooms_to.extend(mailboxes.into_iter().map(|mailbox| folded(mailbox.as_ref())));
        self
    }

    /// Those in which somebody took part whom no mail reaches into this mailbox too.
    #[must_use]
    pub fn catch_all(mut self, mailbox: &str) -> Self {
        self.catch_all = Some(folded(mailbox));
        self
    }

    /// How many mailboxes of participants one item may go into; 100 by default.
    #[must_use]
    pub fn most(mut self, mailboxes: usize) -> Self {
        self.most = mailboxes;
        self
    }

    /// As kept with the record of an import.
    pub(super) fn to_bytes(&self) -> Bytes {
        let mut bytes = serde_json::to_vec(self).expect("recipients are always JSON");
        bytes.push(b'\n');
        bytes.into()
    }

    /// Where every item goes, whoever took part.
    pub(super) fn of_all(&self) -> Option<Addressed> {
        (!self.to.is_empty()).then(|| Addressed::To(self.to.clone()))
    }

    /// Where an item of these people goes.
    pub(super) fn of(&self, mail: &Mail, people: &[Person]) -> Addressed {
        if self.is_of_rooms(mail) {
            return Addressed::To(self.rooms_to.clone());
        }
        let mapped = people.iter().filter(|person| person.known == AddressSource::Directory);
        let mut mailboxes: BTreeSet<String> = mapped.map(|person| folded(&person.address)).collect();
        if mailboxes.len() > self.most {
            return Addressed::TooMany(mailboxes.len());
        }
        if people.iter().any(|person| person.known == AddressSource::Nobody) {
            mailboxes.extend(self.catch_all.clone());
        }
        Addressed::To(mailboxes)
    }

    /// Where it goes besides, by what a directory says now of those who had no address.
    pub(super) fn of_mapped_since(&self, mail: &Mail, people: &[Person], window: Window, directory: &People) -> Addressed {
        if self.of_all().is_some() || self.is_of_rooms(mail) {
            return Addressed::To(BTreeSet::new());
        }
        let unmapped = people.iter().filter(|person| person.known == AddressSource::Nobody);
        let jids = unmapped.filter_map(|person| BareJid::new(&person.jid));
        let known = jids.filter_map(|jid| directory.directory().person(&jid, window.start()));
        let mailboxes: BTreeSet<String> = known.map(|person| folded(&person.email)).filter(|email| reaches(email)).collect();
        if mailboxes.len() > self.most { Addressed::TooMany(mailboxes.len()) } else { Addressed::To(mailboxes) }
    }

    fn is_of_rooms(&self, mail: &Mail) -> bool {
        let rooms = [ConversationKind::Room, ConversationKind::AdHoc];
        !self.rooms_to.is_empty() && rooms.iter().any(|kind| kind.to_string() == mail.kind)
    }
}

fn reaches(address: &str) -> bool {
    is_addr_spec(address) && !address.ends_with(".invalid")
}

/// Addresses that differ in case alone are one mailbox.
fn folded(address: &str) -> String {
    address.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(address: &str, known: AddressSource) -> Person {
        Person { address: address.to_owned(), known, jid: String::new() }
    }

    fn mail(kind: ConversationKind) -> Mail {
        Mail { kind: kind.to_string(), ..Mail::default() }
    }

    fn to(mailboxes: &[&str]) -> Addressed {
        Addressed::To(mailboxes.iter().map(|&mailbox| mailbox.to_owned()).collect())
    }

    #[test]
    fn an_item_goes_to_whom_the_directory_knows_and_to_the_catch_all_for_the_others() {
        let people = [
            person("Alice@Example.com", AddressSource::Directory),
            person("alice@example.com", AddressSource::Directory),
            person("dave@partner.example", AddressSource::Elsewhere),
            person("bob@im.example.com.jid.invalid", AddressSource::Nobody),
        ];
        let chat = mail(ConversationKind::OneToOne);
        assert_eq!(Recipients::new().of(&chat, &people), to(&["alice@example.com"]));
        let caught = Recipients::new().catch_all("Archive@example.com");
        assert_eq!(caught.of(&chat, &people), to(&["alice@example.com", "archive@example.com"]));
        assert_eq!(caught.of(&chat, &people[..3]), to(&["alice@example.com"]));
    }

    #[test]
    fn rooms_go_into_their_mailbox_alone_where_there_is_one() {
        let people = [person("alice@example.com", AddressSource::Directory)];
        let recipients = Recipients::new().rooms_to(["rooms@example.com"]);
        for (kind, mailbox) in [
            (ConversationKind::Room, "rooms@example.com"),
            (ConversationKind::AdHoc, "rooms@example.com"),
            (ConversationKind::OneToOne, "alice@example.com"),
            (ConversationKind::RoomPrivate, "alice@example.com"),
        ] {
            assert_eq!(recipients.of(&mail(kind), &people), to(&[mailbox]), "{kind}");
        }
    }

    #[test]
    fn an_item_for_more_people_than_allowed_goes_to_none_of_them() {
        let people: Vec<Person> = (0..4).map(|n| person(&format!("p{n}@example.com"), AddressSource::Directory)).collect();
        let chat = mail(ConversationKind::Room);
        assert_eq!(Recipients::new().most(3).of(&chat, &people), Addressed::TooMany(4));
        assert!(matches!(Recipients::new().most(4).of(&chat, &people), Addressed::To(mailboxes) if mailboxes.len() == 4));
    }
}
