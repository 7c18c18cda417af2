//! A week of the whole service: a database, an archive in Azurite, mailboxes in Dovecot, and what befalls each of them.
//!
//! The days lie behind us. On each of them the database has the rows that would have been there, and `settle` is so long that windows to the end of that day are closed.

mod company;
mod mailboxes;

use std::{collections::BTreeSet, fs, process::Child, thread, time::Duration};

use futures::TryStreamExt;
use jabber_archive_core::Receipts;
use jabber_archive_imap::testing::{Dovecot, DovecotSetup};
use jabber_archive_sink::{
    object_store::{ObjectStore, ObjectStoreExt, azure::MicrosoftAzureBuilder},
    testing::{Azurite, FaultProxy, Rule},
};
use serde_json::Value;

use self::{
    company::{CATCH_ALL, Company, HIRED},
    mailboxes::{FOLDER, KEPT, assert_same, delete_one, fill, found, make_space, move_one},
};
use crate::{
    program::{Ran, Setting, files},
    watch::{Service, ask, soon},
};

/// Moves a chat elsewhere.
const MOVES: &str = "alice.smith@example.com";
/// Deletes one.
const DELETES: &str = "bob.jones@example.com";
/// Have mailboxes with little space, in KiB.
const CROWDED: [&str; 2] = ["priya.nair@example.com", HIRED[1]];
const SPACE: u64 = 4_096;

/// Before the window of what is dated before 2000 ends.
const LONG_AGO: &str = "1970-01-01";

const CONTAINER: &str = "program-week";

/// Everything that the service needs.
struct Site {
    company: Company,
    setting: Setting,
    azurite: &'static Azurite,
    /// Between the service and Azurite.
    proxy: FaultProxy,
    dovecot: Dovecot,
    users: BTreeSet<String>,
    runtime: tokio::runtime::Runtime,
}

impl Site {
    /// None where something is not installed, which has been said then.
    fn new() -> Option<Self> {
        let azurite = Azurite::shared()?;
        let (company, setting) = Company::new();
        let mut users = company.addresses();
        users.insert(CATCH_ALL.to_owned());
        let spacious: Vec<String> = users.iter().filter(|user| !CROWDED.contains(&user.as_str())).cloned().collect();
        let dovecot = CROWDED.iter().fold(DovecotSetup::new(spacious), |setup, user| setup.with_quota(user, SPACE)).start()?;
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let proxy = runtime.block_on(FaultProxy::start(azurite.endpoint(), [])).unwrap();
        let secret = |name: &str, content: &str| {
            let path = setting.folder.path().join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        };
        secret("azure-key", azurite.key());
        secret("imap-password", Dovecot::ARCHIVER_PASSWORD);
        secret("imap-ca.pem", dovecot.authority());
        Some(Self { company, setting, azurite, proxy, dovecot, users, runtime })
    }

    /// It is noon after this day.
    fn noon_after(&self, day: u32, more: &str) {
        let settle = self.company.noon_after(day, &self.setting);
        let sink = format!(
            "kind = \"azure\"\naccount = \"{}\"\ncontainer = \"{CONTAINER}\"\nprefix = \"prod\"\nendpoint = \"{}\"\ncreate_container = true\n\
             access_key = {{ file = \"azure-key\" }}",
            self.azurite.account(),
            self.proxy.endpoint(),
        );
        let mailboxes = format!(
            "\n[mailboxes]\nhost = \"localhost\"\nport = {}\nca_file = \"imap-ca.pem\"\nuser = \"{}\"\npassword = {{ file = \"imap-password\" }}\n",
            self.dovecot.tls_port(),
            Dovecot::ARCHIVER,
        );
        self.setting.configure(|text| {
            let text = text.replace("kind = \"file\"\npath = \"archive\"", &sink);
            let text = text.replace("csv = \"users.csv\"", &format!("csv = \"users.csv\"\ncatch_all = \"{CATCH_ALL}\""));
            format!("{text}{settle}{mailboxes}{more}")
        });
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Ran {
        self.setting.run(name, arguments)
    }

    /// A run that seals so many windows, and an import that delivers what it archived and nothing else was due.
    fn day_is_done(&self, windows: u64) -> [Value; 2] {
        let run = self.run("run", &["--json"]).assert(3, &[]).json();
        assert_eq!(run["seals"], windows, "{run}");
        let import = self.run("import", &["--json"]).assert(0, &[]).json();
        assert!(import["delivered"].as_u64().unwrap() > 0, "{import}");
        [run, import]
    }

    /// Kills a command as soon as this holds, which it does before it ends.
    fn kill(&self, name: &str, when: impl Fn() -> bool) {
        let mut child: Child = self.setting.spawn(name);
        while !when() {
            assert!(child.try_wait().unwrap().is_none(), "`{name}` ended before it was killed");
            thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None);
    }

    /// How many mails were put into the container, or begun to be, after so many requests.
    fn mails_put_after(&self, first: usize) -> usize {
        let requests = self.proxy.requests_after(first);
        requests.iter().filter(|request| request.method == "PUT" && request.path.contains("/items/")).count()
    }

    fn signed_in(&self) -> usize {
        self.dovecot.log().matches("Master user logging in").count()
    }

    /// Fetches the archive from Azurite, past the program and the proxy.
    fn fetch(&self, name: &str) -> std::path::PathBuf {
        let folder = self.setting.folder.path().join(name);
        let store = MicrosoftAzureBuilder::new()
            .with_account(self.azurite.account())
            .with_access_key(self.azurite.key())
            .with_container_name(CONTAINER)
            .with_endpoint(self.azurite.endpoint().to_owned())
            .with_allow_http(true)
            .build()
            .unwrap();
        self.runtime.block_on(async {
            let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
            for object in listed {
                let path = folder.join(object.location.as_ref().trim_start_matches("prod/"));
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, store.get(&object.location).await.unwrap().bytes().await.unwrap()).unwrap();
            }
        });
        folder
    }
}

#[test]
fn after_a_week_of_failures_everybody_has_exactly_their_chats_in_their_mailbox() {
    let Some(mut site) = Site::new() else { return };

    // Monday: all is well. The rows of a dead clock are a window of their own.
    site.noon_after(0, "");
    site.day_is_done(2);

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
    site.run("run", &[]).assert(0, &["nothing to archive", "nothing came late"]);
    site.run("import", &[]).assert(0, &["nothing to deliver"]);
    site.run("import", &["--unmapped-since", LONG_AGO]).assert(0, &["nothing to deliver"]);
    assert!(files(&site.fetch("fetched again")) == archived);
    assert_same(&found(&site.dovecot, &site.users), &expected);
}
