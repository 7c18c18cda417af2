use jabber_archive_core::{
    Address, BareJid, Conversation, ConversationKey, ConversationKind, Issue, ItemId, Message, Participant, testing::generators,
};
use proptest::prelude::*;

use crate::{mails, oracle::Mail, shown::letters, smallest, with_json};

pub(crate) const FIELDS: [&str; 20] = [
    "From",
    "To",
    "Date",
    "Subject",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "X-Jabber-Archive-Version",
    "X-Jabber-Archive-Source",
    "X-Jabber-Archive-Kind",
    "X-Jabber-Archive-Conversation",
    "X-Jabber-Archive-Window",
    "X-Jabber-Archive-Messages",
    "X-Jabber-Archive-Participants",
    "X-Jabber-Archive-Item",
    "X-Jabber-Archive-Edition",
    "X-Jabber-Archive-Part",
    "MIME-Version",
    "Content-Type",
];

/// The names of the fields before the first empty line, found without a parser.
pub(crate) fn field_names(content: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(content).unwrap();
    let head = text.split_once("\r\n\r\n").unwrap().0;
    head.split("\r\n").filter(|line| !line.starts_with([' ', '\t'])).map(|line| line.split_once(':').unwrap().0.to_owned()).collect()
}

fn is_plain(address: &str) -> bool {
    address.is_ascii()
        && address.matches('@').count() == 1
        && !address.contains([' ', ',', '<', '>', '"', '(', ')', ';', ':', '\\', '[', ']'])
}

/// The letters of the name that a header field shows.
pub(crate) fn header_letters(person: &Participant) -> String {
    let name = person.display_name();
    if name.chars().count() > 64 { letters(&name.chars().take(63).collect::<String>()) } else { letters(&name) }
}

fn check_addresses(conversation: &Conversation, mail: &Mail) {
    assert_eq!(mail.to.len(), conversation.participants.len().max(1));
    for ((name, address), person) in mail.to.iter().zip(&conversation.participants) {
        assert_eq!(letters(name), header_letters(person));
        match &person.address {
            Address::Mapped(known) | Address::Foreign(known) if is_plain(known) && address == known => {}
            Address::Unmapped(known) => assert_eq!(address, known),
            _ => assert!(address.ends_with("@unusable.jid.invalid") && is_plain(address), "{address}"),
        }
    }
    if let Some(first) = conversation.messages.first() {
        let index = conversation.participants.iter().position(|person| person.party == first.sender).unwrap();
        assert_eq!(mail.from, mail.to[index..=index]);
    }
}

proptest! {
    #[test]
    fn no_text_makes_breaks_or_hides_a_field(conversation in generators::conversation(), issue in generators::issue(), json: bool) {
        let item = &mails(&conversation, issue, with_json().with_conversation_json(json))[0];
        prop_assert_eq!(field_names(&item.content), FIELDS);
        let mail = Mail::read(item);
        prop_assert_eq!(mail.fields.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), FIELDS);
        check_addresses(&conversation, &mail);
        let facts = generators::facts();
        prop_assert_eq!(&mail.message_id, &format!("{}@{}", item.key.id, facts.message_id_domain));
        let root = format!("{}@{}", ItemId::root(&facts.name, &conversation.key), facts.message_id_domain);
        prop_assert_eq!((&mail.in_reply_to, &mail.references), (&root, &root));
        let first = conversation.messages.first().map_or(conversation.window.start(), Message::sent);
        prop_assert_eq!(mail.date, first.millis().div_euclid(1_000));
        prop_assert_eq!(mail.fact("Messages"), conversation.messages.len().to_string());
        prop_assert_eq!(mail.fact("Kind"), conversation.kind.to_string());
        prop_assert_eq!(mail.fact("Window"), conversation.window.to_string());
        prop_assert_eq!(mail.fact("Item"), item.key.id.as_str());
        prop_assert_eq!(mail.fact("Part"), "1/1");
        prop_assert_eq!(mail.subject.ends_with(" (addendum)"), issue.addendum);
        prop_assert_eq!(mail.fact("Edition").ends_with(" (addendum)"), issue.addendum);
        let addresses: Vec<_> = mail.to.iter().map(|(_, address)| address.as_str()).collect();
        prop_assert_eq!(mail.fact("Participants"), addresses.join(", "));
        prop_assert_eq!(&item.people, &conversation.participants.iter().map(|person| person.party.clone()).collect());
    }
}

