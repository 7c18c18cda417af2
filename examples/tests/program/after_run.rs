//! The command of the administrator's that gets the report of every run.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::program::{Ran, Setting, command, ended, ran};

/// Writes an executable script beside the configuration.
fn script(setting: &Setting, name: &str, text: &str) -> PathBuf {
    let path = setting.folder.path().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

fn configure(setting: &Setting, lines: &str) {
    setting.configure(|text| text + lines + "\n");
}

fn told(setting: &Setting) -> Value {
    serde_json::from_slice(&fs::read(setting.folder.path().join("told.json")).unwrap()).unwrap()
}

#[test]
fn it_gets_the_report_on_its_input_its_arguments_as_they_are_and_no_secret() {
    let setting = Setting::new(81, 100);
    let text = "#!/bin/sh\ncd \"$(dirname \"$0\")\"\ncat > told.json\nprintf '%s|' \"$@\" > arguments\necho \"password: ${JABBER_TEST_PASSWORD-none}\"\necho \"home: $HOME\"\n";
    script(&setting, "hook", text);
    configure(&setting, "after_run = [\"./hook\", \"two words\", \"$HOME; ls\"]");
    let mut run = command();
    run.arg("run").arg("--json").arg("--config").arg(setting.config()).env("HOME", "/nowhere");
    let run = ran(&mut run);
    run.assert(3, &["password: none", "home: /nowhere"]);
    assert!(!run.out.contains("password: none"), "standard output is the report's: {run:?}");
    assert_eq!(fs::read_to_string(setting.folder.path().join("arguments")).unwrap(), "two words|$HOME; ls|");
    let mut expected = run.json();
    assert!(expected["head"].is_string() && expected["seals"].as_u64() > Some(0), "{expected}");
    expected["exit_code"] = json!(3);
    assert_eq!(told(&setting), expected);

    setting.run("run", &[]).assert(0, &["nothing to archive"]);
    assert_eq!((&told(&setting)["exit_code"], &told(&setting)["head"]), (&json!(0), &expected["head"]));
}

#[test]
fn it_is_told_of_a_run_that_failed() {
    let mut setting = Setting::new(82, 100);
    script(&setting, "hook", "#!/bin/sh\ncat > \"$(dirname \"$0\")/told.json\"\n");
    configure(&setting, "after_run = [\"./hook\"]");
    setting.stop_server();
    let run: Ran = setting.run("run", &["--json"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let mut expected = run.json();
    assert!(expected["error"]["message"].as_str().is_some_and(|message| message.contains("127.0.0.1")), "{expected}");
    expected["exit_code"] = json!(1);
    assert_eq!(told(&setting), expected);

    fs::remove_file(setting.folder.path().join("users.csv")).unwrap();
    setting.run("run", &[]).assert(2, &["users.csv"]);
    assert_eq!(told(&setting)["exit_code"], 2);
}

#[test]
fn that_it_failed_is_said_and_changes_no_exit_code_but_that_of_success() {
    let mut setting = Setting::new(83, 100);
    script(&setting, "hook", "#!/bin/sh\nexit 7\n");
    configure(&setting, "after_run = [\"./hook\"]");
    setting.run("run", &[]).assert(3, &["run after_run ./hook: it ended with exit status: 7", "head digest"]);
    setting.run("run", &[]).assert(3, &["nothing to archive", "exit status: 7"]);
    configure(&setting, "after_run = [\"./no-such-hook\"]");
    setting.run("run", &[]).assert(3, &["run after_run ./no-such-hook: it cannot be started"]);
    configure(&setting, "after_run = [\"true\"]");
    setting.run("run", &[]).assert(0, &["nothing to archive"]);
    configure(&setting, "after_run = [\"./hook\"]");
    setting.stop_server();
    setting.run("run", &[]).assert(1, &["127.0.0.1", "exit status: 7"]);
}

#[test]
fn it_is_killed_when_it_takes_too_long() {
    let setting = Setting::new(84, 100);
    setting.run("run", &[]).assert(3, &[]);
    configure(&setting, "after_run = [\"sleep\", \"60\"]\nafter_run_limit = \"1s\"");
    let begun = Instant::now();
    setting.run("run", &[]).assert(3, &["nothing to archive", "run after_run sleep: it was killed after 1 s", "raise `after_run_limit`"]);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn what_is_no_command_is_refused_before_anything_is_archived() {
    let setting = Setting::new(85, 100);
    for (lines, said) in [
        ("after_run = []", "there is no command"),
        ("after_run = [\"\"]", "there is no command"),
        ("after_run = \"mail ops\"", "expected a sequence"),
        ("after_run_limit = \"5s\"", "no meaning without `after_run`"),
    ] {
        configure(&setting, lines);
        setting.run("run", &[]).assert(2, &[said]);
    }
    assert!(!setting.archive().exists());
}

/// The script of `docs/proof.md`.
#[test]
fn the_documented_script_signs_each_head_once_and_the_signature_checks() {
    let proof = include_str!("../../../docs/proof.md");
    let text = proof.split("```sh\n").find(|block| block.starts_with("#!/bin/sh\n# Writes the head")).unwrap().split("```").next().unwrap();
    let setting = Setting::new(86, 100);
    let heads = setting.folder.path().join("heads");
    fs::create_dir(&heads).unwrap();
    let keygen = |arguments: &[&str]| {
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(arguments).current_dir(&heads);
        keygen
    };
    let made =
        keygen(&["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", "key"]).output().expect("ssh-keygen and jq are needed: see .ci/test");
    ended(made).assert(0, &[]);
    script(&setting, "sign-head", text);
    configure(&setting, &format!("after_run = [\"./sign-head\", \"{}\"]", heads.display()));
    let run = setting.run("run", &["--json"]).assert(3, &[]).json();
    let head = run["head"].as_str().unwrap();
    let signed = fs::read(heads.join(format!("{head}.json"))).unwrap();
    let told: Value = serde_json::from_slice(&signed).unwrap();
    assert_eq!(told, json!({ "head": head, "frontier": run["frontier"] }));

    let public = fs::read_to_string(heads.join("key.pub")).unwrap();
    fs::write(heads.join("allowed_signers"), format!("archive@example.com {public}")).unwrap();
    let check = proof.split("```sh\n").find(|block| block.starts_with("ssh-keygen -Y verify")).unwrap().split("```").next().unwrap();
    let check = || ended(Command::new("sh").args(["-euc", check]).env("head", head).current_dir(&heads).output().unwrap());
    check().assert(0, &["Good \"jabber-archive-head\" signature for archive@example.com"]);

    let before = fs::metadata(heads.join(format!("{head}.json.sig"))).unwrap().modified().unwrap();
    setting.run("run", &[]).assert(0, &["nothing to archive"]);
    assert_eq!(fs::metadata(heads.join(format!("{head}.json.sig"))).unwrap().modified().unwrap(), before);
    setting.run("verify", &["--expect", head]).assert(0, &[]);

    fs::write(heads.join(format!("{head}.json")), String::from_utf8(signed).unwrap().replace(&head[..4], "0000")).unwrap();
    assert_ne!(check().code, Some(0), "another head is not signed");
}
