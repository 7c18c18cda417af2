//! Runs the assembler over rows, window by window, as an archiver does.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use jabber_archive_core::{
    ArchiveFacts, Assembler, Assembly, Grid, Issue, ItemId, ItemKey, List, MailItem, MemoryDirectory, MessageLine, Neighbour,
    PRESENCE_LOOKBACK, Part, People, Record, Rooms, Span, Window,
};

pub(crate) fn people() -> People {
    People::new(Arc::new(MemoryDirectory::new()))
}

pub(crate) fn facts(length: Duration) -> ArchiveFacts {
    let mut facts = ArchiveFacts::new("test").unwrap();
    facts.grid = Grid::new(length, Duration::ZERO).unwrap();
    facts
}

/// 2026-11-21, without an earlier window.
pub(crate) fn one_day(rows: Vec<Record>) -> Assembly {
    one_day_of(rows, Rooms::new(), people())
}

pub(crate) fn one_day_of(rows: Vec<Record>, rooms: Rooms, people: People) -> Assembly {
    let facts = facts(Duration::from_hours(24));
    let mut assembler = Assembler::new(&facts, Arc::new(rooms), people);
    assembler.accept(rows);
    let window = facts.grid.window_at("2026-11-21T12:00:00Z".parse().unwrap());
    let assembly = assembler.assemble(&window, &Neighbour::default());
    assert!(assembly.tables.values().all(jabber_archive_core::TableAccount::closes), "{:?}", assembly.tables);
    assembly
}

/// 2026-11-21, after the window before was sealed with what was there of it by then.
pub(crate) fn one_day_after(sealed: Vec<Record>, rows: Vec<Record>) -> Assembly {
    let facts = facts(Duration::from_hours(24));
    let window = facts.grid.window_at("2026-11-21T12:00:00Z".parse().unwrap());
    let before = facts.grid.window_at("2026-11-20T12:00:00Z".parse().unwrap());
    let assemble = |rows, window: &Window, earlier: &Neighbour| {
        let mut assembler = Assembler::new(&facts, Arc::new(Rooms::new()), people());
        assembler.accept(rows);
        assembler.assemble(window, earlier)
    };
    let listed = list(&before, &assemble(sealed, &before, &Neighbour::default()));
    assemble(rows, &window, &Neighbour::of(&listed, &window, facts.margin()))
}

pub(crate) fn messages(assembly: &Assembly) -> usize {
    assembly.conversations.iter().map(|conversation| conversation.messages.len()).sum()
}

/// What a seal of the window would list.
pub(crate) fn list(window: &Window, assembly: &Assembly) -> List {
    let lines = assembly.conversations.iter().map(|conversation| {
        let id = ItemId::new("test", "test", &conversation.key, None, window, 1, 1);
        let mut item = MailItem::new(ItemKey::new(*window, id), conversation.key.digest(), Issue::FIRST, Part::new(1, 1), Bytes::new());
        item.messages = conversation.messages.iter().map(MessageLine::of).collect();
        item.line()
    });
    List::new(lines.collect())
}

/// Assembles all windows that the rows touch, in chunks that end behind the windows whose index is in `cuts`; each chunk gets the rows that a source would give it.
pub(crate) fn by_window(rows: &[Record], length: Duration, cuts: &[usize]) -> Vec<(Window, Assembly)> {
    let facts = facts(length);
    let times: BTreeSet<_> = rows.iter().map(Record::sent).collect();
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return Vec::new() };
    let windows: Vec<Window> = facts.grid.windows(Span::new(*first, last.after(Duration::from_millis(1)))).collect();
    let mut chunks: Vec<Vec<Window>> = vec![Vec::new()];
    for (index, window) in windows.into_iter().enumerate() {
        chunks.last_mut().unwrap().push(window);
        if cuts.contains(&index) {
            chunks.push(Vec::new());
        }
    }
    let mut assemblies = Vec::new();
    let mut listed = List::default();
    for chunk in chunks.into_iter().filter(|chunk| !chunk.is_empty()) {
        let span = Span::new(chunk[0].deciding(facts.margin()).start, chunk.last().unwrap().deciding(facts.margin()).end);
        let presence = Span::new(span.start.before(PRESENCE_LOOKBACK), span.end);
        let wanted = |record: &&Record| match record {
            Record::Presence(row) => presence.contains(row.stamp),
            record => span.contains(record.sent()),
        };
        let mut assembler = Assembler::new(&facts, Arc::new(Rooms::new()), people());
        assembler.accept(rows.iter().filter(wanted).cloned().collect());
        for window in chunk {
            let assembly = assembler.assemble(&window, &Neighbour::of(&listed, &window, facts.margin()));
            listed = list(&window, &assembly);
            assemblies.push((window, assembly));
        }
    }
    assemblies
}
