//! What the benchmarks measure, and what they measure it against.

pub mod convert;
pub mod run;
pub mod store;

use std::{fs, sync::Arc, time::Duration};

use cpu_time::ThreadTime;
use jabber_archive_core::{
    Assembler, Conversation, JidIsEmail, Neighbour, People, Record, Rooms, Timestamp, Transcript, TranscriptSettings,
    testing::{generators, rows::Row},
};

/// How busy the machine is, as Linux says it.
pub fn load() -> String {
    fs::read_to_string("/proc/loadavg").map_or_else(|_| "unknown".to_owned(), |load| load.trim().to_owned())
}

/// The converter as most people run it.
///
/// # Panics
///
/// Never: the settings are the default ones.
pub fn transcript() -> Transcript {
    Transcript::new(&generators::facts(), TranscriptSettings::default()).expect("the default settings are valid")
}

/// The shortest of so many runs of each of two things, run in turns so that both see the same machine; the time that this thread has a core,
/// so that other work on the machine does not count.
pub fn in_turns(runs: u32, mut one: impl FnMut(), mut other: impl FnMut()) -> (Duration, Duration) {
    let time = |run: &mut dyn FnMut()| {
        let start = ThreadTime::now();
        run();
        start.elapsed()
    };
    (0..runs).fold((Duration::MAX, Duration::MAX), |(best, best_other), _| (best.min(time(&mut one)), best_other.min(time(&mut other))))
}

/// The rows of a working day: 400 people, most of them in 1:1 chats that are logged on both sides, some in a room that is logged for everybody in it.
///
/// # Panics
///
/// Never: the JIDs and times are valid.
pub fn rows() -> Vec<Record> {
    let midnight: Timestamp = "2026-11-20T00:00:00Z".parse().expect("a time");
    let person = |number: usize| format!("user{number}@example.com");
    let mut rows = Vec::new();
    for number in 0..20_000_usize {
        let sent = midnight.after(Duration::from_millis(number as u64 * 4_000));
        let (from, id) = (format!("{}/jabber_{}", person(number % 400), number % 7), format!("id{number}"));
        let body = format!("Message {number}: {}", "the figures for the third quarter are in the shared folder. ".repeat(number % 4 + 1));
        let written = |row: Row| row.at_time(sent).id(&id).body(&body);
        if number % 10 == 0 {
            let room = "planning@conference.example.com";
            rows.extend(
                (1..9).map(|other| written(Row::jm(&format!("{room}/{from}"), &person((number + other) % 400)).groupchat()).record()),
            );
        } else {
            let to = person((number + number % 13 + 1) % 400);
            rows.push(written(Row::jm(&from, &to).outgoing()).record());
            rows.push(written(Row::jm(&from, &format!("{to}/jabber_1"))).record());
        }
    }
    rows
}

/// What a window's rows make up.
///
/// # Panics
///
/// Never: all rows are of one day.
pub fn assemble(rows: Vec<Record>) -> Vec<Conversation> {
    let facts = generators::facts();
    let window = facts.grid.window_at(rows[0].sent());
    let mut assembler = Assembler::new(&facts, Arc::new(Rooms::new()), People::new(Arc::new(JidIsEmail::new())));
    assembler.accept(rows);
    assembler.assemble(&window, &Neighbour::default()).conversations
}
