//! The questions, answered through a terminal as a person does.

use std::{fs, path::Path, process::Command};

use serde_json::json;

use crate::program::{Ran, Setting, program, ran};

/// The key that goes to the next one of several answers, as the arrow does.
const DOWN: &str = "j";

/// Chooses the one of several that stands so far below the first.
fn nth(below: usize) -> serde_json::Value {
    std::iter::repeat_n(DOWN, below).chain(["\r"]).collect::<Vec<_>>().into()
}

fn typed(answer: &str) -> serde_json::Value {
    format!("{answer}\r").into()
}

/// Runs `init` in a terminal, with the password in a variable if there is one.
fn init(config: &Path, answers: &[(&str, serde_json::Value)], password: Option<&str>) -> Ran {
    let mut python = Command::new("python3");
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/init.py")).arg(json!(answers).to_string());
    python.arg(env!("CARGO_BIN_EXE_jabber-archive")).arg("init").arg("--config").arg(config).env("TERM", "xterm");
    match password {
        Some(password) => python.env("JABBER_DB_PASSWORD", password),
        None => python.env_remove("JABBER_DB_PASSWORD"),
    };
    ran(&mut python)
}

/// The answers up to the directory.
fn of_database(port: u16) -> Vec<(&'static str, serde_json::Value)> {
    vec![
        ("SQL Server: host", typed("127.0.0.1")),
        ("Port, or name", typed(&port.to_string())),
        ("Database", typed("")),
        ("Schema", typed("")),
        ("Login that may read", typed("")),
        ("Is this login there?", "y".into()),
        ("off: none", nth(3)),
        ("a credential of systemd", nth(0)),
        ("Its name", typed("")),
    ]
}

/// Those behind it.
fn of_the_rest(domains: &str) -> Vec<(&'static str, serde_json::Value)> {
    vec![
        ("Our own XMPP domains", typed(domains)),
        ("nobody has one", nth(0)),
        ("File: jid", typed("")),
        ("in Azure Blob Storage", nth(0)),
        ("Folder", typed("")),
        #[cfg(feature = "imap")]
        ("Are copies to be put into mailboxes", "n".into()),
    ]
}

#[test]
fn a_few_answers_make_a_configuration_that_archives() {
    let setting = Setting::new(311, 200);
    let config = setting.folder.path().join("made.toml");
    let domains = setting.office.internal_domains().join(", ");
    let mut answers = vec![("Name of the archive", typed("no name")), ("Name of the archive", typed("made"))];
    answers.extend(of_database(setting.port()));
    answers.extend(of_the_rest(&domains));
    let asked = init(&config, &answers, Some("demo"));
    asked.assert(0, &["SQL Server 16", "table  jm", "JIDs have an address", "the first run makes the archive", "No secret is in it"]);
    let written = fs::read_to_string(&config).unwrap();
    assert!(written.contains("password = { env = \"JABBER_DB_PASSWORD\" }"), "{written}");

    // As the setting's own configuration does, but for the name and what it does not say.
    let mut run = crate::program::command();
    ran(run.env("JABBER_DB_PASSWORD", "demo").arg("run").arg("--config").arg(&config)).assert(3, &["head digest"]);
    program(&["verify", "--archive", setting.archive().to_str().unwrap()]).assert(0, &[]);
    let messages = |ran: &Ran| ran.json()["messages"].clone();
    let made = messages(program(&["status", "--json", "--archive", setting.archive().to_str().unwrap()]).assert(0, &[]));
    setting.configure(|text| text.replace("path = \"archive\"", "path = \"other\""));
    setting.run("run", &[]).assert(3, &[]);
    let other = setting.folder.path().join("other");
    assert_eq!(made, messages(program(&["status", "--json", "--archive", other.to_str().unwrap()]).assert(0, &[])));

    let again = init(&config, &[], None);
    again.assert(2, &["it is there already"]);
    assert_eq!(fs::read_to_string(&config).unwrap(), written);
}

