use std::fmt::{self, Write};

use super::{super::Status, text::Sentence};

/// A tick, an exclamation mark in a triangle, a bar: told apart by their shapes.
const GOOD: &str = "<path d=\"M5 12.5l4.5 4.5L19 7.5\"/>";
const BAD: &str = "<path d=\"M12 3.5 22 20.5H2Z M12 10v5 M12 17.9v.2\"/>";
const UNKNOWN: &str = "<path d=\"M6 12h12\"/>";

/// The verdict in a few words.
pub(super) fn title(status: &Status) -> &'static str {
    match &status.health {
        None => "Not judged",
        Some(health) if !health.healthy => "Not healthy",
        Some(health) if health.reasons.is_empty() => "Healthy",
        Some(_) => "Healthy, with something to look at",
    }
}

/// Whether the archive is healthy, and why not.
pub(super) fn write(out: &mut String, status: &Status) -> fmt::Result {
    let (class, icon) = match &status.health {
        None => ("unknown", UNKNOWN),
        Some(health) if !health.healthy => ("bad", BAD),
        Some(health) if health.reasons.is_empty() => ("good", GOOD),
        Some(_) => ("look", GOOD),
    };
    writeln!(
        out,
        "<section class=\"verdict {class}\" aria-labelledby=\"verdict\">\n<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\">{icon}</svg>"
    )?;
    writeln!(out, "<div>\n<h2 id=\"verdict\">{}</h2>", title(status))?;
    let Some(health) = &status.health else {
        out.push_str("<p>An archive that is named by its folder may be a copy, which need not go on. With its configuration it is judged.</p>\n</div>\n</section>\n");
        return Ok(());
    };
    if health.reasons.is_empty() {
        out.push_str("<p>Every window is sealed in time, and nothing is to be done.</p>\n");
    } else {
        out.push_str("<ul class=\"reasons\">\n");
        for reason in &health.reasons {
            let (class, label) = if reason.unhealthy { ("must", "To do") } else { ("may", "To look at") };
            writeln!(
                out,
                "<li class=\"{class}\"><p><strong>{label}:</strong> {}</p><p class=\"advice\">{}</p></li>",
                Sentence(&reason.what),
                Sentence(reason.advice)
            )?;
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</div>\n</section>\n");
    Ok(())
}
