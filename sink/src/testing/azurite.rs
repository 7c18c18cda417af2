use std::{
    env, fmt, fs,
    io::{self, BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::{OnceLock, mpsc},
    thread,
    time::{Duration, Instant, SystemTime},
};

use super::{Request, Response, certificate::Certificate, sas};

/// Names the executable `azurite-blob`.
const PROGRAM: &str = "JABBER_ARCHIVE_TEST_AZURITE";
/// Tests that cannot run for want of a program fail where this is set.
const ALL: &str = "JABBER_ARCHIVE_TEST_ALL";

/// Of this account and key Microsoft Learn tells in "Use the Azurite emulator for local Azure Storage development"; they protect nothing.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// What Azurite says when it can be asked, before its address.
const READY: &str = "Azurite Blob service successfully listens on ";
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs Azurite until standard input ends, which it does when this process does, in whatever way. Signals from a terminal reach all processes of the test: those
/// are left to the test.
const KEEPER: &str = r#"
trap '' HUP INT TERM
"$@" </dev/null 2>&1 &
exec >/dev/null 2>&1
read -r _
kill -9 $!
wait
"#;

/// Azurite, the emulator of Azure Blob Storage, on a port of 127.0.0.1, with nothing in it. Whatever it holds is in memory.
///
/// It needs the environment variable `JABBER_ARCHIVE_TEST_AZURITE`, which names the executable `azurite-blob`. It ends when dropped, and at the latest with this
/// process, however that ends.
///
/// ```
/// use jabber_archive_sink::testing::Azurite;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let Some(azurite) = Azurite::start() else { return };
/// azurite.create_container("archive").await;
/// assert!(azurite.endpoint().ends_with("/devstoreaccount1"));
/// # }
/// ```
pub struct Azurite {
    endpoint: String,
    authority: Option<String>,
    keeper: Child,
}

impl Azurite {
    /// Starts one; none, and a line on standard output that begins with `SKIPPED`, where the environment does not say which.
    ///
    /// It blocks for the second or two that this takes.
    ///
    /// # Panics
    ///
    /// If it does not start, with its output. Also if the environment does not say which to start, while `JABBER_ARCHIVE_TEST_ALL` is set.
    pub fn start() -> Option<Self> {
        Some(Self::run(&program()?, None))
    }

    /// Starts one that speaks HTTPS alone, and accepts the tokens of a [`TokenServer`](super::TokenServer) too. The certificate is for `localhost` and `127.0.0.1`,
    /// by a new [`authority`](Self::authority).
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn start_with_oauth() -> Option<Self> {
        let certificate = Certificate::new().expect("certificates can be made");
        Some(Self::run(&program()?, Some(certificate)))
    }

    /// One for all tests of this process, [started](Self::start) when first asked for.
    ///
    /// Tests that share it take containers of different names.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Azurite>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// Such as `http://127.0.0.1:10000/devstoreaccount1`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The certificate, as PEM, of the authority that vouches for one with HTTPS.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// The name of the only account.
    pub fn account(&self) -> &'static str {
        ACCOUNT
    }

    /// The account's key, in base64.
    pub fn key(&self) -> &'static str {
        KEY
    }

    /// A [signature](sas::account) for everything in the account, for an hour.
    pub fn sas(&self) -> String {
        owner()
    }

    /// Sends a request, as it is, over TLS where it has that.
    pub async fn send(&self, request: Request) -> io::Result<Response> {
        request.send_to(&self.endpoint, self.authority()).await
    }

    /// Creates a container.
    ///
    /// # Panics
    ///
    /// If that fails, also because there is one of this name.
    pub async fn create_container(&self, name: &str) {
        let request = Request::new("PUT", &format!("{name}?restype=container")).signed(&owner());
        let response = self.send(request).await.expect("Azurite answers");
        assert_eq!(response.status, 201, "container {name}: {}", String::from_utf8_lossy(&response.body));
    }

    fn run(program: &str, certificate: Option<Certificate>) -> Self {
        let folder = tempfile::tempdir().expect("there is a place for temporary files");
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "sh", program, "--blobHost", "127.0.0.1", "--blobPort", "0"]).args([
            "--inMemoryPersistence",
            "--skipApiVersionCheck",
            "--disableProductStyleUrl",
            "--disableTelemetry",
            "--silent",
        ]);
        if let Some(certificate) = &certificate {
            let (chain, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
            fs::write(&chain, &certificate.chain).expect("temporary files can be written");
            fs::write(&key, &certificate.key).expect("temporary files can be written");
            command.args(["--oauth", "basic"]).arg("--cert").arg(chain).arg("--key").arg(key);
        }
        let mut keeper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh runs");
        let output = keeper.stdout.take().expect("standard output is piped");
        // It has read the files of the folder when it says that it listens.
        match address(output) {
            Ok(address) => {
                Self { endpoint: format!("{address}/{ACCOUNT}"), authority: certificate.map(|certificate| certificate.authority), keeper }
            }
            Err(output) => {
                end(&mut keeper);
                panic!("{program} does not start:\n{output}");
            }
        }
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        end(&mut self.keeper);
    }
}

impl fmt::Debug for Azurite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Azurite").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// A signature for everything in the emulator's account, for an hour.
pub(super) fn owner() -> String {
    sas::account(ACCOUNT, KEY, "rwdlac", SystemTime::now() + Duration::from_hours(1))
}

fn program() -> Option<String> {
    let program = env::var(PROGRAM).ok();
    if program.is_none() {
        assert!(env::var_os(ALL).is_none(), "{ALL} is set and {PROGRAM} is not");
        println!("SKIPPED: {PROGRAM} does not name the executable azurite-blob");
    }
    program
}

/// The address at which Azurite listens, or all that it said instead. What it says later is thrown away, so that it never waits for a reader.
fn address(output: impl Read + Send + 'static) -> Result<String, String> {
    let (said, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Nobody listens any more once the address is known.
            let _ = said.send(line);
        }
    });
    let deadline = Instant::now() + PATIENCE;
    let mut output = String::new();
    while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        if let Some(address) = line.strip_prefix(READY) {
            return Ok(address.trim_end_matches('/').to_owned());
        }
        output.push_str(&line);
        output.push('\n');
    }
    Err(output)
}

fn end(keeper: &mut Child) {
    drop(keeper.stdin.take());
    // It cannot fail but for a child that somebody else has waited for.
    let _ = keeper.wait();
}
