use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::{collection::vec, option, prelude::*, sample::select, strategy::Union};

use super::{
    stanzas::{formatted, hostile_formatted},
    texts::{hostile_name, hostile_text, name, text},
};
use crate::{
    Address, ArchiveFacts, BareJid, Conversation, ConversationKey, ConversationKind, Digest, FileRef, Issue, Message, MessageKey, Movement,
    Participant, Party, ShortDigest, Timestamp, Window,
};

/// How wild what is generated may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a generator is one or the other")]
pub enum Style {
    /// What a working system has: names, texts and addresses in all scripts.
    Realistic,
    /// What somebody could make it have.
    Hostile,
}

/// The facts of an archive named `example`.
///
/// # Panics
///
/// Never: the name is one.
pub fn facts() -> ArchiveFacts {
    ArchiveFacts::new("example").expect("the name of an archive")
}

/// The first issue, or a later one with or without what was there before.
pub fn issue() -> impl Strategy<Value = Issue> {
    (1..4_u32, any::<bool>()).prop_map(|(edition, addendum)| Issue { edition, addendum: addendum && edition > 1 })
}

/// A conversation of up to 12 messages: realistic and hostile ones, each as often as the other.
pub fn conversation() -> impl Strategy<Value = Conversation> {
    prop_oneof![conversation_of(Style::Realistic, 0..12), conversation_of(Style::Hostile, 0..12)]
}

/// A conversation of this style with so many messages.
///
/// 1:1 chats, ad hoc groups, rooms and private messages in rooms; people with and without names and directory entries; occupants of whom only the
/// nick is known; presence; files, subjects, threads, stanzas and formatted text on some messages; windows of a day, an hour, from noon to
/// noon, and the one before 2000.
pub fn conversation_of(style: Style, messages: std::ops::Range<usize>) -> impl Strategy<Value = Conversation> {
    (kind(), window(), 2..7_usize)
        .prop_flat_map(move |(kind, window, people)| {
            let people = if matches!(kind, ConversationKind::OneToOne | ConversationKind::RoomPrivate) { 2 } else { people };
            (
                Just(kind),
                Just(window),
                vec(party(style, kind), people),
                vec(description(style, window, 0..4), people),
                vec(draft(style, window), messages.clone()),
                option::of(names(style)),
            )
        })
        .prop_map(|(kind, window, parties, descriptions, drafts, title)| assemble(kind, window, parties, descriptions, drafts, title))
}

/// A room with so many people and messages, for cutting: one person comes and goes hundreds of times; texts are
/// short enough for any limit, most of up to 2,000 and some of 8,000 bytes.
pub fn large_conversation(people: std::ops::Range<usize>, messages: std::ops::Range<usize>) -> impl Strategy<Value = Conversation> {
    let long = (0..2_000_usize, select(&["word ", "wörter ", "字 ", "x\n", "<&> "][..]))
        .prop_map(|(length, piece)| cut(piece.repeat(length / piece.len() + 1), length));
    let hostile = hostile_text().prop_map(|text| cut(text, 8_000));
    (window(), people, messages).prop_flat_map(move |(window, people, messages)| {
        let long = prop_oneof![9 => plain(long.clone()), 1 => rich(formatted())];
        let formatted = hostile_formatted().prop_filter("too long", |(_, stanza)| stanza.len() < 8_000);
        let hostile = prop_oneof![4 => plain(hostile.clone()), 1 => rich(formatted)];
        let plain = draft_of(window, long, option::of(Just(String::new())).boxed());
        let wild = draft_of(window, hostile, option::of(hostile_name()).boxed());
        (
            Just(window),
            // Parties that are made from numbers are never twice the same.
            Just((0..people).map(|number| Party::User(jid(&format!("user{number}@example.com")))).collect::<Vec<_>>()),
            vec(description(Style::Hostile, window, 0..3), people),
            vec(Union::new_weighted(vec![(15, plain.boxed()), (1, wild.boxed())]), messages),
            vec((any::<prop::sample::Index>(), any::<bool>()), 0..400),
        )
            .prop_map(|(window, parties, descriptions, drafts, moves)| {
                let mut conversation = assemble(ConversationKind::Room, window, parties, descriptions, drafts, Some("Town hall".into()));
                if let Some(restless) = conversation.participants.first_mut() {
                    restless.movements = movements(window, &moves);
                }
                conversation
            })
    })
}

