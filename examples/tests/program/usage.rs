//! What people get wrong, and what the program says about it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::program::{Setting, command, files, program, ran};

fn setting() -> Setting {
    Setting::new(31, 100)
}

#[test]
fn arguments_that_are_none_are_a_matter_of_usage() {
    program(&[]).assert(2, &["Usage"]);
    program(&["archive-all"]).assert(2, &["unrecognized subcommand"]);
    program(&["demo", "--messages", "many"]).assert(2, &["--messages"]);
    program(&["verify", "--expect", "abc"]).assert(2, &["64 hexadecimal digits"]);
    program(&["verify", "--seed", "1"]).assert(2, &["--sample"]);
    program(&["verify", "--head", "--sample", "1"]).assert(2, &["--head", "cannot be used with"]);
    program(&["--help"]).assert(0, &["Exit codes", "demo", "check", "run", "status", "verify", "export"]);
}

#[test]
fn a_missing_configuration_is_named() {
    program(&["run", "--config", "/no/such/file.toml"]).assert(2, &["/no/such/file.toml", "cannot be read", "--config"]);
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
    let setting = setting();
    for (from, to, words) in [
        ("user = ", "usr = ", ["line 8", "no key `usr`", "did you mean `user`?"]),
        ("[directory]\ncsv", "[directory]\ncvs", ["line 13", "no key `cvs`", "did you mean `csv`?"]),
        ("retry_for", "retry_four", ["line 24", "no key `retry_four`", "did you mean `retry_for`?"]),
        ("[sink]", "[sinks]", ["line 19", "no key `sinks`", "did you mean `sink`?"]),
    ] {
        setting.configure(|text| text.replace(from, to));
        setting.run("run", &[]).assert(2, &words);
    }
}

#[test]
fn values_that_are_none_are_refused() {
    let setting = setting();
    for (from, to, words) in [
        ("retry_for = \"1s\"", "retry_for = \"soon\"", &["line 24", "`soon` is no length of time"][..]),
        ("retry_for = \"1s\"", "window = \"7h\"", &["divide 24 h"]),
        ("retry_for = \"1s\"", "window = \"10m\"", &["`window`", "shorter than three margins"]),
        ("retry_for = \"1s\"", "margin = \"1500ms\"", &["`margin`", "whole seconds"]),
        ("retry_for = \"1s\"", "settle = \"1m\"", &["`settle` is shorter than `margin`"]),
        ("retry_for = \"1s\"", "anchor = \"25:00\"", &["no time of day"]),
        ("retry_for = \"1s\"", "memory = \"much\"", &["no amount such as 512MiB"]),
        ("retry_for = \"1s\"", "spool = \"nowhere\"", &["`spool`", "nowhere: the folder of the spool is not there", "make it"]),
        ("retry_for = \"1s\"", "in_flight = \"some\"", &["line 24", "`some` is no amount"]),
        ("name = \"test\"", "name = \"Test!\"", &["`Test!`", "a-z, 0-9"]),
        ("encrypt = \"off\"", "encrypt = \"maybe\"", &["line 10", "maybe"]),
        ("kind = \"file\"", "kind = \"azur\"", &["azur"]),
        ("conversation_json = true", "max_item_bytes = 1000", &["max_item_bytes"]),
        ("conversation_json = true", "time_zone = \"Europe/Zurch\"", &["time_zone", "`Europe/Zurch`", "did you mean `Europe/Zurich`?"]),
        ("conversation_json = true", "mode = \"thread\"", &["thread", "`transcript`, `per-message`, `rsmf`"]),
        ("conversation_json = true", "journal = \"yes\"", &["yes", "boolean"]),
        ("conversation_json = true", "journal = true\nmax_item_bytes = 300000", &["max_item_bytes", "327680 or more"]),
        ("conversation_json = true", "mode = \"per-message\"\nmax_item_bytes = 1000", &["set up per-message max_item_bytes"]),
        ("csv = \"users.csv\"", "csv = \"nobody.csv\"", &["read csv", "nobody.csv: the file cannot be read", "name a file"]),
        ("encrypt = \"off\"", "ca_file = \"nobody.pem\"", &["read ca_file", "nobody.pem: the file cannot be read", "name a file"]),
        ("csv = \"users.csv\"", "csv = \"users.csv\"\njid_is_email = true", &["exclude each other"]),
    ] {
        setting.configure(|text| text.replace(from, to));
        for name in ["check", "run"] {
            setting.run(name, &[]).assert(2, words);
        }
    }
    assert!(!setting.archive().join("archive.json").exists(), "no archive is made with a configuration that is refused");
}

