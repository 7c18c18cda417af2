//! Entries as LDIF, and what is asked about them.

use std::fmt::Write;

use jabber_archive_core::{BareJid, Directory, MemoryDirectory, Timestamp};
use jabber_archive_ldap::JidAttribute;

/// A person with these attributes beside those that every person has.
pub(crate) fn person(name: &str, attributes: &[(&str, &str)]) -> String {
    let mut ldif = format!("dn: cn={name},dc=example,dc=com\nobjectClass: inetOrgPerson\nobjectClass: user\ncn: {name}\nsn: {name}\n");
    for (attribute, value) in attributes {
        writeln!(ldif, "{attribute}: {value}").unwrap();
    }
    ldif + "\n"
}

/// Three people with user id, address and name.
pub(crate) fn staff() -> String {
    let three = [("asmith", "alice.smith", "Alice Smith"), ("bjones", "bob.jones", "Bob Jones"), ("zmueller", "zoe.mueller", "Zoë Müller")];
    let entry = |(id, mail, name): (&str, &str, &str)| {
        person(id, &[("sAMAccountName", id), ("mail", &format!("{mail}@example.com")), ("displayName", name)])
    };
    three.map(entry).concat()
}

pub(crate) fn user_id() -> JidAttribute {
    JidAttribute::UserId { attribute: "sAMAccountName".to_owned(), domain: "im.example.com".to_owned() }
}

pub(crate) fn jid(attribute: &str) -> JidAttribute {
    JidAttribute::Jid(attribute.to_owned())
}

/// Address and name of a JID that is known.
pub(crate) fn who(directory: &MemoryDirectory, jid: &str) -> (String, Option<String>) {
    let person = directory.person(&BareJid::new(jid).unwrap(), Timestamp::PLAUSIBLE).unwrap();
    (person.email, person.name)
}