#[test]
fn an_answer_that_fails_is_asked_for_again_and_a_secret_that_is_typed_is_written_nowhere() {
    let setting = Setting::new(312, 100);
    let config = setting.folder.path().join("made.toml");
    let mut answers = vec![("Name of the archive", typed(""))];
    answers.extend(of_database(setting.port()));
    answers.extend([("It is not there now", typed("hunter2")), ("stop, and write nothing", nth(0))]);
    answers.extend(of_database(setting.port()));
    answers.push(("It is not there now", typed("demo")));
    // A directory that is not there is kept, to be mended later.
    answers.extend([
        ("Our own XMPP domains", typed("")),
        ("nobody has one", nth(0)),
        ("File: jid", typed("nowhere.csv")),
        ("stop, and write nothing", nth(1)),
        ("in Azure Blob Storage", nth(0)),
        ("Folder", typed("")),
        #[cfg(feature = "imap")]
        ("Are copies to be put into mailboxes", "n".into()),
    ]);
    let asked = init(&config, &answers, None);
    asked.assert(0, &["refuses the login of `jabber_reader`", "nowhere.csv", "table  jm"]);
    let written = fs::read_to_string(&config).unwrap();
    for secret in ["hunter2", "demo"] {
        assert!(!asked.out.contains(secret) && !written.contains(secret), "{secret}: {written}\n{}", asked.out);
    }
}

#[test]
fn a_login_that_is_not_there_is_made_by_lines_that_are_shown_and_whoever_stops_has_nothing_written() {
    let setting = Setting::new(313, 100);
    let config = setting.folder.path().join("made.toml");
    let mut answers = vec![("Name of the archive", typed(""))];
    answers.extend(of_database(setting.port()));
    let at = answers.iter().position(|(question, _)| *question == "Is this login there?").unwrap();
    answers[at].1 = "n".into();
    answers.insert(at + 1, ("Press Enter when", typed("")));
    let of_database = answers.iter_mut().find(|(question, _)| *question == "Database").unwrap();
    of_database.1 = typed("other");
    answers.push(("stop, and write nothing", nth(2)));
    let asked = init(&config, &answers, Some("demo"));
    let script =
        ["CREATE LOGIN [jabber_reader] WITH PASSWORD = N'...'", "GRANT SELECT ON [dbo].[jm] TO [jabber_reader];", "nothing was written"];
    asked.assert(1, &script);
    assert!(!config.exists());
}

#[cfg(feature = "imap")]
#[test]
fn a_mailbox_is_opened_before_the_configuration_says_that_mails_go_there() {
    use jabber_archive_imap::testing::{Dovecot, DovecotSetup};

    const ALL: &str = "compliance@example.com";
    let Some(dovecot) = DovecotSetup::new([ALL]).start() else { return };
    let setting = Setting::new(314, 100);
    fs::write(setting.folder.path().join("imap-ca.pem"), dovecot.authority()).unwrap();
    let config = setting.folder.path().join("made.toml");
    let mut answers = vec![("Name of the archive", typed(""))];
    answers.extend(of_database(setting.port()));
    answers.extend(of_the_rest(""));
    answers.pop();
    let of_mailboxes = |port: u16, password: &str| {
        vec![
            ("IMAP server", typed("localhost")),
            ("start-tls: before", nth(0)),
            ("Port [993]", typed(&port.to_string())),
            ("File of the authority", typed("imap-ca.pem")),
            ("an account that may act", nth(1)),
            ("Account; {mailbox}", typed(Dovecot::ARCHIVER)),
            ("a credential of systemd", nth(0)),
            ("Its name", typed("")),
            ("It is not there now", typed(password)),
            ("One mailbox that gets everything", typed(ALL)),
        ]
    };
    answers.push(("Are copies to be put into mailboxes", "y".into()));
    answers.extend(of_mailboxes(dovecot.tls_port(), "wrong"));
    answers.push(("stop, and write nothing", nth(0)));
    answers.extend(of_mailboxes(dovecot.tls_port(), Dovecot::ARCHIVER_PASSWORD));
    let asked = init(&config, &answers, Some("demo"));
    asked.assert(0, &["sign-in", "compliance@example.com can be opened", "No secret is in it"]);
    let written = fs::read_to_string(&config).unwrap();
    assert!(written.contains("to = [\"compliance@example.com\"]") && !written.contains(Dovecot::ARCHIVER_PASSWORD), "{written}");
    let ran_with = |command: &str| {
        let mut program = crate::program::command();
        program.env("JABBER_DB_PASSWORD", "demo").env("JABBER_MAIL_PASSWORD", Dovecot::ARCHIVER_PASSWORD);
        ran(program.arg(command).arg("--config").arg(&config))
    };
    ran_with("run").assert(3, &["head digest"]);
    ran_with("import").assert(0, &["copies of", "delivered to"]);
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("made.toml");
    program(&["init", "--config", config.to_str().unwrap()]).assert(2, &["there is no terminal", "docs/administration.md"]);
    assert!(!config.exists());
}