#[test]
fn settings_of_the_store_that_do_not_belong_together_are_refused() {
    let setting = setting();
    let azure = "kind = \"azure\"\naccount = \"examplechats\"\ncontainer = \"jabber\"";
    let key = "access_key = { env = \"JABBER_TEST_PASSWORD\" }";
    for (sink, words) in [
        ("kind = \"file\"".to_owned(), &["[sink]", "`path` is missing"][..]),
        ("kind = \"file\"\npath = \"archive\"\naccount = \"examplechats\"".to_owned(), &["`account` has no meaning with kind = \"file\""]),
        (
            azure.to_owned(),
            &["does not say how to sign in", "`access_key`, `sas`, `client_secret`, `managed_identity`, `workload_identity`"],
        ),
        (format!("{azure}\n{key}\nmanaged_identity = true"), &["`access_key`, `managed_identity` exclude each other"]),
        (format!("{azure}\n{key}\npath = \"archive\""), &["`path` has no meaning with kind = \"azure\""]),
        (format!("{azure}\n{key}\ntenant_id = \"t\""), &["`tenant_id` has no meaning", "`access_key`"]),
        (format!("{azure}\n{key}").replace("account", "acount"), &["no key `acount`", "did you mean `account`?"]),
        (format!("{azure}\n{key}").replace("account = \"examplechats\"\n", ""), &["`account` is missing"]),
        (format!("{azure}\naccess_key = \"hunter2\""), &["never written here"]),
        (format!("{azure}\nsas = {{ env = \"JABBER_NO_SUCH_VARIABLE\" }}"), &["sas", "no variable `JABBER_NO_SUCH_VARIABLE`"]),
        (format!("{azure}\nclient_secret = {{ env = \"JABBER_TEST_PASSWORD\" }}"), &["`tenant_id` is missing"]),
        (format!("{azure}\nworkload_identity = true"), &["`token_file` is missing", "AZURE_FEDERATED_TOKEN_FILE"]),
        (format!("{azure}\n{key}").replace("examplechats", "Example_Chats"), &["account", "no name of a storage account"]),
        (format!("{azure}\n{key}\nendpoint = \"http://example.com\""), &["endpoint", "is not encrypted"]),
        (format!("{azure}\n{key}\nca_file = \"nobody.pem\""), &["read ca_file", "nobody.pem: the file cannot be read"]),
        (format!("{azure}\naccess_key = {{ env = \"PATH\" }}"), &["access_key", "it is not base64"]),
    ] {
        setting.configure(|text| text.replace("kind = \"file\"\npath = \"archive\"", &sink));
        for name in ["check", "run", "status", "verify"] {
            setting.run(name, &[]).assert(2, words);
        }
    }
}

