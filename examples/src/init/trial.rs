//! Tries what was answered, as a run would use it; nothing is written.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

#[cfg(feature = "imap")]
use jabber_archive_core::{Error, ErrorClass, ErrorKind};
use jabber_archive_core::{Result, Secret};

use super::answers::{Answers, SecretPlace};
use crate::{
    command::{Surveyed, now},
    config::{Config, GivenSecrets, SecretRef},
    console::Console,
    wiring::{self, Databases, Place},
};

/// What is tried, with secrets that are known for the trial alone.
pub(super) struct Trial {
    /// Where the configuration is to be.
    file: PathBuf,
    given: BTreeMap<String, Secret>,
}

impl Trial {
    pub(super) fn new(file: &Path) -> Self {
        Self { file: file.to_owned(), given: BTreeMap::new() }
    }

    /// Whether a secret is where it is said to be.
    pub(super) fn has(&self, place: &SecretPlace) -> bool {
        let folder = self.file.parent().unwrap_or(Path::new(""));
        SecretRef::of(place.kind, &place.name).is_some_and(|place| place.is_there(folder))
    }

    /// Uses this where the configuration names that place.
    pub(super) fn give(&mut self, place: &SecretPlace, secret: String) {
        self.given.insert(GivenSecrets::place(place.kind, &place.name), Secret::new(secret));
    }

    fn config(&self, answers: &Answers) -> Result<Config> {
        let mut config = Config::parse(&answers.text(), &self.file)?;
        config.given = GivenSecrets::new(self.given.clone());
        Ok(config)
    }

    /// What the database looks like, and whether all of it can be read.
    pub(super) async fn database(&self, answers: &Answers) -> Result<(String, bool)> {
        let config = self.config(answers)?;
        let surveys = Databases::of(&config)?.survey().await?;
        let surveyed: Vec<Surveyed> = surveys.into_iter().map(|(source, survey)| Surveyed::new(source, survey, now())).collect();
        let readable = surveyed.iter().all(|survey| !survey.is_faulty(false) && survey.has_messages());
        Ok((surveyed.iter().map(ToString::to_string).collect(), readable))
    }

    /// How many JIDs the directory gives an address, where it lists them.
    pub(super) async fn directory(&self, answers: &Answers) -> Result<Option<u64>> {
        let config = self.config(answers)?;
        let known = wiring::people(&config).await?;
        Ok(known.people.directory().size())
    }

    /// What refuses the sign-in to a mailbox, if something does. The folder for the mails is made in it.
    #[cfg(feature = "imap")]
    pub(super) async fn mailbox(&self, answers: &Answers, mailbox: &str) -> Result<()> {
        let config = self.config(answers)?;
        let Some(settings) = &config.mailboxes else { return Ok(()) };
        let server = jabber_archive_imap::ImapMailboxes::new(settings.server(&config)?)?;
        match server.check(mailbox).await? {
            None => Ok(()),
            Some(refusal) => {
                Err(Error::new(ErrorKind::Mailbox, ErrorClass::Fatal, "try mailbox", format!("{}: {}", refusal.reason, refusal.words))
                    .about(mailbox)
                    .advise("docs/mailboxes.md says what that means"))
            }
        }
    }

    /// Where the archive is to be, and whether there is one.
    pub(super) async fn store(&self, answers: &Answers) -> Result<(String, bool)> {
        let config = self.config(answers)?;
        let place = Place::of(&config)?;
        let archive = place.find(Console::progress()).await?;
        if let Some(archive) = &archive
            && let Some((stored, _)) = archive.ledger().facts().await?
        {
            // As the first run would refuse it.
            wiring::facts(&config)?.compare(&stored)?;
        }
        Ok((place.to_string(), archive.is_some()))
    }
}
