//! The scenes that are played in the company: each writes the rows of one kind of message and notes the truth.

mod chats;
mod draft;
mod oddities;
mod presence;
mod rooms;

use std::time::Duration;

use fastrand::Rng;
use jabber_archive_core::Timestamp;

use self::draft::Draft;
use super::{
    people::People,
    rooms::Rooms,
    rows::Tables,
    truth::{TrueMessage, Truth},
};

/// A kind of scene.
#[derive(Debug)]
pub(super) struct Kind {
    /// Its name.
    pub(super) name: &'static str,
    /// How often it is played, as against the others.
    weight: u32,
    play: fn(&mut Scene),
}

/// Every kind of scene.
pub(super) const KINDS: &[Kind] = &[
    Kind { name: "local chat", weight: 30, play: Scene::local_chat },
    Kind { name: "incoming only", weight: 20, play: Scene::incoming_only },
    Kind { name: "federated", weight: 6, play: Scene::federated },
    Kind { name: "several devices", weight: 8, play: Scene::several_devices },
    Kind { name: "first message twice", weight: 4, play: Scene::first_message_twice },
    Kind { name: "spread copies", weight: 4, play: Scene::spread_copies },
    Kind { name: "over midnight", weight: 1, play: Scene::over_midnight },
    Kind { name: "one instant", weight: 2, play: Scene::one_instant },
    Kind { name: "subject", weight: 2, play: Scene::with_subject },
    Kind { name: "ad hoc", weight: 8, play: Scene::ad_hoc },
    Kind { name: "ad hoc without room row", weight: 2, play: Scene::ad_hoc_unlisted },
    Kind { name: "room archived and copied", weight: 10, play: Scene::room_archived_and_copied },
    Kind { name: "room archived only", weight: 5, play: Scene::room_archived_only },
    Kind { name: "room copied only", weight: 4, play: Scene::room_copied_only },
    Kind { name: "room over midnight", weight: 1, play: Scene::room_over_midnight },
    Kind { name: "room without id", weight: 1, play: Scene::room_without_id },
    Kind { name: "room without room row", weight: 3, play: Scene::room_unlisted },
    Kind { name: "unresolvable nick", weight: 2, play: Scene::unresolvable_nick },
    Kind { name: "private through room", weight: 2, play: Scene::private_through_room },
    Kind { name: "replay", weight: 3, play: Scene::replay },
    Kind { name: "replay of nothing", weight: 1, play: Scene::replay_of_nothing },
    Kind { name: "subject of a room", weight: 1, play: Scene::room_subject },
    Kind { name: "comes and goes", weight: 2, play: Scene::comes_and_goes },
    Kind { name: "inside before the first day", weight: 1, play: Scene::inside_before },
    Kind { name: "empty", weight: 10, play: Scene::empty },
    Kind { name: "error", weight: 1, play: Scene::error },
    Kind { name: "headline", weight: 1, play: Scene::headline },
    Kind { name: "ids start anew", weight: 2, play: Scene::ids_start_anew },
    Kind { name: "one id of two devices", weight: 1, play: Scene::one_id_of_two_devices },
    Kind { name: "same again later", weight: 1, play: Scene::same_again_later },
    Kind { name: "without id", weight: 3, play: Scene::without_id },
    Kind { name: "ok twice", weight: 1, play: Scene::ok_twice },
    Kind { name: "long", weight: 1, play: Scene::long },
    Kind { name: "markup only", weight: 2, play: Scene::markup_only },
    Kind { name: "file", weight: 2, play: Scene::file },
    Kind { name: "scripts", weight: 8, play: Scene::scripts },
    Kind { name: "hostile", weight: 4, play: Scene::hostile },
    Kind { name: "broken surrogate", weight: 1, play: Scene::broken_surrogate },
    Kind { name: "cut off", weight: 1, play: Scene::cut_off },
    Kind { name: "cut in tag", weight: 1, play: Scene::cut_in_tag },
    Kind { name: "without namespaces", weight: 1, play: Scene::without_namespaces },
    Kind { name: "upper case", weight: 2, play: Scene::upper_case },
    Kind { name: "escaped user id", weight: 2, play: Scene::escaped_user_id },
    Kind { name: "address as user id", weight: 2, play: Scene::address_as_user_id },
    Kind { name: "dead clock", weight: 1, play: Scene::dead_clock },
];

impl Kind {
    /// The kind whose share of the weights, one behind the other, holds a place.
    fn at(mut place: u32) -> &'static Self {
        for kind in KINDS {
            if place < kind.weight {
                return kind;
            }
            place -= kind.weight;
        }
        &KINDS[0]
    }
}

/// The days on which things happen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Days {
    /// Midnight of the first.
    pub(super) start: Timestamp,
    pub(super) number: u32,
}

impl Days {
    /// The midnight before a day, counted from 0.
    pub(super) fn midnight(&self, day: u32) -> Timestamp {
        self.start.after(Duration::from_hours(24) * day)
    }

    /// The midnight after the last day.
    pub(super) fn last(&self) -> Timestamp {
        self.midnight(self.number)
    }
}

