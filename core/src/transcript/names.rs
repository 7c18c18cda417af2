use std::collections::{HashMap, HashSet};

use unicode_security::confusable_detection::skeleton;

use crate::{
    Address, Participant,
    header::{picture, shortened},
};

/// The longest name that stands before a message, in characters; the list of participants shows names in full.
const LONGEST_NAME: usize = 100;

/// The name of every participant as it stands before their messages: one line without `: `, which ends a name, and never the same to look at for two.
#[derive(Debug)]
pub(super) struct Names(Vec<String>);

impl Names {
    /// The names of these people, in their order.
    pub(super) fn new(people: &[Participant]) -> Self {
        let mut names: Vec<Name> = people.iter().map(Name::short).collect();
        for more in [with_address, with_party] {
            let mut bearers: HashMap<&str, u32> = HashMap::with_capacity(names.len());
            for name in &names {
                *bearers.entry(&name.look).or_default() += 1;
            }
            if bearers.len() == names.len() {
                return Self::shown(names);
            }
            let shared: Vec<bool> = names.iter().map(|name| bearers[name.look.as_str()] > 1).collect();
            for (name, person) in names.iter_mut().zip(people).zip(shared).filter_map(|(name, shared)| shared.then_some(name)) {
                *name = Name::new(before_messages(&more(person)));
            }
        }
        let mut seen = HashSet::with_capacity(names.len());
        for (index, name) in names.iter_mut().enumerate() {
            while !seen.insert(name.look.clone()) {
                *name = Name::new(format!("{} #{}", name.text, index + 1));
            }
        }
        Self::shown(names)
    }

    fn shown(names: Vec<Name>) -> Self {
        Self(names.into_iter().map(|name| name.text).collect())
    }

    /// The name of the participant at this index.
    pub(super) fn at(&self, index: usize) -> &str {
        self.0.get(index).map_or("", String::as_str)
    }
}

/// A name, and what it looks like: that takes a while to find out.
struct Name {
    text: String,
    look: String,
}

impl Name {
    fn new(text: String) -> Self {
        Self { look: look(&text), text }
    }

    /// The name alone; the address where there is none to see.
    fn short(person: &Participant) -> Self {
        let name = Self::new(before_messages(&shortened(&person.display_name(), LONGEST_NAME)));
        if name.look.is_empty() { Self::new(before_messages(&shortened(person.address.as_str(), LONGEST_NAME))) } else { name }
    }
}

fn short_name(person: &Participant) -> String {
    Name::short(person).text
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

/// What a text looks like: the same for two that readers may take for each other (Unicode Technical Standard 39, section 4), whatever their case
/// and blanks; empty for what cannot be seen.
fn look(text: &str) -> String {
    if text.is_ascii() {
        return ascii_look(text);
    }
    // What is alike in capitals need not be in small letters, and the other way about.
    let small = skeleton(text).collect::<String>().to_lowercase();
    if small.is_ascii() {
        return ascii_look(&small);
    }
    let mut look = String::with_capacity(small.len());
    for word in skeleton(&small).collect::<String>().split_whitespace() {
        look.push(' ');
        look.extend(word.chars().map(|char| if char == 'i' { 'l' } else { char }));
    }
    look
}

/// The same of ASCII, without the tables of Unicode.
fn ascii_look(text: &str) -> String {
    let mut look = String::with_capacity(text.len() + 8);
    for word in text.split_ascii_whitespace() {
        look.push(' ');
        for byte in word.bytes() {
            match byte.to_ascii_lowercase() {
                b'0' => look.push('o'),
                b'1' | b'i' | b'|' => look.push('l'),
                b'm' => look.push_str("rn"),
                b'`' => look.push('\''),
                b'"' => look.push_str("''"),
                b'%' => look.push_str("°/₀"),
                byte => look.push(char::from(byte)),
            }
        }
    }
    look
}

/// A name as it may stand before messages.
fn before_messages(name: &str) -> String {
    let name = one_line(name);
    if name.contains(": ") { name.replace(": ", "\u{2236} ") } else { name }
}

/// Text that somebody chose, as a part of a line of ours: without line breaks and other controls, and without characters that turn the
/// direction of what follows.
pub(super) fn one_line(text: &str) -> String {
    let text = text.trim();
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let shown = |char| match char {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        char => picture(char),
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BareJid, Party};

    #[test]
    fn nobody_can_look_like_another() {
        let user = |name: &str| Party::User(BareJid::new(&format!("{name}@example.com")).unwrap());
        let named = |number: usize, name: &str| {
            let party = user(&format!("user{number}"));
            Participant::new(party, Address::Mapped(format!("user{number}@example.com")), Some(name.to_owned()))
        };
        for other in [
            "ALICE example",
            "Alice  Example",
            "Alice\u{a0}Example",
            "Al\u{200b}ice Example",
            "Al\u{2060}ice Example",
            "Al\u{ad}ice Example",
            "\u{200e}Alice Example",
            "Alice Example\u{3164}",
            "A1ice Example",
            "\u{410}lice Example",
            "\u{ff21}lice Example",
            "Alice Exa\u{217f}ple",
        ] {
            let both = Names::new(&[named(1, "Alice Example"), named(2, other)]);
            assert_eq!(both.at(0), "Alice Example <user1@example.com>", "beside {other:?}");
            assert_eq!(both.at(1), format!("{other} <user2@example.com>"));
        }
        assert_eq!(short_name(&named(1, "\u{200b}\u{3164}")), "user1@example.com", "a name that cannot be seen is none");
        for ascii in ' '..='~' {
            let text = format!("x{ascii}");
            assert_eq!(look(&text), look(&format!("{text}\u{200b}")), "ASCII is looked at in a shorter way");
        }
    }

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
        let Names(names) = Names::new(&people);
        let lower: HashSet<_> = names.iter().map(|name| name.to_lowercase()).collect();
        assert_eq!(lower.len(), 7, "{names:?}");
        assert!(names.iter().all(|name| !name.contains(": ") && !name.contains('\n')), "{names:?}");
        assert_eq!(names[6], "Eve∶ hello␊[10:00:00Z] Bob");
    }
}
