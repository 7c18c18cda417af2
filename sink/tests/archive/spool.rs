//! Space on disk that leaves nothing behind.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use bytes::Bytes;
use jabber_archive_core::{ErrorClass, ErrorKind, Spool, testing::conformance};
use jabber_archive_sink::FileSpool;
use tempfile::TempDir;

/// Where a child spools; set only in a child.
const SPOOL: &str = "JABBER_ARCHIVE_TEST_SPOOL";

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_keeps_the_contract_of_a_spool() {
    let folder = TempDir::new().unwrap();
    let report = conformance::spool(async || Arc::new(FileSpool::new(folder.path()).unwrap())).await;
    println!("{report}");
    assert!(report.skipped().is_empty(), "{report}");
}

#[tokio::test]
async fn a_runtime_of_one_thread_spools_too() {
    let report = conformance::spool(async || Arc::new(FileSpool::of_system().unwrap())).await;
    assert!(report.skipped().is_empty(), "{report}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_is_spooled_has_no_name_and_is_for_its_owner_alone() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let folder = TempDir::new().unwrap();
    let spool = FileSpool::new(folder.path()).unwrap();
    let mut place = spool.create().await.unwrap();
    place.append(Bytes::from_static(b"what chats hold")).await.unwrap();
    assert_eq!(names(folder.path()), 0);
    let open = |folder: &Path| {
        let links = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
        links
            .filter(|link| fs::read_link(link).is_ok_and(|file| file.starts_with(folder)))
            .filter_map(|link| fs::metadata(link).ok())
            .collect::<Vec<_>>()
    };
    let files = open(folder.path());
    let shown: Vec<_> = files.iter().map(|file| (file.permissions().mode() & 0o777, file.nlink(), file.len())).collect();
    assert_eq!(shown, [(0o600, 0, 15)]);
    drop(place);
    assert_eq!(open(folder.path()).len(), 0, "the space is free");
}

#[tokio::test]
async fn a_folder_that_is_not_there_or_not_writable_is_refused_at_once() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("missing");
    let error = FileSpool::new(&missing).unwrap_err();
    assert_eq!((error.kind(), error.class()), (ErrorKind::Spool, ErrorClass::Fatal));
    assert_eq!(
        error.to_string(),
        format!("open {}: the folder of the spool is not there; make it, or name another with `spool` under [run]", missing.display())
    );
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    assert!(FileSpool::new(&file).unwrap_err().to_string().contains("`spool`"));
}

fn names(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn a_process_that_is_killed_leaves_no_file_behind() {
    if let Some(folder) = env::var_os(SPOOL) {
        let mut place = FileSpool::new(folder).unwrap().create().await.unwrap();
        place.append(vec![7; 3 << 20].into()).await.unwrap();
        println!("spooled");
        std::future::pending::<()>().await;
    }
    let folder = TempDir::new().unwrap();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "spool::a_process_that_is_killed_leaves_no_file_behind"])
        .env(SPOOL, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    assert!(said.map_while(Result::ok).any(|line| line.contains("spooled")));
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    assert_eq!(names(folder.path()), 0);
}
