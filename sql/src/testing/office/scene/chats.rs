//! Chats of two.

use std::time::Duration;

use jabber_archive_core::Timestamp;

use super::{
    super::people::Person,
    {Draft, Scene, tick},
};

impl Scene {
    /// Outbound logging is on: each message has a row O and a row I.
    pub(super) fn local_chat(&mut self) {
        let people = self.people.pair(&mut self.rng);
        self.chat(&people, true);
    }

    /// Outbound logging is off.
    pub(super) fn incoming_only(&mut self) {
        let people = self.people.pair(&mut self.rng);
        self.chat(&people, false);
    }

    /// The other side is logged elsewhere, if at all.
    pub(super) fn federated(&mut self) {
        let (alice, _) = self.people.pair(&mut self.rng);
        let dave = self.people.partner(&mut self.rng);
        let mut at = self.moment();
        for _ in 0..self.length() {
            at = self.answer(at);
            let ours = self.rng.bool();
            let (from, to) = if ours { (&alice, &dave) } else { (&dave, &alice) };
            let mut draft = self.chatter(from, to);
            if ours {
                draft.outgoing(at, from.desk(), &to.jid);
            } else {
                draft.incoming(at, from.desk(), to.desk());
            }
            self.say(draft);
        }
    }

    /// The recipient is signed in with three devices, and one row does not show the sender's.
    pub(super) fn several_devices(&mut self) {
        let (alice, bob) = self.people.pair(&mut self.rng);
        let at = self.moment();
        let mut draft = self.chatter(&alice, &bob);
        draft.outgoing(at, alice.desk(), &bob.jid);
        for device in &bob.devices {
            draft.incoming(self.soon(at), alice.desk(), device);
        }
        if self.rng.bool() {
            draft.incoming(self.soon(at), &alice.jid, &bob.devices[1]);
        }
        self.say(draft);
    }

    /// The first message goes to the bare JID and to the device, and one row stands there twice.
    pub(super) fn first_message_twice(&mut self) {
        let (alice, bob) = self.people.pair(&mut self.rng);
        let at = self.moment();
        let mut draft = self.chatter(&alice, &bob);
        draft.outgoing(at, alice.desk(), &bob.jid);
        let logged = self.soon(at);
        draft.incoming(logged, alice.desk(), bob.desk());
        draft.incoming(logged, alice.desk(), bob.desk());
        draft.incoming(self.soon(at), alice.desk(), &bob.jid);
        self.say(draft);
    }

    /// Copies are logged over half a minute.
    pub(super) fn spread_copies(&mut self) {
        let (alice, bob) = self.people.pair(&mut self.rng);
        let at = self.moment();
        let mut draft = self.chatter(&alice, &bob);
        draft.outgoing(at, alice.desk(), &bob.jid);
        for device in &bob.devices {
            let late = tick(at.after(Duration::from_millis(self.rng.u64(0..30_000))));
            draft.incoming(late, alice.desk(), device);
        }
        self.say(draft);
    }

    /// Row O before midnight and row I after it; once in two without an id.
    pub(super) fn over_midnight(&mut self) {
        let (alice, bob) = self.people.pair(&mut self.rng);
        let midnight = self.inner_midnight();
        let mut draft = self.chatter(&alice, &bob);
        let most = if self.rng.bool() {
            draft.id = None;
            draft.body = self.unique();
            900
        } else {
            20_000
        };
        let before = tick(midnight.before(Duration::from_millis(self.rng.u64(4..most))));
        draft.outgoing(before, alice.desk(), &bob.jid);
        draft.incoming(tick(midnight.after(Duration::from_millis(self.rng.u64(0..most)))), alice.desk(), bob.desk());
        self.say(draft);
    }

    /// Rows of several messages share one date.
    pub(super) fn one_instant(&mut self) {
        let at = self.moment();
        for _ in 0..3 {
            let (alice, bob) = self.people.pair(&mut self.rng);
            for (from, to) in [(&alice, &bob), (&bob, &alice)] {
                let mut draft = self.chatter(from, to);
                draft.outgoing(at, from.desk(), &to.jid);
                draft.incoming(at, from.desk(), to.desk());
                self.say(draft);
            }
        }
    }

    /// A single message with a subject.
    pub(super) fn with_subject(&mut self) {
        let (alice, bob) = self.people.pair(&mut self.rng);
        let at = self.moment();
        let mut draft = self.chatter(&alice, &bob);
        draft.kind = 'n';
        draft.subject = Some(["Q3 figures", "Re: \"Budget\" <draft> & more", "دعوة"][self.rng.usize(0..3)].to_owned());
        self.say_both_ways(draft, &alice, &bob, at);
    }

    /// Two people write in turns.
    fn chat(&mut self, people: &(Person, Person), outbound: bool) {
        let thread = self.id();
        let mut at = self.moment();
        let mut turn = self.rng.bool();
        for _ in 0..self.length() {
            at = self.answer(at);
            turn ^= self.rng.u8(0..3) > 0;
            let (from, to) = if turn { (&people.0, &people.1) } else { (&people.1, &people.0) };
            let mut draft = self.chatter(from, to);
            draft.thread = Some(thread.clone());
            if outbound {
                self.say_both_ways(draft, from, to, at);
            } else {
                draft.incoming(at, from.desk(), to.desk());
                self.say(draft);
            }
        }
    }

    /// Something usual from one to the other, without rows so far.
    pub(super) fn chatter(&mut self, from: &Person, to: &Person) -> Draft {
        let mut draft = Draft::between(from, to, self.id(), self.usual());
        draft.recipients.insert(to.party());
        draft
    }

    /// Writes a message down with a row O and a row I.
    pub(super) fn say_both_ways(&mut self, mut draft: Draft, from: &Person, to: &Person, at: Timestamp) {
        draft.outgoing(at, from.desk(), &to.jid);
        draft.incoming(self.soon(at), from.desk(), to.desk());
        self.say(draft);
    }
}
