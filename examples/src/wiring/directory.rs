use std::{fmt, fs::File, path::Path, sync::Arc, time::Duration};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Event, JidIsEmail, MemoryDirectory, Observer, People, Result};
#[cfg(feature = "ldap")]
use jabber_archive_ldap::{Fetched, LdapSurvey};
use serde::Serialize;

use super::{refuse, settings};
use crate::config::Config;

/// How many entries that are wrong are named.
#[cfg(feature = "ldap")]
const NAMED: usize = 20;

/// What a directory gave.
#[derive(Debug, Serialize)]
pub(crate) struct DirectorySurvey {
    /// How many JIDs it knows.
    jids: usize,
    #[cfg(feature = "ldap")]
    #[serde(skip_serializing_if = "Option::is_none")]
    ldap: Option<LdapSurvey>,
}

/// Who the people are.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) people: People,
    /// The directory that says so, where it lists everybody whom it knows.
    pub(crate) directory: Option<Arc<MemoryDirectory>>,
    /// What that gave.
    pub(crate) survey: Option<DirectorySurvey>,
}

/// Asks the directory, once, who the people are.
pub(crate) async fn people(config: &Config) -> Result<Known> {
    let directory = &config.directory;
    let known = match (&directory.csv, &directory.ldap, directory.jid_is_email) {
        (Some(path), None, false) => Known::of(read(&config.path(path))?),
        #[cfg(feature = "ldap")]
        (None, Some(settings), false) => {
            let Fetched { directory, survey, .. } = settings.built(config)?.fetch().await?;
            let known = Known::of(directory);
            Known { survey: known.survey.map(|whole| DirectorySurvey { ldap: Some(survey), ..whole }), ..known }
        }
        #[cfg(not(feature = "ldap"))]
        (None, Some(_), false) => {
            return Err(refuse("[directory.ldap]", "this program was built without LDAP").advise("build it with the feature `ldap`"));
        }
        (None, None, true) => Known { people: People::new(Arc::new(JidIsEmail::new())), directory: None, survey: None },
        (None, None, false) => Known { survey: None, directory: None, ..Known::of(MemoryDirectory::new()) },
        _ => return Err(refuse("[directory]", "`csv`, `ldap` and `jid_is_email` exclude each other").advise("keep one of them")),
    };
    Ok(Known { people: known.people.internal_domains(directory.internal_domains.iter().cloned()), ..known })
}

/// Who the people are; a directory that does not answer is asked again for as long as a run tries anything again. One that refuses the password is not: that would lock
/// the account.
pub(crate) async fn people_patiently(config: &Config, observer: &dyn Observer) -> Result<People> {
    let policy = settings(config).retry;
    let (mut tried, mut waited) = (0, Duration::ZERO);
    loop {
        let error = match people(config).await {
            Ok(known) => return Ok(known.people),
            Err(error) => error,
        };
        tried += 1;
        let wait = policy.wait(tried, waited, error.wait()).filter(|_| error.class() == ErrorClass::Transient);
        let Some(wait) = wait else { return Err(error) };
        observer.observe(&Event::Retrying { error: &error, wait });
        waited += wait;
        tokio::time::sleep(wait).await;
    }
}

impl Known {
    fn of(directory: MemoryDirectory) -> Self {
        let survey = DirectorySurvey {
            jids: directory.len(),
            #[cfg(feature = "ldap")]
            ldap: None,
        };
        let directory = Arc::new(directory);
        Self { people: People::new(directory.clone()), directory: Some(directory), survey: Some(survey) }
    }
}

fn read(path: &Path) -> Result<MemoryDirectory> {
    let file = File::open(path).map_err(|error| {
        Error::new(ErrorKind::Config, ErrorClass::Fatal, "read csv", "the file cannot be read")
            .about(path.display())
            .advise("name a file `jid,email,name` that the account that runs this may read")
            .because(error)
    })?;
    MemoryDirectory::from_csv(file).map_err(|error| error.about(path.display()))
}

impl DirectorySurvey {
    /// Whether a person ought to look at it.
    pub(crate) fn is_odd(&self) -> bool {
        #[cfg(feature = "ldap")]
        if self.ldap.as_ref().is_some_and(|ldap| !ldap.unusable.is_empty()) {
            return true;
        }
        self.jids == 0
    }
}

impl fmt::Display for DirectorySurvey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.jids {
            0 => writeln!(f, "people the directory gives nobody an address: check `[directory]`")?,
            jids => writeln!(f, "people {jids} JIDs have an address in the directory")?,
        }
        #[cfg(feature = "ldap")]
        if let Some(ldap) = &self.ldap {
            let LdapSurvey { entries, people, without_jid, without_email, unusable, references, .. } = ldap;
            write!(f, "       {entries} entries: {people} people, {without_jid} without a JID, {without_email} without an address, ")?;
            writeln!(f, "{} that are wrong", unusable.len())?;
            for entry in unusable.iter().take(NAMED) {
                writeln!(f, "       {}: {}", entry.dn, entry.why)?;
            }
            if unusable.len() > NAMED {
                writeln!(f, "       and {} more", unusable.len() - NAMED)?;
            }
            if *references > 0 {
                writeln!(f, "       {references} references to other servers were not followed")?;
            }
        }
        Ok(())
    }
}