#[test]
fn beyond_200_people_the_room_and_the_senders_of_the_part_are_addressed() {
    let conversation = generators::one(generators::large_conversation(500..501, 60..61));
    let items = mails(&conversation, Issue::FIRST, smallest());
    assert!(items.len() > 1);
    let mut at = 0;
    for item in &items {
        let mail = Mail::read(item);
        assert_eq!(mail.to[0].0, "Town hall");
        assert!(mail.to[0].1.starts_with("q3-planning@conference-2"));
        let mut expected: Vec<&Participant> = Vec::new();
        for message in &conversation.messages[at..at + item.messages.len()] {
            let sender = conversation.participant(&message.sender).unwrap();
            if !expected.contains(&sender) {
                expected.push(sender);
            }
        }
        at += item.messages.len();
        let named: Vec<_> = mail.to[1..].iter().map(|(name, _)| letters(name)).collect();
        assert_eq!(named, expected.into_iter().map(header_letters).collect::<Vec<_>>());
        let (listed, more) = mail.fact("Participants").strip_suffix(" more").unwrap().split_once(" and ").unwrap();
        assert!(listed.split(", ").count() <= 200);
        assert_eq!(listed.split(", ").count() + more.parse::<usize>().unwrap(), 500);
        assert_eq!(item.people.len(), 500, "who gets the mail does not depend on its header");
    }
}

#[test]
fn a_name_that_looks_encoded_is_read_as_it_is() {
    let mut conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 1..2));
    for (index, person) in conversation.participants.iter_mut().enumerate() {
        person.name = Some(format!("=?utf-8?B?RXZl?= {index}"));
    }
    let mail = Mail::read(&mails(&conversation, Issue::FIRST, with_json())[0]);
    assert!(mail.to.iter().enumerate().all(|(index, (name, _))| *name == format!("=?utf-8?B?RXZl?= {index}")), "{:?}", mail.to);
}

/// Of ASCII alone: with any other character in it, all of the text is encoded.
#[test]
fn a_line_end_in_the_title_of_a_room_or_in_a_name_begins_no_field() {
    for (end, picture) in [("\r\n", "␍␊"), ("\n", "␊"), ("\r", "␍"), ("\r\n\r\n", "␍␊␍␊"), ("\0", "␀")] {
        let (hostile, shown) = (format!("Q3{end}Bcc: eve@example.com"), format!("Q3{picture}Bcc: eve@example.com"));
        let mut conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 1..2));
        conversation.key = ConversationKey::Room(BareJid::new("q3@conference-2.example.com").unwrap());
        conversation.title = Some(hostile.clone());
        for person in &mut conversation.participants {
            person.name = Some(hostile.clone());
        }
        let named = vec![shown.as_str(); conversation.participants.len().min(3)].join(", ");
        for (kind, subject) in
            [(ConversationKind::Room, format!("Jabber room: {shown}")), (ConversationKind::AdHoc, format!("Jabber: {named}"))]
        {
            conversation.kind = kind;
            let item = &mails(&conversation, Issue::FIRST, with_json())[0];
            assert_eq!(field_names(&item.content), FIELDS);
            let mail = Mail::read(item);
            assert!(mail.subject.starts_with(&subject), "{:?}", mail.subject);
            assert!(mail.to.iter().all(|(name, _)| *name == shown), "{:?}", mail.to);
        }
    }
}
