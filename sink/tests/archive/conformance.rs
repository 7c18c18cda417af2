//! The suites that every sink and every ledger must pass.

use std::{fs, sync::Arc};

use futures::FutureExt;
use jabber_archive_core::testing::conformance::{self, LedgerSubject};
use jabber_archive_sink::Archive;
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_keeps_the_contract_of_a_sink() {
    let folder = TempDir::new().unwrap();
    let made = std::sync::atomic::AtomicU32::new(0);
    let report = conformance::sink(async || {
        let number = made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Arc::new(Archive::file(folder.path().join(number.to_string())).unwrap().sink())
    })
    .await;
    println!("{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_keeps_the_contract_of_a_ledger() {
    let folder = TempDir::new().unwrap();
    let made = std::sync::atomic::AtomicU32::new(0);
    let report = conformance::ledger(async || {
        let number = made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let place = folder.path().join(number.to_string());
        LedgerSubject::new(Arc::new(Archive::file(&place).unwrap().ledger())).altered_by(move |path, content| {
            fs::write(place.join(path), content).unwrap();
            std::future::ready(()).boxed()
        })
    })
    .await;
    println!("{report}");
    assert!(report.skipped().is_empty(), "{report}");
}
