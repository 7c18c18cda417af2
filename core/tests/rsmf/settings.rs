//! Settings of transcripts as files take them.

use jabber_archive_core::{Conversation, Converter, Issue, MailItem, Participant, TimeZone, TranscriptSettings, testing::generators};
use mail_parser::MessageParser;
use proptest::prelude::*;

use crate::{files, rsmf, with_json};

fn zone(name: &str) -> TimeZone {
    name.parse().unwrap()
}

fn to(file: &MailItem) -> Vec<String> {
    let mail = MessageParser::default().parse(&file.content[..]).unwrap();
    mail.to().unwrap().iter().map(|to| to.address().unwrap().to_owned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn files_are_in_utc_whatever_the_zone(conversation in generators::conversation(), issue in generators::issue()) {
        let abroad = files(&conversation, issue, with_json().with_time_zone(zone("Asia/Kathmandu")));
        prop_assert!(abroad == files(&conversation, issue, with_json()));
        for file in &abroad {
            let mail = MessageParser::default().parse(&file.content[..]).unwrap();
            prop_assert!(!mail.body_text(0).unwrap().lines().take_while(|line| !line.is_empty()).any(|line| line.contains("HTML")));
        }
    }

    #[test]
    fn a_file_goes_to_the_catch_all_if_somebody_in_it_has_no_address_and_nothing_else_changes(conversation in generators::conversation()) {
        const CATCH_ALL: &str = "Archive+All@example.com";
        let is_unreached = conversation.participants.iter().any(Participant::is_unreached);
        let plain = files(&conversation, Issue::FIRST, with_json());
        let caught = files(&conversation, Issue::FIRST, with_json().with_catch_all(CATCH_ALL));
        prop_assert_eq!(plain.len(), caught.len());
        for (plain, caught) in plain.iter().zip(&caught) {
            let mut expected = to(plain);
            expected.extend(is_unreached.then(|| CATCH_ALL.to_owned()));
            prop_assert_eq!(to(caught), expected);
            prop_assert_eq!((&plain.key, &plain.people, &plain.messages), (&caught.key, &caught.people, &caught.messages));
            let body = |file: &MailItem| {
                let start = file.content.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
                file.content.slice(start..)
            };
            prop_assert_eq!(body(plain), body(caught));
        }
        let contents: Vec<_> = caught.iter().map(|file| &file.content).collect();
        prop_assert_eq!(Conversation::from_mails(&contents).unwrap(), conversation);
    }
}

#[test]
fn the_recipe_tells_what_changes_files_and_no_zone() {
    let of = |settings| rsmf(settings).recipe();
    let default = of(TranscriptSettings::default());
    assert_eq!(of(TranscriptSettings::default().with_time_zone(zone("Europe/Zurich"))), default);
    assert_ne!(of(with_json()), default);
    assert_ne!(of(TranscriptSettings::default().with_catch_all("archive@example.com")), default);
}
