//! Who the entries are.

use std::collections::BTreeMap;

use jabber_archive_core::{BareJid, ErrorClass, MemoryDirectory, Person, Result, is_addr_spec};
use ldap3::asn1::StructureTag;
use serde::Serialize;

use crate::{
    config::{JidAttribute, LdapConfig},
    entry::Entry,
    fault::{Operation, READ},
    jid,
};

/// What a directory gave.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Fetched {
    /// The people, each for all time: LDAP does not tell since when an entry is as it is.
    pub directory: MemoryDirectory,
    /// How it came about.
    pub survey: LdapSurvey,
}

/// How many entries became people, and what became of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LdapSurvey {
    /// Entries that the server sent: the sum of the four below.
    pub entries: u64,
    /// Entries that became people.
    pub people: u64,
    /// Entries without a JID.
    pub without_jid: u64,
    /// Entries with a JID and without an address.
    pub without_email: u64,
    /// Entries whose JID or address is none, by DN.
    pub unusable: Vec<Unusable>,
    /// References to other servers, which were not followed.
    pub references: u64,
}

/// An entry that could be a person if it were right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Unusable {
    /// Its distinguished name.
    pub dn: String,
    /// What is wrong with it.
    pub why: String,
}

enum LeftOut {
    WithoutJid,
    WithoutEmail,
    Unusable(String),
}

/// Takes entries one by one.
pub(crate) struct People<'a> {
    config: &'a LdapConfig,
    survey: LdapSurvey,
    /// Which entries claim a JID: their DNs, and the people that they tell of.
    claims: BTreeMap<BareJid, Vec<(String, Person)>>,
}

impl<'a> People<'a> {
    pub(crate) fn new(config: &'a LdapConfig) -> Self {
        Self { config, survey: LdapSurvey::default(), claims: BTreeMap::new() }
    }

    pub(crate) fn count_references(&mut self, references: usize) {
        self.survey.references += references as u64;
    }

    pub(crate) fn take(&mut self, tag: StructureTag) -> Result<()> {
        let Some(entry) = Entry::parse(tag) else {
            return Err(self.operation().error(ErrorClass::Fatal, "what the server sends is not LDAP"));
        };
        self.survey.entries += 1;
        match self.person(&entry) {
            Ok((jids, person)) => {
                self.survey.people += 1;
                for jid in jids {
                    self.claims.entry(jid).or_default().push((entry.dn.clone(), person.clone()));
                }
            }
            Err(LeftOut::WithoutJid) => self.survey.without_jid += 1,
            Err(LeftOut::WithoutEmail) => self.survey.without_email += 1,
            Err(LeftOut::Unusable(why)) => self.survey.unusable.push(Unusable { dn: entry.dn, why }),
        }
        Ok(())
    }

    /// The order in which entries came does not matter: of several that agree on the address, the least name is taken.
    pub(crate) fn finish(mut self) -> Result<Fetched> {
        let operation = self.operation();
        let mut directory = MemoryDirectory::new();
        for (jid, mut claims) in self.claims {
            claims.sort();
            let (dn, person) = &claims[0];
            if let Some((other, _)) = claims.iter().find(|(_, other)| other.email.to_lowercase() != person.email.to_lowercase()) {
                let what = format!("`{dn}` and `{other}` give {jid} different addresses");
                return Err(operation.error(ErrorClass::Fatal, what).advise("correct one of them, or leave it out by `filter`"));
            }
            if let Some(person) = claims.into_iter().map(|(_, person)| person).min() {
                directory.add(jid, person);
            }
        }
        self.survey.unusable.sort();
        Ok(Fetched { directory, survey: self.survey })
    }

    fn operation(&self) -> Operation<'a> {
        Operation { config: self.config, verb: READ }
    }

    fn person(&self, entry: &Entry) -> Result<(Vec<BareJid>, Person), LeftOut> {
        let jids = self.jids(entry)?;
        let email = self.email(entry)?;
        let name = entry.values(&self.config.name).map(|value| String::from_utf8_lossy(value).trim().to_owned());
        Ok((jids, Person::new(email, name.filter(|name| !name.is_empty()).min())))
    }

    fn jids(&self, entry: &Entry) -> Result<Vec<BareJid>, LeftOut> {
        let attribute = self.config.jid.attribute();
        let mut jids = Vec::new();
        for value in texts(entry, attribute)? {
            let (found, what) = match &self.config.jid {
                JidAttribute::UserId { domain, .. } => (jid::of_user_id(value, domain), "user id"),
                JidAttribute::Jid(_) => match jid::address(value) {
                    Some(address) => (jid::of_address(address), "JID"),
                    None => continue,
                },
            };
            jids.extend(found.ok_or_else(|| LeftOut::Unusable(format!("its `{attribute}` is no {what}")))?);
        }
        if jids.is_empty() { Err(LeftOut::WithoutJid) } else { Ok(jids) }
    }

    fn email(&self, entry: &Entry) -> Result<String, LeftOut> {
        let attribute = &self.config.email;
        let mut found = Vec::new();
        for value in texts(entry, attribute)? {
            let (secondary, address) = match jid::scheme(value) {
                Some((scheme, address)) if scheme.eq_ignore_ascii_case("smtp") => (scheme != "SMTP", address.trim()),
                Some(_) => continue,
                None => (true, value),
            };
            found.push((!is_addr_spec(address), secondary, address));
        }
        match found.into_iter().min() {
            Some((false, _, address)) => Ok(address.to_owned()),
            Some(_) => Err(LeftOut::Unusable(format!("its `{attribute}` is no address"))),
            None => Err(LeftOut::WithoutEmail),
        }
    }
}

/// The values of an attribute that are not empty.
fn texts<'e>(entry: &'e Entry, attribute: &str) -> Result<Vec<&'e str>, LeftOut> {
    let text = |value| std::str::from_utf8(value).map(str::trim).map_err(|_| LeftOut::Unusable(format!("its `{attribute}` is not text")));
    let texts: Vec<_> = entry.values(attribute).map(text).collect::<Result<_, _>>()?;
    Ok(texts.into_iter().filter(|text| !text.is_empty()).collect())
}
