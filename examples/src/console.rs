//! What is printed, and where: results on standard output, progress and errors on standard error.

use std::{
    error::Error as _,
    fmt::Display,
    io::{IsTerminal, Write, stderr, stdout},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use jabber_archive_core::{Error, Event, Observer, Result};
use serde::Serialize;
use serde_json::json;

/// Where a command prints its result.
#[derive(Debug)]
pub(crate) struct Console {
    json: bool,
}

impl Console {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints a result: as text, or as one JSON document.
    pub(crate) fn print(&self, result: &(impl Display + Serialize)) -> Result<()> {
        let mut out = stdout().lock();
        let written = if self.json {
            serde_json::to_writer_pretty(&mut out, result).map_err(std::io::Error::from).and_then(|()| writeln!(out))
        } else {
            writeln!(out, "{result}")
        };
        written.and_then(|()| out.flush()).map_err(|error| {
            use jabber_archive_core::{ErrorClass, ErrorKind};
            Error::new(ErrorKind::Config, ErrorClass::Fatal, "print", "standard output cannot be written").because(error)
        })
    }

    /// Prints an error with everything that led to it.
    pub(crate) fn fail(&self, error: &Error) {
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
        if self.json {
            let document = json!({ "error": {
                "message": error.to_string(),
                "kind": format!("{:?}", error.kind()).to_lowercase(),
                "class": format!("{:?}", error.class()).to_lowercase(),
                "operation": error.operation(),
                "subject": error.subject(),
                "advice": error.advice(),
                "causes": causes,
            }});
            println!("{document:#}");
        }
        eprintln!("jabber-archive: {error}");
        for cause in causes {
            eprintln!("  because: {cause}");
        }
    }

    /// What a run is watched with.
    pub(crate) fn progress() -> Progress {
        Progress { terminal: stderr().is_terminal(), state: Mutex::default() }
    }
}

/// Shows how far a run is: one line that changes on a terminal, a line for each day's work elsewhere.
#[derive(Debug)]
pub(crate) struct Progress {
    terminal: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rows_planned: u64,
    rows_sealed: u64,
    /// Rows of the chunk that is being read.
    rows_read: u64,
    messages: u64,
    shown: Option<Instant>,
}

impl State {
    fn line(&self) -> String {
        format!("{} of {} rows archived, {} more read, {} messages", self.rows_sealed, self.rows_planned, self.rows_read, self.messages)
    }
}

impl Progress {
    fn say(&self, line: impl Display) {
        if self.terminal {
            eprint!("\r\x1b[K");
        }
        eprintln!("{line}");
    }

    fn show(&self, state: &mut State) {
        const OFTEN: Duration = Duration::from_millis(100);
        if self.terminal && state.shown.is_none_or(|shown| shown.elapsed() > OFTEN) {
            eprint!("\r\x1b[K{}", state.line());
            state.shown = Some(Instant::now());
        }
    }

    /// Leaves the line that changes.
    pub(crate) fn end(&self) {
        if self.terminal {
            eprint!("\r\x1b[K");
        }
    }
}

impl Observer for Progress {
    fn observe(&self, event: &Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Planned { span, windows, rows } => {
                state.rows_planned = *rows;
                self.say(format_args!("{rows} rows in {windows} windows to archive, {} to {}", span.start, span.end));
            }
            Event::Read { rows } => state.rows_read = *rows,
            Event::Sealed { span, entry, messages, items, rows, .. } => {
                state.rows_sealed += rows;
                state.messages += messages;
                state.rows_read = 0;
                self.say(format_args!("entry {entry}: {} to {} sealed, {messages} messages in {items} mails", span.start, span.end));
            }
            Event::ReadAgain { span } => self.say(format_args!("rows came while {} to {} was read: reading again", span.start, span.end)),
            Event::Raced { window } => self.say(format_args!("another program sealed {window} first")),
            Event::Retrying { error, wait } => self.say(format_args!("{error}: trying again in {:.1} s", wait.as_secs_f64())),
            _ => {}
        }
        self.show(&mut state);
    }
}
