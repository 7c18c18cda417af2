//! The HTML part of mails in a real browser: at the width of a phone, of a pane and of a window, in a light and in a dark scheme.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod chromium;
#[path = "../transcript/grammar.rs"]
mod grammar;
mod samples;

use std::collections::BTreeMap;

use jabber_archive_core::{Conversation, ConverterExt, Issue, MailItem, Transcript, TranscriptSettings, testing::generators};
use mail_parser::MessageParser;
use serde::{Deserialize, Serialize};

const WIDTHS: &[u32] = &[390, 800, 1200];

/// A mail as the harness takes it.
#[derive(Serialize)]
struct Page {
    name: &'static str,
    html: String,
    widths: &'static [u32],
    #[serde(skip)]
    texts: Vec<String>,
}

/// What the harness says about a mail at one width and in one scheme.
#[derive(Debug, Deserialize)]
struct Facts {
    mail: String,
    width: u32,
    scheme: String,
    shown_width: u32,
    shown_dark: bool,
    scroll_width: u32,
    outside: Vec<String>,
    texts: usize,
    faint: Vec<String>,
    background: String,
    messages: Vec<String>,
}

fn page(name: &'static str, conversation: &Conversation, widths: &'static [u32]) -> Page {
    let mails = mails(conversation, Issue::FIRST, TranscriptSettings::default());
    assert_eq!(mails.len(), 1);
    shown(name, &mails[0], widths)
}

/// A part in the middle of an addendum, which holds a piece of a message.
fn piece(name: &'static str, conversation: &Conversation, widths: &'static [u32]) -> Page {
    let mut addendum = Issue::FIRST.next_edition();
    addendum.addendum = true;
    let least = TranscriptSettings::default().with_max_item_bytes(TranscriptSettings::LEAST_ITEM_BYTES);
    let mails = mails(conversation, addendum, least);
    assert!(mails.len() > 2);
    shown(name, &mails[1], widths)
}

fn mails(conversation: &Conversation, issue: Issue, settings: TranscriptSettings) -> Vec<MailItem> {
    let settings = settings.with_time_zone("Europe/Zurich".parse().unwrap());
    Transcript::new(&generators::facts(), settings).unwrap().mails(conversation, issue).unwrap()
}

fn shown(name: &'static str, item: &MailItem, widths: &'static [u32]) -> Page {
    let mail = MessageParser::default().parse(&item.content[..]).unwrap();
    let body = grammar::read(&mail.body_text(0).unwrap());
    Page { name, html: mail.body_html(0).unwrap().into_owned(), widths, texts: body.messages.into_iter().map(|said| said.text).collect() }
}

fn pages() -> Vec<Page> {
    vec![
        page("chat", &samples::chat(), WIDTHS),
        page("planning", &samples::planning(), WIDTHS),
        page("formatted", &samples::formatted(), WIDTHS),
        page("hostile", &samples::hostile(), WIDTHS),
        page("right-to-left", &samples::right_to_left(), WIDTHS),
        page("east-asian", &samples::east_asian(), WIDTHS),
        page("long", &samples::long(), WIDTHS),
        piece("piece", &samples::outgrown(), &WIDTHS[..1]),
        page("wide", &samples::wide(), WIDTHS),
        page("crowd", &samples::crowd(60, 2_000), &WIDTHS[..1]),
    ]
}

/// What the browser says about these pages.
fn facts(pages: &[Page]) -> Option<Vec<Facts>> {
    // Inside a script, so that no mail can end it.
    let mails = serde_json::to_string(pages).unwrap().replace('<', "\\u003c");
    let shown = chromium::show("mails", &include_str!("harness.html").replace("/*MAILS*/", &mails))?;
    assert_eq!(shown.connections, 0, "a mail asks for something from outside");
    let (_, rest) = shown.dom.split_once("FACTS").expect("the harness comes to its end");
    let answer = data_encoding::BASE64.decode(rest.split_once("END").unwrap().0.as_bytes()).unwrap();
    Some(serde_json::from_slice(&answer).unwrap())
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[test]
fn mails_look_right_at_every_width_and_in_every_scheme() {
    let pages = pages();
    let Some(facts) = facts(&pages) else { return };
    assert_eq!(facts.len(), pages.iter().map(|page| page.widths.len() * 2).sum::<usize>());
    let mut backgrounds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for fact in &facts {
        let place = format!("{} at {} in {}", fact.mail, fact.width, fact.scheme);
        assert_eq!((fact.shown_width, fact.shown_dark), (fact.width, fact.scheme == "dark"), "{place}");
        assert!(fact.scroll_width <= fact.width, "{place}: {} wide", fact.scroll_width);
        assert!(fact.outside.is_empty(), "{place}: {:#?}", fact.outside);
        let page = pages.iter().find(|page| page.name == fact.mail).unwrap();
        assert!(fact.texts >= page.texts.iter().filter(|text| !text.trim().is_empty()).count(), "{place}");
        assert!(fact.faint.is_empty(), "{place}: {:#?}", fact.faint);
        assert_eq!(fact.messages.len(), page.texts.len(), "{place}");
        for (shown, text) in fact.messages.iter().zip(&page.texts) {
            assert_eq!(words(shown), words(text), "{place}");
        }
        backgrounds.entry(&fact.scheme).or_default().push(&fact.background);
    }
    let [dark, light] = ["dark", "light"].map(|scheme| &backgrounds[scheme]);
    assert!(dark.iter().all(|color| !light.contains(color)), "{dark:?}, {light:?}");
}

#[test]
fn a_request_of_a_page_would_be_noticed() {
    let Some(shown) = chromium::show("request", "<!DOCTYPE html><img src=\"http://archive.example/x.png\">") else { return };
    assert!(shown.connections > 0);
}

#[test]
fn on_paper_a_message_longer_than_a_page_begins_below_who_said_it() {
    let long = page("sheets", &samples::lines(60), WIDTHS);
    // A page has some 50 lines: those above the message leave room for half of it.
    let Some(sheets) = chromium::sheets("sheets", &long.html) else { return };
    assert_eq!(sheets, 2);
}
