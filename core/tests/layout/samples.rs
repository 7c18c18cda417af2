//! Conversations that look different from each other.

use jabber_archive_core::{
    Address, BareJid, Conversation, ConversationKey, ConversationKind, Digest, FieldHasher, FileRef, Grid, Message, MessageKey, Movement,
    Participant, Party, Timestamp, testing::generators,
};

const START: &str = "2026-11-21T21:30:00Z";

fn user(name: &str) -> Party {
    Party::User(BareJid::new(&format!("{name}@im.example.com")).unwrap())
}

fn person(party: &Party, name: &str) -> Participant {
    let address = party.to_string().replace("@im.", "@");
    let mut person = Participant::new(party.clone(), Address::Mapped(address), Some(name.to_owned()));
    person.sent = true;
    person.received = true;
    person
}

/// What these say, in turn, half a minute apart, in a room of all of them.
fn room<'t>(people: &[(&str, &str)], texts: impl IntoIterator<Item = (usize, &'t str)>) -> Conversation {
    let start: Timestamp = START.parse().unwrap();
    let mut messages = Vec::new();
    for ((speaker, text), number) in texts.into_iter().zip(0..) {
        let sent = Timestamp::from_millis(start.millis() + number * 29_000);
        let identity = FieldHasher::new().field(&number.to_string()).finish().short();
        messages.push(Message::new(MessageKey::new(sent, identity, 0), user(people[speaker].0), text.to_owned()));
    }
    let grid = Grid::new(std::time::Duration::from_hours(24), std::time::Duration::from_hours(12)).unwrap();
    let mut participants: Vec<_> = people.iter().map(|(jid, name)| person(&user(jid), name)).collect();
    participants.sort_by(|one, other| one.party.cmp(&other.party));
    let room = BareJid::new("q3-planning@conference-1.im.example.com").unwrap();
    Conversation::new(
        ConversationKey::Room(room),
        grid.window_at(start),
        ConversationKind::Room,
        Some("Q3 planning".into()),
        participants,
        messages,
    )
}

fn format(message: &mut Message, xhtml: &str) {
    message.stanza = Some(format!(
        "<message><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>{xhtml}</body></html></message>"
    ));
}

const TEAM: &[(&str, &str)] = &[("alice", "Alice Example"), ("bob", "Bob Builder"), ("wang", "王小明")];

/// Two people, a few words each, after midnight too.
pub(crate) fn chat() -> Conversation {
    let texts = [
        (0, "Good evening Bob,\ncan you send me the Q3 report?\n\n    It is due at 9:00."),
        (1, "Sure 👍"),
        (1, "Which one: the draft, or what finance signed?"),
        (0, "The signed one. https://intranet.example.com/finance/2026/q3?view=all&sort=desc"),
        (1, "ok"),
    ];
    let mut chat = room(&TEAM[..2], texts);
    chat.key = ConversationKey::pair(user("alice"), user("bob"));
    chat.kind = ConversationKind::OneToOne;
    chat.title = None;
    let later = "2026-11-21T23:12:00Z".parse().unwrap();
    chat.messages.last_mut().unwrap().key.start = later;
    chat
}

/// People who come and go, an unknown one, and files.
pub(crate) fn planning() -> Conversation {
    let texts = [(0, "Who is here?"), (1, "I am. Minutes and figures attached."), (2, "会议推迟到明天上午十点。"), (0, "Thanks")];
    let mut planning = room(TEAM, texts);
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    planning.participants[1].inside = true;
    planning.participants[1].movements =
        vec![(time("2026-11-21T22:10:00Z"), Movement::Left), (time("2026-11-21T23:40:07Z"), Movement::Entered)];
    planning.participants[2].address = Address::Unmapped("wang@im.example.com.jid.invalid".into());
    for (name, size) in
        [("Minutes of the meeting.docx", Some(18_214)), ("figures-2026-Q3-final-FINAL-v7 (copy) (2).xlsx", Some(7_340_032)), ("x", None)]
    {
        let mut file = FileRef::named(name);
        file.size = size;
        file.digest = size.map(|_| Digest::of(name.as_bytes()));
        planning.messages[1].files.push(file);
    }
    planning.messages[3].subject = Some("Figures of the third quarter".into());
    planning
}

/// Everything that XHTML-IM can do, and colours that are hard to read.
pub(crate) fn formatted() -> Conversation {
    let mut formatted = room(
        TEAM,
        [(0, "Read this today"), (1, "red on yellow in a list one two end"), (0, "code\n    let x = 1;\nquoted link"), (2, "plain")],
    );
    format(&mut formatted.messages[0], "<p>Read <b>this</b> <span style='color:red;font-weight:bold'>today</span></p>");
    format(
        &mut formatted.messages[1],
        "<p style='color:#005a00'>red <span style='background-color:yellow;color:red'>on yellow <em style='color:navy'>in</em></span> a list</p>\
         <ul><li>one</li><li style='background-color:#cfc'>two</li></ul><blockquote>end</blockquote>",
    );
    format(
        &mut formatted.messages[2],
        "<code>code</code><pre>    let x = 1;</pre><blockquote>quoted <span style='background-color:#ffc'>\
         <a href='https://example.com/'>link</a></span></blockquote>",
    );
    formatted
}

