use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use futures::StreamExt;
use jabber_archive_core::{
    ArchiveFacts, Assembler, BareJid, ConversationKey, Extent, Filter, FilterReason, FilterTerm, Finding, MemoryDirectory, Neighbour,
    Party, Record, Result, Rooms, RunSettings, Source, Timestamp, Unmapped, Window,
};
use serde::Serialize;

use super::{
    Outcome,
    after_run::AfterRun,
    now,
    recorded::{self, Existing},
    report::{self, counted},
    surveyed::Surveyed,
    unmapped,
};
use crate::{
    arguments::Resolving,
    config::{Config, Expected},
    console::Console,
    wiring::{self, Databases, DirectorySurvey, FilesSurvey, Known, Place},
};

/// How many message rows of the last window are read to find people without an address.
const SAMPLE: u64 = 100_000;

#[derive(Debug, Serialize)]
struct Checked {
    sources: Vec<Surveyed>,
    archive: String,
    /// Whether there is an archive already.
    exists: bool,
    archived_until: Option<Timestamp>,
    /// Why a run would be refused as things are.
    refused: Option<String>,
    /// What the directory gave, where the people come from one.
    directory: Option<DirectorySurvey>,
    /// Whether the files that were sent could be read, if they are to be archived.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<FilesSurvey>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    undated: u64,
    future: u64,
    /// Participants without an address in the directory, in the window with the last row.
    unmapped: Unmapped,
    /// Where they were written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    unmapped_file: Option<String>,
    /// Message rows among those that were looked at for that.
    sampled_rows: u64,
    /// Rows among these that look encrypted, where no key is set.
    encrypted_rows: u64,
    /// Rows in that window that would become dead letters, by reason.
    undecodable: BTreeMap<String, u64>,
    /// Findings that do not ask for a look.
    #[serde(skip)]
    expected: Expected,
    /// What a run would find of rows that were never recorded or are gone, as far as that shows without archiving.
    findings: Vec<Finding>,
    /// The messages in them that the filter leaves out, by reason.
    filtered: BTreeMap<FilterReason, u64>,
    /// Entries of the filter that name nobody in the directory or in these rows, and no room.
    unknown_entries: Vec<String>,
}

