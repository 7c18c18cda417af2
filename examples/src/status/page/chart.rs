use std::fmt::{self, Write};

use super::{
    super::{
        Status,
        days::{Day, DayState},
    },
    calendar::month,
    text::{cell, number, size},
};

/// How high a chart is, and where its axis is.
const HEIGHT: u32 = 132;
const TOP: u32 = 18;
const AXIS: u32 = 112;
/// So many days are shown at least.
const LEAST: usize = 60;

/// Volumes a day: messages, and bytes.
pub(super) fn write(out: &mut String, status: &Status) -> fmt::Result {
    out.push_str("<section aria-labelledby=\"volumes\">\n<h2 id=\"volumes\">Volumes a day</h2>\n");
    if status.messages == 0 {
        out.push_str("<p>There are no messages yet.</p>\n</section>\n");
        return Ok(());
    }
    // A young archive is shown from its beginning on.
    let before = status.days.iter().take_while(|day| day.state == DayState::Before).count();
    let days = &status.days[before.min(status.days.len().saturating_sub(LEAST))..];
    chart(out, days, "messages", "Messages", |day| day.messages, number)?;
    chart(out, days, "bytes", "Bytes of mails", |day| day.bytes, size)?;
    months(out, days)?;
    out.push_str("</section>\n");
    Ok(())
}

/// A bar for each day. Bars are stretched to the width of the page, and words are not.
fn chart(out: &mut String, days: &[Day], id: &str, name: &str, value: fn(&Day) -> u64, shown: fn(u64) -> String) -> fmt::Result {
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(()) };
    let most = days.iter().rev().max_by_key(|day| value(day)).unwrap_or(last);
    let top = value(most);
    let sum: u64 = days.iter().map(value).sum();
    let sealed = days.iter().filter(|day| day.windows > 0).count() as u64;
    let average = sum.checked_div(sealed).unwrap_or_default();
    writeln!(
        out,
        "<figure>\n<figcaption>{name} <span class=\"muted\">most: {} on {}, {} on average</span></figcaption>",
        shown(top),
        most.date,
        shown(average)
    )?;
    writeln!(
        out,
        "<svg class=\"chart\" role=\"img\" aria-labelledby=\"{id}-title {id}-about\" width=\"100%\" height=\"{HEIGHT}\">\n\
         <title id=\"{id}-title\">{name} a day from {} to {}</title>\n\
         <desc id=\"{id}-about\">Most were {} on {}; on average a day that is sealed has {}. The numbers are in the tables of months and days.</desc>",
        first.date,
        last.date,
        shown(top),
        most.date,
        shown(average)
    )?;
    writeln!(
        out,
        "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{TOP}\" y2=\"{TOP}\"/><text x=\"0\" y=\"{}\">{}</text>",
        TOP - 5,
        shown(top)
    )?;
    let width = days.len();
    write!(
        out,
        "<svg x=\"0\" y=\"{TOP}\" width=\"100%\" height=\"{}\" viewBox=\"0 0 {width} 1000\" preserveAspectRatio=\"none\"><path d=\"",
        AXIS - TOP
    )?;
    for (place, day) in days.iter().enumerate().filter(|(_, day)| value(day) > 0) {
        // What is there is seen, however little it is.
        let height = (u128::from(value(day)) * 1_000 / u128::from(top.max(1))).max(12);
        write!(out, "M{place}.1 1000v-{height}h.8v{height}z")?;
    }
    out.push_str("\"/></svg>\n");
    writeln!(out, "<line class=\"axis\" x1=\"0\" x2=\"100%\" y1=\"{AXIS}\" y2=\"{AXIS}\"/>")?;
    for (place, day) in days.iter().enumerate().filter(|(_, day)| day.date.day() == 1) {
        let percent = place as f64 * 100.0 / width as f64;
        // Of a year, every second month has room on a phone.
        let class = if width > 200 && day.date.month() % 2 == 0 { " class=\"even\"" } else { "" };
        writeln!(
            out,
            "<line class=\"axis\" x1=\"{percent:.2}%\" x2=\"{percent:.2}%\" y1=\"{AXIS}\" y2=\"{}\"/><text x=\"{percent:.2}%\" dx=\"3\" y=\"{}\"{class}>{}</text>",
            AXIS + 5,
            AXIS + 16,
            &month(day.date)[..3]
        )?;
    }
    out.push_str("</svg>\n</figure>\n");
    Ok(())
}

/// The same in numbers.
fn months(out: &mut String, days: &[Day]) -> fmt::Result {
    out.push_str(
        "<details>\n<summary>Numbers by month</summary>\n<table class=\"numbers\">\n<caption class=\"hidden\">Volumes by month</caption>\n<thead><tr>\
         <th scope=\"col\">Month</th><th scope=\"col\" class=\"number\">Messages</th><th scope=\"col\" class=\"number\">Mails</th><th scope=\"col\" class=\"number\">Size</th><th scope=\"col\" class=\"number\">Added later</th></tr></thead>\n<tbody>\n",
    );
    for days in days.chunk_by(|one, other| one.date.first_of_month() == other.date.first_of_month()).rev() {
        let Some(first) = days.first() else { continue };
        let sum = |value: fn(&Day) -> u64| days.iter().map(value).sum::<u64>();
        writeln!(
            out,
            "<tr><th scope=\"row\">{} {}</th>{}{}{}{}</tr>",
            &month(first.date)[..3],
            first.date.year(),
            cell(&number(sum(|day| day.messages))),
            cell(&number(sum(|day| day.items))),
            cell(&size(sum(|day| day.bytes))),
            cell(&number(sum(|day| day.added)))
        )?;
    }
    out.push_str("</tbody>\n</table>\n</details>\n");
    Ok(())
}
