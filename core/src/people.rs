use std::{collections::BTreeSet, sync::Arc};

use crate::{Address, BareJid, Census, Context, Directory, Party, Timestamp};

/// Gives participants their names and addresses: asks a [`Directory`], and makes an address that cannot reach anybody else where it has no answer.
///
/// An unmapped JID of our own domains becomes `local@domain.jid.invalid`, because it may be somebody else's address; one of a foreign domain is taken for an address,
/// [unescaped](BareJid::addr_spec).
#[derive(Debug, Clone)]
pub struct People {
    directory: Arc<dyn Directory>,
    internal_domains: BTreeSet<String>,
}

impl People {
    /// People of this directory; every domain counts as our own until [`internal_domains`](People::internal_domains) says which are.
    pub fn new(directory: Arc<dyn Directory>) -> Self {
        Self { directory, internal_domains: BTreeSet::new() }
    }

    /// Our own XMPP domains; JIDs of others are taken for addresses.
    #[must_use]
    pub fn internal_domains(mut self, domains: impl IntoIterator<Item = String>) -> Self {
        self.internal_domains.extend(domains.into_iter().map(|domain| domain.to_lowercase()));
        self
    }

    pub(crate) fn own_domains(&self) -> &BTreeSet<String> {
        &self.internal_domains
    }

    /// The directory that is asked.
    pub fn directory(&self) -> &dyn Directory {
        &*self.directory
    }

    /// What the directory answered for those of our own domains in a window.
    pub(crate) fn census(&self, context: &Context) -> Census {
        let own = context.people.iter().filter(|(jid, _)| self.is_own(jid));
        let mut census = Census { directory: self.directory.size(), ..Census::default() };
        for (_, person) in own {
            census.asked += 1;
            let reached = person.as_ref().is_some_and(|person| !Address::Mapped(person.email.clone()).reaches_nobody());
            census.mapped += u64::from(reached);
        }
        census
    }

    fn is_own(&self, jid: &BareJid) -> bool {
        self.internal_domains.is_empty() || self.internal_domains.contains(jid.domain())
    }

    /// The address and name of a party, given the directory's answer for it.
    pub(crate) fn describe(
        &self,
        party: &Party,
        at: Timestamp,
        ask: &mut dyn FnMut(&BareJid, Timestamp) -> Option<crate::Person>,
    ) -> (Address, Option<String>) {
        let Party::User(jid) = party else {
            return (Address::Unmapped(unreachable_address(party)), None);
        };
        if let Some(person) = ask(jid, at) {
            return (Address::Mapped(person.email), person.name);
        }
        let address = if self.is_own(jid) { None } else { jid.addr_spec().map(Address::Foreign) };
        (address.unwrap_or_else(|| Address::Unmapped(unreachable_address(party))), None)
    }
}

/// Whether the text is an `addr-spec` of RFC 5322 that stands in header fields as it is: `dot-atom@dot-atom`, so without quotes, names, comments and blanks;
/// in ASCII, because not every mail system takes the addresses of RFC 6532; and of at most 64 bytes before the `@` and 254 in all (RFC 5321).
///
/// ```
/// use jabber_archive_core::is_addr_spec;
///
/// assert!(is_addr_spec("o'neil@example.com"));
/// for text in ["jörg@example.com", "Bob <bob@example.com>", "smtp:eve@example.com", "a@example.com,b@example.com", "\"a b\"@example.com", "@"] {
///     assert!(!is_addr_spec(text), "{text}");
/// }
/// ```
pub fn is_addr_spec(text: &str) -> bool {
    let dot_atom = |text: &str, allowed: fn(u8) -> bool| text.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(allowed));
    text.len() <= 254
        && text.rsplit_once('@').is_some_and(|(local, domain)| {
            local.len() <= 64 && dot_atom(local, is_atext) && dot_atom(domain, |byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// An address below `.jid.invalid`, different for every party.
fn unreachable_address(party: &Party) -> String {
    let text = match party {
        Party::User(jid) => (jid.local().unwrap_or_default().to_owned(), jid.domain().to_owned()),
        Party::Occupant { room, nick } => (format!("{}/{nick}", room.local().unwrap_or_default()), room.domain().to_owned()),
    };
    let address = format!("{}@{}.jid.invalid", text.0, text.1);
    // `%` is the sign of an escape and of a digest below, so a JID that holds one takes that way too.
    if is_addr_spec(&address) && !text.0.contains(['%', '/']) {
        return address;
    }
    let digest = party.hash_into(crate::FieldHasher::new().field("v1")).finish().short();
    let readable: String = text.0.chars().filter(char::is_ascii_alphanumeric).take(24).collect();
    let domain = if is_addr_spec(&format!("x@{}", text.1)) && text.1.len() < 120 { &text.1 } else { "unreadable" };
    format!("{readable}%{digest}@{domain}.jid.invalid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{JidIsEmail, MemoryDirectory};

    #[test]
    fn an_escaped_jid_has_the_address_that_people_read_or_none() {
        let foreign = People::new(Arc::new(MemoryDirectory::new())).internal_domains(["im.example.com".to_owned()]);
        let directory_uri = People::new(Arc::new(JidIsEmail::new()));
        let address = |people: &People, jid: &str| {
            let party = Party::User(BareJid::new(jid).unwrap());
            people.describe(&party, Timestamp::PLAUSIBLE, &mut |jid, at| people.directory().person(jid, at)).0
        };
        let plain = "o'neil@partner.example";
        for jid in [r"o\27neil@partner.example", plain] {
            assert_eq!(address(&foreign, jid), Address::Foreign(plain.to_owned()));
            assert_eq!(address(&directory_uri, jid), Address::Mapped(plain.to_owned()));
        }
        for jid in
            [r"anne\20o\27neil@partner.example", r"kim\40example.com@partner.example", "j\u{f6}rg@partner.example", "partner.example"]
        {
            for people in [&foreign, &directory_uri] {
                let address = address(people, jid);
                assert!(matches!(&address, Address::Unmapped(text) if is_addr_spec(text)), "{address:?}");
            }
        }
        let own = address(&foreign, r"o\27neil@im.example.com");
        assert!(matches!(own, Address::Unmapped(_)), "one of our own may be the address of somebody else: {own:?}");
    }
}
