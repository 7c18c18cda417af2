//! Any bytes as a stanza, with any body or the one that is in it, become the HTML part of a mail.
//!
//! What stands before a byte 0xFF, which no UTF-8 holds, is the body; the rest is the stanza, or the XHTML-IM text in one.

#![no_main]
#![allow(dead_code, reason = "the oracles of the tests can tell more than is asked here")]

#[path = "../../tests/transcript/grammar.rs"]
mod grammar;
#[path = "../../tests/transcript/markup.rs"]
mod markup;
#[path = "../../tests/transcript/oracle.rs"]
mod oracle;
#[path = "../../tests/transcript/sanitizer.rs"]
mod sanitizer;
#[path = "../../tests/transcript/shown.rs"]
mod shown;

use std::sync::Arc;

use jabber_archive_core::{
    Assembler, Conversation, ConverterExt, Issue, MemoryDirectory, Neighbour, People, Record, Rooms, Transcript, TranscriptSettings,
    testing::{generators, rows::Row},
};

use crate::{
    markup::Page,
    oracle::Mail,
    shown::{shown, words},
};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut texts = data.splitn(2, |byte| *byte == 0xff).map(String::from_utf8_lossy);
    let (first, second) = (texts.next().expect("a split gives one piece at least"), texts.next());
    match second {
        Some(content) => {
            let mut conversation = from_row("body", &content).expect("a body is a message");
            let message = &mut conversation.messages[0];
            (message.body, message.stanza) = (first.into_owned(), Some(stanza(&content)));
            check(&conversation);
        }
        // Without a body of its own, the message takes that of the stanza.
        None => from_row("", &first).iter().for_each(check),
    }
});

fn stanza(content: &str) -> String {
    if content.starts_with("<message") {
        return content.to_owned();
    }
    format!(
        "<message id='x'><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>{content}</body></html></message>"
    )
}

/// The conversation of the one message that a row is, if it says anything.
fn from_row(body: &str, content: &str) -> Option<Conversation> {
    let facts = generators::facts();
    let row = Row::jm("alice@example.com/jabber_1", "bob@example.com").body(body).stanza(&stanza(content)).message();
    let window = facts.grid.window_at(row.sent);
    let mut assembler = Assembler::new(&facts, Arc::new(Rooms::new()), People::new(Arc::new(MemoryDirectory::new())));
    assembler.accept(vec![Record::Message(row)]);
    assembler.assemble(&window, &Neighbour::default()).conversations.pop()
}

fn check(conversation: &Conversation) {
    let transcript = Transcript::new(&generators::facts(), TranscriptSettings::default()).expect("the default settings are valid");
    let mails = transcript.mails(conversation, Issue::FIRST).expect("every message can be told");
    let [mail] = mails.as_slice() else { panic!("{} mails", mails.len()) };
    let mail = Mail::read(mail);
    // The tokenizer refuses every element, attribute and style that is not ours.
    let (page, text) = (Page::read(&mail.html), grammar::read(&mail.text));
    let [(html, text)] = page.messages().into_iter().zip(&text.messages).collect::<Vec<_>>()[..] else { panic!("not one message") };
    let message = &conversation.messages[0];
    assert_eq!(text.text, shown(&message.body));
    assert_eq!(words(html), words(&text.text), "both bodies say the same");
    assert_eq!(text.with.iter().filter(|line| line.starts_with("File (")).count(), message.files.len());
    let (_, rest) = mail.html.split_once("</small></h4>\r\n").expect("who speaks");
    let (element, _) = rest.split_once("\r\n<h2>Cisco Jabber archive</h2>").expect("the foot");
    // No text of a message holds a <bdi>, even if it is formatted.
    let element = element.split_once("\r\n<ul><li>File: <bdi>").map_or(element, |(element, _)| element);
    sanitizer::check(element);
}
