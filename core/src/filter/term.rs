use std::{borrow::Borrow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorClass, ErrorKind};

/// Whom an entry of a [`Filter`](super::Filter) names: one JID or e-mail address, or everybody of a domain.
///
/// Text with an `@` is a JID or an address, compared whole; text without one is a domain, compared whole with that of JID and address: a
/// subdomain is another domain. Case does not matter.
///
/// ```
/// use jabber_archive_core::FilterTerm;
///
/// let term: FilterTerm = " Alice@Example.COM ".parse()?;
/// assert_eq!(term.as_str(), "alice@example.com");
/// assert!("im.example.com".parse::<FilterTerm>()?.is_domain());
/// assert!("alice".parse::<FilterTerm>().is_err(), "neither an address nor a domain");
/// # Ok::<(), jabber_archive_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FilterTerm(String);

impl FilterTerm {
    /// The text, trimmed and in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names everybody of a domain.
    pub fn is_domain(&self) -> bool {
        !self.0.contains('@')
    }
}

impl FromStr for FilterTerm {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let lower = text.trim().to_lowercase();
        // Who writes a wildcard would name nobody; a domain needs a dot, so that a forgotten `@` is found.
        let valid = !lower.contains(|char: char| char == '*' || char.is_control())
            && match lower.rsplit_once('@') {
                Some((local, domain)) => !local.trim().is_empty() && is_domain_name(domain),
                None => lower.contains('.') && is_domain_name(&lower),
            };
        if valid {
            return Ok(Self(lower));
        }
        Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, "set filter", "neither a JID, nor an e-mail address, nor a domain")
            .about(format_args!("`{}`", text.trim().escape_debug()))
            .advise("write alice@example.com, without a resource, or example.com for everybody of a domain"))
    }
}

fn is_domain_name(text: &str) -> bool {
    let is_label = |label: &str| !label.is_empty() && label.chars().all(|char| char.is_alphanumeric() || "-_".contains(char));
    text.split('.').all(is_label)
}

impl TryFrom<String> for FilterTerm {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<FilterTerm> for String {
    fn from(term: FilterTerm) -> Self {
        term.0
    }
}

impl Borrow<str> for FilterTerm {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FilterTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_name_nobody_is_refused() {
        for text in
            ["", "  ", "alice", "@example.com", " @example.com", "alice@", "alice@example.com/jabber_1", "*@example.com", "*.example.com"]
        {
            let error = text.parse::<FilterTerm>().unwrap_err().to_string();
            assert!(error.contains("neither a JID") && error.contains(&format!("`{}`", text.trim())), "{error}");
        }
        for text in [
            "alice@im",
            "o'neil@example.com",
            "anne\\20b@im.example.com",
            "zoe@example.com@im.example.com",
            "münchen.example",
            "a_b.example",
        ] {
            assert_eq!(text.parse::<FilterTerm>().unwrap().as_str(), text);
        }
    }
}
