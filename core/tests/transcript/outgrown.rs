//! Messages that no mail can hold: they are continued from mail to mail, and nothing of them is lost.

use bytes::Bytes;
use jabber_archive_core::{
    Conversation, Converter, ConverterExt, Digest, ErrorClass, FileRef, Issue, TranscriptSettings, testing::generators,
};
use proptest::prelude::*;

use crate::{
    agreement::{self, Told, given_back},
    grammar,
    markup::Page,
    oracle::Mail,
    per_message,
    shown::letters,
    smallest, transcript,
};

fn all_options(limit: usize) -> TranscriptSettings {
    TranscriptSettings::default().with_max_item_bytes(limit).with_conversation_json(true).with_raw_stanzas(true)
}

fn check(conversation: &Conversation, converter: &dyn Converter, limit: usize) {
    let items = converter.mails(conversation, Issue::FIRST).unwrap();
    let told = Told::by(&items, limit);
    told.check(&conversation.messages);
    if !told.continued {
        agreement::check(conversation, Issue::FIRST, &items);
    }
    let contents: Vec<_> = items.iter().rev().map(|item| &item.content).collect();
    assert_eq!(Conversation::from_mails(&contents).unwrap(), given_back(conversation, &items));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn for_any_limit_every_word_and_every_file_arrives(
        conversation in generators::outgrown_conversation(), limit in TranscriptSettings::LEAST_ITEM_BYTES..700_000
    ) {
        check(&conversation, &transcript(all_options(limit)), limit);
        check(&conversation, &per_message(all_options(limit)), limit);
    }
}

#[test]
fn a_message_larger_than_a_mail_is_continued_and_counted_once() {
    let mut conversation = generators::one(generators::large_conversation(3..4, 300..301));
    conversation.messages[200].body = "word ".repeat(100_000);
    let items = transcript(smallest()).mails(&conversation, Issue::FIRST).unwrap();
    Told::by(&items, TranscriptSettings::LEAST_ITEM_BYTES).check(&conversation.messages);
    let pieces: Vec<_> = items.iter().map(Mail::read).filter(|mail| mail.text.contains("\r\n  + Continued ")).collect();
    assert!(pieces.len() > 3);
    assert_eq!(pieces.iter().map(|mail| mail.fact("Messages")).collect::<String>(), format!("1{}", "0".repeat(pieces.len() - 1)));
    for (number, mail) in pieces.iter().enumerate() {
        let says_so = |text: &str| text.starts_with("This part goes on with a message that began in an earlier part");
        assert_eq!(grammar::read(&mail.text).head.iter().any(|line| says_so(line)), number > 0, "it is said before the text too");
        assert_eq!(Page::read(&mail.html).all("p class=\"n\"").into_iter().any(says_so), number > 0);
        assert_eq!(mail.date, conversation.messages[200].sent().millis().div_euclid(1_000));
        assert!(Page::read(&mail.html).all("li").iter().any(|item| item.starts_with("Continued ")));
        let text = &grammar::read(&mail.text).messages[0].text;
        assert!(text.split(' ').all(|word| matches!(word, "word" | "")), "words stay whole");
    }
}

#[test]
fn the_pieces_of_a_message_fill_their_mails() {
    let mut conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 1..2));
    for text in ["word ", "字", "\u{1f600}\n", "<&>"] {
        conversation.messages[0].body = text.repeat(1_000_000 / text.len());
        let items = transcript(smallest()).mails(&conversation, Issue::FIRST).unwrap();
        for item in &items[..items.len() - 1] {
            assert!(item.content.len() * 10 >= TranscriptSettings::LEAST_ITEM_BYTES * 9, "{} bytes of {text:?}", item.content.len());
        }
    }
}

#[test]
fn what_is_seen_as_one_character_stays_whole() {
    let mut conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 1..2));
    for seen in ["e\u{301}", "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}", "\u{1f1e8}\u{1f1ed}"] {
        conversation.messages[0].body = seen.repeat(800_000 / seen.len());
        let items = transcript(smallest()).mails(&conversation, Issue::FIRST).unwrap();
        assert!(items.len() > 3);
        for item in &items {
            let text = &grammar::read(&Mail::read(item).text).messages[0].text;
            assert_eq!(text.replace(seen, ""), "", "{seen:?} is not cut");
        }
    }
    // What never ends is cut where it must be.
    conversation.messages[0].body = format!("e{}", "\u{301}".repeat(400_000));
    let items = transcript(smallest()).mails(&conversation, Issue::FIRST).unwrap();
    Told::by(&items, TranscriptSettings::LEAST_ITEM_BYTES).check(&conversation.messages);
}

