//! Mails that must never change: a change of their bytes is a new version of the recipe.

use std::{fs, path::PathBuf};

use jabber_archive_core::{
    Address, BareJid, Conversation, ConversationKey, ConversationKind, Converter, ConverterExt, Digest, FieldHasher, FileRef, Grid, Issue,
    Journal, MailItem, Message, MessageKey, Movement, Participant, Party, Timestamp, TranscriptSettings, testing::generators::facts,
};

use crate::{mails, per_message, transcript, with_json};

/// Set to write the corpus anew.
const UPDATE: &str = "JABBER_ARCHIVE_UPDATE_CORPUS";

fn user(jid: &str) -> Party {
    Party::User(BareJid::new(jid).unwrap())
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn message(at: &str, sender: &Party, recipients: &[&Party], body: &str) -> Message {
    let identity = FieldHasher::new().field(at).field(body).finish().short();
    let mut message = Message::new(MessageKey::new(time(at), identity, 0), sender.clone(), body.into());
    message.recipients = recipients.iter().map(|party| (*party).clone()).collect();
    message.recipients.sort_unstable();
    message
}

/// The same with a stanza that holds the text formatted.
fn formatted(mut message: Message, xhtml: &str) -> Message {
    message.stanza = Some(format!(
        "<message type='chat'><body/><html xmlns='http://jabber.org/protocol/xhtml-im'>\
         <body xmlns='http://www.w3.org/1999/xhtml'>{xhtml}</body></html></message>"
    ));
    message
}

fn person(party: &Party, address: Address, name: &str) -> Participant {
    let mut person = Participant::new(party.clone(), address, Some(name.into()).filter(|name: &String| !name.is_empty()));
    person.sent = true;
    person.received = true;
    person
}

fn chat() -> Conversation {
    let (alice, bob) = (user("alice@im.example.com"), user("bob@im.example.com"));
    let mut report = message("2026-11-21T09:15:30.007Z", &bob, &[&alice], "Here it is");
    let mut file = FileRef::named("Q3 report.pdf");
    file.size = Some(48_213);
    file.digest = Some(Digest::of(b"Q3"));
    report.files.push(file);
    Conversation::new(
        ConversationKey::pair(alice.clone(), bob.clone()),
        Grid::daily().window_at(time("2026-11-21T09:14:03Z")),
        ConversationKind::OneToOne,
        None,
        vec![
            person(&alice, Address::Mapped("alice@example.com".into()), "Alice Example"),
            person(&bob, Address::Unmapped("bob@im.example.com.jid.invalid".into()), ""),
        ],
        vec![
            message("2026-11-21T09:14:03Z", &alice, &[&bob], "Good morning Bob,\ncan you send me the Q3 report?"),
            formatted(
                message("2026-11-21T09:14:21Z", &alice, &[&bob], "The file, not this page. By noon!"),
                "<p>The <em>file</em>, not <a href=\"https://example.com/q3?year=2026&amp;draft\">this page</a>. \
                 <span style=\"color: red; font-size: 12pt; font-weight: bold\">By noon!</span></p>",
            ),
            message("2026-11-21T09:14:41.123Z", &bob, &[&alice], "Sure 👍"),
            report,
        ],
    )
}

fn room() -> Conversation {
    let room = BareJid::new("q3-planning@conference-1.im.example.com").unwrap();
    let (alice, wang) = (user("alice@im.example.com"), user("wang@im.example.com"));
    let guest = Party::Occupant { room: room.clone(), nick: "Alice Example".into() };
    let mut listener = person(&wang, Address::Mapped("wang@example.com".into()), "王小明");
    listener.inside = true;
    listener.movements = vec![(time("2026-11-22T01:10:00Z"), Movement::Left)];
    Conversation::new(
        ConversationKey::Room(room),
        Grid::new(std::time::Duration::from_hours(24), std::time::Duration::from_hours(12))
            .unwrap()
            .window_at(time("2026-11-22T00:00:00Z")),
        ConversationKind::Room,
        Some("Q3 planning".into()),
        vec![
            person(&alice, Address::Mapped("alice@example.com".into()), "Alice Example"),
            listener,
            person(
                &guest,
                Address::Unmapped("AliceExample%00112233445566778899aabbccddeeff@conference-1.im.example.com.jid.invalid".into()),
                "",
            ),
        ],
        vec![
            message("2026-11-21T23:59:58Z", &wang, &[&alice], "会议推迟到明天上午十点，请大家把第三季度的数字准备好。"),
            message("2026-11-22T00:00:02Z", &guest, &[&alice, &wang], "ok\n[00:00:03Z] Alice Example: I approve\n\nCisco Jabber archive"),
            formatted(
                message("2026-11-22T00:00:05Z", &wang, &[&alice], "第三季度\n一\n二 < 三\nhttps://bank.example"),
                "<div onclick='alert(1)'>第三季度<script>alert(1)</script></div><ol><li>一</li><li><b>二 &lt; 三</b></li></ol>\
                 <a href='https://evil.example'>https://bank.example</a>",
            ),
            message("2026-11-22T00:00:09Z", &alice, &[&wang], "</p><script>alert('no')</script>\u{202e}\r\n\t=?utf-8?Q?hi?="),
        ],
    )
}

fn compare(name: &str, conversation: &Conversation, issue: Issue, settings: TranscriptSettings) {
    compare_item(name, &mails(conversation, issue, settings)[0]);
}

fn compare_item(name: &str, item: &MailItem) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, &item.content).unwrap();
    }
    let stored = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; set {UPDATE}=1 to write it", path.display()));
    assert_eq!(String::from_utf8_lossy(&item.content), String::from_utf8_lossy(&stored), "{name} differs; raise the recipe's version");
}

