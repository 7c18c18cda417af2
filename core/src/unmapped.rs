use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::{Conversation, Party};

/// The participants to whom the directory gives no address that a mail can reach, and in how much they took part: what to complete the directory with.
///
/// As JSON a list, those with most messages first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unmapped(BTreeMap<Party, Participation>);

/// In how much somebody took part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Participation {
    /// Conversations of a window.
    pub conversations: u64,
    /// The messages in them.
    pub messages: u64,
}

impl Unmapped {
    /// Counts those who took part in a conversation and are [reached by no mail](crate::Participant::is_unreached).
    pub fn count(&mut self, conversation: &Conversation) {
        for person in conversation.participants.iter().filter(|person| person.is_unreached()) {
            let counted = self.0.entry(person.party.clone()).or_default();
            counted.conversations += 1;
            counted.messages += conversation.messages.len() as u64;
        }
    }

    /// Adds what was counted elsewhere.
    pub fn extend(&mut self, other: Self) {
        for (party, more) in other.0 {
            let counted = self.0.entry(party).or_default();
            counted.conversations += more.conversations;
            counted.messages += more.messages;
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether everybody has an address.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All, those with most messages first, then those in most conversations.
    pub fn by_count(&self) -> Vec<(&Party, Participation)> {
        let mut all: Vec<_> = self.0.iter().map(|(party, counted)| (party, *counted)).collect();
        all.sort_by_key(|(party, counted)| (std::cmp::Reverse((counted.messages, counted.conversations)), *party));
        all
    }

    /// The JIDs as a directory to be filled in: `jid,email,name,conversations,messages`, UTF-8, with an empty `email`. Who is known by nick alone has no JID
    /// that a directory could know, and is left out.
    ///
    /// [`MemoryDirectory::from_csv`](crate::MemoryDirectory::from_csv) reads it once each line has an address. JIDs are what somebody chose: what a spreadsheet
    /// would take for a formula stands behind a blank, which is not part of it.
    ///
    /// ```
    /// use jabber_archive_core::*;
    ///
    /// let anne = Party::User(BareJid::new("anne\\20o\\27neil@example.com").unwrap());
    /// let eve = Party::User(BareJid::new("=1+1@example.com").unwrap());
    /// let people = [&anne, &eve].map(|party| Participant::new(party.clone(), Address::Unmapped("x@jid.invalid".into()), None));
    /// let key = ConversationKey::pair(anne, eve);
    /// let chat = Conversation::new(key, Window::UNDATED, ConversationKind::OneToOne, None, people.into(), Vec::new());
    /// let mut unmapped = Unmapped::default();
    /// unmapped.count(&chat);
    /// let csv = "jid,email,name,conversations,messages\n\
    ///            \x20=1+1@example.com,, =1+1,1,0\n\
    ///            anne\\20o\\27neil@example.com,,anne o'neil,1,0\n";
    /// assert_eq!(unmapped.to_csv(), csv);
    /// ```
    ///
    /// # Panics
    ///
    /// Never: memory takes whatever is written.
    pub fn to_csv(&self) -> String {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let mut write = |row: [&str; 5]| csv.write_record(row).expect("memory takes every row of five");
        write(["jid", "email", "name", "conversations", "messages"]);
        for (party, counted) in self.by_count() {
            let Party::User(jid) = party else { continue };
            let name = jid.unescaped_local().unwrap_or_default();
            let [conversations, messages] = [counted.conversations, counted.messages].map(|count| count.to_string());
            write([&text(jid.as_str()), "", &text(&name), &conversations, &messages]);
        }
        String::from_utf8(csv.into_inner().expect("memory takes every row")).expect("rows are UTF-8")
    }
}

/// A cell that is text to a spreadsheet too.
fn text(cell: &str) -> String {
    let blank = if cell.starts_with(['=', '+', '-', '@']) { " " } else { "" };
    format!("{blank}{cell}")
}

impl Serialize for Unmapped {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row {
            party: String,
            /// As people read it, where that differs.
            #[serde(skip_serializing_if = "Option::is_none")]
            unescaped: Option<String>,
            #[serde(flatten)]
            counted: Participation,
        }
        serializer.collect_seq(self.by_count().into_iter().map(|(party, counted)| Row {
            party: party.to_string(),
            unescaped: party.unescaped(),
            counted,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Address, BareJid, ConversationKey, ConversationKind, Directory, MemoryDirectory, Participant, Timestamp, Window};

    fn counted(jids: &[&str]) -> Unmapped {
        let people: Vec<Participant> = jids
            .iter()
            .map(|jid| Party::User(BareJid::new(jid).unwrap()))
            .map(|party| Participant::new(party, Address::Unmapped("x@jid.invalid".into()), None))
            .collect();
        let room = ConversationKey::Room(BareJid::new("room@example.com").unwrap());
        let mut unmapped = Unmapped::default();
        unmapped.count(&Conversation::new(room, Window::UNDATED, ConversationKind::Room, None, people, Vec::new()));
        unmapped
    }

    #[test]
    fn a_list_that_is_filled_in_is_a_directory_of_the_same_jids() {
        let jids = [
            "=cmd|' /c calc'!a1@evil.example",
            "+1@example.com",
            "-x@example.com",
            "@example.com",
            "a,\"b\"@example.com",
            "b\r\n=1@example.com",
            "王@example.com",
        ];
        let csv = counted(&jids).to_csv();
        assert!(csv.lines().flat_map(|line| line.split(',')).all(|cell| !cell.trim_matches('"').starts_with(['+', '-', '@'])), "{csv}");
        let directory = MemoryDirectory::from_csv(csv.replace(",,", ",found@example.com,").as_bytes()).unwrap();
        assert_eq!(directory.len(), jids.len());
        for jid in jids {
            assert!(directory.person(&BareJid::new(jid).unwrap(), Timestamp::PLAUSIBLE).is_some(), "{jid:?}");
        }
    }

    #[test]
    fn a_room_that_announces_something_is_no_person_without_an_address() {
        let room = BareJid::new("room@example.com").unwrap();
        let occupant = |nick: &str| Party::Occupant { room: room.clone(), nick: nick.into() };
        let people =
            ["", "Bob"].map(|nick| Participant::new(occupant(nick), Address::Unmapped("x@room.example.com.jid.invalid".into()), None));
        let mut unmapped = Unmapped::default();
        let key = ConversationKey::Room(room.clone());
        unmapped.count(&Conversation::new(key, Window::UNDATED, ConversationKind::Room, None, people.into(), Vec::new()));
        assert_eq!(unmapped.by_count().into_iter().map(|(party, _)| party).collect::<Vec<_>>(), [&occupant("Bob")]);
    }

    #[test]
    fn who_has_an_address_that_no_mail_can_reach_is_without_one() {
        let person = |(index, address)| {
            let party = Party::User(BareJid::new(&format!("{index}@example.com")).unwrap());
            Participant::new(party, address, None)
        };
        let unusable =
            ["j\u{f6}rg@example.com", "Bob <bob@example.com>", "smtp:eve@example.com", "a@x,b@x", "@", "", "a@b.INVALID", "a@invalid"];
        let mapped = unusable.map(|text| Address::Mapped(text.to_owned()));
        let reached = [Address::Mapped("a@invalid.example".into()), Address::Foreign("o'neil@partner.example".into())];
        let people = mapped.into_iter().chain(reached).enumerate().map(person).collect();
        let room = ConversationKey::Room(BareJid::new("room@example.com").unwrap());
        let mut unmapped = Unmapped::default();
        unmapped.count(&Conversation::new(room, Window::UNDATED, ConversationKind::Room, None, people, Vec::new()));
        let counted: Vec<_> = unmapped.by_count().into_iter().map(|(party, _)| party.to_string()).collect();
        let expected: Vec<_> = (0..unusable.len()).map(|index| format!("{index}@example.com")).collect();
        assert_eq!(counted, expected);
    }

    #[test]
    fn what_is_counted_apart_is_added_up() {
        let mut sum = counted(&["a@example.com", "b@example.com"]);
        sum.extend(counted(&["b@example.com", "c@example.com"]));
        let counts: Vec<_> = sum.by_count().into_iter().map(|(party, counted)| (party.to_string(), counted.conversations)).collect();
        assert_eq!(counts, [("b@example.com".to_owned(), 2), ("a@example.com".to_owned(), 1), ("c@example.com".to_owned(), 1)]);
    }
}
