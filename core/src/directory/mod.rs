//! Who a JID is: the map from JIDs to people.

mod csv;
mod memory;

use std::fmt;

pub use self::memory::MemoryDirectory;
use serde::{Deserialize, Serialize};

use crate::{BareJid, Timestamp};

/// The map from JIDs to people.
///
/// # Contract
///
/// An answer depends on the arguments alone, so that a run can be repeated; a directory that is fetched over a network is fetched
/// before the run. Addresses are reused and renamed over the years: `at` says as of when the answer is asked for.
pub trait Directory: fmt::Debug + Send + Sync {
    /// The person who had this JID at this time, if the directory knows one.
    fn person(&self, jid: &BareJid, at: Timestamp) -> Option<Person>;

    /// How many JIDs it knows, at whatever time; none where it lists nobody, as a rule does.
    fn size(&self) -> Option<u64> {
        None
    }
}

const _: Option<&dyn Directory> = None;

/// A person as a directory describes them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Person {
    /// The e-mail address: an [`addr-spec`](crate::is_addr_spec) (RFC 5322); anything else [reaches nobody](crate::Address::reaches_nobody).
    pub email: String,
    /// The name to show.
    pub name: Option<String>,
}

impl Person {
    /// A person with this address.
    pub fn new(email: impl Into<String>, name: Option<String>) -> Self {
        Self { email: email.into(), name }
    }
}

/// The JID is the e-mail address, as under Cisco's *Directory URI = mail* scheme: [unescaped](BareJid::addr_spec), and nobody where that is no address.
///
/// ```
/// use jabber_archive_core::{BareJid, Directory, JidIsEmail, Timestamp};
///
/// let person = |jid| JidIsEmail::new().person(&BareJid::new(jid).unwrap(), Timestamp::PLAUSIBLE);
/// assert_eq!(person(r"o\27neil@example.com").unwrap().email, "o'neil@example.com");
/// assert_eq!(person(r"anne\20o\27neil@example.com"), None);
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct JidIsEmail;

impl JidIsEmail {
    /// The directory that answers JIDs with themselves.
    pub fn new() -> Self {
        Self
    }
}

impl Directory for JidIsEmail {
    fn person(&self, jid: &BareJid, _: Timestamp) -> Option<Person> {
        Some(Person::new(jid.addr_spec()?, None))
    }
}
