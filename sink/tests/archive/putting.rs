use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use jabber_archive_core::{Digest, Error, ErrorClass, ErrorKind, ItemKey, ObjectKey, Sink, Stored, Window};
use jabber_archive_sink::{Archive, ObjectSink};
use tempfile::TempDir;

use crate::{
    example::{Example, day, item},
    snapshot::files,
};

fn sink() -> (TempDir, ObjectSink) {
    let folder = tempfile::tempdir().unwrap();
    let sink = Archive::file(folder.path()).unwrap().sink();
    (folder, sink)
}

async fn listed(sink: &ObjectSink, window: &Window) -> Vec<ItemKey> {
    let mut keys: Vec<ItemKey> = sink.list(window).try_collect().await.unwrap();
    keys.sort();
    keys
}

#[tokio::test]
async fn a_put_only_creates_and_says_whether_what_is_there_is_equal() {
    let (folder, sink) = sink();
    let window = day("2026-11-20");
    let first = item(window, 'a', "From: alice@example.com\r\n\r\nfirst");
    assert_eq!(sink.put(&first).await.unwrap(), Stored::Created);
    let before = files(folder.path());
    assert_eq!(before, [(first.key.path(), first.content.to_vec())].into());
    assert_eq!(sink.put(&first).await.unwrap(), Stored::AlreadyPresent);
    for other in ["", "From: alice@example.com\r\n\r\nfirsT", "From: alice@example.com\r\n\r\nfirst and more"] {
        assert_eq!(sink.put(&item(window, 'a', other)).await.unwrap(), Stored::Different, "{other}");
    }
    assert_eq!(files(folder.path()), before);
    assert_eq!(sink.read(&first.key).await.unwrap(), first.content);
}

#[tokio::test]
async fn reading_what_is_not_there_is_a_fatal_error_that_names_it() {
    let (_folder, sink) = sink();
    let key = item(day("2026-11-20"), 'a', "").key;
    let error = sink.read(&key).await.unwrap_err();
    assert_eq!((error.kind(), error.class(), error.subject()), (ErrorKind::Sink, ErrorClass::Fatal, Some(key.path().as_str())));
    assert!(error.advice().unwrap().contains("jabber-archive verify"), "{error}");
}

#[tokio::test]
async fn a_mail_larger_than_the_store_takes_is_an_error_of_that_item_alone() {
    let (folder, sink) = sink();
    let mut mail = item(day("2026-11-20"), 'a', "");
    mail.content = vec![b'x'; usize::try_from(sink.capability().largest_item).unwrap() + 1].into();
    let error = sink.put(&mail).await.unwrap_err();
    assert_eq!((error.class(), error.subject()), (ErrorClass::Item, Some(mail.key.path().as_str())));
    assert_eq!(files(folder.path()), [].into());
}

#[tokio::test]
async fn a_list_gives_each_key_once_and_only_those_of_its_window() {
    let (folder, sink) = sink();
    let (window, next) = (day("2026-11-20"), day("2026-11-21"));
    for (window, name) in [(window, 'a'), (window, 'b'), (next, 'c'), (Window::UNDATED, 'd')] {
        let mail = item(window, name, "content");
        assert_eq!(sink.put(&mail).await.unwrap(), Stored::Created);
        assert_eq!(sink.put(&mail).await.unwrap(), Stored::AlreadyPresent);
    }
    let here = folder.path().join("items/2026/11/20");
    // What a killed put, an editor and a copying administrator leave.
    std::fs::write(here.join(format!("{}.eml#1", "e".repeat(26))), "half a ma").unwrap();
    std::fs::write(here.join("notes.txt"), "not ours").unwrap();
    std::fs::write(here.join(format!("{}.eml", "E".repeat(26))), "no id").unwrap();
    std::fs::create_dir(here.join("0600")).unwrap();
    std::fs::write(here.join(format!("0600/{}.eml", "f".repeat(26))), "of a shorter window").unwrap();
    let key = |window, name| item(window, name, "").key;
    assert_eq!(listed(&sink, &window).await, [key(window, 'a'), key(window, 'b')]);
    assert_eq!(listed(&sink, &next).await, [key(next, 'c')]);
    assert_eq!(listed(&sink, &Window::UNDATED).await, [key(Window::UNDATED, 'd')]);
    assert_eq!(listed(&sink, &day("2026-11-22")).await, []);
}

