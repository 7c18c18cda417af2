//! How much memory archiving takes: rows of one window or several, through the real driver into a folder, with a spool and without.
//!
//! `cargo bench -p jabber-archive-benches --bench memory -- [ROWS] [DAYS] [MIB] [MIB WITHOUT A SPOOL]` archives the same rows twice, prints the peak of each process
//! that archived, and fails unless both archives are the same bytes. `MIB` is the setting `memory`; 0 leaves a way out. The stand-in for SQL Server, with rows of 2 to 3 KB that are made as
//! they are read, is a process of its own, and so is each archiver: their peaks are those of archiving alone.

use std::{
    collections::BTreeMap,
    env, fs, future,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use jabber_archive_core::{
    ArchiveFacts, Archiver, Digest, FieldHasher, JidIsEmail, People, RunSettings, Secret, Timestamp, Transcript, TranscriptSettings,
};
use jabber_archive_sink::{Archive, FileSpool};
use jabber_archive_sql::{
    Encrypt, MssqlConfig, MssqlSource,
    testing::{Database, SqlServer, Table, Value, tables},
};

const NOW: &str = "2026-11-23T02:00:00Z";
const PEOPLE: u64 = 15_000;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", rows, days] => serve(number(rows), number(days)).await,
        ["archive", way, port, mib, folder] => archive(way == "spooled", number(port) as u16, number(mib), Path::new(folder)).await,
        ref given => compare(given),
    }
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

/// Serves rows that are made as they are read, and says on which port.
async fn serve(rows: u64, days: u64) {
    let database = Database::new("tcmadb");
    database.set_clock(NOW.parse().expect("a time"));
    database.put(jm(rows, days));
    let server = SqlServer::start(database).await.expect("a port of the loopback interface");
    println!("{}", server.port());
    future::pending::<()>().await;
}

/// Two rows a message, of 2 to 3 KB each on the wire, between people who have some twenty others to chat with.
fn jm(rows: u64, days: u64) -> Table {
    let end: Timestamp = "2026-11-22T00:00:00Z".parse().expect("a time");
    let first = end.before(Duration::from_hours(24 * days));
    let step = Duration::from_hours(24 * days).as_millis() as u64 * 2 / rows.max(2);
    tables::jm().made_by(move || {
        Box::new((0..rows).map(move |row| {
            let (message, copy) = (row / 2, row % 2);
            let sent = first.after(Duration::from_millis(message * step + copy * 10));
            let (from, to) = (message * 7 % PEOPLE, (message * 7 + message % 11 + 1) % PEOPLE);
            let body = format!("Message {message}: {}", "the figures of the third quarter ".repeat(8 + message as usize % 9));
            let stanza = format!(
                "<message from='user{from}@example.com/jabber_1' to='user{to}@example.com' type='chat' id='id{message}' xml:lang='en'><body>{body}</body>\
                 <active xmlns='http://jabber.org/protocol/chatstates'/></message>"
            );
            vec![
                Value::text(format!("user{to}@example.com/jabber_2")),
                Value::text(format!("user{from}@example.com/jabber_1")),
                Value::time(sent),
                Value::Null,
                Value::Null,
                Value::text("c"),
                Value::text(if copy == 0 { "O" } else { "I" }),
                Value::Int(body.len() as i64),
                Value::Int(stanza.len() as i64),
                Value::text(body),
                Value::text(stanza),
                Value::Null,
                Value::Null,
                Value::text("N"),
            ]
        }))
    })
}

fn compare(given: &[&str]) {
    let argument = |index: usize, default: u64| given.get(index).map_or(default, |text| number(text));
    let (rows, days) = (argument(0, 1_000_000), argument(1, 1));
    let program = env::current_exe().expect("this program");
    let mut server =
        Command::new(&program).args(["serve", &rows.to_string(), &days.to_string()]).stdout(Stdio::piped()).spawn().expect("the stand-in");
    let mut port = String::new();
    BufReader::new(server.stdout.take().expect("piped")).read_line(&mut port).expect("its port");
    let mut digests = Vec::new();
    for (way, mib) in [("spooled", argument(2, 160)), ("held", argument(3, 8_192))] {
        if mib == 0 {
            continue;
        }
        let folder = env::temp_dir().join(format!("jabber-archive-memory-{}-{way}", std::process::id()));
        println!("{way}: {rows} rows of {days} windows, memory = {mib} MiB");
        let archived =
            Command::new(&program).args(["archive", way, port.trim(), &mib.to_string()]).arg(&folder).status().expect("an archiver");
        assert!(archived.success(), "{way}");
        let digest = digest(&folder);
        println!("{way}: all files of the archive have the digest {digest}");
        digests.push(digest);
        fs::remove_dir_all(&folder).expect("to remove the archive");
    }
    server.kill().expect("to stop the stand-in");
    server.wait().expect("to stop the stand-in");
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "the archives differ");
}

/// Of the names and contents of all files.
fn digest(folder: &Path) -> Digest {
    fn files(folder: &Path, found: &mut BTreeMap<PathBuf, Digest>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                files(&path, found);
            } else {
                let digest = Digest::of(&fs::read(&path).expect("a file"));
                found.insert(path, digest);
            }
        }
    }
    let mut found = BTreeMap::new();
    files(folder, &mut found);
    let relative = |path: &Path| path.strip_prefix(folder).expect("below the folder").to_string_lossy().into_owned();
    found.iter().fold(FieldHasher::new(), |hasher, (path, digest)| hasher.field(&relative(path)).field(&digest.to_string())).finish()
}

async fn archive(spooled: bool, port: u16, mib: u64, folder: &Path) {
    let begun = Instant::now();
    let config = MssqlConfig::new("127.0.0.1", "tcmadb", "jabber_reader", Secret::new("demo")).port(port).encrypt(Encrypt::Off);
    let facts = ArchiveFacts::new("memory").expect("a name");
    let archive = Archive::file(folder).expect("a folder");
    let mut settings = RunSettings::default();
    settings.memory = (mib as usize) << 20;
    let line = Archiver::new(
        facts.clone(),
        Arc::new(MssqlSource::new(config)),
        Arc::new(Transcript::new(&facts, TranscriptSettings::default()).expect("the default settings are valid")),
        Arc::new(archive.sink()),
        Arc::new(archive.ledger()),
        Arc::new(tokio::time::sleep),
    )
    .people(People::new(Arc::new(JidIsEmail::new())))
    .settings(settings);
    let line = if spooled { line.spool(Arc::new(FileSpool::of_system().expect("a folder for the spool"))) } else { line };
    let report = line.run(NOW.parse().expect("a time"), future::pending()).await.expect("an archive");
    let seconds = begun.elapsed().as_secs_f64();
    println!("{} rows, {} messages, {} mails of {} bytes in {seconds:.1} s", report.rows, report.messages, report.items, report.bytes);
    match peak() {
        Some(peak) => println!("peak memory {} MiB", peak >> 10),
        None => println!("peak memory unknown: there is no /proc/self/status"),
    }
}

/// The largest resident set of this process so far, in KiB.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?.trim().parse().ok()
}
