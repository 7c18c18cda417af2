//! Who enters and leaves rooms.

use std::time::Duration;

use super::{Scene, tick};

const DAY: Duration = Duration::from_hours(24);

impl Scene {
    /// Enters, leaves, enters again, and perhaps stays.
    pub(super) fn comes_and_goes(&mut self) {
        let room = self.rooms.listed(&mut self.rng);
        let member = room.members[self.rng.usize(0..room.members.len())].clone();
        let mut at = self.moment();
        let movements = if self.rng.bool() { "ELEL" } else { "ELE" };
        for direction in movements.chars() {
            self.tables.moved(&room.jid, member.person.desk(), &member.nick, direction, at);
            at = tick(at.after(Duration::from_millis(self.rng.u64(60_000..3_600_000))));
        }
    }

    /// Entered ten days before the first day and is still inside; another entered forty days before, which is not believed.
    pub(super) fn inside_before(&mut self) {
        let room = self.rooms.listed(&mut self.rng);
        for (member, days) in room.members.iter().zip([10, 40]) {
            let at = tick(self.days.start.before(DAY * days).after(Duration::from_millis(self.rng.u64(0..3_600_000))));
            self.tables.moved(&room.jid, member.person.desk(), &member.nick, 'E', at);
        }
    }
}