/// Formatted text that somebody made to be unreadable, or worse.
pub(crate) fn hostile() -> Conversation {
    let samples = generators::sample(generators::hostile_formatted(), 160);
    let mut hostile = room(TEAM, samples.iter().map(|(body, _)| (0, body.as_str())));
    for (message, (_, stanza)) in hostile.messages.iter_mut().zip(samples) {
        message.stanza = Some(stanza);
    }
    hostile
}

/// Arabic and Hebrew, mixed with Latin.
pub(crate) fn right_to_left() -> Conversation {
    let people = [("layla", "ليلى حداد"), ("david", "דוד כהן"), ("alice", "Alice Example")];
    let texts = [
        (0, "صباح الخير! هل أرسلت تقرير Q3 إلى Alice؟"),
        (1, "כן, שלחתי את הקובץ report-2026.pdf אתמול בשעה 14:30.\nתודה!"),
        (2, "Thanks ليلى and דוד, I will read it (today)."),
        (0, "1. أولا\n2. ثانيا"),
    ];
    let mut conversation = room(&people, texts);
    conversation.title = Some("تخطيط Q3 / תכנון".into());
    conversation
}

/// Chinese, Japanese, Korean, and emoji of one and of many code points.
pub(crate) fn east_asian() -> Conversation {
    let people = [("wang", "王小明"), ("tanaka", "田中 さくら"), ("kim", "김민수")];
    let long = "第三季度的数字已经准备好了请大家在明天上午十点之前确认。".repeat(8);
    let texts = [
        (0, long.as_str()),
        (1, "了解しました。資料は共有フォルダにあります。よろしくお願いいたします。"),
        (2, "네, 확인했습니다. 감사합니다!"),
        (1, "👍🏽 👨‍👩‍👧‍👦 🇨🇭 ✅ 🎉 ❤️ 1️⃣"),
    ];
    room(&people, texts)
}

/// Messages of 40,000 characters, with blanks, without any, and without any in a formatted block.
pub(crate) fn long() -> Conversation {
    let (words, unbroken) = ("lorem ipsum dolor ".repeat(2_223), "x".repeat(40_000));
    let line = "y".repeat(4_000);
    let mut long = room(TEAM, [(0, words.as_str()), (1, unbroken.as_str()), (2, line.as_str())]);
    format(&mut long.messages[2], &format!("<pre>{line}</pre>"));
    long
}

/// A message that takes three small mails.
pub(crate) fn outgrown() -> Conversation {
    room(&TEAM[..2], [(0, "lorem ipsum dolor sit amet ".repeat(13_000).trim_end())])
}

/// A message of so many lines.
pub(crate) fn lines(number: usize) -> Conversation {
    room(&TEAM[..2], [(0, "line\n".repeat(number).trim_end())])
}

/// Names, addresses, titles, files and URLs that are too long for any line.
pub(crate) fn wide() -> Conversation {
    let name = "Bartholomew Maximilian Featherstonehaugh-Cholmondeley von und zu Grünenstein-Hohenzollern the Third";
    let jid = "a.very.long.local.part.that.somebody.chose".repeat(3);
    let unbroken = "Bob_without_any_blank_".repeat(6);
    let people = [(jid.as_str(), name), ("bob", unbroken.as_str())];
    let url = format!("https://example.com/{}?q={}", "path/".repeat(60), "a1b2".repeat(80));
    let mut wide = room(&people, [(0, url.as_str()), (1, "short")]);
    wide.title = Some("T".repeat(300));
    let mut file = FileRef::named(format!("{}.pdf", "file_name_".repeat(20)));
    file.size = Some(1);
    wide.messages[1].files.push(file);
    wide.messages[1].subject = Some("subject".repeat(40));
    wide
}

/// A room of so many people and messages.
pub(crate) fn crowd(people: usize, messages: usize) -> Conversation {
    let names: Vec<_> = (0..people).map(|number| (format!("user{number:05}"), format!("User Number {number}"))).collect();
    let people: Vec<_> = names.iter().map(|(jid, name)| (jid.as_str(), name.as_str())).collect();
    let texts = ["ok", "I have read the document and have two questions about the figures on page 7.", "Tomorrow at ten?", "👍"];
    room(&people, (0..messages).map(|number| (number / 3 % 5, texts[number % texts.len()])))
}
