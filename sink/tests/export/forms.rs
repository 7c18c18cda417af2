//! What lies in an export, and that it is the same every time.

use std::{collections::BTreeSet, fs};

use bytes::Bytes;
use jabber_archive_core::{ConverterExt, Issue, Transcript, TranscriptSettings, Window, testing::generators};
use jabber_archive_sink::{Archive, ExportFilter, ExportForm};

use crate::{
    archived::{Chain, exported, mbox, varied},
    snapshot::{files, snapshot},
};

#[tokio::test]
async fn an_exported_mbox_gives_every_mail_back_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, mails) = varied(&folder.path().join("archive"), 150).await;
    let out = folder.path().join("all.mbox");
    let exported = exported(&archive, &ExportFilter::new(), ExportForm::Mbox, &out).await;
    assert_eq!((exported.refused.as_slice(), exported.problems.as_slice()), (&[][..], &[][..]));
    let messages: usize = mails.iter().map(|mail| mail.messages.len()).sum();
    let bytes: usize = mails.iter().map(|mail| mail.content.len()).sum();
    assert_eq!((exported.items, exported.read, exported.messages), (mails.len() as u64, mails.len() as u64, messages as u64));
    assert_eq!(exported.bytes, bytes as u64);
    assert_eq!(exported.head, Some(archive_head(&archive).await));

    let found = mbox(&fs::read(&out).unwrap());
    let mut expected: Vec<_> = mails.iter().map(|mail| (mail.key.window, mail.line(), mail.content.clone())).collect();
    expected.sort();
    let expected: Vec<Bytes> = expected.into_iter().map(|(.., content)| content).collect();
    assert!(found == expected, "the mails of the mbox are not those of the lists, in their order");
}

async fn archive_head(archive: &Archive) -> jabber_archive_core::Digest {
    jabber_archive_core::Ledger::head(&archive.ledger()).await.unwrap().unwrap().digest
}

#[tokio::test]
async fn an_exported_maildir_holds_every_mail_byte_for_byte_as_seen_and_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, mails) = varied(&folder.path().join("archive"), 60).await;
    let out = folder.path().join("alice");
    exported(&archive, &ExportFilter::new(), ExportForm::Maildir, &out).await;
    let objects = snapshot(&out);
    assert!(objects.values().all(|object| object.mode == if object.content.is_some() { 0o600 } else { 0o700 }));
    assert!(["cur", "new", "tmp"].iter().all(|name| objects[*name].content.is_none()));
    let found = files(&out);
    assert_eq!(found.len(), mails.len());
    for mail in mails {
        assert!(found[&format!("cur/{}.jabber-archive:2,S", mail.key.id)] == mail.content, "{}", mail.key);
    }
}

#[tokio::test]
async fn the_same_archive_and_filter_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, _) = varied(&folder.path().join("archive"), 60).await;
    for filter in [ExportFilter::new(), ExportFilter::new().word("budget")] {
        for form in [ExportForm::Mbox, ExportForm::Maildir, ExportForm::Zip] {
            let outs = ["one", "other"].map(|name| folder.path().join(format!("{form:?}-{name}-{}", filter == ExportFilter::new())));
            for out in &outs {
                exported(&archive, &filter, form, out).await;
            }
            let [one, other] = outs.map(|out| {
                let files = |(path, object): (String, crate::snapshot::Object)| {
                    let dated = (form == ExportForm::Maildir && object.content.is_some()).then_some(object.modified);
                    (path, object.mode, dated, object.content)
                };
                if out.is_dir() {
                    snapshot(&out).into_iter().map(files).collect()
                } else {
                    vec![(String::new(), 0, None, Some(fs::read(out).unwrap()))]
                }
            });
            assert!(one == other, "{form:?}");
        }
    }
}

#[tokio::test]
async fn an_archive_with_nothing_that_is_asked_for_gives_an_empty_export() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, mails) = varied(&folder.path().join("archive"), 5).await;
    for form in [ExportForm::Mbox, ExportForm::Maildir, ExportForm::Zip] {
        let out = folder.path().join(format!("{form:?}"));
        let exported = exported(&archive, &ExportFilter::new().person("nobody@example.com"), form, &out).await;
        assert_eq!((exported.items, exported.bytes, exported.read), (0, 0, mails.len() as u64));
        assert!(out.exists());
    }
    assert_eq!(fs::read(folder.path().join("Mbox")).unwrap(), b"");
}

#[tokio::test]
async fn what_several_seals_of_one_window_list_is_all_exported_once() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::file(folder.path().join("archive")).unwrap();
    let transcript = Transcript::new(&generators::facts(), TranscriptSettings::default()).unwrap();
    let conversations = generators::sample(generators::conversation(), 200);
    let conversation = conversations.iter().find(|conversation| conversation.window.is_undated()).unwrap();
    let first = transcript.mails(conversation, Issue::FIRST).unwrap().remove(0);
    let mut later = Issue::FIRST.next_edition();
    later.addendum = true;
    let later = transcript.mails(conversation, later).unwrap().remove(0);
    let mut chain = Chain::open(&archive).await;
    chain.append(Window::UNDATED.span(), &[&first]).await;
    chain.append(Window::UNDATED.span(), &[&first, &later]).await;

    let out = folder.path().join("all.mbox");
    let exported = exported(&archive, &ExportFilter::new(), ExportForm::Mbox, &out).await;
    assert_eq!((exported.items, exported.problems.len()), (2, 0));
    let found: BTreeSet<Bytes> = mbox(&fs::read(&out).unwrap()).into_iter().collect();
    assert!(found == BTreeSet::from([first.content, later.content]));
}
