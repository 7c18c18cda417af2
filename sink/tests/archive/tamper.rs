use std::{collections::BTreeSet, fs};

use jabber_archive_core::{ArchiveFacts, Digest, Filter, Ledger, Sink, Stored, TranscriptSettings, Window};
use jabber_archive_sink::{Archive, Fault, Verification, VerifyOptions, verify};

use crate::{
    example::{Example, archiver, day, facts, item, now},
    snapshot::files,
};

const LAST: &str = "ledger/00000006.json";

fn paths(verification: &Verification) -> BTreeSet<&str> {
    verification.problems.iter().map(|problem| problem.path.as_str()).collect()
}

fn problems(verification: &Verification) -> Vec<(&str, &Fault)> {
    verification.problems.iter().map(|problem| (problem.path.as_str(), &problem.fault)).collect()
}

/// The lines that a person sees.
fn lines(verification: &Verification) -> Vec<String> {
    verification.problems.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_fresh_archive_verifies() {
    let example = Example::new().await;
    let verification = example.verify_expecting(example.head()).await;
    assert_eq!(verification.problems, []);
    let bytes = files(example.path()).iter().filter(|(path, _)| path.starts_with("items/")).map(|(_, mail)| mail.len() as u64).sum();
    assert_eq!((verification.entries, verification.items, verification.bytes, verification.attachments), (6, 4, bytes, 1));
    assert_eq!((verification.pending, verification.abandoned, verification.head), (0, 0, Some(example.head())));
    assert_eq!((example.report.items, example.report.bytes, example.report.dead_letters), (4, bytes, 1));
}

#[tokio::test]
async fn a_changed_byte_is_named_wherever_it_is() {
    let example = Example::new().await;
    for (path, content) in files(example.path()) {
        let steps = content.len() / 8 + 1;
        for place in (0..content.len()).step_by(steps).chain([content.len() - 1]) {
            for bit in [0x01, 0x80] {
                let mut changed = content.clone();
                changed[place] ^= bit;
                fs::write(example.path().join(&path), changed).unwrap();
                let verification = example.verify_expecting(example.head()).await;
                assert!(paths(&verification).contains(path.as_str()), "byte {place} of {path}: {:#?}", verification.problems);
                if path != LAST {
                    let verification = example.verify().await;
                    assert!(paths(&verification).contains(path.as_str()), "byte {place} of {path}: {:#?}", verification.problems);
                }
            }
        }
        fs::write(example.path().join(&path), content).unwrap();
    }
    assert_eq!(example.verify_expecting(example.head()).await.problems, []);
}

#[tokio::test]
async fn a_file_that_is_cut_or_grown_is_named_and_no_other() {
    let example = Example::new().await;
    for (path, content) in files(example.path()) {
        let grown = [&content[..], b" "].concat();
        for changed in [&content[..0], &content[..content.len() / 2], &content[..content.len() - 1], &grown] {
            fs::write(example.path().join(&path), changed).unwrap();
            let verification = example.verify_expecting(example.head()).await;
            assert_eq!(
                paths(&verification),
                [path.as_str()].into(),
                "{} of {} bytes: {:#?}",
                changed.len(),
                content.len(),
                verification.problems
            );
            if path != LAST {
                assert_eq!(paths(&example.verify().await), [path.as_str()].into());
            }
        }
        fs::write(example.path().join(&path), content).unwrap();
    }
}

#[tokio::test]
async fn a_file_that_is_removed_is_missing_and_no_other_is_blamed() {
    let example = Example::new().await;
    for (path, content) in files(example.path()) {
        fs::remove_file(example.path().join(&path)).unwrap();
        if path != LAST {
            for verification in [example.verify().await, example.verify_expecting(example.head()).await] {
                assert_eq!(problems(&verification), [(path.as_str(), &Fault::Missing)]);
            }
        }
        fs::write(example.path().join(&path), content).unwrap();
    }
}

#[tokio::test]
async fn removed_entries_at_the_end_are_noticed_by_the_expected_digest() {
    let example = Example::new().await;
    for last in (1..=6_u64).rev() {
        fs::remove_file(example.path().join(format!("ledger/{last:08}.json"))).unwrap();
        let verification = example.verify_expecting(example.head()).await;
        let removed = format!("ledger/{last:08}.json");
        let line = match last {
            1 => format!("{removed}: missing"),
            _ => format!(
                "ledger/{:08}.json: inconsistent: no entry of the chain has the expected digest: this one was changed, or {removed} and what \
                 is behind it was removed",
                last - 1
            ),
        };
        assert!(lines(&verification).contains(&line), "{:#?}", lines(&verification));
    }
}

#[tokio::test]
async fn without_the_expected_digest_a_shorter_chain_has_only_pending_items_more() {
    let example = Example::new().await;
    for last in [6, 5] {
        fs::remove_file(example.path().join(format!("ledger/{last:08}.json"))).unwrap();
    }
    let verification = example.verify().await;
    assert_eq!((problems(&verification), verification.items, verification.pending), (vec![], 3, 1));
}

#[tokio::test]
async fn the_digest_of_any_entry_may_be_expected() {
    let example = Example::new().await;
    for number in 1..=6 {
        let digest = Digest::of(&fs::read(example.path().join(format!("ledger/{number:08}.json"))).unwrap());
        assert_eq!(example.verify_expecting(digest).await.problems, []);
    }
    let verification = example.verify_expecting(Digest::of(b"something else")).await;
    assert_eq!(paths(&verification), [LAST].into());
}

#[tokio::test]
async fn an_added_item_of_a_sealed_window_is_extra_wherever_it_lies() {
    let example = Example::new().await;
    let id = "a".repeat(26);
    let added = [
        format!("items/2026/11/20/{id}.eml"),
        // Windows without rows, before the first and before 2000.
        format!("items/2026/11/22/{id}.eml"),
        format!("items/2026/11/19/{id}.eml"),
        format!("items/undated/{id}.eml"),
        // No items at all.
        "items/2026/11/20/notes.txt".to_owned(),
        "items/2026/11/20/notes 50% über.eml".to_owned(),
        format!("items/2026/11/20/{}.eml", id.to_uppercase()),
        format!("items/2026/11/20/0600/{id}.eml"),
        format!("items/2026/11/21/deeper/still/{id}.eml"),
        format!("items/2026/13/45/{id}.eml"),
        format!("items/{id}.eml"),
        format!("items/2026/11/24/{id}.txt"),
    ];
    for path in &added {
        let place = example.path().join(path);
        let folder = place.parent().unwrap();
        fs::create_dir_all(folder).unwrap();
        fs::write(&place, "From: mallory@example.com\r\n\r\n").unwrap();
        let verification = example.verify_expecting(example.head()).await;
        let [(named, Fault::Extra)] = problems(&verification)[..] else { panic!("{path}: {:#?}", verification.problems) };
        assert_eq!(named, path);
        assert_eq!((verification.items, verification.pending), (4, 0), "{path}");
        fs::remove_file(&place).unwrap();
    }
}

#[tokio::test]
async fn an_unlisted_item_of_a_window_that_is_not_sealed_is_pending() {
    let example = Example::new().await;
    let mail = item(day("2026-11-24"), 'a', "left by a run that is not done");
    assert_eq!(example.archive.sink().put(&mail).await.unwrap(), Stored::Created);
    let verification = example.verify_expecting(example.head()).await;
    assert_eq!((problems(&verification), verification.items, verification.pending), (vec![], 4, 1));
}

#[tokio::test]
async fn before_anything_is_sealed_everything_is_pending() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::file(folder.path()).unwrap();
    archive.ledger().open(&facts()).await.unwrap();
    for window in [day("2026-11-20"), Window::UNDATED] {
        assert_eq!(archive.sink().put(&item(window, 'a', "content")).await.unwrap(), Stored::Created);
    }
    let verification = verify(&archive, VerifyOptions::default(), |_| {}).await.unwrap();
    assert_eq!((problems(&verification), verification.entries, verification.pending, verification.head), (vec![], 0, 2, None));
}

