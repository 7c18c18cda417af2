use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DiscrepancyKind, Limit};
use crate::{BareJid, RoomGap, ShortDigest, Table, Timestamp};

/// Something that an auditor ought to know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "finding")]
#[non_exhaustive]
pub enum Finding {
    /// Rows kept coming while the window was read; those after the last reading are not in it.
    Late {
        /// The table.
        table: Table,
        /// Rows of the table that the source counted beyond those read.
        rows: u64,
    },
    /// Rows that were read had gone from the source afterwards; they are archived.
    Purged {
        /// The table.
        table: Table,
        /// How many.
        rows: u64,
    },
    /// As many rows as were read, of other lengths: the source changed them in between.
    Changed {
        /// The table.
        table: Table,
    },
    /// Rows that are sealed have gone from the source since; they are archived.
    PurgedSealed {
        /// When their window begins.
        window: Timestamp,
        /// The table.
        table: Table,
        /// How many.
        rows: u64,
    },
    /// Rows dated before 2000, of a node whose clock was dead.
    ImplausibleDate {
        /// How many.
        rows: u64,
    },
    /// Rows dated in the future wait until their day comes.
    FutureDate {
        /// How many.
        rows: u64,
    },
    /// Our clock and the server's are more than five minutes apart.
    ClockSkew {
        /// How far, in seconds; positive if ours is ahead.
        seconds: i64,
    },
    /// Senders of whom only the nick is known.
    UnresolvedNick {
        /// How many messages.
        messages: u64,
    },
    /// Copies that came too late to name their recipient.
    LateCopy {
        /// How many rows.
        rows: u64,
    },
    /// Rows that look encrypted by the source, archived as ciphertext because no key was set.
    Encrypted {
        /// The table.
        table: Table,
        /// How many.
        rows: u64,
    },
    /// Participants without an address in the directory.
    UnmappedPeople {
        /// How many.
        people: u64,
    },
    /// Files that are not where the transfer log says.
    MissingFile {
        /// How many.
        files: u64,
    },
    /// Files that mails name and of which the transfer log knows no upload.
    UnloggedFile {
        /// How many.
        files: u64,
    },
    /// Files whose upload names no place at which files are read: none at all, one outside the roots, a link, a folder.
    UnlocatedFile {
        /// How many.
        files: u64,
    },
    /// Files that are archived and have another size than the transfer log says.
    FileSize {
        /// How many.
        files: u64,
    },
    /// A stretch of time without a row in a table that usually has many then.
    Silence {
        /// The table.
        table: Table,
        /// Where it begins: a full hour.
        start: Timestamp,
        /// Where it ends: a full hour.
        end: Timestamp,
        /// How many rows there usually are in it.
        usual: u64,
    },
    /// Rows of the message archiver are all logged on their way to a recipient, none on its way from a sender.
    NoOutgoing {
        /// How many rows.
        rows: u64,
    },
    /// Numbers between those of a room's archived messages that no row has.
    MissingNumbers {
        /// In how many rooms.
        rooms: u64,
        /// How many numbers in all of them.
        numbers: u64,
        /// The rooms that lack most, 20 at most.
        worst: Vec<RoomGap>,
    },
    /// Persistent rooms of which the message archiver has messages, and the room archive has none, nor had any in the 30 days before.
    UnarchivedRooms {
        /// How many rooms.
        rooms: u64,
        /// How many messages of theirs are known from the message archiver.
        messages: u64,
        /// The rooms, 20 at most.
        named: Vec<BareJid>,
    },
    /// Messages that were shown to people who entered a room, and are neither in the source nor in the archive as having been said.
    UnrecordedOriginal {
        /// How many.
        messages: u64,
    },
    /// The source begins behind everything that was sealed: what was between was purged before it was archived, if there was something.
    StartsLater {
        /// Its first row; none where it has no rows at all.
        first: Option<Timestamp>,
        /// Where the archive ended.
        archived_until: Timestamp,
    },
    /// An audit found other messages than the archive had, and somebody asked to repair it: what the archive lacked is in this entry's items.
    Repaired {
        /// How many differences there were, by kind.
        found: BTreeMap<DiscrepancyKind, u64>,
        /// Digest of the archived messages that the source has no more as they were archived, so that a later audit knows them; none if there are none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left: Option<ShortDigest>,
    },
    /// The source has rows that are dated before the archive's first window: they are in no window, and not archived.
    StartsEarlier {
        /// Its first row from 2000 on.
        first: Timestamp,
        /// Where the archive begins.
        archived_from: Timestamp,
    },
    /// Half of the time or more has passed until rows that are not archived are purged.
    PurgeNear {
        /// From when on rows are not archived.
        unsealed: Timestamp,
        /// How many whole days were left when the run began; negative where they were over.
        days: i64,
    },
    /// A limit was passed, and somebody accepted that: why, the entry of the run says.
    OverLimit {
        /// Which.
        limit: Limit,
    },
}

