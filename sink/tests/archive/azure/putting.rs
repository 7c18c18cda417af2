use std::collections::BTreeSet;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use jabber_archive_core::{Digest, ItemId, ItemKey, MailItem, ObjectKey, Sink, Stored};
use jabber_archive_sink::object_store::{Attribute, GetOptions, ObjectStore, ObjectStoreExt, path::Path};

use super::Container;
use crate::example::{day, item};

/// Content of which no block equals another.
fn content(bytes: usize) -> Bytes {
    let mut content = vec![0; bytes];
    for (number, block) in content.chunks_mut(1 << 16).enumerate() {
        block[..8].copy_from_slice(&number.to_le_bytes());
    }
    content.into()
}

/// The 26 letters of an id.
fn letters(digest: &Digest) -> String {
    digest.to_string().chars().take(26).map(|digit| char::from(b'a' + digit.to_digit(16).unwrap() as u8)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_of_60_mb_goes_by_a_single_put_and_comes_back() {
    let Some(container) = Container::new("putting-large").await else { return };
    let proxy = container.proxy([]).await;
    let sink = jabber_archive_sink::Archive::azure(container.config_at(proxy.endpoint())).await.unwrap().sink();
    let mut mail = item(day("2026-11-20"), 'a', "");
    mail.content = content(60_000_000);
    assert_eq!(sink.put(&mail).await.unwrap(), Stored::Created);
    assert_eq!(sink.put(&mail).await.unwrap(), Stored::AlreadyPresent);
    assert!(sink.read(&mail.key).await.unwrap() == mail.content);
    let puts: Vec<_> = proxy.requests().into_iter().filter(|request| request.method == "PUT").map(|put| (put.query, put.length)).collect();
    assert_eq!(puts, [(String::new(), 60_000_000), (String::new(), 60_000_000)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_carries_its_type_and_its_digests() {
    let Some(container) = Container::new("putting-attributes").await else { return };
    let mail = item(day("2026-11-20"), 'a', "From: alice@example.com\r\n\r\nhello");
    assert_eq!(container.archive().await.sink().put(&mail).await.unwrap(), Stored::Created);
    let options = GetOptions { head: true, ..GetOptions::default() };
    let stored = container.store().get_opts(&Path::from(mail.key.path()), options).await.unwrap();
    assert_eq!(stored.attributes.get(&Attribute::ContentType).unwrap().as_ref(), "message/rfc822");
    let sha256 = Digest::of(&mail.content).to_string();
    assert_eq!(stored.attributes.get(&Attribute::Metadata("sha256".into())).unwrap().as_ref(), sha256);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_mails_at_concurrency_32_are_all_there() {
    let Some(container) = Container::new("putting-many").await else { return };
    let sink = container.archive().await.sink();
    let window = day("2026-11-20");
    let mails: Vec<MailItem> = (0..2_000)
        .map(|number| {
            let id: ItemId = letters(&Digest::of(number.to_string().as_bytes())).parse().unwrap();
            let mut mail = item(window, 'a', &format!("Subject: {number}\r\n\r\n{}", "text ".repeat(800)));
            mail.key = ItemKey::new(window, id);
            mail
        })
        .collect();
    let puts = mails.iter().map(|mail| sink.put(mail));
    let stored: Vec<Stored> = stream::iter(puts).buffer_unordered(32).try_collect().await.unwrap();
    assert!(stored.iter().all(|stored| *stored == Stored::Created));
    let listed: BTreeSet<ItemKey> = sink.list(&window).try_collect().await.unwrap();
    assert_eq!(listed, mails.iter().map(|mail| mail.key.clone()).collect());
    let reads = mails.iter().map(|mail| async { Ok::<_, jabber_archive_core::Error>(sink.read(&mail.key).await? == mail.content) });
    let equal: Vec<bool> = stream::iter(reads).buffer_unordered(32).try_collect().await.unwrap();
    assert!(equal.into_iter().all(|equal| equal));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attachment_goes_in_blocks_and_appears_whole() {
    let Some(container) = Container::new("putting-attachment").await else { return };
    let proxy = container.proxy([]).await;
    let sink = jabber_archive_sink::Archive::azure(container.config_at(proxy.endpoint())).await.unwrap().sink();
    let content = content(23_000_000);
    let key = ObjectKey::new(Digest::of(&content));
    let pieces = || {
        let pieces: Vec<_> = content.chunks(1_000_001).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        stream::iter(pieces).boxed()
    };
    assert_eq!(sink.put_object(&key, pieces()).await.unwrap(), Stored::Created);
    assert_eq!(sink.put_object(&key, pieces()).await.unwrap(), Stored::AlreadyPresent);
    assert!(container.blobs().await == [(key.path(), content.to_vec())].into());
    let stored = container.store().head(&Path::from(key.path())).await.unwrap();
    assert_eq!(stored.size, 23_000_000);
    for request in proxy.requests() {
        assert!(request.length < 9_000_000, "{} bytes at once", request.length);
        assert!(request.method == "GET" || request.method == "HEAD" || request.method == "PUT", "{request:?}");
    }
}
