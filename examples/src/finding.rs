//! Findings as people read them: what they say, and what to do about them.

use jabber_archive_core::{Finding, Limit};

/// A finding in words, `{}` where its count stands.
pub(crate) fn words(finding: &Finding) -> (String, u64) {
    match finding {
        Finding::Late { table, rows } => (format!("{{}} rows of {table} came after the last reading and are not archived"), *rows),
        Finding::Purged { table, rows } => (format!("{{}} rows of {table} are archived that the source no longer has"), *rows),
        Finding::PurgedSealed { window, table, rows } => {
            (format!("{{}} rows of {table} in the sealed window from {window} are gone from the source; they are archived"), *rows)
        }
        Finding::Changed { table } => (format!("rows of {table} changed while they were read"), 0),
        Finding::Repaired { found, .. } => (
            "{} differences between source and archive were found by an audit, and recorded; what was missing is added".to_owned(),
            found.values().sum(),
        ),
        Finding::ImplausibleDate { rows } => ("{} rows are dated before 2000: see items/undated".to_owned(), *rows),
        Finding::FutureDate { rows } => ("{} rows are dated in the future and wait for their day".to_owned(), *rows),
        Finding::ClockSkew { seconds } => (format!("our clock and the server's are {seconds} s apart"), 0),
        Finding::UnresolvedNick { messages } => ("{} messages have a sender of whom only the nick is known".to_owned(), *messages),
        Finding::LateCopy { rows } => ("{} copies came too late to name their recipient".to_owned(), *rows),
        Finding::Encrypted { table, rows } => {
            (format!("{{}} rows of {table} look encrypted and are archived as ciphertext: set `encryption_keys` under [[source]]"), *rows)
        }
        Finding::UnmappedPeople { people } => ("{} times a participant has no address in the directory".to_owned(), *people),
        Finding::MissingFile { files } => ("{} files are not where the transfer log says".to_owned(), *files),
        Finding::UnloggedFile { files } => ("{} files are named by messages, and no upload of them is logged".to_owned(), *files),
        Finding::UnlocatedFile { files } => ("{} files are logged at no place that is read".to_owned(), *files),
        Finding::FileSize { files } => ("{} files have another size than the transfer log says".to_owned(), *files),
        Finding::Silence { table, start, end, usual } => {
            (format!("{table} has no row from {start} to {end}, where there usually are about {usual}: a holiday, or was nothing recorded?"), 0)
        }
        Finding::NoOutgoing { rows } => {
            ("none of {} rows of jm was logged on its way from a sender: is outbound logging off? Of federated chats one half is missing then".to_owned(), *rows)
        }
        Finding::MissingNumbers { numbers, .. } => {
            ("{} numbers of messages (tc_msgarchive.msg_id) have no row: the seal of the window names the rooms".to_owned(), *numbers)
        }
        Finding::UnarchivedRooms { messages, .. } => (
            "{} messages are of persistent rooms that tc_msgarchive knows nothing of: the seal of the window names the rooms; are all room messages archived?"
                .to_owned(),
            *messages,
        ),
        Finding::UnrecordedOriginal { messages } => {
            ("{} messages were shown to people who entered a room, and nowhere is recorded that they were said".to_owned(), *messages)
        }
        Finding::StartsLater { first, archived_until } => {
            let begins = first.map_or("has no rows any more".to_owned(), |first| format!("begins at {first}"));
            (format!("the source {begins}, and was archived until {archived_until}: what was between is lost, if there was something"), 0)
        }
        Finding::StartsEarlier { first, archived_from } => {
            (format!("the source begins at {first}, before the first window of the archive, {archived_from}: what is dated between is not archived"), 0)
        }
        Finding::PurgeNear { unsealed, days } if *days < 0 => {
            (format!("rows from {unsealed} on, not archived before, are past the days after which they are purged: run more often"), 0)
        }
        Finding::PurgeNear { unsealed, days } => {
            (format!("{days} days were left until rows from {unsealed} on, not archived before, are purged: run more often"), 0)
        }
        Finding::OverLimit { limit } => {
            let what = match limit {
                Limit::DeadLetters => "so many dead letters",
                Limit::MappedPeople => "so many more people without an address",
                Limit::Directory => "so much smaller a directory",
                _ => "a limit",
            };
            (format!("{what} would have ended the run, but for --accept"), 0)
        }
        other => (format!("{other:?}"), 0),
    }
}

/// What to do about findings of a kind.
pub(crate) fn advice(kind: &str) -> &'static str {
    match kind {
        "changed" => "Nobody but IM and Presence should write the tables: ask who did.",
        "clock-skew" => "Set the clocks; `check` says whose is wrong. By more than `settle`, a run stops before it seals anything.",
        "encrypted" => "Set `encryption_keys` under [[source]]. Windows that are sealed keep what they have.",
        "file-size" => "Compare these files with what was sent: `aft_log` states another size.",
        "future-date" => "Set the clock of the node that dates its rows in the future.",
        "implausible-date" => "Set the clock of the node that dates its rows before 2000. They are archived, in items/undated.",
        "late" => "The next run adds these rows. If it happens often, raise `settle`: the database is slow at times.",
        "late-copy" => {
            "The message is archived; its mail does not name one of its recipients. If it happens often, look at the clocks of the nodes."
        }
        "missing-file" => "Look for the files: they were removed before they were archived, or never arrived.",
        "missing-numbers" => "Look at the text conferencing service and its database at that time, and at who may delete rows.",
        "no-outgoing" => "Switch on outbound logging of the message archiver, or expect this finding if the company means it to be off.",
        "over-limit" => "Somebody gave a reason to go on, which is in the entry of the run: see whether it still holds.",
        "purge-near" => "Look why runs are so rare, or fail, and run more often than rows are purged.",
        "purged" => "Run more often than the database is cleaned up.",
        "purged-sealed" => "The archive keeps them. Rows that are gone within days were not removed by a cleanup: ask who removed them.",
        "repaired" => "Read the report of the audit that repaired this window, and find out why messages were missing.",
        "silence" => "Look whether the service that writes this table, and its database, were up. A holiday looks the same.",
        "starts-earlier" => {
            "Look where these rows come from. To archive them, make another archive with another `name` and the right `start`."
        }
        "starts-later" => "Look how long rows are kept and how often runs are made: what was removed before a run came is lost.",
        "unarchived-rooms" => "Switch on \"archive all room messages\", and look whether tc_msgarchive is among the tables.",
        "unlocated-file" => "Check `roots` under [files]: these uploads lie where nothing is read.",
        "unlogged-file" => "Look whether `aft_log` was purged, or is in another database.",
        "unmapped-people" => {
            "Complete the directory, with `check --unmapped FILE`, or set `catch_all`. Windows that are sealed keep what they have."
        }
        "unrecorded-original" => "Look at the services at that time: these messages were said and not logged.",
        "unresolved-nick" => "Nothing can be done if `tc_users` no longer has them: the mails show their nicks.",
        _ => "See the documentation of the version that wrote it.",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_kind_of_finding_has_an_advice_of_its_own() {
        let advices: BTreeSet<&str> = Finding::KINDS.into_iter().map(advice).collect();
        assert_eq!(advices.len(), Finding::KINDS.len());
        assert!(!advices.contains(advice("of a newer version")));
    }
}