pub(super) async fn check(resolving: &Resolving, console: &Console) -> Result<Outcome> {
    let config = Config::read(&resolving.configured.config)?;
    let file = resolving.unmapped.as_deref();
    unmapped::refuse_existing(file)?;
    let facts = wiring::facts(&config)?;
    wiring::converter(&config, &facts)?;
    let settings = wiring::settings(&config);
    wiring::encryptor(&config)?;
    AfterRun::of(&config)?;
    settings.check(&facts)?;
    wiring::spool(&config)?;
    #[cfg(feature = "imap")]
    if let Some(mailboxes) = &config.mailboxes {
        jabber_archive_imap::ImapMailboxes::new(mailboxes.server(&config)?)?;
        mailboxes.settings(&config)?;
    }
    let place = Place::of(&config)?;
    let existing = existing(&place, &facts).await?;
    let frontier = existing.as_ref().map(|existing| existing.frontier);
    let Known { people, directory: listed, survey: directory } = wiring::people(&config).await?;
    let filter = config.filter.read(&config)?;
    let databases = Databases::of(&config)?;
    let files = match wiring::files(&config)? {
        Some(files) => Some(files.survey().await?),
        None => None,
    };

    let surveys = databases.survey().await?;
    let now = now();
    let sources: Vec<Surveyed> = surveys.into_iter().map(|(source, survey)| Surveyed::new(source, survey, now)).collect();
    let archives_files = files.is_some();
    let faults = sources.iter().any(|source| source.is_faulty(archives_files));
    let unlogged = archives_files && !sources.iter().any(Surveyed::logs_transfers);
    let apart = |source: &Surveyed| now.distance(source.clock());
    let refused = sources.iter().find(|source| apart(source) > settings.settle).map(|source| {
        let name = source.source();
        format!("our clock and that of {name} are {} s apart, more than `settle`: set the clocks", apart(source).as_secs())
    });
    let skewed = sources.iter().any(|source| apart(source) > RunSettings::CLOCK_SKEW);
    let read_only = sources.iter().any(Surveyed::is_read_only);
    // As a run asks: rows are written meanwhile, and by clocks that are a little ahead.
    let latest = sources.iter().map(Surveyed::clock).fold(now, Timestamp::min).after(settings.settle);
    let source = databases.together();
    let extent = if faults { Extent::default() } else { source.extent(latest).await? };
    let mut checked = Checked {
        sources,
        archive: place.to_string(),
        exists: frontier.is_some(),
        archived_until: frontier.and_then(|frontier| frontier.end),
        refused,
        directory,
        files,
        first: extent.first,
        last: extent.last,
        undated: extent.undated,
        future: extent.future,
        unmapped: Unmapped::default(),
        unmapped_file: None,
        sampled_rows: 0,
        encrypted_rows: 0,
        undecodable: BTreeMap::new(),
        expected: config.run.expected_findings.clone(),
        findings: Vec::new(),
        filtered: BTreeMap::new(),
        unknown_entries: Vec::new(),
    };
    if let Some(last) = extent.last {
        let rooms = Arc::new(source.context().await?);
        let assembler = Assembler::new(&facts, rooms.clone(), people);
        let seen = checked.sample(&*source, assembler, facts.grid.window_at(last), &filter).await?;
        checked.unknown_entries = unknown_entries(&filter, listed.as_deref(), &rooms, seen);
    }
    if !faults {
        checked.findings.extend(recorded::findings(&*source, &extent, &facts, &settings, existing.as_ref(), now).await?);
    }
    checked.unmapped_file = unmapped::write(file, &checked.unmapped)?;
    console.print(&checked)?;
    // What a run would find of this kind.
    let expected = |kind: &str| checked.expected.names(kind);
    let findings = faults
        || (skewed && !expected("clock-skew"))
        || unlogged
        || checked.files.as_ref().is_some_and(|files| files.fault.is_some())
        || checked.refused.is_some()
        || read_only
        || (checked.undated > 0 && !expected("implausible-date"))
        || (checked.future > 0 && !expected("future-date"))
        || checked.directory.as_ref().is_some_and(DirectorySurvey::is_odd)
        || (checked.encrypted_rows > 0 && !expected("encrypted"))
        || checked.expected.leaves(&checked.findings)
        || !checked.undecodable.is_empty()
        || (!checked.unmapped.is_empty() && !expected("unmapped-people"))
        || !checked.unknown_entries.is_empty();
    Ok(if findings { Outcome::Findings } else { Outcome::Done })
}

/// How far the archive has come, if there is one; one that was made with other facts is refused as a run refuses it.
async fn existing(place: &Place, facts: &ArchiveFacts) -> Result<Option<Existing>> {
    let Some(archive) = place.find(Console::progress()).await? else { return Ok(None) };
    let ledger = archive.ledger();
    let Some((stored, _)) = ledger.facts().await? else { return Ok(None) };
    facts.compare(&stored)?;
    Existing::of(&ledger).await.map(Some)
}

impl Checked {
    /// Assembles the last window, or what of it comes first, and looks who has no address in what would be archived. Gives all by which an entry of a filter can name
    /// somebody who took part.
    async fn sample(&mut self, source: &dyn Source, mut assembler: Assembler, window: Window, filter: &Filter) -> Result<BTreeSet<String>> {
        let mut records = source.records(window.span());
        while let Some(batch) = records.next().await {
            let batch = batch?;
            for record in batch.iter().filter(|record| window.contains(record.sent())) {
                match record {
                    Record::Message(row) => {
                        self.sampled_rows += 1;
                        self.encrypted_rows += u64::from(row.encrypted);
                    }
                    Record::Undecodable(row) => *self.undecodable.entry(format!("{}: {}", row.table, row.reason)).or_default() += 1,
                    _ => {}
                }
            }
            assembler.accept(batch);
            if self.sampled_rows >= SAMPLE {
                break;
            }
        }
        let mut seen = BTreeSet::new();
        let assembly = assembler.assemble(&window, &Neighbour::default());
        // Of a window that was read in part everything would be missing that was not read.
        if self.sampled_rows < SAMPLE {
            self.findings.extend(recorded::of_window(source, &window, &assembly.traces).await?);
        }
        for conversation in assembly.conversations {
            if let Some(reason) = filter.reason(&conversation) {
                *self.filtered.entry(reason).or_default() += conversation.messages.len() as u64;
            } else {
                self.unmapped.count(&conversation);
            }
            if let ConversationKey::Room(room) = &conversation.key {
                seen.insert(room.to_string());
            }
            for participant in conversation.participants {
                if let Party::User(jid) = &participant.party {
                    seen.extend(FilterTerm::naming(jid, Some(participant.address.as_str())));
                }
            }
        }
        Ok(seen)
    }
}