#[tokio::test]
async fn an_item_moved_to_another_day_is_missing_here_and_extra_there() {
    let example = Example::new().await;
    let path = files(example.path()).into_keys().find(|path| path.starts_with("items/2026/11/21/")).unwrap();
    let moved = path.replace("/21/", "/20/");
    fs::rename(example.path().join(&path), example.path().join(&moved)).unwrap();
    let verification = example.verify().await;
    assert_eq!(problems(&verification), [(moved.as_str(), &Fault::Extra), (path.as_str(), &Fault::Missing)]);
}

#[tokio::test]
async fn a_copied_entry_under_another_number_is_damaged() {
    let example = Example::new().await;
    let copy = fs::read(example.path().join("ledger/00000003.json")).unwrap();
    fs::write(example.path().join("ledger/00000007.json"), &copy).unwrap();
    let verification = example.verify_expecting(example.head()).await;
    let [("ledger/00000007.json", Fault::Damaged { why })] = problems(&verification)[..] else { panic!("{:#?}", verification.problems) };
    assert!(why.contains("it holds another number"), "{why}");
}

#[tokio::test]
async fn a_forged_entry_behind_the_expected_one_is_itself_to_blame() {
    let example = Example::new().await;
    let forged = fs::read_to_string(example.path().join(LAST)).unwrap();
    let forged = forged.replace("\"number\": 6", "\"number\": 7");
    fs::write(example.path().join("ledger/00000007.json"), forged).unwrap();
    let line = format!("ledger/00000007.json: inconsistent: it names another digest of {LAST}, which is as expected");
    assert_eq!(lines(&example.verify_expecting(example.head()).await), [line]);
    let verification = example.verify().await;
    let [(LAST, Fault::Changed { says, .. })] = problems(&verification)[..] else { panic!("{:#?}", verification.problems) };
    assert_eq!(says, "ledger/00000007.json");
}

