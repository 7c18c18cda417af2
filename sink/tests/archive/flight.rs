//! How much is read at the same time, and how often.

use std::sync::atomic::Ordering::SeqCst;

use jabber_archive_sink::{Fault, VerifyOptions, VerifyProgress, verify};

use crate::{example::Example, snapshot::files, store::Measured};

fn sizes(example: &Example) -> Vec<u64> {
    files(example.path()).iter().filter(|(path, _)| path.starts_with("items/")).map(|(_, mail)| mail.len() as u64).collect()
}

fn options(concurrency: usize, in_flight: u64) -> VerifyOptions {
    let mut options = VerifyOptions::default();
    (options.concurrency, options.in_flight) = (concurrency, in_flight);
    options
}

#[tokio::test]
async fn no_more_items_are_read_at_once_than_allowed_across_all_windows() {
    let example = Example::large().await;
    for concurrency in [1, 5, 1_000] {
        let store = Measured::of(example.path()).await;
        let verification = verify(&store.archive(), options(concurrency, u64::MAX), |_| {}).await.unwrap();
        assert_eq!((verification.problems.as_slice(), verification.items), ([].as_slice(), 72));
        // There are 24 items in a window.
        assert_eq!(store.items.most.load(SeqCst), (concurrency as u64).min(72), "{concurrency}");
    }
}

#[tokio::test]
async fn the_bytes_of_the_items_read_at_once_stay_within_the_budget() {
    let example = Example::large().await;
    let largest = *sizes(&example).iter().max().unwrap();
    for budget in [largest, 3 * largest] {
        let store = Measured::of(example.path()).await;
        verify(&store.archive(), options(72, budget), |_| {}).await.unwrap();
        let most = store.items.most_bytes.load(SeqCst);
        assert!(most <= budget && most > budget / 2, "{most} of {budget}");
    }
}

#[tokio::test]
async fn an_item_larger_than_the_budget_is_read_alone() {
    let example = Example::large().await;
    let largest = *sizes(&example).iter().max().unwrap();
    let store = Measured::of(example.path()).await;
    let verification = verify(&store.archive(), options(72, largest / 2), |_| {}).await.unwrap();
    assert_eq!((verification.items, store.items.most_bytes.load(SeqCst)), (72, largest));
    assert!(store.items.most_bytes_together.load(SeqCst) <= largest / 2);
}

#[tokio::test]
async fn every_item_that_is_there_is_read_once_and_none_that_is_not() {
    let example = Example::large().await;
    let store = Measured::of(example.path()).await;
    let items: Vec<String> = files(example.path()).into_keys().filter(|path| path.starts_with("items/")).collect();
    for path in items.iter().step_by(9) {
        store.remove(path).await;
    }
    let verification = verify(&store.archive(), VerifyOptions::default(), |_| {}).await.unwrap();
    let missing: Vec<(&String, &Fault)> = items.iter().step_by(9).map(|path| (path, &Fault::Missing)).collect();
    assert_eq!(verification.problems.iter().map(|problem| (&problem.path, &problem.fault)).collect::<Vec<_>>(), missing);
    assert_eq!((store.items.reads.load(SeqCst), verification.items), (64, 64));
    // The numbers of the entries; what lies beside entries, contexts and dead letters; attachments and uploads; each of three windows; all items.
    assert_eq!(store.lists.load(SeqCst), 1 + 3 + 2 + 3 + 1);
}

#[tokio::test]
async fn progress_counts_up_to_what_the_seals_count() {
    let example = Example::large().await;
    let gone = files(example.path()).into_keys().find(|path| path.starts_with("items/")).unwrap();
    let bytes = sizes(&example).iter().sum::<u64>() - files(example.path())[&gone].len() as u64;
    std::fs::remove_file(example.path().join(gone)).unwrap();
    let mut told: Vec<VerifyProgress> = Vec::new();
    verify(&example.archive, VerifyOptions::default(), |progress| told.push(progress)).await.unwrap();
    assert_eq!(
        told.iter().map(|progress| (progress.items, progress.of)).collect::<Vec<_>>(),
        (1..=72).map(|items| (items, 72)).collect::<Vec<_>>()
    );
    assert!(told.is_sorted_by_key(|progress| progress.bytes));
    assert_eq!(told.last().unwrap().bytes, bytes);
}
