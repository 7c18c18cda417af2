//! The files as Python's `email`, `zipfile` and `json` read them.

use std::{fs, io::ErrorKind, path::PathBuf, process::Command};

use jabber_archive_core::{Digest, Issue, testing::generators};
use serde_json::{Value, json};

use crate::{files, reader::Rsmf, smallest, with_json};

/// Prints one JSON object a file: its defects, and what it says.
const SCRIPT: &str = r#"
import email, hashlib, io, json, sys, zipfile
from email import policy

for path in sys.argv[1:]:
    with open(path, "rb") as file:
        mail = email.message_from_binary_file(file, policy=policy.default)
    defects = [str(defect) for part in mail.walk() for defect in part.defects]
    defects += [f"{name}: {defect}" for part in mail.walk() for name, value in part.items() for defect in getattr(value, "defects", ())]
    (attachment,) = mail.iter_attachments()
    with zipfile.ZipFile(io.BytesIO(attachment.get_payload(decode=True))) as zip:
        defects += [name for name in [zip.testzip()] if name]
        content = {name: zip.read(name) for name in zip.namelist()}
        facts = [[entry.create_system, entry.external_attr, entry.extra.hex(), list(entry.date_time), entry.compress_type] for entry in zip.infolist()]
    json.dump({
        "defects": defects,
        "name": attachment.get_filename(),
        "fields": {name: str(value) for name, value in mail.items() if name.startswith("X-RSMF-")},
        "facts": facts,
        "text": mail.get_body(("plain",)).get_payload(decode=True).decode("utf-8"),
        "manifest": json.loads(content.pop("rsmf_manifest.json")),
        "files": {name: hashlib.sha256(bytes).hexdigest() for name, bytes in content.items()},
    }, sys.stdout)
    print()
"#;

#[test]
fn python_finds_no_defect_and_reads_the_same() {
    let mut items: Vec<_> = generators::sample(generators::conversation(), 200)
        .iter()
        .flat_map(|conversation| files(conversation, Issue::FIRST, with_json()))
        .collect();
    for conversation in generators::sample(generators::outgrown_conversation(), 3) {
        items.extend(files(&conversation, Issue::FIRST, smallest()));
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("rsmf");
    fs::create_dir_all(&folder).unwrap();
    let paths: Vec<_> = (0..items.len()).map(|number| folder.join(format!("{number}.rsmf"))).collect();
    for (path, item) in paths.iter().zip(&items) {
        fs::write(path, &item.content).unwrap();
    }
    let output = match Command::new("python3").arg("-c").arg(SCRIPT).args(&paths).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => panic!("python3 is not installed: this test reads the files with Python"),
        Err(error) => panic!("python3 cannot be started: {error}"),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let answers: Vec<Value> = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
    assert_eq!(answers.len(), items.len());
    for (item, answer) in items.iter().zip(answers) {
        let rsmf = Rsmf::read(item);
        assert_eq!((&answer["defects"], &answer["name"]), (&json!([]), &json!("rsmf.zip")));
        for (name, value) in &rsmf.fields {
            assert_eq!(answer["fields"][format!("X-RSMF-{name}")], *value);
        }
        // Python reads files with line feeds alone.
        assert_eq!(answer["text"].as_str().unwrap().replace("\r\n", "\n"), rsmf.text.replace("\r\n", "\n"));
        assert_eq!(answer["manifest"], rsmf.manifest);
        let digests: serde_json::Map<String, Value> =
            rsmf.files.iter().map(|(name, bytes)| (name.clone(), Digest::of(bytes).to_string().into())).collect();
        assert_eq!(answer["files"], Value::Object(digests));
        for facts in answer["facts"].as_array().unwrap() {
            assert_eq!(*facts, json!([0, 0o100_644_u32 << 16, "", [1980, 1, 1, 0, 0, 0], 0]), "the same on every host");
        }
    }
}
