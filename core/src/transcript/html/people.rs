use super::super::{escape::push_markup, frame::Frame, names::one_line, row::Row, view::View};

/// A list of more rows than this is shown when it is opened, so that the messages are in reach.
const MOST_OPEN: usize = 20;

/// What stands before the participants.
pub(super) fn open(frame: &Frame<'_>, out: &mut String) {
    // All parts alike, so that what stands around the rows takes the same room wherever a conversation is cut.
    let open = frame.view.rows.len() <= MOST_OPEN;
    out.push_str(if open { "<details open>\r\n<summary><h2>" } else { "<details>\r\n<summary><h2>" });
    push_markup(&frame.people_heading(), " ", out);
    out.push_str("</h2></summary>\r\n<table><thead><tr><th width=\"20%\">Name</th>");
    out.push_str("<th width=\"35%\">Address and JID</th><th width=\"45%\">Known by</th></tr></thead>\r\n");
}

/// A participant, or more movements of the one before.
pub(super) fn row(view: &View<'_>, row: &Row<'_>, out: &mut String) {
    let name = view.names.at(row.index);
    out.push_str("<tr><th><bdi>");
    push_markup(name, " ", out);
    out.push_str("</bdi>");
    if let Some(full) = row.full_name(name).filter(|_| !row.continued) {
        out.push_str("<br>\r\n<small><bdi>");
        push_markup(&full, " ", out);
        out.push_str("</bdi></small>");
    }
    out.push_str("</th><td>");
    if row.continued {
        out.push_str("</td><td>continued");
    } else {
        push_markup(&one_line(row.person.address.as_str()), " ", out);
        out.push_str("<br>\r\n<small>");
        out.push_str(row.address_source());
        out.push_str("<br>\r\nJID <bdi>");
        push_markup(&one_line(&row.person.party.to_string()), " ", out);
        out.push_str("</bdi></small></td><td>");
        out.push_str(&row.known_by());
    }
    if !row.movements.is_empty() {
        out.push_str("<br>\r\n<small>");
        out.push_str(&row.moves("<br>\r\n", |time| view.clock.at(time).instant()));
        out.push_str("</small>");
    }
    out.push_str("</td></tr>\r\n");
}

/// What stands behind the participants.
pub(super) fn close(out: &mut String) {
    out.push_str("</table></details>\r\n");
}
