use std::{collections::HashMap, io::Read};

use serde::Deserialize;

use super::{MemoryDirectory, Person};
use crate::{BareJid, Error, ErrorClass, ErrorKind, Jid, Result, Span, Timestamp, is_addr_spec};

const REQUIRED: [&str; 2] = ["jid", "email"];
const OPTIONAL: [&str; 3] = ["name", "valid_from", "valid_until"];
/// From which likeness a column counts as one that was misspelled: `valid_to` is like `valid_until` by 0.902, `validity` by 0.874.
const MISSPELLED: f64 = 0.9;

#[derive(Deserialize)]
struct Row {
    jid: String,
    email: String,
    name: Option<String>,
    valid_from: Option<String>,
    valid_until: Option<String>,
}

impl MemoryDirectory {
    /// Reads `jid,email,name[,valid_from,valid_until]` with a header line, UTF-8. Other columns are passed over, but for those that are spelled much like one of
    /// these that is not there.
    ///
    /// The address is one that [stands in header fields](is_addr_spec) as it is. The JID has no resource; it may be escaped as on the wire, `anne\20o\27neil@example.com`, or as people write it, `anne o'neil@example.com` (XEP-0106).
    /// The two times are days (`2026-01-01`, midnight UTC) or instants (`2026-01-01T00:00:00Z`); `valid_from` is the first instant at which
    /// the entry holds, `valid_until` the first at which it does not; an empty one leaves that side open. At no time has a JID two addresses.
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
    /// Names the line that cannot be read or used and why, or the two lines that contradict each other; nothing is skipped.
    pub fn from_csv(reader: impl Read) -> Result<Self> {
        let mut directory = Self::new();
        let mut rows = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(reader);
        let headers = rows.headers().map_err(|error| refuse(1, "cannot be read as CSV").because(error))?;
        let headers: csv::StringRecord = headers.iter().map(|name| name.trim_start_matches('\u{feff}').to_lowercase()).collect();
        for column in REQUIRED {
            if !headers.iter().any(|name| name == column) {
                return Err(refuse(1, &format!("has no column `{column}`"))
                    .advise("the first line names the columns: jid,email,name,valid_from,valid_until"));
            }
        }
        for column in headers.iter().filter(|column| !REQUIRED.contains(column) && !OPTIONAL.contains(column)) {
            let likeness = |known: &str| strsim::jaro_winkler(known, &column.replace([' ', '-', '.'], "_"));
            let missing = OPTIONAL.into_iter().filter(|known| !headers.iter().any(|name| name == *known));
            let nearest = missing.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
            if let Some(known) = nearest.filter(|known| likeness(known) >= MISSPELLED) {
                return Err(refuse(1, &format!("has a column `{column}`"))
                    .advise(format!("did you mean `{known}`? Otherwise rename it: other columns are passed over")));
            }
        }
        let mut claims: HashMap<BareJid, Vec<Claim>> = HashMap::new();
        for record in rows.records() {
            let record = record.map_err(|error| {
                let line = error.position().map_or(0, csv::Position::line);
                refuse(line, "cannot be read as CSV").because(error)
            })?;
            let line = record.position().map_or(0, csv::Position::line);
            let row: Row = record.deserialize(Some(&headers)).map_err(|error| refuse(line, "cannot be read").because(error))?;
            let jid = BareJid::new(&row.jid).ok_or_else(|| refuse(line, "has an empty jid"))?;
            if jid.domain().contains('/') || Jid::is_full(&row.jid) {
                return Err(refuse(line, "has a jid with a resource")
                    .advise(r"write `local@domain`; a `/` in the user part is written `\2f` (XEP-0106)"));
            }
            if !is_addr_spec(&row.email) {
                return Err(refuse(line, "has an email that is no address (RFC 5322)").advise(
                    "write one address as `alice@example.com`, in ASCII, without a name or `smtp:`; remove the line of somebody who has none",
                ));
            }
            let valid = Span::new(
                instant(row.valid_from.as_deref(), Timestamp::MIN).ok_or_else(|| refuse(line, "has a valid_from that is no date"))?,
                instant(row.valid_until.as_deref(), Timestamp::MAX).ok_or_else(|| refuse(line, "has a valid_until that is no date"))?,
            );
            if valid.is_empty() {
                return Err(refuse(line, "is valid until before it is valid from"));
            }
            let claim = Claim { line, email: row.email.to_ascii_lowercase(), valid };
            let spellings = [Some(jid.clone()), jid.other_spelling()];
            let mut of_same_jid = spellings.iter().flatten().filter_map(|jid| claims.get(jid)).flatten();
            if let Some(other) = of_same_jid.find(|other| other.contradicts(&claim)) {
                return Err(refuse(line, &format!("gives {jid} another address than line {}, at the same time", other.line))
                    .advise("correct or remove one of them, or say by `valid_from` and `valid_until` when each holds"));
            }
            claims.entry(jid.clone()).or_default().push(claim);
            let name = row.name.filter(|name| !name.is_empty());
            directory.add_valid(jid, Person::new(row.email, name), valid);
        }
        Ok(directory)
    }
}

/// Which line gives a JID which address, in lower case, and when.
struct Claim {
    line: u64,
    email: String,
    valid: Span,
}