impl Finding {
    /// What the kinds are called where they are stored.
    pub const KINDS: [&str; 25] = [
        "changed",
        "clock-skew",
        "encrypted",
        "file-size",
        "future-date",
        "implausible-date",
        "late",
        "late-copy",
        "missing-file",
        "missing-numbers",
        "no-outgoing",
        "over-limit",
        "purge-near",
        "purged",
        "purged-sealed",
        "repaired",
        "silence",
        "starts-earlier",
        "starts-later",
        "unarchived-rooms",
        "unlocated-file",
        "unlogged-file",
        "unmapped-people",
        "unrecorded-original",
        "unresolved-nick",
    ];

    /// What its kind is called, one of [`KINDS`](Self::KINDS).
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Late { .. } => "late",
            Self::Purged { .. } => "purged",
            Self::Changed { .. } => "changed",
            Self::PurgedSealed { .. } => "purged-sealed",
            Self::ImplausibleDate { .. } => "implausible-date",
            Self::FutureDate { .. } => "future-date",
            Self::ClockSkew { .. } => "clock-skew",
            Self::UnresolvedNick { .. } => "unresolved-nick",
            Self::LateCopy { .. } => "late-copy",
            Self::Encrypted { .. } => "encrypted",
            Self::UnmappedPeople { .. } => "unmapped-people",
            Self::MissingFile { .. } => "missing-file",
            Self::UnloggedFile { .. } => "unlogged-file",
            Self::UnlocatedFile { .. } => "unlocated-file",
            Self::FileSize { .. } => "file-size",
            Self::Silence { .. } => "silence",
            Self::NoOutgoing { .. } => "no-outgoing",
            Self::MissingNumbers { .. } => "missing-numbers",
            Self::UnarchivedRooms { .. } => "unarchived-rooms",
            Self::UnrecordedOriginal { .. } => "unrecorded-original",
            Self::StartsLater { .. } => "starts-later",
            Self::Repaired { .. } => "repaired",
            Self::StartsEarlier { .. } => "starts-earlier",
            Self::PurgeNear { .. } => "purge-near",
            Self::OverLimit { .. } => "over-limit",
        }
    }

    /// Whether it is about a run as a whole; all others are about a window and stand in its seal.
    pub fn is_of_a_run(&self) -> bool {
        matches!(
            self,
            Self::FutureDate { .. }
                | Self::ClockSkew { .. }
                | Self::PurgedSealed { .. }
                | Self::Silence { .. }
                | Self::StartsEarlier { .. }
                | Self::StartsLater { .. }
                | Self::PurgeNear { .. }
                | Self::OverLimit { limit: Limit::Directory }
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn findings_are_stored_as_documented() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let [start, end] = [at("2026-11-20T10:00:00Z"), at("2026-11-20T12:00:00Z")];
        let room = BareJid::new("q3@conference.example.com").unwrap();
        let gap = RoomGap { room: room.clone(), numbers: 2, first: 5, last: 6 };
        let stored = [
            (Finding::Late { table: Table::Jm, rows: 1 }, r#"{"finding":"late","table":"jm","rows":1}"#, false),
            (Finding::Purged { table: Table::Jm, rows: 1 }, r#"{"finding":"purged","table":"jm","rows":1}"#, false),
            (
                Finding::PurgedSealed { window: start, table: Table::Jm, rows: 1 },
                r#"{"finding":"purged-sealed","window":"2026-11-20T10:00:00.000Z","table":"jm","rows":1}"#,
                true,
            ),
            (Finding::Changed { table: Table::Jm }, r#"{"finding":"changed","table":"jm"}"#, false),
            (Finding::ImplausibleDate { rows: 1 }, r#"{"finding":"implausible-date","rows":1}"#, false),
            (Finding::FutureDate { rows: 1 }, r#"{"finding":"future-date","rows":1}"#, true),
            (Finding::ClockSkew { seconds: -400 }, r#"{"finding":"clock-skew","seconds":-400}"#, true),
            (Finding::UnresolvedNick { messages: 1 }, r#"{"finding":"unresolved-nick","messages":1}"#, false),
            (Finding::LateCopy { rows: 1 }, r#"{"finding":"late-copy","rows":1}"#, false),
            (Finding::Encrypted { table: Table::Jm, rows: 1 }, r#"{"finding":"encrypted","table":"jm","rows":1}"#, false),
            (Finding::UnmappedPeople { people: 1 }, r#"{"finding":"unmapped-people","people":1}"#, false),
            (Finding::MissingFile { files: 1 }, r#"{"finding":"missing-file","files":1}"#, false),
            (Finding::UnloggedFile { files: 1 }, r#"{"finding":"unlogged-file","files":1}"#, false),
            (Finding::UnlocatedFile { files: 1 }, r#"{"finding":"unlocated-file","files":1}"#, false),
            (Finding::FileSize { files: 1 }, r#"{"finding":"file-size","files":1}"#, false),
            (
                Finding::Silence { table: Table::TcMsgarchive, start, end, usual: 220 },
                r#"{"finding":"silence","table":"tc_msgarchive","start":"2026-11-20T10:00:00.000Z","end":"2026-11-20T12:00:00.000Z","usual":220}"#,
                true,
            ),
            (Finding::NoOutgoing { rows: 100 }, r#"{"finding":"no-outgoing","rows":100}"#, false),
            (
                Finding::MissingNumbers { rooms: 1, numbers: 2, worst: vec![gap] },
                r#"{"finding":"missing-numbers","rooms":1,"numbers":2,"worst":[{"room":"q3@conference.example.com","numbers":2,"first":5,"last":6}]}"#,
                false,
            ),
            (
                Finding::UnarchivedRooms { rooms: 1, messages: 3, named: vec![room] },
                r#"{"finding":"unarchived-rooms","rooms":1,"messages":3,"named":["q3@conference.example.com"]}"#,
                false,
            ),
            (Finding::UnrecordedOriginal { messages: 1 }, r#"{"finding":"unrecorded-original","messages":1}"#, false),
            (
                Finding::StartsLater { first: None, archived_until: end },
                r#"{"finding":"starts-later","first":null,"archived_until":"2026-11-20T12:00:00.000Z"}"#,
                true,
            ),
            (
                Finding::StartsEarlier { first: start, archived_from: end },
                r#"{"finding":"starts-earlier","first":"2026-11-20T10:00:00.000Z","archived_from":"2026-11-20T12:00:00.000Z"}"#,
                true,
            ),
            (
                Finding::Repaired { found: BTreeMap::from([(DiscrepancyKind::Missing, 2)]), left: None },
                r#"{"finding":"repaired","found":{"missing":2}}"#,
                false,
            ),
            (
                Finding::PurgeNear { unsealed: end, days: -1 },
                r#"{"finding":"purge-near","unsealed":"2026-11-20T12:00:00.000Z","days":-1}"#,
                true,
            ),
            (Finding::OverLimit { limit: Limit::Directory }, r#"{"finding":"over-limit","limit":"directory"}"#, true),
            (Finding::OverLimit { limit: Limit::MappedPeople }, r#"{"finding":"over-limit","limit":"mapped-people"}"#, false),
            (Finding::OverLimit { limit: Limit::DeadLetters }, r#"{"finding":"over-limit","limit":"dead-letters"}"#, false),
        ];
        let kinds: BTreeSet<&str> = stored.iter().map(|(finding, ..)| finding.kind()).collect();
        assert_eq!(kinds, BTreeSet::from(Finding::KINDS), "each kind is here");
        for (finding, json, of_a_run) in stored {
            assert_eq!(serde_json::to_string(&finding).unwrap(), json);
            assert_eq!(serde_json::from_str::<Finding>(json).unwrap(), finding);
            assert_eq!(finding.is_of_a_run(), of_a_run, "{json}");
            assert!(Finding::KINDS.contains(&finding.kind()) && json.contains(&format!(r#""finding":"{}""#, finding.kind())), "{json}");
        }
    }
}
