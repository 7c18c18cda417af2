use std::fmt::{self, Write};

use super::{
    super::{Ran, Status},
    text::{Moment, Text, counted, number, size},
};

/// The last runs that did something.
pub(super) fn write(out: &mut String, status: &Status) -> fmt::Result {
    out.push_str("<section aria-labelledby=\"runs\">\n<h2 id=\"runs\">Last runs</h2>\n");
    if status.runs.is_empty() && status.unfinished.is_none() {
        out.push_str("<p>No run has done anything yet.</p>\n</section>\n");
        return Ok(());
    }
    out.push_str("<p>A run that found nothing to do, or failed before it sealed anything, leaves no entry.</p>\n<ol class=\"runs\">\n");
    for run in status.unfinished.iter().chain(&status.runs) {
        write_run(out, run)?;
    }
    out.push_str("</ol>\n</section>\n");
    Ok(())
}

fn write_run(out: &mut String, run: &Ran) -> fmt::Result {
    out.push_str("<li>");
    match run.started {
        Some(started) => writeln!(out, "<h3>{}</h3>\n<div>", Moment(started))?,
        None => out.push_str("<h3>Not ended</h3>\n<div>\n<p class=\"muted\">At work, or interrupted.</p>\n"),
    }
    let mut did = vec![format!("Sealed {}", counted(run.windows, "window", "windows"))];
    if run.addenda > 0 {
        did.push(format!("added to {}", counted(run.addenda, "window", "windows")));
    }
    let (messages, mails) = (counted(run.messages, "message", "messages"), counted(run.items, "mail", "mails"));
    writeln!(out, "<p>{}: {messages} in {mails} of {}.</p>", did.join(", "), size(run.bytes))?;
    if run.of_several {
        out.push_str("<p>Some of it by a run before, which was interrupted or was at work at the same time.</p>\n");
    }
    if run.dead_letters > 0 {
        writeln!(out, "<p><strong>{}.</strong></p>", counted(run.dead_letters, "dead letter", "dead letters"))?;
    }
    if !run.findings.is_empty() {
        let found: Vec<String> =
            run.findings.iter().map(|(kind, times)| format!("{} × <code>{}</code>", number(*times), Text(kind))).collect();
        writeln!(out, "<p>Found: {}.</p>", found.join(", "))?;
    }
    if let Some(reason) = &run.accepted {
        writeln!(out, "<p>Went on beyond a limit, because: <q><bdi>{}</bdi></q></p>", Text(reason))?;
    }
    out.push_str("</div>\n");
    if let (Some(host), Some(account), Some(version)) = (&run.host, &run.account, &run.version) {
        writeln!(out, "<p class=\"muted\">on <bdi>{}</bdi> by <bdi>{}</bdi>, <bdi>{}</bdi></p>", Text(host), Text(account), Text(version))?;
    }
    out.push_str("</li>\n");
    Ok(())
}
