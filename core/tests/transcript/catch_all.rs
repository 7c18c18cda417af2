//! The mailbox for what reaches nobody's.

use jabber_archive_core::{
    Address, Conversation, ConversationKey, ConversationKind, Converter, ConverterExt, ErrorKind, Issue, Journal, MailItem, Participant,
    Party, PerMessage, Transcript, TranscriptSettings, Window, testing::generators,
};
use mail_parser::{MessageParser, PartType};
use proptest::prelude::*;

use crate::{oracle::Mail, smallest, with_json};

const CATCH_ALL: &str = "Archive+All@example.com";

fn named() -> (String, String) {
    ("Participants without an address".to_owned(), CATCH_ALL.to_owned())
}

/// Whether no mail reaches them: what stands for them in `To` of a mail that is theirs alone; a room is no person.
fn is_unreached(person: &Participant) -> bool {
    let is_room = matches!(&person.party, Party::Occupant { nick, .. } if nick.is_empty());
    let key = ConversationKey::pair(person.party.clone(), person.party.clone());
    let alone = Conversation::new(key, Window::UNDATED, ConversationKind::OneToOne, None, vec![person.clone()], Vec::new());
    Mail::read(&transcripts(&alone, with_json())[0]).to[0].1.ends_with(".invalid") && !is_room
}

fn transcripts(conversation: &Conversation, settings: TranscriptSettings) -> Vec<MailItem> {
    Transcript::new(&generators::facts(), settings).unwrap().mails(conversation, Issue::FIRST).unwrap()
}

fn messages(conversation: &Conversation, settings: TranscriptSettings) -> Vec<MailItem> {
    PerMessage::new(&generators::facts(), settings).unwrap().mails(conversation, Issue::FIRST).unwrap()
}

fn bodies(item: &MailItem) -> &[u8] {
    let end = item.content.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    &item.content[end..]
}

/// The two mails differ at most in the catch-all mailbox at the end of `To`.
fn check(plain: &MailItem, caught: &MailItem, expected: bool) {
    let (mail, other) = (Mail::read(caught), Mail::read(plain));
    let mut to = other.to.clone();
    to.extend(expected.then(named));
    assert_eq!(mail.to, to);
    assert_eq!(bodies(caught), bodies(plain));
    assert_eq!((&caught.key, &caught.people, &caught.messages), (&plain.key, &plain.people, &plain.messages));
    let others = |mail: &Mail| mail.fields.iter().filter(|(name, _)| name != "To").cloned().collect::<Vec<_>>();
    assert_eq!(others(&mail), others(&other), "only `To` names it");
    if !expected {
        assert_eq!(caught.content, plain.content);
    }
}

