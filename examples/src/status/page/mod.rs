//! The status as one page of HTML that needs nothing else: no script, nothing from outside, and a style that no other style may join.
//!
//! Everything that stands in the chain was written by somebody: it passes through [`Text`], and stays text.

mod calendar;
mod chart;
mod days;
mod figures;
mod findings;
mod judged;
mod runs;
mod text;

use std::fmt::{self, Write};

use jabber_archive_core::Digest;

use self::text::{Moment, Text};
use super::Status;

const STYLE: &str = include_str!("style.css");

/// How a page begins, and nothing else that is likely to lie where one is written.
pub(crate) const MARK: &str = "<!DOCTYPE html>\n<!-- The status of a Jabber Archive -->\n";

/// The page. It is as true as the status, at the time at which that was asked for.
pub(crate) fn page(status: &Status) -> String {
    let mut page = String::with_capacity(128 << 10);
    // A string takes all that is written to it.
    let _: fmt::Result = write(&mut page, status);
    page
}

fn write(out: &mut String, status: &Status) -> fmt::Result {
    let name = Text(&status.facts.name);
    // CSP 3: an inline style is allowed by the digest of its text, and so no other one.
    let digest = data_encoding::BASE64.encode(Digest::of(STYLE.as_bytes()).as_bytes());
    write!(
        out,
        "{MARK}<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{}: {name}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        judged::title(status)
    )?;
    writeln!(out, "<header>\n<p class=\"kind\">Jabber Archive</p>\n<h1>{name}</h1>")?;
    writeln!(out, "<p class=\"muted\">As of {}. All times are in UTC.</p>\n</header>\n<main>", Moment(status.asked))?;
    judged::write(out, status)?;
    figures::write(out, status)?;
    calendar::write(out, status)?;
    chart::write(out, status)?;
    findings::write(out, status)?;
    runs::write(out, status)?;
    days::write(out, status)?;
    out.push_str("</main>\n");
    footer(out, status)?;
    out.push_str("</body>\n</html>\n");
    Ok(())
}

fn footer(out: &mut String, status: &Status) -> fmt::Result {
    let (facts, minutes) = (&status.facts, status.facts.grid.length().as_secs() / 60);
    out.push_str("<footer>\n<dl>\n");
    writeln!(out, "<div><dt>Archive</dt><dd>{}</dd></div>", Text(&status.archive))?;
    writeln!(out, "<div><dt>Windows of</dt><dd>{}</dd></div>", text::length(minutes))?;
    writeln!(out, "<div><dt>Message-IDs at</dt><dd>{}</dd></div>", Text(&facts.message_id_domain))?;
    match status.head {
        Some(head) => {
            writeln!(out, "<div><dt>Head digest, of entry {}</dt><dd><code>{head}</code></dd></div>", text::number(status.entries))?;
        }
        None => out.push_str("<div><dt>Entries</dt><dd>none</dd></div>\n"),
    }
    writeln!(out, "<div><dt>Written by</dt><dd>jabber-archive {}</dd></div>\n</dl>", env!("CARGO_PKG_VERSION"))?;
    out.push_str(
        "<p class=\"muted\">This page tells what the chain of entries says. It proves nothing: <code>jabber-archive verify</code> compares every mail with the chain.</p>\n</footer>\n",
    );
    Ok(())
}
