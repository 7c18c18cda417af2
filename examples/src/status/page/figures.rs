use std::fmt::{self, Display, Write};

use super::{
    super::Status,
    text::{Moment, counted, length, number, size, time_of_day},
};

/// The figures that say how the archive stands.
pub(super) fn write(out: &mut String, status: &Status) -> fmt::Result {
    out.push_str("<section aria-labelledby=\"figures\">\n<h2 id=\"figures\">How it stands</h2>\n<dl class=\"figures\">\n");
    match status.archived_until {
        Some(until) => {
            let age = status.lateness.age_seconds.unwrap_or_default() / 60;
            figure(out, "Archived until", Moment(until).day(), format_args!("{}, {} ago", time_of_day(until), length(age)))?;
        }
        None => figure(out, "Archived until", "never", "nothing is archived yet")?,
    }
    let sealed = format!("{} sealed", number(status.windows.sealed));
    match status.windows.due {
        Some(due) => figure(out, "Windows due", number(due), sealed)?,
        None => figure(out, "Windows", number(status.windows.sealed), "sealed")?,
    }
    if let Some(next) = status.next_run {
        figure(out, "Next run", Moment(next).day(), format_args!("at {}", time_of_day(next)))?;
    }
    if let Some(purge) = &status.purge {
        let after = format_args!("until rows that are not archived are purged, {} old", counted(purge.after_days.into(), "day", "days"))
            .to_string();
        match u64::try_from(purge.days) {
            Ok(days) => figure(out, "Purge in", counted(days, "day", "days"), after)?,
            Err(_) => figure(out, "Purge", "overdue", "rows that are not archived may be gone")?,
        }
    }
    figure(out, "Messages", number(status.messages), format_args!("in {}", counted(status.items, "mail", "mails")))?;
    figure(out, "Size", size(status.bytes), "of all mails")?;
    let filtered: u64 = status.filtered.values().sum();
    if filtered > 0 {
        figure(out, "Left out", number(filtered), "messages, by the filter")?;
    }
    figure(out, "Dead letters", number(status.dead_letters), "not archived as mails")?;
    if let Some(people) = &status.people {
        let unmapped = people.census.asked.saturating_sub(people.census.mapped);
        let of = format!("of {} who took part in the last window", counted(people.census.asked, "person", "people"));
        figure(out, "Without address", number(unmapped), of)?;
    }
    let late = &status.lateness;
    figure(
        out,
        "Came late",
        counted(late.messages, "message", "messages"),
        format_args!("added to {} in 30 days", counted(late.windows, "window", "windows")),
    )?;
    out.push_str("</dl>\n</section>\n");
    Ok(())
}

fn figure(out: &mut String, name: &str, value: impl Display, about: impl Display) -> fmt::Result {
    writeln!(out, "<div><dt>{name}</dt><dd><strong>{value}</strong> <span class=\"muted\">{about}</span></dd></div>")
}
