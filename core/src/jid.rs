use std::{borrow::Cow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::people::is_addr_spec;

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

    /// From what [`as_str`](Self::as_str) gave, exactly.
    pub(crate) fn from_normal(text: &str) -> Self {
        Self(text.into())
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

impl BareJid {
    /// The JID of a user id in a domain, both trimmed: what a user part cannot hold is escaped (XEP-0106); `None` if nothing is left of either.
    ///
    /// A user id may hold any of `"&'/:<>@`, blanks and backslashes. A backslash is escaped only where it would be read as the start of an escape.
    ///
    /// ```
    /// use jabber_archive_core::BareJid;
    ///
    /// let jid = |user_id| BareJid::of_user_id(user_id, "example.com").unwrap();
    /// assert_eq!(jid("Anne O'Neil").as_str(), r"anne\20o\27neil@example.com");
    /// assert_eq!(jid("anne@home").as_str(), r"anne\40home@example.com");
    /// assert_eq!(jid(r"c:\net").as_str(), r"c\3a\net@example.com");
    /// assert_eq!(jid(r"\20").as_str(), r"\5c20@example.com");
    /// assert_eq!(BareJid::of_user_id(" ", "example.com"), None);
    /// ```
    pub fn of_user_id(user_id: &str, domain: &str) -> Option<Self> {
        let (local, domain) = (user_id.trim().to_lowercase(), domain.trim());
        if local.is_empty() || domain.is_empty() {
            return None;
        }
        Self::new(&format!("{}@{domain}", escape(&local)))
    }

    /// The JID as the e-mail address that reads like it, unescaped; none where that is no [`addr-spec`](crate::is_addr_spec) (RFC 5322).
    ///
    /// ```
    /// use jabber_archive_core::BareJid;
    ///
    /// let address = |jid| BareJid::new(jid).unwrap().addr_spec();
    /// assert_eq!(address(r"o\27neil@example.com").as_deref(), Some("o'neil@example.com"));
    /// assert_eq!(address(r"anne\20o\27neil@example.com"), None, "a blank");
    /// assert_eq!(address("example.com"), None);
    /// ```
    pub fn addr_spec(&self) -> Option<String> {
        let address = format!("{}@{}", self.unescaped_local()?, self.domain());
        is_addr_spec(&address).then_some(address)
    }

    /// The user part as people read it: what XEP-0106 escapes in JIDs, unescaped.
    ///
    /// ```
    /// use jabber_archive_core::BareJid;
    ///
    /// let jid = BareJid::new("anne\\20o\\27neil@example.com").unwrap();
    /// assert_eq!(jid.unescaped_local().as_deref(), Some("anne o'neil"));
    /// ```
    pub fn unescaped_local(&self) -> Option<Cow<'_, str>> {
        self.local().map(unescape)
    }

    /// The other form of the same JID, where it has two: escaped as on the wire, or as people write it. None where that could be the JID of somebody else.
    pub fn other_spelling(&self) -> Option<Self> {
        let local = self.local()?;
        // What no JID on the wire can hold is unescaped, and nothing else is for sure.
        let other = if is_unescaped(local) { escape(local) } else { unescape(local).into_owned() };
        (is_unescaped(&other) != is_unescaped(local)).then(|| Self(format!("{other}@{}", self.domain()).into()))
    }
}

/// What a user part cannot hold on the wire, and the backslash, each with the two digits behind a backslash that stand for it (XEP-0106, 3.2 and 3.3).
const ESCAPES: [(char, &str); 10] =
    [(' ', "20"), ('"', "22"), ('&', "26"), ('\'', "27"), ('/', "2f"), (':', "3a"), ('<', "3c"), ('>', "3e"), ('@', "40"), ('\\', "5c")];

/// The character that an escape at the start of the text stands for.
fn escaped_char(text: &str) -> Option<char> {
    let digits = text.strip_prefix('\\')?.get(..2)?;
    ESCAPES.iter().find(|(_, code)| *code == digits).map(|(char, _)| *char)
}

fn is_unescaped(local: &str) -> bool {
    local.contains(|char| char != '\\' && ESCAPES.iter().any(|(escaped, _)| *escaped == char))
}

fn unescape(local: &str) -> Cow<'_, str> {
    if !local.contains('\\') {
        return Cow::Borrowed(local);
    }
    let mut unescaped = String::with_capacity(local.len());
    let mut rest = local;
    while let Some(next) = rest.chars().next() {
        // An escaped blank is neither the first nor the last character (XEP-0106, 4.1).
        let escaped = escaped_char(rest).filter(|char| *char != ' ' || !(rest.len() == 3 || rest.len() == local.len()));
        unescaped.push(escaped.unwrap_or(next));
        rest = &rest[if escaped.is_some() { 3 } else { next.len_utf8() }..];
    }
    Cow::Owned(unescaped)
}

