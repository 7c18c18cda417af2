//! Journal reports, read back by parsers that are not ours.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod shape;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
};

use bytes::Bytes;
#[cfg(feature = "rsmf")]
use jabber_archive_core::Rsmf;
use jabber_archive_core::{
    Address, BareJid, Conversation, ConversationKey, Converter, ConverterExt, ErrorClass, FileContent, FileRef, Issue, ItemId, Journal,
    MailItem, Part, Participant, Party, PerMessage, Recipe, Result, Transcript, TranscriptSettings, journaled_mail, testing::generators,
};
use mail_parser::{MessageParser, MimeHeaders, PartType};
use proptest::prelude::*;
use serde_json::Value;

const FIELDS: [&str; 9] =
    ["From", "To", "Date", "Subject", "Message-ID", "Auto-Submitted", "X-MS-Journal-Report", "MIME-Version", "Content-Type"];

/// The least limit of reports.
const LEAST: usize = TranscriptSettings::LEAST_ITEM_BYTES + 64 * 1024;

fn settings_of(limit: usize) -> TranscriptSettings {
    TranscriptSettings::default().with_max_item_bytes(limit).with_conversation_json(true).journaled().unwrap()
}

fn settings() -> TranscriptSettings {
    settings_of(LIMIT)
}

/// Of every report, where a test does not say another.
const LIMIT: usize = 2 * 1024 * 1024;

fn journal<C: Converter>(inner: C) -> Journal<C> {
    Journal::new(&generators::facts(), inner).unwrap()
}

fn transcript() -> Transcript {
    Transcript::new(&generators::facts(), settings()).unwrap()
}

fn per_message() -> PerMessage {
    PerMessage::new(&generators::facts(), settings()).unwrap()
}

/// The lines of the first part and the mail in the second, according to mail-parser.
fn read(report: &[u8]) -> (Vec<String>, String) {
    let parsed = MessageParser::default().parse(report).unwrap();
    let PartType::Multipart(parts) = &parsed.root_part().body else { panic!("not multipart") };
    let [fields, mail] = parts.as_slice() else { panic!("{} parts", parts.len()) };
    let (fields, mail) = (parsed.part(*fields).unwrap(), parsed.part(*mail).unwrap());
    assert_eq!(fields.content_type().unwrap().attribute("charset"), Some("utf-8"));
    let PartType::Message(mail) = &mail.body else { panic!("not message/rfc822") };
    let text = fields.text_contents().unwrap().strip_suffix("\r\n").unwrap();
    (text.split("\r\n").map(str::to_owned).collect(), mail.message_id().unwrap().to_owned())
}

fn to(mail: &[u8]) -> Vec<String> {
    let mail = MessageParser::default().parse_headers(mail).unwrap();
    mail.to().unwrap().iter().map(|to| to.address().unwrap().to_owned()).collect()
}

/// By what address the header of a mail names each participant: a mail of each alone says so.
fn addresses(conversation: &Conversation) -> BTreeMap<Party, String> {
    let Conversation { key, window, kind, title, participants, .. } = conversation;
    let alone = |person: &Participant| {
        let of = Conversation::new(key.clone(), *window, *kind, title.clone(), vec![person.clone()], Vec::new());
        (person.party.clone(), to(&transcript().mails(&of, Issue::FIRST).unwrap()[0].content).remove(0))
    };
    participants.iter().map(alone).collect()
}

/// Whom a report names, with whether they are members of the room.
fn recipients(conversation: &Conversation, fields: &[String]) -> Vec<(String, bool)> {
    let recipient = |line: &String| {
        let recipient = line.strip_prefix("To: ").unwrap();
        match (&conversation.key, recipient.split_once(", Expanded: ")) {
            (ConversationKey::Room(room), Some((member, expanded))) => {
                assert_eq!(expanded, room.as_str());
                (member.to_owned(), true)
            }
            (_, None) => (recipient.to_owned(), false),
            other => panic!("{other:?}"),
        }
    };
    fields.iter().map(recipient).collect()
}

