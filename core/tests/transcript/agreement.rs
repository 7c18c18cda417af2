//! Whether mails say what their conversation says.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jabber_archive_core::{Conversation, Digest, FileContent, Issue, MailItem, Message, MessageLine, ObjectKey, Party};

use super::{
    grammar::{self, Body},
    markup::Page,
    oracle::Mail,
    shown::{letters, shown, words},
};

/// Panics unless mails that hold every message whole say of the conversation what it is.
pub(crate) fn check(conversation: &Conversation, issue: Issue, mails: &[MailItem]) {
    let mut names = BTreeMap::new();
    let mut listed = BTreeSet::new();
    let mut at = 0;
    for item in mails {
        let mail = Mail::read(item);
        let body = grammar::read(&mail.text);
        let page = Page::read(&mail.html);
        let messages = &conversation.messages[at..at + item.messages.len()];
        at += item.messages.len();
        check_text(&body, messages, &mut names);
        check_html(&page, messages);
        assert_eq!(body.facts, mail.facts());
        assert_eq!(page.facts(), mail.facts());
        assert_eq!(body.head[0], mail.subject);
        assert!(page.all("h2").contains(&"Cisco Jabber archive"));
        assert_eq!(page.all("h1 dir=\"auto\""), [mail.subject.as_str()]);
        assert_eq!(body.head.iter().any(|line| line.starts_with("Addendum: ")), issue.addendum);
        for (line, message) in item.messages.iter().zip(messages) {
            assert_eq!((line.start, line.identity, line.content), (message.key.start, message.key.identity, message.content_digest()));
        }
        for person in body.people.iter().filter(|person| person.fields.contains_key("JID")) {
            listed.insert(person.fields["JID"].clone());
        }
    }
    assert_eq!(at, conversation.messages.len(), "every message is in one part");
    let parties: BTreeSet<_> = conversation.participants.iter().map(|person| letters(&person.party.to_string())).collect();
    assert_eq!(listed.iter().map(|jid| letters(jid)).collect::<BTreeSet<_>>(), parties, "every participant is listed");
}

fn check_text(body: &Body, messages: &[Message], names: &mut BTreeMap<Party, String>) {
    assert_eq!(body.messages.len(), messages.len());
    for (said, message) in body.messages.iter().zip(messages) {
        assert_eq!(said.text, shown(&message.body));
        let time = message.sent().to_string();
        assert_eq!(format!("{}T{}", said.day, said.time), format!("{}Z", &time[..19]));
        let known = names.entry(message.sender.clone()).or_insert_with(|| said.name.clone());
        assert_eq!(*known, said.name, "a sender has one name");
        let subjects = said.with.iter().filter(|line| line.starts_with("Subject: ")).count();
        assert_eq!(subjects, usize::from(message.subject.is_some()));
        let files: Vec<_> = said.with.iter().filter_map(|line| line.strip_prefix("File (")).collect();
        assert_eq!(files.len(), message.files.len());
        for (line, file) in files.iter().zip(&message.files) {
            let (facts, name) = line.split_once("): ").unwrap();
            assert_eq!(facts.contains(" bytes, SHA-256 "), file.digest.is_some());
            assert_eq!(letters(name), letters(&file.name));
        }
    }
    let distinct: BTreeSet<_> = names.values().collect();
    assert_eq!(distinct.len(), names.len(), "no two senders have one name");
}

fn check_html(page: &Page, messages: &[Message]) {
    let said = page.messages();
    assert_eq!(said.len(), messages.len());
    for (said, message) in said.iter().zip(messages) {
        assert_eq!(words(said), words(&shown(&message.body)));
    }
    let files: usize = messages.iter().map(|message| message.files.len() + usize::from(message.subject.is_some())).sum();
    assert_eq!(page.all("li").len(), files);
}

