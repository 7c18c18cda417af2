//! What version 2.0.0 of the manifest's schema and the documentation of the format ask for (Relativity: `rsmf_schema_2_0_0.json`, "Creating an RSMF
//! file"), in our own words and stricter in this: properties that the schema does not name are refused, every event names a conversation and a time,
//! and files are named by exactly one attachment.

use std::collections::BTreeSet;

use jabber_archive_core::Timestamp;
use serde_json::{Map, Value};

use super::reader::Rsmf;

/// Whether a property has to be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}
use Need::{Optional, Required};

/// What a property holds.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    /// Text of one character or more.
    NotEmpty,
    OneOf(&'static [&'static str]),
    /// An `addr-spec` that mail can reach.
    Email,
    Instant,
    Size,
    ListOf(&'static Shape),
    Object(&'static [(&'static str, Need, Shape)]),
}

const CUSTOM: Shape = Shape::ListOf(&Shape::Object(&[("name", Required, Shape::NotEmpty), ("value", Required, Shape::NotEmpty)]));

const PARTICIPANT: Shape = Shape::Object(&[
    ("id", Required, Shape::NotEmpty),
    ("display", Optional, Shape::Text),
    ("email", Optional, Shape::Email),
    ("account_id", Optional, Shape::Text),
    ("custom", Optional, CUSTOM),
]);

const CONVERSATION: Shape = Shape::Object(&[
    ("id", Required, Shape::NotEmpty),
    ("display", Optional, Shape::Text),
    ("platform", Required, Shape::NotEmpty),
    ("type", Optional, Shape::OneOf(&["direct", "channel"])),
    ("participants", Required, Shape::ListOf(&Shape::NotEmpty)),
    ("custom", Optional, CUSTOM),
]);

const EVENT: Shape = Shape::Object(&[
    ("id", Optional, Shape::NotEmpty),
    ("type", Required, Shape::OneOf(&["message", "disclaimer", "join", "leave", "history", "unknown"])),
    ("body", Optional, Shape::Text),
    ("participant", Optional, Shape::NotEmpty),
    ("conversation", Required, Shape::NotEmpty),
    ("timestamp", Required, Shape::Instant),
    (
        "attachments",
        Optional,
        Shape::ListOf(&Shape::Object(&[
            ("id", Required, Shape::NotEmpty),
            ("display", Optional, Shape::NotEmpty),
            ("size", Optional, Shape::Size),
        ])),
    ),
    ("custom", Optional, CUSTOM),
]);

const MANIFEST: Shape = Shape::Object(&[
    ("version", Required, Shape::OneOf(&["2.0.0"])),
    ("participants", Required, Shape::ListOf(&PARTICIPANT)),
    ("conversations", Required, Shape::ListOf(&CONVERSATION)),
    ("events", Required, Shape::ListOf(&EVENT)),
    ("eventcollectionid", Optional, Shape::NotEmpty),
]);

/// Refuses a file that is against the format.
pub(crate) fn check(rsmf: &Rsmf) {
    if let Err(wrong) = conforms(&rsmf.manifest, MANIFEST) {
        panic!("{wrong}");
    }
    check_references(&rsmf.manifest);
    check_files(rsmf);
    check_fields(rsmf);
}

fn conforms(value: &Value, shape: Shape) -> Result<(), String> {
    let holds = match shape {
        Shape::Text => value.is_string(),
        Shape::NotEmpty => value.as_str().is_some_and(|text| !text.is_empty()),
        Shape::OneOf(words) => value.as_str().is_some_and(|text| words.contains(&text)),
        Shape::Email => value.as_str().is_some_and(is_email),
        Shape::Instant => value.as_str().is_some_and(is_instant),
        Shape::Size => value.is_u64(),
        Shape::ListOf(entry) => match value.as_array() {
            Some(entries) => return entries.iter().try_for_each(|value| conforms(value, *entry)),
            None => false,
        },
        Shape::Object(properties) => match value.as_object() {
            Some(object) => return check_object(object, properties),
            None => false,
        },
    };
    if holds { Ok(()) } else { Err(format!("against the schema: {value}")) }
}

fn check_object(object: &Map<String, Value>, properties: &[(&str, Need, Shape)]) -> Result<(), String> {
    for (name, value) in object {
        let (_, _, shape) =
            properties.iter().find(|(known, ..)| known == name).ok_or_else(|| format!("the schema does not name {name}"))?;
        conforms(value, *shape).map_err(|wrong| format!("{name}: {wrong}"))?;
    }
    match properties.iter().find(|(name, need, _)| *need == Required && !object.contains_key(*name)) {
        Some((name, ..)) => Err(format!("{name} is missing")),
        None => Ok(()),
    }
}

/// RFC 5321 without quoting and address literals, and no top-level domain of RFC 6761 that reaches nobody.
fn is_email(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic() && !b"()<>[]:;@\\,\"".contains(&byte));
    text.rsplit_once('@').is_some_and(|(local, domain)| plain(local) && plain(domain)) && !text.to_lowercase().ends_with(".invalid")
}

