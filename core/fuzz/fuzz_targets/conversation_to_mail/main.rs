//! Any bytes as a conversation ([`draft`]) become mails of every kind, which are read back by the oracles of the tests.

#![no_main]

mod draft;
mod rsmf;
mod transcript;

use jabber_archive_core::{
    Conversation, Converter, ConverterExt, ErrorClass, ErrorKind, FileRef, Issue, Journal, MailItem, PerMessage, Rsmf, Transcript,
    TranscriptSettings, journaled_mail, testing::generators,
};
use mail_parser::{MessageParser, PartType};

use crate::{
    draft::Draft,
    transcript::agreement::{self, Told, given_back},
};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Draft { conversation, issue, settings, converter } = Draft::read(data);
    let facts = generators::facts();
    if conversation.participants.is_empty() && !conversation.messages.is_empty() {
        let error = Transcript::new(&facts, settings).and_then(|converter| converter.mails(&conversation, issue)).expect_err("a stranger");
        assert_eq!((error.kind(), error.class()), (ErrorKind::Conversion, ErrorClass::Item));
        return;
    }
    let (limit, json) = (settings.max_item_bytes, settings.conversation_json);
    let inside = match settings.clone().journaled() {
        Ok(inside) if converter > 2 => inside,
        // No report leaves room for messages.
        Err(_) if converter > 2 => return,
        _ => settings.clone(),
    };
    let per_message = PerMessage::new(&facts, inside.clone()).expect("settings that are valid");
    let transcript = Transcript::new(&facts, inside.clone()).expect("settings that are valid");
    let rsmf = Rsmf::new(&facts, settings.clone()).expect("settings that are valid");
    let inner: &dyn Converter = match converter {
        0 | 3 => &transcript,
        2 => &rsmf,
        _ => &per_message,
    };
    if is_refused(inner, &conversation, issue, limit) {
        return;
    }
    match converter {
        0 => check(&conversation, issue, &twice(&transcript, &conversation, issue), &settings),
        1 => check(&conversation, issue, &twice(&per_message, &conversation, issue), &settings),
        2 => {
            let items = twice(&rsmf, &conversation, issue);
            crate::rsmf::told::check(&conversation, &items, limit);
            if json {
                rebuild(&conversation, &items);
            }
        }
        3 => journal(transcript, &conversation, issue, &inside, limit),
        _ => journal(per_message, &conversation, issue, &inside, limit),
    }
});

/// Whether no mail can hold what is known of a file, which is never cut; the error names the message.
fn is_refused(converter: &dyn Converter, conversation: &Conversation, issue: Issue, limit: usize) -> bool {
    let Err(error) = converter.mails(conversation, issue) else { return false };
    let named = conversation.messages.iter().find(|message| error.message() == Some(&message.key)).expect("a message");
    let of_file = |file: &FileRef| {
        [Some(&file.name), file.resource.as_ref(), file.path.as_ref()].into_iter().flatten().map(String::len).sum::<usize>()
    };
    let longest = named.files.iter().map(of_file).max().unwrap_or(0);
    assert_eq!((error.kind(), error.class()), (ErrorKind::Conversion, ErrorClass::Item));
    assert!(longest > limit / 64, "{error}");
    true
}

/// The mails of a conversation, which are the same again.
fn twice(converter: &dyn Converter, conversation: &Conversation, issue: Issue) -> Vec<MailItem> {
    let mails = converter.mails(conversation, issue).expect("what is refused was found before");
    assert!(mails == converter.mails(conversation, issue).expect("as before"), "the same conversation gives the same bytes");
    mails
}

fn check(conversation: &Conversation, issue: Issue, items: &[MailItem], settings: &TranscriptSettings) {
    let told = Told::by(items, settings.max_item_bytes);
    told.check(&conversation.messages);
    if !told.continued {
        agreement::check(conversation, issue, items);
    }
    if settings.conversation_json {
        rebuild(conversation, items);
    }
}

fn rebuild(conversation: &Conversation, items: &[MailItem]) {
    let contents: Vec<_> = items.iter().rev().map(|item| &item.content).collect();
    let rebuilt = Conversation::from_mails(&contents).expect("all mails are there");
    assert!(rebuilt == given_back(conversation, items), "the conversation comes back as it was");
}

fn journal<C: Converter + Clone>(inner: C, conversation: &Conversation, issue: Issue, inside: &TranscriptSettings, limit: usize) {
    let mails = inner.mails(conversation, issue).expect("every conversation can be told");
    let reports = twice(&Journal::new(&generators::facts(), inner).expect("a domain"), conversation, issue);
    let mut left = &reports[..];
    for mail in &mails {
        let is_of_mail = |report: &&MailItem| journaled_mail(&report.content).expect("a report") == mail.content;
        let (own, others) = left.split_at(left.iter().take_while(is_of_mail).count());
        left = others;
        let (first, further) = own.split_first().expect("every mail is reported, to the byte");
        assert!(first.messages == mail.messages && further.iter().all(|report| report.messages.is_empty()), "counted once");
        let people: Vec<_> = own.iter().flat_map(|report| &report.people).collect();
        assert_eq!(people.len(), mail.people.len(), "everybody is in one report");
        assert!(people.into_iter().all(|party| mail.people.contains(party)));
        for report in own {
            check_report(report, limit);
        }
    }
    assert!(left.is_empty(), "{} reports of no mail", left.len());
    check(conversation, issue, &mails, inside);
}

fn check_report(report: &MailItem, limit: usize) {
    assert!(report.content.len() <= limit, "{} of {limit}", report.content.len());
    for line in report.content.strip_suffix(b"\r\n").expect("a line's end").split(|byte| *byte == b'\n') {
        assert!(line.len() <= 999 && line.is_ascii());
    }
    let parsed = MessageParser::default().parse(&report.content[..]).expect("a mail");
    assert!(parsed.parts.iter().all(|part| !part.is_encoding_problem));
    let PartType::Multipart(parts) = &parsed.root_part().body else { panic!("not multipart") };
    let [fields, message] = parts[..] else { panic!("{} parts", parts.len()) };
    let (fields, message) = (parsed.part(fields).expect("a part"), parsed.part(message).expect("a part"));
    let PartType::Message(message) = &message.body else { panic!("not message/rfc822") };
    let fields: Vec<_> = fields.text_contents().expect("text").lines().collect();
    let sender = message.from().and_then(|from| from.first()?.address()).expect("a sender");
    assert_eq!(fields[0], format!("Sender: {sender}"));
    assert_eq!(fields[2], format!("Message-ID: <{}>", message.message_id().expect("an id")));
    assert!(fields.len() > 3 && fields[3..].iter().all(|line| line.starts_with("To: ")), "{fields:?}");
}
