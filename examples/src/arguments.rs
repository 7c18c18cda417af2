use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jabber_archive_core::Digest;

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
    /// Tell what a run would find, without writing anything
    Check(Configured),
    /// Archive everything that is closed and not archived yet
    Run(Configured),
    /// Tell how far an archive has come
    Status(Located),
    /// Compare an archive with the chain of entries that proves it
    Verify(Verify),
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
