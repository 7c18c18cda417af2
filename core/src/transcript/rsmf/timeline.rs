use crate::{Conversation, Movement, Timestamp};

/// Something that happened in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// The message at this index.
    Said(usize),
    /// Somebody, by place among the participants, entered or left.
    Moved { person: usize, at: Timestamp, movement: Movement },
}

/// All that happened, in order: of what happened at one instant, who entered comes before what was said, and who left behind it.
pub(super) fn timeline(conversation: &Conversation) -> Vec<Event> {
    let people = conversation.participants.iter().enumerate();
    let mut moves: Vec<_> = people
        .flat_map(|(person, of)| of.movements.iter().map(move |(at, movement)| (*at, *movement == Movement::Left, person, *movement)))
        .collect();
    moves.sort_by_key(|(at, left, person, _)| (*at, *left, *person));
    let mut moves = moves.into_iter().peekable();
    let mut events = Vec::with_capacity(conversation.messages.len() + moves.len());
    let event = |(at, _, person, movement)| Event::Moved { person, at, movement };
    for (index, message) in conversation.messages.iter().enumerate() {
        let sent = message.sent();
        while let Some(before) = moves.next_if(|(at, left, ..)| (*at, *left) <= (sent, false)) {
            events.push(event(before));
        }
        events.push(Event::Said(index));
    }
    events.extend(moves.map(event));
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Address, BareJid, ConversationKey, ConversationKind, FieldHasher, Grid, Message, MessageKey, Participant, Party};

    #[test]
    fn what_happened_stands_in_order_and_at_one_instant_messages_stand_between_entering_and_leaving() {
        let time = |clock: &str| -> Timestamp { format!("2026-11-21T{clock}Z").parse().unwrap() };
        let user = |name: &str| Party::User(BareJid::new(&format!("{name}@example.com")).unwrap());
        let person = |name: &str, moves: &[(&str, Movement)]| {
            let mut person = Participant::new(user(name), Address::Mapped(format!("{name}@example.com")), None);
            person.movements = moves.iter().map(|(clock, movement)| (time(clock), *movement)).collect();
            person
        };
        let identity = FieldHasher::new().finish().short();
        let message = |clock: &str| Message::new(MessageKey::new(time(clock), identity, 0), user("a"), "text".into());
        let conversation = Conversation::new(
            ConversationKey::Room(BareJid::new("room@conference.example.com").unwrap()),
            Grid::daily().window_at(time("09:00:00")),
            ConversationKind::Room,
            None,
            vec![
                person("a", &[("09:00:00", Movement::Left), ("09:00:05", Movement::Entered)]),
                person("b", &[("08:00:00", Movement::Entered), ("09:00:00", Movement::Entered)]),
            ],
            vec![message("09:00:00"), message("09:00:01")],
        );
        let moved = |person, clock, movement| Event::Moved { person, at: time(clock), movement };
        let expected = [
            moved(1, "08:00:00", Movement::Entered),
            moved(1, "09:00:00", Movement::Entered),
            Event::Said(0),
            moved(0, "09:00:00", Movement::Left),
            Event::Said(1),
            moved(0, "09:00:05", Movement::Entered),
        ];
        assert_eq!(timeline(&conversation), expected);
    }
}
