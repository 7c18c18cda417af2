//! Exports as other programs read them.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::ErrorKind,
    path::Path,
    process::{Command, Output},
};

use jabber_archive_core::{ConversationKind, Digest, MailItem, TranscriptSettings, testing::generators};
use jabber_archive_sink::{Archive, ExportFilter, ExportForm};

use crate::{
    archived::{exported, mails, seal, varied},
    snapshot::files,
};

/// Compares what Python reads in an export with what it reads in the archive's files, and prints how many mails it compared.
const SCRIPT: &str = r#"
import email, mailbox, re, sys
from email import policy
from pathlib import Path

form, archive, out = sys.argv[1:]

def read(raw):
    mail = email.message_from_bytes(raw, policy=policy.default)
    return {
        "fields": [(name, str(value)) for name, value in mail.items()],
        "leaves": [
            (part.get_content_type(), part.get_payload(decode=True).replace(b"\r\n", b"\n"))
            for part in mail.walk() if not part.is_multipart()
        ],
        "defects": [str(defect) for part in mail.walk() for defect in part.defects],
    }

archived = {}
for path in Path(archive, "items").rglob("*.eml"):
    raw = path.read_bytes()
    message_id = str(email.message_from_bytes(raw, policy=policy.default)["Message-ID"])
    assert path.stem in message_id, path
    archived[message_id] = raw

box = mailbox.mbox(out, create=False) if form == "mbox" else mailbox.Maildir(out, create=False)
seen = set()
for key in box.keys():
    raw = box.get_bytes(key)
    if form == "mbox":
        # As mbox(5) of qmail tells readers of mboxrd to do; Python leaves it to its caller.
        raw = re.sub(rb"^>(>*From )", rb"\1", raw, flags=re.M)
    found = read(raw)
    message_id = dict(found["fields"])["Message-ID"]
    assert message_id not in seen, message_id
    seen.add(message_id)
    expected = read(archived[message_id])
    assert found == expected, (message_id, found, expected)
    assert not found["defects"], (message_id, found["defects"])
    for name in ["Subject", "Date", "From", "To", "X-Jabber-Archive-Participants"]:
        assert dict(found["fields"])[name], (message_id, name)
    if form == "mbox":
        assert raw.rstrip(b"\n") == archived[message_id].replace(b"\r\n", b"\n").rstrip(b"\n"), message_id
    else:
        assert box.get_message(key).get_flags() == "S", message_id
        assert raw == archived[message_id], message_id
assert seen == set(archived), set(archived) - seen
print(len(seen))
"#;

/// Unpacks a zip, reads its load file, and prints how many mails it compared with the archive's files.
const ZIP_SCRIPT: &str = r#"
import csv, email, hashlib, sys, zipfile
from email import policy
from pathlib import Path

archive, out, folder = sys.argv[1:]
with zipfile.ZipFile(out) as file:
    assert file.testzip() is None
    names = file.namelist()
    assert names[-2:] == ["load.csv", "SHA256SUMS"], names[-2:]
    assert {info.date_time for info in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    file.extractall(folder)
raw = Path(folder, "load.csv").read_bytes()
assert raw.count(b"\n") == raw.count(b"\r\n")
with open(Path(folder, "load.csv"), newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file, strict=True))
assert [row["path"] for row in rows] == names[:-2]
for row in rows:
    for name, cell in row.items():
        assert cell is not None and not cell.startswith(tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")), (name, cell)
    text = {name: cell.removeprefix("'") for name, cell in row.items()}
    archived = Path(archive, row["path"].replace("mails/", "items/", 1)).read_bytes()
    content = Path(folder, row["path"]).read_bytes()
    assert content == archived and row["sha256"] == hashlib.sha256(content).hexdigest() and int(row["bytes"]) == len(content)
    mail = email.message_from_bytes(content, policy=policy.default)
    assert "<" + text["message_id"] + ">" == mail["Message-ID"], row
    fact = lambda name: str(mail["X-Jabber-Archive-" + name]).strip()
    assert (text["id"], text["kind"], text["window"]) == (fact("Item"), fact("Kind"), fact("Window")), row
    assert (text["messages"], text["edition"], text["part"]) == (fact("Messages"), fact("Edition"), fact("Part").split("/")[0]), row
    # Python up to 3.12 keeps blanks between encoded words.
    solid = lambda text: "".join(text.split())
    assert solid(text["subject"]) == solid(str(mail["Subject"])), row
    assert solid(text["conversation"]) == solid(fact("Conversation")), row
    sender = mail["From"].addresses[0]
    assert solid(text["from"]) == solid(sender.display_name + "<" + sender.addr_spec + ">"), (row, sender)
    for address in text["participants"].split(", "):
        assert address in mail.get_body(("plain",)).get_content(), row
print(len(rows))
"#;

fn ran(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap().trim().to_owned()
}

fn python(script: &str) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", script]);
    command
}