/// A conversation of a few messages, some of which are larger than a small mail: by their text, their stanza, the number of their recipients, or
/// their files.
pub fn outgrown_conversation() -> impl Strategy<Value = Conversation> {
    let piece = select(&["word ", "wörter ", "字", "\u{1f600}\n", "<&>\t", "x", " \u{301}"][..]);
    let growth = (0..5_u8, 0..6_usize, any::<prop::sample::Index>(), 200_000..900_000_usize, piece);
    (conversation_of(Style::Hostile, 1..6), vec(growth, 1..4)).prop_map(|(mut conversation, growths)| {
        for (kind, number, at, bytes, piece) in growths {
            let grown = |many: usize| piece.repeat(bytes / many / piece.len());
            let at = at.index(conversation.messages.len());
            let message = &mut conversation.messages[at];
            match kind {
                0 | 1 => message.body = grown(1),
                2 => message.stanza = Some(grown(1)),
                3 => message.files.extend((0..number).map(|number| {
                    FileRef::named(format!("{number}.bin")).with_content(Bytes::from(format!("{number}{}", grown(number + 1))))
                })),
                _ => {
                    let people = (0..bytes / 100).map(|number| Party::User(jid(&format!("user{number}@example.com"))));
                    message.recipients = people.collect();
                    message.recipients.sort_unstable();
                }
            }
        }
        conversation
    })
}

/// So many bytes of a text at most.
fn cut(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}

fn kind() -> impl Strategy<Value = ConversationKind> {
    select(&[ConversationKind::OneToOne, ConversationKind::AdHoc, ConversationKind::Room, ConversationKind::RoomPrivate][..])
}

fn window() -> impl Strategy<Value = Window> {
    let at = |start: &str, end: &str| {
        let span = crate::Span::new(start.parse().expect("a time"), end.parse().expect("a time"));
        Window::try_from(span).expect("a window that ends after it starts")
    };
    prop_oneof![
        6 => Just(at("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z")),
        3 => Just(at("2026-12-31T12:00:00Z", "2027-01-01T12:00:00Z")),
        2 => Just(at("2024-02-29T23:00:00Z", "2024-03-01T00:00:00Z")),
        1 => Just(Window::UNDATED),
    ]
}

fn jid(text: &str) -> BareJid {
    BareJid::new(text).expect("a JID is not empty")
}

fn room() -> BareJid {
    jid("q3-planning@conference-2-standaloneclusterab12c.example.com")
}

fn names(style: Style) -> BoxedStrategy<String> {
    match style {
        Style::Realistic => name().boxed(),
        Style::Hostile => prop_oneof![1 => name(), 3 => hostile_name()].boxed(),
    }
}

fn party(style: Style, kind: ConversationKind) -> BoxedStrategy<Party> {
    let user = select(&["alice", "bob", "j.garcia", "u12345", "o\\27brien", "bob@mail.example.com", "王", "x y"][..])
        .prop_map(|local| Party::User(jid(&format!("{local}@im.example.com"))));
    let odd = hostile_name().prop_map(|text| Party::User(BareJid::new(&text).unwrap_or_else(|| jid("nobody"))));
    let occupant = names(style).prop_map(|nick| Party::Occupant { room: room(), nick });
    let odd_weight = u32::from(style == Style::Hostile) * 3;
    let occupant_weight = if kind == ConversationKind::OneToOne { 0 } else { 2 };
    Union::new_weighted(
        vec![(6, user.boxed()), (odd_weight, odd.boxed()), (occupant_weight, occupant.boxed())]
            .into_iter()
            .filter(|(weight, _)| *weight > 0)
            .collect(),
    )
    .boxed()
}

#[derive(Debug, Clone)]
struct Description {
    name: Option<String>,
    address: Address,
    inside: bool,
    movements: Vec<(Timestamp, Movement)>,
}

fn description(style: Style, window: Window, moves: std::ops::Range<usize>) -> impl Strategy<Value = Description> {
    let plain =
        select(&["alice@example.com", "bob.example@example.com", "o'brien@example.co.uk", "a+b@example.com"][..]).prop_map(str::to_owned);
    let odd = prop_oneof![
        hostile_name(),
        Just("münchen@exämple.com".to_owned()),
        Just("\"john doe\"@example.com".to_owned()),
        Just("no address".to_owned()),
        Just(String::new()),
        Just(format!("{}@example.com", "x".repeat(300))),
    ];
    let mapped = match style {
        Style::Realistic => plain.clone().boxed(),
        Style::Hostile => prop_oneof![1 => plain.clone(), 2 => odd].boxed(),
    };
    let address = prop_oneof![
        4 => mapped.prop_map(Address::Mapped),
        1 => plain.clone().prop_map(Address::Foreign),
        1 => Just(Address::Unmapped("alice@im.example.com.jid.invalid".into())),
    ];
    (option::of(names(style)), address, any::<bool>(), vec((any::<prop::sample::Index>(), any::<bool>()), moves))
        .prop_map(move |(name, address, inside, moves)| Description { name, address, inside, movements: movements(window, &moves) })
}

fn movements(window: Window, moves: &[(prop::sample::Index, bool)]) -> Vec<(Timestamp, Movement)> {
    let mut moves: Vec<_> =
        moves.iter().map(|(at, entered)| (instant(window, *at), if *entered { Movement::Entered } else { Movement::Left })).collect();
    moves.sort_unstable();
    moves
}

fn instant(window: Window, at: prop::sample::Index) -> Timestamp {
    let length = (window.end().millis() - window.start().millis()) as usize;
    Timestamp::from_millis(window.start().millis() + at.index(length) as i64)
}

