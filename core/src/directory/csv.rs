use std::io::Read;

use serde::Deserialize;

use super::{MemoryDirectory, Person};
use crate::{BareJid, Error, ErrorClass, ErrorKind, Result, Span, Timestamp};

#[derive(Deserialize)]
struct Row {
    jid: String,
    email: String,
    name: Option<String>,
    valid_from: Option<String>,
    valid_until: Option<String>,
}

impl MemoryDirectory {
    /// Reads `jid,email,name[,valid_from,valid_until]` with a header line, UTF-8.
    ///
    /// The JID may be escaped as on the wire, `anne\20o\27neil@example.com`, or as people write it, `anne o'neil@example.com` (XEP-0106).
    /// The two times are days (`2026-01-01`, midnight UTC) or instants (`2026-01-01T00:00:00Z`); `valid_from` is the first instant at which
    /// the entry holds, `valid_until` the first at which it does not; an empty one leaves that side open.
    ///
    /// ```
    /// use jabber_archive_core::{BareJid, Directory, MemoryDirectory};
    ///
    /// let csv = "jid,email,name,valid_from,valid_until\n\
    ///            asmith@im.example.com,alice.smith@example.com,Alice Smith,,2026-07-01\n\
    ///            asmith@im.example.com,alan.smith@example.com,Alan Smith,2026-07-01,\n";
    /// let directory = MemoryDirectory::from_csv(csv.as_bytes())?;
    /// let jid = BareJid::new("asmith@im.example.com").unwrap();
    /// let june = directory.person(&jid, "2026-06-30T23:59:59Z".parse()?).unwrap();
    /// assert_eq!(june.email, "alice.smith@example.com");
    /// # Ok::<(), jabber_archive_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Names the line that cannot be read and why; nothing is skipped.
    pub fn from_csv(reader: impl Read) -> Result<Self> {
        let mut directory = Self::new();
        let mut rows = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(reader);
        let headers = rows.headers().map_err(|error| refuse(1, "cannot be read as CSV").because(error))?;
        let headers: csv::StringRecord = headers.iter().map(|name| name.trim_start_matches('\u{feff}').to_lowercase()).collect();
        for column in ["jid", "email"] {
            if !headers.iter().any(|name| name == column) {
                return Err(refuse(1, &format!("has no column `{column}`"))
                    .advise("the first line names the columns: jid,email,name,valid_from,valid_until"));
            }
        }
        for record in rows.records() {
            let record = record.map_err(|error| {
                let line = error.position().map_or(0, csv::Position::line);
                refuse(line, "cannot be read as CSV").because(error)
            })?;
            let line = record.position().map_or(0, csv::Position::line);
            let row: Row = record.deserialize(Some(&headers)).map_err(|error| refuse(line, "cannot be read").because(error))?;
            let jid = BareJid::new(&row.jid).ok_or_else(|| refuse(line, "has an empty jid"))?;
            if !row.email.contains('@') {
                return Err(refuse(line, "has an email without @"));
            }
            let valid = Span::new(
                instant(row.valid_from.as_deref(), Timestamp::MIN).ok_or_else(|| refuse(line, "has a valid_from that is no date"))?,
                instant(row.valid_until.as_deref(), Timestamp::MAX).ok_or_else(|| refuse(line, "has a valid_until that is no date"))?,
            );
            if valid.is_empty() {
                return Err(refuse(line, "is valid until before it is valid from"));
            }
            let name = row.name.filter(|name| !name.is_empty());
            directory.add_valid(jid, Person::new(row.email, name), valid);
        }
        Ok(directory)
    }
}

fn instant(text: Option<&str>, open: Timestamp) -> Option<Timestamp> {
    match text {
        None | Some("") => Some(open),
        Some(text) if text.len() == 10 => format!("{text}T00:00:00Z").parse().ok(),
        Some(text) => text.parse().ok(),
    }
}

fn refuse(line: u64, what: &str) -> Error {
    Error::new(ErrorKind::Directory, ErrorClass::Fatal, "read directory", format!("line {line} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Directory;

    #[test]
    fn a_jid_is_found_whichever_way_it_is_written() {
        let (wire, read) = (r"anne\20o\27neil@example.com", "anne o'neil@example.com");
        let jid = |text: &str| BareJid::new(text).unwrap();
        for written in [wire, read, " Anne O'Neil@Example.com "] {
            let directory = MemoryDirectory::from_csv(format!("jid,email\n{written},a@b\n").as_bytes()).unwrap();
            for asked in [wire, read] {
                assert_eq!(directory.person(&jid(asked), Timestamp::PLAUSIBLE).unwrap().email, "a@b", "{written} {asked}");
            }
        }
        let both = MemoryDirectory::from_csv(format!("jid,email\n{wire},wire@b\n{read},read@b\n").as_bytes()).unwrap();
        assert_eq!(both.person(&jid(wire), Timestamp::PLAUSIBLE).unwrap().email, "wire@b", "the very JID counts before its other form");
        let other = MemoryDirectory::from_csv(
            r"jid,email
a\20b@example.com,a@b
"
            .as_bytes(),
        )
        .unwrap();
        assert_eq!(other.person(&jid(r"a\5c20b@example.com"), Timestamp::PLAUSIBLE), None, "another JID");
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        for (csv, what) in [
            ("jid,mail\na@b,c@d\n", "line 1 has no column `email`"),
            ("jid,email\n,c@d\n", "line 2 has an empty jid"),
            ("jid,email\na@b,c@d\ne@f,nobody\n", "line 3 has an email without @"),
            ("jid,email,valid_from\na@b,c@d,soon\n", "line 2 has a valid_from that is no date"),
            ("jid,email,valid_from,valid_until\na@b,c@d,2026-02-01,2026-01-01\n", "line 2 is valid until before"),
        ] {
            let error = MemoryDirectory::from_csv(csv.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}
