//! A company with something of everything, and the archive of it that nothing happened to.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use fastrand::Rng;
use jabber_archive_core::Timestamp;
use jabber_archive_files::SENTINEL;
use jabber_archive_sql::testing::{Database, Table, Value};

use crate::{
    contents::{Contents, Files},
    program::{Setting, command, files, ran},
};

/// What is done to an archive in its life. Before each the rows of the company become others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Chapter {
    /// Windows are sealed.
    Run,
    /// Rows have come late, which the next run adds.
    Late,
    /// What made dead letters is mended.
    Retry,
    /// A message was altered and another removed, and one came when no run looks any more.
    Repair,
    /// Somebody takes a copy.
    Export,
}

impl Chapter {
    pub(crate) const ALL: [Self; 5] = [Self::Run, Self::Late, Self::Retry, Self::Repair, Self::Export];

    /// The chapters of a life that begins with any of them, oftener with the first, in which most is to be met.
    pub(crate) fn life(rng: &mut Rng) -> &'static [Self] {
        &Self::ALL[rng.usize(..=Self::ALL.len()).saturating_sub(1)..]
    }

    /// How often it is broken off before a clean run: the more there is to meet, the oftener.
    pub(crate) fn breaks(self, rng: &mut Rng) -> usize {
        rng.usize(
            1..=match self {
                Self::Run => 8,
                Self::Export => 2,
                _ => 5,
            },
        )
    }

    /// Whether sealed windows are added to.
    pub(crate) fn adds(self) -> bool {
        matches!(self, Self::Late | Self::Retry | Self::Repair)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Late => "late",
            Self::Retry => "retry",
            Self::Repair => "repair",
            Self::Export => "export",
        }
    }
}

/// An archive after a chapter of an undisturbed life.
#[derive(Debug)]
pub(crate) struct Undisturbed {
    pub(crate) contents: Contents,
    pub(crate) files: Files,
    /// How long the chapter took.
    pub(crate) took: Duration,
}

/// The company, its database, its files, and what an undisturbed archive of it holds.
pub(crate) struct Company {
    pub(crate) setting: Setting,
    tables: Vec<Vec<Table>>,
    pub(crate) undisturbed: Vec<Undisturbed>,
    key: Mutex<&'static str>,
}

/// Where an archive goes, and how the program is set up to make it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// What stands under `[sink]`.
    pub(crate) sink: String,
    /// Of `[run]`.
    pub(crate) memory: &'static str,
    /// Elsewhere than beside the archive.
    pub(crate) spool: Option<PathBuf>,
    /// In the environment of the program, where the archive needs it.
    pub(crate) key: &'static str,
}

impl Place {
    pub(crate) fn folder(folder: &Path) -> Self {
        Self { sink: format!("kind = \"file\"\npath = \"{}\"", folder.display()), memory: "64MiB", spool: None, key: "" }
    }
}

const LOGGED: &str = "/opt/mftFileStore";
/// Beyond what goes into a mail; the first so large that it is uploaded in several blocks.
const LARGE: [usize; 2] = [9_000_000, 4_300_000];

static SHARED: Mutex<Weak<Company>> = Mutex::new(Weak::new());

