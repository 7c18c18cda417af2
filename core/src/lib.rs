#![doc = include_str!("../README.md")]

mod archiver;
mod assembler;
mod context;
mod conversation;
mod converter;
mod dead_letter;
mod digest;
mod directory;
mod error;
mod file;
mod filter;
mod gate;
mod header;
mod item;
mod jid;
mod journal;
mod ledger;
mod mail;
mod mailboxes;
mod people;
mod record;
mod recorded;
mod rehearsal;
mod rooms;
mod secret;
mod sink;
mod skip;
mod source;
mod sources;
mod spool;
mod stanza;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
mod time_zone;
mod transcript;
mod transfer;
mod unmapped;
mod window;

#[cfg(feature = "rsmf")]
pub use self::transcript::Rsmf;
pub use self::{
    archiver::{
        Archiver, AuditReport, Discrepancy, Event, LateRows, Limits, Observer, Pause, RetryPolicy, RunIdentity, RunReport, RunSettings,
        Spread,
    },
    assembler::{Assembler, Assembly, Neighbour},
    context::Context,
    conversation::{Address, Conversation, ConversationKey, ConversationKind, Message, MessageKey, Participant, Party},
    converter::{Converter, ConverterExt, Recipe},
    dead_letter::{DeadLetter, Encryptor},
    digest::{Digest, FieldHasher, ShortDigest},
    directory::{Directory, JidIsEmail, MemoryDirectory, Person},
    error::{Error, ErrorClass, ErrorKind, Result},
    file::{FileContent, FileRef, FileStore, Opened},
    filter::{Filter, FilterReason, FilterTerm},
    gate::{Gate, Passage},
    header::HeaderText,
    item::{Issue, ItemId, ItemKey, ItemObject, MailItem, MessageLine, ObjectKey, Part},
    jid::{BareJid, Jid},
    journal::{Journal, journaled_mail},
    ledger::{
        Accounts, Act, Addendum, Appended, ArchiveFacts, Cause, Census, DiscrepancyKind, Disposition, Entry, EntryRecord, ExportEntry,
        Finding, Frontier, ImportEntry, KeptKind, Ledger, LedgerExt, Limit, Link, List, ListLine, ListReader, NewerEntry, Receipt,
        ReceiptResult, Receipts, RunEntry, Seal, TableAccount,
    },
    mailboxes::{Delivery, Letter, Mailboxes, Place, Refusal, RefusalReason},
    people::{People, is_addr_spec},
    record::{Direction, MessageKind, MessageRow, Movement, PresenceRow, Record, Table, UndecodableRow},
    recorded::{
        HourlyRows, Numbers, Replay, Replays, RoomGap, RoomTraces, Traces, days_until_purge, purge_near, starts_earlier, starts_later,
    },
    rehearsal::{LargeMail, MailsOfPerson, Rehearsal, Rehearsed},
    rooms::{Room, RoomKind, Rooms},
    secret::{Secret, SecretSource},
    sink::{ByteStream, Capability, Sink, Stored},
    skip::SkipReason,
    source::{Clock, Extent, Source, SourceId, Tally},
    sources::Sources,
    spool::{Spool, SpoolWriter},
    time::{PRESENCE_LOOKBACK, Span, Timestamp},
    time_zone::TimeZone,
    transcript::{PerMessage, Transcript, TranscriptSettings},
    transfer::Transfer,
    unmapped::{Participation, Unmapped},
    window::{Grid, Window},
};
