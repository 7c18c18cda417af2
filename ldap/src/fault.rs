//! What the answers of a server and the errors of the library mean for the archive.

use std::io;

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use ldap3::{LdapError, LdapResult};
use tokio_rustls::rustls;

use crate::config::{Encryption, LdapConfig};

/// The verb of all that comes before the sign-in.
pub(crate) const CONNECT: &str = "connect to directory";
/// The verb of all that comes after it, and of the whole.
pub(crate) const READ: &str = "read directory";

/// How much of a server's own words is shown.
const LONGEST_WORDS: usize = 200;

/// Builds an error of one operation on a directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation<'a> {
    pub(crate) config: &'a LdapConfig,
    pub(crate) verb: &'static str,
}

impl Operation<'_> {
    pub(crate) fn error(&self, class: ErrorClass, what: impl Into<String>) -> Error {
        Error::new(ErrorKind::Directory, class, self.verb, what).about(self.config)
    }

    /// What the library says. Only causes that cannot hold what was sent are kept: that may be the password.
    pub(crate) fn classify(&self, error: LdapError) -> Error {
        match error {
            LdapError::LdapResult { result } => self.refusal(&result),
            LdapError::Io { source } => self.of_transport(source),
            LdapError::Rustls { source } => self.of_tls(source),
            LdapError::DNSName { source } => self
                .error(ErrorClass::Fatal, "no certificate can be for this host")
                .advise("use the host name that is in the server's certificate")
                .because(source),
            LdapError::OpSend { .. }
            | LdapError::ResultRecv { .. }
            | LdapError::IdScrubSend { .. }
            | LdapError::MiscSend { .. }
            | LdapError::EndOfStream => self.closed(),
            LdapError::Timeout { .. } => self.error(ErrorClass::Transient, "the server does not answer"),
            other => self.error(ErrorClass::Fatal, other.to_string()),
        }
    }

    fn closed(&self) -> Error {
        self.error(ErrorClass::Transient, "the server closed the connection").advise(match self.config.encryption {
            Encryption::Tls => "if it always does: check that `port` is one for TLS from the first byte, such as 636",
            Encryption::StartTls | Encryption::Off => {
                "if it always does: check that `port` is one without TLS from the first byte, such as 389"
            }
        })
    }

    fn of_transport(&self, error: io::Error) -> Error {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return self.of_tls(tls.clone());
        }
        match error.kind() {
            BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => self.closed().because(error),
            _ if self.is_connecting() => self.unreachable(error),
            _ => self.error(ErrorClass::Transient, "the connection was lost").because(error),
        }
    }

    fn is_connecting(&self) -> bool {
        self.verb == CONNECT
    }

    fn unreachable(&self, error: io::Error) -> Error {
        self.error(ErrorClass::Transient, "the server cannot be reached")
            .advise("check `host` and `port`, the server's name and the firewall")
            .because(error)
    }

    fn of_tls(&self, error: rustls::Error) -> Error {
        let advice = match &error {
            rustls::Error::InvalidCertificate(_) => {
                "name the authority that signed the server's certificate with `ca_file`, and use the host name that is in the certificate"
            }
            _ => "check that `port` is right for `encrypt`, and that the server has TLS 1.2 or later",
        };
        self.error(ErrorClass::Fatal, format!("no encrypted connection: {error}")).advise(advice).because(error)
    }

    pub(crate) fn success(&self, answer: &LdapResult) -> Result<()> {
        if answer.rc == 0 { Ok(()) } else { Err(self.refusal(answer)) }
    }

    /// | result code | meaning | class |
    /// |---|---|---|
    /// | 49 | name or password refused | credential |
    /// | 3, 51, 52 | too slow, busy, not available | transient |
    /// | 4, 11 | it gives only a part | fatal: people would lose their addresses |
    /// | anything else | | fatal |
    fn refusal(&self, answer: &LdapResult) -> Error {
        use ErrorClass::{Credential, Fatal, Transient};
        let (base, account) = (&self.config.base, self.config.signs_in_as());
        let words = words(&answer.text);
        let (class, what, advice) = match answer.rc {
            49 => {
                let (why, advice) = active_directory(&words).unwrap_or(("it knows no such name with this password", CHECK_CREDENTIAL));
                (Credential, format!("the server refuses the sign-in of `{account}`: {why}"), advice)
            }
            48 => (
                Fatal,
                format!("the server takes no sign-in by a password from `{account}`"),
                "check `bind_dn`, and that it has a password",
            ),
            3 => (
                Transient,
                "the server needs longer than it allows itself".to_owned(),
                "narrow `base` or `filter`, or set a smaller `page_size`",
            ),
            51 => (Transient, "the server is busy".to_owned(), ""),
            52 => (Transient, "the server is not available".to_owned(), ""),
            4 | 11 => (
                Fatal,
                "the server gives only a part of the entries".to_owned(),
                "raise its limits for this account (OpenLDAP: `limits`), set a smaller `page_size`, or narrow `base` or `filter`",
            ),
            8 | 13 => (Fatal, "the server demands encryption".to_owned(), "set `encrypt` to \"tls\" or \"start-tls\""),
            2 if self.is_connecting() => (Fatal, "the server has no StartTLS".to_owned(), "set `encrypt = \"tls\"`"),
            // Active Directory says so to those who have not signed in.
            1 if self.config.bind.is_none() => {
                (Fatal, "the server gives nothing to nobody".to_owned(), "sign in with `bind_dn` and `password`")
            }
            10 => (Fatal, format!("`{base}` is on another server"), "name that one with `host`"),
            18 | 87 => (Fatal, format!("the server does not understand the filter `{}`", self.config.searched()), "correct `filter`"),
            32 => (Fatal, format!("there is no `{base}`, or `{account}` may not see it"), "check `base`, and the rights of the account"),
            34 => (Fatal, "the server takes `base` or `bind_dn` for no name".to_owned(), "write them such as OU=Staff,DC=example,DC=com"),
            50 => (Fatal, format!("`{account}` may not read below `{base}`"), "give the account the right to read, or sign in as another"),
            _ => (Fatal, "the server refuses".to_owned(), "its code is explained in RFC 4511, appendix A"),
        };
        let said = if words.is_empty() { String::new() } else { format!(": {words}") };
        let error = self.error(class, format!("{what} (LDAP result {}{said})", answer.rc));
        if advice.is_empty() { error } else { error.advise(advice) }
    }
}

