//! The company's persistent rooms.

use fastrand::Rng;

use super::{
    people::{People, Person},
    rows::Tables,
};

/// The conference component as IM and Presence names it.
pub(super) const CONFERENCE: &str = "conference-2-standaloneclusterab12c.im.example.com";

/// User part or alias, configured name, subject.
const LISTED: &[(&str, &str, &str)] = &[
    ("q3-planning4711", "Q3 planning", "Figures by Friday"),
    ("ops815", "", "Operations"),
    ("all-hands@rooms.example.com", "\"All\" <hands> & more", ""),
    ("finance99", "المالية / כספים", ""),
];

/// Not in `tc_rooms`, but its people are in `tc_users`.
const LOST: &str = "lost1234";
/// Nowhere but in the messages.
const UNKNOWN: &str = "watercooler@talk.example.com";

/// A room and who is in it.
#[derive(Debug, Clone)]
pub(super) struct Room {
    pub(super) jid: String,
    pub(super) members: Vec<Member>,
}

/// Somebody in a room.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) person: Person,
    pub(super) nick: String,
}

impl Room {
    fn new(name: &str, people: &People, rng: &mut Rng) -> Self {
        let jid = if name.contains('@') { name.to_owned() } else { format!("{name}@{CONFERENCE}") };
        let number = rng.usize(4..8);
        let nick = |index: usize, person: &Person| match index {
            0 => format!("{}/home", person.name),
            1 => format!("<b>{}</b> & \"co\"", person.name),
            _ => person.name.clone(),
        };
        let members = people.some(number, rng).into_iter().enumerate();
        let members = members.map(|(index, person)| Member { nick: nick(index, &person), person }).collect();
        Self { jid, members }
    }

    fn enter_users(&self, tables: &mut Tables) {
        for member in &self.members {
            tables.user(&self.jid, member.person.desk(), &member.nick);
        }
    }
}

/// All rooms that stay.
#[derive(Debug, Clone)]
pub(super) struct Rooms {
    listed: Vec<Room>,
    lost: Room,
    unknown: Room,
}

impl Rooms {
    /// The rooms, with people that the seed decides; fills `tc_rooms` and `tc_users`.
    pub(super) fn new(people: &People, tables: &mut Tables, rng: &mut Rng) -> Self {
        let mut listed = Vec::new();
        for (name, title, subject) in LISTED {
            let room = Room::new(name, people, rng);
            tables.room(&room.jid, room.members[0].person.desk(), subject, "persistent", title);
            room.enter_users(tables);
            listed.push(room);
        }
        let lost = Room::new(LOST, people, rng);
        lost.enter_users(tables);
        Self { listed, lost, unknown: Room::new(UNKNOWN, people, rng) }
    }

    /// A room that `tc_rooms` has.
    pub(super) fn listed(&self, rng: &mut Rng) -> Room {
        self.listed[rng.usize(0..self.listed.len())].clone()
    }

    /// A room that `tc_rooms` does not have, but `tc_users`.
    pub(super) fn lost(&self) -> Room {
        self.lost.clone()
    }

    /// A room of which nothing is known.
    pub(super) fn unknown(&self) -> Room {
        self.unknown.clone()
    }
}
