use std::{
    env,
    fmt::{self, Write as _},
    fs,
    io::{BufRead, BufReader, Read},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use jabber_archive_core::{Secret, SecretSource};
use tempfile::TempDir;

use super::certificate::Certificate;
use crate::{JidAttribute, LdapConfig};

/// Tests that cannot run for want of a program fail where this is set.
const ALL: &str = "JABBER_ARCHIVE_TEST_ALL";
/// Where Debian puts the schemas that come with slapd.
const SCHEMAS: &str = "/etc/ldap/schema";
/// What slapd says when its ports are its own; it listens a little later.
const READY: &str = "slapd starting";
const PATIENCE: Duration = Duration::from_mins(1);
/// Somebody else may take a port between its choice and slapd's start.
const TRIES: usize = 5;

/// Runs slapd until standard input ends, which it does when this process does, in whatever way. Signals from a terminal reach all processes of the test: those are left
/// to the test.
const KEEPER: &str = r#"
trap '' HUP INT TERM
"$@" </dev/null 2>&1 &
exec >/dev/null 2>&1
read -r _
kill -9 $!
wait
"#;

/// Attributes of Active Directory that no schema of Debian has on its own.
const SCHEMA: &str = "
attributetype ( 1.1.2.1 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.1.2.2 NAME 'msRTCSIP-PrimaryUserAddress' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.1.2.3 NAME 'proxyAddresses' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.1.2.4 NAME 'user' AUXILIARY MAY ( sAMAccountName $ msRTCSIP-PrimaryUserAddress $ proxyAddresses ) )
";

/// OpenLDAP's slapd, on ports of 127.0.0.1, with a directory in a folder of its own.
///
/// It needs Debian's package `slapd`. Whoever has signed in as [`READER`](Self::READER) may read everything but passwords, and nobody else anything. It ends when dropped,
/// and at the latest with this process, however that ends.
///
/// ```
/// use jabber_archive_ldap::{JidAttribute, testing::Slapd};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> jabber_archive_core::Result<()> {
/// let alice = "dn: uid=asmith,dc=example,dc=com\nobjectClass: inetOrgPerson\nobjectClass: user\nuid: asmith\ncn: Alice\nsn: Smith\n\
///              sAMAccountName: asmith\nmail: alice.smith@example.com\n\n";
/// let Some(slapd) = Slapd::start(alice) else { return Ok(()) };
/// let jid = JidAttribute::UserId { attribute: "sAMAccountName".into(), domain: "im.example.com".into() };
/// assert_eq!(slapd.config(jid).fetch().await?.directory.len(), 1);
/// # Ok(())
/// # }
/// ```
pub struct Slapd {
    port: u16,
    tls_port: u16,
    authority: String,
    folder: TempDir,
    keeper: Child,
}

impl Slapd {
    /// Below this all entries are.
    pub const BASE: &str = "dc=example,dc=com";
    /// Who may read. It has no address.
    pub const READER: &str = "cn=reader,dc=example,dc=com";
    /// The reader's password.
    pub const PASSWORD: &str = "demo";

    /// Starts one that holds these entries, given as LDIF (RFC 2849); none, and a line on standard output that begins with `SKIPPED`, where slapd is not installed.
    ///
    /// # Panics
    ///
    /// If it does not start, with its output. Also if it is not installed, while `JABBER_ARCHIVE_TEST_ALL` is set.
    pub fn start(ldif: &str) -> Option<Self> {
        Self::start_with(ldif, "")
    }

    /// Starts one whose `slapd.conf` has these lines too, for its database.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn start_with(ldif: &str, settings: &str) -> Option<Self> {
        let program = program("slapd")?;
        let folder = tempfile::tempdir().expect("there is a place for temporary files");
        let certificate = Certificate::new().expect("certificates can be made");
        write(folder.path(), ldif, settings, &certificate);
        let mut said = String::new();
        for _ in 0..TRIES {
            let [port, tls_port] = free_ports();
            let urls = format!("ldap://127.0.0.1:{port} ldaps://127.0.0.1:{tls_port}");
            let mut keeper = Command::new("sh")
                .args(["-c", KEEPER, "sh"])
                .arg(&program)
                .args(["-d", "stats", "-h", &urls, "-f"])
                .arg(folder.path().join("slapd.conf"))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("sh runs");
            let output = keeper.stdout.take().expect("standard output is piped");
            match ready(output).and_then(|()| listening([port, tls_port])) {
                Ok(()) => return Some(Self { port, tls_port, authority: certificate.authority, folder, keeper }),
                Err(output) => {
                    end(&mut keeper);
                    said = output;
                }
            }
        }
        panic!("{} does not start:\n{said}", program.display());
    }

    /// The settings that the reader has, with TLS from the first byte.
    pub fn config(&self, jid: JidAttribute) -> LdapConfig {
        LdapConfig::new("localhost", Self::BASE, jid)
            .port(self.tls_port)
            .certificate_authority(self.authority.as_bytes())
            .bind(Self::READER, SecretSource::from(Secret::new(Self::PASSWORD)))
    }

    /// The port without TLS, and for StartTLS.
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
}

