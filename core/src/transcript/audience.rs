use crate::{Conversation, ConversationKey, Message, Movement, Participant, Timestamp};

/// To whom a message went, by their places among the participants, without its sender.
///
/// Between two, to the other. In a room, to those for whom a copy was logged and those who were inside when it was sent; where neither is
/// known of anybody, to all other participants. What somebody writes to nobody but themselves goes to them.
pub(super) fn audience(conversation: &Conversation, message: &Message, sender: usize) -> Vec<usize> {
    let others = || conversation.participants.iter().enumerate().filter(|(index, _)| *index != sender);
    let mut audience: Vec<usize> = match conversation.key {
        ConversationKey::Pair(..) => Vec::new(),
        ConversationKey::Room(_) => others()
            .filter(|(_, person)| message.recipients.binary_search(&person.party).is_ok() || is_inside(person, message.sent()))
            .map(|(index, _)| index)
            .collect(),
    };
    if audience.is_empty() {
        audience = others().map(|(index, _)| index).collect();
    }
    if audience.is_empty() {
        audience.push(sender);
    }
    audience
}

/// Whether somebody was in the room at this instant; who enters or leaves at that very instant was.
fn is_inside(person: &Participant, at: Timestamp) -> bool {
    let happened = |(time, movement): &&(Timestamp, Movement)| *time < at || (*time == at && *movement == Movement::Entered);
    person.movements.iter().rfind(happened).map_or(person.inside, |(_, movement)| *movement == Movement::Entered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Address, BareJid, ConversationKind, FieldHasher, Grid, MessageKey, Party};

    /// A name, whether they were inside when the window began, and when they entered and left.
    type Known<'a> = (&'a str, bool, &'a [(&'a str, Movement)]);

    fn user(name: &str) -> Party {
        Party::User(BareJid::new(&format!("{name}@example.com")).unwrap())
    }

    fn time(clock: &str) -> Timestamp {
        format!("2026-11-21T{clock}Z").parse().unwrap()
    }

    fn to(key: ConversationKey, people: &[Known<'_>], recipients: &[&str]) -> Vec<String> {
        let participant = |(name, inside, moves): &Known<'_>| {
            let mut person = Participant::new(user(name), Address::Mapped(format!("{name}@example.com")), None);
            person.inside = *inside;
            person.movements = moves.iter().map(|(clock, movement)| (time(clock), *movement)).collect();
            person
        };
        let identity = FieldHasher::new().finish().short();
        let mut message = Message::new(MessageKey::new(time("09:00:00"), identity, 0), user("alice"), "hello".into());
        message.recipients = recipients.iter().map(|name| user(name)).collect();
        let window = Grid::daily().window_at(message.sent());
        let people = people.iter().map(participant).collect();
        let conversation = Conversation::new(key, window, ConversationKind::Room, None, people, vec![message]);
        let sender = conversation.participants.iter().position(|person| person.party == user("alice")).unwrap();
        let audience = audience(&conversation, &conversation.messages[0], sender);
        audience.into_iter().map(|index| conversation.participants[index].display_name().into_owned()).collect()
    }

    fn room() -> ConversationKey {
        ConversationKey::Room(BareJid::new("room@conference.example.com").unwrap())
    }

    #[test]
    fn a_message_in_a_room_goes_to_those_with_a_copy_and_those_inside() {
        use Movement::{Entered, Left};
        let people: &[Known<'_>] = &[
            ("alice", true, &[]),
            ("bob", false, &[]),
            ("carol", true, &[]),
            ("dave", true, &[("08:00:00", Left)]),
            ("erin", false, &[("08:00:00", Entered), ("10:00:00", Left)]),
            ("frank", false, &[("09:00:01", Entered)]),
            ("grace", false, &[("09:00:00", Entered)]),
            ("heidi", true, &[("09:00:00", Left)]),
        ];
        assert_eq!(to(room(), people, &["alice", "bob"]), ["bob", "carol", "erin", "grace", "heidi"]);
    }

    #[test]
    fn where_nothing_is_known_a_message_goes_to_all_others() {
        let people: &[Known<'_>] = &[("alice", true, &[]), ("bob", false, &[]), ("carol", false, &[])];
        assert_eq!(to(room(), people, &[]), ["bob", "carol"]);
        assert_eq!(to(ConversationKey::pair(user("alice"), user("bob")), &people[..2], &["alice"]), ["bob"]);
        assert_eq!(to(ConversationKey::pair(user("alice"), user("alice")), &people[..1], &[]), ["alice"]);
    }
}