/// ISO 8601 as RFC 3339 has it, in UTC to the millisecond.
fn is_instant(text: &str) -> bool {
    let form = "0000-00-00T00:00:00.000Z";
    let alike = |(char, of): (char, char)| if of == '0' { char.is_ascii_digit() } else { char == of };
    text.len() == form.len() && text.chars().zip(form.chars()).all(alike) && text.parse::<Timestamp>().is_ok()
}

fn ids(list: &Value) -> BTreeSet<&str> {
    let entries = list.as_array().unwrap();
    let ids: Vec<&str> = entries.iter().filter_map(|entry| entry.get("id")).map(|id| id.as_str().unwrap()).collect();
    let distinct: BTreeSet<_> = ids.iter().copied().collect();
    assert_eq!(distinct.len(), ids.len(), "ids are unique");
    distinct
}

/// Ids are unique, and what is named is there.
fn check_references(manifest: &Value) {
    let (people, conversations) = (ids(&manifest["participants"]), ids(&manifest["conversations"]));
    ids(&manifest["events"]);
    for conversation in manifest["conversations"].as_array().unwrap() {
        let named: Vec<_> = conversation["participants"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        let distinct: BTreeSet<_> = named.iter().copied().collect();
        assert!(distinct.len() == named.len() && distinct.is_subset(&people));
    }
    for event in manifest["events"].as_array().unwrap() {
        assert!(conversations.contains(event["conversation"].as_str().unwrap()));
        let participant = event.get("participant").map(|id| id.as_str().unwrap());
        assert!(participant.is_none_or(|id| people.contains(id)));
        assert_eq!(participant.is_none(), event["type"] == "disclaimer", "everything else was done by somebody");
        assert_eq!(event.get("body").is_some(), matches!(event["type"].as_str(), Some("message" | "disclaimer")));
    }
}

/// Every attachment is in the zip file, and every file of the zip file is an attachment.
fn check_files(rsmf: &Rsmf) {
    let attachments = rsmf.events().iter().filter_map(|event| event["attachments"].as_array()).flatten();
    let mut named = BTreeSet::new();
    for attachment in attachments {
        let id = attachment["id"].as_str().unwrap();
        assert!(named.insert(id), "{id} is named once");
        assert_eq!(attachment["size"].as_u64().unwrap() as usize, rsmf.files[id].len());
    }
    assert_eq!(named, rsmf.files.keys().map(String::as_str).collect());
    assert_eq!(rsmf.fields["AttachmentCount"], named.len().to_string());
}

/// Header fields say what the manifest says; events stand in order of time.
fn check_fields(rsmf: &Rsmf) {
    let events = rsmf.events();
    let times: Vec<Timestamp> = events.iter().map(|event| event["timestamp"].as_str().unwrap().parse().unwrap()).collect();
    assert!(times.is_sorted(), "events stand in order of time");
    let names: Vec<_> = rsmf.fields.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["Application", "AttachmentCount", "BeginDate", "EndDate", "EventCollectionID", "EventCount", "Generator", "Version"]
    );
    assert_eq!(rsmf.fields["Version"], rsmf.manifest["version"]);
    assert_eq!(rsmf.fields["EventCount"], events.len().to_string());
    assert!((1..=10_000).contains(&events.len()));
    assert_eq!(rsmf.fields["BeginDate"], events[0]["timestamp"]);
    assert_eq!(rsmf.fields["EndDate"], events[events.len() - 1]["timestamp"]);
    assert_eq!(rsmf.fields["EventCollectionID"], rsmf.manifest["eventcollectionid"]);
    assert_eq!(rsmf.fields["Application"], rsmf.conversation()["platform"]);
}

#[test]
fn the_check_finds_what_is_against_the_schema() {
    let right = serde_json::json!({
        "version": "2.0.0",
        "participants": [{"id": "P1", "email": "alice@example.com"}],
        "conversations": [{"id": "C1", "platform": "chat", "type": "direct", "participants": ["P1"]}],
        "events": [{"type": "message", "conversation": "C1", "participant": "P1", "timestamp": "2026-11-21T09:14:03.007Z"}],
    });
    assert_eq!(conforms(&right, MANIFEST), Ok(()));
    for (pointer, value) in [
        ("/version", "1.0.0".into()),
        ("/participants/0/id", 1.into()),
        ("/participants/0/id", "".into()),
        ("/participants/0/email", "alice".into()),
        ("/participants/0/email", "alice@example.com.jid.invalid".into()),
        ("/conversations/0/type", "room".into()),
        ("/conversations/0/participants", "P1".into()),
        ("/events/0/type", "left".into()),
        ("/events/0/timestamp", "21 Nov 2026".into()),
        ("/events/0", serde_json::json!({"type": "message", "conversation": "C1", "timestamp": "2026-11-21T09:14:03.007Z", "avatar": "x"})),
        ("/events/0", serde_json::json!({"conversation": "C1", "timestamp": "2026-11-21T09:14:03.007Z"})),
        ("/events/0/participant", Value::Null),
    ] {
        let mut wrong = right.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        assert!(conforms(&wrong, MANIFEST).is_err(), "{wrong}");
    }
}
