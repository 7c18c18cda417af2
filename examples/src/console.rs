//! What is printed, and where: results on standard output, progress and errors on standard error.

use std::{
    error::Error as _,
    fmt::Display,
    io::{self, BufWriter, IsTerminal, Stdout, Write, stderr, stdout},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Event, Observer, Result, RunReport};
use serde::Serialize;
use serde_json::{Value, json};

use crate::command::Failure;

/// Where a command prints its result.
#[derive(Debug)]
pub(crate) struct Console {
    json: bool,
}

impl Console {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether what it prints is for machines.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a result: as text, or as one JSON document. Whoever closes a pipe has read enough.
    pub(crate) fn print(&self, result: &(impl Display + Serialize)) -> Result<()> {
        let printed = if self.json {
            serde_json::to_string_pretty(result).map_err(io::Error::from).and_then(|document| print_line(&document))
        } else {
            print_line(result)
        };
        match printed {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(unwritable(error)),
            _ => Ok(()),
        }
    }

    /// Prints an error with everything that led to it, and what was done before. Nobody is left to be told where that cannot be written.
    pub(crate) fn fail(&self, failure: &Failure) {
        if self.json {
            let _: io::Result<()> = print_line(format_args!("{:#}", document(failure)));
        } else if let Some(report) = &failure.report {
            let _: io::Result<()> = print_line(report);
        }
        #[cfg(feature = "imap")]
        if let (false, Some(delivered)) = (self.json, &failure.delivered) {
            let _: io::Result<()> = print_line(delivered);
        }
        Self::complain(&failure.error);
    }

    /// Says what went wrong where that does not end a command.
    pub(crate) fn complain(error: &Error) {
        tell(format_args!("jabber-archive: {error}\n"));
        for cause in causes(error) {
            tell(format_args!("  because: {cause}\n"));
        }
    }

    /// What a run is watched with by whoever sits there.
    pub(crate) fn progress() -> Arc<Progress> {
        Arc::new(Progress { line: LiveLine::new(), state: Mutex::default() })
    }
}

/// Is told what a run does, and keeps what it reports at its end.
pub(crate) trait Watcher: Observer {
    /// Nothing more happens; what the run did, if it came to its end.
    fn end(&self) -> Option<RunReport>;

    /// Is told what went wrong beside the run, and does not end it.
    fn complain(&self, error: &Error);
}

/// An error, and what was done before, as one JSON document.
pub(crate) fn document(failure: &Failure) -> Value {
    let Failure { error, report, .. } = failure;
    let mut document = json!({ "error": {
        "message": error.to_string(),
        "kind": format!("{:?}", error.kind()).to_lowercase(),
        "class": format!("{:?}", error.class()).to_lowercase(),
        "operation": error.operation(),
        "subject": error.subject(),
        "advice": error.advice(),
        "causes": causes(error),
    }});
    if let Some(report) = report {
        document["report"] = serde_json::to_value(report).unwrap_or(Value::Null);
    }
    #[cfg(feature = "imap")]
    if let Some(delivered) = &failure.delivered {
        document["report"] = serde_json::to_value(delivered).unwrap_or(Value::Null);
    }
    document
}

/// What led to an error, nearest first.
pub(crate) fn causes(error: &Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        // Wrapping errors often repeat what they wrap.
        if causes.last().is_none_or(|last: &String| !last.contains(&text)) {
            causes.push(text);
        }
        source = cause.source();
    }
    causes
}

fn print_line(line: impl Display) -> io::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn unwritable(error: io::Error) -> Error {
    Error::new(ErrorKind::Output, ErrorClass::Fatal, "print", "standard output cannot be written")
        .advise("what the command did is done: only its words are lost")
        .because(error)
}

/// Standard output for a result that is longer than memory, until whoever closes a pipe has read enough.
#[derive(Debug)]
pub(crate) struct Lines {
    out: BufWriter<Stdout>,
    read: bool,
}

impl Lines {
    pub(crate) fn new() -> Self {
        Self { out: BufWriter::with_capacity(64 << 10, stdout()), read: true }
    }

    pub(crate) fn write(&mut self, line: &[u8]) -> Result<()> {
        let written = self.out.write_all(line);
        self.note(written)
    }