fn escape(local: &str) -> String {
    let mut escaped = String::with_capacity(local.len() + 6);
    for (index, char) in local.char_indices() {
        match ESCAPES.iter().find(|(known, _)| *known == char) {
            // A backslash is escaped only where it would begin an escape.
            Some((_, code)) if char != '\\' || escaped_char(&local[index..]).is_some() => {
                escaped.push('\\');
                escaped.push_str(code);
            }
            _ => escaped.push(char),
        }
    }
    escaped
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

    /// From its two parts, exactly.
    pub(crate) fn from_parts(bare: BareJid, resource: Option<&str>) -> Self {
        Self { bare, resource: resource.map(Into::into) }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn jid(local: &str) -> BareJid {
        BareJid::new(&format!("{local}@example.com")).unwrap()
    }

    #[test]
    fn exactly_the_escapes_of_xep_0106_are_undone() {
        for (wire, read) in [
            (r"space\20cadet", "space cadet"),
            (r"call\20me\20\22ishmael\22", "call me \"ishmael\""),
            (r"at\26t\20guy", "at&t guy"),
            (r"d\27artagnan", "d'artagnan"),
            (r"\2f.fanboy", "/.fanboy"),
            (r"\3a\3afoo\3a\3a", "::foo::"),
            (r"\3cfoo\3e", "<foo>"),
            (r"user\40host", "user@host"),
            (r"c\3a\5c5commas", r"c:\5commas"),
            (r"c\3a\cool\20code", r"c:\cool code"),
            (r"\5c3a\5c27", r"\3a\27"),
            (r"\21\2\", r"\21\2\"),
            (r"\20lead\20", r"\20lead\20"),
            ("王\\20小明", "王 小明"),
        ] {
            assert_eq!(jid(wire).unescaped_local().unwrap(), read);
        }
    }

    #[test]
    fn another_spelling_is_never_the_jid_of_somebody_else() {
        assert_eq!(jid("anne o'neil").other_spelling(), Some(jid(r"anne\20o\27neil")));
        assert_eq!(jid(r"anne\20o\27neil").other_spelling(), Some(jid("anne o'neil")));
        assert_eq!(jid(r"kim\40example.com").other_spelling(), Some(jid("kim@example.com")));
        for single in ["anne", r"a\5c20b", r"a\5cb", r"a\b", r"\20a"] {
            assert_eq!(jid(single).other_spelling(), None, "{single}");
        }
        assert_eq!(BareJid::new("example.com").unwrap().other_spelling(), None);
    }

    #[test]
    fn an_address_is_what_people_read_and_never_that_of_another_domain() {
        let address = |local: &str| jid(local).addr_spec();
        for (wire, read) in [("anne", "anne"), (r"o\27neil", "o'neil"), (r"r\26d", "r&d"), (r"a\2fb", "a/b"), ("o'neil", "o'neil")] {
            assert_eq!(address(wire), Some(format!("{read}@example.com")), "{wire}");
        }
        for none in [r"kim\40partner.example", r"a\20b", r"\3ckim\3e", r"\22kim\22", r"a\5c27b", r"a\b", "jörg", "", "a..b"] {
            assert_eq!(address(none), None, "{none}");
        }
        assert_eq!(BareJid::new(r"o\27neil@straße.example").unwrap().addr_spec(), None);
    }

    proptest! {
        #[test]
        fn different_user_ids_have_different_jids(one in r"[a-c5 @'\\0-2c]{1,8}", other in r"[a-c5 @'\\0-2c]{1,8}") {
            prop_assume!(one.trim() != other.trim());
            prop_assume!(!one.trim().is_empty());
            prop_assert_ne!(BareJid::of_user_id(&one, "example.com"), BareJid::of_user_id(&other, "example.com"));
        }

        #[test]
        fn what_people_write_is_escaped_and_read_again(local in r#"[a-z\\ "&'/:<>@0-9]{1,12}"#) {
            let local = local.trim();
            prop_assume!(is_unescaped(local));
            let wire = escape(local);
            prop_assert!(!is_unescaped(&wire), "{}", wire);
            prop_assert_eq!(unescape(&wire), local);
            prop_assert_eq!(BareJid::of_user_id(local, "example.com"), Some(jid(&wire)));
            prop_assert_eq!(jid(local).other_spelling(), Some(jid(&wire)));
            prop_assert_eq!(jid(&wire).other_spelling(), Some(jid(local)));
        }
    }
}