/// Where the scenes are played.
#[derive(Debug)]
pub(super) struct Scene {
    rng: Rng,
    days: Days,
    people: People,
    rooms: Rooms,
    /// The kind that is being played.
    kind: &'static str,
    /// Every kind was played once.
    warm: bool,
    serial: u32,
    /// How many files were sent.
    files: u64,
    /// Where "ok" was said without an id.
    oks: Vec<(String, String, Timestamp)>,
    tables: Tables,
    truth: Truth,
}

impl Scene {
    /// Plays every kind once, and then by weight until there are so many messages.
    pub(super) fn play(mut rng: Rng, days: Days, messages: usize) -> Self {
        let people = People::new(&mut rng);
        let mut tables = Tables::default();
        let rooms = Rooms::new(&people, &mut tables, &mut rng);
        let mut scene =
            Self { rng, days, people, rooms, kind: "", warm: false, serial: 0, files: 0, oks: Vec::new(), tables, truth: Truth::default() };
        for kind in KINDS {
            scene.play_one(kind);
        }
        scene.warm = true;
        let total: u32 = KINDS.iter().map(|kind| kind.weight).sum();
        while scene.truth.messages.len() < messages {
            let drawn = scene.rng.u32(0..total);
            scene.play_one(Kind::at(drawn));
        }
        scene
    }

    fn play_one(&mut self, kind: &Kind) {
        self.kind = kind.name;
        *self.truth.scenes.entry(kind.name).or_default() += 1;
        (kind.play)(self);
    }

    /// Some messages that are dated in the future.
    pub(super) fn play_future(&mut self, from: Timestamp) {
        for _ in 0..5 {
            let (alice, bob) = self.people.pair(&mut self.rng);
            let at = tick(from.after(Duration::from_millis(self.rng.u64(3_600_000..30 * 86_400_000))));
            let mut draft = Draft::between(&alice, &bob, self.id(), self.usual());
            draft.incoming(at, alice.desk(), bob.desk());
            self.truth.future += 1;
            self.tables.jm.append(&mut draft.jm);
        }
    }

    /// The rows, the truth, and the random numbers that are left.
    pub(super) fn finish(mut self) -> (Tables, Truth, Rng) {
        self.truth.sort();
        (self.tables, self.truth, self.rng)
    }

    /// Writes a message down.
    fn say(&mut self, mut draft: Draft) {
        if draft.broken {
            self.truth.replaced += 2 * u64::from(draft.copies());
        }
        self.truth.messages.push(TrueMessage {
            scene: self.kind,
            kind: draft.label,
            sent: draft.sent(),
            body: draft.text(),
            stanza_id: draft.readable_id(),
            copies: draft.copies(),
            thread: draft.thread.filter(|_| !draft.jm.is_empty()),
            conversation: draft.conversation,
            sender: draft.sender,
            recipients: draft.recipients,
            files: draft.files,
            stored: draft.stored,
            subject: draft.subject,
        });
        self.tables.jm.append(&mut draft.jm);
        self.tables.archive.append(&mut draft.archive);
    }

    /// A time in the working hours of any day.
    fn moment(&mut self) -> Timestamp {
        let day = self.rng.u32(0..self.days.number);
        tick(self.days.midnight(day).after(Duration::from_millis(self.rng.u64(6 * 3_600_000..19 * 3_600_000))))
    }

    /// The midnight between two of the days.
    fn inner_midnight(&mut self) -> Timestamp {
        self.days.midnight(self.rng.u32(1..self.days.number))
    }

    /// A little later, as copies are logged.
    fn soon(&mut self, at: Timestamp) -> Timestamp {
        let most = if self.rng.u8(0..10) == 0 { 1_500 } else { 60 };
        tick(at.after(Duration::from_millis(self.rng.u64(0..most))))
    }

    /// Later by seconds, as people answer.
    fn answer(&mut self, at: Timestamp) -> Timestamp {
        tick(at.after(Duration::from_millis(self.rng.u64(4_000..90_000))))
    }

    /// How many messages a chat has.
    fn length(&mut self) -> usize {
        if self.warm { self.rng.usize(1..7) } else { 2 }
    }

    /// A stanza id that no other message has.
    fn id(&mut self) -> String {
        self.serial += 1;
        format!("{:08x}:{:04x}:{:04x}:{:04x}:{:012x}", self.rng.u32(..), self.rng.u16(..), self.rng.u16(..), self.rng.u16(..), self.serial)
    }

    fn usual(&mut self) -> String {
        super::texts::usual(&mut self.rng)
    }

    /// A text that no other message has: what stands without an id must differ in its text.
    fn unique(&mut self) -> String {
        self.serial += 1;
        let text = self.usual();
        format!("{text} (#{})", self.serial)
    }
}

/// The nearest time that a `datetime` can hold.
fn tick(time: Timestamp) -> Timestamp {
    let (days, ticks) = time.to_sql_datetime();
    Timestamp::from_sql_datetime(days, ticks)
}
