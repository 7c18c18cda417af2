//! Deliveries of some mails, to many mailboxes at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, stream};
use jabber_archive_core::{
    Delivery, Error, ErrorClass, ErrorKind, Event, Letter, Receipt, ReceiptResult, Refusal, RefusalReason, Result, Span,
};

use super::{
    Import, ImportProgress, Imported,
    plan::Mailing,
    record::{Record, Says},
};

/// So many receipts, or those of so long a time, are written while deliveries go on: what a killed import does not know of.
const FLUSH_RECEIPTS: usize = 1_000;
const FLUSH_AFTER: Duration = Duration::from_mins(1);

/// How long a wait goes on after the import is asked to stop.
const ATTENTION: Duration = Duration::from_millis(250);

/// With so many mailboxes that refuse the sign-in and none that took it, the account is wrong.
const TURNED_AWAY: usize = 3;

/// What the mailboxes have shown in this import.
#[derive(Debug, Default)]
pub(super) struct Doors {
    /// Those that take nothing more, and why.
    closed: BTreeMap<Arc<str>, Refusal>,
    /// Whether any has taken a sign-in.
    let_in: bool,
    turned_away: BTreeSet<Arc<str>>,
    /// Copies that mailboxes have, or had.
    served: u64,
}

impl Doors {
    /// That nobody lets us in, if so.
    pub(super) fn locked(&self) -> Option<Error> {
        let refusal = self.turned_away.iter().find_map(|mailbox| self.closed.get(mailbox))?;
        (!self.let_in).then(|| {
            let what = format!("no mailbox takes the sign-in: {}", refusal.words);
            Error::new(ErrorKind::Mailbox, ErrorClass::Credential, "sign in to mailboxes", what)
                .advise("check how [mailboxes] signs in, and which mailboxes the account may open")
        })
    }
}

/// One mail for one mailbox.
#[derive(Debug, Clone)]
pub(super) struct Due {
    pub(super) mailbox: Arc<str>,
    pub(super) mailing: Arc<Mailing>,
    /// Whether it may be there already.
    pub(super) search: bool,
}

/// Deliveries that are recorded together.
pub(super) struct Round<'a, 'i> {
    pub(super) import: &'a Import<'i>,
    pub(super) doors: &'a Mutex<Doors>,
    pub(super) stopped: &'a AtomicBool,
    /// What entries while it goes on say to be open.
    pub(super) open: Option<Span>,
    /// Whether all of it was refused before: while it goes on, only what is no more is recorded.
    pub(super) again: bool,
}

/// What a round has recorded, and what is still to be.
struct Ledgered<'r> {
    record: &'r mut Record,
    imported: &'r mut Imported,
    receipts: Vec<Receipt>,
    flushed: jabber_archive_core::Timestamp,
}

impl Round<'_, '_> {
    /// Delivers; gives the receipts that are not recorded yet. After an error, what was done is recorded.
    pub(super) async fn deliver(&self, due: Vec<Due>, record: &mut Record, imported: &mut Imported) -> Result<Vec<Receipt>> {
        let mut groups: BTreeMap<Arc<str>, Vec<Due>> = BTreeMap::new();
        for one in due {
            groups.entry(one.mailbox.clone()).or_default().push(one);
        }
        let failed: Mutex<Option<Error>> = Mutex::default();
        let ledgered = futures::lock::Mutex::new(Ledgered { record, imported, receipts: Vec::new(), flushed: (self.import.clock)() });
        let (ledgered_by, failed_by) = (&ledgered, &failed);
        let mailboxes = stream::iter(groups.into_values()).map(|letters| async move {
            for due in letters {
                if self.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let done = async {
                    let Some(receipt) = self.one(&due).await? else { return Ok(()) };
                    self.take(receipt, &mut *ledgered_by.lock().await).await
                };
                if let Err(error) = done.await {
                    // The first that failed is what everything else follows from.
                    lock(failed_by).get_or_insert(error);
                    self.stopped.store(true, Ordering::Relaxed);
                }
            }
        });
        mailboxes.buffer_unordered(self.import.settings.connections.max(1)).collect::<()>().await;
        let mut ledgered = ledgered.into_inner();
        let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        let Some(error) = failed else { return Ok(ledgered.receipts) };
        self.flush(&mut ledgered).await?;
        Err(error)
    }

    async fn take(&self, receipt: Receipt, ledgered: &mut Ledgered<'_>) -> Result<()> {
        ledgered.receipts.push(receipt);
        let now = (self.import.clock)();
        if ledgered.receipts.len() >= FLUSH_RECEIPTS || now.distance(ledgered.flushed) >= FLUSH_AFTER {
            self.flush(ledgered).await?;
            ledgered.flushed = now;
        }
        Ok(())
    }

    async fn flush(&self, ledgered: &mut Ledgered<'_>) -> Result<()> {
        let is_news = |line: &Receipt| !(self.again && line.is_refused());
        let (receipts, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut ledgered.receipts).into_iter().partition(is_news);
        ledgered.receipts = kept;
        if receipts.is_empty() {
            return Ok(());
        }
        ledgered.record.append(receipts, Says { open: self.open, ..Says::default() }, ledgered.imported).await
    }

