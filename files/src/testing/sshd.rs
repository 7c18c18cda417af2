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

use tempfile::TempDir;

use crate::{HostKey, Root, SftpConfig, SignIn};

/// Tests that cannot run for want of a program fail where this is set.
const ALL: &str = "JABBER_ARCHIVE_TEST_ALL";
/// What sshd says when its port is its own.
const READY: &str = "Server listening on";
const PATIENCE: Duration = Duration::from_mins(1);
/// Somebody else may take a port between its choice and sshd's start.
const TRIES: usize = 5;

/// Runs sshd until standard input ends, which it does when this process does, in whatever way. Signals from a terminal reach all processes of the test: those are left
/// to the test.
const KEEPER: &str = r#"
trap '' HUP INT TERM
"$@" </dev/null 2>&1 &
echo "$!"
exec >/dev/null 2>&1
read -r _
kill -9 $!
wait
"#;

/// OpenSSH's sshd, on a port of 127.0.0.1, with keys of its own in a folder of its own. It lets in whoever runs it, by a key.
///
/// It needs Debian's packages `openssh-server` and `openssh-client`; the daemon of the system need not run. It ends when dropped, and at the latest with this process,
/// however that ends.
///
/// ```
/// use jabber_archive_core::FileStore;
/// use jabber_archive_files::{Root, SENTINEL, Sftp, testing::Sshd};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> jabber_archive_core::Result<()> {
/// let Some(sshd) = Sshd::start() else { return Ok(()) };
/// let folder = tempfile::tempdir().unwrap();
/// std::fs::write(folder.path().join(SENTINEL), "").unwrap();
/// let root = Root::new("/opt/mftFileStore", folder.path().to_str().unwrap())?;
/// Sftp::new(sshd.config([root]))?.check().await
/// # }
/// ```
pub struct Sshd {
    folder: TempDir,
    settings: String,
    port: u16,
    running: Option<Running>,
}

struct Running {
    keeper: Child,
    /// The process that listens.
    listener: u32,
}

