//! Mails that are put into mailboxes which Dovecot keeps.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
    thread,
    time::Duration,
};

use jabber_archive_core::{Digest, Receipts};
use jabber_archive_imap::testing::{Cut, CuttingProxy, Dovecot, DovecotSetup};
use jabber_archive_sink::testing::TokenServer;
use mail_parser::MessageParser;
use serde_json::Value;

use crate::program::{Setting, files};

/// Python's imaplib in a mailbox: the SHA-256 of every mail in its folder, and whether all are seen.
const READER: &str = r#"
import hashlib, imaplib, json, sys
found = {}
for user in sys.argv[3:]:
    imap = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]))
    imap.login(user, sys.argv[2])
    mails = []
    if imap.select('"INBOX/Cisco Jabber on MS SQL"', readonly=True)[0] == "OK":
        for uid in imap.uid("search", None, "ALL")[1][0].split():
            answer = imap.uid("fetch", uid, "(FLAGS BODY.PEEK[])")[1]
            assert b"\\Seen" in answer[0][0] + (answer[1] if isinstance(answer[1], bytes) else b"")
            mails.append(hashlib.sha256(answer[0][1]).hexdigest())
    found[user] = sorted(mails)
print(json.dumps(found))
"#;

/// Removes a mail from its folder.
const REMOVER: &str = r#"
import imaplib, sys
imap = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]))
imap.login(sys.argv[3], sys.argv[2])
imap.select('"INBOX/Cisco Jabber on MS SQL"')
imap.store("1", "+FLAGS", "\\Deleted")
imap.expunge()
"#;

/// What the text of a mail says of the address of such people.
const UNMAPPED: &str = "reaches nobody: not in the directory)";

const CATCH_ALL: &str = "catch-all@example.com";

/// Digests of mails, by mailbox.
pub(crate) type Mailboxes = BTreeMap<String, Vec<String>>;

