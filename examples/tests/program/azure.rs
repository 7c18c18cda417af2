//! An archive in a container of a real Azurite, as an administrator has it.

use std::{collections::BTreeMap, sync::Arc, thread, time::Duration};

use futures::TryStreamExt;
use jabber_archive_sink::{
    object_store::{ObjectStore, ObjectStoreExt, PutPayload, azure::MicrosoftAzureBuilder, path::Path},
    testing::{Azurite, FaultProxy, Response, Rule},
};

use crate::program::{Ran, Setting, command, content, of_rows, ran};

/// A database, and a container for its archive.
struct Azure {
    azurite: &'static Azurite,
    setting: Setting,
    container: &'static str,
    store: Arc<dyn ObjectStore>,
    runtime: tokio::runtime::Runtime,
}

impl Azure {
    /// None where there is no Azurite, which has been said then.
    fn new(container: &'static str, seed: u64, messages: usize) -> Option<Self> {
        let azurite = Azurite::shared()?;
        let store = MicrosoftAzureBuilder::new()
            .with_account(azurite.account())
            .with_access_key(azurite.key())
            .with_container_name(container)
            .with_endpoint(azurite.endpoint().to_owned())
            .with_allow_http(true)
            .build()
            .unwrap();
        let azure = Self {
            azurite,
            setting: Setting::new(seed, messages),
            container,
            store: Arc::new(store),
            runtime: tokio::runtime::Runtime::new().unwrap(),
        };
        azure.configure(azurite.endpoint(), "create_container = true");
        Some(azure)
    }

