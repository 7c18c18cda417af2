use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long one copy took.
#[derive(Debug)]
pub(super) struct Copied {
    /// From the first file's start to the last one's end, as its log tells while it grows: the program looks only every two seconds whether it has finished.
    pub(super) transfers: Duration,
    /// What it says itself.
    pub(super) reported: Duration,
    /// The process.
    pub(super) process: Duration,
}

/// Copies the files of a folder.
pub(super) fn copy(program: &Path, folder: &Path, to: &str, concurrency: usize, check_length: bool) -> io::Result<Copied> {
    let work = folder.join("../azcopy");
    // The only log in it is to be that of this copy.
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    let begun = Instant::now();
    let mut child = Command::new(program)
        .arg("copy")
        .arg(folder.join("*"))
        .args([to, "--from-to=LocalBlob", "--put-md5", &format!("--check-length={check_length}")])
        .env("AZCOPY_CONCURRENCY_VALUE", concurrency.to_string())
        .env("AZCOPY_LOG_LOCATION", &work)
        .env("AZCOPY_JOB_PLAN_LOCATION", work.join("plans"))
        .env("AZCOPY_DISABLE_SYSLOG", "true")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = child.stdout.take().expect("standard output is piped");
    let output = thread::spawn(move || {
        let mut said = String::new();
        output.read_to_string(&mut said).map(|_| said)
    });
    let (mut log, mut line) = (None, String::new());
    let (mut first, mut last) = (None, None);
    loop {
        let ended = child.try_wait()?;
        if log.is_none() {
            log = find_log(&work)?.map(File::open).transpose()?.map(BufReader::new);
        }
        // A line that is not complete yet is continued by the next read.
        while let Some(log) = &mut log
            && log.read_line(&mut line)? > 0
            && line.ends_with('\n')
        {
            if line.contains("Starting transfer") {
                first.get_or_insert_with(Instant::now);
            } else if line.contains("UPLOADSUCCESSFUL") {
                last = Some(Instant::now());
            }
            line.clear();
        }
        if ended.is_some() {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    let process = begun.elapsed();
    let said = output.join().expect("it does not panic")?;
    let minutes = said.lines().find_map(|line| line.strip_prefix("Elapsed Time (Minutes): ")?.trim().parse::<f64>().ok());
    match (first, last, minutes) {
        (Some(first), Some(last), Some(minutes)) => {
            Ok(Copied { transfers: last - first, reported: Duration::from_secs_f64(minutes * 60.0), process })
        }
        _ => Err(io::Error::other(format!("azcopy has copied nothing: {said}"))),
    }
}

fn find_log(folder: &Path) -> io::Result<Option<std::path::PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.to_string_lossy();
        if name.ends_with(".log") && !name.ends_with("-scanning.log") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