fn python(script: &str, dovecot: &Dovecot, users: &[&str]) -> String {
    let port = dovecot.port().to_string();
    let output = Command::new("python3").args(["-c", script, &port, Dovecot::PASSWORD]).args(users).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The SHA-256 of what these users find in their folders.
pub(crate) fn found(dovecot: &Dovecot, users: &BTreeSet<String>) -> Mailboxes {
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let mut found: Mailboxes = serde_json::from_str(&python(READER, dovecot, &users)).unwrap();
    found.retain(|_, mails| !mails.is_empty());
    found
}

/// What belongs into which mailbox: what a header says, which names everybody where there are few.
fn expected(setting: &Setting, directory: &BTreeSet<String>, catch_all: bool) -> Mailboxes {
    let mut expected = Mailboxes::new();
    for (_, mail) in files(&setting.archive()).iter().filter(|(path, _)| path.starts_with("items/")) {
        let message = MessageParser::default().parse(mail).unwrap();
        let to: Vec<String> = message.to().unwrap().iter().map(|address| address.address().unwrap().to_lowercase()).collect();
        let mut mailboxes: BTreeSet<String> = to.iter().filter(|address| directory.contains(*address)).cloned().collect();
        if catch_all && to.iter().any(|address| address.ends_with(".invalid")) {
            mailboxes.insert(CATCH_ALL.to_owned());
        }
        for mailbox in mailboxes {
            expected.entry(mailbox).or_default().push(Digest::of(mail).to_string());
        }
    }
    for mails in expected.values_mut() {
        mails.sort();
    }
    expected
}

/// The addresses of the directory.
fn directory(setting: &Setting) -> BTreeSet<String> {
    let csv = fs::read_to_string(setting.folder.path().join("users.csv")).unwrap();
    csv.lines().skip(1).filter_map(|line| line.split(',').nth(1)).map(|address| address.trim_matches('"').to_lowercase()).collect()
}

/// An archive, and a server with a mailbox for everybody but these.
fn office(seed: u64, messages: usize, without: &[&str]) -> Option<(Setting, Dovecot, BTreeSet<String>)> {
    let setting = Setting::new(seed, messages);
    setting.run("run", &[]).assert(3, &[]);
    let directory = directory(&setting);
    let users: BTreeSet<String> = directory.iter().filter(|address| !without.contains(&address.as_str())).cloned().collect();
    let dovecot = DovecotSetup::new(users.iter().cloned().chain([CATCH_ALL.to_owned()])).start()?;
    configure(&setting, &dovecot, |text| text);
    Some((setting, dovecot, users))
}

fn configure(setting: &Setting, dovecot: &Dovecot, change: impl Fn(String) -> String) {
    fs::write(setting.folder.path().join("imap-ca.pem"), dovecot.authority()).unwrap();
    fs::write(setting.folder.path().join("imap-password"), Dovecot::ARCHIVER_PASSWORD).unwrap();
    let mut permissions = fs::metadata(setting.folder.path().join("imap-password")).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    fs::set_permissions(setting.folder.path().join("imap-password"), permissions).unwrap();
    setting.configure(|text| {
        change(format!(
            "{text}\n[mailboxes]\nhost = \"localhost\"\nport = {}\nca_file = \"imap-ca.pem\"\nuser = \"{}\"\n\
             password = {{ file = \"imap-password\" }}\n",
            dovecot.tls_port(),
            Dovecot::ARCHIVER,
        ))
    });
}

#[test]
fn everybody_finds_their_mails_in_their_own_mailbox_byte_for_byte() {
    let Some((setting, dovecot, users)) = office(91, 600, &[]) else { return };
    let expected = expected(&setting, &users, false);
    let copies: usize = expected.values().map(Vec::len).sum();
    assert!(expected.len() > 5 && copies > 100, "{copies}");
    let rehearsed = setting.run("import", &["--dry-run", "--json"]).assert(0, &[]).json();
    assert_eq!((&rehearsed["due"], &rehearsed["delivered"]), (&copies.into(), &0.into()));
    assert_eq!(found(&dovecot, &users), Mailboxes::new());

    let imported = setting.run("import", &["--json"]).assert(0, &[]).json();
    assert_eq!((&imported["delivered"], &imported["found"]), (&copies.into(), &0.into()));
    assert_eq!(found(&dovecot, &users), expected);
    setting.run("verify", &["--expect", imported["head"].as_str().unwrap()]).assert(0, &["are as they were archived"]);
    setting.run("log", &[]).assert(0, &[&format!("import, {copies} copies delivered"), "receipts in ledger/receipts/"]);

    // A run goes on behind the entries of an import.
    setting.run("run", &[]).assert(0, &["nothing to archive"]);

    // A mail that its owner removes does not come back, and nothing is delivered twice.
    let (user, mails) = expected.iter().max_by_key(|(_, mails)| mails.len()).unwrap();
    python(REMOVER, &dovecot, &[user]);
    setting.run("import", &[]).assert(0, &["nothing to deliver"]);
    assert_eq!(found(&dovecot, &users)[user].len(), mails.len() - 1);

    // The receipts say where each lies.
    let files = files(&setting.archive());
    let receipts: Vec<_> = files.iter().filter(|(path, _)| path.starts_with("ledger/receipts/")).collect();
    let lines: usize = receipts.iter().map(|(_, content)| Receipts::from_bytes(content).unwrap().lines().len()).sum();
    assert_eq!(lines, copies);
    let logged = copies_logged(&setting);
    let mut told = Mailboxes::new();
    for line in logged {
        assert!(line["result"] == "delivered" && line["receipt"].as_str().unwrap().contains(' ') && line["reason"].is_null(), "{line}");
        told.entry(line["mailbox"].as_str().unwrap().to_owned()).or_default().push(line["sha256"].as_str().unwrap().to_owned());
    }
    for mails in told.values_mut() {
        mails.sort();
    }
    assert_eq!(told, expected, "the log tells of each copy");
    let csv = setting.run("log", &["--format", "csv"]).assert(0, &[]).out.clone();
    assert_eq!(csv.lines().filter(|line| line.contains(&format!(",{user},"))).count(), mails.len());
}

/// What the log tells of copies for mailboxes, line by line.
fn copies_logged(setting: &Setting) -> Vec<Value> {
    let out = setting.run("log", &["--format", "jsonl"]).assert(0, &[]).out.clone();
    out.lines().map(|line| serde_json::from_str(line).unwrap()).filter(|line: &Value| !line["mailbox"].is_null()).collect()
}

#[test]
fn a_mailbox_that_is_missing_is_told_of_and_filled_once_it_is_there() {
    let Some((setting, dovecot, users)) = office(92, 200, &[]) else { return };
    let expected = expected(&setting, &users, false);
    let (missing, theirs) = expected.iter().max_by_key(|(_, mails)| mails.len()).unwrap();
    let others: BTreeSet<String> = users.iter().filter(|user| *user != missing).cloned().collect();
    drop(dovecot);
    let dovecot = DovecotSetup::new(others.iter().cloned()).start().unwrap();
    configure(&setting, &dovecot, |text| text);
    let refused = setting.run("import", &["--json"]).assert(3, &[]).json();
    assert_eq!(refused["refused_by"]["sign-in"], theirs.len());
    let logged = copies_logged(&setting);
    let of_missing: Vec<&Value> = logged.iter().filter(|line| line["mailbox"] == missing.as_str()).collect();
    assert_eq!(of_missing.len(), theirs.len());
    assert!(of_missing.iter().all(|line| line["result"] == "refused" && line["reason"] == "sign-in" && line["receipt"].is_null()));
    let mut without = expected.clone();
    without.remove(missing);
    assert_eq!(found(&dovecot, &others), without);
    setting.run("import", &[]).assert(3, &["not delivered", missing, "sign-in", "tried again"]);
    assert_eq!(found(&dovecot, &others), without);
    // What it refused is delivered to another server that has it; what was delivered is not.
    let other = DovecotSetup::new(users.iter().cloned()).start().unwrap();
    configure(&setting, &other, |text| text);
    let delivered = setting.run("import", &["--json"]).assert(0, &[]).json();
    assert_eq!(delivered["delivered"], theirs.len());
    assert_eq!(found(&other, &users), BTreeMap::from([(missing.clone(), theirs.clone())]));
}

#[test]
fn people_without_an_address_are_caught_and_get_theirs_once_they_have_one() {
    let Some((setting, dovecot, mut users)) = office(93, 300, &[]) else { return };
    users.insert(CATCH_ALL.to_owned());
    configure(&setting, &dovecot, |text| text.replace("csv = \"users.csv\"", "csv = \"users.csv\"\ncatch_all = \"catch-all@example.com\""));
    let expected = expected(&setting, &users, true);
    assert!(!expected[CATCH_ALL].is_empty());
    setting.run("import", &[]).assert(0, &["delivered to"]);
    assert_eq!(found(&dovecot, &users), expected);

    // One of them is in the directory now, under the address of a mailbox that nobody had.
    let texts: Vec<(String, String)> = files(&setting.archive())
        .into_iter()
        .filter(|(path, _)| path.starts_with("items/"))
        .map(|(_, mail)| {
            let text = MessageParser::default().parse(&mail).unwrap().body_text(0).unwrap().replace("\r\n", "\n");
            (Digest::of(&mail).to_string(), text)
        })
        .collect();
    let behind = texts.iter().flat_map(|(_, text)| text.split(&format!("{UNMAPPED}\n    JID: ")).skip(1).collect::<Vec<_>>());
    let jid = behind.map(|rest| rest.split('\n').next().unwrap()).min().unwrap().to_owned();
    let csv = setting.folder.path().join("users.csv");
    fs::write(&csv, format!("{}{jid},new.hire@example.com,New Hire,,\n", fs::read_to_string(&csv).unwrap())).unwrap();
    drop(dovecot);
    users.insert("new.hire@example.com".to_owned());
    let dovecot = DovecotSetup::new(users.iter().cloned()).start().unwrap();
    configure(&setting, &dovecot, |text| text.replace("csv = \"users.csv\"", "csv = \"users.csv\"\ncatch_all = \"catch-all@example.com\""));
    setting.run("import", &[]).assert(0, &["nothing to deliver"]);
    let since = setting.run("import", &["--unmapped-since", "2000-01-01", "--json"]).assert(0, &[]).json();
    let theirs = found(&dovecot, &users);
    let named = format!("{UNMAPPED}\n    JID: {jid}\n");
    let mut wanted: Vec<String> = texts.iter().filter(|(_, text)| text.contains(&named)).map(|(digest, _)| digest.clone()).collect();
    wanted.sort();
    assert!(!wanted.is_empty());
    assert_eq!(since["delivered"], wanted.len());
    assert_eq!(theirs, BTreeMap::from([("new.hire@example.com".to_owned(), wanted)]));
}

#[test]
fn killed_in_the_midst_it_goes_on_and_delivers_each_mail_once() {
    let Some((setting, dovecot, users)) = office(94, 600, &[]) else { return };
    let expected = expected(&setting, &users, false);
    let kills: u64 = std::env::var("JABBER_ARCHIVE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(3);
    let mut in_the_midst = 0;
    for kill in 0..kills {
        let signed_in = || dovecot.log().matches("Master user logging in").count();
        let before = signed_in();
        let mut child = setting.spawn("import");
        while signed_in() == before && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(2));
        }
        // A little later each time.
        thread::sleep(Duration::from_millis(20 + 50 * kill));
        child.kill().unwrap();
        child.wait().unwrap();
        let log = setting.run("log", &["--json"]).json();
        in_the_midst += u64::from(!log["entries"].as_array().unwrap().last().unwrap()["import"]["open"].is_null());
    }
    assert!(in_the_midst > 0);
    setting.run("import", &[]).assert(0, &[]);
    assert_eq!(found(&dovecot, &users), expected);
    setting.run("verify", &[]).assert(0, &["are as they were archived"]);
    setting.run("import", &[]).assert(0, &["nothing to deliver"]);
}

