use std::{borrow::Cow, collections::BTreeSet};

use bytes::Bytes;
use csv::{Terminator, WriterBuilder};
use futures::{StreamExt, TryStreamExt, stream};
use jabber_archive_core::{
    ByteStream, Digest, Entry, EntryRecord, Error, ErrorClass, ErrorKind, ItemId, ItemKey, KeptKind, Ledger, Link, ListReader, Receipt,
    ReceiptResult, Receipts, RefusalReason, Result, RunEntry, Seal, Span, Timestamp, Window,
};
use jabber_archive_sink::ObjectLedger;
use serde::{Serialize, Serializer};

use super::{AHEAD, concerns};
use crate::{
    arguments::{ItemFormat, Log},
    command::Outcome,
    console::Lines,
    wiring::Place,
};

/// How many lists are opened at the same time.
const LISTS: usize = 4;

/// What became of one item, by the entry that says so.
#[derive(Debug, Default, Serialize)]
struct Line {
    /// When the run began that wrote the entry; none of one that has not ended.
    time: Option<Timestamp>,
    entry: u64,
    result: Became,
    window_start: Option<Timestamp>,
    window_end: Option<Timestamp>,
    item: Option<ItemId>,
    path: Option<String>,
    message_id: Option<String>,
    bytes: Option<u64>,
    messages: Option<u64>,
    sha256: Option<Digest>,
    /// Into which mailbox.
    mailbox: Option<String>,
    /// UIDVALIDITY and UID there (RFC 9051), as far as the server tells.
    receipt: Option<String>,
    /// Why a mailbox does not have it.
    reason: Option<RefusalReason>,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Became {
    /// It is in the window's list.
    #[default]
    Archived,
    /// It was added to a window that was sealed before.
    Added,
    /// It is in the store and counts for nothing.
    Abandoned,
    /// It could not be archived as a mail.
    DeadLetter,
    /// A copy was put into a mailbox.
    Delivered,
    /// A copy was there already.
    Found,
    /// A mailbox did not take it, or it came to none.
    Refused,
}

impl Became {
    fn as_str(self) -> &'static str {
        match self {
            Self::Archived => "archived",
            Self::Added => "added",
            Self::Abandoned => "abandoned",
            Self::DeadLetter => "dead-letter",
            Self::Delivered => "delivered",
            Self::Found => "found",
            Self::Refused => "refused",
        }
    }
}

impl Serialize for Became {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Line {
    const COLUMNS: [&'static str; 14] = [
        "time",
        "entry",
        "result",
        "window_start",
        "window_end",
        "item",
        "path",
        "message_id",
        "bytes",
        "messages",
        "sha256",
        "mailbox",
        "receipt",
        "reason",
    ];

    fn cells(&self) -> [String; 14] {
        fn text(value: Option<&impl ToString>) -> String {
            value.map(ToString::to_string).unwrap_or_default()
        }
        [
            text(self.time.as_ref()),
            self.entry.to_string(),
            self.result.as_str().to_owned(),
            text(self.window_start.as_ref()),
            text(self.window_end.as_ref()),
            text(self.item.as_ref()),
            text(self.path.as_ref()),
            text(self.message_id.as_ref()),
            text(self.bytes.as_ref()),
            text(self.messages.as_ref()),
            text(self.sha256.as_ref()),
            text(self.mailbox.as_ref()),
            text(self.receipt.as_ref()),
            text(self.reason.as_ref()),
        ]
    }
}

/// What a seal or an addendum says of items, until the run's entry says when that was.
#[derive(Debug)]
struct Recorded {
    entry: u64,
    span: Span,
    result: Became,
    list: Option<Digest>,
    abandoned: BTreeSet<ItemId>,
    dead_letters: BTreeSet<Digest>,
}

impl Recorded {
    fn new(entry: u64, result: Became, seal: &Seal) -> Option<Self> {
        let recorded = Self {
            entry,
            span: seal.span,
            result,
            list: seal.list,
            abandoned: seal.abandoned.clone(),
            dead_letters: seal.dead_letters.clone(),
        };
        let says_something = recorded.list.is_some() || !recorded.abandoned.is_empty() || !recorded.dead_letters.is_empty();
        says_something.then_some(recorded)
    }

