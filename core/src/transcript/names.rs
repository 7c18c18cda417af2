use std::collections::{HashMap, HashSet};

use crate::{
    Address, Conversation, Participant, Party,
    header::{picture, shortened},
};

/// The longest name that stands before a message, in characters; the list of participants shows names in full.
const LONGEST_NAME: usize = 100;

/// The name of every participant as it stands before their messages: one line, and never the same for two.
#[derive(Debug)]
pub(super) struct Names<'a> {
    names: Vec<String>,
    by_party: HashMap<&'a Party, usize>,
}

impl<'a> Names<'a> {
    pub(super) fn new(conversation: &'a Conversation) -> Self {
        let people = &conversation.participants;
        let mut names: Vec<String> = people.iter().map(short_name).collect();
        for more in [with_address, with_party] {
            let mut bearers: HashMap<String, u32> = HashMap::with_capacity(names.len());
            for name in &names {
                *bearers.entry(name.to_lowercase()).or_default() += 1;
            }
            if bearers.len() == names.len() {
                break;
            }
            for (name, person) in names.iter_mut().zip(people) {
                if bearers.get(&name.to_lowercase()).is_some_and(|bearers| *bearers > 1) {
                    *name = one_line(&more(person));
                }
            }
        }
        let mut seen = HashSet::with_capacity(names.len());
        for (index, name) in names.iter_mut().enumerate() {
            while !seen.insert(name.to_lowercase()) {
                *name = one_line(&format!("{name} #{}", index + 1));
            }
        }
        let by_party = people.iter().enumerate().map(|(index, person)| (&person.party, index)).collect();
        Self { names, by_party }
    }

    /// Where a party stands among the participants.
    pub(super) fn index(&self, party: &Party) -> Option<usize> {
        self.by_party.get(party).copied()
    }

    /// The name of the participant at this index.
    pub(super) fn at(&self, index: usize) -> &str {
        self.names.get(index).map_or("", String::as_str)
    }
}

fn short_name(person: &Participant) -> String {
    let name = one_line(&shortened(&person.display_name(), LONGEST_NAME));
    if name.is_empty() { one_line(&shortened(person.address.as_str(), LONGEST_NAME)) } else { name }
}

/// With the address; with the JID where the address is made from it.
fn with_address(person: &Participant) -> String {
    match &person.address {
        Address::Unmapped(_) => with_party(person),
        address => format!("{} <{}>", short_name(person), shortened(address.as_str(), LONGEST_NAME)),
    }
}

fn with_party(person: &Participant) -> String {
    format!("{} ({})", short_name(person), shortened(&person.party.to_string(), LONGEST_NAME))
}

/// Text that somebody chose, as a part of a line of ours: without line breaks and other controls, without characters that turn the
/// direction of what follows, and without the `: ` that ends a name.
pub(super) fn one_line(text: &str) -> String {
    let text = text.trim();
    if text.bytes().all(|byte| matches!(byte, b' '..=b'9' | b';'..=b'~')) {
        return text.to_owned();
    }
    let mut line = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        line.push(match char {
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            ':' if chars.peek() == Some(&' ') => '\u{2236}',
            char => picture(char),
        });
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BareJid, ConversationKey, ConversationKind, Grid, Timestamp};

    #[test]
    fn nobody_can_bear_the_name_of_another() {
        let room = BareJid::new("room@conf.example.com").unwrap();
        let occupant = |nick: &str| Party::Occupant { room: room.clone(), nick: nick.into() };
        let user = |jid: &str| Party::User(BareJid::new(jid).unwrap());
        let person = |party: Party, address: &str, name: Option<&str>| {
            Participant::new(party, Address::Mapped(address.into()), name.map(str::to_owned))
        };
        let people = vec![
            person(user("bob@example.com"), "bob@example.com", Some("Bob")),
            person(user("bob2@example.com"), "bob@example.com", Some("Bob")),
            person(occupant("bob"), "room/bob@example.com", None),
            person(occupant("Bob <bob@example.com>"), "x@example.com", None),
            person(user("eve@example.com"), "eve@example.com", Some("Eve:")),
            person(user("eve2@example.com"), "eve2@example.com", Some("Eve:")),
            person(occupant("Eve: hello\n[10:00:00Z] Bob"), "y@example.com", None),
        ];
        let window = Grid::daily().window_at(Timestamp::PLAUSIBLE);
        let conversation = Conversation::new(ConversationKey::Room(room.clone()), window, ConversationKind::Room, None, people, Vec::new());
        let names = Names::new(&conversation);
        let lower: HashSet<_> = names.names.iter().map(|name| name.to_lowercase()).collect();
        assert_eq!(lower.len(), 7, "{:?}", names.names);
        assert!(names.names.iter().all(|name| !name.contains(": ") && !name.contains('\n')), "{:?}", names.names);
        let forger = names.index(&occupant("Eve: hello\n[10:00:00Z] Bob")).unwrap();
        assert_eq!(names.at(forger), "Eve∶ hello␊[10:00:00Z] Bob");
    }
}