/// The entries of a filter that name nobody, where that can be told: people where the directory lists everybody, rooms by their JIDs.
fn unknown_entries(filter: &Filter, directory: Option<&MemoryDirectory>, rooms: &Rooms, mut seen: BTreeSet<String>) -> Vec<String> {
    let is_room = |term: &&FilterTerm| {
        term.is_domain() || seen.contains(term.as_str()) || BareJid::new(term.as_str()).is_some_and(|jid| rooms.room(&jid).is_some())
    };
    let unknown_rooms = filter.include_rooms.iter().chain(&filter.exclude_rooms).filter(|term| !is_room(term));
    let mut unknown: Vec<String> = unknown_rooms.map(ToString::to_string).collect();
    if let Some(directory) = directory {
        seen.extend(directory.people().flat_map(|(jid, person)| FilterTerm::naming(jid, Some(&person.email))));
        unknown.extend(filter.include.iter().chain(&filter.exclude).map(ToString::to_string).filter(|term| !seen.contains(term)));
    }
    unknown
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for source in &self.sources {
            write!(f, "{source}")?;
        }
        match (self.first, self.last) {
            (Some(first), Some(last)) => writeln!(f, "rows   from {first} to {last}")?,
            _ => writeln!(f, "rows   none from 2000 on")?,
        }
        if self.undated > 0 {
            writeln!(f, "       {} dated before 2000: they go into items/undated", self.undated)?;
        }
        if self.future > 0 {
            writeln!(f, "       {} dated in the future: they wait for their day", self.future)?;
        }
        if self.encrypted_rows > 0 {
            writeln!(
                f,
                "       {} of the last {} look encrypted: without `encryption_keys` they are archived as ciphertext",
                self.encrypted_rows, self.sampled_rows
            )?;
        }
        for (reason, rows) in &self.undecodable {
            writeln!(f, "       {rows} of the last window would be dead letters: {reason}")?;
        }
        report::told(f, &self.findings, &self.expected)?;
        if let Some(files) = &self.files {
            write!(f, "{files}")?;
        }
        if let Some(directory) = &self.directory {
            write!(f, "{directory}")?;
        }
        if !self.unmapped.is_empty() {
            writeln!(f, "people without an address, in the {} rows that were looked at:", self.sampled_rows)?;
            unmapped::show(f, &self.unmapped, self.unmapped_file.as_deref())?;
        }
        if !self.filtered.is_empty() {
            writeln!(f, "filter left out of these rows, in messages: {}", counted(&self.filtered))?;
        }
        if !self.unknown_entries.is_empty() {
            writeln!(f, "entries of the filter that name nobody in the directory, nobody in these rows, and no room:")?;
            for entry in self.unknown_entries.iter().take(20) {
                writeln!(f, "       {entry}")?;
            }
            if self.unknown_entries.len() > 20 {
                writeln!(f, "       and {} more", self.unknown_entries.len() - 20)?;
            }
        }
        if let Some(why) = &self.refused {
            writeln!(f, "a run would be refused: {why}")?;
        }
        let done = if self.unmapped_file.is_some() { "archived" } else { "written" };
        write!(f, "nothing was {done}; the archive {} ", self.archive)?;
        match (self.exists, self.archived_until) {
            (false, _) => write!(f, "will be made"),
            (true, None) => write!(f, "exists, with nothing archived in order yet"),
            (true, Some(end)) => write!(f, "exists, archived until {end}"),
        }
    }
}
