use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::Arc,
    time::Duration,
};

use crate::{Conversation, ConversationKey, FileRef, Jid, Message, Party, Timestamp};

/// How far an upload and the message that announces it may be apart where no resource name joins them.
pub(crate) const NEAR: Duration = Duration::from_secs(3);

/// A file that somebody uploaded, as one row of the transfer log (`aft_log`) tells it.
///
/// What it says is data, not a promise: the file may never have been where it says, or be there no more.
///
/// ```
/// use jabber_archive_core::Transfer;
///
/// let mut transfer = Transfer::new(4711, "x_plan.pdf");
/// transfer.path = Some("/opt/mftFileStore/files/im/20261121/10/x_plan.pdf".to_owned());
/// assert_eq!(transfer.to_string(), "upload 4711 in /opt/mftFileStore/files/im/20261121/10");
/// assert_eq!(format!("{transfer:?}"), "Transfer { index: 4711, sent: None, size: None, .. }");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Transfer {
    /// The row's number (`aft_index`), which no other row of its database has.
    pub index: i64,
    /// The name in the URL (`filename`); empty where the row has none.
    pub resource: String,
    /// The name that the sender gave the file (`real_filename`); empty where the row has none.
    pub name: String,
    /// Who uploaded it (`jid`).
    pub from: Option<Jid>,
    /// For whom: a user or a room (`to_jid`).
    pub to: Option<Jid>,
    /// The file server (`file_server`).
    pub server: Option<String>,
    /// Where on that server it lies (`file_path`).
    pub path: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// When it was uploaded, in UTC; none where `timestampvalue` is a rowversion or missing.
    pub sent: Option<Timestamp>,
}

impl Transfer {
    /// An upload of which only the number and the name in the URL are known.
    pub fn new(index: i64, resource: impl Into<String>) -> Self {
        Self {
            index,
            resource: resource.into(),
            name: String::new(),
            from: None,
            to: None,
            server: None,
            path: None,
            size: None,
            sent: None,
        }
    }
}

/// Names it in errors: by its number and the folder of the file, without the file's name, which may say what was talked about.
impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "upload {}", self.index)?;
        match self.path.as_deref().and_then(|path| path.rsplit_once('/')) {
            Some((folder, _)) => write!(f, " in {}", folder.escape_debug()),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transfer").field("index", &self.index).field("sent", &self.sent).field("size", &self.size).finish_non_exhaustive()
    }
}

/// The place of a file: the number of its message in the conversation, and its own in the message.
pub(crate) type Place = (usize, usize);

/// Uploads, found by resource name or by name and time. Rows that are equal, as of a database that is read twice, are one.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    by_resource: HashMap<String, BTreeSet<Arc<Transfer>>>,
    by_name: HashMap<String, BTreeSet<Arc<Transfer>>>,
}

impl Uploads {
    /// Adds uploads, in any order.
    pub(crate) fn add(&mut self, transfers: impl IntoIterator<Item = Transfer>) {
        for transfer in transfers.into_iter().map(Arc::new) {
            self.by_resource.entry(transfer.resource.clone()).or_default().insert(transfer.clone());
            self.by_name.entry(transfer.name.clone()).or_default().insert(transfer);
        }
    }

    /// Whether there is an upload of this resource name.
    pub(crate) fn holds(&self, resource: &str) -> bool {
        self.by_resource.contains_key(resource)
    }

