use std::collections::HashMap;

use super::{Directory, Person};
use crate::{BareJid, Span, Timestamp};

/// A directory held in memory, each entry with the time in which it holds. JIDs may be escaped as on the wire (XEP-0106) or as people write them.
#[derive(Debug, Clone, Default)]
pub struct MemoryDirectory {
    people: HashMap<BareJid, Vec<(Span, Person)>>,
}

impl MemoryDirectory {
    /// A directory that knows nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a person for all time.
    pub fn add(&mut self, jid: BareJid, person: Person) {
        self.add_valid(jid, person, Span::new(Timestamp::MIN, Timestamp::MAX));
    }

    /// Adds a person for a stretch of time. Where entries overlap, the one that begins later counts.
    pub fn add_valid(&mut self, jid: BareJid, person: Person, valid: Span) {
        let entries = self.people.entry(jid).or_default();
        entries.push((valid, person));
        entries.sort_by(|(a, one), (b, other)| (b.start, a.end, one).cmp(&(a.start, b.end, other)));
    }

    /// Everybody who is known at any time, in no order.
    pub fn people(&self) -> impl Iterator<Item = (&BareJid, &Person)> {
        self.people.iter().flat_map(|(jid, entries)| entries.iter().map(move |(_, person)| (jid, person)))
    }

    /// How many JIDs are known.
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// Whether nobody is known.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }
}

impl Directory for MemoryDirectory {
    fn person(&self, jid: &BareJid, at: Timestamp) -> Option<Person> {
        let known = |jid: &BareJid| Some(self.people.get(jid)?.iter().find(|(valid, _)| valid.contains(at))?.1.clone());
        known(jid).or_else(|| known(&jid.other_spelling()?))
    }

    fn size(&self) -> Option<u64> {
        Some(self.len() as u64)
    }
}
