use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};
use jabber_archive_core::{ConversationKind, Digest, Timestamp};
use jabber_archive_sink::ExportForm;

/// Archives the chats of Cisco Jabber from SQL Server as mails, with a proof that an outsider can check.
#[derive(Debug, Parser)]
#[command(version, after_help = "Exit codes: 0 done, 1 failed or stopped, 2 usage or configuration, 3 done with dead letters or findings.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Archive the chats of a made-up company, to see what comes out
    Demo(Demo),
    /// Ask a few questions, try each answer, and write a configuration
    Init(Configured),
    /// Tell what a run would find, without writing anything
    Check(Resolving),
    /// Archive everything that is closed and not archived yet
    Run(Run),
    /// Archive again and again as a service, at the times of the section watch; with --json, log JSON lines
    Watch(Configured),
    /// Try dead letters again: read their windows again, and add what can be archived now
    Retry(Archiving),
    /// Read the source again and compare it with what was archived of it, message by message
    Audit(Audit),
    /// Tell how far an archive has come, and whether it is as it should be
    Status(Status),
    /// Compare an archive with the chain of entries that proves it
    Verify(Verify),
    /// Copy mails that verify to a file or folder for other programs
    Export(Export),
    /// Put mails into the mailboxes of those who took part
    #[cfg(feature = "imap")]
    Import(Import),
    /// Tell entry by entry who did what to an archive, and by which configuration; or item by item what was archived
    Log(Log),
    /// Print what makes a shell complete the commands and options of this program
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write those of all commands into a folder
    Man {
        /// The folder
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// Windows that end after this date or time: 2026-11-21, or 2026-11-21T09:00:00Z; without it, all
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) from: Option<Timestamp>,
    /// Windows that start before this date or time
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) until: Option<Timestamp>,
    /// Add what is missing to the archive, and record there what else differs
    #[arg(long)]
    pub(crate) repair: bool,
    /// Repair also where more than one of a hundred messages would be added; the reason is recorded
    #[arg(long, value_name = "REASON", requires = "repair", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) accept: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Log {
    #[command(flatten)]
    pub(crate) located: Located,
    /// Entries of runs and exports that began at this date or time or later, and of windows that end after it
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) since: Option<Timestamp>,
    /// Entries of runs and exports that began before this date or time, and of windows that start before it
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) until: Option<Timestamp>,
    /// One line for each mail and dead letter that these entries name, in place of the entries
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    pub(crate) format: Option<ItemFormat>,
}

/// How items are told of, one a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ItemFormat {
    /// Comma-separated values (RFC 4180) with the names of the columns in the first line
    Csv,
    /// JSON objects
    Jsonl,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) located: Located,
    /// Write a page for a browser too; an earlier page there is replaced
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The folder of the archive
    #[arg(long, value_name = "DIR", default_value = "jabber-archive-demo")]
    pub(crate) out: PathBuf,
    /// How many messages the company writes
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    pub(crate) messages: usize,
    /// Which company it is
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Configured {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "jabber-archive.toml")]
    pub(crate) config: PathBuf,
}

/// What finds out who the people are.
#[derive(Debug, Args)]
pub(crate) struct Resolving {
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// Write who has no address to this new file: a directory to be filled in, with counts
    #[arg(long, value_name = "FILE")]
    pub(crate) unmapped: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Archiving {
    #[command(flatten)]
    pub(crate) resolving: Resolving,
    /// Go on beyond the limits of [run.limits]; the chain keeps the reason
    #[arg(long, value_name = "REASON", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) accept: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) archiving: Archiving,
    /// Tell what a run would do and what it would store, and write nothing
    #[arg(long = "dry-run")]
    pub(crate) rehearse: bool,
    /// What the store asks for 10,000 write operations, to tell what they would cost
    #[arg(long, value_name = "PRICE", requires = "rehearse", value_parser = price)]
    pub(crate) write_price: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct Located {
    /// The folder of the archive, instead of the one in the configuration
    #[arg(long, value_name = "DIR")]
    pub(crate) archive: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) configured: Configured,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) located: Located,
    /// The digest that a run printed: proves that nothing was cut off at the end
    #[arg(long, value_name = "DIGEST")]
    pub(crate) expect: Option<Digest>,
    /// Read the content of so many mails only, chosen at random; all else is checked completely
    #[arg(long, value_name = "N")]
    pub(crate) sample: Option<u64>,
    /// Choose the mails that an earlier sample of this seed chose
    #[arg(long, value_name = "S", requires = "sample")]
    pub(crate) seed: Option<u64>,
    /// Only print the number and the digest of the last entry, to be kept elsewhere
    #[arg(long, conflicts_with_all = ["expect", "sample", "seed"])]
    pub(crate) head: bool,
}

