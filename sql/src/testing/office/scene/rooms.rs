//! Group chats and rooms.

use std::time::Duration;

use jabber_archive_core::{ConversationKey, ConversationKind, Party, SkipReason, Timestamp};

use super::{
    super::{
        people::bare,
        rooms::{CONFERENCE, Member, Room},
        stanza::escape,
    },
    Draft, Scene, tick,
};

/// Which rows a room message leaves besides copies for some recipients.
#[derive(Debug, Clone, Copy)]
struct Logged {
    archived: bool,
    copied: bool,
    outgoing: bool,
}

impl Scene {
    /// A group chat whose nicks are full JIDs.
    pub(super) fn ad_hoc(&mut self) {
        self.ad_hoc_chat(true);
    }

    /// The same, without rows in `tc_rooms` and `tc_users`.
    pub(super) fn ad_hoc_unlisted(&mut self) {
        self.ad_hoc_chat(false);
    }

    fn ad_hoc_chat(&mut self, listed: bool) {
        self.serial += 1;
        let room = format!("chat{:06}@{CONFERENCE}", self.serial);
        let number = self.rng.usize(3..6);
        let people = self.people.some(number, &mut self.rng);
        let mut at = self.moment();
        if listed {
            self.tables.room(&room, people[0].desk(), "", "ad-hoc", "");
        }
        for person in &people {
            let entered = self.soon(at);
            self.tables.moved(&room, person.desk(), person.desk(), 'E', entered);
            if listed {
                self.tables.user(&room, person.desk(), person.desk());
            }
        }
        let outbound = self.rng.bool();
        for _ in 0..self.length() {
            at = self.answer(at);
            let sender = self.rng.choice(&people).unwrap_or(&people[0]);
            let mut draft = self.room_draft(&room, ConversationKind::AdHoc, sender.party());
            if outbound {
                draft.outgoing(at, sender.desk(), &room);
            }
            for person in people.iter().filter(|person| person.jid != sender.jid) {
                draft.copy(self.soon(at), &format!("{room}/{}", sender.desk()), person.desk());
            }
            self.say(draft);
        }
        for person in &people {
            let left = self.answer(at);
            self.tables.moved(&room, person.desk(), person.desk(), 'L', left);
        }
    }

    /// One row in the room archive, and one for each recipient.
    pub(super) fn room_archived_and_copied(&mut self) {
        let room = self.rooms.listed(&mut self.rng);
        let outgoing = self.rng.bool();
        self.room_chat(&room, Logged { archived: true, copied: true, outgoing });
    }

    /// One row in the room archive.
    pub(super) fn room_archived_only(&mut self) {
        let room = self.rooms.listed(&mut self.rng);
        self.room_chat(&room, Logged { archived: true, copied: false, outgoing: false });
    }

    /// Copies for the recipients: who stands behind the nick is known from `tc_users` alone.
    pub(super) fn room_copied_only(&mut self) {
        let room = self.rooms.listed(&mut self.rng);
        self.room_chat(&room, Logged { archived: false, copied: true, outgoing: false });
    }

    /// A room that `tc_rooms` does not have; either `tc_users` knows its people or the room archive does.
    pub(super) fn room_unlisted(&mut self) {
        if self.rng.bool() {
            let (room, outgoing) = (self.rooms.lost(), self.rng.bool());
            self.room_chat(&room, Logged { archived: false, copied: true, outgoing });
        } else {
            let room = self.rooms.unknown();
            self.room_chat(&room, Logged { archived: true, copied: true, outgoing: false });
        }
    }

    fn room_chat(&mut self, room: &Room, logged: Logged) {
        let mut at = self.moment();
        for _ in 0..self.length() {
            at = self.answer(at);
            let sender = self.member(room);
            let draft = self.room_draft(&room.jid, ConversationKind::Room, sender.person.party());
            self.say_in_room(draft, room, &sender, at, logged);
        }
    }

    /// The room archive's row before midnight, the copies after it; or the other way round.
    pub(super) fn room_over_midnight(&mut self) {
        let room = self.rooms.listed(&mut self.rng);
        let sender = self.member(&room);
        let midnight = self.inner_midnight();
        let before = tick(midnight.before(Duration::from_millis(self.rng.u64(4..5_000))));
        let after = self.soon(midnight);
        let (archived, copied) = if self.rng.bool() { (before, after) } else { (after, before) };
        let mut draft = self.room_draft(&room.jid, ConversationKind::Room, sender.person.party());
        draft.archived(archived, &room.jid, sender.person.desk(), &sender.nick);
        for member in &room.members {
            draft.copy(copied, &format!("{}/{}", room.jid, sender.nick), member.person.desk());
        }
        self.say(draft);
    }

    /// Told apart by its text and time.
    pub(super) fn room_without_id(&mut self) {
        let room = self.rooms.listed(&mut self.rng);
        let (sender, at) = (self.member(&room), self.moment());
        let mut draft = self.room_draft(&room.jid, ConversationKind::Room, sender.person.party());
        draft.id = None;
        draft.body = self.unique();
        self.say_in_room(draft, &room, &sender, at, Logged { archived: true, copied: true, outgoing: true });
    }

