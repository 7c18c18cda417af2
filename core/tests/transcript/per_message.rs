//! One mail of each message.

use std::collections::BTreeSet;

use jabber_archive_core::{
    Conversation, ConversationKey, Converter, ConverterExt, ErrorKind, Issue, ItemId, MailItem, TranscriptSettings, testing::generators,
};
use proptest::prelude::*;

use crate::{
    agreement, grammar,
    headers::{FIELDS, field_names, header_letters},
    mails,
    oracle::Mail,
    per_message,
    shown::letters,
    smallest, with_json,
};

fn each(conversation: &Conversation, issue: Issue, settings: TranscriptSettings) -> Vec<MailItem> {
    per_message(settings).mails(conversation, issue).unwrap()
}

/// To whom a message may go, and to whom it has to.
fn check_people(conversation: &Conversation, item: &MailItem, mail: &Mail) {
    let message = conversation
        .messages
        .iter()
        .find(|message| message.key.start == item.messages[0].start && message.key.identity == item.messages[0].identity);
    let message = message.unwrap();
    let sender = conversation.participant(&message.sender).unwrap();
    assert_eq!(mail.from.len(), 1);
    assert_eq!(letters(&mail.from[0].0), header_letters(sender));
    assert!(item.people.contains(&message.sender));
    assert!(item.people.iter().all(|party| conversation.participant(party).is_some()), "nobody is invented");
    for recipient in &message.recipients {
        assert!(item.people.contains(recipient), "nobody is dropped");
    }
    if let ConversationKey::Pair(one, other) = &conversation.key {
        assert_eq!(item.people, [one.clone(), other.clone()].into());
    }
    if message.recipients.iter().all(|party| *party == message.sender)
        && !conversation.participants.iter().any(|person| person.inside || !person.movements.is_empty())
    {
        assert_eq!(item.people.len(), conversation.participants.len(), "where nothing is known, all are named");
    }
    let others: Vec<_> = item.people.iter().filter(|party| **party != message.sender).collect();
    let addressed = if others.is_empty() { vec![&message.sender] } else { others };
    let names: Vec<_> = addressed.iter().map(|party| header_letters(conversation.participant(party).unwrap())).collect();
    assert_eq!(mail.to.iter().map(|(name, _)| letters(name)).collect::<Vec<_>>(), names);
}