    fn configure(&self, endpoint: &str, more: &str) {
        let sink = format!(
            "kind = \"azure\"\naccount = \"{}\"\ncontainer = \"{}\"\nprefix = \"prod\"\nendpoint = \"{endpoint}\"\n\
             access_key = {{ env = \"JABBER_TEST_KEY\" }}\n{more}",
            self.azurite.account(),
            self.container,
        );
        self.setting.configure(|text| text.replace("kind = \"file\"\npath = \"archive\"", &sink));
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Ran {
        ran(command().arg(name).arg("--config").arg(self.setting.config()).args(arguments).env("JABBER_TEST_KEY", self.azurite.key()))
    }

    /// Every blob of the archive, by its path there.
    fn blobs(&self) -> BTreeMap<String, Vec<u8>> {
        self.runtime.block_on(async {
            let listed: Vec<_> = self.store.list(Some(&Path::from("prod"))).try_collect().await.unwrap();
            let mut blobs = BTreeMap::new();
            for object in listed {
                let content = self.store.get(&object.location).await.unwrap().bytes().await.unwrap();
                blobs.insert(object.location.as_ref().trim_start_matches("prod/").to_owned(), content.to_vec());
            }
            blobs
        })
    }

    fn put(&self, path: &str, content: &[u8]) {
        let path = Path::from(format!("prod/{path}"));
        self.runtime.block_on(self.store.put(&path, PutPayload::from(content.to_vec()))).unwrap();
    }

    fn delete(&self, path: &str) {
        self.runtime.block_on(self.store.delete(&Path::from(format!("prod/{path}")))).unwrap();
    }
}

#[test]
fn an_archive_in_a_container_has_the_bytes_of_one_in_a_folder_and_is_checked_and_verified_alike() {
    let Some(azure) = Azure::new("program-alike", 41, 300) else { return };
    azure.run("verify", &[]).assert(1, &["there is no archive in this container"]);
    azure.run("check", &[]).assert(3, &["program-alike/prod will be made", "nothing was written"]);
    let report = azure.run("run", &["--json"]).assert(3, &[]).json();
    let status = azure.run("status", &["--json"]).assert(0, &[]).json();
    assert_eq!((&status["items"], &status["head"]), (&report["items"], &report["head"]));
    let head = report["head"].as_str().unwrap();
    azure.run("verify", &["--expect", head]).assert(0, &["are as they were archived"]);
    let logged = azure.run("log", &["--format", "csv"]).assert(0, &[]).out.clone();
    let paths: std::collections::BTreeSet<&str> =
        logged.lines().filter_map(|line| line.split(',').find(|cell| cell.starts_with("items/"))).collect();
    assert!(azure.blobs().keys().filter(|path| path.starts_with("items/")).eq(paths), "{logged}");
    azure.run("check", &[]).assert(3, &["program-alike/prod exists, archived until"]);
    let before = azure.blobs();
    azure.run("run", &[]).assert(0, &["nothing to archive", head]);
    assert!(azure.blobs() == before);

    azure.setting.configure(|text| text);
    azure.setting.run("run", &[]).assert(3, &[]);
    assert!(of_rows(before) == content(&azure.setting.archive()));
}

#[test]
fn damage_in_a_container_is_named_blob_by_blob() {
    let Some(azure) = Azure::new("program-damage", 42, 200) else { return };
    azure.run("run", &[]).assert(3, &[]);
    let blobs = azure.blobs();
    let items: Vec<&String> = blobs.keys().filter(|path| path.starts_with("items/")).collect();
    let (changed, missing) = (items[0], items[items.len() / 2]);
    let extra = format!("{}/{}.eml", changed.rsplit_once('/').unwrap().0, "a".repeat(26));
    azure.put(changed, &[&blobs[changed][..], b"P.S. ..."].concat());
    azure.delete(missing);
    azure.put(&extra, b"From: nobody");
    azure.put("ledger/00000001.json", b"{}");
    let named =
        [format!("{changed}: changed"), format!("{missing}: missing"), format!("{extra}: extra"), "ledger/00000001.json".to_owned()];
    let named: Vec<&str> = named.iter().map(String::as_str).collect();
    azure.run("verify", &[]).assert(3, &named);
    azure.put(changed, &blobs[changed]);
    azure.put(missing, &blobs[missing]);
    azure.put("ledger/00000001.json", &blobs["ledger/00000001.json"]);
    azure.delete(&extra);
    azure.run("verify", &[]).assert(0, &["are as they were archived"]);
}

#[test]
fn a_container_that_is_not_there_is_an_error_with_the_command_that_creates_it() {
    let Some(azure) = Azure::new("program-missing", 43, 20) else { return };
    azure.configure(azure.azurite.endpoint(), "");
    for name in ["run", "status", "verify", "check"] {
        azure
            .run(name, &[])
            .assert(1, &["program-missing", "the container is not there", "az storage container create", "create_container = true"]);
    }
}

#[test]
fn an_outage_is_told_while_it_is_waited_for_and_the_next_run_goes_on() {
    let Some(azure) = Azure::new("program-outage", 44, 100) else { return };
    let refused = Rule::answer(Response::server_busy()).method("PUT").path_contains("/items/");
    let proxy = azure.runtime.block_on(FaultProxy::start(azure.azurite.endpoint(), [refused])).unwrap();
    azure.configure(proxy.endpoint(), "create_container = true");
    let ran = azure.run("run", &[]);
    ran.assert(1, &["the service is busy (503 ServerBusy", "trying again in", " times in ", "what is sealed is intact"]);
    proxy.clear();
    azure.run("run", &[]).assert(3, &[]);
    azure.run("verify", &[]).assert(0, &["are as they were archived"]);
}

#[test]
fn a_second_signal_ends_a_program_that_waits_for_the_store() {
    let Some(azure) = Azure::new("program-signals", 46, 60) else { return };
    let stalled = Rule::stall().method("PUT").path_ends_with("/ledger/00000001.json");
    let proxy = azure.runtime.block_on(FaultProxy::start(azure.azurite.endpoint(), [stalled])).unwrap();
    azure.configure(proxy.endpoint(), "create_container = true");
    let mut run = command();
    run.arg("run").arg("--config").arg(azure.setting.config()).env("JABBER_TEST_KEY", azure.azurite.key());
    let mut run = run.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let waits = || proxy.requests().iter().any(|request| request.method == "PUT" && request.path.ends_with("/ledger/00000001.json"));
    while !waits() {
        assert!(run.try_wait().unwrap().is_none());
        thread::sleep(Duration::from_millis(20));
    }
    let signal = || assert!(std::process::Command::new("kill").args(["-TERM", &run.id().to_string()]).status().unwrap().success());
    signal();
    thread::sleep(Duration::from_millis(500));
    signal();
    let begun = std::time::Instant::now();
    assert_eq!(run.wait().unwrap().code(), Some(1));
    assert!(begun.elapsed() < Duration::from_secs(5));
    proxy.clear();
    azure.run("run", &[]).assert(3, &[]);
    azure.run("verify", &[]).assert(0, &["are as they were archived"]);
}

#[cfg(feature = "imap")]
#[test]
fn mails_of_a_container_are_put_into_mailboxes_and_the_receipts_into_the_container() {
    use std::{collections::BTreeSet, fs};

    use jabber_archive_core::Digest;
    use jabber_archive_imap::testing::{Dovecot, DovecotSetup};

    use crate::import::found;

    const ALL: &str = "compliance@example.com";

    let Some(azure) = Azure::new("mailboxes", 74, 300) else { return };
    let Some(dovecot) = DovecotSetup::new([ALL]).start() else { return };
    azure.run("run", &[]).assert(3, &[]);
    let ca_file = azure.setting.folder.path().join("imap-ca.pem");
    fs::write(&ca_file, dovecot.authority()).unwrap();
    let section = format!(
        "\n[mailboxes]\nhost = \"localhost\"\nport = {}\nca_file = \"imap-ca.pem\"\nuser = \"{{mailbox}}\"\n\
         password = {{ env = \"JABBER_TEST_PASSWORD\" }}\nto = [\"{ALL}\"]\n",
        dovecot.tls_port(),
    );
    assert_eq!(Dovecot::PASSWORD, "demo", "the password of the tests");
    fs::write(azure.setting.config(), fs::read_to_string(azure.setting.config()).unwrap() + &section).unwrap();
    let imported = azure.run("import", &["--json"]).assert(0, &[]).json();
    let blobs = azure.blobs();
    let mut mails: Vec<String> =
        blobs.iter().filter(|(path, _)| path.starts_with("items/")).map(|(_, mail)| Digest::of(mail).to_string()).collect();
    mails.sort();
    assert_eq!((&imported["delivered"], mails.is_empty()), (&mails.len().into(), false));
    assert_eq!(found(&dovecot, &BTreeSet::from([ALL.to_owned()])), BTreeMap::from([(ALL.to_owned(), mails)]));
    assert!(blobs.keys().any(|path| path.starts_with("ledger/receipts/")));
    azure.run("import", &[]).assert(0, &["nothing to deliver"]);
    azure.run("verify", &["--expect", imported["head"].as_str().unwrap()]).assert(0, &["are as they were archived"]);
}
