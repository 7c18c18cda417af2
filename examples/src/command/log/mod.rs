//! What the chain says was done: entry by entry, or item by item.

mod entries;
mod items;

use std::time::Duration;

use jabber_archive_core::{EntryRecord, Result, Timestamp};

use super::{Outcome, verify::open};
use crate::{arguments::Log, console::Console};

/// How many entries are read at the same time.
const AHEAD: usize = 16;

pub(super) async fn log(arguments: &Log, console: &Console) -> Result<Outcome> {
    let (place, archive) = open(&arguments.located).await?;
    match arguments.format {
        None => entries::log(arguments, &place, &archive.ledger(), console).await,
        Some(format) => items::log(arguments, format, &place, &archive.ledger()).await,
    }
}

/// Whether it is about the time that is asked for.
fn concerns(record: &EntryRecord, since: Option<Timestamp>, until: Option<Timestamp>) -> bool {
    let (first, last) = match (record.seal(), record.act()) {
        (Some(seal), _) => (seal.span.start, seal.span.end.before(Duration::from_millis(1))),
        (_, Some(act)) => (act.started, act.started),
        (_, None) => return true,
    };
    since.is_none_or(|since| last >= since) && until.is_none_or(|until| first < until)
}
