//! What is special about folders of this machine.

use std::{fs, io::Write, os::unix::fs::symlink};

use futures::StreamExt;
use jabber_archive_core::{ErrorClass, ErrorKind, FileStore, Opened};
use jabber_archive_files::{Folder, Root, SENTINEL};

use super::place::{LOGGED, Place, at, content, read};

fn folder(place: &Place) -> Folder {
    place.write(SENTINEL, b"");
    Folder::new([Root::new(LOGGED, place.store().to_str().unwrap()).unwrap()])
}

#[tokio::test]
async fn a_root_without_its_sentinel_is_unreadable_and_not_empty() {
    let place = Place::new();
    let store = Folder::new([Root::new(LOGGED, place.store().to_str().unwrap()).unwrap()]);
    let error = store.check().await.unwrap_err();
    assert_eq!((error.kind(), error.class()), (ErrorKind::File, ErrorClass::Transient));
    let expected = format!(
        "read file {}: it has no file `.jabber-archive-root`, so that nobody can tell whether files are missing or all of it is; check that it is mounted and the \
         right one; if it is, make an empty file `.jabber-archive-root` in it",
        place.store().display()
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(store.open(&at(&format!("{LOGGED}/none"))).await.unwrap_err().to_string(), expected);
    for link in [true, false] {
        let sentinel = place.store().join(SENTINEL);
        if link {
            symlink("status", &sentinel).unwrap();
        } else {
            fs::create_dir(&sentinel).unwrap();
        }
        assert!(store.check().await.is_err(), "it is no file");
        if link { fs::remove_file(&sentinel).unwrap() } else { fs::remove_dir(&sentinel).unwrap() }
    }
    place.write(SENTINEL, b"");
    store.check().await.unwrap();
}

#[tokio::test]
async fn a_root_that_is_not_there_says_where_it_should_be() {
    let store = Folder::new([Root::new(LOGGED, "/mnt/no-such-mount").unwrap()]);
    let error = store.check().await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
    assert_eq!(error.to_string(), "read file /mnt/no-such-mount: the folder cannot be read; check that it is there and mounted");
}

#[tokio::test]
async fn the_root_itself_may_be_a_link() {
    let place = Place::new();
    folder(&place);
    let other = tempfile::tempdir().unwrap();
    symlink(place.store(), other.path().join("mft")).unwrap();
    let store = Folder::new([Root::new(LOGGED, other.path().join("mft").to_str().unwrap()).unwrap()]);
    let found = read(&store, &format!("{LOGGED}/files/im/20261121/09/held0.bin")).await.unwrap();
    assert_eq!(found.unwrap(), content(0, 5));
}

#[tokio::test]
async fn a_file_that_grows_or_shrinks_while_it_is_read_ends_with_an_error() {
    let place = Place::new();
    let store = folder(&place);
    for grows in [true, false] {
        place.write("files/im/live.bin", &content(9, 2 << 20));
        let Opened::Content(mut content) = store.open(&at(&format!("{LOGGED}/files/im/live.bin"))).await.unwrap() else {
            panic!("not there")
        };
        let first = content.next().await.unwrap().unwrap();
        let mut file = fs::OpenOptions::new().append(true).open(place.store().join("files/im/live.bin")).unwrap();
        if grows {
            file.write_all(b"more").unwrap();
        } else {
            file.set_len(1 << 20).unwrap();
        }
        let mut read = first.len();
        let error = loop {
            match content.next().await.unwrap() {
                Ok(piece) => read += piece.len(),
                Err(error) => break error,
            }
        };
        assert!(read <= 2 << 20, "{read}");
        assert_eq!(error.class(), ErrorClass::Transient);
        assert_eq!(error.to_string(), format!("read file upload 4711 in {LOGGED}/files/im: it changed while it was read"));
        assert!(content.next().await.is_none(), "nothing comes behind an error");
    }
}

#[tokio::test]
async fn a_file_that_is_replaced_while_it_is_read_is_read_as_it_was() {
    let place = Place::new();
    let store = folder(&place);
    let path = format!("{LOGGED}/files/im/20261121/09/held7.bin");
    let Opened::Content(mut stream) = store.open(&at(&path)).await.unwrap() else { panic!("not there") };
    let mut whole = stream.next().await.unwrap().unwrap().to_vec();
    let hour = place.store().join("files/im/20261121/09");
    fs::rename(&hour, place.store().join("files/im/away")).unwrap();
    symlink("/etc", &hour).unwrap();
    while let Some(piece) = stream.next().await {
        whole.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(whole, content(7, (3 << 20) + 4_711));
    assert!(matches!(store.open(&at(&path)).await.unwrap(), Opened::Refused), "what was a folder is a link now");
}

#[tokio::test]
async fn errors_do_not_name_files() {
    let store = Folder::new(Place::new().roots()).sentinel(super::place::SENTINEL);
    let opened = store.open(&at(&format!("{}/mem", super::place::BROKEN))).await.unwrap();
    let Opened::Content(mut content) = opened else { panic!("{opened:?}") };
    // The folder of a place that was dropped is gone, but this root is a process.
    let error = content.next().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "read file upload 4711 in /opt/broken: it cannot be read");
    assert!(std::error::Error::source(&error).is_some());
}
