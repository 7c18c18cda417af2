use std::{collections::BTreeSet, fs, path::PathBuf, str::FromStr};

use jabber_archive_core::{ConversationKind, Error, ErrorClass, ErrorKind, Filter, FilterTerm, Result};
use serde::Deserialize;

use super::Config;

/// Which conversations are archived.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilterConfig {
    include: Option<Vec<String>>,
    include_file: Option<PathBuf>,
    exclude: Option<Vec<String>>,
    exclude_file: Option<PathBuf>,
    #[serde(default)]
    rooms: RoomsConfig,
    kinds: Option<BTreeSet<ConversationKind>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RoomsConfig {
    include: Option<Vec<String>>,
    exclude: Option<Vec<String>>,
}

impl FilterConfig {
    /// The filter, with the entries of the files.
    pub(crate) fn read(&self, config: &Config) -> Result<Filter> {
        let mut filter = Filter::default();
        filter.include = people(config, ("include", &self.include), ("include_file", &self.include_file))?;
        filter.exclude = people(config, ("exclude", &self.exclude), ("exclude_file", &self.exclude_file))?;
        filter.include_rooms = terms("rooms.include", self.rooms.include.as_deref())?;
        filter.exclude_rooms = terms("rooms.exclude", self.rooms.exclude.as_deref())?;
        if let Some(kinds) = &self.kinds {
            if kinds.is_empty() {
                return Err(nothing("[filter] kinds".to_owned()));
            }
            filter.kinds.clone_from(kinds);
        }
        filter.check()?;
        Ok(filter)
    }
}

/// The entries of a list and of a file together.
fn people(
    config: &Config,
    (key, list): (&str, &Option<Vec<String>>),
    (file_key, file): (&'static str, &Option<PathBuf>),
) -> Result<BTreeSet<FilterTerm>> {
    let mut people = terms(key, list.as_deref())?;
    if let Some(path) = file {
        let path = config.path(path);
        let refuse = |what: &str| Error::new(ErrorKind::Config, ErrorClass::Fatal, "read filter", what).about(path.display());
        let bytes = fs::read(&path).map_err(|error| {
            refuse("the file cannot be read")
                .advise(format!("name a file in `{file_key}` that the account that runs this may read"))
                .because(error)
        })?;
        let text = String::from_utf8(bytes).map_err(|error| refuse("the file is not UTF-8").because(error))?;
        let mut entries = BTreeSet::new();
        for (line, text) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let text = text.trim();
            if !text.is_empty() && !text.starts_with('#') {
                let term = FilterTerm::from_str(text).map_err(|error| error.about(format_args!("{}: line {line}", path.display())))?;
                entries.insert(term);
            }
        }
        if entries.is_empty() {
            return Err(nothing(path.display().to_string()));
        }
        people.extend(entries);
    }
    Ok(people)
}

fn terms(key: &str, list: Option<&[String]>) -> Result<BTreeSet<FilterTerm>> {
    let Some(list) = list else { return Ok(BTreeSet::new()) };
    if list.is_empty() {
        return Err(nothing(format!("[filter] {key}")));
    }
    list.iter()
        .map(|text| FilterTerm::from_str(text).map_err(|error| error.about(format_args!("[filter] {key}: `{}`", text.escape_debug()))))
        .collect()
}

/// An empty list may be meant as everybody or as nobody, and what a seal leaves out or takes in is not undone.
fn nothing(about: String) -> Error {
    Error::new(ErrorKind::Config, ErrorClass::Fatal, "read filter", "there is no entry")
        .about(about)
        .advise("add one, or remove the setting")
}
