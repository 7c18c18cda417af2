//! Verifications that read a part of the items.

use std::{collections::BTreeSet, fs, sync::atomic::Ordering::SeqCst};

use jabber_archive_sink::{Fault, Problem, Sample, Verification, VerifyOptions, verify};

use crate::{example::Example, snapshot::files, store::Measured};

fn sampling(items: u64, seed: u64) -> VerifyOptions {
    VerifyOptions::default().sampling(Sample::new(items).seeded(seed))
}

async fn verified(example: &Example, options: VerifyOptions) -> Verification {
    verify(&example.archive, options, |_| {}).await.unwrap()
}

fn items(example: &Example) -> Vec<String> {
    files(example.path()).into_keys().filter(|path| path.starts_with("items/")).collect()
}

#[tokio::test]
async fn a_sample_reads_exactly_as_many_items_as_asked_and_says_so() {
    let example = Example::large().await;
    for asked in [0, 1, 10, 71] {
        let store = Measured::of(example.path()).await;
        let mut last = None;
        let verification =
            verify(&store.archive(), sampling(asked, 7), |progress| last = Some((progress.items, progress.of))).await.unwrap();
        let sampled = verification.sampled.unwrap();
        assert_eq!((sampled.items, sampled.of, sampled.seed), (asked, 72, 7));
        assert_eq!((verification.items, store.items.reads.load(SeqCst)), (asked, asked));
        assert_eq!(last, (asked > 0).then_some((asked, asked)));
        assert!(verification.to_string().ends_with(&format!("; a sample of {asked} of 72 items, seed 7")), "{verification}");
        assert_eq!(verification.problems, []);
    }
}

#[tokio::test]
async fn a_sample_of_all_items_is_a_full_verification_and_finds_what_it_finds() {
    let example = Example::large().await;
    for (number, path) in items(&example).iter().enumerate() {
        let place = example.path().join(path);
        match number % 7 {
            0 => fs::remove_file(place).unwrap(),
            1 => fs::write(place, "changed").unwrap(),
            2 => fs::write(place.with_file_name(format!("{number:a>26}.eml").replace(['0', '1', '8', '9'], "b")), "added").unwrap(),
            _ => {}
        }
    }
    let full = verified(&example, VerifyOptions::default()).await;
    assert!(full.problems.len() > 25, "{full}");
    for (asked, seed) in [(72, 0), (72, 1), (73, 2), (u64::MAX, 3)] {
        assert_eq!(verified(&example, sampling(asked, seed)).await, full);
    }
    // What a smaller sample finds is among that, and what it finds without reading is all of it.
    let is_read = |problem: &Problem| matches!(problem.fault, Fault::Changed { .. });
    let unread: Vec<Problem> = full.problems.iter().filter(|problem| !is_read(problem)).cloned().collect();
    for seed in 0..20 {
        let sampled = verified(&example, sampling(30, seed)).await;
        assert!(sampled.problems.iter().all(|problem| full.problems.contains(problem)));
        assert_eq!(sampled.problems.iter().filter(|problem| !is_read(problem)).cloned().collect::<Vec<_>>(), unread);
        assert!(sampled.items <= 30);
    }
}

#[tokio::test]
async fn a_seed_repeats_its_sample_and_every_item_is_in_one_of_some_seed() {
    let example = Example::large().await;
    let all: BTreeSet<String> = items(&example).into_iter().collect();
    for path in &all {
        fs::write(example.path().join(path), "changed").unwrap();
    }
    let mut seen = BTreeSet::new();
    let mut samples = BTreeSet::new();
    for seed in 0..60 {
        let verification = verified(&example, sampling(8, seed)).await;
        let chosen: BTreeSet<String> = verification.problems.iter().map(|problem| problem.path.clone()).collect();
        assert_eq!((chosen.len(), verification.items), (8, 0));
        assert_eq!(verified(&example, sampling(8, seed)).await, verification);
        seen.extend(chosen.clone());
        samples.insert(chosen);
    }
    assert_eq!(seen, all);
    assert!(samples.len() > 50, "{} of 60 samples differ", samples.len());
}

#[tokio::test]
async fn what_is_no_item_is_checked_in_a_sample_too() {
    let example = Example::new().await;
    for (path, content) in files(example.path()).into_iter().filter(|(path, _)| !path.starts_with("items/")) {
        for changed in [Some(&b"changed"[..]), None] {
            match changed {
                // Of a sample only the names of attachments are looked at.
                Some(_) if path.starts_with("attachments/") => continue,
                Some(changed) => fs::write(example.path().join(&path), changed).unwrap(),
                None => fs::remove_file(example.path().join(&path)).unwrap(),
            }
            let verification = verified(&example, sampling(0, 1).expecting(example.head())).await;
            let about = |problem: &Problem| problem.path == path || problem.to_string().contains(&path);
            assert!(verification.problems.iter().any(about), "{path}: {:?}", verification.problems);
        }
        fs::write(example.path().join(&path), content).unwrap();
    }
}

#[tokio::test]
async fn a_list_that_is_missing_does_not_make_the_sample_smaller() {
    let example = Example::large().await;
    let list = files(example.path()).into_keys().find(|path| path.starts_with("ledger/lists/")).unwrap();
    fs::remove_file(example.path().join(list)).unwrap();
    for seed in 0..10 {
        assert_eq!(verified(&example, sampling(20, seed)).await.items, 20);
    }
}