#[tokio::test]
async fn entries_that_change_places_are_damaged() {
    let example = Example::new().await;
    let [second, third] = ["ledger/00000002.json", "ledger/00000003.json"].map(|path| example.path().join(path));
    let (one, other) = (fs::read(&second).unwrap(), fs::read(&third).unwrap());
    fs::write(&second, other).unwrap();
    fs::write(&third, one).unwrap();
    let verification = example.verify().await;
    assert_eq!(paths(&verification), ["ledger/00000002.json", "ledger/00000003.json"].into());
}

#[tokio::test]
async fn an_entry_far_out_of_order_is_named_together_with_the_gap_before_it() {
    let example = Example::new().await;
    let forged = fs::read_to_string(example.path().join(LAST)).unwrap();
    for number in [8, 2_000, 99_999_999, u64::MAX] {
        let path = format!("ledger/{number:08}.json");
        fs::write(example.path().join(&path), forged.replace("\"number\": 6", &format!("\"number\": {number}"))).unwrap();
        let verification = example.verify_expecting(example.head()).await;
        let lines = lines(&verification);
        assert!(lines.contains(&"ledger/00000007.json: missing".to_owned()), "{number}: {lines:#?}");
        let gap = number - 7;
        if gap > 1_000 {
            assert!(lines.contains(&format!("{path}: inconsistent: {gap} entries before it are missing")), "{number}: {lines:#?}");
        }
        assert!(lines.len() <= 1_001, "{number}: {} problems", lines.len());
        fs::remove_file(example.path().join(&path)).unwrap();
    }
}

