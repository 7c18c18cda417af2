//! Verification of a part, and what is to be kept elsewhere.

use std::fs;

use jabber_archive_core::Digest;

use crate::program::{Ran, Setting, files, program};

struct Archive {
    folder: tempfile::TempDir,
    mails: u64,
}

impl Archive {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let archive = Self { folder, mails: 0 };
        let made = program(&["demo", "--messages", "200", "--out", &archive.path(), "--json"]).assert(0, &[]).json();
        Self { mails: made["items"].as_u64().unwrap(), ..archive }
    }

    fn path(&self) -> String {
        self.folder.path().join("out").to_str().unwrap().to_owned()
    }

    fn verify(&self, arguments: &[&str]) -> Ran {
        program(&[&["verify", "--archive", &self.path()], arguments].concat())
    }
}

#[test]
fn the_head_is_the_number_and_the_digest_of_the_last_entry_and_nothing_else_is_read() {
    let archive = Archive::new();
    let files = files(archive.folder.path());
    let (last, content) = files.iter().rfind(|(path, _)| path.starts_with("out/ledger/0")).unwrap();
    let number: u64 = last.trim_start_matches("out/ledger/").trim_end_matches(".json").parse().unwrap();
    let digest = Digest::of(content);
    // Wrong elsewhere: that is not looked at.
    fs::write(archive.folder.path().join("out/ledger/00000001.json"), "{").unwrap();
    let told = archive.verify(&["--head"]);
    assert_eq!((told.assert(0, &[]).out.as_str(), told.err.as_str()), (format!("entry {number}  sha256 {digest}\n").as_str(), ""));
    let json = archive.verify(&["--head", "--json"]).assert(0, &[]).json();
    assert_eq!((&json["entry"], &json["sha256"]), (&number.into(), &digest.to_string().into()));
}

#[test]
fn the_head_of_an_archive_without_entries_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("archive.json"), jabber_archive_core::ArchiveFacts::new("test").unwrap().to_bytes()).unwrap();
    let archive = folder.path().to_str().unwrap();
    program(&["verify", "--archive", archive, "--head"]).assert(1, &["the chain has no entry yet", "jabber-archive run"]);
    let setting = Setting::new(31, 1);
    setting.run("verify", &["--head"]).assert(1, &["there is no such folder"]);
}

#[test]
fn a_sample_says_that_it_is_one_and_how_it_is_repeated() {
    let archive = Archive::new();
    let words = [
        format!("of {} mails the content of 5 was to be read", archive.mails),
        format!("of {} mails a sample of 5", archive.mails),
        "are as they were archived".to_owned(),
    ];
    let text = archive.verify(&["--sample", "5"]);
    text.assert(0, &[&words[0], &words[1], &words[2]]);
    let seed = text.out.split("--sample 5 --seed ").nth(1).unwrap().split(' ').next().unwrap();

    let json = archive.verify(&["--sample", "5", "--seed", seed, "--json"]).assert(0, &[]).json();
    assert_eq!((&json["items"], &json["sampled"], &json["sampled_from"]), (&5.into(), &5.into(), &archive.mails.into()));
    assert_eq!(json["seed"].to_string(), seed);
    assert_eq!(archive.verify(&["--sample", "5", "--seed", seed]).out, text.out, "the same mails, of as many bytes");
    let anew = archive.verify(&["--sample", "5", "--json"]).json();
    assert_ne!(anew["seed"].to_string(), seed, "chosen anew");
}

#[test]
fn a_sample_of_as_many_as_there_are_is_a_verification_of_all() {
    let archive = Archive::new();
    let all = archive.verify(&["--json"]);
    assert!(all.json().get("sampled_from").is_none());
    assert_eq!(archive.verify(&["--sample", &archive.mails.to_string(), "--json"]).out, all.out);
    assert_eq!(archive.verify(&["--sample", "1000000"]).out, archive.verify(&[]).out);
}

#[test]
fn a_mail_that_is_missing_is_named_whether_or_not_it_is_in_the_sample() {
    let archive = Archive::new();
    let mail = files(archive.folder.path()).into_keys().find(|path| path.starts_with("out/items/")).unwrap();
    fs::remove_file(archive.folder.path().join(&mail)).unwrap();
    let named = format!("{}: missing", mail.trim_start_matches("out/"));
    for seed in ["1", "2", "3"] {
        archive.verify(&["--sample", "1", "--seed", seed]).assert(3, &[&named, "1 problems"]);
    }
}

#[test]
fn what_a_killed_upload_left_is_told_and_no_problem() {
    let archive = Archive::new();
    let incoming = archive.folder.path().join("out/incoming");
    fs::create_dir(&incoming).unwrap();
    fs::write(incoming.join("upload-0123456789abcdef"), "half").unwrap();
    archive.verify(&[]).assert(0, &["1 files, in `incoming`", "did not come to their end"]);
}