impl Company {
    /// The one that all tests share: whoever waits for a turn keeps it, and nobody does in the end.
    pub(crate) fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let company = Arc::new(Self::new());
            *shared = Arc::downgrade(&company);
            company
        })
    }

    fn new() -> Self {
        let setting = Setting::new(11, 160);
        let store = setting.folder.path().join("mft");
        fs::create_dir_all(&store).unwrap();
        for file in setting.office.stored_files() {
            let place = store.join(file.path.strip_prefix(LOGGED).unwrap().trim_start_matches('/'));
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, file.content()).unwrap();
        }
        fs::write(store.join(SENTINEL), "").unwrap();
        for (number, size) in LARGE.into_iter().enumerate() {
            let mut content = vec![0; size];
            Rng::with_seed(size as u64).fill(&mut content);
            fs::write(store.join(format!("large{number}.bin")), content).unwrap();
        }
        fs::create_dir(setting.folder.path().join("spool")).unwrap();
        let tables = tables(&setting);
        let mut company = Self { setting, tables, undisturbed: Vec::new(), key: Mutex::new("") };
        let archive = company.setting.folder.path().join("undisturbed");
        company.configure(&Place::folder(&archive));
        for chapter in Chapter::ALL {
            company.turn_to(chapter);
            let begun = Instant::now();
            let ran = ran(&mut company.command(chapter));
            let took = begun.elapsed();
            assert!(matches!(ran.code, Some(0 | 3)), "{chapter:?}: {ran:?}");
            let files = files(&archive);
            company.undisturbed.push(Undisturbed { contents: Contents::of(&files), files, took });
        }
        company.assert_something_of_everything();
        fs::remove_dir_all(archive).unwrap();
        company
    }

    /// A company in which a chapter had nothing to do would let every kill pass.
    fn assert_something_of_everything(&self) {
        let sealed = |chapter: usize| self.undisturbed[chapter].contents.sealed.len();
        let (run, late, retry, repair) = (sealed(0), sealed(1), sealed(2), sealed(3));
        assert!(run >= 7 && late >= run + 3 && retry >= late + 2 && repair >= retry + 2, "{run}, {late}, {retry}, {repair}");
        let files = &self.undisturbed[4].files;
        for (folder, least) in [("items/undated/", 1), ("attachments/", 2), ("dead-letters/", 2), ("context/", 6)] {
            let there = files.keys().filter(|path| path.starts_with(folder)).count();
            assert!(there >= least, "{there} in {folder}");
        }
        assert!(self.undisturbed[0].contents.sealed.iter().any(|seal| seal["items"] == 0), "windows without rows");
    }

    /// The rows are those of this chapter.
    pub(crate) fn turn_to(&self, chapter: Chapter) {
        for table in &self.tables[chapter as usize] {
            self.setting.database.put(table.clone());
        }
    }

    pub(crate) fn undisturbed(&self, chapter: Chapter) -> &Undisturbed {
        &self.undisturbed[chapter as usize]
    }

    /// The files of an archive that a chapter finds, if it is not the first.
    pub(crate) fn before(&self, chapter: Chapter) -> Option<&Files> {
        Some(&self.undisturbed[(chapter as usize).checked_sub(1)?].files)
    }

    /// Makes the archive that a chapter finds.
    pub(crate) fn lay_out(&self, chapter: Chapter, archive: &Path) {
        for (path, content) in self.before(chapter).into_iter().flatten() {
            let path = archive.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.setting.folder.path()
    }

    /// A folder that is not there.
    pub(crate) fn fresh(&self, name: &str) -> PathBuf {
        let path = self.folder().join(name);
        let _: std::io::Result<()> = fs::remove_dir_all(&path);
        path
    }

    pub(crate) fn configure(&self, place: &Place) {
        let folder = self.folder();
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = place.key;
        self.setting.configure(|text| {
            text.replace("kind = \"file\"\npath = \"archive\"", &place.sink)
                + &format!(
                    "memory = \"{}\"\nspool = \"{}\"\nstart = \"2026-11-01T00:00:00Z\"\nlate_windows = 5000\nchunk_windows = 2\n\n[run.limits]\n\
                     dead_letters_per_mille = 1000\n\n[files]\nkind = \"folder\"\nroots = [{{ logged = \"{LOGGED}\", place = \"{}\" }}]\n",
                    place.memory,
                    place.spool.clone().unwrap_or_else(|| folder.join("spool")).display(),
                    folder.join("mft").display(),
                )
        });
    }

    /// The command of a chapter, with the configuration as it stands.
    pub(crate) fn command(&self, chapter: Chapter) -> Command {
        self.command_for(chapter, "copy.mbox")
    }

    /// The same for another program at the same time.
    pub(crate) fn command_beside(&self, chapter: Chapter) -> Command {
        self.command_for(chapter, "another.mbox")
    }

    fn command_for(&self, chapter: Chapter, copy: &str) -> Command {
        let out = self.folder().join(copy);
        // A copy that was killed is in the way of the next, which says so.
        for left in [out.clone(), out.with_extension("mbox.partial")] {
            let _: std::io::Result<()> = fs::remove_file(&left);
        }
        match chapter {
            Chapter::Run | Chapter::Late => self.program("run", &[]),
            Chapter::Retry => self.program("retry", &[]),
            Chapter::Repair => self.program("audit", &["--repair", "--accept", "the test wants it"]),
            Chapter::Export => self.program("export", &["--to", "mbox", "--person", "alice@example.com", "--out", out.to_str().unwrap()]),
        }
    }

    pub(crate) fn program(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = command();
        command.arg(name).arg("--config").arg(self.setting.config()).args(arguments);
        command.env("JABBER_TEST_KEY", *self.key.lock().unwrap_or_else(PoisonError::into_inner));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// The tables of the company, chapter by chapter.
fn tables(setting: &Setting) -> Vec<Vec<Table>> {
    let database = Database::new("scratch");
    setting.office.fill(&database);
    let at = |hours: u64| setting.office.start().after(Duration::from_hours(hours));
    let insert = |rows: Vec<Vec<Value>>| database.insert("jm", rows);
    let file = |number: usize, sent: Timestamp| {
        let name = format!("large{number}.bin");
        let stanza = format!(
            "<message id='large-{number}'><body>x</body><advanced-file-transfer><filename>{name}</filename>\
             <url>https://imp/files/{name}</url></advanced-file-transfer></message>"
        );
        insert(vec![row(sent, "x", stanza, "I")]);
        let (text, size) = (|text: &str| Value::text(text), Value::Int(LARGE[number] as i64));
        database.insert(
            "aft_log",
            vec![vec![
                Value::Int(90_000 + number as i64),
                text("alice@example.com"),
                text("bob@example.com"),
                text("Post"),
                text(&name),
                text(&name),
                Value::Null,
                Value::Null,
                Value::Null,
                text(&format!("{LOGGED}/{name}")),
                size.clone(),
                size,
                Value::time(sent),
            ]],
        );
    };
    let mut chapters = Vec::new();

    insert(vec![said(at(30), "altered", "I"), said(at(31), "removed", "I"), said(at(32), "kept", "I")]);
    insert(vec![said(at(33), "undecodable-one", "x"), said(at(80), "undecodable-two", "x")]);
    file(0, at(35));
    chapters.push(database.tables());

    insert(vec![said(at(34), "late-one", "I"), said(at(82), "late-two", "I")]);
    insert(vec![said(at(48).before(Duration::from_secs(1)), "late-before-midnight", "I"), said(at(48), "late-at-midnight", "I")]);
    file(1, at(83));
    chapters.push(database.tables());

    let change = |change: &dyn Fn(&mut Vec<Value>)| {
        let jm = database.table("jm").unwrap();
        let rows: Vec<Vec<Value>> = jm
            .read()
            .map(|mut row| {
                change(&mut row);
                row
            })
            .collect();
        database.put(jm.rows(rows));
    };
    change(&|row| {
        if row[6] == Value::text("x") {
            row[6] = Value::text("I");
        }
    });
    chapters.push(database.tables());

    database.retain("jm", |row| row[9] != Value::text("removed"));
    change(&|row| {
        if row[9] == Value::text("altered") {
            *row = said(at(30), "changed", "I");
        }
    });
    insert(vec![said(at(12), "very-late", "I")]);
    chapters.push(database.tables());
    chapters.push(database.tables());
    chapters
}

/// A row of `jm` of a message with this text.
fn said(sent: Timestamp, body: &str, direction: &str) -> Vec<Value> {
    row(sent, body, format!("<message id='{body}'><body>{body}</body></message>"), direction)
}

fn row(sent: Timestamp, body: &str, stanza: String, direction: &str) -> Vec<Value> {
    let length = |text: &str| Value::Int(text.len() as i64);
    vec![
        Value::text("bob@example.com"),
        Value::text("alice@example.com/jabber_1"),
        Value::time(sent),
        Value::Null,
        Value::Null,
        Value::text("c"),
        Value::text(direction),
        length(body),
        length(&stanza),
        Value::text(body),
        Value::text(stanza),
        Value::Null,
        Value::Null,
        Value::text("N"),
    ]
}
