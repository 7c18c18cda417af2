//! Where an export goes, and what is left where it does not come to its end.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
};

use jabber_archive_core::ErrorKind;
use jabber_archive_sink::{Archive, ExportFilter, ExportForm, export};

use crate::{
    archived::{exported, varied},
    child,
    snapshot::{files, snapshot},
};

const FORMS: [ExportForm; 3] = [ExportForm::Mbox, ExportForm::Maildir, ExportForm::Zip];

/// What an export to a place is refused with.
async fn refused(archive: &Archive, form: ExportForm, path: &Path) -> String {
    let error = export(archive, &ExportFilter::new(), form, path, |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Output);
    error.to_string()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_is_there_already_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, _) = varied(&folder.path().join("archive"), 3).await;
    let (file, full, empty) = (folder.path().join("file"), folder.path().join("full"), folder.path().join("empty"));
    fs::write(&file, "precious").unwrap();
    fs::create_dir_all(full.join("cur")).unwrap();
    fs::create_dir(&empty).unwrap();
    let before = snapshot(folder.path());
    for form in FORMS {
        for place in [&file, &full] {
            let said = refused(&archive, form, place).await;
            assert!(said.contains("it is there already") && said.contains("nothing is ever overwritten"), "{said}");
        }
    }
    for form in [ExportForm::Mbox, ExportForm::Zip] {
        refused(&archive, form, &empty).await;
    }
    assert!(snapshot(folder.path()) == before);
    exported(&archive, &ExportFilter::new(), ExportForm::Maildir, &empty).await;
    assert_eq!(names(&empty), ["cur", "new", "tmp"]);
}

#[tokio::test]
async fn a_place_that_cannot_be_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, _) = varied(&folder.path().join("archive"), 3).await;
    for form in FORMS {
        let said = refused(&archive, form, &folder.path().join("no/such/place")).await;
        assert!(said.contains("the folder that it is to lie in is not there; make the folder"), "{said}");
        let said = refused(&archive, form, Path::new("/")).await;
        assert!(said.contains("not the name of a file or folder"), "{said}");
    }
}

#[tokio::test]
async fn another_export_to_the_same_place_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, _) = varied(&folder.path().join("archive"), 3).await;
    let out = folder.path().join("out");
    fs::write(folder.path().join("out.partial"), "of another").unwrap();
    for form in FORMS {
        let said = refused(&archive, form, &out).await;
        assert!(said.contains("out.partial: another export is at work there, or one was killed; remove it"), "{said}");
    }
    assert_eq!(fs::read(folder.path().join("out.partial")).unwrap(), b"of another");
    assert!(!out.exists());
}

#[tokio::test]
async fn what_takes_the_place_meanwhile_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, _) = varied(&folder.path().join("archive"), 3).await;
    for form in FORMS {
        let out = folder.path().join(format!("{form:?}"));
        let error = export(&archive, &ExportFilter::new(), form, &out, |_| fs::write(&out, "precious").unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("it is there already"), "{error}");
        assert_eq!(fs::read(&out).unwrap(), b"precious");
    }
    assert_eq!(names(folder.path()), ["Maildir", "Mbox", "Zip", "archive"]);
}

/// In a child, whose parent made `archive` in the folder.
async fn export_in(folder: &Path, progress: impl Fn(u64) + Copy + Send) -> Vec<String> {
    let archive = Archive::existing_file(folder.join("archive")).unwrap();
    let form = fs::read_to_string(folder.join("form")).unwrap();
    let form = FORMS.into_iter().find(|known| format!("{known:?}") == form).unwrap();
    let error = export(&archive, &ExportFilter::new(), form, folder.join("out"), progress).await.unwrap_err();
    vec![error.to_string()]
}

/// Runs a test in a child for each form: what it said, and what it left there.
async fn for_each_form(before: &[&str], test: &str, check: impl Fn(ExportForm, bool, &str, PathBuf)) {
    for form in FORMS {
        let folder = tempfile::tempdir().unwrap();
        varied(&folder.path().join("archive"), 30).await;
        fs::write(folder.path().join("form"), format!("{form:?}")).unwrap();
        let (passed, said) = child::run(before, test, folder.path()).unwrap();
        check(form, passed, &said, folder.path().to_owned());
    }
}

#[tokio::test]
async fn a_killed_export_leaves_only_what_is_called_partial() {
    if let Some(folder) = child::folder() {
        export_in(&folder, |read| {
            if read == 10 {
                process::abort()
            }
        })
        .await;
        return;
    }
    for_each_form(&["env"], "targets::a_killed_export_leaves_only_what_is_called_partial", |form, passed, said, folder| {
        assert!(!passed, "{form:?}: {said}");
        assert_eq!(names(&folder), ["archive", "form", "out.partial"], "{form:?}");
        if form == ExportForm::Maildir {
            assert!(files(&folder.join("out.partial")).keys().all(|path| path.starts_with("cur/") || path.starts_with("tmp/")));
        }
    })
    .await;
}

#[tokio::test]
async fn an_export_that_does_not_fit_says_so_and_leaves_nothing() {
    if let Some(folder) = child::folder() {
        let said = export_in(&folder, |_| {}).await;
        assert!(said[0].contains("it is larger than a file may be; export fewer mails at a time"), "{said:?}");
        return;
    }
    // POSIX counts in 512 bytes, bash in 1,024; with the signal ignored, writing beyond gives EFBIG.
    let limited = ["sh", "-c", "trap '' XFSZ && ulimit -f 2 && exec \"$0\" \"$@\""];
    for_each_form(&limited, "targets::an_export_that_does_not_fit_says_so_and_leaves_nothing", |form, passed, said, folder| {
        assert!(passed, "{form:?}: {said}");
        assert!(!said.contains("ZipWriter"), "{said}");
        assert_eq!(names(&folder), ["archive", "form"], "{form:?}");
    })
    .await;
}

#[tokio::test]
async fn an_export_that_nobody_waits_for_any_more_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, _) = varied(&folder.path().join("archive"), 30).await;
    for form in FORMS {
        let (archive, out) = (archive.clone(), folder.path().join("out"));
        let task =
            tokio::spawn(async move { export(&archive, &ExportFilter::new(), form, out, |read| assert!(read < 10, "enough")).await });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(names(folder.path()), ["archive"], "{form:?}");
    }
}