/// Whether a program is installed; where all tests are to run, it has to be.
fn has(program: &str, version: &str) -> bool {
    match Command::new(program).arg(version).output() {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::NotFound && env::var_os("JABBER_ARCHIVE_TEST_ALL").is_none() => {
            eprintln!("SKIPPED: {program} is not installed");
            false
        }
        Err(error) => panic!("{program} cannot be started: {error}"),
    }
}

#[tokio::test]
async fn an_exported_mbox_reads_in_pythons_mailbox_with_the_content_of_the_archive() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("archive");
    let (archive, mails) = varied(&place, 300).await;
    let quoted = |mail: &&MailItem| String::from_utf8_lossy(&mail.content).lines().any(|line| line.starts_with("From "));
    assert!(mails.iter().any(|mail| quoted(&mail)), "some mails have lines that look like envelope lines");
    let out = folder.path().join("out");
    exported(&archive, &ExportFilter::new(), ExportForm::Mbox, &out).await;
    assert_eq!(ran(python(SCRIPT).arg("mbox").arg(&place).arg(&out)), mails.len().to_string());
}

#[tokio::test]
async fn an_exported_maildir_reads_in_pythons_mailbox_with_the_content_of_the_archive() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("archive");
    let (archive, mails) = varied(&place, 300).await;
    let out = folder.path().join("out");
    exported(&archive, &ExportFilter::new(), ExportForm::Maildir, &out).await;
    assert_eq!(ran(python(SCRIPT).arg("maildir").arg(&place).arg(&out)), mails.len().to_string());
}

#[tokio::test]
async fn an_exported_zip_unpacks_to_the_mails_of_the_archive_with_a_load_file_and_digests_that_check() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("archive");
    let (archive, mails) = varied(&place, 300).await;
    let (out, unpacked) = (folder.path().join("out.zip"), folder.path().join("unpacked"));
    exported(&archive, &ExportFilter::new(), ExportForm::Zip, &out).await;
    assert_eq!(ran(python(ZIP_SCRIPT).arg(&place).arg(&out).arg(&unpacked)), mails.len().to_string());
    check_digests(&unpacked, mails.len() + 1);
    let names: BTreeSet<String> = files(&unpacked).into_keys().collect();
    let expected = mails.iter().map(|mail| mail.key.path().replacen("items/", "mails/", 1));
    assert_eq!(names, expected.chain(["load.csv", "SHA256SUMS"].map(str::to_owned)).collect());
}

fn check_digests(unpacked: &Path, count: usize) {
    let checked = ran(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(unpacked));
    assert_eq!(checked.lines().filter(|line| line.ends_with(": OK")).count(), count);
    let (path, content) = files(unpacked).into_iter().find(|(path, _)| path.starts_with("mails/")).unwrap();
    fs::write(unpacked.join(&path), [&content[..], b" "].concat()).unwrap();
    assert!(!Command::new("sha256sum").args(["--check", "SHA256SUMS"]).current_dir(unpacked).output().unwrap().status.success());
    fs::write(unpacked.join(&path), content).unwrap();
}

#[tokio::test]
async fn an_exported_zip_unpacks_with_unzip() {
    if !has("unzip", "-v") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (archive, mails) = varied(&folder.path().join("archive"), 60).await;
    let (out, unpacked) = (folder.path().join("out.zip"), folder.path().join("unpacked"));
    exported(&archive, &ExportFilter::new(), ExportForm::Zip, &out).await;
    ran(Command::new("unzip").arg("-q").arg(&out).arg("-d").arg(&unpacked));
    check_digests(&unpacked, mails.len() + 1);
}

