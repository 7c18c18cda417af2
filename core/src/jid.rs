use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// A bare JID, `local@domain`: trimmed and in lower case, because JIDs are compared without case.
///
/// ```
/// use jabber_archive_core::BareJid;
///
/// let jid = BareJid::new(" Alice@Example.COM ").unwrap();
/// assert_eq!(jid.as_str(), "alice@example.com");
/// assert_eq!((jid.local(), jid.domain()), (Some("alice"), "example.com"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BareJid(Arc<str>);

impl BareJid {
    /// From text without a resource; `None` if nothing is left after trimming.
    pub fn new(text: &str) -> Option<Self> {
        let bare = text.trim().to_lowercase();
        (!bare.is_empty()).then(|| Self(bare.into()))
    }

    /// The text, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the last `@`; a user id may be an address and hold one itself.
    pub fn local(&self) -> Option<&str> {
        self.0.rsplit_once('@').map(|(local, _)| local)
    }

    /// What stands behind the last `@`, or everything if there is none.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or(&*self.0, |(_, domain)| domain)
    }
}

impl fmt::Display for BareJid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A JID with or without its resource (RFC 7622): `local@domain/resource`.
///
/// The resource begins behind the first `/` and is kept exactly; in a room it is the nick, and the nick of an ad hoc room is itself a full JID.
///
/// ```
/// use jabber_archive_core::Jid;
///
/// let jid = Jid::parse("Team1@conference.example.com/Bob@example.com/jabber_7").unwrap();
/// assert_eq!(jid.bare().as_str(), "team1@conference.example.com");
/// assert_eq!(jid.resource(), Some("Bob@example.com/jabber_7"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Jid {
    bare: BareJid,
    resource: Option<Arc<str>>,
}

impl Jid {
    /// From text; `None` if the bare part is empty. An empty resource counts as none.
    pub fn parse(text: &str) -> Option<Self> {
        let (bare, resource) = match text.split_once('/') {
            Some((bare, resource)) => (bare, Some(resource).filter(|resource| !resource.is_empty())),
            None => (text, None),
        };
        Some(Self { bare: BareJid::new(bare)?, resource: resource.map(Into::into) })
    }

    /// A JID without a resource.
    pub fn from_bare(bare: BareJid) -> Self {
        Self { bare, resource: None }
    }

    /// The JID without its resource.
    pub fn bare(&self) -> &BareJid {
        &self.bare
    }

    /// The resource, exactly as it was; in a room the nick.
    pub fn resource(&self) -> Option<&str> {
        self.resource.as_deref()
    }

    /// Whether the text looks like a full JID, `local@domain/resource`, as the nicks of ad hoc rooms do.
    pub fn is_full(text: &str) -> bool {
        Self::parse(text).is_some_and(|jid| jid.resource.is_some() && jid.bare.local().is_some_and(|local| !local.is_empty()))
    }
}

impl fmt::Display for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.bare.as_str())?;
        match &self.resource {
            Some(resource) => write!(f, "/{resource}"),
            None => Ok(()),
        }
    }
}
