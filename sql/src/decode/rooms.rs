use jabber_archive_core::{BareJid, Jid, Room, RoomKind, Rooms};
use quick_xml::{Reader, events::Event};

use crate::connection::Value;

/// A row of `tc_rooms`; one without a JID says nothing.
pub(crate) fn add_room(rooms: &mut Rooms, row: &[Value]) {
    let [jid, kind, subject, config] = row else { return };
    let Some(jid) = text(jid).and_then(BareJid::new) else { return };
    let kind = match text(kind) {
        Some(kind) if kind.trim().eq_ignore_ascii_case("ad-hoc") => RoomKind::AdHoc,
        _ => RoomKind::Persistent,
    };
    let filled = |title: &String| !title.trim().is_empty();
    let title = text(config).and_then(room_name).filter(filled).or_else(|| text(subject).map(str::to_owned).filter(filled));
    rooms.add_room(jid, Room::new(kind, title));
}

/// A row of `tc_users`; one without room, nick or person says nothing.
pub(crate) fn add_user(rooms: &mut Rooms, row: &[Value]) {
    let [room, real, nick] = row else { return };
    let nick = text(nick).and_then(|nick| nick.split_once('/')).map(|(_, nick)| nick).filter(|nick| !nick.is_empty());
    if let (Some(room), Some(real), Some(nick)) = (text(room).and_then(BareJid::new), text(real).and_then(Jid::parse), nick) {
        rooms.add_nick(room, nick.to_owned(), real);
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// The field `muc#roomconfig_roomname` (XEP-0045) of a `jabber:x:data` form (XEP-0004), as far as the form can be read.
fn room_name(form: &str) -> Option<String> {
    let mut reader = Reader::from_str(form);
    reader.config_mut().check_end_names = false;
    let (mut in_field, mut in_value, mut name) = (false, false, String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if start.local_name().as_ref() == "field" => {
                in_field = start
                    .html_attributes()
                    .with_checks(false)
                    .filter_map(Result::ok)
                    .any(|attribute| attribute.key.as_ref() == "var" && &*attribute.value == "muc#roomconfig_roomname");
            }
            Event::Start(start) if start.local_name().as_ref() == "value" => in_value = in_field,
            Event::Text(text) if in_value => name.push_str(&text),
            Event::CData(text) if in_value => name.push_str(&text),
            Event::GeneralRef(reference) if in_value => match reference.resolve_char_ref() {
                Ok(Some(char)) => name.push(char),
                _ => name.push_str(quick_xml::escape::resolve_predefined_entity(&reference).unwrap_or_default()),
            },
            Event::End(end) if end.local_name().as_ref() == "value" && in_value => return Some(name),
            Event::End(end) if end.local_name().as_ref() == "field" => in_field = false,
            Event::Eof => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(texts: [&str; 4]) -> Vec<Value> {
        texts.iter().map(|text| Value::Text((*text).to_owned())).collect()
    }

    #[test]
    fn a_room_is_called_by_its_configured_name_else_by_its_subject() {
        let form = "<x xmlns='jabber:x:data'><field var='FORM_TYPE'><value>muc</value></field>\
                    <field var='muc#roomconfig_roomname'><value>R&amp;D &#x2014; Q3</value></field></x>";
        let empty = "<x><field var='muc#roomconfig_roomname'><value></value></field></x>";
        let mut rooms = Rooms::new();
        for (jid, config) in [("a@conf", form), ("b@conf", empty), ("c@conf", "<x><field"), ("d@conf", "")] {
            add_room(&mut rooms, &values([jid, "persistent", "The subject", config]));
        }
        add_room(&mut rooms, &values(["e@conf", "Ad-Hoc", " ", ""]));
        let title = |jid: &str| rooms.room(&BareJid::new(jid).unwrap()).unwrap().title.clone();
        assert_eq!(title("a@conf").as_deref(), Some("R&D — Q3"));
        for jid in ["b@conf", "c@conf", "d@conf"] {
            assert_eq!(title(jid).as_deref(), Some("The subject"), "{jid}");
        }
        assert_eq!(rooms.room(&BareJid::new("e@conf").unwrap()), Some(&Room::new(RoomKind::AdHoc, None)));
    }

    #[test]
    fn a_nick_leads_to_its_person() {
        let mut rooms = Rooms::new();
        let room = BareJid::new("q3@conf").unwrap();
        for nick in ["q3@conf/Ally", "q3@conf", "q3@conf/"] {
            add_user(&mut rooms, &values(["Q3@conf", "alice@example.com", nick, ""])[..3]);
        }
        assert_eq!(rooms.person(&room, "Ally").unwrap().to_string(), "alice@example.com");
        assert_eq!(rooms.person(&room, ""), None);
    }
}
