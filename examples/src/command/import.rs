use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result, Timestamp};
use jabber_archive_imap::ImapMailboxes;
use jabber_archive_sink::{Import, ImportProgress, Imported};
use serde::Serialize;

use super::{Failure, Outcome, asked_to_stop, now};
use crate::{
    arguments,
    config::Config,
    console::{Console, LiveLine, Watcher},
    wiring::{self, Place},
};

/// What an import did, for people and for machines.
#[derive(Debug, Serialize)]
pub(crate) struct Delivered {
    archive: String,
    mailboxes: String,
    pub(crate) seconds: f64,
    #[serde(skip)]
    failed: bool,
    #[serde(rename = "dry_run", skip_serializing_if = "std::ops::Not::not")]
    rehearsed: bool,
    #[serde(flatten)]
    pub(crate) imported: Imported,
}

pub(super) async fn import(asked: &arguments::Import, console: &Console) -> Result<Outcome, Failure> {
    let config = Config::read(&asked.configured.config)?;
    let (line, copies) = (LiveLine::new(), AtomicU64::new(0));
    let told = |ImportProgress { copies: more, .. }| {
        let copies = copies.fetch_add(more, Ordering::Relaxed) + more;
        line.show(format_args!("{copies} copies delivered, or refused"));
    };
    let what = What { since: asked.since, until: asked.until, unmapped_since: asked.unmapped_since, rehearse: asked.rehearse };
    let delivered = deliver(&config, &what, Console::progress(), told, asked_to_stop()?).await;
    line.leave();
    let delivered = delivered?;
    console.print(&delivered)?;
    Ok(delivered.outcome())
}

/// What is to be delivered, of what was not delivered yet.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct What {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    unmapped_since: Option<Timestamp>,
    rehearse: bool,
}

/// Puts mails into mailboxes until that is done, fails, or is to stop.
pub(crate) async fn deliver(
    config: &Config,
    what: &What,
    watcher: Arc<dyn Watcher>,
    told: impl Fn(ImportProgress) + Send + Sync,
    stop: impl Future<Output = ()> + Send,
) -> Result<Delivered, Failure> {
    let settings = config.mailboxes.as_ref().ok_or_else(|| {
        Error::new(ErrorKind::Config, ErrorClass::Fatal, "read configuration", "there is no section [mailboxes]")
            .advise("add it: it says which mailboxes are filled")
    })?;
    let server = settings.server(config)?;
    let mut settings = settings.settings(config)?;
    settings.span.start = what.since.map_or(settings.span.start, |since| since.max(settings.span.start));
    settings.span.end = what.until.unwrap_or(settings.span.end);
    if settings.span.is_empty() {
        return Err(refuse("--until", "it is not after --since, or `since` of [mailboxes]").into());
    }
    settings.retry = wiring::settings(config).retry;
    settings.rehearse = what.rehearse;
    let place = Place::of(config)?;
    let to = server.to_string();
    let mailboxes = ImapMailboxes::new(server)?;
    let people = match what.unmapped_since {
        Some(since) => Some((since, wiring::people_patiently(config, &*watcher).await?)),
        None => None,
    };
    let archive = place.find(watcher.clone()).await?.ok_or_else(|| place.empty())?;

    let started = Instant::now();
    let mut import = Import::new(&archive, &mailboxes, &now, Arc::new(tokio::time::sleep))
        .settings(settings)
        .identity(wiring::identity(Some(config)))
        .observer(watcher)
        .progress(told);
    if let Some((since, people)) = people {
        import = import.mapped_since(since, people);
    }
    let mut imported = Imported::default();
    let ended = import.run(&mut imported, stop).await;
    mailboxes.close().await;
    let delivered = Delivered {
        archive: place.to_string(),
        mailboxes: to,
        seconds: started.elapsed().as_secs_f64(),
        failed: ended.is_err(),
        rehearsed: what.rehearse,
        imported,
    };
    match ended {
        Ok(()) => Ok(delivered),
        Err(error) => Err(Failure { delivered: Some(Box::new(delivered)), ..error.into() }),
    }
}

fn refuse(argument: &str, what: &str) -> Error {
    Error::new(ErrorKind::Config, ErrorClass::Fatal, "read arguments", what).about(argument)
}

impl Delivered {
    pub(crate) fn outcome(&self) -> Outcome {
        if self.imported.stopped {
            Outcome::Stopped
        } else if self.imported.is_whole() {
            Outcome::Done
        } else {
            Outcome::Findings
        }
    }
}

impl fmt::Display for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Imported { items, due, delivered, found, bytes, refused_by, refused, unlisted, problems, entries, head, stopped, .. } =
            &self.imported;
        for problem in problems {
            writeln!(f, "{problem}")?;
        }
        for problem in unlisted {
            writeln!(f, "nothing of it delivered: {problem}")?;
        }
        for refused in refused {
            writeln!(f, "{refused}")?;
        }
        let refusals = self.imported.refusals();
        if refusals > refused.len() as u64 {
            writeln!(f, "and {} more that were refused", refusals - refused.len() as u64)?;
        }
        for (reason, copies) in refused_by {
            writeln!(f, "refused    {copies:>10}  {reason}: tried again by the next import")?;
        }
        if *stopped {
            writeln!(f, "stopped as asked: what is delivered is recorded, the next import goes on from there")?;
        }
        if let Some((first, last)) = entries {
            writeln!(f, "entries {first} to {last} say what was done")?;
        }
        if let Some(head) = head {
            writeln!(f, "head digest {head}")?;
        }
        if self.rehearsed {
            return write!(f, "dry run: {due} copies of {items} mails would be delivered to {}", self.mailboxes);
        }
        if entries.is_none() && !self.failed && !*stopped && *due == 0 {
            return write!(f, "nothing to deliver: every mail of {} is where it belongs", self.archive);
        }
        let found = if *found > 0 { format!(", {found} were there") } else { String::new() };
        write!(f, "{delivered} copies of {bytes} bytes delivered to {}{found}, in {:.1} s", self.mailboxes, self.seconds)
    }
}