#[test]
fn a_message_in_pieces_is_refused_without_one_of_them() {
    let mut conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 2..3));
    conversation.messages[1].body = "word ".repeat(200_000);
    let items = per_message(all_options(TranscriptSettings::LEAST_ITEM_BYTES)).mails(&conversation, Issue::FIRST).unwrap();
    assert!(items.len() > 4);
    for missing in 1..items.len() {
        let contents: Vec<_> = items.iter().enumerate().filter(|(index, _)| *index != missing).map(|(_, item)| &item.content).collect();
        let error = Conversation::from_mails(&contents).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Item);
        assert!(error.to_string().contains("the parts are not complete"), "{error}");
    }
}

#[test]
fn a_file_keeps_its_content_whatever_it_is_called() {
    let mut conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 1..2));
    let names =
        ["conversation.json", "stanzas.jsonl", "../../etc/passwd", "a\r\nContent-Type: text/html", "", "...", "C:\\x.exe", "Größe.pdf"];
    let content = |number: usize| Bytes::from(format!("{{\"format\":{number}}}"));
    conversation.messages[0].files =
        names.iter().enumerate().map(|(number, name)| FileRef::named(*name).with_content(content(number))).collect();
    for settings in [smallest(), all_options(TranscriptSettings::LEAST_ITEM_BYTES)] {
        let items = transcript(settings.clone()).mails(&conversation, Issue::FIRST).unwrap();
        let mail = Mail::read(&items[0]);
        assert_eq!(mail.files.len(), names.len());
        for (number, (name, bytes)) in mail.files.iter().enumerate() {
            assert_eq!(*bytes, content(number));
            assert!(!name.contains(['/', '\\', '\r', '\n']) && !name.starts_with('.') && !name.is_empty(), "{name:?}");
            let letters_only = letters(names[number].trim_matches('.'));
            assert!(letters_only.is_empty() || letters(name) == letters_only, "{name:?}");
        }
        if settings.conversation_json {
            assert_eq!(Conversation::from_mails(&[&items[0].content]).unwrap(), conversation);
        } else {
            assert!(Conversation::from_mails(&[&items[0].content]).is_err(), "a file is no conversation");
        }
    }
}

#[test]
fn what_is_stored_is_named_and_not_stored_again() {
    let mut conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 2..3));
    let large = Bytes::from(vec![7; TranscriptSettings::LEAST_ITEM_BYTES]);
    let stored = Digest::of(b"stored before");
    for message in &mut conversation.messages {
        message.files = vec![FileRef::named("plan.zip").with_content(large.clone()), FileRef::named("old.zip").stored(13, stored)];
    }
    let items = transcript(smallest()).mails(&conversation, Issue::FIRST).unwrap();
    let mut objects = items[0].objects.clone();
    objects.sort_by_key(|object| object.content.is_none());
    assert_eq!(objects.len(), 2, "each once");
    assert_eq!((*objects[0].key.digest(), objects[0].content.as_ref()), (Digest::of(&large), Some(&large)));
    assert_eq!((*objects[1].key.digest(), &objects[1].content), (stored, &None));
    assert_eq!(items[0].line().attachments.len(), 2);
    let mail = Mail::read(&items[0]);
    assert!(mail.files.is_empty());
    assert!(mail.text.contains(&format!("SHA-256 {}, in the archive's folder attachments): plan.zip\r\n", Digest::of(&large))));
}

#[test]
fn a_message_is_refused_by_name_if_no_mail_can_hold_the_name_of_a_file() {
    let mut conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 2..3));
    conversation.messages[1].files = vec![FileRef::named("a".repeat(TranscriptSettings::LEAST_ITEM_BYTES))];
    for converter in [&transcript(smallest()) as &dyn Converter, &per_message(smallest())] {
        let error = converter.mails(&conversation, Issue::FIRST).unwrap_err();
        assert_eq!((error.class(), error.message()), (ErrorClass::Item, Some(&conversation.messages[1].key)));
    }
}