proptest! {
    #[test]
    fn every_message_is_one_mail_that_says_what_it_says(
        conversation in generators::conversation(), issue in generators::issue(), json: bool
    ) {
        let items = each(&conversation, issue, with_json().with_conversation_json(json));
        agreement::check(&conversation, issue, &items);
        prop_assert_eq!(items.len(), conversation.messages.len().max(1));
        let ids: BTreeSet<_> = items.iter().map(|item| &item.key.id).collect();
        prop_assert_eq!(ids.len(), items.len());
        let facts = generators::facts();
        let root = format!("{}@{}", ItemId::root(&facts.name, &conversation.key), facts.message_id_domain);
        for (item, message) in items.iter().zip(&conversation.messages) {
            let mail = Mail::read(item);
            prop_assert_eq!(field_names(&item.content), FIELDS);
            prop_assert_eq!(&mail.message_id, &format!("{}@{}", item.key.id, facts.message_id_domain));
            prop_assert_eq!((&mail.in_reply_to, &mail.references), (&root, &root));
            prop_assert_eq!(mail.date, message.sent().millis().div_euclid(1_000));
            prop_assert_eq!((mail.fact("Messages"), mail.fact("Part"), mail.fact("Item")), ("1", "1/1", item.key.id.as_str()));
            prop_assert_eq!((item.key.window, item.issue, item.conversation), (conversation.window, issue, conversation.key.digest()));
            check_people(&conversation, item, &mail);
        }
        prop_assert_eq!(items, each(&conversation, issue, with_json().with_conversation_json(json)));
    }

    #[test]
    fn the_mail_of_a_message_does_not_depend_on_the_others(
        conversation in generators::conversation(), without in any::<prop::sample::Index>()
    ) {
        prop_assume!(conversation.messages.len() > 1);
        let mut items = each(&conversation, Issue::FIRST, with_json());
        let index = without.index(items.len());
        items.remove(index);
        let mut less = conversation;
        less.messages.remove(index);
        prop_assert_eq!(items, each(&less, Issue::FIRST, with_json()));
    }

    #[test]
    fn a_conversation_comes_back_from_the_mails_of_its_messages(
        conversation in generators::conversation(), issue in generators::issue(), turn in any::<prop::sample::Index>()
    ) {
        let items = each(&conversation, issue, with_json());
        let mut contents: Vec<_> = items.iter().map(|item| &item.content).collect();
        contents.rotate_left(turn.index(items.len()));
        prop_assert_eq!(Conversation::from_mails(&contents).unwrap(), conversation);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn people_who_are_too_many_for_every_mail_are_listed_in_mails_of_their_own(
        conversation in generators::large_conversation(201..900, 2..20), json: bool
    ) {
        let settings = smallest().with_conversation_json(json);
        let items = each(&conversation, Issue::FIRST, settings);
        agreement::check(&conversation, Issue::FIRST, &items);
        let (people, messages): (Vec<_>, Vec<_>) = items.iter().partition(|item| item.messages.is_empty());
        prop_assert_eq!(messages.len(), conversation.messages.len());
        prop_assert!(!people.is_empty());
        for item in &items {
            prop_assert!(item.content.len() <= TranscriptSettings::LEAST_ITEM_BYTES);
        }
        for item in people {
            prop_assert_eq!(item.people.len(), conversation.participants.len());
        }
        for item in &messages {
            let body = grammar::read(&Mail::read(item).text);
            prop_assert!(body.people.is_empty());
            prop_assert!(body.head.iter().any(|line| line.contains(items[0].key.id.as_str())), "{:?}", body.head);
        }
        if json {
            let mut contents: Vec<_> = items.iter().map(|item| &item.content).collect();
            contents.reverse();
            prop_assert_eq!(Conversation::from_mails(&contents).unwrap(), conversation);
            let error = Conversation::from_mails(&contents[..messages.len()]).unwrap_err();
            prop_assert!(error.to_string().contains("lists the participants is missing"), "{}", error);
        }
    }
}

#[test]
fn a_message_to_more_than_200_names_the_room_and_its_sender() {
    let mut conversation = generators::one(generators::large_conversation(300..301, 4..5));
    let all: Vec<_> = conversation.participants.iter().map(|person| person.party.clone()).collect();
    for message in &mut conversation.messages {
        message.recipients.clone_from(&all);
    }
    for item in each(&conversation, Issue::FIRST, smallest()).iter().filter(|item| !item.messages.is_empty()) {
        let mail = Mail::read(item);
        assert_eq!((mail.to.len(), mail.to[0].0.as_str()), (2, "Town hall"));
        assert_eq!(mail.to[1], mail.from[0]);
        assert_eq!(item.people.len(), 300, "who gets the mail does not depend on its header");
    }
}

#[test]
fn a_message_that_no_mail_can_hold_is_several_and_the_others_are_what_they_were() {
    let mut conversation = generators::one(generators::large_conversation(3..4, 5..6));
    let before = each(&conversation, Issue::FIRST, smallest());
    conversation.messages[2].body = "word ".repeat(60_000);
    let after = each(&conversation, Issue::FIRST, smallest());
    let pieces: Vec<_> = after.iter().filter(|item| !before.contains(item)).collect();
    assert!(pieces.len() > 2);
    assert_eq!(after.len(), before.len() - 1 + pieces.len());
    for (piece, number) in pieces.iter().zip(1..) {
        assert_eq!((piece.part.number, piece.part.of as usize), (number, pieces.len()));
        assert_eq!(piece.messages.len(), usize::from(number == 1));
        let mail = Mail::read(piece);
        assert!(pieces.iter().filter(|other| other.key != piece.key).all(|other| mail.text.contains(other.key.id.as_str())));
    }
}

#[test]
fn mails_of_two_converters_or_one_of_them_twice_make_no_conversation() {
    let conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 3..4));
    let messages = each(&conversation, Issue::FIRST, with_json());
    let transcript = mails(&conversation, Issue::FIRST, with_json());
    let contents: Vec<_> = messages.iter().map(|item| &item.content).collect();
    let refused = |mails: &[_]| Conversation::from_mails(mails).unwrap_err().to_string();
    assert!(refused(&[contents[0], contents[1], contents[0]]).contains("the parts are not complete"));
    assert!(refused(&[contents[0], &transcript[0].content]).contains("of two converters"));
    let next = each(&conversation, Issue::FIRST.next_edition(), with_json());
    assert!(refused(&[contents[0], &next[1].content]).contains("not of one conversation, window and edition"));
    let mut fewer = conversation;
    fewer.participants[0].name = Some("Somebody else".into());
    assert!(refused(&[contents[0], &each(&fewer, Issue::FIRST, with_json())[1].content]).contains("differ in who took part"));
}

#[test]
fn the_recipe_and_the_ids_are_not_those_of_a_transcript() {
    let conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 1..2));
    let (one, other) = (per_message(smallest()).recipe(), crate::transcript(smallest()).recipe());
    assert_eq!((one.name.as_str(), one.version, one.settings), ("per-message", 3, other.settings));
    assert_ne!(each(&conversation, Issue::FIRST, smallest())[0].key, mails(&conversation, Issue::FIRST, smallest())[0].key);
    assert_ne!(one, per_message(with_json()).recipe());
    let settings = TranscriptSettings::default().with_max_item_bytes(TranscriptSettings::LEAST_ITEM_BYTES - 1);
    let error = jabber_archive_core::PerMessage::new(&generators::facts(), settings).unwrap_err();
    assert_eq!((error.kind(), error.subject()), (ErrorKind::Config, Some("max_item_bytes")));
}