/// What is asked for has to hold together; of several persons, rooms or kinds, one does.
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) located: Located,
    /// The form
    #[arg(long, value_name = "FORM")]
    pub(crate) to: Form,
    /// The file or folder to make; it must not be there yet
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,
    /// Conversations of this person: a whole address or JID
    #[arg(long, value_name = "ADDRESS", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) person: Vec<String>,
    /// Conversations in this room: its whole title or JID
    #[arg(long, value_name = "ROOM", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) room: Vec<String>,
    /// Conversations of this kind
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Vec<Kind>,
    /// Mails with a message from this date or time on: 2026-11-21, or 2026-11-21T09:00:00Z
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) since: Option<Timestamp>,
    /// Mails with a message before this date or time
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) until: Option<Timestamp>,
    /// Mails with this in their subject or text; each of several words has to be there
    #[arg(long, value_name = "WORD", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) word: Vec<String>,
    /// Write no entry about this export into the chain: for a copy of an archive, or one that may only be read
    #[arg(long)]
    pub(crate) unrecorded: bool,
}

/// Without dates, everything that no import has delivered.
#[cfg(feature = "imap")]
#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// Mails of windows that end after this date or time: 2026-11-21, or 2026-11-21T09:00:00Z
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) since: Option<Timestamp>,
    /// Mails of windows that start before this date or time
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) until: Option<Timestamp>,
    /// Deliver mails of windows that end after this date or time besides to people whom the directory knows now and did not then
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) unmapped_since: Option<Timestamp>,
    /// Tell how many copies would be delivered, and deliver nothing
    #[arg(long = "dry-run")]
    pub(crate) rehearse: bool,
}

/// What an export looks like.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Form {
    /// One file for mail programs and converters
    Mbox,
    /// A folder for mail programs and servers
    Maildir,
    /// For review tools, with a load file and the digests of all
    Zip,
}

impl From<Form> for ExportForm {
    fn from(form: Form) -> Self {
        match form {
            Form::Mbox => Self::Mbox,
            Form::Maildir => Self::Maildir,
            Form::Zip => Self::Zip,
        }
    }
}

/// What a conversation is called.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    /// Two people
    OneToOne,
    /// A group chat that ended when everybody had left
    AdHoc,
    /// A persistent room
    Room,
    /// Private messages between two occupants of a room
    RoomPrivate,
}

impl From<Kind> for ConversationKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::OneToOne => Self::OneToOne,
            Kind::AdHoc => Self::AdHoc,
            Kind::Room => Self::Room,
            Kind::RoomPrivate => Self::RoomPrivate,
        }
    }
}

/// A sum of money.
fn price(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|price: &f64| price.is_finite() && *price >= 0.0).ok_or("no price such as 0.065")
}

/// A time, or a date for its first instant in UTC.
fn date(text: &str) -> Result<Timestamp, &'static str> {
    let midnight = if text.contains(['T', 't']) { text.to_owned() } else { format!("{text}T00:00:00Z") };
    midnight.parse().map_err(|_| "neither a date such as 2026-11-21 nor a time such as 2026-11-21T09:00:00Z")
}
