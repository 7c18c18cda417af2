use std::{
    borrow::Cow,
    io::{self, Write},
};

use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};

use super::form::Item;

/// The load file of a zip: one line a mail, comma-separated values (RFC 4180) in UTF-8, so that a review tool finds the mails by `path`.
///
/// What people of a chat chose for a name must not become a formula where a spreadsheet opens the file, so that such cells begin with `'`.
/// Review tools load cells as they are and show that character; the exact text stands in the mail, which they read too.
pub(super) struct LoadFile<W: Write> {
    rows: Writer<W>,
}

impl<W: Write> LoadFile<W> {
    pub(super) const NAME: &'static str = "load.csv";

    const COLUMNS: [&'static str; 16] = [
        "id",
        "path",
        "message_id",
        "date",
        "window",
        "kind",
        "conversation",
        "title",
        "subject",
        "from",
        "participants",
        "messages",
        "bytes",
        "sha256",
        "edition",
        "part",
    ];

    pub(super) fn new(out: W) -> io::Result<Self> {
        // Quotes around all cells keep what is in them together where a semicolon is taken for the separator.
        let mut rows = WriterBuilder::new().terminator(Terminator::CRLF).quote_style(QuoteStyle::Always).from_writer(out);
        rows.write_record(Self::COLUMNS)?;
        Ok(Self { rows })
    }

    /// Adds the line of a mail that lies at `path`.
    pub(super) fn add(&mut self, path: &str, item: &Item) -> io::Result<()> {
        let (line, mail) = (&item.line, &item.mail);
        let participants: Vec<&str> = mail.people.iter().map(|person| person.address.as_str()).collect();
        let cells: [String; 16] = [
            item.key.id.to_string(),
            path.to_owned(),
            mail.message_id.clone(),
            item.date().to_string(),
            item.key.window.to_string(),
            mail.kind.clone(),
            mail.conversation.clone(),
            mail.title.clone().unwrap_or_default(),
            mail.subject.clone(),
            mail.from.clone(),
            participants.join(", "),
            line.messages.len().to_string(),
            line.bytes.to_string(),
            line.sha256.to_string(),
            line.edition.to_string(),
            line.part.to_string(),
        ];
        self.rows.write_record(cells.iter().map(|cell| defused(cell).into_owned()))?;
        Ok(())
    }

    pub(super) fn into_inner(self) -> io::Result<W> {
        self.rows.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

/// A cell that no spreadsheet takes for a formula: behind `'` where it begins with what would make it one (OWASP, "CSV Injection"), and
/// where it begins with `'`, so that removing one always gives the text back.
fn defused(cell: &str) -> Cow<'_, str> {
    let dangerous = ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}', '\''];
    if cell.starts_with(dangerous) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_removing_one_apostrophe_gives_the_text_back() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\u{ff1d}1", "'quoted", "''", "plain", "a=b", "", "1-2"] {
            let safe = defused(cell);
            assert!(!safe.starts_with(['=', '+', '-', '@', '\t', '\r', '\u{ff1d}']), "{safe}");
            assert_eq!(safe.strip_prefix('\'').unwrap_or(&safe), cell);
        }
    }
}
