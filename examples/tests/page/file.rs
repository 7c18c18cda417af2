//! Where the page is written.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::archive::Archive;

fn seen(archive: &Archive) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(archive.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_earlier_page_is_replaced_and_keeps_its_rights_and_its_place() {
    let mut archive = Archive::new("test");
    let first = archive.page(3);
    assert!(first.starts_with("<!DOCTYPE html>\n<!-- The status of a Jabber Archive -->\n"), "{}", &first[..200]);
    fs::set_permissions(archive.path("status.html"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::create_dir(archive.path("web")).unwrap();
    fs::rename(archive.path("status.html"), archive.path("web/index.html")).unwrap();
    std::os::unix::fs::symlink("web/index.html", archive.path("status.html")).unwrap();
    archive.seal(1, 12_345, &[], &[]);
    let second = archive.page(0);
    assert!(second.contains("<strong>12,345</strong>") && second != first);
    assert_eq!(fs::read_to_string(archive.path("web/index.html")).unwrap(), second);
    assert_eq!(fs::metadata(archive.path("web/index.html")).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(archive.path("status.html")).unwrap().is_symlink());
    assert_eq!(seen(&archive), ["archive", "jabber-archive.toml", "status.html", "web"], "nothing is left beside it");
    assert_eq!(fs::read_dir(archive.path("web")).unwrap().count(), 1);
}

#[test]
fn what_is_no_page_of_ours_is_left_alone() {
    let archive = Archive::new("test");
    for (content, name) in [(&b"<!DOCTYPE html>\n<p>Our intranet</p>"[..], "index.html"), (b"", "empty"), (b"\xff\xfe", "binary")] {
        fs::write(archive.path(name), content).unwrap();
        let (code, error) = archive.status(&["--html", name]);
        assert_eq!(code, Some(2));
        assert!(error.contains("what is there is no status page"), "{error}");
        assert_eq!(fs::read(archive.path(name)).unwrap(), content);
    }
    let (code, error) = archive.status(&["--html", "jabber-archive.toml"]);
    assert!(code == Some(2) && error.contains("no status page"), "{error}");
    let (code, error) = archive.status(&["--html", "archive"]);
    assert!(code == Some(2) && error.contains("what is there cannot be read"), "{error}");
    let (code, error) = archive.status(&["--html", "archive/status.html"]);
    assert!(code == Some(2) && error.contains("it would lie in the archive"), "{error}");
    let (code, error) = archive.status(&["--html", "no/such/folder/status.html"]);
    assert!(code == Some(1) && error.contains("the page cannot be written"), "{error}");
    assert_eq!(seen(&archive), ["archive", "binary", "empty", "index.html", "jabber-archive.toml"]);
}

#[test]
fn a_copy_is_shown_and_not_judged() {
    let mut archive = Archive::new("copy");
    archive.seal(30, 50, &[], &[]);
    let ended = archive.status(&["--archive", "archive", "--html", "copy.html"]);
    assert_eq!(ended, (Some(0), String::new()));
    let page = fs::read_to_string(archive.path("copy.html")).unwrap();
    assert!(page.contains("<title>Not judged: copy</title>") && page.contains("may be a copy"), "{page}");
    assert!(!page.contains("Windows due"));
}

#[test]
fn a_dead_letter_is_told_of_with_its_reason_and_where_it_lies() {
    let mut archive = Archive::new("test");
    archive.seal(2, 50, &[], &["to_jid is empty"]);
    archive.seal(1, 50, &[], &["from_jid is empty"]);
    let window = archive.json()["dead_letter_windows"][0].clone();
    assert_eq!((&window["dead_letters"], &window["reason"]), (&1.into(), &"jm: from_jid is empty".into()));
    let path = format!("dead-letters/{}.json", window["named"][0].as_str().unwrap());
    let page = archive.page(0);
    assert!(page.contains("1 dead letter; the first: jm: from_jid is empty") && page.contains(&path), "{page}");
    // What cannot be read is a matter of `verify`.
    fs::write(archive.path("archive").join(path), "{}").unwrap();
    assert!(archive.json()["dead_letter_windows"][0]["reason"].is_null());
}
