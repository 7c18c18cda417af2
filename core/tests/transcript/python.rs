//! The mails as Python's `email` package reads them.

use std::{fs, io::ErrorKind, path::PathBuf, process::Command};

use jabber_archive_core::{ConverterExt, Digest, Issue, MailItem, testing::generators};
use serde_json::{Value, json};

use crate::{mails, oracle::Mail, per_message, smallest, with_json};

/// Prints one JSON object a mail: its defects, and what it says.
const SCRIPT: &str = r#"
import email, hashlib, json, sys
from email import policy

for path in sys.argv[1:]:
    with open(path, "rb") as file:
        mail = email.message_from_binary_file(file, policy=policy.default)
    defects = [str(defect) for part in mail.walk() for defect in part.defects]
    defects += [f"{name}: {defect}" for part in mail.walk() for name, value in part.items() for defect in getattr(value, "defects", ())]
    bodies = {part.get_content_type(): part for part in mail.walk() if not part.is_multipart()}
    json.dump({
        "defects": defects,
        "fields": mail.keys(),
        "parts": [part.get_content_type() for part in mail.walk()],
        "files": [
            [part.get_filename(), hashlib.sha256(part.get_payload(decode=True)).hexdigest()]
            for part in mail.walk() if part.get_content_type() == "application/octet-stream"
        ],
        "subject": str(mail["Subject"]),
        "to": [[address.display_name, address.addr_spec] for address in mail["To"].addresses],
        "date": mail["Date"].datetime.timestamp(),
        "facts": {name: str(value) for name, value in mail.items() if name.startswith("X-")},
        "text": bodies["text/plain"].get_payload(decode=True).decode("utf-8"),
        "html": bodies["text/html"].get_payload(decode=True).decode("utf-8"),
    }, sys.stdout)
    print()
"#;

fn read_with_python(name: &str, items: &[MailItem]) -> Vec<Value> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    let paths: Vec<_> = (0..items.len()).map(|number| folder.join(format!("{number}.eml"))).collect();
    for (path, item) in paths.iter().zip(items) {
        fs::write(path, &item.content).unwrap();
    }
    let output = match Command::new("python3").arg("-c").arg(SCRIPT).args(&paths).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("python3 is not installed: this test reads the mails with Python's email package")
        }
        Err(error) => panic!("python3 cannot be started: {error}"),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers: Vec<Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(answers.len(), items.len());
    answers
}

#[test]
fn python_finds_no_defect_and_reads_the_same() {
    let mut items: Vec<_> = generators::sample(generators::conversation(), 300)
        .iter()
        .flat_map(|conversation| mails(conversation, Issue::FIRST, with_json().with_raw_stanzas(true)))
        .collect();
    for conversation in generators::sample(generators::large_conversation(2..300, 100..200), 3) {
        items.extend(mails(&conversation, Issue::FIRST, smallest()));
    }
    for conversation in generators::sample(generators::conversation(), 60) {
        items.extend(per_message(with_json()).mails(&conversation, Issue::FIRST).unwrap());
    }
    for (item, answer) in items.iter().zip(read_with_python("python", &items)) {
        let mail = Mail::read(item);
        assert_eq!(
            answer["defects"],
            Value::Array(Vec::new()),
            "{}",
            String::from_utf8_lossy(&item.content[..item.content.len().min(8_000)])
        );
        let fields: Vec<_> = mail.fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(answer["fields"], serde_json::to_value(fields).unwrap());
        let mut expected = vec!["multipart/alternative", "text/plain", "text/html"];
        expected.extend(mail.json.as_ref().map(|_| "application/json"));
        expected.extend(mail.stanzas.as_ref().map(|_| "application/jsonl"));
        expected.extend(mail.files.iter().map(|_| "application/octet-stream"));
        if expected.len() > 3 {
            expected.insert(0, "multipart/mixed");
        }
        assert_eq!(answer["parts"], serde_json::to_value(expected).unwrap());
        let files: Vec<_> = mail.files.iter().map(|(name, content)| json!([name, Digest::of(content).to_string()])).collect();
        assert_eq!(answer["files"], Value::Array(files));
        assert_eq!(answer["subject"].as_str().unwrap().trim_end(), mail.subject);
        assert_eq!(answer["date"].as_f64().unwrap() as i64, mail.date);
        for (kind, body) in [("text", &mail.text), ("html", &mail.html)] {
            // Python reads files with line feeds alone.
            assert_eq!(answer[kind].as_str().unwrap().replace("\r\n", "\n"), body.replace("\r\n", "\n"));
        }
        // Python up to 3.12 keeps the space between two encoded words of one name, which RFC 2047, section 6.2, says to ignore.
        let solid = |text: &str| text.split_whitespace().collect::<String>();
        let to: Vec<_> = answer["to"]
            .as_array()
            .unwrap()
            .iter()
            .map(|mailbox| (solid(mailbox[0].as_str().unwrap()), solid(mailbox[1].as_str().unwrap())))
            .collect();
        assert_eq!(to, mail.to.iter().map(|(name, address)| (solid(name), address.clone())).collect::<Vec<_>>());
        for (name, value) in mail.facts() {
            assert_eq!(answer["facts"][format!("X-Jabber-Archive-{name}")].as_str().unwrap().trim_end(), value);
        }
    }
}
