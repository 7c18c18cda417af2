//! An archive in which somebody has altered what is stored, and made the digests fit again.

use std::{collections::BTreeMap, fs, path::Path};

use jabber_archive_core::Digest;
use jabber_archive_sink::{Archive, VerifyOptions, verify};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::{
    altered::{Alteration, alterations, altered},
    example::Example,
    snapshot::files,
};

fn replaced(content: &[u8], from: &str, to: &str) -> Vec<u8> {
    String::from_utf8(content.to_vec()).map_or_else(|_| content.to_vec(), |text| text.replace(from, to).into_bytes())
}

/// Alters one file. If whoever does it is thorough, what is named by its digest has the name of its new one, and every entry the digest of the one before.
fn forge(mut stored: BTreeMap<String, Vec<u8>>, which: u16, alterations: &[Alteration], thorough: bool) -> BTreeMap<String, Vec<u8>> {
    let path = stored.keys().nth(usize::from(which) % stored.len()).unwrap().clone();
    let before = stored.remove(&path).unwrap();
    let after = altered(&before, alterations);
    if !thorough {
        stored.insert(path, after);
        return stored;
    }
    let [old, new] = [&before, &after].map(|content| Digest::of(content).to_string());
    stored = stored.into_iter().map(|(path, content)| (path, replaced(&content, &old, &new))).collect();
    stored.insert(path.replace(&old, &new), after);
    let entries: Vec<String> = stored.keys().filter(|path| path.starts_with("ledger/0")).cloned().collect();
    for pair in entries.windows(2) {
        let previous = Digest::of(&stored[&pair[0]]).to_string();
        let next = stored.get_mut(&pair[1]).unwrap();
        if let Ok(mut entry) = serde_json::from_slice::<serde_json::Value>(next)
            && let Some(named) = entry.get_mut("previous")
        {
            *named = previous.into();
            *next = serde_json::to_vec_pretty(&entry).unwrap();
        }
    }
    stored
}

fn write(folder: &Path, stored: &BTreeMap<String, Vec<u8>>) {
    for (path, content) in stored {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

#[test]
fn whatever_was_altered_verification_ends_and_tells_of_it() {
    let runtime = Runtime::new().unwrap();
    let good = runtime.block_on(async { files(Example::new().await.path()) });
    let head = Digest::of(good.iter().rfind(|(path, _)| path.starts_with("ledger/0")).unwrap().1);
    let cases = ProptestConfig::with_cases(96);
    proptest!(cases, |(which in any::<u16>(), alterations in alterations(), thorough in any::<bool>())| {
        let forged = forge(good.clone(), which, &alterations, thorough);
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &forged);
        let archive = Archive::file(folder.path()).unwrap();
        // Of a damaged `archive.json` or list an error may tell.
        if let Ok(verification) = runtime.block_on(verify(&archive, VerifyOptions::default().expecting(head), |_| {})) {
            prop_assert_eq!(verification.problems.is_empty(), forged == good, "{:?}", verification.problems);
        }
    });
}