#[test]
fn a_secret_is_never_written_out_and_never_shown() {
    let setting = setting();
    setting.configure(|text| text.replace("{ env = \"JABBER_TEST_PASSWORD\" }", "\"hunter2\""));
    let refused = setting.run("run", &[]);
    refused.assert(2, &["line 9", "never written here", "{ env = "]);
    assert!(!format!("{refused:?}").contains("hunter2"));

    setting.configure(|text| text.replace("JABBER_TEST_PASSWORD", "JABBER_NO_SUCH_VARIABLE"));
    setting.run("run", &[]).assert(2, &["password", "no variable `JABBER_NO_SUCH_VARIABLE`"]);

    let secret = setting.folder.path().join("secret");
    setting.configure(|text| text.replace("{ env = \"JABBER_TEST_PASSWORD\" }", "{ file = \"secret\" }"));
    setting.run("check", &[]).assert(2, &["password", "secret cannot be read"]);
    fs::write(&secret, "demo\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    setting.run("check", &[]).assert(2, &["can be read by others", "chmod 600"]);
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    setting.run("check", &[]).assert(3, &["readable"]);
}

#[test]
fn a_secret_can_be_a_credential_of_systemd() {
    let setting = setting();
    // As systemd shows them: the mode of a credential is the mask of an access list.
    let credentials = setting.folder.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::write(credentials.join("db-password"), "demo\n").unwrap();
    setting.configure(|text| text.replace("{ env = \"JABBER_TEST_PASSWORD\" }", "{ credential = \"db-password\" }"));
    setting.run("check", &[]).assert(2, &["password", "`db-password`", "systemd has not started this", "LoadCredential="]);
    let check = |credentials: &Path| {
        let mut command = command();
        ran(command.env("CREDENTIALS_DIRECTORY", credentials).arg("check").arg("--config").arg(setting.config()))
    };
    check(&credentials).assert(3, &["SQL Server"]);
    check(setting.folder.path()).assert(2, &["the credential `db-password` cannot be read"]);
    setting.configure(|text| text.replace("{ env = \"JABBER_TEST_PASSWORD\" }", "{ credential = \"../secret\" }"));
    check(&credentials).assert(2, &["`../secret` is no name of a credential"]);
}

#[test]
fn a_wrong_password_and_a_wrong_database_are_told_apart() {
    let setting = setting();
    let wrong = ran(command().arg("run").arg("--config").arg(setting.config()).env("JABBER_TEST_PASSWORD", "hunter2"));
    wrong.assert(1, &["refuses the login of `jabber_reader`", "18456"]);
    assert!(!format!("{wrong:?}").contains("hunter2"));
    setting.configure(|text| text.replace("database = \"tcmadb\"", "database = \"other\""));
    setting.run("run", &[]).assert(1, &["no database `other`", "4060"]);
}

#[test]
fn an_archive_of_another_name_or_grid_is_refused_and_left_alone() {
    let setting = setting();
    setting.run("run", &[]).assert(3, &[]);
    let before = files(&setting.archive());
    setting.configure(|text| text.replace("name = \"test\"", "name = \"other\""));
    for name in ["check", "run"] {
        setting.run(name, &[]).assert(1, &["name is test there and other here", "begin another archive"]);
    }
    setting.configure(|text| text + "window = \"6h\"\n");
    for name in ["check", "run"] {
        setting.run(name, &[]).assert(1, &["window (minutes) is 1440 there and 360 here"]);
    }
    assert!(files(&setting.archive()) == before);
}

#[test]
fn a_damaged_ledger_stops_a_run_and_is_left_alone() {
    let setting = setting();
    setting.run("run", &[]).assert(3, &[]);
    let entries: Vec<String> = files(&setting.archive()).into_keys().filter(|path| path.starts_with("ledger/0")).collect();
    let last = setting.archive().join(entries.last().unwrap());
    fs::write(&last, b"{").unwrap();
    let before = files(&setting.archive());
    setting.run("run", &[]).assert(1, &[entries.last().unwrap(), "it is damaged", "verify"]);
    assert!(files(&setting.archive()) == before);
    setting.run("verify", &[]).assert(3, &[entries.last().unwrap(), "damaged"]);
}

#[test]
fn an_archive_that_is_not_there_is_not_created_by_looking() {
    let setting = setting();
    for name in ["status", "verify"] {
        setting.run(name, &[]).assert(1, &["there is no such folder"]);
    }
    assert!(!setting.archive().exists());
}

#[test]
fn a_folder_without_an_archive_is_refused_and_a_chain_without_its_facts_is_a_problem() {
    let setting = setting();
    setting.run("run", &[]).assert(3, &[]);
    let facts = setting.archive().join("archive.json");
    fs::remove_file(&facts).unwrap();
    setting.run("verify", &[]).assert(3, &["archive.json: missing"]);
    fs::remove_dir_all(setting.archive()).unwrap();
    fs::create_dir(setting.archive()).unwrap();
    for name in ["status", "verify"] {
        setting.run(name, &[]).assert(1, &["there is no archive in this folder", "--archive"]);
    }
    assert_eq!(files(&setting.archive()).len(), 0);
}

#[test]
fn a_directory_that_cannot_be_read_is_named_with_its_line() {
    let setting = setting();
    fs::write(setting.folder.path().join("users.csv"), "jid,email\na@b,c@d\ne@f,nobody\n").unwrap();
    for name in ["check", "run"] {
        setting.run(name, &[]).assert(2, &["users.csv: line 3 has an email that is no address"]);
    }
}

#[test]
fn errors_can_be_read_by_machines() {
    let setting = setting();
    setting.configure(|text| text.replace("database = \"tcmadb\"", "database = \"other\""));
    let error = setting.run("run", &["--json"]).assert(1, &[]).json();
    assert_eq!(error["error"]["kind"], "source");
    assert_eq!(error["error"]["class"], "fatal");
    assert!(error["error"]["advice"].as_str().unwrap().contains("check `database`"));
}