    fn of(Entry { number, record, .. }: &Entry) -> Option<Self> {
        match record {
            EntryRecord::Seal(seal) => Self::new(*number, Became::Archived, seal),
            EntryRecord::Addendum(addendum) => Self::new(*number, Became::Added, &addendum.seal),
            _ => None,
        }
    }
}

pub(super) async fn log(arguments: &Log, format: ItemFormat, place: &Place, ledger: &ObjectLedger) -> Result<Outcome> {
    let Some((facts, _)) = ledger.facts().await? else { return Err(place.empty()) };
    let mut items = Items { ledger, domain: facts.message_id_domain, written: Written::begin(format)? };
    // Of a run that is long, this is what waits for its end: some hundred bytes for each window.
    let mut waiting: Vec<Recorded> = Vec::new();
    let mut links = stream::iter(ledger.numbers().await?).map(|number| ledger.entry(number)).buffered(AHEAD);
    while let Some(Link { entry, .. }) = links.try_next().await? {
        if !items.written.is_read() {
            return Ok(Outcome::Done);
        }
        let concerns = concerns(&entry.record, arguments.since, arguments.until);
        if let EntryRecord::Run(run) = &entry.record {
            let of_run = |recorded: &Recorded| run.seals.is_some_and(|(first, last)| (first..=last).contains(&recorded.entry));
            for recorded in waiting.chunk_by(|one, other| of_run(one) == of_run(other)) {
                items.tell(recorded, recorded.first().is_some_and(&of_run).then_some(run.by.started)).await?;
            }
            waiting.clear();
            if concerns {
                items.tell_lost(entry.number, run)?;
            }
        } else if concerns {
            waiting.extend(Recorded::of(&entry));
        }
        if let EntryRecord::Import(import) = &entry.record
            && concerns
            && let Some(receipts) = &import.receipts
        {
            items.tell_copies(entry.number, receipts).await?;
        }
    }
    items.tell(&waiting, None).await?;
    items.written.end()?;
    Ok(Outcome::Done)
}

/// Tells of items as they are read: there may be millions.
struct Items<'a> {
    ledger: &'a ObjectLedger,
    domain: String,
    written: Written,
}

impl Items<'_> {
    async fn tell(&mut self, recorded: &[Recorded], time: Option<Timestamp>) -> Result<()> {
        let ledger = self.ledger;
        let open = |recorded| async move { Ok((recorded, opened(ledger, recorded).await?)) };
        let mut lists = stream::iter(recorded).map(open).buffered(LISTS);
        while let Some((recorded, list)) = lists.try_next().await? {
            self.tell_window(recorded, list, time).await?;
            if !self.written.is_read() {
                break;
            }
        }
        Ok(())
    }

    async fn tell_window(&mut self, recorded: &Recorded, list: Option<ByteStream>, time: Option<Timestamp>) -> Result<()> {
        let Recorded { entry, span, result, .. } = *recorded;
        let window = Window::try_from(span)?;
        let line = |result| Line { time, entry, result, window_start: Some(span.start), window_end: Some(span.end), ..Line::default() };
        if let Some(list) = list {
            let mut list = ListReader::new(list);
            while let Some(listed) = list.next().await.map_err(|error| unread(error, recorded.list.as_ref()))? {
                self.written.write(&Line {
                    path: Some(ItemKey::new(window, listed.id.clone()).path()),
                    message_id: Some(format!("<{}@{}>", listed.id, self.domain)),
                    item: Some(listed.id),
                    bytes: Some(listed.bytes),
                    messages: Some(listed.messages.len() as u64),
                    sha256: Some(listed.sha256),
                    ..line(result)
                })?;
                if !self.written.is_read() {
                    return Ok(());
                }
            }
        }
        for id in &recorded.abandoned {
            let path = Some(ItemKey::new(window, id.clone()).path());
            self.written.write(&Line { item: Some(id.clone()), path, ..line(Became::Abandoned) })?;
        }
        for digest in &recorded.dead_letters {
            let path = Some(KeptKind::DeadLetter.path(digest));
            self.written.write(&Line { path, sha256: Some(*digest), ..line(Became::DeadLetter) })?;
        }
        Ok(())
    }

    /// Copies that were put into mailboxes, or were not: those of one entry, of which an import writes one after so many.
    async fn tell_copies(&mut self, entry: u64, receipts: &Digest) -> Result<()> {
        let stored: Vec<Bytes> = self.ledger.load(KeptKind::Receipts, receipts).await?.try_collect().await?;
        let receipts = Receipts::from_bytes(&stored.concat()).map_err(|error| error.about(KeptKind::Receipts.path(receipts)))?;
        for Receipt { window, item, mailbox, result, bytes, sha256, time, .. } in receipts.into_lines() {
            let (result, place, reason) = match result {
                ReceiptResult::Delivered(place) => (Became::Delivered, Some(place), None),
                ReceiptResult::Found(place) => (Became::Found, Some(place), None),
                ReceiptResult::Refused { reason } => (Became::Refused, None, Some(reason)),
            };
            let receipt = place.and_then(|place| Some(format!("{} {}", place.uid_validity?, place.uid?)));
            self.written.write(&Line {
                time: Some(time),
                entry,
                result,
                window_start: Some(window.start),
                window_end: Some(window.end),
                path: Some(ItemKey::new(Window::try_from(window)?, item.clone()).path()),
                message_id: Some(format!("<{item}@{}>", self.domain)),
                item: Some(item),
                bytes: Some(bytes),
                messages: None,
                sha256: Some(sha256),
                mailbox,
                receipt,
                reason,
            })?;
            if !self.written.is_read() {
                break;
            }
        }
        Ok(())
    }

    /// Items that a run lost to a faster one; the entry does not say of which windows they are.
    fn tell_lost(&mut self, entry: u64, run: &RunEntry) -> Result<()> {
        for id in &run.abandoned {
            let item = Some(id.clone());
            self.written.write(&Line { time: Some(run.by.started), entry, result: Became::Abandoned, item, ..Line::default() })?;
        }
        Ok(())
    }
}

