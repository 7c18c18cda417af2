use std::fmt::{self, Write};

use jabber_archive_core::KeptKind;

use super::{
    super::Status,
    text::{Moment, Sentence, Text, counted, number},
};

/// What was found in the year and what could not be archived, each with what to do.
pub(super) fn write(out: &mut String, status: &Status) -> fmt::Result {
    out.push_str("<section aria-labelledby=\"findings\">\n<h2 id=\"findings\">Findings of the year</h2>\n");
    if status.findings_by_kind.is_empty() {
        out.push_str("<p>Nothing was found.</p>\n");
    } else {
        out.push_str("<ul class=\"cards\">\n");
        for found in &status.findings_by_kind {
            let (class, mark) = if found.expected { ("expected", " <span class=\"tag\">expected</span>") } else { ("news", "") };
            writeln!(out, "<li class=\"{class}\"><h3><code>{}</code>{mark}</h3>", Text(found.kind))?;
            let last = if found.times == 1 {
                format!("once, of {}", Moment(found.last))
            } else {
                format!("{} times, the last of {}", number(found.times), Moment(found.last))
            };
            writeln!(
                out,
                "<p class=\"muted\">{last}</p>\n<p>{}</p>\n<p class=\"advice\">{}</p></li>",
                Sentence(&found.words),
                Sentence(found.advice)
            )?;
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</section>\n<section aria-labelledby=\"dead-letters\">\n<h2 id=\"dead-letters\">Dead letters</h2>\n");
    if status.dead_letter_windows.is_empty() {
        out.push_str("<p>There are none: everything that was read is archived.</p>\n</section>\n");
        return Ok(());
    }
    writeln!(
        out,
        "<p>{} not archived as mails. They are kept, each with its reason. Mend what the reasons say, then run <code>jabber-archive retry</code> while the rows are in the source.</p>",
        counted(status.dead_letters, "dead letter is", "dead letters are")
    )?;
    out.push_str("<ul class=\"cards\">\n");
    for window in &status.dead_letter_windows {
        writeln!(out, "<li class=\"news\"><h3>{}</h3>", Moment(window.window.start))?;
        writeln!(
            out,
            "<p>{}{}</p>",
            counted(window.dead_letters, "dead letter", "dead letters"),
            window.reason.as_deref().map(|reason| format!("; the first: {}", Text(reason))).unwrap_or_default()
        )?;
        for digest in window.named.iter().take(1) {
            writeln!(out, "<p class=\"muted\"><code>{}</code></p>", KeptKind::DeadLetter.path(digest))?;
        }
        out.push_str("</li>\n");
    }
    out.push_str("</ul>\n");
    let told: u64 = status.dead_letter_windows.iter().map(|window| window.dead_letters).sum();
    if told < status.dead_letters {
        writeln!(out, "<p>{} more are in older windows.</p>", number(status.dead_letters - told))?;
    }
    out.push_str("</section>\n");
    Ok(())
}