/// Compares the header of a report and the head of its first part with the mail in it, and says whom it names.
fn check(conversation: &Conversation, report: &MailItem, mail: &MailItem, limit: usize) -> Vec<(String, bool)> {
    assert_eq!(journaled_mail(&report.content).unwrap(), mail.content);
    assert!(report.content.len() <= limit, "{} of {limit}", report.content.len());
    let head = std::str::from_utf8(&report.content).unwrap().split_once("\r\n\r\n").unwrap().0;
    let fields: Vec<_> =
        head.split("\r\n").filter(|line| !line.starts_with([' ', '\t'])).map(|line| line.split_once(':').unwrap().0).collect();
    assert_eq!(fields, FIELDS);
    for line in report.content.strip_suffix(b"\r\n").unwrap().split(|byte| *byte == b'\n') {
        assert!(line.len() <= 999 && line.is_ascii());
    }
    assert_ne!(report.key.id, mail.key.id);
    assert_eq!((report.key.window, report.conversation, report.issue), (mail.key.window, mail.conversation, mail.issue));
    assert_eq!(report.part, mail.part);

    let inner = MessageParser::default().parse(&mail.content[..]).unwrap();
    let outer = MessageParser::default().parse(&report.content[..]).unwrap();
    let domain = generators::facts().message_id_domain;
    assert_eq!(outer.message_id().unwrap(), format!("{}@{domain}", report.key.id));
    assert_eq!((outer.subject().unwrap().trim_end(), outer.date()), (inner.subject().unwrap().trim_end(), inner.date()));
    assert_eq!(outer.from().unwrap().first().unwrap().address().unwrap(), format!("archive@{domain}"));
    assert_eq!(outer.to().unwrap().first().unwrap().address().unwrap(), format!("journal@{domain}"));

    let (fields, inside) = read(&report.content);
    let sender = inner.from().unwrap().first().unwrap().address().unwrap();
    assert_eq!(inside, inner.message_id().unwrap());
    assert_eq!(fields[0], format!("Sender: {sender}"));
    assert_eq!(fields[1].trim_end(), format!("Subject: {}", inner.subject().unwrap()).trim_end());
    assert_eq!(fields[2], format!("Message-ID: <{inside}>"));
    recipients(conversation, &fields[3..])
}