    /// Which upload each file of a conversation is: the one with its resource name, else one of the same name by the same sender for the same room or peer within
    /// [`NEAR`] of the message. Of several the nearest in time, then the one with the lowest number.
    ///
    /// Several messages may announce one resource. What is joined by time alone is the file of one message.
    pub(crate) fn join(&self, conversation: &Conversation) -> BTreeMap<Place, Arc<Transfer>> {
        let files: Vec<(Place, &Message, &FileRef)> = placed(conversation).collect();
        let announced: BTreeSet<&str> = files.iter().filter_map(|(_, _, file)| resource(file)).collect();

        let mut joined = BTreeMap::new();
        let mut near = Vec::new();
        for (place, message, file) in files {
            let equal = resource(file).and_then(|resource| self.by_resource.get(resource));
            if let Some(transfer) = equal.and_then(|equal| equal.iter().min_by_key(|transfer| (distance(transfer, message), *transfer))) {
                joined.insert(place, transfer.clone());
                continue;
            }
            let alike = if file.name.is_empty() { None } else { self.by_name.get(&*file.name) };
            for transfer in alike.into_iter().flatten().filter(|transfer| !announced.contains(&*transfer.resource)) {
                let distance = distance(transfer, message);
                if distance <= NEAR && is_of(transfer, message, &conversation.key) {
                    near.push((distance, transfer, place));
                }
            }
        }
        near.sort_unstable();
        let mut taken = BTreeSet::new();
        for (_, transfer, place) in near {
            if !joined.contains_key(&place) && taken.insert(transfer) {
                joined.insert(place, transfer.clone());
            }
        }
        joined
    }
}

/// Every file of a conversation, in order.
pub(crate) fn placed(conversation: &Conversation) -> impl Iterator<Item = (Place, &Message, &FileRef)> {
    let messages = conversation.messages.iter().enumerate();
    messages.flat_map(|(index, message)| message.files.iter().enumerate().map(move |(number, file)| ((index, number), message, file)))
}

/// The resource name of a file, if it has one.
pub(crate) fn resource(file: &FileRef) -> Option<&str> {
    file.resource.as_deref().filter(|resource| !resource.is_empty())
}

fn distance(transfer: &Transfer, message: &Message) -> Duration {
    transfer.sent.map_or(Duration::MAX, |sent| sent.distance(message.sent()))
}