#[tokio::test]
async fn a_name_that_is_a_formula_is_none_in_the_load_file() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("archive");
    let archive = Archive::file(&place).unwrap();
    let mut conversations = generators::sample(generators::conversation_of(generators::Style::Realistic, 1..5), 60);
    let names = ["=HYPERLINK(\"http://evil.example\",\"x\")", "+1+1", "-2+3", "@SUM(1)", "'quoted", "a;=1+1", "\u{ff1d}1"];
    for (conversation, name) in conversations.iter_mut().zip(names.iter().cycle()) {
        for person in &mut conversation.participants {
            person.name = Some((*name).to_owned());
            person.address = jabber_archive_core::Address::Foreign("=1+1@evil.example".to_owned());
        }
        conversation.title = Some((*name).to_owned());
    }
    assert!(conversations.iter().any(|conversation| conversation.kind == ConversationKind::Room));
    let mails = mails(&conversations, TranscriptSettings::default());
    seal(&archive, &mails).await;
    let (out, unpacked) = (folder.path().join("out.zip"), folder.path().join("unpacked"));
    exported(&archive, &ExportFilter::new(), ExportForm::Zip, &out).await;
    assert_eq!(ran(python(ZIP_SCRIPT).arg(&place).arg(&out).arg(&unpacked)), mails.len().to_string());
    let rows = fs::read_to_string(unpacked.join("load.csv")).unwrap();
    assert!(rows.contains("\"'=HYPERLINK") && rows.contains("\"''quoted") && rows.contains("\"'=1+1@evil.example"));
}

/// Has mutt write every message that it finds in a mailbox to a file of its own. Mutt wants a terminal, which Python gives it.
const MUTT: &str = r#"
import os, pty, sys

box, collect = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(TERM="vt100", LC_ALL="C.UTF-8")
    keys = f'push "<tag-pattern>~A<enter><tag-prefix><pipe-message>{collect}<enter><exit>"'
    settings = "set pipe_split=yes pipe_decode=no wait_key=no sort=mailbox-order"
    os.execvp("mutt", ["mutt", "-n", "-F", "/dev/null", "-R", "-f", box, "-e", settings, "-e", keys])
try:
    while os.read(terminal, 4096):
        pass
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

/// The messages that mutt finds, with line feeds as ends of lines, by their digests.
fn read_with_mutt(folder: &Path, mailbox: &Path) -> BTreeMap<Digest, Vec<u8>> {
    let (collected, collect) = (folder.join("collected"), folder.join("collect"));
    fs::create_dir(&collected).unwrap();
    // Mutt would ask whether to make it.
    fs::create_dir(folder.join("Mail")).unwrap();
    fs::write(&collect, format!("exec cat > \"$(mktemp '{}/XXXXXXXX')\"\n", collected.display())).unwrap();
    let mut mutt = Command::new("timeout");
    mutt.args(["120", "python3", "-c", MUTT]).arg(mailbox).arg(format!("sh {}", collect.display())).env("HOME", folder);
    ran(&mut mutt);
    let found = files(&collected).into_values().map(|mail| {
        let envelope = mail.starts_with(b"From ").then(|| mail.iter().position(|byte| *byte == b'\n').unwrap() + 1);
        unquoted(&mail[envelope.unwrap_or(0)..])
    });
    found.map(|mail| (Digest::of(&mail), mail)).collect()
}

/// A mail with line feeds as ends of lines, without the quotes of `mboxrd`, which mutt shows, and without empty lines at its end.
fn unquoted(mail: &[u8]) -> Vec<u8> {
    let lines = mail.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let lines = lines.map(|line| {
        let quotes = line.iter().take_while(|byte| **byte == b'>').count();
        if quotes > 0 && line[quotes..].starts_with(b"From ") { &line[1..] } else { line }
    });
    lines.collect::<Vec<_>>().join(&b'\n').trim_ascii_end().to_vec()
}

#[tokio::test]
async fn mutt_finds_every_mail_whole_in_an_exported_mbox_and_maildir() {
    if !has("mutt", "-v") {
        return;
    }
    for form in [ExportForm::Mbox, ExportForm::Maildir] {
        let folder = tempfile::tempdir().unwrap();
        let (archive, mails) = varied(&folder.path().join("archive"), 80).await;
        let out = folder.path().join("out");
        exported(&archive, &ExportFilter::new(), form, &out).await;
        let found = read_with_mutt(folder.path(), &out);
        assert_eq!(found.len(), mails.len(), "{form:?}");
        for mail in mails {
            assert!(found.contains_key(&Digest::of(&unquoted(&mail.content))), "{form:?}: {}", mail.key);
        }
    }
}
