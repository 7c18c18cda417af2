//! What somebody finds who has the archive and Python, and not this program.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, future,
    path::Path,
    process::Command,
    sync::Arc,
};

use bytes::Bytes;
use jabber_archive_core::{
    ArchiveFacts, Archiver, Conversation, Converter, Digest, FieldHasher, Filter, Issue, ItemId, ItemKey, ItemObject, MailItem, ObjectKey,
    Part, Recipe, Record, Result, RunIdentity, Sink, Stored, Table, Transcript, TranscriptSettings, UndecodableRow,
    testing::{
        memory::{MemoryMailboxes, MemorySource},
        rows::Row,
    },
};
use jabber_archive_sink::{Archive, Import, ImportSettings, Imported, Recipients};
use serde_json::{Value, json};

use crate::program::{Ran, Setting, command, ended, files, ran};

/// Windows to 2026-11-23 are closed.
const NOW: &str = "2026-11-24T02:00:00Z";

/// What was sent with the question about lunch, beside its mail.
const MENU: &[u8] = b"Soup, pasta";

#[derive(Debug)]
struct WithMenu(Transcript);

impl Converter for WithMenu {
    fn recipe(&self) -> Recipe {
        self.0.recipe()
    }

    fn convert(&self, conversation: &Conversation, issue: Issue, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
        let has_menu = conversation.messages.iter().any(|message| message.body == "Lunch?");
        self.0.convert(conversation, issue, &mut |mut item| {
            if has_menu {
                item.objects.push(ItemObject::new(ObjectKey::new(Digest::of(MENU)), Some(Bytes::from_static(MENU))));
            }
            emit(item)
        })
    }
}

fn facts() -> ArchiveFacts {
    ArchiveFacts::new("outsider").unwrap()
}

/// Undated, three days with chats and one without, a dead letter, a file beside a mail, somebody who is filtered out, a mail that an interrupted run has left, and
/// one of a window that is not sealed yet.
async fn make(folder: &Path) -> Digest {
    let chat = |from: &str, to: &str, at: &str, body: &str| Row::jm(from, to).at(at).id(at).body(body).record();
    let rows = vec![
        chat("alice@example.com/1", "bob@example.com", "1999-01-01T00:00:10Z", "My clock is dead"),
        chat("alice@example.com/1", "bob@example.com", "2026-11-20T09:14:03Z", "Hello Bob"),
        chat("bob@example.com/7", "alice@example.com", "2026-11-20T09:15:00Z", "Hello Alice, 好的"),
        chat("chen@example.com/p", "alice@example.com", "2026-11-20T11:00:00Z", "Lunch?"),
        chat("erin@example.com/p", "fay@example.com", "2026-11-20T12:00:00Z", "For the works council"),
        chat("chen@example.com/p", "bob@example.com", "2026-11-21T08:00:00Z", "Did you see the figures?"),
        Record::Undecodable(UndecodableRow {
            table: Table::Jm,
            sent: "2026-11-21T10:00:00Z".parse().unwrap(),
            length: 3,
            reason: "direction: neither I nor O".to_owned(),
            values: BTreeMap::from([("direction".to_owned(), Some("X".to_owned()))]),
        }),
        chat("alice@example.com/1", "dave@partner.example", "2026-11-23T23:59:59Z", "Good night"),
    ];
    let archive = Archive::file(folder).unwrap();
    for (day, name) in [("2026-11-20", 'b'), ("2026-11-24", 'a')] {
        let window = facts().grid.window_at(format!("{day}T12:00:00Z").parse().unwrap());
        let key = ItemKey::new(window, name.to_string().repeat(26).parse::<ItemId>().unwrap());
        let conversation = FieldHasher::new().finish().short();
        let mail = MailItem::new(key, conversation, Issue::FIRST, Part::new(1, 1), Bytes::from_static(b"left by a killed run"));
        assert_eq!(archive.sink().put(&mail).await.unwrap(), Stored::Created);
    }
    let mut filter = Filter::default();
    filter.exclude = ["erin@example.com", "fay@example.com"].map(|jid| jid.parse().unwrap()).into();
    let transcript = WithMenu(Transcript::new(&facts(), TranscriptSettings::default()).unwrap());
    let source = Arc::new(MemorySource::new(rows, NOW.parse().unwrap()));
    let (sink, ledger) = (Arc::new(archive.sink()), Arc::new(archive.ledger()));
    let report = Archiver::new(facts(), source, Arc::new(transcript), sink, ledger, Arc::new(|_| future::ready(())))
        .filter(filter)
        .identity(RunIdentity::new("host", "archive", "test").configured("{}\n"))
        .run(NOW.parse().unwrap(), future::pending())
        .await
        .unwrap();
    assert_eq!((report.items, report.dead_letters, report.filtered.values().sum::<u64>()), (5, 1, 1));
    assert_eq!(report.abandoned.len(), 1);
    let mut settings = ImportSettings::default();
    settings.recipients = Recipients::new().to(["compliance@example.com"]);
    let (mailboxes, clock, mut imported) = (MemoryMailboxes::default(), || NOW.parse().unwrap(), Imported::default());
    Import::new(&archive, &mailboxes, &clock, Arc::new(|_| future::ready(())))
        .settings(settings)
        .identity(RunIdentity::new("host", "archive", "test"))
        .run(&mut imported, future::pending())
        .await
        .unwrap();
    assert_eq!((imported.delivered, imported.is_whole()), (5, true));
    imported.head.unwrap()
}