    /// One delivery, tried until there is an answer; none if the import is stopped before.
    async fn one(&self, due: &Due) -> Result<Option<Receipt>> {
        let Due { mailbox, mailing, .. } = due;
        let closed = lock(self.doors).closed.get(mailbox).cloned();
        let delivery = match closed {
            Some(refusal) => Delivery::Refused(refusal),
            None => match mailing.listed.read(&self.import.archive).await? {
                Ok(content) => {
                    let message_id = format!("{}@{}", mailing.listed.key.id, self.import.domain);
                    let received = if self.import.settings.received_when_said { mailing.date } else { None };
                    let letter = Letter::new(mailing.listed.key.id.clone(), message_id, content).received(received);
                    match self.patiently(mailbox, &letter, due.search).await? {
                        Some(delivery) => delivery,
                        None => return Ok(None),
                    }
                }
                Err(problem) => Delivery::Refused(Refusal::new(RefusalReason::Unverified, problem.to_string())),
            },
        };
        self.learn(mailbox, &delivery)?;
        (self.import.progress)(ImportProgress { copies: 1, bytes: mailing.listed.bytes });
        Ok(Some(self.receipt(due, delivery)))
    }

    /// Tries again what may pass, and looks then whether the mail is there: an answer may have been lost. A credential is renewed once.
    async fn patiently(&self, mailbox: &str, letter: &Letter, mut search: bool) -> Result<Option<Delivery>> {
        let (mut tried, mut waited, mut renewed) = (0, Duration::ZERO, false);
        let served = lock(self.doors).served;
        loop {
            let attempt = self.import.mailboxes.deliver(mailbox, letter, search).await;
            tried += 1;
            let busy;
            let error = match &attempt {
                Ok(Delivery::Refused(refusal)) if refusal.reason == RefusalReason::Unavailable => {
                    busy = Error::new(ErrorKind::Mailbox, ErrorClass::Transient, "deliver", refusal.words.as_str()).about(mailbox);
                    &busy
                }
                Err(error) if error.class() == ErrorClass::Transient => error,
                Err(error) if error.class() == ErrorClass::Credential && !renewed => {
                    renewed = true;
                    error
                }
                _ => return attempt.map(Some),
            };
            let Some(wait) = self.import.settings.retry.wait(tried, waited, error.wait()) else {
                // A server that serves others meanwhile is there: it is this mailbox that cannot be reached.
                let is_alone = error.class() == ErrorClass::Transient && lock(self.doors).served > served;
                return if is_alone { Ok(Some(unavailable(error))) } else { attempt.map(Some) };
            };
            if !self.pause(wait, error).await {
                return Ok(None);
            }
            (waited, search) = (waited + wait, true);
        }
    }

    /// Waits; whether the import goes on.
    async fn pause(&self, wait: Duration, error: &Error) -> bool {
        if self.stopped.load(Ordering::Relaxed) {
            return false;
        }
        self.import.observer.observe(&Event::Retrying { error, wait });
        let mut left = wait;
        while !left.is_zero() && !self.stopped.load(Ordering::Relaxed) {
            // Whoever asks to stop does not wait for all of it.
            let piece = left.min(ATTENTION);
            self.import.pause.pause(piece).await;
            left -= piece;
        }
        !self.stopped.load(Ordering::Relaxed)
    }

    fn learn(&self, mailbox: &Arc<str>, delivery: &Delivery) -> Result<()> {
        let mut doors = lock(self.doors);
        match delivery {
            Delivery::Refused(refusal) => {
                if refusal.reason == RefusalReason::SignIn {
                    // Those who were refused before may be gone for good.
                    if !self.again {
                        doors.turned_away.insert(mailbox.clone());
                    }
                } else if refusal.reason != RefusalReason::Unverified {
                    doors.let_in = true;
                }
                if refusal.reason.closes_mailbox() {
                    doors.closed.entry(mailbox.clone()).or_insert_with(|| refusal.clone());
                }
            }
            Delivery::Delivered(_) | Delivery::Found(_) => {
                doors.let_in = true;
                doors.served += 1;
            }
        }
        if doors.turned_away.len() < TURNED_AWAY { Ok(()) } else { doors.locked().map_or(Ok(()), Err) }
    }

    fn receipt(&self, due: &Due, delivery: Delivery) -> Receipt {
        let listed = &due.mailing.listed;
        let result = match delivery {
            Delivery::Delivered(place) => ReceiptResult::Delivered(place),
            Delivery::Found(place) => ReceiptResult::Found(place),
            Delivery::Refused(refusal) => {
                let reason = refusal.reason;
                self.import.refused(&listed.key, Some(&due.mailbox), refusal);
                ReceiptResult::Refused { reason }
            }
        };
        due.mailing.receipt(Some(due.mailbox.to_string()), result, (self.import.clock)())
    }
}

fn unavailable(error: &Error) -> Delivery {
    Delivery::Refused(Refusal::new(RefusalReason::Unavailable, error.to_string()))
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets something stop a future that goes on until it has left everything in order.
pub(super) async fn until<T>(stop: impl Future<Output = ()>, stopped: &AtomicBool, work: impl Future<Output = T>) -> T {
    let stop = std::pin::pin!(stop);
    let work = std::pin::pin!(work);
    let mut work: Pin<&mut _> = work;
    match futures::future::select(stop, work.as_mut()).await {
        futures::future::Either::Left(((), _)) => {
            stopped.store(true, Ordering::Relaxed);
            work.await
        }
        futures::future::Either::Right((done, _)) => done,
    }
}