impl Drop for Slapd {
    fn drop(&mut self) {
        end(&mut self.keeper);
    }
}

impl fmt::Debug for Slapd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slapd")
            .field("port", &self.port)
            .field("tls_port", &self.tls_port)
            .field("folder", &self.folder.path())
            .finish_non_exhaustive()
    }
}

/// The program's path; it is seldom in the search path of those who are not root.
fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|program| program.is_file());
    if found.is_none() {
        assert!(env::var_os(ALL).is_none(), "{ALL} is set and {name} is not installed");
        println!("SKIPPED: {name} is not installed");
    }
    found
}

/// Writes the configuration and fills the database.
fn write(folder: &Path, ldif: &str, settings: &str, certificate: &Certificate) {
    let write = |name: &str, content: &str| fs::write(folder.join(name), content).expect("temporary files can be written");
    write("authority.pem", &certificate.authority);
    write("certificate.pem", &certificate.chain);
    write("key.pem", &certificate.key);
    write("active-directory.schema", SCHEMA);
    let mut configuration = String::new();
    for schema in ["core", "cosine", "inetorgperson"] {
        writeln!(configuration, "include {SCHEMAS}/{schema}.schema").expect("memory can be written");
    }
    let place = folder.display();
    write(
        "slapd.conf",
        &format!(
            "{configuration}include {place}/active-directory.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\npidfile {place}/slapd.pid\n\
             TLSCACertificateFile {place}/authority.pem\nTLSCertificateFile {place}/certificate.pem\nTLSCertificateKeyFile {place}/key.pem\n\
             sizelimit unlimited\n\
             database mdb\nsuffix {base}\ndirectory {place}/database\nmaxsize 67108864\ndbnosync\n\
             access to attrs=userPassword by anonymous auth by * none\naccess to * by dn.exact=\"{reader}\" read by * none\n{settings}\n",
            base = Slapd::BASE,
            reader = Slapd::READER,
        ),
    );
    write(
        "entries.ldif",
        &format!(
            "dn: {base}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n\
             dn: {reader}\nobjectClass: person\ncn: reader\nsn: reader\nuserPassword: {password}\n\n{ldif}",
            base = Slapd::BASE,
            reader = Slapd::READER,
            password = Slapd::PASSWORD,
        ),
    );
    fs::create_dir(folder.join("database")).expect("temporary folders can be made");
    let slapadd = program("slapadd").expect("slapadd comes with slapd");
    let added = Command::new(slapadd)
        .args(["-q", "-f"])
        .arg(folder.join("slapd.conf"))
        .arg("-l")
        .arg(folder.join("entries.ldif"))
        .output()
        .expect("slapadd runs");
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
}

fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port of the loopback interface can be had"));
    listeners.map(|listener| listener.local_addr().expect("it is bound").port())
}

/// Waits until slapd has its ports, or gives all that it said instead. What it says later is thrown away, so that it never waits for a reader.
fn ready(output: impl Read + Send + 'static) -> Result<(), String> {
    let (said, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Nobody listens any more once it is ready.
            let _ = said.send(line);
        }
    });
    let deadline = Instant::now() + PATIENCE;
    let mut output = String::new();
    while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        if line.contains(READY) {
            return Ok(());
        }
        output.push_str(&line);
        output.push('\n');
    }
    Err(output)
}

/// Waits until somebody listens on all these ports.
fn listening(ports: [u16; 2]) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    for port in ports {
        while let Err(error) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            if Instant::now() > deadline {
                return Err(format!("nobody listens on port {port}: {error}"));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

fn end(keeper: &mut Child) {
    drop(keeper.stdin.take());
    // It cannot fail but for a child that somebody else has waited for.
    let _ = keeper.wait();
}