/// An archive that somebody damages.
struct Victim<'a> {
    folder: &'a Path,
    head: Digest,
}

impl Victim<'_> {
    fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.folder.join(path)).unwrap()
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let place = self.folder.join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, content).unwrap();
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.folder.join(path)).unwrap();
    }

    fn rename(&self, path: &str, to: &str) {
        fs::rename(self.folder.join(path), self.folder.join(to)).unwrap();
    }

    fn change(&self, path: &str, from: &str, to: &str) {
        let text = String::from_utf8(self.read(path)).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
        self.write(path, text.replacen(from, to, 1));
    }

    /// The only file, or the first, whose path begins so.
    fn find(&self, start: &str) -> String {
        files(self.folder).into_keys().find(|path| path.starts_with(start)).unwrap()
    }

    fn entries(&self) -> Vec<String> {
        files(self.folder).into_keys().filter(|path| path.starts_with("ledger/0")).collect()
    }

    fn last(&self) -> String {
        self.entries().pop().unwrap()
    }

    /// The entry that seals the window which starts then.
    fn sealing(&self, day: &str) -> String {
        let start = format!("\"start\": \"{day}T00:00:00.000Z\"");
        self.entries().into_iter().find(|path| String::from_utf8(self.read(path)).unwrap().contains(&start)).unwrap()
    }

    /// Lets every entry name what is now before it: what somebody does who can write and knows how the chain is made.
    fn rehash(&self) {
        let mut before = Digest::of(&self.read("archive.json"));
        for path in self.entries() {
            let text = String::from_utf8(self.read(&path)).unwrap();
            let (head, tail) = text.split_once("\"previous\": \"").unwrap();
            self.write(&path, format!("{head}\"previous\": \"{before}{}", &tail[64..]));
            before = Digest::of(&self.read(&path));
        }
    }

    /// Changes the list of a day and everything that names it.
    fn forge_list(&self, day: &str, forge: impl FnOnce(Vec<Value>) -> Vec<Value>) -> String {
        let entry = self.sealing(day);
        let mut sealed: Value = serde_json::from_slice(&self.read(&entry)).unwrap();
        let before = format!("ledger/lists/{}.jsonl", sealed["seal"]["list"].as_str().unwrap());
        let lines = self
            .read(&before)
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(serde_json::from_slice)
            .collect::<Result<_, _>>();
        let lines = forge(lines.unwrap());
        let list = lines.iter().fold(String::new(), |list, line| list + &line.to_string() + "\n");
        let sum = |of: &dyn Fn(&Value) -> u64| lines.iter().map(of).sum::<u64>();
        let messages = sum(&|line| line["messages"].as_array().unwrap().len() as u64);
        let seal = &mut sealed["seal"];
        seal["list"] = json!(Digest::of(list.as_bytes()));
        (seal["items"], seal["bytes"]) = (json!(lines.len()), json!(sum(&|line| line["bytes"].as_u64().unwrap())));
        let more = messages as i64 - seal["messages"]["listed"].as_i64().unwrap();
        for (of, part) in [("messages", "listed"), ("messages", "starts")] {
            seal[of][part] = json!(seal[of][part].as_i64().unwrap() + more);
        }
        for part in ["rows", "starts"] {
            seal["tables"]["jm"][part] = json!(seal["tables"]["jm"][part].as_i64().unwrap() + more);
        }
        let path = format!("ledger/lists/{}.jsonl", Digest::of(list.as_bytes()));
        self.remove(&before);
        self.write(&path, list);
        self.write(&entry, serde_json::to_vec_pretty(&sealed).unwrap());
        self.rehash();
        path
    }

    /// What the program finds, by path.
    fn verify(&self, expect: bool) -> (Option<i32>, BTreeSet<String>) {
        let mut command = command();
        command.args(["verify", "--json", "--archive"]).arg(self.folder);
        if expect {
            command.args(["--expect", &self.head.to_string()]);
        }
        let verified = ran(&mut command);
        let problems = verified.json()["problems"].as_array().unwrap().clone();
        (verified.code, problems.iter().map(|problem| problem["path"].as_str().unwrap().to_owned()).collect())
    }

    /// What the script finds.
    fn script(&self, expect: bool) -> (Option<i32>, BTreeSet<String>) {
        let checked = script(self.folder, expect.then_some(&self.head));
        let found = checked.out.lines().filter_map(|line| line.split_once(": ").filter(|(path, _)| path.contains(['/', '.'])));
        (checked.code, found.map(|(path, _)| path.to_owned()).collect())
    }
}

