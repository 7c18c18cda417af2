//! Whatever is written in a configuration, or in the files that it names: it is read, or there is an error of one line, and nothing panics.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

#[allow(dead_code, unused_imports, reason = "the program asks for more of it")]
#[path = "../../src/config/mod.rs"]
mod config;
mod tried;

use std::fs;

use proptest::{collection::vec, prelude::*, sample::select};

/// A configuration with every section, and with files that are there.
const GOOD: &str = include_str!("../../fuzz/seeds/configuration/everything");

/// Pieces that settings are made of, and some that they are not.
const PIECES: [&str; 40] = [
    "name = ",
    "[[source]]",
    "[directory]",
    "[filter]",
    "[filter.rooms]",
    "[files]",
    "[converter]",
    "[sink]",
    "[run]",
    "[run.limits]",
    "\n",
    " = ",
    "\"",
    "'''",
    "[",
    "]",
    "{ env = \"HOME\" }",
    "{ file = \"a\" }",
    "kind = \"mssql\"",
    "port = ",
    "-1",
    "0",
    "65536",
    "18446744073709551615",
    "1e400",
    "nan",
    "true",
    "\"24h\"",
    "\"-5m\"",
    "\"99999999999999999h\"",
    "\"24:00\"",
    "\"9999999999999999GiB\"",
    "1979-05-27T07:32:00Z",
    "\"-009999-01-02T01:59:59Z\"",
    "\"Europe/Zurich\"",
    "@",
    "#",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn no_text_makes_reading_a_configuration_panic(edits in vec((any::<u16>(), 0_usize..12, select(&PIECES[..])), 1..5)) {
        let folder = tempfile::tempdir().unwrap();
        let mut text: Vec<char> = GOOD.chars().collect();
        for (place, length, piece) in edits {
            let from = usize::from(place) % (text.len() + 1);
            let until = text.len().min(from + length);
            text.splice(from..until, piece.chars());
        }
        tried::configuration(&text.into_iter().collect::<String>(), folder.path());
    }

    #[test]
    fn no_bytes_in_the_file_of_a_filter_or_a_directory_make_reading_it_panic(bytes in vec(prop_oneof![any::<u8>(), select(&b",\"\r\n@#*; \xef\xbb\xbfabc.0-"[..])], 0..120)) {
        let folder = tempfile::tempdir().unwrap();
        tried::files(&bytes, folder.path());
    }
}

#[test]
fn the_configuration_that_is_altered_is_a_good_one() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("people.txt"), "bob@example.com\n").unwrap();
    let config = config::Config::parse(GOOD, &folder.path().join("archive.toml")).unwrap();
    assert_eq!((config.source.len(), config.source[0].built(&config).is_ok()), (1, true), "{:?}", config.source[0].built(&config).err());
    assert_eq!(config.filter.read(&config).unwrap().exclude.len(), 2);
    assert!(config.files.as_ref().unwrap().folder().is_ok());
}