/// Compares all reports of a mail with it: everybody whom it is for stands in one of them, once, and nobody else does.
fn check_reports(conversation: &Conversation, addresses: &BTreeMap<Party, String>, reports: &[MailItem], mail: &MailItem, limit: usize) {
    let inner = MessageParser::default().parse_headers(&mail.content[..]).unwrap();
    let sender = inner.from().unwrap().first().unwrap().address().unwrap();
    let named = to(&mail.content);
    let room = if let ConversationKey::Room(room) = &conversation.key { room.as_str() } else { "" };
    let members: BTreeSet<&str> = mail.people.iter().map(|party| addresses[party].as_str()).collect();
    let is_recipient = |to: &&str| *to != sender || named.iter().any(|named| named == sender);
    let mut expected: BTreeMap<&str, bool> = members.iter().copied().filter(is_recipient).map(|to| (to, !room.is_empty())).collect();
    for to in named.iter().filter(|to| *to != room) {
        expected.entry(to).or_insert(false);
    }

    let mut told = Vec::new();
    let mut people = BTreeSet::new();
    for (number, report) in reports.iter().enumerate() {
        let recipients = check(conversation, report, mail, limit);
        for party in &report.people {
            let address = addresses[party].as_str();
            let is_told = recipients.iter().any(|(to, _)| to == address);
            assert!(is_told || (number == 0 && address == sender), "{address} is for another report");
            assert!(people.insert(party.clone()), "{party} is in two reports");
        }
        told.extend(recipients);
        let (messages, objects) = (&report.messages, &report.objects);
        assert_eq!(messages.as_slice(), if number == 0 { mail.messages.as_slice() } else { &[] }, "counted once");
        let keys = |item: &MailItem| item.objects.iter().map(|object| object.key).collect::<Vec<_>>();
        assert_eq!(keys(report), keys(mail));
        assert!(if number == 0 { *objects == mail.objects } else { objects.iter().all(|object| object.content.is_none()) });
    }
    assert_eq!(people, mail.people);
    told.sort();
    assert_eq!(told.iter().map(|(to, member)| (to.as_str(), *member)).collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
}

/// How many reports there are of each mail.
fn check_all(conversation: &Conversation, issue: Issue, inner: &dyn Converter, limit: usize) -> Vec<usize> {
    let addresses = addresses(conversation);
    let reports = journal(Borrowed(inner)).mails(conversation, issue).unwrap();
    let ids: BTreeSet<&ItemId> = reports.iter().map(|report| &report.key.id).collect();
    assert_eq!(ids.len(), reports.len());
    assert!(journal(Borrowed(inner)).mails(conversation, issue).unwrap() == reports, "the same twice");
    let mut left = &reports[..];
    let mut counts = Vec::new();
    for mail in inner.mails(conversation, issue).unwrap() {
        let count = left.iter().take_while(|report| journaled_mail(&report.content).unwrap() == mail.content).count();
        let (own, others) = left.split_at(count);
        check_reports(conversation, &addresses, own, &mail, limit);
        counts.push(count);
        left = others;
    }
    assert!(left.is_empty(), "{} reports of no mail", left.len());
    let contents = |mails: &[MailItem]| mails.iter().rev().map(|mail| mail.content.clone()).collect::<Vec<_>>();
    let rebuilt = Conversation::from_mails(&contents(&reports)).unwrap();
    assert!(rebuilt == Conversation::from_mails(&contents(&inner.mails(conversation, issue).unwrap())).unwrap());
    counts
}

/// Converters of every kind, whose mails leave room for a report of this size.
fn converters(limit: usize) -> Vec<Box<dyn Converter>> {
    let (facts, settings) = (generators::facts(), settings_of(limit).with_catch_all("archive+all@example.com"));
    vec![
        Box::new(Transcript::new(&facts, settings.clone()).unwrap()),
        Box::new(PerMessage::new(&facts, settings.clone()).unwrap()),
        #[cfg(feature = "rsmf")]
        Box::new(Rsmf::new(&facts, settings).unwrap()),
    ]
}

/// So many people in a room, most with an address of their own.
fn crowd(people: std::ops::Range<usize>, messages: std::ops::Range<usize>) -> impl Strategy<Value = Conversation> {
    generators::large_conversation(people, messages).prop_map(|mut conversation| {
        for (number, person) in conversation.participants.iter_mut().enumerate().filter(|(number, _)| number % 8 > 0) {
            person.address = Address::Mapped(format!("somebody.{number}@example.com"));
        }
        conversation
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_report_holds_the_mail_to_the_byte_and_says_who_wrote_to_whom(
        conversation in generators::conversation(), issue in generators::issue(), limit in LEAST..LIMIT
    ) {
        prop_assume!(!conversation.participants.is_empty());
        for inner in converters(limit) {
            let counts = check_all(&conversation, issue, &*inner, limit);
            prop_assert!(counts.iter().all(|count| *count == 1));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn everybody_whom_a_mail_is_for_stands_in_one_of_its_reports(conversation in crowd(200..900, 1..4), limit in LEAST..LIMIT) {
        for inner in converters(limit) {
            let counts = check_all(&conversation, Issue::FIRST, &*inner, limit);
            // About 390 of these lines take 32 KiB.
            if conversation.participants.len() > 600 {
                prop_assert!(counts.iter().any(|count| *count > 1), "{:?}", counts);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2))]

    #[test]
    fn messages_larger_than_a_mail_are_reported_piece_by_piece(conversation in generators::outgrown_conversation(), limit in LEAST..700_000_usize) {
        for inner in converters(limit) {
            check_all(&conversation, Issue::FIRST, &*inner, limit);
        }
    }
}

fn of_people(number: usize) -> Conversation {
    let mut conversation = generators::one(generators::large_conversation(2..3, 1..2));
    let jid = |number| Party::User(BareJid::new(&format!("user{number}@example.com")).unwrap());
    let person = |number| Participant::new(jid(number), Address::Mapped(format!("user{number}@mail.example.com")), None);
    conversation.participants = (0..number).map(person).collect();
    conversation.messages[0].sender = jid(0);
    conversation.messages[0].recipients.clear();
    conversation.messages[0].body = "Welcome, everybody".into();
    Conversation::new(
        conversation.key,
        conversation.window,
        conversation.kind,
        conversation.title,
        conversation.participants,
        conversation.messages,
    )
}

#[test]
fn a_message_to_15_000_people_is_in_as_many_reports_as_it_takes_to_name_them() {
    let conversation = of_people(15_000);
    let inner = per_message();
    let mail = inner.mails(&conversation, Issue::FIRST).unwrap().into_iter().find(|mail| !mail.messages.is_empty()).unwrap();
    let (mut reports, mut others) = (Vec::new(), 0);
    let mut sort = |report: MailItem| {
        if journaled_mail(&report.content)? == mail.content {
            reports.push(report);
        } else {
            others += 1;
        }
        Ok(())
    };
    journal(inner).convert(&conversation, Issue::FIRST, &mut sort).unwrap();
    let addresses = conversation.participants.iter().map(|person| (person.party.clone(), person.address.as_str().to_owned())).collect();
    check_reports(&conversation, &addresses, &reports, &mail, LIMIT);
    assert_eq!(mail.people.len(), 15_000);
    assert!(reports.len() > 30 && others > 0 && others % reports.len() == 0, "{} and {others} of the mails that list them", reports.len());
}

#[test]
fn further_reports_name_the_objects_whose_content_the_first_brings() {
    let mut conversation = of_people(1_000);
    let file = FileRef::named("plan.zip").with_content(Bytes::from(vec![7; LIMIT]));
    assert!(matches!(file.content(), FileContent::Read(_)));
    conversation.messages[0].files = vec![file];
    for inner in converters(LIMIT) {
        assert!(check_all(&conversation, Issue::FIRST, &*inner, LIMIT).iter().all(|count| *count > 1));
        let reports = journal(Borrowed(&*inner)).mails(&conversation, Issue::FIRST).unwrap();
        let stored = reports.iter().flat_map(|report| &report.objects).filter(|object| object.content.is_some()).count();
        let naming = reports.iter().filter(|report| !report.line().attachments.is_empty()).count();
        assert!(stored == 1 && naming > 1, "{stored} and {naming}");
    }
}

#[test]
fn the_first_report_of_a_mail_keeps_its_id_however_many_there_are() {
    let ids = |people: usize| {
        let mut conversation = of_people(1_000);
        conversation.participants.truncate(people);
        let mail = per_message().mails(&conversation, Issue::FIRST).unwrap().pop().unwrap();
        let reports = journal(per_message()).mails(&conversation, Issue::FIRST).unwrap();
        let of_mail = reports.into_iter().filter(|report| journaled_mail(&report.content).unwrap() == mail.content);
        of_mail.map(|report| report.key.id).collect::<Vec<_>>()
    };
    let (one, several) = (ids(2), ids(1_000));
    assert_eq!((one.len(), &one[0]), (1, &several[0]));
    assert!(several.len() > 1);
}

#[test]
fn many_recipients_and_full_mails_stay_within_the_limit() {
    let limit = 512 * 1024;
    let conversation = generators::one(crowd(1_200..1_201, 20..21));
    for inner in converters(limit) {
        let counts = check_all(&conversation, Issue::FIRST, &*inner, limit);
        assert!(counts.iter().any(|count| *count > 2), "{counts:?}");
        let reports = journal(Borrowed(&*inner)).mails(&conversation, Issue::FIRST).unwrap();
        assert_eq!(reports.iter().map(|report| report.messages.len()).sum::<usize>(), 20);
    }
}

/// A converter by reference.
#[derive(Debug)]
struct Borrowed<'a>(&'a dyn Converter);

impl Converter for Borrowed<'_> {
    fn recipe(&self) -> Recipe {
        self.0.recipe()
    }

    fn convert(&self, conversation: &Conversation, issue: Issue, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
        self.0.convert(conversation, issue, emit)
    }
}

/// A converter to whatever bytes a test wants.
#[derive(Debug)]
struct Fixed(&'static str);

impl Converter for Fixed {
    fn recipe(&self) -> Recipe {
        Recipe::new("fixed", 1, jabber_archive_core::Digest::of(b""))
    }

    fn convert(&self, conversation: &Conversation, issue: Issue, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
        let mut mail = transcript().mails(conversation, issue)?.remove(0);
        mail = MailItem::new(mail.key, mail.conversation, issue, Part::new(1, 1), self.0.into());
        emit(mail)
    }
}

#[test]
fn mails_of_other_converters_are_passed_on_as_they_are_or_refused() {
    let conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 1..2));
    let report = |content| journal(Fixed(content)).mails(&conversation, Issue::FIRST);
    let content = "From: a@example.com\r\nTo: b@example.com, a@example.com\r\nSubject: Grüße\r\n\r\nGrüße\r\n";
    let reports = report(content).unwrap();
    assert_eq!(journaled_mail(&reports[0].content).unwrap(), content.as_bytes());
    assert!(String::from_utf8_lossy(&reports[0].content).contains("Content-Transfer-Encoding: 8bit"));
    let parsed = MessageParser::default().parse(&reports[0].content[..]).unwrap();
    let fields = parsed.parts[1].text_contents().unwrap();
    assert!(fields.starts_with("Sender: a@example.com\r\nSubject: Grüße\r\nMessage-ID: <"), "{fields}");
    assert!(fields.contains("\r\nTo: a@example.com") && fields.contains("\r\nTo: b@example.com"), "{fields}");
    let error = report("From: a@example.com\n\nHello\n").unwrap_err();
    assert_eq!(error.class(), ErrorClass::Item);
    assert!(error.to_string().contains("lines that no mail may have"), "{error}");
}

#[test]
fn what_is_no_report_of_ours_is_refused() {
    let conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 1..2));
    let mail = transcript().mails(&conversation, Issue::FIRST).unwrap().remove(0);
    let report = journal(transcript()).mails(&conversation, Issue::FIRST).unwrap().remove(0);
    let cut = &report.content[..report.content.len() - 3];
    for content in [&mail.content[..], cut, b"", b"X-MS-Journal-Report: \r\n\r\nHello\r\n"] {
        assert_eq!(journaled_mail(content).unwrap_err().class(), ErrorClass::Item);
    }
}

