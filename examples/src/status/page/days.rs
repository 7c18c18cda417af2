use std::fmt::{self, Write};

use super::{
    super::Status,
    calendar::notes,
    text::{cell, number, size},
};

/// Every day of the year in numbers, the newest first.
pub(super) fn write(out: &mut String, status: &Status) -> fmt::Result {
    out.push_str(
        "<section aria-labelledby=\"days\">\n<h2 id=\"days\">Day by day</h2>\n<details>\n<summary>Numbers of every day of the year</summary>\n\
         <table class=\"numbers\">\n<caption class=\"hidden\">Days of the year, the newest first</caption>\n<thead><tr>\
         <th scope=\"col\">Day</th><th scope=\"col\">State</th><th scope=\"col\" class=\"number\">Messages</th><th scope=\"col\" class=\"number spare\">Mails</th><th scope=\"col\" class=\"number\">Size</th><th scope=\"col\">Notes</th></tr></thead>\n<tbody>\n",
    );
    for day in status.days.iter().rev() {
        writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td>{}<td class=\"number spare\">{}</td>{}<td>{}</td></tr>",
            day.date,
            day.state,
            cell(&number(day.messages)),
            number(day.items),
            cell(&size(day.bytes)),
            notes(day)
        )?;
    }
    out.push_str("</tbody>\n</table>\n</details>\n</section>\n");
    Ok(())
}