#[tokio::test]
async fn the_archive_json_of_another_archive_is_named() {
    let example = Example::new().await;
    let other = ArchiveFacts::new("jabber-prod").unwrap();
    fs::write(example.path().join("archive.json"), other.to_bytes()).unwrap();
    let verification = example.verify().await;
    let [("archive.json", Fault::Changed { says, expected, found })] = problems(&verification)[..] else {
        panic!("{:#?}", verification.problems)
    };
    assert_eq!((says.as_str(), *expected), ("ledger/00000001.json", Digest::of(&facts().to_bytes())));
    assert_eq!(*found, Digest::of(&other.to_bytes()));
}

#[tokio::test]
async fn many_problems_are_all_named_each_once_and_in_order() {
    let example = Example::new().await;
    let all: Vec<String> =
        files(example.path()).into_keys().filter(|path| path.starts_with("items/") || path.starts_with("context/")).collect();
    for path in &all {
        fs::remove_file(example.path().join(path)).unwrap();
    }
    let verification = example.verify().await;
    let mut sorted = all.clone();
    sorted.sort();
    assert_eq!(problems(&verification), sorted.iter().map(|path| (path.as_str(), &Fault::Missing)).collect::<Vec<_>>());
    assert_eq!(verification.items, 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_name_that_is_not_utf_8_stops_verification_with_its_place() {
    use std::{error::Error as _, os::unix::ffi::OsStrExt};

    let example = Example::new().await;
    let name = std::ffi::OsStr::from_bytes(b"items/2026/11/20/not-\xff-utf-8");
    fs::write(example.path().join(name), "content").unwrap();
    let error = verify(&example.archive, VerifyOptions::default(), |_| {}).await.unwrap_err();
    assert_eq!(error.class(), jabber_archive_core::ErrorClass::Fatal, "{error}");
    assert!(error.source().unwrap().to_string().contains("not-"), "{error}: {:?}", error.source());
}

#[tokio::test]
async fn a_filter_is_compared_and_messages_that_are_filtered_by_none_are_inconsistent() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::file(folder.path()).unwrap();
    let mut filter = Filter::default();
    filter.exclude = ["alice@example.com", "bob@example.com"].map(|jid| jid.parse().unwrap()).into();
    let archiver = archiver(&archive, "host", TranscriptSettings::default()).filter(filter.clone());
    let report = archiver.run(now(), std::future::pending()).await.unwrap();
    assert_eq!(report.filtered.values().sum::<u64>(), 2);
    let verified = async || verify(&archive, VerifyOptions::default(), |_| {}).await.unwrap();
    assert_eq!(verified().await.problems, []);

    let kept = format!("context/{}.json", Digest::of(&filter.to_bytes()));
    let content = fs::read(folder.path().join(&kept)).unwrap();
    assert_eq!(content, filter.to_bytes());
    fs::remove_file(folder.path().join(&kept)).unwrap();
    assert_eq!(problems(&verified().await), [(kept.as_str(), &Fault::Missing)]);
    fs::write(folder.path().join(&kept), &content).unwrap();

    let entries = files(folder.path()).into_iter().filter(|(path, _)| path.starts_with("ledger/0"));
    let (path, entry) = entries.into_iter().find(|(_, entry)| String::from_utf8_lossy(entry).contains("\"excluded\": 2")).unwrap();
    let text = String::from_utf8(entry).unwrap();
    let name = format!("    \"filter\": \"{}\",\n", Digest::of(&filter.to_bytes()));
    assert!(text.contains(&name), "{text}");
    for (forged, how) in
        [(text.replace(&name, ""), "names no filter"), (text.replace("\"excluded\": 2", "\"excluded\": 1"), "the messages do not add up")]
    {
        fs::write(folder.path().join(&path), forged).unwrap();
        let found = verified().await;
        assert!(lines(&found).iter().any(|line| line.starts_with(&path) && line.contains(how)), "{:#?}", lines(&found));
    }
}