impl Claim {
    fn contradicts(&self, other: &Self) -> bool {
        self.email != other.email && self.valid.overlaps(&other.valid)
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
            let directory = MemoryDirectory::from_csv(format!("jid,email\n{written},a@b.example\n").as_bytes()).unwrap();
            for asked in [wire, read] {
                assert_eq!(directory.person(&jid(asked), Timestamp::PLAUSIBLE).unwrap().email, "a@b.example", "{written} {asked}");
            }
        }
        let mut both = MemoryDirectory::new();
        both.add(jid(wire), Person::new("wire@b", None));
        both.add(jid(read), Person::new("read@b", None));
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
            ("jid,email\na@b,c@d\ne@f,nobody\n", "line 3 has an email that is no address"),
            ("jid,email,valid_from\na@b,c@d,soon\n", "line 2 has a valid_from that is no date"),
            ("jid,email,valid_from,valid_until\na@b,c@d,2026-02-01,2026-01-01\n", "line 2 is valid until before"),
        ] {
            let error = MemoryDirectory::from_csv(csv.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    fn refused(csv: &str) -> String {
        let error = MemoryDirectory::from_csv(csv.as_bytes()).unwrap_err();
        format!("{error} {}", error.advice().unwrap_or_default())
    }

    #[test]
    fn an_email_that_cannot_stand_in_a_header_is_refused_by_its_line() {
        for email in
            ["j\u{f6}rg@example.com", "Bob <bob@example.com>", "smtp:eve@example.com", "\"a@x,b@x\"", "@", "a@", "@x", "", "mailto:a@b"]
        {
            let refused = refused(&format!("jid,email,name\na@b,c@d,\ne@f,{email},E\n"));
            assert!(refused.contains("line 3 has an email that is no address") && refused.contains("alice@example.com"), "{refused}");
            assert!(email.len() < 2 || !refused.contains(email), "{refused}");
        }
    }

    #[test]
    fn a_jid_with_a_resource_is_refused_by_its_line() {
        for jid in ["a@b/desk", "a@b/", "b/desk", "a@b/c@d", "a@b/c/d"] {
            let refused = refused(&format!("jid,email\n{jid},c@d\n"));
            assert!(refused.contains("line 2 has a jid with a resource"), "{refused}");
        }
        let directory = MemoryDirectory::from_csv(b"jid,email\n/.fanboy@b,c@d\n".as_slice()).unwrap();
        assert_eq!(directory.person(&BareJid::new(r"\2f.fanboy@b").unwrap(), Timestamp::PLAUSIBLE).unwrap().email, "c@d");
    }

    #[test]
    fn lines_that_give_a_jid_different_addresses_at_one_time_are_both_named() {
        for (one, other) in [
            ("a@b,one@x,,", "a@b,two@x,,"),
            ("a@b,one@x,,2026-07-01", "A@B,two@x,2026-06-30,"),
            ("a@b,two@x,2026-06-30,2026-07-01", "a@b,one@x,,"),
            (r"anne\20o\27neil@b,one@x,,", "anne o'neil@b,two@x,2026-07-01,"),
            ("anne o'neil@b,two@x,2026-07-01,", r"anne\20o\27neil@b,one@x,,"),
        ] {
            let refused = refused(&format!("jid,email,valid_from,valid_until\n{one}\nc@d,e@f,,\n{other}\n"));
            assert!(refused.contains("line 4 gives") && refused.contains("another address than line 2"), "{refused}");
        }
        for (one, other) in
            [("a@b,one@x,,2026-07-01", "a@b,two@x,2026-07-01,"), ("a@b,one@x,,", "a@b,ONE@x,2026-07-01,"), ("a@b,one@x,,", "c@b,two@x,,")]
        {
            MemoryDirectory::from_csv(format!("jid,email,valid_from,valid_until\n{one}\n{other}\n").as_bytes()).unwrap();
        }
    }

    #[test]
    fn a_misspelled_column_is_refused_and_others_are_passed_over() {
        for (column, known) in [
            ("valid from", "valid_from"),
            ("Valid-From", "valid_from"),
            ("vaild_from", "valid_from"),
            ("valid_until_", "valid_until"),
            ("validuntil", "valid_until"),
            ("names", "name"),
        ] {
            let refused = refused(&format!("jid,email,{column}\na@b,c@d,\n"));
            let named = format!("line 1 has a column `{}`", column.to_lowercase());
            assert!(refused.contains(&named) && refused.contains(&format!("did you mean `{known}`?")), "{refused}");
        }
        let refused = refused("jid,email,valid_from,valid to\na@b,c@d,,\n");
        assert!(refused.contains("did you mean `valid_until`?"), "{refused}");
        let csv = "id,jid,mail,email,uid,surname,Full Name,Department,from,validity,name,lname,conversations,messages\n\
                   1,a@b,x,c@d,a,A,A A,Sales,soon,ever,Anne,A,1,2\n";
        let directory = MemoryDirectory::from_csv(csv.as_bytes()).unwrap();
        let anne = Person::new("c@d", Some("Anne".to_owned()));
        assert_eq!(directory.person(&BareJid::new("a@b").unwrap(), Timestamp::PLAUSIBLE), Some(anne));
    }
}
