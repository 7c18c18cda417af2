//! What writes that were killed leave in a folder, by its name.

use jabber_archive_core::Digest;
use object_store::path::Path;

use crate::{
    ledger::{entry_number, facts_path},
    sink::item_id,
    verify::{attachment, item_folder_start, kept, killed_put},
};

/// Whether a file of a local archive is what is left of a write or a trial: nothing refers to such a name, and no object has it.
pub(super) fn is_leftover(path: &Path) -> bool {
    match path.as_ref().split_once('/') {
        Some(("incoming", name)) => is_upload(name),
        Some(_) => killed_put(path).is_some_and(|target| is_object(&target)),
        None => killed_put(path) == Some(facts_path()) || is_trial(path.as_ref()),
    }
}

/// Whether an archive has objects of this name.
fn is_object(path: &Path) -> bool {
    let of_window = |folder: &str| item_folder_start(folder.strip_prefix("items/")?, None);
    let is_item = || item_id(path).is_some() && path.as_ref().rsplit_once('/').and_then(|(folder, _)| of_window(folder)).is_some();
    kept(path).is_some() || entry_number(path).is_some() || attachment(path).is_some() || is_item()
}

/// Such as `<sha256>-<number>` or `<sha256>.jsonl-<number>`, perhaps itself on its way there.
fn is_upload(name: &str) -> bool {
    let name = name.rsplit_once('#').map_or(name, |(name, _)| name);
    let Some((object, number)) = name.rsplit_once('-') else { return false };
    object.split('.').next().is_some_and(|digest| digest.parse::<Digest>().is_ok()) && is_unique(number)
}

/// Of an archive that is begun: whether its folder takes hard links.
fn is_trial(name: &str) -> bool {
    name.strip_prefix(".probe-").is_some_and(|number| is_unique(number.strip_suffix(".link").unwrap_or(number)))
}

/// A number as [`unique`](crate::archive::unique) gives it.
fn is_unique(number: &str) -> bool {
    number.len() == 16 && number.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_an_archive_gives_to_what_is_on_its_way_are_of_leftovers() {
        let digest = "ab".repeat(32);
        for leftover in [
            "items/2026/11/21/abcdefghijklmnopqrstuvwxyz.eml#1",
            "items/2026/11/21/0600/abcdefghijklmnopqrstuvwxyz.eml#12",
            "items/undated/abcdefghijklmnopqrstuvwxyz.eml#1",
            &format!("context/{digest}.json#1"),
            &format!("dead-letters/{digest}.json#1"),
            &format!("ledger/lists/{digest}.jsonl#3"),
            "ledger/00000042.json#1",
            &format!("attachments/{digest}#1"),
            &format!("incoming/{digest}-0123456789abcdef"),
            &format!("incoming/{digest}-0123456789abcdef#1"),
            &format!("incoming/{digest}.jsonl-0123456789abcdef"),
            "archive.json#1",
            ".probe-0123456789abcdef",
            ".probe-0123456789abcdef.link",
        ] {
            assert!(is_leftover(&Path::parse(leftover).unwrap()), "{leftover}");
        }
        for other in [
            "archive.json",
            "archive.json#",
            "archive.json#1#x",
            "notes.txt#1",
            ".probe-1",
            ".probe-0123456789abcdef.txt",
            "items/2026/11/21/abcdefghijklmnopqrstuvwxyz.eml",
            "items/2026/11/21/abcdefghijklmnopqrstuvwxyz.eml#1a",
            "items/2026/11/21/notes#1",
            "items/mine/abcdefghijklmnopqrstuvwxyz.eml#1",
            "items/abcdefghijklmnopqrstuvwxyz.eml#1",
            "ledger/42.json#1",
            "ledger/notes#1",
            &format!("context/{digest}.jsonl#1"),
            &format!("attachments/{digest}"),
            "incoming/notes",
            "incoming/notes-0123456789abcdef",
            &format!("incoming/{digest}"),
            &format!("incoming/mine/{digest}-0123456789abcdef"),
            &format!("lost+found/{digest}.json#1"),
        ] {
            assert!(!is_leftover(&Path::parse(other).unwrap()), "{other}");
        }
    }
}
