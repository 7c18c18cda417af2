//! Chromium without a window, whose every request goes to a listener that counts it.

use std::{
    env,
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Tests that cannot run for want of a program fail where this is set.
const ALL: &str = "JABBER_ARCHIVE_TEST_ALL";
const PROGRAMS: [&str; 3] = ["chromium-headless-shell", "chromium", "chromium-browser"];
const PATIENCE: Duration = Duration::from_mins(2);

/// What became of a page.
pub(crate) struct Shown {
    /// The elements that it ended with.
    pub(crate) dom: String,
    /// How many connections were made.
    pub(crate) connections: usize,
}

/// Shows a page and gives what it became when it was loaded; none, and a line on standard output that begins with `SKIPPED`, where
/// Chromium is not installed.
pub(crate) fn show(name: &str, page: &str) -> Option<Shown> {
    // Time passes as fast as the page has nothing to do: what it waits for comes to pass.
    run(name, page, &["--dump-dom", "--virtual-time-budget=60000"])
}

/// Prints a page and says how many sheets it takes; none where Chromium is not installed.
pub(crate) fn sheets(name: &str, page: &str) -> Option<usize> {
    let pdf = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pdf"));
    run(name, page, &["--no-pdf-header-footer", &format!("--print-to-pdf={}", pdf.display())])?;
    // Each sheet is an object of its own (ISO 32000-1, section 7.7.3.3).
    let pdf = fs::read(pdf).unwrap();
    Some(pdf.split(|byte| *byte == b'\n').filter(|line| line.ends_with(b"/Type /Page")).count())
}

fn run(name: &str, page: &str, arguments: &[&str]) -> Option<Shown> {
    let program = program()?;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("layout").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let (path, dom, errors) = (folder.join("page.html"), folder.join("dom.html"), folder.join("errors.txt"));
    fs::write(&path, page).unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    // Ends with the process; every connection is closed at once.
    thread::spawn(move || {
        for _ in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });

    let mut child = Command::new(program)
        // The sandbox cannot be had in many containers, and what is shown is ours.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-domain-reliability"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("--proxy-server={proxy}"))
        .arg("--proxy-bypass-list=<-loopback>")
        .args(arguments)
        .arg(format!("file://{}", path.display()))
        .stdin(Stdio::null())
        .stdout(File::create(&dom).unwrap())
        .stderr(File::create(&errors).unwrap())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("Chromium did not come to an end: {}", fs::read_to_string(&errors).unwrap());
        }
        thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "Chromium: {status}: {}", fs::read_to_string(&errors).unwrap());
    let connections = connections.load(Ordering::SeqCst);
    Some(Shown { dom: fs::read_to_string(&dom).unwrap(), connections })
}

fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = PROGRAMS.iter().find_map(|name| env::split_paths(&path).map(|folder| folder.join(name)).find(|path| Path::is_file(path)));
    if found.is_none() {
        assert!(env::var_os(ALL).is_none(), "Chromium is not installed: one of {PROGRAMS:?} must be in PATH where {ALL} is set");
        println!("SKIPPED: Chromium is not installed");
    }
    found
}