#[test]
fn settings_that_do_not_belong_together_are_told() {
    let setting = Setting::new(95, 50);
    setting.run("import", &[]).assert(2, &["there is no section [mailboxes]"]);
    let section = |lines: &str| setting.configure(|text| format!("{text}\n[mailboxes]\nhost = \"localhost\"\n{lines}\n"));
    for (lines, words) in [
        ("", "does not say how to sign in"),
        ("user = \"archiver\"", "does not say how to sign in"),
        ("user = \"a\"\npassword = \"b\"", "a secret is never written here"),
        ("user = \"a\"\npassword = { env = \"JABBER_TEST_PASSWORD\" }\nencrypt = \"off\"\nfolder = \"*\"", "no name for a folder"),
        ("user = \"a\"\npassword = { env = \"JABBER_TEST_PASSWORD\" }\nto = [\"nobody\"]", "no address of a mailbox"),
        ("user = \"a\"\npassword = { env = \"JABBER_TEST_PASSWORD\" }\nscope = \"x\"", "`scope` has no meaning without `client_id`"),
        ("user = \"a\"\nclient_id = \"b\"", "exclude each other"),
        ("client_id = \"b\"\nclient_secret = { env = \"JABBER_TEST_PASSWORD\" }", "`tenant_id` is missing"),
        ("client_id = \"b\"\ntenant_id = \"t\"", "no credential"),
        ("user = \"a\"\npassword = { env = \"JABBER_TEST_PASSWORD\" }\nreceived = \"never\"", "`chat` or `import`"),
        ("user = \"a\"\npassword = { env = \"JABBER_TEST_PASSWORD\" }\nfoldr = \"x\"", "`folder`"),
    ] {
        section(lines);
        for command in ["import", "check"] {
            setting.run(command, &[]).assert(2, &[words]);
        }
    }
    section("user = \"a\"\npassword = { env = \"JABBER_TEST_PASSWORD\" }\nport = 1");
    setting.run("import", &["--since", "2026-11-02", "--until", "2026-11-01"]).assert(2, &["--until"]);
    setting.run("import", &[]).assert(1, &["there is no such folder"]);
}

