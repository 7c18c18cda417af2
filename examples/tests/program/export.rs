//! Mails that are copied out of an archive.

use std::{fs, process::Command};

use crate::program::{Setting, files, program};

#[test]
fn an_export_holds_the_mails_that_are_asked_for_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let archive = place("archive");
    program(&["demo", "--out", &archive, "--messages", "200"]).assert(0, &[]);
    let before = files(folder.path());
    let mails = before.keys().filter(|path| path.starts_with("archive/items/")).count();
    let export = |form: &str, out: &str, more: &[&str]| {
        program(&[&["export", "--archive", &archive, "--to", form, "--out", out, "--json", "--unrecorded"], more].concat())
    };

    let all = export("maildir", &place("all"), &[]).assert(0, &[]).json();
    assert_eq!((&all["items"], &all["messages"], &all["refused"]), (&mails.into(), &200.into(), &serde_json::json!([])));
    assert_eq!(files(&folder.path().join("all")).len(), mails);

    let some = export("mbox", &place("some.mbox"), &["--kind", "room", "--since", "2026-11-18", "--until", "2026-11-19T12:00:00Z"]);
    let items = some.assert(0, &[]).json()["items"].as_u64().unwrap();
    assert!(items > 0 && items < mails as u64, "{items} of {mails}");
    let text = fs::read_to_string(folder.path().join("some.mbox")).unwrap();
    assert_eq!(text.matches("\nX-Jabber-Archive-Kind: room\n").count() as u64, items);

    let none = program(&[
        "export",
        "--archive",
        &archive,
        "--to",
        "zip",
        "--out",
        &place("none.zip"),
        "--unrecorded",
        "--word",
        "nobody wrote this",
    ]);
    none.assert(0, &[&format!("0 of {mails} mails that were read"), "head digest", "none.zip"]);

    let of_archive = |files: std::collections::BTreeMap<String, Vec<u8>>| {
        files.into_iter().filter(|(path, _)| path.starts_with("archive/")).collect::<Vec<_>>()
    };
    assert!(of_archive(files(folder.path())) == of_archive(before), "an export that is not recorded only reads");
}

#[test]
fn a_zip_of_the_configured_archive_checks_with_sha256sum() {
    let setting = Setting::new(61, 150);
    setting.run("run", &[]).assert(3, &[]);
    let out = setting.folder.path().join("all.zip");
    let exported = setting.run("export", &["--to", "zip", "--out", out.to_str().unwrap(), "--json"]).assert(0, &[]).json();
    let unpacked = setting.folder.path().join("unpacked");
    let unpack = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
    assert!(Command::new("python3").args(["-c", unpack]).arg(&out).arg(&unpacked).status().unwrap().success());
    let checked = Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&unpacked).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    assert_eq!(String::from_utf8(checked.stdout).unwrap().lines().count() as u64, exported["items"].as_u64().unwrap() + 1);
}

#[test]
fn a_damaged_mail_is_refused_and_named_and_the_others_are_exported() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    program(&["demo", "--out", archive.to_str().unwrap(), "--messages", "120"]).assert(0, &[]);
    let mail = files(&archive).into_keys().find(|path| path.starts_with("items/")).unwrap();
    fs::write(archive.join(&mail), "damaged").unwrap();
    let out = folder.path().join("out.mbox");
    let arguments = ["export", "--archive", archive.to_str().unwrap(), "--to", "mbox", "--out", out.to_str().unwrap()];
    program(&arguments).assert(3, &[&format!("not exported: {mail}: changed"), "1 lists or mails were refused"]);
    assert!(!fs::read_to_string(&out).unwrap().contains("damaged"));
    program(&arguments).assert(1, &["out.mbox: it is there already", "nothing is ever overwritten"]);
}

#[test]
fn what_cannot_be_asked_for_is_a_matter_of_usage() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    program(&["demo", "--out", archive.to_str().unwrap(), "--messages", "100"]).assert(0, &[]);
    let out = folder.path().join("out");
    let export = |out: &str, more: &[&str]| {
        program(&[&["export", "--archive", archive.to_str().unwrap(), "--to", "mbox", "--out", out], more].concat())
    };
    for (more, said) in [
        (&["--since", "yesterday"][..], "neither a date such as 2026-11-21 nor a time"),
        (&["--until", "2026-11-31"], "neither a date"),
        (&["--since", "2026-11-21", "--until", "2026-11-21"], "it is not after --since"),
        (&["--kind", "chat"], "one-to-one"),
        (&["--word", ""], "--word"),
        (&["--person", ""], "--person"),
    ] {
        export(out.to_str().unwrap(), more).assert(2, &[said]);
    }
    export(archive.join("copy.mbox").to_str().unwrap(), &[]).assert(2, &["--out: it would lie in the archive"]);
    assert!(!out.exists());
    program(&["export", "--to", "pst", "--out", "x"]).assert(2, &["mbox", "maildir", "zip"]);
    program(&["verify", "--archive", archive.to_str().unwrap()]).assert(0, &[]);
}

#[test]
fn a_folder_without_an_archive_is_not_exported() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let arguments = ["export", "--archive", empty.to_str().unwrap(), "--to", "zip", "--out", out.to_str().unwrap()];
    program(&arguments).assert(1, &["there is no archive in this folder"]);
    assert!(!out.exists());
}