#[test]
fn a_conversation_is_rebuilt_from_the_reports_of_its_mails() {
    let conversation = generators::one(crowd(1_000..1_001, 30..31));
    for inner in converters(LEAST) {
        let mails = inner.mails(&conversation, Issue::FIRST).unwrap();
        let reports = journal(Borrowed(&*inner)).mails(&conversation, Issue::FIRST).unwrap();
        assert!(mails.len() > 1 && reports.len() > mails.len(), "{} and {}", mails.len(), reports.len());
        let contents: Vec<_> = reports.iter().rev().map(|report| &report.content).collect();
        assert!(Conversation::from_mails(&contents).unwrap() == conversation);
        let without: Vec<_> = contents.into_iter().filter(|report| journaled_mail(report).unwrap() != mails[0].content).collect();
        assert_eq!(Conversation::from_mails(&without).unwrap_err().class(), ErrorClass::Item);
    }
}

#[test]
fn a_report_without_the_conversation_and_one_that_is_not_ours_are_refused_for_what_they_lack() {
    let conversation = generators::one(generators::conversation_of(generators::Style::Realistic, 1..2));
    let plain = Transcript::new(&generators::facts(), settings().with_conversation_json(false)).unwrap();
    let report = journal(plain).mails(&conversation, Issue::FIRST).unwrap().remove(0);
    let refused = |content: &[u8]| Conversation::from_mails(&[content]).unwrap_err().to_string();
    assert!(refused(&report.content).contains("has no attachment conversation.json"), "{}", refused(&report.content));
    let other = refused(b"X-MS-Journal-Report: \r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x--\r\n");
    assert!(other.contains("this is no journal report of ours"), "{other}");
}

