//! The configuration as the archive keeps it, so that later can be said how it was made.

use std::{collections::BTreeMap, fs};

use jabber_archive_core::{Digest, Filter};
use serde::Serialize;
use serde_json::Value;

use super::Config;

/// Settings that name a file which decides what is archived or how, and is no secret.
const FILES: [&str; 6] = ["csv", "include_file", "exclude_file", "ca_file", "known_hosts", "client_certificate"];

/// What is kept: the settings as they are written, and what stood in the files that they name.
#[derive(Debug, Serialize)]
struct Kept<'a> {
    settings: &'a Value,
    /// The filter with the entries of its files.
    filter: Option<Filter>,
    /// The digests of these files, by their names in the settings; none of one that cannot be read.
    files: BTreeMap<&'a str, Option<Digest>>,
}

impl Config {
    /// The whole configuration without secrets, of which it names only the places: JSON. None where there is no file.
    pub(crate) fn kept(&self) -> Option<Vec<u8>> {
        let settings = self.written.as_ref()?;
        let mut names = Vec::new();
        collect(settings, &mut names);
        let digest = |name: &str| fs::read(self.path(name.as_ref())).ok().map(|content| Digest::of(&content));
        // A run has read it before; of who only reads the archive it is none of the business.
        let filter = self.filter.read(self).ok().filter(|filter| !filter.is_empty());
        let kept = Kept { settings, filter, files: names.into_iter().map(|name| (name, digest(name))).collect() };
        let mut bytes = serde_json::to_vec_pretty(&kept).unwrap_or_default();
        bytes.push(b'\n');
        Some(bytes)
    }
}

impl Config {
    /// The variables of the environment that hold secrets.
    pub(crate) fn secret_variables(&self) -> Vec<&str> {
        let mut names = Vec::new();
        if let Some(settings) = &self.written {
            variables(settings, &mut names);
        }
        names
    }
}

/// The names in every `{ env = "NAME" }`.
fn variables<'a>(settings: &'a Value, names: &mut Vec<&'a str>) {
    match settings {
        Value::Object(settings) => {
            names.extend(settings.get("env").and_then(Value::as_str));
            settings.values().for_each(|setting| variables(setting, names));
        }
        Value::Array(settings) => settings.iter().for_each(|setting| variables(setting, names)),
        _ => {}
    }
}

/// The files that settings name, wherever they stand.
fn collect<'a>(settings: &'a Value, names: &mut Vec<&'a str>) {
    match settings {
        Value::Object(settings) => {
            for (key, value) in settings {
                match value {
                    Value::String(name) if FILES.contains(&key.as_str()) => names.push(name),
                    value => collect(value, names),
                }
            }
        }
        Value::Array(settings) => settings.iter().for_each(|setting| collect(setting, names)),
        _ => {}
    }
}