    /// Whether anybody reads on.
    pub(crate) fn is_read(&self) -> bool {
        self.read
    }

    pub(crate) fn end(mut self) -> Result<()> {
        let written = self.out.flush();
        self.note(written)
    }

    fn note(&mut self, written: io::Result<()>) -> Result<()> {
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.read = false;
                Ok(())
            }
            written => written.map_err(unwritable),
        }
    }
}

/// Writes to standard error; a run goes on where that is closed.
fn tell(text: impl Display) {
    let _: io::Result<()> = write!(stderr(), "{text}");
}

/// The last line of a terminal, which changes while something is at work. Elsewhere there is none.
#[derive(Debug)]
pub(crate) struct LiveLine {
    terminal: bool,
    shown: Mutex<Option<Instant>>,
}

impl LiveLine {
    /// Back to the start of the line, and erase it (ECMA-48).
    const ERASE: &str = "\r\x1b[K";
    const OFTEN: Duration = Duration::from_millis(100);

    pub(crate) fn new() -> Self {
        Self { terminal: stderr().is_terminal(), shown: Mutex::default() }
    }

    /// Shows this instead, unless the line has just changed.
    pub(crate) fn show(&self, line: impl Display) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if self.terminal && shown.is_none_or(|shown| shown.elapsed() > Self::OFTEN) {
            tell(format_args!("{}{line}", Self::ERASE));
            *shown = Some(Instant::now());
        }
    }

    /// Writes a line that stays.
    fn say(&self, line: impl Display) {
        self.leave();
        tell(format_args!("{line}\n"));
    }

    /// Removes the line.
    pub(crate) fn leave(&self) {
        if self.terminal {
            tell(Self::ERASE);
        }
    }
}

/// Shows how far a run is, on a line that changes and with one for each seal, and keeps what the run reports at its end.
#[derive(Debug)]
pub(crate) struct Progress {
    line: LiveLine,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rows_planned: u64,
    rows_sealed: u64,
    /// Rows of the chunk that is being read.
    rows_read: u64,
    messages: u64,
    report: Option<RunReport>,
}

impl State {
    fn line(&self) -> String {
        format!("{} of {} rows archived, {} more read, {} messages", self.rows_sealed, self.rows_planned, self.rows_read, self.messages)
    }
}

impl Watcher for Progress {
    fn end(&self) -> Option<RunReport> {
        self.line.leave();
        self.state.lock().unwrap_or_else(PoisonError::into_inner).report.take()
    }

    fn complain(&self, error: &Error) {
        Console::complain(error);
    }
}

impl Observer for Progress {
    fn observe(&self, event: &Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let say = |line: std::fmt::Arguments<'_>| self.line.say(line);
        match event {
            Event::Planned { span, windows, rows } => {
                state.rows_planned = *rows;
                say(format_args!("{rows} rows in {windows} windows to archive, {} to {}", span.start, span.end));
            }
            Event::Read { rows } => state.rows_read = *rows,
            Event::Sealed { span, entry, messages, items, rows, .. } => {
                state.rows_sealed += rows;
                state.messages += messages;
                state.rows_read = 0;
                say(format_args!("entry {entry}: {} to {} sealed, {messages} messages in {items} mails", span.start, span.end));
            }
            Event::Amended { span, entry, messages, items, .. } => {
                state.rows_read = 0;
                say(format_args!(
                    "entry {entry}: {} to {} was read again, {messages} messages in {items} mails added",
                    span.start, span.end
                ));
            }
            Event::ReadAgain { span } => say(format_args!("rows came while {} to {} was read: reading again", span.start, span.end)),
            Event::Compared { window, messages, differences } => {
                state.rows_read = 0;
                state.messages += messages;
                if *differences > 0 {
                    say(format_args!("{window}: of {messages} messages, or of those archived, {differences} differ"));
                }
                self.line.show(format_args!("{} messages compared", state.messages));
                return;
            }
            Event::Raced { window } => say(format_args!("another program sealed {window} first, or added to it")),
            Event::Retrying { error, wait } => say(format_args!("{error}: trying again in {:.1} s", wait.as_secs_f64())),
            Event::Ended { report } => {
                state.report = Some((*report).clone());
                return;
            }
            _ => {}
        }
        self.line.show(state.line());
    }
}