/// What the mails of some messages say of them together.
#[derive(Debug, Default)]
pub(crate) struct Told {
    listed: Vec<MessageLine>,
    text: Vec<String>,
    html: Vec<String>,
    files: BTreeSet<Digest>,
    objects: BTreeMap<ObjectKey, Bytes>,
    stanzas: Option<BTreeMap<String, String>>,
    /// Whether a message is continued.
    pub(crate) continued: bool,
}

impl Told {
    /// Reads the mails, none of which may be larger than the limit.
    pub(crate) fn by(items: &[MailItem], limit: usize) -> Self {
        let mut told = Self::default();
        let mut open = false;
        for item in items {
            assert!(item.content.len() <= limit, "{} of {limit}", item.content.len());
            let mail = Mail::read(item);
            let said = grammar::read(&mail.text).messages;
            let page = Page::read(&mail.html);
            assert_eq!(said.len(), page.messages().len());
            for (said, html) in said.iter().zip(page.messages()) {
                assert_eq!(said.continues(), open, "what is continued goes on in the next mail");
                if open {
                    told.text.last_mut().unwrap().push_str(&said.text);
                    told.html.last_mut().unwrap().push_str(html);
                } else {
                    told.text.push(said.text.clone());
                    told.html.push(html.to_owned());
                }
                open = said.is_continued();
                told.continued |= open;
            }
            assert_eq!(mail.fact("Messages"), item.messages.len().to_string());
            told.listed.extend(&item.messages);
            told.files.extend(mail.files.iter().map(|(_, content)| Digest::of(content)));
            for object in &item.objects {
                told.objects.extend(object.content.clone().map(|content| (object.key, content)));
            }
            if let Some(lines) = mail.stanzas {
                let stanzas = told.stanzas.get_or_insert_default();
                for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    let line: serde_json::Value = serde_json::from_slice(line).unwrap();
                    stanzas.entry(line["message"].to_string()).or_default().push_str(line["stanza"].as_str().unwrap());
                }
            }
        }
        assert!(!open, "the last mail holds the end");
        told
    }

    /// Panics unless every word, file and stanza of the messages is told.
    pub(crate) fn check(&self, messages: &[Message]) {
        assert_eq!(self.listed, messages.iter().map(MessageLine::of).collect::<Vec<_>>(), "every message is listed once");
        assert_eq!(self.text, messages.iter().map(|message| shown(&message.body)).collect::<Vec<_>>());
        let solid = |text: &str| text.split_whitespace().collect::<String>();
        let html: Vec<_> = self.html.iter().map(|text| solid(text)).collect();
        assert_eq!(html, messages.iter().map(|message| solid(&shown(&message.body))).collect::<Vec<_>>());
        for file in messages.iter().flat_map(|message| &message.files) {
            if let FileContent::Read(content) = file.content() {
                let digest = Digest::of(content);
                let stored = self.objects.get(&ObjectKey::new(digest));
                assert!(self.files.contains(&digest) != stored.is_some(), "a file is attached or an object of its own");
                assert!(stored.is_none_or(|stored| stored == content));
            }
        }
        let stanzas = messages.iter().filter_map(|message| {
            let stanza = message.stanza.as_ref()?;
            Some((serde_json::to_value(message.key).unwrap().to_string(), stanza.clone()))
        });
        if let Some(told) = &self.stanzas {
            assert_eq!(*told, stanzas.collect());
        }
    }
}

/// The conversation as its mails give it back: files that are objects of their own are only named.
pub(crate) fn given_back(conversation: &Conversation, items: &[MailItem]) -> Conversation {
    let objects: BTreeSet<_> = items.iter().flat_map(|item| &item.objects).map(|object| *object.key.digest()).collect();
    let mut conversation = conversation.clone();
    for file in conversation.messages.iter_mut().flat_map(|message| &mut message.files) {
        if let (FileContent::Read(_), Some(size), Some(digest)) = (file.content(), file.size, file.digest)
            && objects.contains(&digest)
        {
            *file = file.clone().stored(size, digest);
        }
    }
    conversation
}