const CHECK_CREDENTIAL: &str = "check `bind_dn` and `password`";

/// Why Active Directory refuses a sign-in: it says so as `data 52e`, a Windows error number in hexadecimal digits.
fn active_directory(words: &str) -> Option<(&'static str, &'static str)> {
    let (_, behind) = words.split_once("AcceptSecurityContext error, data ")?;
    Some(match behind.split(',').next()? {
        "525" => ("there is no such account", CHECK_CREDENTIAL),
        "52e" => ("the name or the password is wrong", CHECK_CREDENTIAL),
        "530" => ("the account may not sign in at this time", "change its logon hours"),
        "531" => ("the account may not sign in from this machine", "change the machines that it may sign in from"),
        "532" => ("the password has expired", "set a new one for the account"),
        "533" => ("the account is disabled", "enable it"),
        "568" => ("the account is in too many groups", "take it out of some"),
        "701" => ("the account has expired", "extend it"),
        "773" => ("the password must be changed first", "change it, or take that demand off the account"),
        "775" => ("the account is locked", "unlock it, and see that no other program tries an old password"),
        _ => return None,
    })
}

/// What a server says in its own words, as one line.
fn words(text: &str) -> String {
    let line: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).take(LONGEST_WORDS).collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::JidAttribute;

    fn refusal(rc: u32, text: &str) -> Error {
        let config = LdapConfig::new("dc01.example.com", "DC=example,DC=com", JidAttribute::Jid("mail".to_owned()));
        let answer = LdapResult { rc, matched: String::new(), text: text.to_owned(), refs: Vec::new(), ctrls: Vec::new() };
        Operation { config: &config, verb: "sign in to directory" }.refusal(&answer)
    }

    #[test]
    fn what_active_directory_says_of_a_refused_sign_in_is_told_in_words() {
        for (data, meaning) in
            [("52e", "the name or the password is wrong"), ("532", "has expired"), ("533", "is disabled"), ("775", "is locked")]
        {
            let text = format!("80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data {data}, v4563\0");
            let error = refusal(49, &text);
            assert_eq!(error.class(), ErrorClass::Credential);
            assert!(error.to_string().contains(meaning), "{error}");
            assert!(error.to_string().contains("LDAP result 49") && !error.to_string().contains('\0'), "{error}");
        }
        assert!(refusal(49, "").to_string().contains("knows no such name with this password"));
    }

    #[test]
    fn every_refusal_has_the_class_that_says_what_to_do() {
        for (rc, class) in [
            (1, ErrorClass::Fatal),
            (3, ErrorClass::Transient),
            (4, ErrorClass::Fatal),
            (11, ErrorClass::Fatal),
            (32, ErrorClass::Fatal),
            (49, ErrorClass::Credential),
            (50, ErrorClass::Fatal),
            (51, ErrorClass::Transient),
            (52, ErrorClass::Transient),
            (80, ErrorClass::Fatal),
        ] {
            assert_eq!(refusal(rc, "").class(), class, "{rc}");
        }
    }

    #[test]
    fn the_words_of_a_server_are_one_short_line() {
        let error = refusal(80, &format!("one\r\ntwo\u{1b}[2J{}", "x".repeat(1_000))).to_string();
        assert!(!error.contains(char::is_control) && error.len() < 500, "{error}");
    }
}
