//! A run, from rows to mails on disk, against the driver alone draining the same statements, and against a script of pymssql and Python's `email`.
//!
//! `cargo bench -p jabber-archive-benches --bench run -- [ROWS] [DAYS] [ROUNDS] [--server-works]` prints the rates of so many rows, in turns from one stand-in for SQL Server in this process, and their ratios:
//! the median of all rounds, and the slowest and fastest. pymssql is installed by `benches/setup`; where it cannot be had, it is not measured.

use std::{
    env, fs, process,
    time::{Duration, Instant},
};

use jabber_archive_benches::{
    load,
    run::{Script, archive, chats, drain, end},
    store::Rounds,
};
use jabber_archive_sql::testing::{Database, SqlServer};

const RUN: &str = "run, rows to mails on disk";
const DRAIN: &str = "tiberius, the same statements";
const SCRIPT: &str = "pymssql and Python's email";

#[tokio::main]
async fn main() {
    let arguments: Vec<u64> =
        env::args().skip(1).filter(|argument| !argument.starts_with("--")).map(|argument| argument.parse().expect("a number")).collect();
    let argument = |index: usize, default| arguments.get(index).copied().unwrap_or(default);
    let (rows, days, rounds) = (argument(0, 400_000), argument(1, 16), argument(2, 3));

    let database = Database::new("tcmadb");
    database.set_clock(end().after(Duration::from_hours(2)));
    database.put(chats(rows, days));
    // The server is in this process, where it takes what cores we have. Unless it is to work, it does so once for each answer, in the first run, which is not measured.
    if !env::args().any(|argument| argument == "--server-works") {
        database.keep_answers();
    }
    let server = SqlServer::start(database.clone()).await.expect("a port of the loopback interface");
    let scratch = env::temp_dir().join(format!("jabber-archive-run-{}", process::id()));
    let script = Script::install();
    println!("{rows} rows of {days} days, {rounds} rounds, load {}", load());

    let report = archive(server.port(), &scratch.join("first")).await;
    println!("{} messages, {} mails of {} bytes", report.messages, report.items, report.bytes);
    let statements = database.answered_statements();
    let mut measured = Rounds::default();
    for round in 0..rounds {
        let folder = |name: &str| scratch.join(format!("{round}-{name}"));
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                measured.add(RUN.to_owned(), timed(Box::pin(archive(server.port(), &folder("run")))).await);
            } else {
                measured.add(DRAIN.to_owned(), timed(Box::pin(drain(server.port(), &statements))).await);
            }
        }
        match script.archive(server.port(), &folder("script")) {
            Ok((time, mails)) => {
                assert_eq!(mails, report.items, "the script archives the same conversations");
                measured.add(SCRIPT.to_owned(), time);
            }
            Err(error) => println!("  {SCRIPT}: not measured: {error}"),
        }
    }
    println!("  rows/s, median (slowest to fastest), load {}", load());
    for (name, rate) in measured.rates(rows as usize) {
        println!("  {name:<32}{rate}");
    }
    for other in [DRAIN, SCRIPT] {
        if let Some(ratio) = measured.ratio(RUN, other) {
            println!("  {:<32}{ratio:.2}", format!("run / {other}"));
        }
    }
    // Not before: some file systems are slow to make files just behind others that were removed.
    fs::remove_dir_all(&scratch).expect("to remove what was archived");
}

async fn timed<T>(work: impl Future<Output = T>) -> Duration {
    let begun = Instant::now();
    work.await;
    begun.elapsed()
}