impl Sshd {
    /// Starts one; none, and a line on standard output that begins with `SKIPPED`, where sshd is not installed.
    ///
    /// # Panics
    ///
    /// If it does not start, with its output. Also if it is not installed, while `JABBER_ARCHIVE_TEST_ALL` is set.
    pub fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// Starts one whose `sshd_config` has these lines too, before its own.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn start_with(settings: &str) -> Option<Self> {
        program("sshd")?;
        program("ssh-keygen")?;
        let folder = tempfile::tempdir().expect("there is a place for temporary files");
        let mut sshd = Self { folder, settings: settings.to_owned(), port: 0, running: None };
        for key in ["host_key", "user_key"] {
            sshd.make_key(key, "");
        }
        fs::copy(sshd.path("user_key.pub"), sshd.path("authorized_keys")).expect("temporary files can be written");
        // Where sshd runs as root it wants this folder, which the system's own makes when it starts.
        if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
            fs::create_dir_all("/run/sshd").expect("root can make folders");
        }
        let mut said = String::new();
        for _ in 0..TRIES {
            sshd.port = free_port();
            match sshd.run() {
                Ok(()) => return Some(sshd),
                Err(output) => said = output,
            }
        }
        panic!("sshd does not start:\n{said}");
    }

    /// Makes a key of this name in the folder, encrypted with a passphrase unless that is empty, and says where it is. Another key of that name is replaced.
    ///
    /// # Panics
    ///
    /// If it cannot be made.
    pub fn make_key(&self, name: &str, passphrase: &str) -> PathBuf {
        let path = self.path(name);
        for old in [path.clone(), path.with_extension("pub")] {
            drop(fs::remove_file(old));
        }
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f"]).arg(&path).output();
        let made = made.expect("ssh-keygen runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        path
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder with its keys, among them `host_key`, `user_key` and `authorized_keys`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A line for `known_hosts` that tells its key.
    ///
    /// # Panics
    ///
    /// If the key cannot be read.
    pub fn known_hosts(&self) -> String {
        let key = fs::read_to_string(self.path("host_key.pub")).expect("the key can be read");
        format!("[127.0.0.1]:{} {key}", self.port)
    }

    /// The fingerprint of its key, as `ssh-keygen -l` shows it.
    ///
    /// # Panics
    ///
    /// If ssh-keygen cannot tell.
    pub fn fingerprint(&self) -> String {
        let shown = Command::new("ssh-keygen").arg("-lf").arg(self.path("host_key.pub")).output().expect("ssh-keygen runs");
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        shown.split_whitespace().nth(1).expect("it shows size, fingerprint and comment").to_owned()
    }

    /// Who may sign in: the account that runs this.
    ///
    /// # Panics
    ///
    /// If the system does not know.
    pub fn user() -> String {
        let known = Command::new("id").arg("-un").output().expect("id runs");
        String::from_utf8_lossy(&known.stdout).trim().to_owned()
    }

    /// The settings of that account, for these roots.
    pub fn config(&self, roots: impl IntoIterator<Item = Root>) -> SftpConfig {
        let key = SignIn::Key { file: self.path("user_key"), passphrase: None };
        SftpConfig::new("127.0.0.1", Self::user(), key, HostKey::Fingerprint(self.fingerprint()), roots).port(self.port)
    }

    /// Ends it at once, with every session, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            let mut ended: Vec<String> = descendants(running.listener).iter().map(ToString::to_string).collect();
            ended.insert(0, "-9".to_owned());
            // A session may have ended by itself.
            let _ = Command::new("kill").args(ended).stderr(Stdio::null()).status();
            end(&mut running.keeper);
        }
    }

    /// Starts it again on its port.
    ///
    /// # Panics
    ///
    /// If it does not start, with its output.
    pub fn restart(&mut self) {
        self.kill();
        let deadline = Instant::now() + PATIENCE;
        while let Err(output) = self.run() {
            assert!(Instant::now() < deadline, "sshd does not start again:\n{output}");
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&mut self) -> Result<(), String> {
        let place = self.folder.path().display();
        let mut configuration = self.settings.clone();
        write!(
            configuration,
            "\nPort {port}\nListenAddress 127.0.0.1\nHostKey {place}/host_key\nPidFile none\nAuthorizedKeysFile {place}/authorized_keys\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nMaxStartups 200\n\
             Subsystem sftp internal-sftp\n",
            port = self.port,
        )
        .expect("memory can be written");
        fs::write(self.path("sshd_config"), configuration).expect("temporary files can be written");
        let program = program("sshd").ok_or("sshd is no longer installed")?;
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh"])
            .arg(&program)
            .args(["-D", "-e", "-f"])
            .arg(self.path("sshd_config"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh runs");
        let output = keeper.stdout.take().expect("standard output is piped");
        match ready(output).and_then(|listener| listening(self.port).map(|()| listener)) {
            Ok(listener) => {
                self.running = Some(Running { keeper, listener });
                Ok(())
            }
            Err(output) => {
                end(&mut keeper);
                Err(output)
            }
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
    }
}

impl fmt::Debug for Sshd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sshd").field("port", &self.port).field("folder", &self.folder.path()).finish_non_exhaustive()
    }
}

/// The program's path; sshd has to be started by one that is absolute.
fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|program| program.is_absolute() && program.is_file());
    if found.is_none() {
        assert!(env::var_os(ALL).is_none(), "{ALL} is set and {name} is not installed");
        println!("SKIPPED: {name} is not installed");
    }
    found
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback interface can be had");
    listener.local_addr().expect("it is bound").port()
}

/// Waits until sshd has its port and gives its process, or all that it said instead. What it says later is thrown away, so that it never waits for a reader.
fn ready(output: impl Read + Send + 'static) -> Result<u32, String> {
    let (said, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Nobody listens any more once it is ready.
            let _ = said.send(line);
        }
    });
    let deadline = Instant::now() + PATIENCE;
    let mut output = String::new();
    let mut listener = None;
    while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        if line.contains(READY)
            && let Some(listener) = listener
        {
            return Ok(listener);
        }
        listener = listener.or_else(|| line.trim().parse().ok());
        output.push_str(&line);
        output.push('\n');
    }
    Err(output)
}

/// Waits until somebody listens on the port.
fn listening(port: u16) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
        if Instant::now() > deadline {
            return Err(format!("nobody listens on port {port}: {error}"));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// A process and all that it has begun: sessions are in groups of their own.
fn descendants(process: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let parents: Vec<(u32, u32)> = processes
        .filter_map(|entry| {
            let process = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // Behind the name in brackets: state, parent.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((process, parent))
        })
        .collect();
    let mut found = vec![process];
    let mut looked_at = 0;
    while let Some(parent) = found.get(looked_at).copied() {
        looked_at += 1;
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(process, _)| *process));
    }
    found
}

fn end(keeper: &mut Child) {
    drop(keeper.stdin.take());
    // It cannot fail but for a child that somebody else has waited for.
    let _ = keeper.wait();
}
