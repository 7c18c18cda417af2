use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use jabber_archive_core::{Result, Timestamp};
use mail_parser::DateTime;

use super::{
    form::{Form, Item},
    target::Target,
};

/// The sender of every envelope line: that of a chat is in its header.
const SENDER: &str = "jabber-archive@localhost.invalid";

/// One file of mails in the `mboxrd` form (qmail's mbox(5), RFC 4155): an envelope line before each, an empty line behind it, lines that
/// could be taken for an envelope line quoted by `>` so that removing one `>` gives them back.
#[derive(Debug)]
pub(super) struct Mbox {
    file: BufWriter<File>,
    target: Target,
}

impl Mbox {
    pub(super) fn begin(path: &Path) -> Result<Self> {
        let (target, file) = Target::file(path)?;
        Ok(Self { file: BufWriter::new(file), target })
    }
}

impl Form for Mbox {
    fn add(&mut self, item: &Item) -> Result<()> {
        write_mail(&mut self.file, item.date(), &item.content).map_err(|error| self.target.fault(error))
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self { file, target } = *self;
        let file = file.into_inner().map_err(|error| target.fault(error.into_error()))?;
        target.place_file(&file)
    }
}

fn write_mail(out: &mut impl Write, date: Timestamp, mail: &[u8]) -> io::Result<()> {
    writeln!(out, "From {SENDER} {}", asctime(date))?;
    let whole = mail.strip_suffix(b"\n").unwrap_or(mail);
    for line in whole.split(|byte| *byte == b'\n') {
        if is_from_line(line) {
            out.write_all(b">")?;
        }
        out.write_all(line.strip_suffix(b"\r").unwrap_or(line))?;
        out.write_all(b"\n")?;
    }
    out.write_all(b"\n")
}

/// `^>*From `
fn is_from_line(line: &[u8]) -> bool {
    let quotes = line.iter().take_while(|byte| **byte == b'>').count();
    line[quotes..].starts_with(b"From ")
}

/// `Sat Nov 21 09:14:03 2026`, as C's `asctime` writes it. What is before 1970 becomes 1970: mutt, for one, takes a line with a much
/// earlier year for text, and two mails for one.
fn asctime(time: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let time = DateTime::from_timestamp(time.millis().max(0) / 1_000);
    let day = DAYS[usize::from(time.day_of_week()) % DAYS.len()];
    let month = MONTHS[usize::from(time.month.saturating_sub(1)) % MONTHS.len()];
    format!("{day} {month} {:2} {:02}:{:02}:{:02} {:04}", time.day, time.hour, time.minute, time.second, time.year)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_line_has_the_date_as_asctime_writes_it() {
        for (time, shown) in [
            ("2026-11-21T09:14:03.007Z", "Sat Nov 21 09:14:03 2026"),
            ("2024-02-29T23:59:59Z", "Thu Feb 29 23:59:59 2024"),
            ("2026-03-01T00:00:00Z", "Sun Mar  1 00:00:00 2026"),
            ("1969-12-31T23:59:59Z", "Thu Jan  1 00:00:00 1970"),
            ("1753-01-01T00:00:00Z", "Thu Jan  1 00:00:00 1970"),
        ] {
            assert_eq!(asctime(time.parse().unwrap()), shown);
        }
    }

    #[test]
    fn what_looks_like_an_envelope_line_is_quoted_and_nothing_else() {
        let mail = b"Subject: x\r\n\r\nFrom here\r\n>From there\r\n>>From a\r\nFrom: me\r\n From b\r\n> From c\r\nFrom\r\nbare\nlast";
        let mut out = Vec::new();
        write_mail(&mut out, Timestamp::from_millis(0), mail).unwrap();
        let text = String::from_utf8(out).unwrap();
        let expected = "From jabber-archive@localhost.invalid Thu Jan  1 00:00:00 1970\nSubject: x\n\n>From here\n>>From there\n>>>From a\n\
                        From: me\n From b\n> From c\nFrom\nbare\nlast\n\n";
        assert_eq!(text, expected);
    }
}