    /// A guest of whom nothing is known but the nick.
    pub(super) fn unresolvable_nick(&mut self) {
        let room = if self.rng.bool() { self.rooms.listed(&mut self.rng) } else { self.rooms.unknown() };
        let nick = format!("Guest {}", self.rng.u8(1..9));
        let at = self.moment();
        let sender = Party::Occupant { room: bare(&room.jid), nick: nick.clone() };
        let mut draft = self.room_draft(&room.jid, ConversationKind::Room, sender);
        for member in &room.members {
            draft.copy(self.soon(at), &format!("{}/{nick}", room.jid), member.person.desk());
        }
        self.say(draft);
    }

    /// Logged on one side: as sent by a nick, or as sent to one.
    pub(super) fn private_through_room(&mut self) {
        let room = if self.rng.bool() { self.rooms.listed(&mut self.rng) } else { self.rooms.lost() };
        let at = self.moment();
        let (from, to) = (&room.members[0], &room.members[1 + self.rng.usize(0..room.members.len() - 1)]);
        let occupant = |member: &Member| Party::Occupant { room: bare(&room.jid), nick: member.nick.clone() };
        let received = self.rng.bool();
        let (sender, recipient) = if received { (occupant(from), to.person.party()) } else { (from.person.party(), occupant(to)) };
        let key = ConversationKey::pair(sender.clone(), recipient.clone());
        let mut draft = Draft::new(key, ConversationKind::RoomPrivate, sender, 'c', self.id(), self.usual());
        if received {
            draft.incoming(at, &format!("{}/{}", room.jid, from.nick), to.person.desk());
        } else {
            draft.outgoing(at, from.person.desk(), &format!("{}/{}", room.jid, to.nick));
        }
        draft.recipients.insert(recipient);
        self.say(draft);
    }

    /// Somebody enters a room and is shown what was said there, with the original ids.
    pub(super) fn replay(&mut self) {
        let room = self.rooms.listed(&mut self.rng);
        let (sender, reader, at) = (self.member(&room), self.member(&room), self.moment());
        let original = self.room_draft(&room.jid, ConversationKind::Room, sender.person.party());
        let mut replayed = self.room_draft(&room.jid, ConversationKind::Room, sender.person.party());
        replayed.id.clone_from(&original.id);
        replayed.body.clone_from(&original.body);
        self.say_in_room(original, &room, &sender, at, Logged { archived: true, copied: true, outgoing: false });

        let last = self.days.last().millis() - at.millis() - 1_000;
        let entered = tick(at.after(Duration::from_millis(self.rng.u64(2_000..(last as u64).min(86_400_000)))));
        self.tables.moved(&room.jid, reader.person.desk(), &reader.nick, 'E', entered);
        self.replay_to(replayed, &room, &sender, &reader, at, entered);
    }

    /// The original was said when nothing was recorded.
    pub(super) fn replay_of_nothing(&mut self) {
        let room = self.rooms.listed(&mut self.rng);
        let (sender, reader, at) = (self.member(&room), self.member(&room), self.moment());
        let draft = self.room_draft(&room.jid, ConversationKind::Room, sender.person.party());
        self.replay_to(draft, &room, &sender, &reader, at.before(Duration::from_hours(20 * 24)), at);
    }

    fn replay_to(&mut self, mut draft: Draft, room: &Room, sender: &Member, reader: &Member, said: Timestamp, at: Timestamp) {
        draft.children = format!("<delay xmlns='urn:xmpp:delay' from='{}' stamp='{said}'/>", escape(&room.jid));
        draft.copy(at, &format!("{}/{}", room.jid, sender.nick), reader.person.desk());
        draft.jm.iter_mut().for_each(|row| row.replay = true);
        self.skip(draft, SkipReason::Replay);
    }

    /// Somebody changes the subject: no text.
    pub(super) fn room_subject(&mut self) {
        let room = self.rooms.listed(&mut self.rng);
        let (sender, at) = (self.member(&room), self.moment());
        let mut draft = self.room_draft(&room.jid, ConversationKind::Room, sender.person.party());
        draft.subject = Some("Figures by Monday".to_owned());
        draft.markup_only = true;
        draft.archived(at, &room.jid, sender.person.desk(), &sender.nick);
        self.skip(draft, SkipReason::Empty);
    }

    fn member(&mut self, room: &Room) -> Member {
        room.members[self.rng.usize(0..room.members.len())].clone()
    }

    /// Something usual said in a room, without rows so far.
    pub(super) fn room_draft(&mut self, room: &str, label: ConversationKind, sender: Party) -> Draft {
        Draft::new(ConversationKey::Room(bare(room)), label, sender, 'g', self.id(), self.usual())
    }

    /// Writes a room message down; in one case of two the room sends it back to the sender too.
    fn say_in_room(&mut self, mut draft: Draft, room: &Room, sender: &Member, at: Timestamp, logged: Logged) {
        if logged.outgoing {
            draft.outgoing(self.soon(at), sender.person.desk(), &room.jid);
        }
        if logged.archived {
            draft.archived(self.soon(at), &room.jid, sender.person.desk(), &sender.nick);
        }
        if logged.copied {
            let reflected = self.rng.bool();
            for member in room.members.iter().filter(|member| reflected || member.nick != sender.nick) {
                draft.copy(self.soon(at), &format!("{}/{}", room.jid, sender.nick), member.person.desk());
            }
        }
        self.say(draft);
    }
}
