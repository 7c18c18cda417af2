//! The three parts of the service, and what can be done to it.

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    thread,
    time::Duration,
};

use futures::TryStreamExt;
use jabber_archive_imap::testing::{Dovecot, DovecotSetup};
use jabber_archive_sink::{
    object_store::{ObjectStore, ObjectStoreExt, azure::MicrosoftAzureBuilder},
    testing::{Azurite, FaultProxy},
};

use super::company::{CATCH_ALL, Company, HIRED};
use crate::program::{Ran, Setting};

/// Have mailboxes with little space, in KiB.
pub(super) const CROWDED: [&str; 2] = ["priya.nair@example.com", HIRED[1]];
const SPACE: u64 = 4_096;

const CONTAINER: &str = "program-week";

/// Everything that the service needs.
pub(super) struct Site {
    pub(super) company: Company,
    pub(super) setting: Setting,
    azurite: &'static Azurite,
    /// Between the service and Azurite.
    pub(super) proxy: FaultProxy,
    pub(super) dovecot: Dovecot,
    pub(super) users: BTreeSet<String>,
    runtime: tokio::runtime::Runtime,
}

impl Site {
    /// None where something is not installed, which has been said then.
    pub(super) fn new() -> Option<Self> {
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
            fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
        };
        secret("azure-key", azurite.key());
        secret("imap-password", Dovecot::ARCHIVER_PASSWORD);
        secret("imap-ca.pem", dovecot.authority());
        Some(Self { company, setting, azurite, proxy, dovecot, users, runtime })
    }

    /// It is noon after this day.
    pub(super) fn noon_after(&self, day: u32, more: &str) {
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

    pub(super) fn run(&self, name: &str, arguments: &[&str]) -> Ran {
        self.setting.run(name, arguments)
    }

    /// Kills a command as soon as this holds, which it does before it ends.
    pub(super) fn kill(&self, name: &str, when: impl Fn() -> bool) {
        let mut child = self.setting.spawn(name);
        while !when() {
            assert!(child.try_wait().unwrap().is_none(), "`{name}` ended before it was killed");
            thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None);
    }

    /// How many mails were put into the container, or begun to be, after so many requests.
    pub(super) fn mails_put_after(&self, first: usize) -> usize {
        let requests = self.proxy.requests_after(first);
        requests.iter().filter(|request| request.method == "PUT" && request.path.contains("/items/")).count()
    }

    pub(super) fn signed_in(&self) -> usize {
        self.dovecot.log().matches("Master user logging in").count()
    }

    /// Fetches the archive from Azurite, past the program and the proxy.
    pub(super) fn fetch(&self, name: &str) -> PathBuf {
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