fn script(folder: &Path, expect: Option<&Digest>) -> Ran {
    let mut command = Command::new("python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/verify.py")).arg(folder);
    command.args(expect.map(|digest| format!("--expect={digest}")));
    let checked = ended(command.output().expect("python3 is needed: the script is what is tested"));
    assert_eq!(checked.err, "", "a script for auditors has no stack traces: {checked:?}");
    checked
}

/// What somebody does to an archive; gives the object that is to be named.
type Damage = fn(&Victim<'_>) -> String;

/// Whether the damage shows without a head digest that was kept elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    Always,
    /// Only if somebody kept the head digest.
    Expected,
}
use Shows::{Always, Expected};

const DAMAGES: &[(&str, Shows, Damage)] = &[
    ("a byte of a mail is flipped", Always, |victim| {
        let path = victim.find("items/2026/11/21/");
        let mut mail = victim.read(&path);
        let place = mail.len() - 40;
        mail[place] ^= 1;
        victim.write(&path, mail);
        path
    }),
    ("a mail is cut off", Always, |victim| {
        let path = victim.find("items/2026/11/23/");
        let mail = victim.read(&path);
        victim.write(&path, &mail[..mail.len() - 1]);
        path
    }),
    ("a mail is deleted", Always, |victim| {
        let path = victim.find("items/undated/");
        victim.remove(&path);
        path
    }),
    ("a mail is added to a sealed window", Always, |victim| {
        let path = format!("items/2026/11/20/{}.eml", "c".repeat(26));
        victim.write(&path, "From: mallory@example.com\r\n\r\n");
        path
    }),
    ("a mail is added to a window without rows", Always, |victim| {
        let path = format!("items/2026/11/22/{}.eml", "c".repeat(26));
        victim.write(&path, "From: mallory@example.com\r\n\r\n");
        path
    }),
    ("a file that is no mail is added", Always, |victim| {
        victim.write("items/2026/11/20/notes.txt", "hello");
        "items/2026/11/20/notes.txt".to_owned()
    }),
    ("a mail is renamed", Always, |victim| {
        let path = victim.find("items/2026/11/21/");
        victim.rename(&path, &format!("items/2026/11/21/{}.eml", "d".repeat(26)));
        path
    }),
    ("a mail is moved to another day", Always, |victim| {
        let path = victim.find("items/2026/11/21/");
        victim.rename(&path, &path.replace("/21/", "/23/"));
        path
    }),
    ("a line is removed from a list", Always, |victim| {
        let path = victim.list("2026-11-20");
        let list = String::from_utf8(victim.read(&path)).unwrap();
        victim.write(&path, list.split_once('\n').unwrap().1);
        path
    }),
    ("a list is deleted", Always, |victim| {
        let path = victim.list("2026-11-20");
        victim.remove(&path);
        path
    }),
    ("a receipt is changed", Always, |victim| {
        let path = victim.find("ledger/receipts/");
        let receipts = String::from_utf8(victim.read(&path)).unwrap();
        victim.write(&path, receipts.replacen("compliance@", "mallory@", 1));
        path
    }),
    ("receipts are deleted", Always, |victim| {
        let path = victim.find("ledger/receipts/");
        victim.remove(&path);
        path
    }),
    ("an import names other receipts", Always, |victim| {
        let receipts = victim.find("ledger/receipts/");
        victim.change(&victim.last(), &receipts["ledger/receipts/".len()..][..64], &Digest::of(b"other").to_string());
        format!("ledger/receipts/{}.jsonl", Digest::of(b"other"))
    }),
    ("an import names receipts that are no digest", Always, |victim| {
        let receipts = victim.find("ledger/receipts/");
        victim.change(&victim.last(), &receipts["ledger/receipts/".len()..][..64], "../../etc/passwd");
        victim.last()
    }),
    ("something is put beside the receipts", Always, |victim| {
        victim.write("ledger/receipts/notes.txt", "hello");
        "ledger/receipts/notes.txt".to_owned()
    }),
    ("an entry names another list", Always, |victim| {
        let (entry, list) = (victim.sealing("2026-11-20"), victim.list("2026-11-20"));
        victim.change(&entry, &list["ledger/lists/".len()..][..64], &Digest::of(b"another").to_string());
        entry
    }),
    ("an entry is deleted", Always, |victim| {
        let entry = victim.sealing("2026-11-21");
        victim.remove(&entry);
        entry
    }),
    ("two entries change places", Always, |victim| {
        let [one, other] = ["2026-11-20", "2026-11-21"].map(|day| victim.sealing(day));
        let (first, second) = (victim.read(&one), victim.read(&other));
        victim.write(&one, second);
        victim.write(&other, first);
        one
    }),
    ("an entry is removed and those behind it are numbered anew", Always, |victim| {
        let entries = victim.entries();
        for (number, pair) in (2..).zip(entries[1..].windows(2)) {
            victim.rename(&pair[1], &pair[0]);
            victim.change(&pair[0], &format!("\"number\": {},", number + 1), &format!("\"number\": {number},"));
        }
        victim.rehash();
        // It sealed the 20th: the 21st does not go on from there.
        victim.sealing("2026-11-21")
    }),
    ("an entry is damaged", Always, |victim| {
        let entry = victim.sealing("2026-11-21");
        victim.change(&entry, "\"span\"", "\"spam\"");
        entry
    }),
    ("an entry is changed", Always, |victim| {
        let entry = victim.sealing("2026-11-21");
        victim.change(&entry, "\"tally_rows\": 2", "\"tally_rows\": 3");
        entry
    }),
    ("an entry is changed and the chain made anew", Expected, |victim| {
        let entry = victim.sealing("2026-11-21");
        victim.change(&entry, "\"tally_rows\": 2", "\"tally_rows\": 3");
        victim.rehash();
        victim.last()
    }),
    ("the last entry is changed", Expected, |victim| {
        victim.change(&victim.last(), "\"account\": \"archive\"", "\"account\": \"nobody\"");
        victim.last()
    }),
    ("the last entry is removed", Expected, |victim| {
        victim.remove(&victim.last());
        victim.last()
    }),
    ("an entry is forged behind the last", Expected, |victim| {
        let forged = String::from_utf8(victim.read(&victim.last())).unwrap();
        let number = victim.entries().len();
        let path = format!("ledger/{:08}.json", number + 1);
        victim.write(&path, forged.replace(&format!("\"number\": {number},"), &format!("\"number\": {},", number + 1)));
        path
    }),
    ("archive.json is changed", Always, |victim| {
        victim.change("archive.json", "\"margin_seconds\": 300", "\"margin_seconds\": 301");
        "archive.json".to_owned()
    }),
    ("archive.json is changed and the chain made anew", Expected, |victim| {
        victim.change("archive.json", "\"margin_seconds\": 300", "\"margin_seconds\": 301");
        victim.rehash();
        victim.last()
    }),
    ("archive.json is deleted", Always, |victim| {
        victim.remove("archive.json");
        "archive.json".to_owned()
    }),
    ("a context is deleted", Always, |victim| {
        let path = victim.find("context/");
        victim.remove(&path);
        path
    }),
    ("the configuration of a run is deleted", Always, |victim| {
        let path = format!("context/{}.json", Digest::of(b"{}\n"));
        victim.remove(&path);
        path
    }),
    ("a context is changed", Always, |victim| {
        let path = victim.find("context/");
        let content = victim.read(&path);
        victim.write(&path, [&content[..], b" "].concat());
        path
    }),
    ("a dead letter is changed", Always, |victim| {
        let path = victim.find("dead-letters/");
        victim.change(&path, "\"X\"", "\"O\"");
        path
    }),
    ("a dead letter is deleted", Always, |victim| {
        let path = victim.find("dead-letters/");
        victim.remove(&path);
        path
    }),
    ("an attachment is cut off", Always, |victim| {
        let path = victim.find("attachments/");
        victim.write(&path, &MENU[..4]);
        path
    }),
    ("an attachment is deleted", Always, |victim| {
        let path = victim.find("attachments/");
        victim.remove(&path);
        path
    }),
    ("something is put beside the attachments", Always, |victim| {
        victim.write("attachments/menu.pdf", "x");
        "attachments/menu.pdf".to_owned()
    }),
    ("something is put beside the entries", Always, |victim| {
        victim.write("ledger/00000001.json.bak", "{}");
        "ledger/00000001.json.bak".to_owned()
    }),
    ("a sealed window leaves a gap, and the chain is made anew", Always, |victim| {
        let entry = victim.sealing("2026-11-21");
        victim.change(&entry, "\"start\": \"2026-11-21T00:00:00.000Z\"", "\"start\": \"2026-11-21T06:00:00.000Z\"");
        victim.rehash();
        entry
    }),
    ("a sealed window overlaps the one before, and the chain is made anew", Always, |victim| {
        let entry = victim.sealing("2026-11-21");
        victim.change(&entry, "\"start\": \"2026-11-21T00:00:00.000Z\"", "\"start\": \"2026-11-20T12:00:00.000Z\"");
        victim.rehash();
        entry
    }),
    ("the frontier is moved, and the chain made anew", Always, |victim| {
        let entry = victim.last();
        victim.change(&entry, "\"frontier\": {\n    \"end\": \"2026-11-24", "\"frontier\": {\n    \"end\": \"2026-11-25");
        entry
    }),
    ("rows are counted that nothing became of, and the chain is made anew", Always, |victim| {
        let entry = victim.sealing("2026-11-21");
        victim.change(&entry, "\"rows\": 2", "\"rows\": 3");
        victim.rehash();
        entry
    }),
    ("an entry counts a mail more than its list has, and the chain is made anew", Always, |victim| {
        let entry = victim.sealing("2026-11-20");
        victim.change(&entry, "\"items\": 2", "\"items\": 3");
        victim.rehash();
        entry
    }),
    ("a mail is taken out of everything that names it", Always, |victim| {
        let mut gone = String::new();
        victim.forge_list("2026-11-20", |mut lines| {
            let line = lines.remove(0);
            gone = format!("items/2026/11/20/{}.eml", line["id"].as_str().unwrap());
            lines
        });
        gone
    }),
    ("a list is made of something else, and the chain made anew", Always, |victim| {
        let entry = victim.sealing("2026-11-20");
        let before = victim.list("2026-11-20");
        let list = format!("ledger/lists/{}.jsonl", Digest::of(b"no list\n"));
        victim.remove(&before);
        victim.write(&list, "no list\n");
        victim.change(&entry, &before["ledger/lists/".len()..][..64], &Digest::of(b"no list\n").to_string());
        victim.rehash();
        list
    }),
    ("a list names a file outside of the archive, and the chain is made anew", Always, |victim| {
        victim.forge_list("2026-11-20", |mut lines| {
            lines[0]["id"] = json!("../../../../../../../../etc/passwd");
            lines
        })
    }),
    ("an entry names a file outside of the archive, and the chain is made anew", Always, |victim| {
        let entry = victim.sealing("2026-11-20");
        let context = victim.find("context/");
        let mut sealed: Value = serde_json::from_slice(&victim.read(&entry)).unwrap();
        sealed["seal"]["context"] = json!(format!("../{context}"));
        victim.write(&entry, serde_json::to_vec_pretty(&sealed).unwrap());
        victim.rehash();
        entry
    }),
    ("a mail is listed twice, and the chain made anew", Always, |victim| {
        victim.forge_list("2026-11-20", |mut lines| {
            lines.push(lines[0].clone());
            lines
        })
    }),
    ("a mail is given another name in everything that names it", Always, |victim| {
        let to = format!("items/2026/11/20/{}.eml", "e".repeat(26));
        victim.forge_list("2026-11-20", |mut lines| {
            let from = format!("items/2026/11/20/{}.eml", lines[0]["id"].as_str().unwrap());
            victim.rename(&from, &to);
            lines[0]["id"] = json!("e".repeat(26));
            lines
        });
        to
    }),
    ("an entry of a kind that nobody knows, and the chain is made anew", Always, |victim| {
        let entry = victim.last();
        victim.change(&entry, "\"import\":", "\"redaction\":");
        entry
    }),
];