#[test]
fn the_recipe_names_what_is_inside() {
    let (one, other) = (journal(transcript()).recipe(), journal(per_message()).recipe());
    assert_eq!((one.name.as_str(), other.name.as_str()), ("journal-transcript", "journal-per-message"));
    assert_ne!(one.settings, transcript().recipe().settings);
    let smaller = Transcript::new(&generators::facts(), settings().with_conversation_json(false)).unwrap();
    assert_ne!(journal(smaller).recipe(), one);
}

#[test]
fn a_limit_without_room_for_the_envelope_is_refused_with_the_least_that_has() {
    let small = TranscriptSettings::default().with_max_item_bytes(TranscriptSettings::LEAST_ITEM_BYTES);
    let error = small.journaled().unwrap_err();
    assert_eq!(
        error.to_string(),
        "set up journal max_item_bytes: 262144 bytes leave no room for messages in a journal report; set it to 327680 or more"
    );
    let least = TranscriptSettings::default().with_max_item_bytes(327_680).journaled().unwrap();
    assert_eq!(least.max_item_bytes, TranscriptSettings::LEAST_ITEM_BYTES);
    let mut facts = generators::facts();
    facts.message_id_domain = "x>\r\nBcc: eve@example.com".into();
    assert_eq!(Journal::new(&facts, transcript()).unwrap_err().subject(), Some("message_id_domain"));
}

