//! Reads the text/plain body by the grammar in the documentation of `Transcript`, and refuses every line that is not in it.

use std::collections::BTreeMap;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) head: Vec<String>,
    pub(crate) people: Vec<Person>,
    pub(crate) messages: Vec<Said>,
    pub(crate) facts: Vec<(String, String)>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) fields: BTreeMap<String, String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) day: String,
    pub(crate) time: String,
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) with: Vec<String>,
}

impl Said {
    /// Whether an earlier part holds the message's beginning.
    pub(crate) fn continues(&self) -> bool {
        self.with.iter().any(|line| line == "Continued from the part before")
    }

    /// Whether a later part goes on with the message.
    pub(crate) fn is_continued(&self) -> bool {
        self.with.iter().any(|line| line == "Continued in the next part")
    }
}

pub(crate) fn read(text: &str) -> Body {
    let text = text.strip_suffix("\r\n").expect("ends with a line's end");
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert!(lines.iter().all(|line| !line.contains(['\r', '\n'])));
    let mut rest = lines.into_iter().peekable();

    let head: Vec<String> = rest.by_ref().take_while(|line| !line.is_empty()).map(str::to_owned).collect();
    assert!(rest.next().unwrap().starts_with("Participants: "));
    let mut people: Vec<Person> = Vec::new();
    for line in rest.by_ref().take_while(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix("- ") {
            people.push(Person { name: name.to_owned(), fields: BTreeMap::new() });
        } else {
            let (name, value) = line.strip_prefix("    ").unwrap().split_once(": ").unwrap();
            let person = people.last_mut().unwrap();
            assert_eq!(person.fields.insert(name.to_owned(), value.to_owned()), None, "{name} stands there once");
        }
    }

    let stated: usize = rest.next().unwrap().strip_prefix("Messages: ").unwrap().parse().unwrap();
    let mut messages: Vec<Said> = Vec::new();
    let mut day = None;
    while let Some(line) = rest.next() {
        if line.is_empty() {
            match rest.next().unwrap() {
                "Cisco Jabber archive" => break,
                date => {
                    assert!(is_date(date), "{date:?} is no date");
                    day = Some(date.to_owned());
                }
            }
        } else if let Some(more) = line.strip_prefix("    ") {
            let message = messages.last_mut().unwrap();
            assert!(message.with.is_empty(), "text stands before what came with it");
            message.text.push('\n');
            message.text.push_str(more);
        } else if let Some(with) = line.strip_prefix("  + ") {
            messages.last_mut().unwrap().with.push(with.to_owned());
        } else {
            let (time, said) = line.strip_prefix('[').unwrap().split_once("] ").unwrap();
            assert_eq!(time.len(), "09:14:03Z".len());
            let (name, text) = said.split_once(": ").unwrap();
            let day = day.clone().expect("a day stands before the first message");
            messages.push(Said { day, time: time.to_owned(), name: name.to_owned(), text: text.to_owned(), with: Vec::new() });
        }
    }
    assert!(messages.iter().rev().skip(1).all(|said| !said.is_continued()), "only the last message of a part goes on");
    assert_eq!(messages.iter().filter(|said| !said.continues()).count(), stated, "a message is counted where it begins");

    let facts = rest.map(|line| line.split_once(':').unwrap()).map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    Body { head, people, messages, facts }
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && text.bytes().enumerate().all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() })
}
