//! Files that must never change: a change of their bytes is a new version of the recipe. What the zip file of each says stands beside it, to be read.

use std::{fs, path::PathBuf, time::Duration};

use jabber_archive_core::{
    Address, BareJid, Conversation, ConversationKey, ConversationKind, FieldHasher, FileRef, Grid, Issue, Message, MessageKey, Movement,
    Participant, Party, Timestamp, TranscriptSettings,
};

use crate::{files, reader::Rsmf, with_json};

/// Set to write the corpus anew.
const UPDATE: &str = "JABBER_ARCHIVE_UPDATE_CORPUS";

fn user(jid: &str) -> Party {
    Party::User(BareJid::new(jid).unwrap())
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn message(at: &str, sender: &Party, body: &str) -> Message {
    let identity = FieldHasher::new().field(at).field(body).finish().short();
    Message::new(MessageKey::new(time(at), identity, 0), sender.clone(), body.into())
}

fn person(party: &Party, address: Address, name: Option<&str>) -> Participant {
    let mut person = Participant::new(party.clone(), address, name.map(str::to_owned));
    person.sent = true;
    person
}

fn chat() -> Conversation {
    let (alice, bob) = (user("alice@im.example.com"), user("bob@im.example.com"));
    let mut report = message("2026-11-21T09:15:30.007Z", &bob, "Here it is");
    report.subject = Some("Q3".into());
    report.files =
        vec![FileRef::named("Q3 report.CSV").with_content("quarter;sum\r\n3;48213\r\n".into()), FileRef::named("Q2 report.pdf").missing()];
    Conversation::new(
        ConversationKey::pair(alice.clone(), bob.clone()),
        Grid::daily().window_at(time("2026-11-21T09:14:03Z")),
        ConversationKind::OneToOne,
        None,
        vec![
            person(&alice, Address::Mapped("alice@example.com".into()), Some("Alice Example")),
            person(&bob, Address::Unmapped("bob@im.example.com.jid.invalid".into()), None),
        ],
        vec![
            message("2026-11-21T09:14:03Z", &alice, "Good morning Bob,\ncan you send me the Q3 report?"),
            message("2026-11-21T09:14:41.123Z", &bob, "Sure 👍"),
            report,
        ],
    )
}

fn room() -> Conversation {
    let room = BareJid::new("q3-planning@conference-1.im.example.com").unwrap();
    let (alice, wang) = (user("alice@im.example.com"), user("wang@im.example.com"));
    let guest = Party::Occupant { room: room.clone(), nick: "Alice Example".into() };
    let mut early = person(&wang, Address::Mapped("wang@example.com".into()), Some("王小明"));
    early.inside = true;
    early.movements = vec![(time("2026-11-22T01:10:00Z"), Movement::Left)];
    let mut late = person(&alice, Address::Mapped("alice@example.com".into()), Some("Alice Example"));
    late.movements = vec![(time("2026-11-22T00:00:02Z"), Movement::Entered)];
    let unmapped = "AliceExample%00112233445566778899aabbccddeeff@conference-1.im.example.com.jid.invalid";
    Conversation::new(
        ConversationKey::Room(room),
        Grid::new(Duration::from_hours(24), Duration::from_hours(12)).unwrap().window_at(time("2026-11-22T00:00:00Z")),
        ConversationKind::Room,
        Some("Q3 planning".into()),
        vec![early, late, person(&guest, Address::Unmapped(unmapped.into()), None)],
        vec![
            message("2026-11-21T23:59:58Z", &wang, "会议推迟到明天上午十点，请大家把第三季度的数字准备好。"),
            message("2026-11-22T00:00:02Z", &guest, "ok\n[00:00:03Z] Alice Example: I approve\n\nCisco Jabber archive"),
            message("2026-11-22T00:00:09Z", &alice, "\"}],</p><script>alert('no')</script>\u{202e}\u{0}\r\n\t=?utf-8?Q?hi?="),
        ],
    )
}

fn compare(name: &str, conversation: &Conversation, issue: Issue, settings: TranscriptSettings) {
    let item = &files(conversation, issue, settings)[0];
    let zip = Rsmf::read(item);
    let readable = serde_json::to_string_pretty(&zip.manifest).unwrap() + "\n";
    for (name, content) in [(format!("{name}.rsmf"), &item.content[..]), (format!("{name}.rsmf_manifest.json"), readable.as_bytes())] {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(&name);
        if std::env::var_os(UPDATE).is_some() {
            fs::write(&path, content).unwrap();
        }
        let stored = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; set {UPDATE}=1 to write it", path.display()));
        assert_eq!(String::from_utf8_lossy(content), String::from_utf8_lossy(&stored), "{name} differs; raise the recipe's version");
    }
}

#[test]
fn a_chat_with_a_file_has_the_bytes_it_always_had() {
    compare("chat", &chat(), Issue::FIRST, TranscriptSettings::default());
}

#[test]
fn an_addendum_of_a_room_with_json_has_the_bytes_it_always_had() {
    let mut issue = Issue::FIRST.next_edition();
    issue.addendum = true;
    compare("room", &room(), issue, with_json());
}