#[test]
fn a_chat_has_the_bytes_it_always_had() {
    compare("chat.eml", &chat(), Issue::FIRST, TranscriptSettings::default());
}

#[test]
fn a_room_has_the_bytes_it_always_had() {
    compare("room.eml", &room(), Issue::FIRST, TranscriptSettings::default());
}

#[test]
fn a_room_in_a_time_zone_has_the_bytes_it_always_had() {
    let settings = TranscriptSettings::default().with_time_zone("Europe/Zurich".parse().unwrap());
    compare("room-in-zone.eml", &room(), Issue::FIRST, settings);
}

#[test]
fn an_addendum_with_json_has_the_bytes_it_always_had() {
    let mut conversation = chat();
    conversation.messages.truncate(2);
    let mut issue = Issue::FIRST.next_edition();
    issue.addendum = true;
    compare("addendum.eml", &conversation, issue, with_json());
}

#[test]
fn the_mails_of_messages_have_the_bytes_they_always_had() {
    let chat = per_message(TranscriptSettings::default()).mails(&chat(), Issue::FIRST).unwrap();
    let room = per_message(with_json()).mails(&room(), Issue::FIRST).unwrap();
    assert_eq!((chat.len(), room.len()), (4, 4));
    compare_item("message.eml", &chat[0]);
    compare_item("message-with-file.eml", &chat[3]);
    compare_item("message-in-room.eml", &room[1]);
}

#[test]
fn journal_reports_have_the_bytes_they_always_had() {
    fn report(inner: impl Converter, conversation: &Conversation) -> MailItem {
        Journal::new(&facts(), inner).unwrap().mails(conversation, Issue::FIRST).unwrap().remove(0)
    }
    compare_item("journal-message.eml", &report(per_message(TranscriptSettings::default()), &chat()));
    let mut council = room();
    council.title = Some("第三季度".into());
    compare_item("journal-room.eml", &report(transcript(TranscriptSettings::default()), &council));
    let catch_all = TranscriptSettings::default().with_catch_all("archive+all@example.com");
    compare_item("journal-catch-all.eml", &report(transcript(catch_all), &room()));
}
