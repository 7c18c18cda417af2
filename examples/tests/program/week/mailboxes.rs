//! What people do with their mailboxes, and what somebody else's IMAP client finds there.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use jabber_archive_imap::testing::Dovecot;

/// The SHA-256 of every mail in every folder.
const READER: &str = r#"
import hashlib, imaplib, json, re, sys
found = {}
for user in sys.argv[3:]:
    imap = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]))
    imap.login(user, sys.argv[2])
    folders = found[user] = {}
    for line in imap.list()[1]:
        folder = re.match(rb'\(.*?\) "/" "?(.*?)"?$', line)[1].decode()
        assert imap.select('"%s"' % folder, readonly=True)[0] == "OK"
        uids = imap.uid("search", None, "ALL")[1][0].split()
        mails = [imap.uid("fetch", uid, "(BODY.PEEK[])")[1][0][1] for uid in uids]
        if mails:
            folders[folder] = sorted(hashlib.sha256(mail).hexdigest() for mail in mails)
print(json.dumps(found))
"#;

/// Takes the first mail out of the folder; leaves it in another one, if told to. Says which it was.
const TAKER: &str = r#"
import hashlib, imaplib, sys
imap = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]))
imap.login(sys.argv[3], sys.argv[2])
imap.select('"INBOX/Cisco Jabber on MS SQL"')
mail = imap.fetch("1", "(BODY.PEEK[])")[1][0][1]
for folder in sys.argv[4:]:
    imap.create(folder)
    assert imap.copy("1", folder)[0] == "OK"
imap.store("1", "+FLAGS", "\\Deleted")
imap.expunge()
print(hashlib.sha256(mail).hexdigest())
"#;

/// Fills a mailbox until nothing more fits into it.
const FILLER: &str = r#"
import imaplib, sys
imap = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]))
imap.login(sys.argv[3], sys.argv[2])
for kib in [512, 256, 128, 64, 32, 16, 8, 4, 2, 1]:
    mail = b"Subject: holidays\r\n\r\n" + b"x" * (kib * 1024 - 30) + b"\r\n"
    while imap.append("INBOX", "", None, mail)[0] == "OK":
        pass
"#;

/// Removes what fills it.
const CLEANER: &str = r#"
import imaplib, sys
imap = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]))
imap.login(sys.argv[3], sys.argv[2])
imap.select("INBOX")
imap.store("1:*", "+FLAGS", "\\Deleted")
imap.expunge()
"#;

/// The folder of chats.
pub(super) const FOLDER: &str = "INBOX/Cisco Jabber on MS SQL";

/// Where somebody keeps mails.
pub(super) const KEPT: &str = "Kept";

/// Digests of mails by mailbox and folder, sorted; only folders with mails.
pub(super) type Mailboxes = BTreeMap<String, BTreeMap<String, Vec<String>>>;

fn python(script: &str, dovecot: &Dovecot, arguments: &[&str]) -> String {
    let port = dovecot.port().to_string();
    let output = Command::new("python3").args(["-c", script, &port, Dovecot::PASSWORD]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Everything in everybody's mailbox.
pub(super) fn found(dovecot: &Dovecot, users: &BTreeSet<String>) -> Mailboxes {
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let mut found: Mailboxes = serde_json::from_str(&python(READER, dovecot, &users)).unwrap();
    found.retain(|_, folders| !folders.is_empty());
    found
}

/// Asserts that everybody has this, and nothing else or twice.
pub(super) fn assert_same(found: &Mailboxes, expected: &Mailboxes) {
    let counted = |mailboxes: &Mailboxes| {
        let mut counted: BTreeMap<(String, String, String), usize> = BTreeMap::new();
        for (user, folders) in mailboxes {
            for (folder, mail) in folders.iter().flat_map(|(folder, mails)| mails.iter().map(move |mail| (folder, mail))) {
                *counted.entry((user.clone(), folder.clone(), mail.clone())).or_default() += 1;
            }
        }
        counted
    };
    let (found, expected) = (counted(found), counted(expected));
    let keys: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    let differ = keys.into_iter().filter(|key| found.get(*key) != expected.get(*key));
    let differ: Vec<_> = differ.map(|key| (key, found.get(key), expected.get(key))).collect();
    assert!(differ.is_empty(), "{differ:#?} of {}", expected.len());
}

/// Somebody moves a chat to where they keep them; gives its digest.
pub(super) fn move_one(dovecot: &Dovecot, user: &str) -> String {
    python(TAKER, dovecot, &[user, KEPT]).trim().to_owned()
}

/// Somebody deletes a chat; gives its digest.
pub(super) fn delete_one(dovecot: &Dovecot, user: &str) -> String {
    python(TAKER, dovecot, &[user]).trim().to_owned()
}

/// Somebody's mailbox is full.
pub(super) fn fill(dovecot: &Dovecot, user: &str) {
    python(FILLER, dovecot, &[user]);
}

/// Somebody makes space.
pub(super) fn make_space(dovecot: &Dovecot, user: &str) {
    python(CLEANER, dovecot, &[user]);
}
