//! A run that keeps nothing: what it would store is counted.

mod ledger;
mod rehearsed;
mod sink;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::rehearsed::{LargeMail, MailsOfPerson, Rehearsed};
use self::{ledger::RehearsalLedger, sink::RehearsalSink};
use crate::{Ledger, Sink, Spool};

/// A sink and a ledger for an [`Archiver`](crate::Archiver) that is to find out what a run would do: it goes the way of every run, and nothing is stored.
///
/// Where there is an archive the run begins behind its last entry; it is only read. Mails of an interrupted run that are there already are counted as if they were not.
///
/// ```
/// use jabber_archive_core::Rehearsal;
///
/// let rehearsal = Rehearsal::new(None, None);
/// // Archiver::new(facts, source, converter, rehearsal.sink(), rehearsal.ledger(), pause).run(now, stop).await?;
/// assert_eq!(rehearsal.rehearsed().mails, 0);
/// ```
#[derive(Debug)]
pub struct Rehearsal {
    count: Count,
    sink: Arc<RehearsalSink>,
    ledger: Arc<RehearsalLedger>,
}

impl Rehearsal {
    /// A rehearsal of a run on the archive that is there, or on a new one. The ledger of an archive that is not there would create it.
    ///
    /// The lists of the last windows are held, in the spool if there is one.
    pub fn new(archive: Option<(Arc<dyn Sink>, Arc<dyn Ledger>)>, spool: Option<Arc<dyn Spool>>) -> Self {
        let count = Count::default();
        let (sink, ledger) = archive.unzip();
        let sink = Arc::new(RehearsalSink::new(sink, count.clone()));
        let ledger = Arc::new(RehearsalLedger::new(ledger, spool, count.clone()));
        Self { count, sink, ledger }
    }

    /// The sink.
    pub fn sink(&self) -> Arc<dyn Sink> {
        self.sink.clone()
    }

    /// The ledger.
    pub fn ledger(&self) -> Arc<dyn Ledger> {
        self.ledger.clone()
    }

    /// What would have been stored so far.
    pub fn rehearsed(&self) -> Rehearsed {
        self.count.lock().clone()
    }
}

/// What sink and ledger count together.
#[derive(Debug, Clone, Default)]
struct Count(Arc<Mutex<Rehearsed>>);

impl Count {
    fn lock(&self) -> MutexGuard<'_, Rehearsed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
