//! How a JID is written in a directory.

use jabber_archive_core::BareJid;

/// What stands before the first `:` if that names a kind of address, and what stands behind it.
pub(crate) fn scheme(value: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = value.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|char| char.is_ascii_alphanumeric() || "+-.".contains(char));
    is_scheme.then_some((scheme, rest))
}

/// The value without `sip:`, `im:` or `xmpp:`; nothing if it is an address of another kind, such as `smtp:`.
pub(crate) fn address(value: &str) -> Option<&str> {
    match scheme(value) {
        Some((scheme, rest)) => ["sip", "im", "xmpp"].iter().any(|known| scheme.eq_ignore_ascii_case(known)).then_some(rest.trim()),
        None => Some(value),
    }
}

/// The JIDs of a user id in a domain: as XEP-0106 has it, and, where that differs, as it is, because rows hold both.
pub(crate) fn of_user_id(id: &str, domain: &str) -> Option<Vec<BareJid>> {
    let plain = plain(id, domain)?;
    let mut jids = vec![BareJid::of_user_id(id, domain)?];
    if !jids.contains(&plain) {
        jids.push(plain);
    }
    Some(jids)
}

/// The JIDs of an address that is one already, and may have been escaped already.
pub(crate) fn of_address(address: &str) -> Option<Vec<BareJid>> {
    let (local, domain) = address.rsplit_once('@')?;
    let plain = plain(local, domain)?;
    Some(plain.other_spelling().into_iter().chain([plain]).collect())
}

fn plain(local: &str, domain: &str) -> Option<BareJid> {
    let (local, domain) = (local.trim(), domain.trim());
    let unfit = |char: char| char.is_whitespace() || char.is_control();
    let is_local = !local.is_empty() && !local.contains(|char| unfit(char) && char != ' ');
    let is_domain = !domain.is_empty() && !domain.contains(|char| unfit(char) || "@/".contains(char));
    if is_local && is_domain { BareJid::new(&format!("{local}@{domain}")) } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(jids: Option<Vec<BareJid>>) -> Vec<String> {
        jids.unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_user_id_is_escaped_and_also_known_as_it_is() {
        // The examples of XEP-0106, section 5.
        for (id, escaped) in [
            ("space cadet", "space\\20cadet"),
            ("call me \"ishmael\"", "call\\20me\\20\\22ishmael\\22"),
            ("at&t guy", "at\\26t\\20guy"),
            ("d'artagnan", "d\\27artagnan"),
            ("/.fanboy", "\\2f.fanboy"),
            ("::foo::", "\\3a\\3afoo\\3a\\3a"),
            ("<foo>", "\\3cfoo\\3e"),
            ("user@host", "user\\40host"),
            ("c:\\net", "c\\3a\\net"),
            ("c:\\\\net", "c\\3a\\\\net"),
            ("c:\\5commas", "c\\3a\\5c5commas"),
        ] {
            assert_eq!(shown(of_user_id(id, "im.example.com")), [format!("{escaped}@im.example.com"), format!("{id}@im.example.com")]);
        }
        assert_eq!(shown(of_user_id("ASmith", "IM.example.com")), ["asmith@im.example.com"]);
    }

    #[test]
    fn an_address_that_is_escaped_already_is_not_escaped_again() {
        let both = ["pat\\20o\\27brien@im.example.com", "pat o'brien@im.example.com"];
        assert_eq!(shown(of_address(both[1])), both);
        assert_eq!(shown(of_address(both[0])), [both[1], both[0]]);
        assert_eq!(shown(of_address("a\\5c20b@im.example.com")), ["a\\5c20b@im.example.com"], "no other spelling is the same JID for sure");
        assert_eq!(shown(of_address("o'brien@example.com")), ["o\\27brien@example.com", "o'brien@example.com"]);
    }

    #[test]
    fn what_is_no_jid_is_none() {
        for value in ["asmith", "@im.example.com", "asmith@", "a\nb@im.example.com", "asmith@im/desk", "asmith@im example.com"] {
            assert_eq!(of_address(value), None, "{value}");
        }
        assert_eq!(of_user_id(" ", "im.example.com"), None);
    }

    #[test]
    fn prefixes_of_chat_addresses_are_taken_off_and_other_kinds_are_not_taken() {
        for value in ["sip:a@b", "SIP:a@b", "Sip: a@b", "im:a@b", "xmpp:a@b", "a@b"] {
            assert_eq!(address(value), Some("a@b"), "{value}");
        }
        for value in ["smtp:a@b", "SMTP:a@b", "x500:/o=example", "sips:a@b"] {
            assert_eq!(address(value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_value_of_a_directory_ends_the_program(value in any::<String>()) {
            for jids in [of_address(&value), of_user_id(&value, "im.example.com"), address(&value).and_then(of_address)] {
                prop_assert!(jids.is_none_or(|jids| jids.iter().all(|jid| jid.local().is_some_and(|local| !local.is_empty()))));
            }
        }
    }
}
