//! Times in a zone: what the HTML part shows, and that the text part stays as it is.

use jabber_archive_core::{Conversation, Converter, Issue, Message, Movement, Timestamp, TranscriptSettings, testing::generators};
use proptest::prelude::*;

use crate::{grammar, mails, markup::Page, oracle::Mail, transcript};

const ZONES: &[&str] = &[
    "Europe/Zurich",
    "America/New_York",
    "Asia/Tokyo",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Australia/Lord_Howe",
    "UTC",
];

fn in_zone(name: &str) -> TranscriptSettings {
    TranscriptSettings::default().with_time_zone(name.parse().unwrap())
}

/// The minute in UTC of every message of a page: worked out from the day, the offset and the time shown, and as it is shown beside them.
fn minutes(page: &Page) -> Vec<[String; 2]> {
    let (mut day, mut offset, mut time) = ("", "", "");
    let mut minutes = Vec::new();
    for pair in page.elements.windows(2) {
        let [(tag, text), (next, small)] = pair else { unreachable!() };
        match (tag.as_str(), next.as_str()) {
            ("h3", "small") => {
                day = text.split_once("day, ").unwrap().1.trim();
                offset = small.split_once(", UTC").map_or("+00", |(_, offset)| offset.trim());
            }
            ("h4", "small") => time = small.trim(),
            ("p dir=\"auto\"" | "div dir=\"auto\"", _) => {
                let wall: jiff::civil::DateTime = format!("{day}T{}", &time[..5]).parse().unwrap();
                let worked_out: jiff::Timestamp = format!("{wall}{offset}").parse().unwrap();
                let beside = time.split_once(" (").map_or(&time[..5], |(_, beside)| beside.strip_suffix(" UTC)").unwrap());
                let beside = if beside.len() == 5 { format!("{day} {beside}") } else { beside.to_owned() };
                minutes.push([worked_out.strftime("%Y-%m-%d %H:%M").to_string(), beside]);
            }
            _ => {}
        }
    }
    minutes
}

fn check(conversation: &Conversation, zone: &str) {
    let utc = mails(conversation, Issue::FIRST, TranscriptSettings::default());
    for (item, utc) in mails(conversation, Issue::FIRST, in_zone(zone)).iter().zip(&utc) {
        let (mail, utc) = (Mail::read(item), Mail::read(utc));
        let page = Page::read(&mail.html);
        let sent = |message: &Message| message.sent().to_string()[..16].replace('T', " ");
        let minutes = minutes(&page);
        assert_eq!(minutes.len(), conversation.messages.len());
        for (shown, message) in minutes.iter().zip(&conversation.messages) {
            assert_eq!(*shown, [sent(message), sent(message)], "{zone}");
        }
        let (mut body, utc) = (grammar::read(&mail.text), grammar::read(&utc.text));
        body.head.retain(|line| *line != format!("Local times: those of {zone}, in the HTML part of this mail"));
        assert_eq!(body, utc, "the text part is that of a mail in UTC");
    }
}

proptest! {
    #[test]
    fn the_local_time_and_the_offset_shown_are_the_time_in_utc(
        mut conversation in generators::conversation(), zone in prop::sample::select(ZONES)
    ) {
        // Before 1900 there were offsets with seconds, which a minute does not show.
        conversation.messages.retain(|message| message.sent() > "1972-01-08T00:00:00Z".parse::<Timestamp>().unwrap());
        check(&conversation, zone);
    }
}

#[test]
fn two_messages_of_the_hour_that_comes_twice_are_told_apart() {
    let mut conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 3..4));
    let times = ["2026-10-25T00:30:00Z", "2026-10-25T00:30:40Z", "2026-10-25T01:30:00Z"];
    let sender = conversation.messages[0].sender.clone();
    for (message, time) in conversation.messages.iter_mut().zip(times) {
        message.key.start = time.parse().unwrap();
        message.sender = sender.clone();
    }
    check(&conversation, "Europe/Zurich");
    let page = Page::read(&Mail::read(&mails(&conversation, Issue::FIRST, in_zone("Europe/Zurich"))[0]).html);
    let small = page.all("small");
    for shown in ["CEST, UTC+02:00", "02:30 CEST (00:30 UTC)", "CET, UTC+01:00", "02:30 CET (01:30 UTC)"] {
        assert_eq!(small.iter().filter(|small| **small == shown).count(), 1, "{shown} in {small:?}");
    }
}

#[test]
fn joins_and_leaves_are_shown_in_the_zone() {
    let mut conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 1..2));
    conversation.participants[0].movements = vec![("2026-11-21T23:30:00Z".parse().unwrap(), Movement::Left)];
    let mail = Mail::read(&mails(&conversation, Issue::FIRST, in_zone("Europe/Zurich"))[0]);
    assert!(mail.html.contains("left 2026-11-22 00:30:00 CET (2026-11-21 23:30:00 UTC)"));
    assert!(mail.text.contains("Moves: left 2026-11-21T23:30:00Z\r\n"));
}

#[test]
fn the_recipe_tells_zones_apart() {
    let digest = |zone: &str| transcript(in_zone(zone)).recipe();
    assert_ne!(digest("Europe/Zurich"), digest("Europe/Paris"));
    assert_ne!(digest("Europe/Zurich"), digest("UTC"));
    assert_eq!(digest("europe/zurich"), digest("Europe/Zurich"));
    assert_eq!(digest("Etc/UTC"), transcript(TranscriptSettings::default()).recipe());
}
