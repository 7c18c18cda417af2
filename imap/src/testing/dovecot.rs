use std::{
    env,
    fmt::{self, Write as _},
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use jabber_archive_core::{Secret, SecretSource};
use tempfile::TempDir;

use super::certificate::Certificate;
use crate::{Encryption, ImapConfig, Mechanism, SignIn, TokenSource};

/// Tests that cannot run for want of a program fail where this is set.
const ALL: &str = "JABBER_ARCHIVE_TEST_ALL";
const PATIENCE: Duration = Duration::from_mins(1);
/// Somebody else may take a port between its choice and the server's start.
const TRIES: usize = 5;

/// Runs Dovecot until standard input ends, which it does when this process does, in whatever way. Signals from a terminal reach all processes of the test: those are left
/// to the test.
const KEEPER: &str = r#"
trap '' HUP INT TERM
"$@" </dev/null >/dev/null 2>&1 &
exec >/dev/null 2>&1
read -r _
kill $!
wait
"#;

/// Dovecot, on ports of 127.0.0.1, with mailboxes in a folder of its own.
///
/// It needs Debian's package `dovecot-imapd`, and runs as root or as anybody. [`ARCHIVER`](Self::ARCHIVER) may act for all of its users. It ends when dropped, and at the latest with this process,
/// however that ends.
///
/// ```
/// use jabber_archive_imap::{ImapMailboxes, testing::DovecotSetup};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> jabber_archive_core::Result<()> {
/// let Some(dovecot) = DovecotSetup::new(["alice@example.com"]).start() else { return Ok(()) };
/// let mailboxes = ImapMailboxes::new(dovecot.config())?;
/// assert_eq!(mailboxes.check("alice@example.com").await?, None);
/// # Ok(())
/// # }
/// ```
pub struct Dovecot {
    port: u16,
    tls_port: u16,
    authority: String,
    folder: TempDir,
    keeper: Child,
}

/// What a server is started with.
#[derive(Debug, Clone, Default)]
pub struct DovecotSetup {
    users: Vec<(String, Option<u64>)>,
    introspection: Option<String>,
    separator: Option<char>,
    without_tls: bool,
    settings: String,
}

impl DovecotSetup {
    /// Mailboxes of these users, whose password is [`PASSWORD`](Dovecot::PASSWORD).
    pub fn new<U: Into<String>>(users: impl IntoIterator<Item = U>) -> Self {
        Self { users: users.into_iter().map(|user| (user.into(), None)).collect(), ..Self::default() }
    }

    /// And of one that holds so many KiB.
    #[must_use]
    pub fn with_quota(mut self, user: &str, kib: u64) -> Self {
        self.users.push((user.to_owned(), Some(kib)));
        self
    }

    /// Takes access tokens that this address, to which the token is added, says to be active.
    #[must_use]
    pub fn introspection(self, url: impl Into<String>) -> Self {
        Self { introspection: Some(url.into()), ..self }
    }

    /// Parts names of folders by this, instead of `/`.
    #[must_use]
    pub fn separator(self, separator: char) -> Self {
        Self { separator: Some(separator), ..self }
    }

    /// Without TLS on any port.
    #[must_use]
    pub fn without_tls(self) -> Self {
        Self { without_tls: true, ..self }
    }

    /// With these lines of `dovecot.conf` too.
    #[must_use]
    pub fn settings(self, lines: impl Into<String>) -> Self {
        Self { settings: lines.into(), ..self }
    }

    /// Starts it; none, and a line on standard output that begins with `SKIPPED`, where Dovecot is not installed.
    ///
    /// # Panics
    ///
    /// If it does not start, with its log. Also if it is not installed, while `JABBER_ARCHIVE_TEST_ALL` is set.
    pub fn start(&self) -> Option<Dovecot> {
        let program = program()?;
        let folder = tempfile::tempdir().expect("there is a place for temporary files");
        let certificate = Certificate::new().expect("certificates can be made");
        let mut log = String::new();
        for _ in 0..TRIES {
            let [port, tls_port] = free_ports();
            self.write(folder.path(), [port, tls_port], &certificate);
            let mut keeper = kept(&program, folder.path());
            let ports = [port, tls_port];
            if listening(if self.without_tls { &ports[..1] } else { &ports }, folder.path()) {
                let authority = certificate.authority;
                return Some(Dovecot { port, tls_port, authority, folder, keeper });
            }
            end(&mut keeper);
            log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        }
        panic!("{} does not start:\n{log}", program.display());
    }

    fn write(&self, folder: &Path, [port, tls_port]: [u16; 2], certificate: &Certificate) {
        let write = |name: &str, content: &str| fs::write(folder.join(name), content).expect("temporary files can be written");
        let place = folder.display();
        for name in ["mail", "run"] {
            fs::create_dir_all(folder.join(name)).expect("temporary folders can be made");
        }
        let [user, group] = ["-un", "-gn"].map(|what| said("id", what));
        // As root, mails are those of nobody, and what talks to strangers is nobody either.
        let (mail, internal, login) = if user == "root" {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("temporary folders are ours");
            let given = Command::new("chown").arg("nobody:nogroup").arg(folder.join("mail")).status();
            assert!(given.is_ok_and(|status| status.success()), "root gives folders away");
            (["nobody", "nogroup"], ["dovecot", "dovecot"], "dovenull")
        } else {
            ([&*user, &*group], [&*user, &*group], &*user)
        };
        write("certificate.pem", &certificate.chain);
        write("key.pem", &certificate.key);
        let mut users = String::new();
        for (user, quota) in &self.users {
            let quota = quota.map(|kib| format!("userdb_quota_rule=*:storage={kib}K")).unwrap_or_default();
            writeln!(users, "{user}:{{PLAIN}}{}::::::{quota}", Dovecot::PASSWORD).expect("memory can be written");
        }
        write("users", &users);
        write("masters", &format!("{}:{{PLAIN}}{}::::::\n", Dovecot::ARCHIVER, Dovecot::ARCHIVER_PASSWORD));
        let mut tokens = String::new();
        if let Some(url) = &self.introspection {
            // An application is nobody's user: of the name that is asked for it is only said that it may be.
            write(
                "oauth2.conf",
                &format!(
                    "introspection_url = {url}\nintrospection_mode = get\nactive_attribute = active\nactive_value = true\n\
                     username_attribute = username\nusername_format = anybody\n"
                ),
            );
            tokens = format!("passdb {{\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = {place}/oauth2.conf\n}}\n");
        }
        let mechanisms = if tokens.is_empty() { "plain login" } else { "plain login xoauth2 oauthbearer" };
        write(
            "dovecot.conf",
            &format!(
                "base_dir = {place}/run\nstate_dir = {place}/run\nprotocols = imap\nlisten = 127.0.0.1\nlog_path = {place}/log\n\
                 auth_verbose = yes\nauth_failure_delay = 0\nauth_mechanisms = {mechanisms}\n\
                 default_internal_user = {internal}\ndefault_internal_group = {internal_group}\ndefault_login_user = {login}\n\
                 mail_location = maildir:{place}/mail/%u\nmail_uid = {mail}\nmail_gid = {mail_group}\nfirst_valid_uid = 1\n\
                 mail_max_userip_connections = 100\nmail_plugins = quota\n\
                 ssl = {tls}\nssl_cert = <{place}/certificate.pem\nssl_key = <{place}/key.pem\n\
                 protocol imap {{\n  mail_plugins = quota imap_quota\n}}\nplugin {{\n  quota = maildir:User quota\n  quota_grace = 0\n}}\n\
                 passdb {{\n  driver = passwd-file\n  mechanisms = plain login\n  master = yes\n  result_success = continue\n  args = {place}/masters\n}}\n\
                 passdb {{\n  driver = passwd-file\n  mechanisms = plain login\n  args = {place}/users\n}}\n{tokens}\
                 userdb {{\n  driver = passwd-file\n  args = {place}/users\n  default_fields = uid={mail} gid={mail_group} home={place}/mail/%u\n}}\n\
                 namespace inbox {{\n  inbox = yes\n  separator = {separator}\n}}\n\
                 service imap-login {{\n  chroot =\n  inet_listener imap {{\n    port = {port}\n  }}\n\
                 inet_listener imaps {{\n    port = {tls_port}\n    ssl = yes\n  }}\n}}\n\
                 service anvil {{\n  chroot =\n  unix_listener anvil-auth-penalty {{\n    mode = 0\n  }}\n}}\nservice stats {{\n  chroot =\n}}\n{settings}\n",
                internal = internal[0],
                internal_group = internal[1],
                mail = mail[0],
                mail_group = mail[1],
                separator = self.separator.unwrap_or('/'),
                tls = if self.without_tls { "no" } else { "yes" },
                settings = self.settings,
            ),
        );
    }
}

impl Dovecot {
    /// Of every user.
    pub const PASSWORD: &'static str = "demo";
    /// Who may act for every user.
    pub const ARCHIVER: &'static str = "archiver";
    /// The archiver's password.
    pub const ARCHIVER_PASSWORD: &'static str = "demo of the archiver";

    /// The settings that an archiver has, with TLS from the first byte.
    pub fn config(&self) -> ImapConfig {
        let password = SecretSource::from(Secret::new(Self::ARCHIVER_PASSWORD));
        self.config_with(SignIn::Password { user: Self::ARCHIVER.to_owned(), password })
    }

    /// Those of an application with tokens.
    pub fn config_of_tokens(&self, mechanism: Mechanism, tokens: TokenSource) -> ImapConfig {
        self.config_with(SignIn::Token { mechanism, tokens })
    }

    /// Those of somebody who signs in like this.
    pub fn config_with(&self, sign_in: SignIn) -> ImapConfig {
        ImapConfig::new("localhost", sign_in)
            .port(self.tls_port)
            .encryption(Encryption::Tls)
            .certificate_authority(self.authority.as_bytes())
    }

    /// The port without TLS, and for STARTTLS.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port with TLS from the first byte.
    pub fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// The certificate, as PEM, of the authority that vouches for `localhost`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Ends it, and waits until nobody answers on its ports. The mailboxes stay as they are, for [`start_again`](Self::start_again).
    pub fn stop(&mut self) {
        end(&mut self.keeper);
        // Its children end a little later.
        while [self.port, self.tls_port].into_iter().any(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()) {
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts it again after [`stop`](Self::stop), on its ports.
    ///
    /// # Panics
    ///
    /// If it does not start, with its log.
    pub fn start_again(&mut self) {
        let program = program().expect("it was started once");
        self.keeper = kept(&program, self.folder.path());
        assert!(listening(&[self.port], self.folder.path()), "{} does not start:\n{}", program.display(), self.log());
    }

    /// What it has written down so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// How often somebody has signed in so far.
    pub fn sign_ins(&self) -> usize {
        self.log().matches("imap-login: Info: Login: ").count()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        end(&mut self.keeper);
    }
}

impl fmt::Debug for Dovecot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dovecot")
            .field("port", &self.port)
            .field("tls_port", &self.tls_port)
            .field("folder", &self.folder.path())
            .finish_non_exhaustive()
    }
}

/// Dovecot with the configuration of a folder, for as long as somebody keeps what is given back.
fn kept(program: &Path, folder: &Path) -> Child {
    let mut keeper = Command::new("sh");
    keeper.args(["-c", KEEPER, "sh"]).arg(program).args(["-F", "-c"]).arg(folder.join("dovecot.conf"));
    keeper.stdin(Stdio::piped()).spawn().expect("sh runs")
}

/// The program's path; it is seldom in the search path of those who are not root.
fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    // Without its IMAP server it is of no use.
    let found =
        folders.map(|folder| folder.join("dovecot")).find(|program| program.is_file() && Path::new("/usr/lib/dovecot/imap").is_file());
    if found.is_none() {
        assert!(env::var_os(ALL).is_none(), "{ALL} is set and dovecot-imapd is not installed");
        println!("SKIPPED: dovecot-imapd is not installed");
    }
    found
}

fn said(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output().expect("it is on every Unix");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port of the loopback interface can be had"));
    listeners.map(|listener| listener.local_addr().expect("it is bound").port())
}

/// Waits until somebody listens on all these ports; whether it is the server.
fn listening(ports: &[u16], folder: &Path) -> bool {
    let deadline = Instant::now() + PATIENCE;
    for port in ports {
        while TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_err() {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            if Instant::now() > deadline || log.contains("Fatal: ") || log.contains("Error: bind(") {
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
    true
}

fn end(keeper: &mut Child) {
    drop(keeper.stdin.take());
    // It cannot fail but for a child that somebody else has waited for.
    let _ = keeper.wait();
}
