//! A source of one's own: chats from somewhere else, archived by the same line.
//!
//! `cargo run --example custom_source` archives a chat that was exported as lines of text. The suite that every source must pass is
//! `jabber_archive_core::testing::conformance::source`.

use std::{collections::BTreeMap, error::Error, future, sync::Arc};

use async_trait::async_trait;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use jabber_archive_core::{
    ArchiveFacts, Archiver, Clock, Direction, Extent, Grid, Jid, MessageRow, Record, Result, Rooms, Source, SourceId, Span, Table, Tally,
    Timestamp, Transcript, TranscriptSettings, Transfer,
};
use jabber_archive_sink::Archive;

/// A chat as a list of lines: when, who, to whom, what.
#[derive(Debug)]
struct Export {
    id: SourceId,
    lines: Vec<(Timestamp, Jid, Jid, String)>,
    now: Timestamp,
}

impl Export {
    fn parse(text: &str, now: Timestamp) -> Result<Self, Box<dyn Error>> {
        let mut lines = Vec::new();
        for line in text.lines() {
            let fields: Vec<&str> = line.splitn(4, ' ').collect();
            let [time, from, to, body] = fields[..] else { return Err("a line is: time from to text".into()) };
            let jid = |text| Jid::parse(text).ok_or("an empty JID");
            lines.push((time.parse()?, jid(from)?, jid(to)?, body.to_owned()));
        }
        Ok(Self { id: SourceId::new("export"), lines, now })
    }

    fn dated(&self, span: Span) -> impl Iterator<Item = Record> {
        self.lines.iter().filter(move |(sent, ..)| span.contains(*sent)).map(|(sent, from, to, body)| {
            let mut row = MessageRow::new(Table::Jm, *sent, from.clone(), to.clone());
            row.direction = Some(Direction::Incoming);
            row.length = body.chars().count() as u64;
            row.body = Some(body.clone());
            Record::Message(row)
        })
    }
}

#[async_trait]
impl Source for Export {
    fn id(&self) -> &SourceId {
        &self.id
    }

    async fn clocks(&self) -> Result<Vec<Clock>> {
        Ok(vec![Clock::new(self.id.clone(), self.now)])
    }

    async fn extent(&self, now: Timestamp) -> Result<Extent> {
        let times = || self.lines.iter().map(|(sent, ..)| *sent);
        let mut extent = Extent::default();
        extent.first = times().filter(|sent| (Timestamp::PLAUSIBLE..=now).contains(sent)).min();
        extent.last = times().filter(|sent| (Timestamp::PLAUSIBLE..=now).contains(sent)).max();
        extent.undated = times().filter(|sent| *sent < Timestamp::PLAUSIBLE).count() as u64;
        extent.future = times().filter(|sent| *sent > now).count() as u64;
        Ok(extent)
    }

    async fn context(&self) -> Result<Rooms> {
        Ok(Rooms::new())
    }

    async fn tally(&self, span: Span, grid: &Grid) -> Result<Vec<Tally>> {
        let mut windows: BTreeMap<_, (u64, u64)> = BTreeMap::new();
        for record in self.dated(span) {
            let (rows, length) = windows.entry(grid.window_at(record.sent())).or_default();
            *rows += 1;
            *length += record.length();
        }
        Ok(windows.into_iter().map(|(window, (rows, length))| Tally::new(window, Table::Jm, rows, length)).collect())
    }

    fn records(&self, span: Span) -> BoxStream<'static, Result<Vec<Record>>> {
        let records: Vec<Record> = self.dated(span).collect();
        stream::iter([Ok(records)]).boxed()
    }

    /// An export has no log of transfers: nobody knows of uploads.
    async fn transfers(&self, _: Span, _: &[String]) -> Result<Vec<Transfer>> {
        Ok(Vec::new())
    }
}

const EXPORT: &str = "\
2026-11-19T09:14:03Z alice@example.com bob@example.com Are the figures ready?
2026-11-19T09:14:40Z bob@example.com alice@example.com In an hour.";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let now = "2026-11-21T02:00:00Z".parse()?;
    let folder = std::env::temp_dir().join(format!("jabber-archive-source-{}", std::process::id()));
    let facts = ArchiveFacts::new("export")?;
    let archive = Archive::file(&folder)?;
    let report = Archiver::new(
        facts.clone(),
        Arc::new(Export::parse(EXPORT, now)?),
        Arc::new(Transcript::new(&facts, TranscriptSettings::default())?),
        Arc::new(archive.sink()),
        Arc::new(archive.ledger()),
        Arc::new(tokio::time::sleep),
    )
    .run(now, future::pending())
    .await?;
    assert_eq!((report.messages, report.items), (2, 1));
    println!("{} messages in {} mail below {}", report.messages, report.items, folder.display());
    Ok(())
}
