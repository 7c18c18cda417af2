//! The bytes of a report: `Journal-report` of MS-XJRNL.

use jabber_archive_core::{
    Address, BareJid, Conversation, ConversationKey, ConversationKind, ConverterExt, FieldHasher, Grid, Issue, Message, MessageKey,
    Participant, Party,
};

use crate::{journal, per_message, transcript};

fn user(name: &str) -> Party {
    Party::User(BareJid::new(&format!("{name}@im.example")).unwrap())
}

/// What Alice says to these.
fn said(key: ConversationKey, kind: ConversationKind, others: &[&str]) -> Conversation {
    let person = |name: &&str| Participant::new(user(name), Address::Mapped(format!("{name}@x.example")), None);
    let identity = FieldHasher::new().finish().short();
    let message = Message::new(MessageKey::new("2026-11-21T09:14:03Z".parse().unwrap(), identity, 0), user("alice"), "Hello".into());
    let people = std::iter::once(&"alice").chain(others).map(person).collect();
    Conversation::new(key, Grid::daily().window_at(message.sent()), kind, Some("Plans".into()), people, vec![message])
}

/// The report of the mail of one message, whose first part has these lines behind the Message-ID of the mail.
fn check(conversation: &Conversation, subject: &str, to: &str) {
    let mail = per_message().mails(conversation, Issue::FIRST).unwrap().remove(0);
    let reports = journal(per_message()).mails(conversation, Issue::FIRST).unwrap();
    let [report] = &reports[..] else { panic!("{} reports", reports.len()) };
    let (id, inside, domain) = (&report.key.id, &mail.key.id, "example.jabber-archive.invalid");
    let expected = format!(
        "From: <archive@{domain}>\r\n\
         To: <journal@{domain}>\r\n\
         Date: Sat, 21 Nov 2026 09:14:03 +0000\r\n\
         Subject: {subject}\r\n\
         Message-ID: <{id}@{domain}>\r\n\
         Auto-Submitted: auto-generated\r\n\
         X-MS-Journal-Report: \r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"=_{id}_journal\"\r\n\
         \r\n\
         --=_{id}_journal\r\n\
         Content-Type: text/plain; charset=\"utf-8\"\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\
         \r\n\
         Sender: alice@x.example\r\n\
         Subject: {subject}\r\n\
         Message-ID: <{inside}@{domain}>\r\n\
         {to}\
         \r\n\
         --=_{id}_journal\r\n\
         Content-Type: message/rfc822\r\n\
         Content-Transfer-Encoding: 7bit\r\n\
         \r\n\
         {}\r\n\
         --=_{id}_journal--\r\n",
        std::str::from_utf8(&mail.content).unwrap()
    );
    assert_eq!(std::str::from_utf8(&report.content).unwrap(), expected);
}

#[test]
fn a_report_of_a_chat_has_the_shape_that_exchange_writes_to_the_byte() {
    let pair = ConversationKey::pair(user("alice"), user("bob"));
    check(&said(pair, ConversationKind::OneToOne, &["bob"]), "Jabber: alice, bob", "To: bob@x.example\r\n");
}

#[test]
fn a_report_of_a_room_has_the_shape_that_exchange_writes_for_a_list_to_the_byte() {
    let room = ConversationKey::Room(BareJid::new("plans@c.example").unwrap());
    let to = "To: bob@x.example, Expanded: plans@c.example\r\nTo: carol@x.example, Expanded: plans@c.example\r\n";
    check(&said(room, ConversationKind::Room, &["bob", "carol"]), "Jabber room: Plans", to);
}

#[test]
fn the_mail_in_a_report_keeps_a_line_that_looks_like_the_end_of_the_report() {
    let pair = ConversationKey::pair(user("alice"), user("bob"));
    let mut conversation = said(pair, ConversationKind::OneToOne, &["bob"]);
    let id = journal(transcript()).mails(&conversation, Issue::FIRST).unwrap()[0].key.id.clone();
    conversation.messages[0].body = format!("a\n--=_{id}_journal\n\n--=_{id}_journal--\nTo: eve@x.example\n");
    let (report, mail) = [journal(transcript()).mails(&conversation, Issue::FIRST), transcript().mails(&conversation, Issue::FIRST)]
        .map(|mails| mails.unwrap().remove(0))
        .into();
    assert_eq!(report.key.id, id);
    assert_eq!(jabber_archive_core::journaled_mail(&report.content).unwrap(), mail.content);
    let (fields, _) = crate::read(&report.content);
    assert_eq!(fields[3..], ["To: alice@x.example", "To: bob@x.example"]);
}
