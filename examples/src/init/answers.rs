use std::fmt::Write;

/// What was answered so far; what was not is as most have it.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    pub(super) name: String,
    pub(super) database: Database,
    pub(super) directory: Directory,
    pub(super) internal_domains: Vec<String>,
    pub(super) store: Store,
    /// None where no copies go into mailboxes.
    pub(super) mailboxes: Option<Mailboxes>,
}

/// Where the rows are.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) host: String,
    /// A port, or the name of an instance.
    pub(super) port: String,
    pub(super) name: String,
    pub(super) schema: String,
    pub(super) user: String,
    pub(super) password: SecretPlace,
    pub(super) encrypt: &'static str,
    pub(super) ca_file: Option<String>,
}

/// Where a secret is, and never the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SecretPlace {
    /// `env`, `file` or `credential`.
    pub(super) kind: &'static str,
    pub(super) name: String,
}

/// Who the people are.
#[derive(Debug, Clone)]
pub(super) enum Directory {
    Csv(String),
    JidIsEmail,
    Ldap(Ldap),
    Nobody,
}

#[derive(Debug, Clone)]
pub(super) struct Ldap {
    pub(super) host: String,
    pub(super) base: String,
    pub(super) bind_dn: String,
    pub(super) password: SecretPlace,
    pub(super) user_id: String,
    pub(super) jid_domain: String,
}

/// Where the archive is to be.
#[derive(Debug, Clone)]
pub(super) enum Store {
    Folder(String),
    Azure { account: String, container: String, sign_in: SignIn },
}

/// Whose mailboxes are filled.
#[derive(Debug, Clone)]
pub(super) struct Mailboxes {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) encrypt: &'static str,
    pub(super) ca_file: Option<String>,
    pub(super) sign_in: MailSignIn,
    /// The one that gets everything; none where everybody gets their own.
    pub(super) to: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) enum MailSignIn {
    Password { user: String, password: SecretPlace },
    ClientSecret { tenant_id: String, client_id: String, secret: SecretPlace },
}

#[derive(Debug, Clone)]
pub(super) enum SignIn {
    ManagedIdentity,
    WorkloadIdentity,
    ClientSecret { tenant_id: String, client_id: String, secret: SecretPlace },
}

impl SecretPlace {
    pub(super) fn new(kind: &'static str, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    fn text(&self) -> String {
        format!("{{ {} = {} }}", self.kind, quoted(&self.name))
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            name: "jabber".to_owned(),
            database: Database {
                host: "localhost".to_owned(),
                port: "1433".to_owned(),
                name: "tcmadb".to_owned(),
                schema: "dbo".to_owned(),
                user: "jabber_reader".to_owned(),
                password: SecretPlace::new("env", "JABBER_DB_PASSWORD"),
                encrypt: "on",
                ca_file: None,
            },
            directory: Directory::Nobody,
            internal_domains: Vec::new(),
            store: Store::Folder("archive".to_owned()),
            mailboxes: None,
        }
    }
}

impl Answers {
    /// The configuration, with what a person wants to know who changes it later.
    pub(super) fn text(&self) -> String {
        let mut text =
            String::from("# Jabber Archive. docs/administration.md has all settings. Relative paths begin in the folder of this file.\n");
        text += "# Secrets are never written here: they are { env = \"NAME\" }, { file = \"path\" } or { credential = \"name\" }.\n\n";
        set(&mut text, "name", &self.name, "part of every id: it never changes");
        self.database.write(&mut text);
        text += "\n[directory]\n";
        if !self.internal_domains.is_empty() {
            let domains: Vec<String> = self.internal_domains.iter().map(|domain| quoted(domain)).collect();
            let _ = writeln!(
                text,
                "internal_domains = [{}]   # ours: JIDs there are addresses only if the directory says so",
                domains.join(", ")
            );
        }
        self.directory.write(&mut text);
        text += "\n[converter]\nmode = \"transcript\"   # one mail for each conversation and window; or per-message, or rsmf\n";
        text += "# time_zone = \"Europe/Zurich\"\n";
        self.store.write(&mut text);
        if let Some(mailboxes) = &self.mailboxes {
            mailboxes.write(&mut text);
        }
        text += "\n[run]\n# start = \"2026-01-01T00:00:00Z\"   # where a new archive begins; else with the first message\n";
        text += "# settle = \"1h\"   # how long after its end a window is closed\n";
        text += "\n[watch]\n# at = \"02:00\"   # UTC: when `jabber-archive watch` archives, every day\n# listen = \"127.0.0.1:9464\"   # for /health and /metrics\n";
        text
    }
}

