//! Journal reports, read back by parsers that are not ours.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use jabber_archive_core::{
    Conversation, ConversationKey, Converter, ConverterExt, ErrorClass, Issue, Journal, MailItem, Part, PerMessage, Recipe, Result,
    Transcript, TranscriptSettings, journaled_mail, testing::generators,
};
use mail_parser::{MessageParser, MimeHeaders, PartType};
use proptest::prelude::*;
use serde_json::Value;

const FIELDS: [&str; 9] =
    ["From", "To", "Date", "Subject", "Message-ID", "Auto-Submitted", "X-MS-Journal-Report", "MIME-Version", "Content-Type"];

/// Of every report.
const LIMIT: usize = 2 * 1024 * 1024;

fn settings() -> TranscriptSettings {
    TranscriptSettings::default().with_max_item_bytes(LIMIT).with_conversation_json(true).journaled().unwrap()
}

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

/// Compares a report with the mail that is in it.
fn check(conversation: &Conversation, report: &MailItem, mail: &MailItem) {
    assert_eq!(journaled_mail(&report.content).unwrap(), mail.content);
    assert!(report.content.len() <= LIMIT);
    let head = std::str::from_utf8(&report.content).unwrap().split_once("\r\n\r\n").unwrap().0;
    let fields: Vec<_> =
        head.split("\r\n").filter(|line| !line.starts_with([' ', '\t'])).map(|line| line.split_once(':').unwrap().0).collect();
    assert_eq!(fields, FIELDS);
    for line in report.content.strip_suffix(b"\r\n").unwrap().split(|byte| *byte == b'\n') {
        assert!(line.len() <= 999 && line.is_ascii());
    }
    assert_ne!(report.key.id, mail.key.id);
    assert_eq!((report.key.window, report.conversation, report.issue), (mail.key.window, mail.conversation, mail.issue));
    assert_eq!((report.part, &report.people, &report.messages), (mail.part, &mail.people, &mail.messages));

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
    let mut recipients = BTreeSet::new();
    for line in &fields[3..] {
        let recipient = line.strip_prefix("To: ").unwrap();
        let recipient = match (&conversation.key, recipient.split_once(", Expanded: ")) {
            (ConversationKey::Room(room), Some((member, expanded))) => {
                assert_eq!(expanded, room.as_str());
                member
            }
            (ConversationKey::Pair(..), None) => recipient,
            other => panic!("{other:?}"),
        };
        assert!(recipients.insert(recipient.to_owned()), "{recipient} stands there once");
    }
    // Up to 200 people stand in the mail's own header, too.
    let named: BTreeSet<String> = inner.to().unwrap().iter().map(|to| to.address().unwrap().to_owned()).collect();
    assert_eq!(recipients, named);
}

fn check_all(conversation: &Conversation, issue: Issue, inner: impl Converter + Clone) {
    let mails = inner.mails(conversation, issue).unwrap();
    let reports = journal(inner.clone()).mails(conversation, issue).unwrap();
    assert_eq!(reports.len(), mails.len());
    for (report, mail) in reports.iter().zip(&mails) {
        check(conversation, report, mail);
    }
    assert_eq!(journal(inner).mails(conversation, issue).unwrap(), reports, "the same twice");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_report_holds_the_mail_to_the_byte_and_says_who_wrote_to_whom(
        conversation in generators::conversation(), issue in generators::issue()
    ) {
        prop_assume!(!conversation.participants.is_empty());
        check_all(&conversation, issue, transcript());
        check_all(&conversation, issue, per_message());
    }
}

#[test]
fn many_recipients_and_full_mails_stay_within_the_limit() {
    let conversation = generators::one(generators::large_conversation(3_000..3_001, 60..61));
    let (facts, limit) = (generators::facts(), 512 * 1024);
    let settings = TranscriptSettings::default().with_max_item_bytes(limit).with_conversation_json(true).journaled().unwrap();
    let (transcript, per_message) = (Transcript::new(&facts, settings.clone()).unwrap(), PerMessage::new(&facts, settings).unwrap());
    for inner in [&transcript as &dyn Converter, &per_message] {
        let mut messages = 0;
        let reports = journal(Borrowed(inner)).mails(&conversation, Issue::FIRST).unwrap();
        for (report, mail) in reports.iter().zip(inner.mails(&conversation, Issue::FIRST).unwrap()) {
            assert_eq!(journaled_mail(&report.content).unwrap(), mail.content);
            assert!(report.content.len() <= limit, "{} bytes", report.content.len());
            messages += report.messages.len();
        }
        assert_eq!(messages, 60);
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
