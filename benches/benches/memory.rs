//! How much memory archiving takes: a million rows of one window, through the real driver into a folder.
//!
//! `cargo bench -p jabber-archive-benches --bench memory -- [ROWS] [DAYS]` prints the peak of the process that archives; the stand-in for SQL Server is a process of its own.

use std::{
    env, fs, future,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use jabber_archive_core::{ArchiveFacts, Archiver, JidIsEmail, People, RunSettings, Secret, Timestamp, Transcript, TranscriptSettings};
use jabber_archive_sink::Archive;
use jabber_archive_sql::{
    Encrypt, MssqlConfig, MssqlSource,
    testing::{Database, SqlServer, Table, Value, tables},
};

const NOW: &str = "2026-11-23T02:00:00Z";
const SERVE: &str = "serve";

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [SERVE, rows, days] => serve(number(rows), number(days)).await,
        ref given => archive(given.first().map_or(1_000_000, |rows| number(rows)), given.get(1).map_or(1, |days| number(days))).await,
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

/// Two rows a message, 20 messages a person and hour, of about 1 KB each.
fn jm(rows: u64, days: u64) -> Table {
    let end: Timestamp = "2026-11-22T00:00:00Z".parse().expect("a time");
    let first = end.before(Duration::from_hours(24 * days));
    let step = Duration::from_hours(24 * days).as_millis() as u64 * 2 / rows.max(2);
    tables::jm().made_by(move || {
        Box::new((0..rows).map(move |row| {
            let (message, copy) = (row / 2, row % 2);
            let sent = first.after(Duration::from_millis(message * step + copy * 10));
            let (from, to) = (message * 7 % 5_000, (message * 7 + message % 11 + 1) % 5_000);
            let body = format!("Message {message}: {}", "the figures of the third quarter ".repeat(4));
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

async fn archive(rows: u64, days: u64) {
    let program = env::current_exe().expect("this program");
    let mut server =
        Command::new(program).args([SERVE, &rows.to_string(), &days.to_string()]).stdout(Stdio::piped()).spawn().expect("the stand-in");
    let mut port = String::new();
    BufReader::new(server.stdout.take().expect("piped")).read_line(&mut port).expect("its port");
    let folder = env::temp_dir().join(format!("jabber-archive-memory-{}", std::process::id()));
    let begun = Instant::now();
    let report = line(port.trim().parse().expect("a port"), &folder).await;
    let seconds = begun.elapsed().as_secs_f64();
    server.kill().expect("to stop the stand-in");
    server.wait().expect("to stop the stand-in");
    println!("{} rows, {} messages, {} mails of {} bytes in {seconds:.1} s", report.rows, report.messages, report.items, report.bytes);
    match peak() {
        Some(peak) => println!("peak memory {} MiB", peak >> 10),
        None => println!("peak memory unknown: there is no /proc/self/status"),
    }
    fs::remove_dir_all(&folder).expect("to remove the archive");
}

async fn line(port: u16, folder: &Path) -> jabber_archive_core::RunReport {
    let config = MssqlConfig::new("127.0.0.1", "tcmadb", "jabber_reader", Secret::new("demo")).port(port).encrypt(Encrypt::Off);
    let facts = ArchiveFacts::new("memory").expect("a name");
    let archive = Archive::file(folder).expect("a folder");
    let mut settings = RunSettings::default();
    settings.memory = 4 << 30;
    Archiver::new(
        facts.clone(),
        Arc::new(MssqlSource::new(config)),
        Arc::new(Transcript::new(&facts, TranscriptSettings::default()).expect("the default settings are valid")),
        Arc::new(archive.sink()),
        Arc::new(archive.ledger()),
        Arc::new(tokio::time::sleep),
    )
    .people(People::new(Arc::new(JidIsEmail::new())))
    .settings(settings)
    .run(NOW.parse().expect("a time"), future::pending())
    .await
    .expect("an archive")
}

/// The largest resident set of this process so far, in KiB.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?.trim().parse().ok()
}
