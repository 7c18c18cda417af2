//! The suite that every store must pass.

use std::sync::Arc;

use jabber_archive_core::testing::conformance::{self, FileStoreSubject};
use jabber_archive_files::{Folder, Sftp, testing::Sshd};

use super::place::{Place, SENTINEL};

#[tokio::test]
async fn a_folder_keeps_the_contract() {
    let place = Place::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let report = conformance::file_store(async || {
        let folder = |store: &std::path::Path| Arc::new(Folder::new(Place::roots_at(store)).sentinel(SENTINEL));
        FileStoreSubject::new(folder(&place.store()), Place::held())
            .missing(Place::missing())
            .refused(place.refused())
            .unreadable(Place::unreadable())
            .gone(folder(elsewhere.path()))
    })
    .await;
    assert!(report.skipped().is_empty(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_keeps_the_contract() {
    let Some(sshd) = Sshd::start() else { return };
    let place = Place::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let report = conformance::file_store(async || {
        let sftp = |store: &std::path::Path| Arc::new(Sftp::new(sshd.config(Place::roots_at(store)).sentinel(SENTINEL)).unwrap());
        FileStoreSubject::new(sftp(&place.store()), Place::held())
            .missing(Place::missing())
            .refused(place.refused())
            .unreadable(Place::unreadable())
            .gone(sftp(elsewhere.path()))
    })
    .await;
    assert!(report.skipped().is_empty(), "{report}");
}