impl Victim<'_> {
    /// The list of a day.
    fn list(&self, day: &str) -> String {
        let sealed: Value = serde_json::from_slice(&self.read(&self.sealing(day))).unwrap();
        format!("ledger/lists/{}.jsonl", sealed["seal"]["list"].as_str().unwrap())
    }
}

/// An archive, and how to make it whole again.
struct Whole {
    folder: tempfile::TempDir,
    files: BTreeMap<String, Vec<u8>>,
    head: Digest,
}

impl Whole {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let head = runtime.block_on(make(folder.path()));
        Self { files: files(folder.path()), folder, head }
    }

    fn victim(&self) -> Victim<'_> {
        for path in files(self.folder.path()).into_keys() {
            fs::remove_file(self.folder.path().join(path)).unwrap();
        }
        for (path, content) in &self.files {
            fs::write(self.folder.path().join(path), content).unwrap();
        }
        Victim { folder: self.folder.path(), head: self.head }
    }
}

#[test]
fn the_script_finds_nothing_wrong_with_a_good_archive_and_says_what_is_in_it() {
    let whole = Whole::new();
    let victim = whole.victim();
    for expect in [false, true] {
        assert_eq!(victim.verify(expect), (Some(0), BTreeSet::new()));
        assert_eq!(victim.script(expect), (Some(0), BTreeSet::new()));
    }
    let said = script(victim.folder, Some(&whole.head)).out;
    let entries = victim.entries().len();
    let words = format!(
        "1 mails of windows that are not sealed yet, 1 that an entry says count for nothing\n0 problems in {entries} entries and 5 mails; head digest {}\n",
        whole.head
    );
    assert_eq!(said, words);
}