/// Whether the transfer log does not contradict that an upload was for this message.
fn is_of(transfer: &Transfer, message: &Message, key: &ConversationKey) -> bool {
    let by_sender = match (&transfer.from, &message.sender) {
        (Some(from), Party::User(sender)) => from.bare() == sender,
        // Behind a nick may be anybody.
        (_, Party::Occupant { .. }) | (None, _) => true,
    };
    let Some(to) = &transfer.to else { return false };
    by_sender
        && match key {
            ConversationKey::Room(room) => to.bare() == room,
            ConversationKey::Pair(one, other) => match if message.sender == *one { other } else { one } {
                Party::User(peer) => to.bare() == peer,
                Party::Occupant { room, nick } => to.bare() == room && to.resource().is_none_or(|resource| resource == nick),
            },
        }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;
    use crate::{BareJid, ConversationKind, MessageKey, Participant, ShortDigest};

    fn user(jid: &str) -> Party {
        Party::User(BareJid::new(jid).unwrap())
    }

    /// Milliseconds after some morning.
    fn at(millis: u64) -> Timestamp {
        "2026-11-21T09:00:00Z".parse::<Timestamp>().unwrap().after(Duration::from_millis(millis))
    }

    fn message(sender: &str, millis: u64, ordinal: u32, files: Vec<FileRef>) -> Message {
        let mut message = Message::new(MessageKey::new(at(millis), ShortDigest::from_bytes([0; 16]), ordinal), user(sender), String::new());
        message.files = files;
        message
    }

    fn chat(messages: Vec<Message>) -> Conversation {
        let key = ConversationKey::pair(user("alice@example.com"), user("bob@example.com"));
        conversation(key, messages)
    }

    fn conversation(key: ConversationKey, messages: Vec<Message>) -> Conversation {
        let window = crate::Grid::daily().window_at(at(0));
        Conversation::new(key, window, ConversationKind::OneToOne, None, Vec::<Participant>::new(), messages)
    }

    fn file(name: &str, resource: Option<&str>) -> FileRef {
        let mut file = FileRef::named(name);
        file.resource = resource.map(str::to_owned);
        file
    }

    fn upload(index: i64, resource: &str, name: &str, millis: u64) -> Transfer {
        Transfer {
            name: name.to_owned(),
            from: Jid::parse("alice@example.com/jabber_1"),
            to: Jid::parse("bob@example.com"),
            sent: Some(at(millis)),
            ..Transfer::new(index, resource)
        }
    }

    fn uploads_of(transfers: impl IntoIterator<Item = Transfer>) -> Uploads {
        let mut uploads = Uploads::default();
        uploads.add(transfers);
        uploads
    }

    fn all(uploads: &Uploads) -> impl Iterator<Item = &Arc<Transfer>> {
        uploads.by_resource.values().flatten()
    }

    fn indexes(uploads: &Uploads, conversation: &Conversation) -> Vec<(Place, i64)> {
        uploads.join(conversation).into_iter().map(|(place, transfer)| (place, transfer.index)).collect()
    }

    #[test]
    fn a_resource_name_joins_whatever_else_the_log_says() {
        let mut undated = upload(1, "r1", "another", 0);
        (undated.sent, undated.from, undated.to) = (None, None, None);
        let uploads = uploads_of([undated, upload(2, "r2", "a.pdf", 0)]);
        let chat = chat(vec![message("alice@example.com", 0, 0, vec![file("a.pdf", Some("r1"))])]);
        assert_eq!(indexes(&uploads, &chat), [((0, 0), 1)]);
    }

    #[test]
    fn of_uploads_with_one_resource_name_the_nearest_counts_then_the_lowest_number() {
        let uploads = [upload(9, "r", "a", 5_000), upload(4, "r", "a", 7_000), upload(2, "r", "a", 900_000)];
        let chat = chat(vec![message("alice@example.com", 6_000, 0, vec![file("a", Some("r"))])]);
        assert_eq!(indexes(&uploads_of(uploads), &chat), [((0, 0), 4)]);
    }

    #[test]
    fn without_a_resource_name_sender_peer_name_and_three_seconds_join() {
        let sent = |change: &dyn Fn(&mut Transfer)| {
            let mut transfer = upload(1, "other", "a.pdf", 1_000);
            change(&mut transfer);
            let chat = chat(vec![message("alice@example.com", 4_000, 0, vec![file("a.pdf", Some("r"))])]);
            indexes(&uploads_of([transfer]), &chat).len()
        };
        assert_eq!(sent(&|_| {}), 1);
        assert_eq!(sent(&|transfer| transfer.from = None), 1, "an old log does not say who");
        assert_eq!(sent(&|transfer| transfer.sent = Some(at(999))), 0);
        assert_eq!(sent(&|transfer| transfer.sent = None), 0);
        assert_eq!(sent(&|transfer| transfer.name = "A.pdf".to_owned()), 0);
        assert_eq!(sent(&|transfer| transfer.from = Jid::parse("bob@example.com")), 0, "bob sent one of that name too");
        assert_eq!(sent(&|transfer| transfer.to = Jid::parse("carol@example.com")), 0);
        assert_eq!(sent(&|transfer| transfer.to = None), 0);
    }

    #[test]
    fn in_a_room_the_upload_is_for_the_room() {
        let room = BareJid::new("q3@conference.example.com").unwrap();
        let mut transfer = upload(1, "", "a.pdf", 0);
        transfer.to = Jid::parse(room.as_str());
        let conversation = conversation(ConversationKey::Room(room), vec![message("alice@example.com", 0, 0, vec![file("a.pdf", None)])]);
        assert_eq!(indexes(&uploads_of([transfer, upload(2, "", "a.pdf", 0)]), &conversation), [((0, 0), 1)]);
    }

    #[test]
    fn two_screenshots_of_one_name_within_seconds_are_two_files() {
        let named = || vec![file("image.png", None)];
        let messages = vec![message("alice@example.com", 1_000, 0, named()), message("alice@example.com", 2_000, 1, named())];
        let uploads = [upload(1, "x", "image.png", 900), upload(2, "y", "image.png", 1_100)];
        assert_eq!(indexes(&uploads_of(uploads), &chat(messages)), [((0, 0), 1), ((1, 0), 2)]);
    }

    fn a_transfer() -> impl Strategy<Value = Transfer> {
        let jid = || select(vec!["alice@example.com/x", "bob@example.com", "q3@conference.example.com", ""]);
        let name = || select(vec!["a", "b", ""]);
        (0_i64..6, select(vec!["r", "s", "t", ""]), name(), jid(), jid(), proptest::option::of(0_u64..12_000)).prop_map(
            |(index, resource, name, from, to, sent)| Transfer {
                name: name.to_owned(),
                from: Jid::parse(from),
                to: Jid::parse(to),
                sent: sent.map(at),
                ..Transfer::new(index, resource)
            },
        )
    }

    fn a_chat() -> impl Strategy<Value = Conversation> {
        let a_file = (select(vec!["a", "b", ""]), proptest::option::of(select(vec!["r", "s", "u", ""])))
            .prop_map(|(name, resource)| file(name, resource));
        let a_message = (select(vec!["alice@example.com", "bob@example.com"]), 0_u64..12_000, vec(a_file, 0..3));
        vec(a_message, 0..6).prop_map(|messages| {
            chat((0..).zip(messages).map(|(ordinal, (sender, millis, files))| message(sender, millis, ordinal, files)).collect())
        })
    }

    proptest! {
        #[test]
        fn the_order_of_rows_how_they_come_and_reading_one_twice_change_nothing(
            transfers in vec(a_transfer(), 0..12), conversation in a_chat(), turn in 0_usize..12,
        ) {
            let mut turned = transfers.clone();
            turned.extend(transfers.first().cloned());
            turned.reverse();
            let middle = turn % turned.len().max(1);
            turned.rotate_left(middle);
            let (one, mut other) = (uploads_of(transfers), Uploads::default());
            for transfer in turned {
                other.add([transfer]);
            }
            prop_assert_eq!(one.join(&conversation), other.join(&conversation));
        }

        #[test]
        fn every_joined_upload_has_the_resource_name_or_is_near_and_of_one_message(
            transfers in vec(a_transfer(), 0..12), conversation in a_chat(),
        ) {
            let uploads = uploads_of(transfers);
            let joined = uploads.join(&conversation);
            let mut by_time = BTreeSet::new();
            for (place, message, file) in placed(&conversation) {
                let named: Vec<&Arc<Transfer>> =
                    all(&uploads).filter(|transfer| resource(file) == Some(&*transfer.resource)).collect();
                match joined.get(&place) {
                    Some(found) if !named.is_empty() => {
                        prop_assert!(named.contains(&found));
                        prop_assert!(named.iter().all(|other| distance(found, message) <= distance(other, message)));
                    }
                    Some(found) => {
                        prop_assert_eq!(&found.name, &file.name);
                        prop_assert!(distance(found, message) <= NEAR);
                        prop_assert!(by_time.insert(found), "one upload for two files");
                    }
                    None => prop_assert!(named.is_empty()),
                }
            }
        }

        #[test]
        fn no_file_is_left_without_an_upload_that_nobody_else_takes(transfers in vec(a_transfer(), 0..12), conversation in a_chat()) {
            let uploads = uploads_of(transfers);
            let joined = uploads.join(&conversation);
            let announced: BTreeSet<&str> = placed(&conversation).filter_map(|(_, _, file)| resource(file)).collect();
            for (place, message, file) in placed(&conversation).filter(|(place, ..)| !joined.contains_key(place)) {
                let free = all(&uploads).find(|transfer| {
                    !file.name.is_empty()
                        && transfer.name == file.name
                        && !announced.contains(&*transfer.resource)
                        && distance(transfer, message) <= NEAR
                        && is_of(transfer, message, &conversation.key)
                        && !joined.values().any(|taken| taken == *transfer)
                });
                prop_assert!(free.is_none(), "{place:?} could have {free:?}");
            }
        }
    }
}