/// A message before it is known who takes part.
#[derive(Debug, Clone)]
struct Draft {
    sent: Timestamp,
    sender: prop::sample::Index,
    recipients: Vec<prop::sample::Index>,
    body: String,
    /// The stanza of a text that was formatted.
    formatted: Option<String>,
    extra: Option<String>,
    copies: u32,
}

fn draft(style: Style, window: Window) -> impl Strategy<Value = Draft> {
    match style {
        Style::Realistic => {
            let body = prop_oneof![9 => plain(text()), 1 => rich(formatted())];
            draft_of(window, body, option::weighted(0.05, name()).boxed()).boxed()
        }
        Style::Hostile => {
            let body = prop_oneof![1 => plain(text()), 4 => plain(hostile_text()), 2 => rich(hostile_formatted())];
            draft_of(window, body, option::of(hostile_name()).boxed()).boxed()
        }
    }
}

/// A text as it is.
fn plain(text: impl Strategy<Value = String>) -> impl Strategy<Value = (String, Option<String>)> {
    text.prop_map(|text| (text, None))
}

/// A text with its stanza.
fn rich(formatted: impl Strategy<Value = (String, String)>) -> impl Strategy<Value = (String, Option<String>)> {
    formatted.prop_map(|(text, stanza)| (text, Some(stanza)))
}

/// Times are few, so that messages share seconds and whole timestamps.
fn draft_of(
    window: Window,
    body: impl Strategy<Value = (String, Option<String>)>,
    extra: BoxedStrategy<Option<String>>,
) -> impl Strategy<Value = Draft> {
    let sent = prop_oneof![
        3 => any::<prop::sample::Index>().prop_map(move |at| instant(window, at)),
        2 => (0..180_000_i64).prop_map(move |after| Timestamp::from_millis(window.start().millis() + after)),
        1 => Just(window.start()),
        1 => Just(Timestamp::from_millis(window.end().millis() - 1)),
    ];
    (sent, any::<prop::sample::Index>(), vec(any::<prop::sample::Index>(), 0..4), body, extra, 1..5_u32).prop_map(
        |(sent, sender, recipients, (body, formatted), extra, copies)| Draft { sent, sender, recipients, body, formatted, extra, copies },
    )
}

fn assemble(
    kind: ConversationKind,
    window: Window,
    parties: Vec<Party>,
    descriptions: Vec<Description>,
    drafts: Vec<Draft>,
    title: Option<String>,
) -> Conversation {
    let mut people: BTreeMap<Party, Participant> = BTreeMap::new();
    for (party, description) in parties.into_iter().zip(descriptions) {
        let mut person = Participant::new(party.clone(), description.address, description.name);
        person.inside = description.inside;
        person.movements = description.movements;
        people.insert(party, person);
    }
    let parties: Vec<Party> = people.keys().cloned().collect();
    let messages = drafts.into_iter().enumerate().map(|(number, draft)| message(number, draft, &parties)).collect::<Vec<_>>();
    for message in &messages {
        if let Some(sender) = people.get_mut(&message.sender) {
            sender.sent = true;
        }
        for recipient in &message.recipients {
            if let Some(person) = people.get_mut(recipient) {
                person.received = true;
            }
        }
    }
    let key = match (kind, parties.as_slice()) {
        (ConversationKind::OneToOne | ConversationKind::RoomPrivate, [one, other]) => ConversationKey::pair(one.clone(), other.clone()),
        (ConversationKind::OneToOne | ConversationKind::RoomPrivate, [one, ..]) => ConversationKey::pair(one.clone(), one.clone()),
        _ => ConversationKey::Room(room()),
    };
    Conversation::new(key, window, kind, title, people.into_values().collect(), messages)
}

fn message(number: usize, draft: Draft, parties: &[Party]) -> Message {
    let sender = draft.sender.get(parties).clone();
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let key = MessageKey::new(draft.sent, ShortDigest::from_bytes(bytes), u32::from(number.is_multiple_of(7)));
    let mut message = Message::new(key, sender, draft.body);
    message.recipients = draft.recipients.iter().map(|index| index.get(parties).clone()).collect();
    message.recipients.sort_unstable();
    message.recipients.dedup();
    message.copies = draft.copies;
    message.spread_millis = u64::from(draft.copies - 1) * 40_003;
    if let Some(extra) = draft.extra.filter(|extra| !extra.is_empty()) {
        let file = FileRef::named(extra.clone());
        if number.is_multiple_of(2) {
            message.subject = Some(extra.clone());
        }
        message.files.push(match number % 5 {
            0 | 1 => file.with_content(Bytes::from(extra.clone())),
            2 => file.stored(extra.len() as u64, Digest::of(extra.as_bytes())),
            3 => file.missing(),
            _ => file,
        });
        message.stanza_id = Some(extra.clone());
        message.thread = Some(extra.clone());
        message.stanza = Some(format!("<message id='{extra}'><body>{}</body></message>", message.body));
    }
    if draft.formatted.is_some() {
        message.stanza = draft.formatted;
    }
    message
}