#[test]
fn the_script_checks_archives_of_every_form() {
    let setting = Setting::new(95, 150);
    for (name, converter, run) in [
        ("days", "", ""),
        ("quarters", "mode = \"per-message\"\n", "window = \"6h\"\nanchor = \"03:00\"\n"),
        ("reports", "mode = \"rsmf\"\njournal = true\n", "window = \"12h\"\n"),
        ("review", "mode = \"rsmf\"\n", ""),
    ] {
        setting.configure(|text| {
            let text = text
                .replace("path = \"archive\"", &format!("path = \"{name}\""))
                .replace("[converter]\nconversation_json = true\n", &format!("[converter]\n{converter}"));
            text + run
        });
        setting.run("run", &[]).assert(3, &[]);
        let out = setting.folder.path().join(format!("{name}.zip"));
        let exported = setting.run("export", &["--to", "zip", "--out", out.to_str().unwrap(), "--json"]).assert(0, &[]).json();
        let head: Digest = exported["recorded"]["sha256"].as_str().unwrap().parse().unwrap();
        setting.run("verify", &["--expect", &head.to_string()]).assert(0, &[]);
        let checked = script(&setting.folder.path().join(name), Some(&head));
        checked.assert(0, &[&format!("and {} mails; head digest {head}", exported["items"])]);
    }
}

