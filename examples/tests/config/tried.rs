//! Reads all that a configuration can be asked for.

use std::{fs, path::Path};

use jabber_archive_core::{MemoryDirectory, Result};

use crate::config::Config;

/// A configuration that stands in this folder. What is tried here may name any file, but no device that is read without end.
pub(crate) fn configuration(text: &str, folder: &Path) {
    let Some(config) = told(Config::parse(text, &folder.join("archive.toml"))) else { return };
    let _ = (config.purge_after_days(), config.secret_variables(), config.run.limits.limits(), format!("{config:?}"));
    told(config.sink.check());
    if ["/dev", "/proc", "/sys", "\\"].iter().any(|place| text.contains(place)) {
        return;
    }
    for source in &config.source {
        told(source.built(&config));
    }
    told(config.filter.read(&config));
    config.files.as_ref().map(|files| told(files.folder()));
    let _ = config.kept();
}

/// The entries of a filter, and the people of a directory.
pub(crate) fn files(bytes: &[u8], folder: &Path) {
    fs::write(folder.join("people.txt"), bytes).expect("a file in a folder of our own");
    let text = "name = 'a'\nsource = []\n[sink]\nkind = 'file'\npath = 'a'\n[filter]\ninclude_file = 'people.txt'\n";
    let config = Config::parse(text, &folder.join("archive.toml")).expect("a good configuration");
    if let Some(filter) = told(config.filter.read(&config)) {
        assert!(!filter.is_empty(), "an empty file is an error");
    }
    told(MemoryDirectory::from_csv(bytes));
}

/// An error is one line.
fn told<T>(result: Result<T>) -> Option<T> {
    result.map_err(|error| assert!(!error.to_string().contains('\n'), "{error}")).ok()
}