proptest! {
    #[test]
    fn a_mail_goes_to_the_catch_all_if_somebody_in_it_has_no_address_and_nothing_else_changes(conversation in generators::conversation()) {
        let settings = with_json().with_catch_all(CATCH_ALL);
        let plain = transcripts(&conversation, with_json());
        let caught = transcripts(&conversation, settings.clone());
        prop_assert_eq!((plain.len(), caught.len()), (1, 1));
        check(&plain[0], &caught[0], conversation.participants.iter().any(is_unreached));

        let caught = messages(&conversation, settings);
        for (plain, caught) in messages(&conversation, with_json()).iter().zip(&caught) {
            let expected = caught.people.iter().any(|party| is_unreached(conversation.participant(party).unwrap()));
            check(plain, caught, expected || (conversation.messages.is_empty() && conversation.participants.iter().any(is_unreached)));
        }
        let contents: Vec<_> = caught.iter().map(|mail| &mail.content).collect();
        prop_assert_eq!(Conversation::from_mails(&contents).unwrap(), conversation);
    }

    #[test]
    fn a_journal_report_names_it_first_and_as_no_member_of_the_room(conversation in generators::conversation()) {
        prop_assume!(conversation.participants.iter().any(is_unreached));
        let facts = generators::facts();
        for journaled in [false, true] {
            let settings = with_json().with_catch_all(CATCH_ALL).journaled().unwrap();
            let reports = if journaled {
                Journal::new(&facts, PerMessage::new(&facts, settings.clone()).unwrap()).unwrap().mails(&conversation, Issue::FIRST)
            } else {
                Journal::new(&facts, Transcript::new(&facts, settings.clone()).unwrap()).unwrap().mails(&conversation, Issue::FIRST)
            };
            let mails = if journaled { messages(&conversation, settings) } else { transcripts(&conversation, settings) };
            for (report, mail) in reports.unwrap().iter().zip(&mails) {
                let parsed = MessageParser::default().parse(&report.content[..]).unwrap();
                let PartType::Multipart(parts) = &parsed.root_part().body else { panic!("not multipart") };
                let fields = parsed.part(parts[0]).unwrap().text_contents().unwrap().to_owned();
                let lines: Vec<&str> = fields.split("\r\n").filter(|line| line.contains(CATCH_ALL)).collect();
                let line = format!("To: {CATCH_ALL}");
                let expected: Vec<&str> = if Mail::read(mail).to.contains(&named()) { vec![&*line] } else { Vec::new() };
                prop_assert_eq!(lines, expected.clone());
                prop_assert!(expected.is_empty() || fields.split("\r\n").nth(3) == Some(&*line), "{}", fields);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn no_part_exceeds_its_limit_for_it(
        mut conversation in generators::large_conversation(2..600, 100..300), limit in TranscriptSettings::LEAST_ITEM_BYTES..400_000, local in "[a-z]{64}"
    ) {
        conversation.participants[0].address = Address::Unmapped("user0@example.com.jid.invalid".into());
        // The longest address that there is.
        let domain = vec!["x".repeat(63); 3].join(".");
        let address = format!("{local}@{}", &domain[..189]);
        let settings = TranscriptSettings::default().with_max_item_bytes(limit).with_catch_all(address.as_str());
        for item in transcripts(&conversation, settings) {
            prop_assert!(item.content.len() <= limit, "{} of {limit}", item.content.len());
            let (_, last) = Mail::read(&item).to.pop().unwrap();
            prop_assert_eq!(&last, &address);
        }
    }
}

#[test]
fn with_it_no_more_than_200_addresses_stand_in_a_mail() {
    let mut conversation = generators::one(generators::large_conversation(200..201, 30..31));
    for person in &mut conversation.participants {
        (person.name, person.address) = (None, Address::Mapped("somebody@example.com".into()));
    }
    let to = |conversation: &Conversation, settings| Mail::read(&transcripts(conversation, settings)[0]).to;
    assert_eq!(to(&conversation, smallest()).len(), 200);
    conversation.participants[0].address = Address::Unmapped("user0@example.com.jid.invalid".into());
    let many = to(&conversation, smallest().with_catch_all(CATCH_ALL));
    let ConversationKey::Room(room) = &conversation.key else { panic!("a room") };
    assert_eq!((&*many[0].1, many.last().unwrap()), (room.as_str(), &named()));
    assert!(many.len() <= 32);
}

#[test]
fn an_address_of_the_directory_that_is_none_is_caught_too_and_the_body_says_so() {
    let mut conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 3..4));
    for person in &mut conversation.participants {
        person.address = Address::Mapped("somebody@example.com".into());
    }
    let settings = with_json().with_catch_all(CATCH_ALL);
    assert!(!Mail::read(&transcripts(&conversation, settings.clone())[0]).to.contains(&named()));
    for text in ["j\u{f6}rg@example.com", "Bob <bob@example.com>", "smtp:eve@example.com", "a@x,b@x", "@", "nobody@example.invalid"] {
        conversation.participants[0].address = Address::Mapped(text.into());
        for mail in transcripts(&conversation, settings.clone()) {
            assert!(Mail::read(&mail).to.contains(&named()), "{text}");
            let parsed = MessageParser::default().parse(&mail.content[..]).unwrap();
            assert!(parsed.body_text(0).unwrap().contains(&format!("{text} (reaches nobody: from the directory)")), "{text}");
        }
    }
}

#[test]
fn who_has_that_very_mailbox_is_not_named_twice() {
    let mut conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 3..4));
    conversation.participants[0].address = Address::Mapped(CATCH_ALL.to_lowercase());
    conversation.participants[1].address = Address::Unmapped("user0@example.com.jid.invalid".into());
    let to = Mail::read(&transcripts(&conversation, with_json().with_catch_all(CATCH_ALL))[0]).to;
    assert_eq!(to.iter().filter(|(_, address)| address.eq_ignore_ascii_case(CATCH_ALL)).count(), 1);
}

#[test]
fn what_is_no_plain_address_is_refused_and_an_address_is_part_of_the_recipe() {
    let facts = generators::facts();
    for text in [
        "",
        "archive",
        "Archive <archive@example.com>",
        "a@example.com, b@example.com",
        "a@example.com\r\nBcc: eve@example.com",
        "\"a b\"@example.com",
    ] {
        let error = Transcript::new(&facts, with_json().with_catch_all(text)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("catch_all") && !error.to_string().contains('\n'), "{error}");
        assert_eq!(PerMessage::new(&facts, with_json().with_catch_all(text)).unwrap_err().kind(), ErrorKind::Config);
    }
    let recipe = |settings| Transcript::new(&facts, settings).unwrap().recipe().settings;
    assert_ne!(recipe(with_json()), recipe(with_json().with_catch_all(CATCH_ALL)));
    assert_ne!(recipe(with_json().with_catch_all("b@example.com")), recipe(with_json().with_catch_all(CATCH_ALL)));
}
