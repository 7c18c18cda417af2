use jabber_archive_core::{Conversation, ConverterExt, Issue, Transcript, testing::generators};
use proptest::prelude::*;

use crate::{files, smallest, with_json};

proptest! {
    #[test]
    fn a_conversation_comes_back_from_its_file(conversation in generators::conversation(), issue in generators::issue()) {
        let items = files(&conversation, issue, with_json());
        let contents: Vec<_> = items.iter().map(|item| &item.content).collect();
        prop_assert_eq!(Conversation::from_mails(&contents).unwrap(), conversation);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_conversation_comes_back_from_its_parts_in_any_order(
        conversation in generators::large_conversation(2..900, 100..500), turn in any::<prop::sample::Index>()
    ) {
        let items = files(&conversation, Issue::FIRST, smallest().with_conversation_json(true));
        prop_assert!(items.len() > 1);
        let mut contents: Vec<_> = items.iter().map(|item| &item.content).collect();
        contents.rotate_left(turn.index(items.len()));
        prop_assert_eq!(Conversation::from_mails(&contents).unwrap(), conversation);
    }
}

#[test]
fn without_json_or_with_damage_or_among_transcripts_nothing_is_rebuilt() {
    let conversation = generators::one(generators::large_conversation(3..4, 400..401));
    let refused = |mails: &[&[u8]]| Conversation::from_mails(mails).unwrap_err().to_string();
    let plain = files(&conversation, Issue::FIRST, with_json().with_conversation_json(false));
    assert!(refused(&[&plain[0].content]).contains("has no attachment conversation.json"));

    let items = files(&conversation, Issue::FIRST, with_json());
    let mut damaged = items[0].content.to_vec();
    let at = damaged.len() / 2;
    damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
    assert!(Conversation::from_mails(&[&damaged]).is_err());

    let json = smallest().with_conversation_json(true);
    let parts = files(&conversation, Issue::FIRST, json.clone());
    let transcripts =
        jabber_archive_core::TranscriptSettings::default().with_max_item_bytes(json.max_item_bytes).with_conversation_json(true);
    let transcripts = Transcript::new(&generators::facts(), transcripts).unwrap().mails(&conversation, Issue::FIRST).unwrap();
    assert!(parts.len() > 1 && transcripts.len() > 1);
    let mut mixed: Vec<&[u8]> = parts.iter().map(|item| &item.content[..]).collect();
    mixed[1] = &transcripts[1].content;
    assert!(Conversation::from_mails(&mixed).is_err());
}
