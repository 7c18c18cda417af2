//! Any bytes as a configuration; or, behind a byte 0xFF, which no UTF-8 holds, as a file that one names: the entries of a filter, the people of a directory.

#![no_main]

#[allow(dead_code, unused_imports, reason = "the program asks for more of it")]
#[path = "../../src/config/mod.rs"]
mod config;
#[path = "../../tests/config/tried.rs"]
mod tried;

use std::{env, fs, path::PathBuf, process, sync::LazyLock};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = env::temp_dir().join(format!("jabber-archive-fuzz-{}", process::id()));
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    match data.split_first() {
        Some((0xff, bytes)) => tried::files(bytes, &FOLDER),
        _ => tried::configuration(&String::from_utf8_lossy(data), &FOLDER),
    }
});