#[test]
fn the_scripts_are_written_for_python_3_8() {
    let check = "import ast, sys\nfor path in sys.argv[1:]: ast.parse(open(path).read(), feature_version=(3, 8))";
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");
    let scripts = ["verify.py", "recipes.py"].map(|name| format!("{docs}/{name}"));
    ended(Command::new("python3").args(["-c", check]).args(scripts).output().unwrap()).assert(0, &[]);
}

#[test]
fn the_script_and_the_program_name_the_same_objects_whatever_is_damaged() {
    let whole = Whole::new();
    for (name, shows, damage) in DAMAGES {
        let victim = whole.victim();
        let named = damage(&victim);
        let (program, script) = (victim.verify(true), victim.script(true));
        assert_eq!(program.0, Some(3), "{name}: {program:?}");
        assert_eq!(script, (Some(1), program.1.clone()), "{name}");
        assert!(program.1.contains(&named), "{name}: {named} is not in {program:?}");
        let (program, script) = (victim.verify(false), victim.script(false));
        assert_eq!(script.1, program.1, "{name}, without a digest");
        let quiet = program == (Some(0), BTreeSet::new()) && script == (Some(0), BTreeSet::new());
        match shows {
            Always => assert!(program.0 == Some(3) && script.0 == Some(1), "{name}: {program:?}"),
            Expected => assert!(quiet || !program.1.contains(&named), "{name}: {program:?}"),
        }
    }
    assert_eq!(DAMAGES.len(), 49, "docs/proof.md says how many");
}