/// Prints one JSON object a report: its defects, its fields, and the mail in it.
const SCRIPT: &str = r#"
import email, json, sys
from email import policy

for path in sys.argv[1:]:
    with open(path, "rb") as file:
        content = file.read()
    report = email.message_from_bytes(content, policy=policy.default)
    defects = [str(defect) for part in report.walk() for defect in part.defects]
    defects += [f"{name}: {defect}" for part in report.walk() for name, value in part.items() for defect in getattr(value, "defects", ())]
    fields, mail = report.iter_parts()
    inner = mail.get_content()
    json.dump({
        "defects": defects,
        "journal": report["X-MS-Journal-Report"],
        "type": report.get_content_type(),
        "fields": fields.get_payload(decode=True).decode("utf-8").splitlines(),
        "encoding": mail["Content-Transfer-Encoding"],
        "message_id": inner["Message-ID"],
        "text": [part.get_payload(decode=True).decode("utf-8") for part in inner.walk() if part.get_content_type() == "text/plain"],
    }, sys.stdout)
    print()
"#;

#[test]
fn python_finds_no_defect_and_the_same_mail() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("journal");
    fs::create_dir_all(&folder).unwrap();
    let conversations = generators::sample(generators::conversation(), 100);
    let reports: Vec<MailItem> = conversations
        .iter()
        .flat_map(|conversation| {
            let per_message = journal(per_message()).mails(conversation, Issue::FIRST).unwrap();
            journal(transcript()).mails(conversation, Issue::FIRST).unwrap().into_iter().chain(per_message)
        })
        .collect();
    let paths: Vec<_> = (0..reports.len()).map(|number| folder.join(format!("{number}.eml"))).collect();
    for (path, report) in paths.iter().zip(&reports) {
        fs::write(path, &report.content).unwrap();
    }
    let output = Command::new("python3").arg("-c").arg(SCRIPT).args(&paths).output().expect("python3 is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers: Vec<Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(answers.len(), reports.len());
    for (answer, report) in answers.iter().zip(&reports) {
        assert_eq!(answer["defects"], Value::Array(Vec::new()), "{}", String::from_utf8_lossy(&report.content[..2_000]));
        assert_eq!(
            (answer["journal"].as_str(), answer["type"].as_str(), answer["encoding"].as_str()),
            (Some(""), Some("multipart/mixed"), Some("7bit"))
        );
        let (fields, message_id) = read(&report.content);
        assert_eq!(answer["fields"], serde_json::to_value(fields).unwrap());
        assert_eq!(answer["message_id"].as_str().unwrap(), format!("<{message_id}>"));
        let inner = MessageParser::default().parse(journaled_mail(&report.content).unwrap()).unwrap();
        assert_eq!(answer["text"][0].as_str().unwrap().replace("\r\n", "\n"), inner.body_text(0).unwrap().replace("\r\n", "\n"));
    }
}