#[tokio::test]
async fn what_a_killed_put_left_is_no_item_and_hinders_no_put() {
    let example = Example::new().await;
    let sink = example.archive.sink();
    let window = day("2026-11-20");
    let keys = listed(&sink, &window).await;
    assert_eq!(keys.len(), 2);
    let content = sink.read(&keys[0]).await.unwrap();
    std::fs::remove_file(example.path().join(keys[0].path())).unwrap();
    let left = example.path().join(format!("{}#1", keys[0].path()));
    std::fs::write(&left, &content[..100]).unwrap();
    assert_eq!(listed(&sink, &window).await, keys[1..]);

    let mut mail = item(window, 'a', "");
    mail.key = keys[0].clone();
    mail.content = content.clone();
    assert_eq!(sink.put(&mail).await.unwrap(), Stored::Created);
    assert_eq!(sink.read(&keys[0]).await.unwrap(), content);
    assert_eq!(std::fs::read(&left).unwrap(), content[..100]);
    let verification = example.verify_expecting(example.head()).await;
    assert_eq!((verification.problems.as_slice(), verification.items, verification.pending), ([].as_slice(), 4, 0));
}

#[tokio::test]
async fn an_attachment_arrives_piece_by_piece_and_is_stored_once() {
    let (folder, sink) = sink();
    let content: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let key = ObjectKey::new(Digest::of(&content));
    let pieces = || {
        let pieces: Vec<_> = content.chunks(70_001).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        stream::iter(pieces).boxed()
    };
    assert_eq!(sink.put_object(&key, pieces()).await.unwrap(), Stored::Created);
    assert_eq!(sink.put_object(&key, pieces()).await.unwrap(), Stored::AlreadyPresent);
    assert!(files(folder.path()) == [(key.path(), content)].into(), "{:?}", files(folder.path()).keys());
}

#[tokio::test]
async fn an_empty_attachment_is_stored() {
    let (folder, sink) = sink();
    let key = ObjectKey::new(Digest::of(b""));
    assert_eq!(sink.put_object(&key, stream::empty().boxed()).await.unwrap(), Stored::Created);
    assert_eq!(files(folder.path()), [(key.path(), Vec::new())].into());
}

#[tokio::test]
async fn content_without_the_digest_of_its_key_is_not_stored() {
    let (folder, sink) = sink();
    let key = ObjectKey::new(Digest::of(b"this"));
    for content in [&b"that"[..], b"thi", b"this and more", b""] {
        let error = sink.put_object(&key, stream::iter([Ok(Bytes::from_static(content))]).boxed()).await.unwrap_err();
        assert_eq!((error.class(), error.subject()), (ErrorClass::Item, Some(key.path().as_str())), "{error}");
        assert_eq!(files(folder.path()), [].into());
    }
}

#[tokio::test]
async fn content_that_breaks_off_is_not_stored() {
    let (folder, sink) = sink();
    let key = ObjectKey::new(Digest::of(b"this"));
    let broken = || Err(Error::new(ErrorKind::File, ErrorClass::Transient, "read", "the connection was lost"));
    let error = sink.put_object(&key, stream::iter([Ok(Bytes::from_static(b"this")), broken()]).boxed()).await.unwrap_err();
    assert_eq!(error.to_string(), broken().unwrap_err().to_string());
    assert_eq!(files(folder.path()), [].into());
}

#[tokio::test]
async fn a_damaged_attachment_is_not_taken_for_the_one_that_is_put() {
    let (folder, sink) = sink();
    let content = Bytes::from_static(b"this");
    let key = ObjectKey::new(Digest::of(&content));
    let put = async || sink.put_object(&key, stream::iter([Ok(content.clone())]).boxed()).await.unwrap();
    assert_eq!(put().await, Stored::Created);
    std::fs::write(folder.path().join(key.path()), "th").unwrap();
    assert_eq!(put().await, Stored::Different);
    assert_eq!(files(folder.path()), [(key.path(), b"th".to_vec())].into());
}
