//! What somebody else's IMAP client finds, and mails to deliver.

use std::process::Command;

use bytes::Bytes;
use data_encoding::BASE64;
use jabber_archive_core::{ItemId, Letter};
use jabber_archive_imap::testing::Dovecot;
use serde_json::Value;

/// Python's imaplib, signed in as a user: every folder that is subscribed to, and in it every mail.
const READER: &str = r#"
import base64, imaplib, json, re, sys
imap = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]))
imap.login(sys.argv[2], sys.argv[3])
found = []
for line in imap.lsub()[1]:
    if line is None:
        continue
    folder = re.match(rb'\(.*?\) "?.*?"? "?(.*?)"?$', line)[1].decode()
    assert imap.select('"%s"' % folder)[0] == "OK"
    validity = int(imap.response("UIDVALIDITY")[1][0])
    uids = imap.uid("search", None, "ALL")[1][0].split()
    for uid in uids:
        answer = imap.uid("fetch", uid, "(UID FLAGS INTERNALDATE BODY.PEEK[])")[1]
        head, content = answer[0]
        tail = answer[1] if len(answer) > 1 and isinstance(answer[1], bytes) else b""
        said = (head + tail).decode()
        found.append({
            "folder": folder, "uid": int(uid), "uid_validity": validity, "content": base64.b64encode(content).decode(),
            "flags": re.search(r"FLAGS \((.*?)\)", said)[1], "date": re.search(r'INTERNALDATE "(.*?)"', said)[1],
        })
print(json.dumps(found))
"#;

/// Removes everything from the folders that are subscribed to.
const REMOVER: &str = r#"
import imaplib, re, sys
imap = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]))
imap.login(sys.argv[2], sys.argv[3])
for line in imap.lsub()[1]:
    folder = re.match(rb'\(.*?\) "?.*?"? "?(.*?)"?$', line)[1].decode()
    imap.select('"%s"' % folder)
    imap.store("1:*", "+FLAGS", "\\Deleted")
    imap.expunge()
"#;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) folder: String,
    pub(crate) uid_validity: u32,
    pub(crate) uid: u32,
    pub(crate) flags: String,
    pub(crate) date: String,
    pub(crate) content: Bytes,
}

fn python(script: &str, dovecot: &Dovecot, user: &str) -> String {
    let port = dovecot.port().to_string();
    let output = Command::new("python3").args(["-c", script, &port, user, Dovecot::PASSWORD]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The mails in the folders that a user has subscribed to.
pub(crate) fn mails(dovecot: &Dovecot, user: &str) -> Vec<Found> {
    let found: Value = serde_json::from_str(&python(READER, dovecot, user)).unwrap();
    let text = |mail: &Value, name: &str| mail[name].as_str().unwrap().to_owned();
    let number = |mail: &Value, name: &str| u32::try_from(mail[name].as_u64().unwrap()).unwrap();
    let read = |mail: &Value| Found {
        folder: text(mail, "folder"),
        uid_validity: number(mail, "uid_validity"),
        uid: number(mail, "uid"),
        flags: text(mail, "flags"),
        date: text(mail, "date").trim().to_owned(),
        content: BASE64.decode(text(mail, "content").as_bytes()).unwrap().into(),
    };
    found.as_array().unwrap().iter().map(read).collect()
}

/// Empties them.
pub(crate) fn empty(dovecot: &Dovecot, user: &str) {
    python(REMOVER, dovecot, user);
}

/// A mail of this number, and so many bytes at least.
pub(crate) fn letter(number: u32, bytes: usize) -> Letter {
    let letter = char::from(b'a' + (number % 26) as u8).to_string();
    let id: ItemId = format!("{}{}", letter.repeat(25), char::from(b'a' + (number / 26) as u8)).parse().unwrap();
    let message_id = format!("{id}@test.jabber-archive.invalid");
    let content = format!(
        "From: a@example.com\r\nMessage-ID: <{message_id}>\r\nSubject: {number}\r\n\r\n{}\r\n",
        "A1 APPEND x\r\n".repeat(bytes / 13)
    );
    Letter::new(id, message_id, content.into())
}