#[test]
fn a_server_that_is_down_is_an_error_and_json_says_so() {
    let Some((setting, dovecot, users)) = office(96, 100, &[]) else { return };
    let wanted = expected(&setting, &users, false);
    drop(dovecot);
    let failed: Value = setting.run("import", &["--json"]).assert(1, &[]).json();
    assert_eq!(failed["error"]["kind"], "mailbox");
    assert_eq!(failed["report"]["delivered"], 0);
    let dovecot = DovecotSetup::new(users.iter().cloned()).start().unwrap();
    configure(&setting, &dovecot, |text| text);
    setting.run("import", &[]).assert(0, &[]);
    assert_eq!(found(&dovecot, &users), wanted);
}

#[test]
fn over_a_line_that_breaks_and_with_tokens_that_end_each_mail_arrives_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for (seed, mechanism) in [(97, "xoauth2"), (98, "oauthbearer")] {
        let setting = Setting::new(seed, 300);
        setting.run("run", &[]).assert(3, &[]);
        let users = directory(&setting);
        let server = runtime.block_on(TokenServer::start()).unwrap();
        server.set_lifetime(Duration::from_secs(2));
        let setup = DovecotSetup::new(users.iter().cloned()).introspection(server.introspection_endpoint());
        let Some(dovecot) = setup.start() else { return };
        let cuts = (2..60).step_by(5).map(|number| (number, if number % 2 == 0 { Cut::After } else { Cut::Before }));
        let proxy = runtime.block_on(CuttingProxy::start(dovecot.port(), cuts)).unwrap();
        setting.configure(|text| {
            format!(
                "{}\n[mailboxes]\nhost = \"127.0.0.1\"\nport = {}\nencrypt = \"off\"\nclient_id = \"archiver\"\nmechanism = \"{mechanism}\"\n\
                 client_secret = {{ env = \"JABBER_TEST_PASSWORD\" }}\ntoken_endpoint = \"{}/tenant/oauth2/v2.0/token\"\nconnections = 2\n",
                text.replace("retry_for = \"1s\"", "retry_for = \"1m\""),
                proxy.port(),
                server.endpoint(),
            )
        });
        let expected = expected(&setting, &users, false);
        let copies: usize = expected.values().map(Vec::len).sum();
        let imported = setting.run("import", &["--json"]).assert(0, &["the connection was lost", "trying again"]).json();
        assert_eq!(found(&dovecot, &users), expected, "{mechanism}");
        let [delivered, there] = ["delivered", "found"].map(|count| imported[count].as_u64().unwrap());
        assert!(there > 0 && delivered + there == copies as u64, "{imported}");
        assert!(
            server.requests().len() > 1 && server.requests().iter().all(|request| request.status == 200),
            "{}",
            server.requests().len()
        );
        assert!(dovecot.log().contains(&format!("method={}", mechanism.to_uppercase())));
        setting.run("import", &[]).assert(0, &["nothing to deliver"]);
    }
}
