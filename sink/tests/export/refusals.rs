//! What does not verify is named and not exported.

use std::fs;

use bytes::Bytes;
use jabber_archive_core::{Digest, FieldHasher, Grid, Issue, ItemKey, List, MailItem, Part, Sink};
use jabber_archive_sink::{Archive, ExportFilter, ExportForm, Fault, Problem};

use crate::{
    archived::{exported, mbox, seal, varied},
    snapshot::files,
};

#[tokio::test]
async fn an_item_that_does_not_verify_is_refused_and_named_and_the_others_are_exported() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("archive");
    let (archive, mails) = varied(&place, 40).await;
    let changed = place.join(mails[3].key.path());
    let mut content = mails[3].content.to_vec();
    content[200] ^= 1;
    fs::write(&changed, &content).unwrap();
    fs::remove_file(place.join(mails[5].key.path())).unwrap();
    for form in [ExportForm::Mbox, ExportForm::Maildir, ExportForm::Zip] {
        let out = folder.path().join(format!("{form:?}"));
        let exported = exported(&archive, &ExportFilter::new(), form, &out).await;
        assert_eq!((exported.items, exported.read), (mails.len() as u64 - 2, mails.len() as u64), "{form:?}");
        let mut refused = exported.refused;
        refused.sort();
        let mut expected = [mails[3].key.path(), mails[5].key.path()];
        expected.sort();
        assert_eq!(refused.iter().map(|problem| problem.path.clone()).collect::<Vec<_>>(), expected);
        for Problem { path, fault, .. } in refused {
            match fault {
                Fault::Missing => assert_eq!(path, mails[5].key.path()),
                Fault::Changed { expected, found, .. } => {
                    assert_eq!((path, expected, found), (mails[3].key.path(), Digest::of(&mails[3].content), Digest::of(&content)));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let found = mbox(&fs::read(folder.path().join("Mbox")).unwrap());
    assert!(!found.iter().any(|mail| *mail == content || *mail == mails[3].content));
}

#[tokio::test]
async fn a_list_that_is_not_the_sealed_one_proves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("archive");
    let (archive, mails) = varied(&place, 40).await;
    let list = files(&place).into_keys().find(|path| path.starts_with("ledger/lists/")).unwrap();
    let content = fs::read(place.join(&list)).unwrap();
    let lines = List::from_bytes(&content).unwrap().lines().len();
    for (number, damaged) in [Some(content[..content.len() - 1].to_vec()), None].into_iter().enumerate() {
        match damaged {
            Some(damaged) => fs::write(place.join(&list), damaged).unwrap(),
            None => fs::remove_file(place.join(&list)).unwrap(),
        }
        let exported = exported(&archive, &ExportFilter::new(), ExportForm::Mbox, &folder.path().join(number.to_string())).await;
        assert_eq!(exported.refused.iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>(), [list.as_str()]);
        assert_eq!(exported.items as usize, mails.len() - lines);
    }
}

#[tokio::test]
async fn what_an_entry_in_doubt_names_is_refused_and_the_doubt_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("archive");
    let (archive, mails) = varied(&place, 40).await;
    let entry = "ledger/00000002.json";
    let text = fs::read_to_string(place.join(entry)).unwrap();
    fs::write(place.join(entry), text.replacen("\"list\": ", "\"list\":  ", 1)).unwrap();
    let exported = exported(&archive, &ExportFilter::new(), ExportForm::Mbox, &folder.path().join("out")).await;
    let [Problem { path, fault: Fault::Changed { says, .. }, .. }] = exported.problems.as_slice() else { panic!("{exported:#?}") };
    assert_eq!((path.as_str(), says.as_str()), (entry, "ledger/00000003.json"));
    let [Problem { path, fault: Fault::Inconsistent { how }, .. }] = exported.refused.as_slice() else { panic!("{exported:#?}") };
    assert!(path.starts_with("ledger/lists/") && how.contains(entry), "{path}: {how}");
    assert!(exported.items > 0 && exported.items < mails.len() as u64);
}

#[tokio::test]
async fn items_that_no_list_names_are_no_part_of_an_export() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, mails) = varied(&folder.path().join("archive"), 20).await;
    let mut left = mails[0].clone();
    left.key.id = "a".repeat(26).parse().unwrap();
    let _ = archive.sink().put(&left).await.unwrap();
    let exported = exported(&archive, &ExportFilter::new(), ExportForm::Mbox, &folder.path().join("out")).await;
    assert_eq!((exported.items, exported.refused), (mails.len() as u64, vec![]));
}

#[tokio::test]
async fn a_mail_that_is_no_transcript_is_exported_whole_and_refused_where_it_would_have_to_be_judged() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::file(folder.path().join("archive")).unwrap();
    let window = Grid::daily().window_at("2026-11-21T12:00:00Z".parse().unwrap());
    let id = "b".repeat(26).parse().unwrap();
    let conversation = FieldHasher::new().finish().short();
    let key = ItemKey::new(window, id);
    let content = Bytes::from_static(b"Subject: another converter\r\nFrom: a@example.com\r\n\r\nFrom here\r\n");
    let mail = MailItem::new(key, conversation, Issue::FIRST, Part::new(1, 1), content.clone());
    seal(&archive, &[mail]).await;
    let all = folder.path().join("all");
    assert_eq!(exported(&archive, &ExportFilter::new(), ExportForm::Mbox, &all).await.items, 1);
    assert_eq!(mbox(&fs::read(&all).unwrap()), [content]);
    let exported = exported(&archive, &ExportFilter::new().word("another"), ExportForm::Mbox, &folder.path().join("some")).await;
    assert_eq!((exported.items, exported.refused.len()), (0, 1));
    assert!(exported.refused[0].to_string().contains("no transcript"), "{}", exported.refused[0]);
}
