use std::fmt::{self, Write};

use jiff::civil::{Date, Weekday};

use super::{
    super::{
        Status,
        days::{Day, DayState},
    },
    text::{counted, number},
};

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// The name of a date's month.
pub(super) fn month(date: Date) -> &'static str {
    MONTHS[usize::try_from(date.month() - 1).unwrap_or_default().min(11)]
}

/// Every day of the year, month by month, the newest first.
pub(super) fn write(out: &mut String, status: &Status) -> fmt::Result {
    out.push_str("<section aria-labelledby=\"calendar\">\n<h2 id=\"calendar\">A year of days</h2>\n");
    let of = |state| status.days.iter().filter(|day| day.state == state).count() as u64;
    writeln!(
        out,
        "<p>{} sealed, {} missing, {} not over, {} before the archive.</p>",
        counted(of(DayState::Sealed), "day", "days"),
        number(of(DayState::Missing)),
        number(of(DayState::Open)),
        number(of(DayState::Before)),
    )?;
    legend(out);
    out.push_str("<div class=\"months\">\n");
    for (newer, days) in status.days.chunk_by(|one, other| one.date.first_of_month() == other.date.first_of_month()).rev().enumerate() {
        // Months before the archive are told of in the table of days.
        if newer == 0 || days.iter().any(|day| day.state != DayState::Before) {
            write_month(out, days)?;
        }
    }
    out.push_str("</div>\n</section>\n");
    Ok(())
}

fn legend(out: &mut String) {
    out.push_str("<ul class=\"legend\" aria-label=\"Legend\">\n");
    for (class, mark, meaning) in [
        ("sealed", "", "sealed"),
        ("missing", "×", "missing: due, and not sealed"),
        ("open", "", "not over"),
        ("before", "", "before the archive"),
        ("sealed", "+", "messages added later"),
        ("sealed noted", "!", "findings"),
        ("sealed noted", "†", "dead letters"),
    ] {
        let _: fmt::Result = writeln!(out, "<li><span class=\"day {class}\" aria-hidden=\"true\"><b>{mark}</b></span> {meaning}</li>");
    }
    out.push_str("</ul>\n");
}

fn write_month(out: &mut String, days: &[Day]) -> fmt::Result {
    let Some(first) = days.first().map(|day| day.date) else { return Ok(()) };
    writeln!(out, "<table class=\"month\">\n<caption>{} {}</caption>\n<thead><tr>", month(first), first.year())?;
    for (short, long) in
        [("M", "Monday"), ("T", "Tuesday"), ("W", "Wednesday"), ("T", "Thursday"), ("F", "Friday"), ("S", "Saturday"), ("S", "Sunday")]
    {
        write!(
            out,
            "<th scope=\"col\" abbr=\"{long}\"><span aria-hidden=\"true\">{short}</span><span class=\"hidden\">{long}</span></th>"
        )?;
    }
    out.push_str("</tr></thead>\n<tbody>\n<tr>");
    for _ in 0..first.weekday().to_monday_zero_offset() {
        out.push_str("<td></td>");
    }
    for day in days {
        if day.date.weekday() == Weekday::Monday && day.date != first {
            out.push_str("</tr>\n<tr>");
        }
        write_day(out, day)?;
    }
    out.push_str("</tr>\n</tbody>\n</table>\n");
    Ok(())
}

fn write_day(out: &mut String, day: &Day) -> fmt::Result {
    let told = told(day);
    write!(
        out,
        "<td class=\"day {}{}\" title=\"{}: {told}\">{}<b aria-hidden=\"true\">{}</b><span class=\"hidden\">: {told}</span></td>",
        class(day.state),
        if day.findings + day.dead_letters > 0 { " noted" } else { "" },
        day.date,
        day.date.day(),
        marks(day)
    )
}

fn class(state: DayState) -> &'static str {
    match state {
        DayState::Before => "before",
        DayState::Sealed => "sealed",
        DayState::Missing => "missing",
        DayState::Open => "open",
    }
}

fn marks(day: &Day) -> String {
    let marks = [(day.state == DayState::Missing, '×'), (day.added > 0, '+'), (day.findings > 0, '!'), (day.dead_letters > 0, '†')];
    marks.into_iter().filter_map(|(is, mark)| is.then_some(mark)).collect()
}

/// A day in words.
fn told(day: &Day) -> String {
    let mut told = day.state.to_string();
    if day.windows > 0 {
        let _: fmt::Result = write!(told, ", {}", counted(day.messages, "message", "messages"));
    }
    let notes = notes(day);
    if !notes.is_empty() {
        let _: fmt::Result = write!(told, ", {notes}");
    }
    told
}

/// What is out of the ordinary about a day.
pub(super) fn notes(day: &Day) -> String {
    let notes = [
        (day.added, counted(day.added, "message added later", "messages added later")),
        (day.findings, counted(day.findings, "finding", "findings")),
        (day.expected_findings, counted(day.expected_findings, "expected finding", "expected findings")),
        (day.dead_letters, counted(day.dead_letters, "dead letter", "dead letters")),
    ];
    let notes: Vec<String> = notes.into_iter().filter_map(|(count, note)| (count > 0).then_some(note)).collect();
    notes.join(", ")
}
