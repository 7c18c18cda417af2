use std::collections::{BTreeMap, VecDeque};

use jabber_archive_core::{EntryRecord, Finding, Grid, RunEntry, Seal, Timestamp};
use serde::Serialize;

use super::days::windows_of;

/// What a run did, as far as its entries tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Ran {
    /// The number of its own entry; none if it has not written it.
    pub(crate) entry: Option<u64>,
    pub(crate) started: Option<Timestamp>,
    pub(crate) host: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) version: Option<String>,
    /// Its entries that seal a window or a range of empty ones.
    pub(crate) seals: u64,
    /// The windows in them.
    pub(crate) windows: u64,
    /// Those that add to a sealed window.
    pub(crate) addenda: u64,
    pub(crate) messages: u64,
    pub(crate) items: u64,
    pub(crate) bytes: u64,
    pub(crate) dead_letters: u64,
    /// How many findings of each kind its entries have.
    pub(crate) findings: BTreeMap<&'static str, u64>,
    /// Whether some of this was done by another run that has no entry yet: interrupted, or at work at the same time.
    pub(crate) of_several: bool,
    /// Why somebody let it go on where it would have stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) accepted: Option<String>,
}

impl Ran {
    fn add(&mut self, seal: &Seal) {
        self.messages += seal.messages.listed;
        self.items += seal.items;
        self.bytes += seal.bytes;
        self.dead_letters += seal.dead_letters.len() as u64;
        self.find(&seal.findings);
    }

    fn find(&mut self, findings: &[Finding]) {
        for finding in findings {
            *self.findings.entry(finding.kind()).or_default() += 1;
        }
    }

    fn end(&mut self, entry: u64, run: &RunEntry) {
        self.find(&run.findings);
        self.entry = Some(entry);
        self.started = Some(run.by.started);
        self.host = Some(run.by.host.clone());
        self.account = Some(run.by.account.clone());
        self.version = Some(run.by.version.clone());
        self.accepted.clone_from(&run.accepted);
    }
}

/// The last runs. An entry about a window is of the run whose entry comes next.
#[derive(Debug, Default)]
pub(super) struct Runs {
    ended: VecDeque<Ran>,
    current: Ran,
    /// The first entry of what is current.
    first: Option<u64>,
}

impl Runs {
    /// So many are kept.
    const LAST: usize = 10;

    pub(super) fn take(&mut self, number: u64, record: &EntryRecord, grid: Grid) {
        match record {
            EntryRecord::Seal(seal) => {
                self.first.get_or_insert(number);
                self.current.seals += 1;
                self.current.windows += windows_of(grid, seal.span);
                self.current.add(seal);
            }
            EntryRecord::Addendum(addendum) => {
                self.first.get_or_insert(number);
                self.current.addenda += 1;
                self.current.add(&addendum.seal);
            }
            EntryRecord::Run(run) => {
                let mut ran = std::mem::take(&mut self.current);
                ran.of_several = self.first.take().is_some_and(|begun| run.seals.is_none_or(|(first, _)| begun < first));
                ran.end(number, run);
                self.ended.push_front(ran);
                self.ended.truncate(Self::LAST);
            }
            _ => {}
        }
    }

    /// Those that ended, the newest first, and what was done behind them.
    pub(super) fn end(self) -> (Vec<Ran>, Option<Ran>) {
        let unfinished = Some(self.current).filter(|current| current.seals + current.addenda > 0);
        (self.ended.into(), unfinished)
    }
}
