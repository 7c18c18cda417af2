use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{ItemKey, MailItem, ObjectKey, Party};

/// How many of the largest mails, and of the people with most mails, are named.
const NAMED: usize = 10;

/// What a run would store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Rehearsed {
    /// Windows with rows that would be sealed.
    pub windows: u64,
    /// Mails.
    pub mails: u64,
    /// Their bytes.
    pub mail_bytes: u64,
    /// The largest mails, the largest first.
    pub largest: Vec<LargeMail>,
    /// Files beside the mails.
    pub objects: u64,
    /// Their bytes.
    pub object_bytes: u64,
    /// Lists, contexts and dead letters.
    pub kept: u64,
    /// Their bytes.
    pub kept_bytes: u64,
    /// Entries of the chain.
    pub entries: u64,
    /// Their bytes.
    pub entry_bytes: u64,
    /// How often what is there is listed, once for each window.
    pub listings: u64,
    /// How many mails each person would get.
    #[serde(rename = "mails_per_person", serialize_with = "summed")]
    pub people: BTreeMap<Party, u64>,
    #[serde(skip)]
    pub(super) known: BTreeSet<ObjectKey>,
}

/// A mail, and how large it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LargeMail {
    /// The path that it would have in the store.
    pub path: String,
    /// Its bytes.
    pub bytes: u64,
}

/// Somebody, and how many mails would be theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MailsOfPerson {
    /// Who.
    pub person: String,
    /// How many.
    pub mails: u64,
}

impl Rehearsed {
    /// At most about so many writes, as a store with uploads in pieces of this size counts them: one for each mail, entry, list, context and dead letter, and one more
    /// for the archive's facts; of each file one for each piece, and two; of what is kept one for each piece besides.
    pub fn writes(&self, piece: u64) -> u64 {
        let pieces = self.object_bytes / piece.max(1) + self.objects + self.kept_bytes / piece.max(1);
        self.mails + self.entries + self.kept + 1 + pieces + 2 * self.objects
    }

    /// So many percent of the people would get so many mails or fewer; 0 where there are none.
    pub fn mails_per_person(&self, percent: u8) -> u64 {
        let mut mails: Vec<u64> = self.people.values().copied().collect();
        mails.sort_unstable();
        let place = (mails.len() * usize::from(percent.min(100))).div_ceil(100).saturating_sub(1);
        mails.get(place).copied().unwrap_or_default()
    }

    /// Who would get most mails, the one with most first.
    pub fn most_mails(&self) -> Vec<MailsOfPerson> {
        let mut all: Vec<(&Party, u64)> = self.people.iter().map(|(person, mails)| (person, *mails)).collect();
        all.sort_by_key(|(person, mails)| (Reverse(*mails), *person));
        all.into_iter().take(NAMED).map(|(person, mails)| MailsOfPerson { person: person.to_string(), mails }).collect()
    }

    pub(super) fn add(&mut self, mail: &MailItem) {
        let bytes = mail.content.len() as u64;
        self.mails += 1;
        self.mail_bytes += bytes;
        for person in &mail.people {
            *self.people.entry(person.clone()).or_default() += 1;
        }
        self.add_large(&mail.key, bytes);
    }

    fn add_large(&mut self, key: &ItemKey, bytes: u64) {
        if self.largest.len() == NAMED && self.largest.last().is_some_and(|smallest| smallest.bytes > bytes) {
            return;
        }
        self.largest.push(LargeMail { path: key.path(), bytes });
        self.largest.sort_by(|a, b| (Reverse(a.bytes), &a.path).cmp(&(Reverse(b.bytes), &b.path)));
        self.largest.truncate(NAMED);
    }
}

/// As JSON not everybody, but how many there are, and who has most.
fn summed<S: Serializer>(people: &BTreeMap<Party, u64>, serializer: S) -> Result<S::Ok, S::Error> {
    let rehearsed = Rehearsed { people: people.clone(), ..Rehearsed::default() };
    let mut summed = serializer.serialize_map(None)?;
    summed.serialize_entry("people", &people.len())?;
    for (name, percent) in [("half_at_most", 50), ("p99", 99), ("largest", 100)] {
        summed.serialize_entry(name, &rehearsed.mails_per_person(percent))?;
    }
    summed.serialize_entry("most", &rehearsed.most_mails())?;
    summed.end()
}