impl Database {
    fn write(&self, text: &mut String) {
        *text += "\n[[source]]\nkind = \"mssql\"\n";
        set(text, "host", &self.host, "");
        match self.port.parse::<u16>() {
            Ok(port) => set_as_it_is(text, "port", &port.to_string()),
            Err(_) => set(text, "instance", &self.port, ""),
        }
        set(text, "database", &self.name, "");
        if self.schema != "dbo" {
            set(text, "schema", &self.schema, "");
        }
        set(text, "user", &self.user, "a login that may SELECT from the tables, and no more");
        set_as_it_is(text, "password", &self.password.text());
        set(text, "encrypt", self.encrypt, "on, strict, login or off");
        match &self.ca_file {
            Some(path) => set(text, "ca_file", path, "who may have signed the server's certificate"),
            None => *text += "# ca_file = \"ca.pem\"\n",
        }
        *text += "# purge_after_days = 90   # after how many days rows are removed from this database, if they are\n";
    }
}

impl Directory {
    fn write(&self, text: &mut String) {
        match self {
            Self::Csv(path) => set(text, "csv", path, "jid,email,name[,valid_from,valid_until]"),
            Self::JidIsEmail => *text += "jid_is_email = true\n",
            Self::Nobody => *text += "# csv = \"users.csv\"   # who has which address: without it nobody has one\n",
            Self::Ldap(_) => {}
        }
        *text += "# catch_all = \"archive@example.com\"   # for mails in which somebody has no address\n";
        if let Self::Ldap(Ldap { host, base, bind_dn, password, user_id, jid_domain }) = self {
            *text += "\n[directory.ldap]\n";
            set(text, "host", host, "");
            set(text, "base", base, "");
            set(text, "bind_dn", bind_dn, "");
            set_as_it_is(text, "password", &password.text());
            set(text, "user_id", user_id, "the JID is <user_id>@<jid_domain>");
            set(text, "jid_domain", jid_domain, "");
        }
    }
}

impl Store {
    fn write(&self, text: &mut String) {
        *text += "\n[sink]\n";
        match self {
            Self::Folder(path) => {
                *text += "kind = \"file\"\n";
                set(text, "path", path, "");
            }
            Self::Azure { account, container, sign_in } => {
                *text += "kind = \"azure\"\n";
                set(text, "account", account, "");
                set(text, "container", container, "");
                match sign_in {
                    SignIn::ManagedIdentity => *text += "managed_identity = true\n",
                    SignIn::WorkloadIdentity => *text += "workload_identity = true\n",
                    SignIn::ClientSecret { tenant_id, client_id, secret } => {
                        set(text, "tenant_id", tenant_id, "");
                        set(text, "client_id", client_id, "");
                        set_as_it_is(text, "client_secret", &secret.text());
                    }
                }
            }
        }
    }
}

impl Mailboxes {
    fn write(&self, text: &mut String) {
        *text += "\n[mailboxes]\n";
        set(text, "host", &self.host, "");
        set_as_it_is(text, "port", &self.port.to_string());
        set(text, "encrypt", self.encrypt, "tls or start-tls");
        if let Some(path) = &self.ca_file {
            set(text, "ca_file", path, "who may have signed the server's certificate");
        }
        match &self.sign_in {
            MailSignIn::Password { user, password } => {
                set(text, "user", user, "who may act for all mailboxes; {mailbox} stands for the address");
                set_as_it_is(text, "password", &password.text());
            }
            MailSignIn::ClientSecret { tenant_id, client_id, secret } => {
                set(text, "tenant_id", tenant_id, "");
                set(text, "client_id", client_id, "");
                set_as_it_is(text, "client_secret", &secret.text());
            }
        }
        match &self.to {
            Some(mailbox) => {
                set_as_it_is(text, "to", &format!("[{}]   # gets everything; without it, everybody who took part", quoted(mailbox)));
            }
            None => *text += "# to = [\"compliance@example.com\"]   # in place of everybody who took part\n",
        }
        *text += "# since = \"2026-01-01T00:00:00Z\"   # nothing older is delivered\n";
    }
}