async fn opened(ledger: &ObjectLedger, recorded: &Recorded) -> Result<Option<ByteStream>> {
    match &recorded.list {
        Some(digest) => ledger.load(KeptKind::List, digest).await.map(Some),
        None => Ok(None),
    }
}

/// Says which list cannot be read, where that is not said.
fn unread(error: Error, list: Option<&Digest>) -> Error {
    match list.filter(|_| error.subject().is_none()) {
        Some(digest) => error
            .about(KeptKind::List.path(digest))
            .advise("`jabber-archive verify` says whether it is damaged; if not, a newer version wrote it"),
        None => error,
    }
}

/// Lines in one format, on standard output.
struct Written {
    format: ItemFormat,
    lines: Lines,
}

impl Written {
    fn begin(format: ItemFormat) -> Result<Self> {
        let mut written = Self { format, lines: Lines::new() };
        if format == ItemFormat::Csv {
            written.lines.write(&row(Line::COLUMNS)?)?;
        }
        Ok(written)
    }

    fn write(&mut self, line: &Line) -> Result<()> {
        match self.format {
            ItemFormat::Csv => self.lines.write(&row(line.cells())?),
            ItemFormat::Jsonl => {
                let mut bytes = serde_json::to_vec(line).map_err(unwritable)?;
                bytes.push(b'\n');
                self.lines.write(&bytes)
            }
        }
    }

    fn is_read(&self) -> bool {
        self.lines.is_read()
    }

    fn end(self) -> Result<()> {
        self.lines.end()
    }
}

/// Comma-separated values (RFC 4180).
fn row<C: AsRef<str>>(cells: impl IntoIterator<Item = C>) -> Result<Vec<u8>> {
    let mut row = WriterBuilder::new().buffer_capacity(512).terminator(Terminator::CRLF).from_writer(Vec::new());
    row.write_record(cells.into_iter().map(|cell| defused(cell.as_ref()).into_owned())).map_err(unwritable)?;
    row.into_inner().map_err(|error| unwritable(error.into_error()))
}

fn unwritable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Output, ErrorClass::Fatal, "print", "a line cannot be written").because(error)
}

/// A cell that no spreadsheet takes for a formula (OWASP, "CSV Injection"): behind `'` where it begins with what would make it one.
fn defused(cell: &str) -> Cow<'_, str> {
    let dangerous = ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}', '\''];
    if cell.starts_with(dangerous) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_every_cell_keeps_to_itself() {
        let cells = ["=1+1", "+1", "-1", "@SUM(A1)", "'", "a,b", "say \"hi\"", "two\nlines", ""];
        let row = String::from_utf8(row(cells).unwrap()).unwrap();
        assert_eq!(row, "'=1+1,'+1,'-1,'@SUM(A1),'',\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\r\n");
    }

    #[test]
    fn a_line_has_the_same_names_in_both_formats() {
        let line = serde_json::to_value(Line::default()).unwrap();
        let names: BTreeSet<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, BTreeSet::from(Line::COLUMNS));
    }
}
