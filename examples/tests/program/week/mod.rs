//! A week of the whole service: a database, an archive in Azurite, mailboxes in Dovecot, and what befalls each of them.
//!
//! The days lie behind us. On each of them the database has the rows that would have been there, and `settle` is so long that windows to the end of that day are closed.

mod company;
mod mailboxes;
mod site;

use std::process::Command;

use jabber_archive_core::Receipts;
use jabber_archive_sink::testing::Rule;
use serde_json::Value;

use self::{
    mailboxes::{FOLDER, KEPT, assert_same, delete_one, fill, found, make_space, move_one},
    site::{CROWDED, Site},
};
use crate::{
    program::{ended, files},
    watch::{Service, ask, soon},
};

/// Moves a chat elsewhere.
const MOVES: &str = "alice.smith@example.com";
/// Deletes one.
const DELETES: &str = "bob.jones@example.com";

/// Before the window of what is dated before 2000 ends.
const LONG_AGO: &str = "1970-01-01";

#[test]
fn after_a_week_of_failures_everybody_has_exactly_their_chats_in_their_mailbox() {
    let Some(mut site) = Site::new() else { return };

    // Monday: all is well. The rows of a dead clock are a window of their own.
    site.noon_after(0, "");
    let run = site.run("run", &["--json"]).assert(3, &[]).json();
    assert_eq!(run["seals"], 2, "{run}");
    site.run("import", &[]).assert(0, &["delivered to"]);

    // Tuesday: both are killed. One chat is moved, and one deleted.
    let moved = move_one(&site.dovecot, MOVES);
    let deleted = delete_one(&site.dovecot, DELETES);
    site.noon_after(1, "");
    let first = site.proxy.requested();
    site.kill("run", || site.mails_put_after(first) > 5);
    let run = site.run("run", &["--json"]).assert(3, &[]).json();
    assert_eq!(run["seals"], 1, "{run}");
    let begun = site.signed_in();
    site.kill("import", || site.signed_in() > begun + 5);
    let log = site.run("log", &["--json"]).json();
    assert!(!log["entries"].as_array().unwrap().last().unwrap()["import"]["open"].is_null(), "killed in the midst: {log}");
    let import = site.run("import", &["--json"]).assert(0, &[]).json();
    assert!(import["found"].as_u64().unwrap() > 0 && import["delivered"].as_u64().unwrap() > 0, "{import}");

    // Wednesday: no database.
    site.noon_after(2, "");
    site.setting.stop_server();
    site.run("run", &[]).assert(1, &["cannot be reached"]);
    site.run("import", &[]).assert(0, &["nothing to deliver"]);
    site.setting.start_server();

    // Thursday: what a node kept back on Tuesday comes, while a run is killed. Somebody is new in the directory, who has no more space than somebody else.
    for user in CROWDED {
        fill(&site.dovecot, user);
    }
    site.noon_after(3, "");
    let first = site.proxy.requested();
    site.kill("run", || site.mails_put_after(first) > 5);
    let run = site.run("run", &["--json"]).assert(3, &[]).json();
    assert!(run["added"].as_u64().unwrap() > 0, "{run}");
    let import = site.run("import", &["--json"]).assert(3, &[]).json();
    let refused = |import: &Value| import["refused_by"]["quota"].as_u64().unwrap();
    assert!(import["delivered"].as_u64().unwrap() > refused(&import), "{import}");
    let since = site.run("import", &["--unmapped-since", LONG_AGO, "--json"]).assert(3, &[]).json();
    assert!(since["delivered"] == 0 && refused(&since) > refused(&import), "{since}");

    // Friday: no Azurite.
    for user in CROWDED {
        make_space(&site.dovecot, user);
    }
    site.noon_after(4, "");
    site.proxy.add(Rule::reset());
    for name in ["run", "import"] {
        site.run(name, &[]).assert(1, &["trying again in"]);
    }
    site.proxy.clear();

    // The weekend is left to the service. On Saturday there is no Dovecot, on Sunday all is well.
    let watch = format!("\n{}retry_after = \"1s\"\nlisten = \"127.0.0.1:0\"\n", soon(15));
    site.noon_after(5, &watch);
    site.dovecot.stop();
    let mut service = Service::start(&site.setting);
    let bound = service.says("listening")["bound"].as_str().unwrap().to_owned();
    service.says("the run ended");
    let failed = service.says("the round failed");
    assert!(failed["message"].as_str().unwrap().contains("localhost"), "{failed}");
    service.says("the next round");
    let (code, health) = ask(&bound, "/health");
    assert!(code == 503 && health.contains("localhost"), "{code} {health}");
    site.dovecot.start_again();
    let import = service.says("the import ended");
    assert!(import["copies"].as_u64().unwrap() > 0 && import["refused"] == 0, "{import}");
    service.says("the next round");
    let (code, health) = ask(&bound, "/health");
    assert_eq!(code, 200, "{health}");

    // What a node kept back on Friday comes on Sunday.
    site.noon_after(6, &watch);
    while service.says("the run ended")["seals"] != 1 {}
    assert!(service.says("the import ended")["copies"].as_u64().unwrap() > 0);
    service.says("the next round");
    let said = |message: &'static str| service.said.iter().filter(move |line| line["message"] == message);
    assert!(said("added to a sealed window").any(|line| line["messages"].as_u64().unwrap() > 0));
    let copies: u64 = said("the import ended").map(|line| line["copies"].as_u64().unwrap()).sum();
    let metrics = ask(&bound, "/metrics").1;
    assert!(metrics.contains(&format!("\njabber_archive_copies_delivered_total {copies}\n")), "{copies}: {metrics}");
    let errors: Vec<&Value> = service.said.iter().filter(|line| line["level"] == "ERROR").collect();
    assert!(errors.iter().all(|error| error["message"].as_str().unwrap().contains("localhost")), "{errors:#?}");
    assert_eq!(service.stop("-TERM"), Some(0), "{:#?}", service.said);

    // Everybody has everything, as the archive has it, and nobody anything else or twice.
    let archive = site.fetch("fetched");
    let mut expected = site.company.expected(&archive);
    let copies: usize = expected.values().map(|folders| folders[FOLDER].len()).sum();
    let mut take = |user: &str, digest: &str| expected.get_mut(user).unwrap().get_mut(FOLDER).unwrap().retain(|mail| mail != digest);
    take(MOVES, &moved);
    take(DELETES, &deleted);
    expected.get_mut(MOVES).unwrap().insert(KEPT.to_owned(), vec![moved]);
    assert_same(&found(&site.dovecot, &site.users), &expected);
    assert_eq!(expected.len(), site.users.len());

    // The receipts say it, and there is nothing left to do.
    let archived = files(&archive);
    let receipts = archived.iter().filter(|(path, _)| path.starts_with("ledger/receipts/"));
    let receipts = receipts.flat_map(|(_, content)| Receipts::from_bytes(content).unwrap().into_lines());
    assert_eq!(receipts.filter(|receipt| !receipt.is_refused()).count(), copies);
    site.run("verify", &[]).assert(0, &["are as they were archived"]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/verify.py");
    ended(Command::new("python3").arg(script).arg(&archive).output().unwrap()).assert(0, &["0 problems"]);
    site.run("run", &[]).assert(0, &["nothing to archive", "nothing came late"]);
    site.run("import", &[]).assert(0, &["nothing to deliver"]);
    site.run("import", &["--unmapped-since", LONG_AGO]).assert(0, &["nothing to deliver"]);
    assert!(files(&site.fetch("fetched again")) == archived);
    assert_same(&found(&site.dovecot, &site.users), &expected);
}