/// A line with a value in quotes, and what it means where that is not plain.
fn set(text: &mut String, key: &str, value: &str, meaning: &str) {
    let behind = if meaning.is_empty() { String::new() } else { format!("   # {meaning}") };
    let _ = writeln!(text, "{key} = {}{behind}", quoted(value));
}

/// A line with a value that is no string.
fn set_as_it_is(text: &mut String, key: &str, value: &str) {
    let _ = writeln!(text, "{key} = {value}");
}

/// A string as TOML reads it back.
fn quoted(value: &str) -> String {
    toml::Value::from(value).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn read(answers: &Answers) -> toml::Table {
        let text = answers.text();
        Config::parse(&text, Path::new("jabber-archive.toml")).unwrap_or_else(|error| panic!("{error}: {text}"));
        text.parse().unwrap()
    }

    #[test]
    fn whatever_is_answered_is_read_back_as_a_configuration() {
        let mut answers = Answers::default();
        let written = read(&answers);
        assert_eq!(written["source"][0]["port"].as_integer(), Some(1433));
        let hostile = "a\"\nkind = \"evil\"\n# \\ ''";
        answers.database.host = hostile.to_owned();
        answers.database.port = "REPORTS".to_owned();
        answers.database.password = SecretPlace::new("file", hostile);
        answers.database.ca_file = Some(hostile.to_owned());
        answers.internal_domains = vec!["im.example.com".to_owned(), hostile.to_owned()];
        answers.directory = Directory::Csv(hostile.to_owned());
        let sign_in =
            SignIn::ClientSecret { tenant_id: hostile.to_owned(), client_id: "c".to_owned(), secret: SecretPlace::new("credential", "s") };
        answers.store = Store::Azure { account: "acct".to_owned(), container: hostile.to_owned(), sign_in };
        let written = read(&answers);
        let source = &written["source"][0];
        for value in [
            &source["host"],
            &source["ca_file"],
            &source["password"]["file"],
            &written["directory"]["csv"],
            &written["directory"]["internal_domains"][1],
            &written["sink"]["container"],
            &written["sink"]["tenant_id"],
        ] {
            assert_eq!(value.as_str(), Some(hostile));
        }
        assert_eq!((source["kind"].as_str(), source["instance"].as_str()), (Some("mssql"), Some("REPORTS")));
        assert_eq!(written["sink"]["client_secret"]["credential"].as_str(), Some("s"));

        answers.store = Store::Azure { account: "acct".to_owned(), container: "c".to_owned(), sign_in: SignIn::WorkloadIdentity };
        let sign_in = MailSignIn::Password { user: hostile.to_owned(), password: SecretPlace::new("env", "P") };
        let host = hostile.to_owned();
        let to = Some("all@example.com".to_owned());
        answers.mailboxes = Some(Mailboxes { host, port: 143, encrypt: "start-tls", ca_file: Some(hostile.to_owned()), sign_in, to });
        if cfg!(feature = "imap") {
            let written = read(&answers);
            assert_eq!(written["mailboxes"]["user"].as_str(), Some(hostile));
            assert_eq!(written["mailboxes"]["to"][0].as_str(), Some("all@example.com"));
        }
        answers.mailboxes = None;
        answers.directory = Directory::JidIsEmail;
        assert!(read(&answers)["directory"]["jid_is_email"].as_bool().unwrap());
    }

    #[cfg(feature = "ldap")]
    #[test]
    fn a_directory_server_is_read_back_behind_the_settings_of_the_directory() {
        let ldap = Ldap {
            host: "dc01.example.com".to_owned(),
            base: "DC=example".to_owned(),
            bind_dn: "CN=archive".to_owned(),
            password: SecretPlace::new("env", "P"),
            user_id: "uid".to_owned(),
            jid_domain: "im.example.com".to_owned(),
        };
        let written = read(&Answers { directory: Directory::Ldap(ldap), ..Answers::default() });
        assert_eq!(written["directory"]["ldap"]["password"]["env"].as_str(), Some("P"));
    }
}
