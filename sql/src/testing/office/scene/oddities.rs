//! What real tables hold besides plain chats.

use std::time::Duration;

use jabber_archive_core::{SkipReason, Table, Timestamp};

use super::{
    super::{
        people::Person,
        rows::TransferRow,
        stanza::{Shape, file, xhtml},
        texts,
        truth::TrueFile,
    },
    Draft, Scene, tick,
};

const MINUTE: Duration = Duration::from_mins(1);

impl Scene {
    /// Chat states and receipts: rows without a text.
    pub(super) fn empty(&mut self) {
        let (alice, bob) = self.people.pair(&mut self.rng);
        let at = self.moment();
        let mut draft = self.chatter(&alice, &bob);
        draft.markup_only = true;
        [
            "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
            "<paused xmlns='http://jabber.org/protocol/chatstates'/>",
            "<received xmlns='urn:xmpp:receipts' id='x'/>",
        ][self.rng.usize(0..3)]
        .clone_into(&mut draft.children);
        draft.outgoing(at, alice.desk(), &bob.jid);
        draft.incoming(self.soon(at), alice.desk(), bob.desk());
        self.skip(draft, SkipReason::Empty);
    }

    /// A message that could not be delivered comes back, with its text.
    pub(super) fn error(&mut self) {
        let (alice, bob) = self.people.pair(&mut self.rng);
        let at = self.moment();
        let sent = self.chatter(&alice, &bob);
        let mut returned = Draft::between(&bob, &alice, sent.id.clone().unwrap_or_default(), sent.body.clone());
        self.say_both_ways(sent, &alice, &bob, at);
        returned.kind = 'e';
        "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
            .clone_into(&mut returned.children);
        returned.incoming(self.soon(at), &bob.jid, alice.desk());
        self.skip(returned, SkipReason::Error);
    }

    /// An announcement to everybody.
    pub(super) fn headline(&mut self) {
        let (server, alice) = self.people.pair(&mut self.rng);
        let at = self.moment();
        let mut draft = self.chatter(&server, &alice);
        draft.kind = 'h';
        draft.incoming(at, &server.jid, alice.desk());
        self.skip(draft, SkipReason::Headline);
    }

    /// A client counts `m1`, `m2` and starts anew at every sign-in.
    pub(super) fn ids_start_anew(&mut self) {
        let (alice, bob) = self.people.pair(&mut self.rng);
        let mut at = self.moment();
        for _ in 0..2 {
            for id in ["m1", "m2"] {
                at = self.answer(at);
                let mut draft = self.chatter(&alice, &bob);
                draft.id = Some(id.to_owned());
                draft.body = self.unique();
                self.say_both_ways(draft, &alice, &bob, at);
            }
        }
    }

    /// Two devices of one sender count alike, and the text is the same too.
    pub(super) fn one_id_of_two_devices(&mut self) {
        let (alice, bob) = self.people.pair(&mut self.rng);
        let (mut at, body) = (self.moment(), self.unique());
        for device in &alice.devices[..2] {
            at = self.answer(at);
            let mut draft = self.chatter(&alice, &bob);
            draft.id = Some("m1".to_owned());
            draft.body.clone_from(&body);
            draft.outgoing(at, device, &bob.jid);
            draft.incoming(self.soon(at), device, bob.desk());
            self.say(draft);
        }
    }

    /// The same id and text again after more than five minutes.
    pub(super) fn same_again_later(&mut self) {
        let (alice, bob) = self.people.pair(&mut self.rng);
        let (mut at, body) = (self.moment(), self.unique());
        for _ in 0..2 {
            let mut draft = self.chatter(&alice, &bob);
            draft.id = Some("m1".to_owned());
            draft.body.clone_from(&body);
            self.say_both_ways(draft, &alice, &bob, at);
            at = tick(at.after(MINUTE * 5 + Duration::from_millis(self.rng.u64(1_600..200_000))));
        }
    }

    /// A stanza without an id, or none at all; copies within two seconds.
    pub(super) fn without_id(&mut self) {
        let (alice, bob) = self.people.pair(&mut self.rng);
        let at = self.moment();
        let mut draft = self.chatter(&alice, &bob);
        draft.id = None;
        draft.body = self.unique();
        draft.shape = if self.rng.bool() { Shape::Whole } else { Shape::Missing };
        draft.outgoing(at, alice.desk(), &bob.jid);
        for device in &bob.devices[..2] {
            draft.incoming(self.soon(at), alice.desk(), device);
        }
        self.say(draft);
    }

    /// "ok" twice within a second, without an id: two messages.
    pub(super) fn ok_twice(&mut self) {
        let (alice, bob, mut at) = self.where_nobody_said_ok();
        for _ in 0..2 {
            let mut draft = self.chatter(&alice, &bob);
            draft.id = None;
            "ok".clone_into(&mut draft.body);
            draft.outgoing(at, alice.desk(), &bob.jid);
            draft.incoming(tick(at.after(Duration::from_millis(self.rng.u64(0..200)))), alice.desk(), bob.desk());
            self.say(draft);
            at = tick(at.after(Duration::from_millis(self.rng.u64(300..900))));
        }
    }

    fn where_nobody_said_ok(&mut self) -> (Person, Person, Timestamp) {
        loop {
            let ((alice, bob), at) = (self.people.pair(&mut self.rng), self.moment());
            let near = |(from, to, said): &(String, String, Timestamp)| *from == alice.jid && *to == bob.jid && said.distance(at) < MINUTE;
            if !self.oks.iter().any(near) {
                self.oks.push((alice.jid.clone(), bob.jid.clone(), at));
                return (alice, bob, at);
            }
        }
    }

    /// A text that does not fit into the `_string` columns, or one whose stanza alone does not.
    pub(super) fn long(&mut self) {
        let length = if self.warm && self.rng.bool() { 3_900 } else { self.rng.usize(4_001..9_000) };
        let text = texts::long(length, &mut self.rng);
        self.odd(|draft| draft.body = text);
    }

    /// The text stands in XHTML-IM alone.
    pub(super) fn markup_only(&mut self) {
        self.serial += 1;
        let number = self.serial;
        self.odd(|draft| {
            draft.body = format!("Please read this\ntoday & tomorrow ({number})");
            draft.markup_only = true;
            draft.children =
                xhtml(&format!("<p>Please <b>read</b> <span style='color:red'>this</span></p><p>today &amp; tomorrow ({number})</p>"));
        });
    }

    /// A file, in turn: logged; logged under another resource name; not logged, beside an upload that no message announces; logged and gone; logged without a path.
    pub(super) fn file(&mut self) {
        let name = texts::file_name(&mut self.rng);
        let typed = format!("see {name}");
        let (alice, bob) = self.people.pair(&mut self.rng);
        let at = self.moment();
        let mut draft = self.chatter(&alice, &bob);
        let number = self.files;
        self.files += 1;
        let resource = format!("8F21C0_{number}.bin");
        "Your chat application does not support downloading this file".clone_into(&mut draft.body);
        draft.children = file(&name, &resource, &typed);
        draft.typed = Some(typed);
        draft.files = vec![name.clone()];

        let hour = at.to_string();
        let path = format!("/opt/mftFileStore/files/im/{}{}{}/{}/{resource}", &hour[..4], &hour[5..7], &hour[8..10], &hour[11..13]);
        let stored = TrueFile::new(path.clone(), number);
        let upload = TransferRow {
            from: alice.desk(),
            to: &bob.jid,
            method: ["Post", "POST", "post"][number as usize % 3],
            resource: &resource,
            name: &name,
            path: Some(&path),
            size: stored.size,
            sent: tick(at.before(Duration::from_millis(400))),
        };
        match number % 5 {
            0 => {
                self.tables.transfer(&upload);
                self.tables.transfer(&TransferRow { from: bob.desk(), to: "", method: "Get", sent: at.after(MINUTE), ..upload });
            }
            1 => {
                let sent = tick(at.after(Duration::from_millis(2_900)));
                self.tables.transfer(&TransferRow { resource: "renamed.bin", sent, ..upload });
            }
            2 => self.tables.transfer(&TransferRow { resource: "never-announced.bin", sent: at.before(60 * MINUTE), ..upload }),
            3 => self.tables.transfer(&upload),
            _ => self.tables.transfer(&TransferRow { path: None, ..upload }),
        }
        draft.stored = vec![Some(stored).filter(|_| number % 5 < 2)];
        self.say_both_ways(draft, &alice, &bob, at);
    }

    /// Arabic, Hebrew, Chinese, emoji, combining marks; once in two with rich text besides.
    pub(super) fn scripts(&mut self) {
        let text = texts::script(&mut self.rng);
        let rich = self.rng.bool();
        self.odd(|draft| {
            if rich {
                draft.children = xhtml(&format!("<p dir='auto'><i>{text}</i></p>"));
            }
            draft.body = text;
        });
    }

    /// Text that tries to leave its place.
    pub(super) fn hostile(&mut self) {
        let text = texts::hostile(&mut self.rng);
        self.odd(|draft| draft.body = text);
    }

    /// A client cut an emoji in half.
    pub(super) fn broken_surrogate(&mut self) {
        self.odd(|draft| {
            "half a smile: \u{fffd}".clone_into(&mut draft.body);
            draft.broken = true;
        });
    }

    /// The stanza ends too early.
    pub(super) fn cut_off(&mut self) {
        self.odd(|draft| draft.shape = Shape::CutOff);
    }

    /// The stanza ends before its id does.
    pub(super) fn cut_in_tag(&mut self) {
        let text = self.unique();
        self.odd(|draft| {
            draft.body = text;
            draft.shape = Shape::CutInTag;
        });
    }

    /// The stanza is no well-formed XML.
    pub(super) fn without_namespaces(&mut self) {
        self.odd(|draft| draft.shape = Shape::WithoutNamespaces);
    }

    /// One row writes the JIDs in upper case.
    pub(super) fn upper_case(&mut self) {
        let (alice, bob) = self.people.pair(&mut self.rng);
        let at = self.moment();
        let mut draft = self.chatter(&alice, &bob);
        let (bare, resource) = alice.desk().split_once('/').unwrap_or((alice.desk(), ""));
        draft.outgoing(at, &format!("{}/{resource}", bare.to_uppercase()), &bob.jid.to_uppercase());
        draft.incoming(self.soon(at), alice.desk(), bob.desk());
        self.say(draft);
    }

    /// A user id with escapes (XEP-0106).
    pub(super) fn escaped_user_id(&mut self) {
        let (alice, bob) = self.people.with_escape(&mut self.rng);
        let (at, draft) = (self.moment(), self.chatter(&alice, &bob));
        self.say_both_ways(draft, &alice, &bob, at);
    }

    /// A user id that is itself an address.
    pub(super) fn address_as_user_id(&mut self) {
        let (alice, bob) = self.people.with_address(&mut self.rng);
        let (at, draft) = (self.moment(), self.chatter(&bob, &alice));
        self.say_both_ways(draft, &bob, &alice, at);
    }

    /// A node whose clock was dead dates real chats before 2000.
    pub(super) fn dead_clock(&mut self) {
        let (alice, bob) = self.people.pair(&mut self.rng);
        // 1970-01-01 or 1999-12-31T20:00:00Z, and up to three hours.
        let boot = Timestamp::from_millis(if self.rng.bool() { 0 } else { 946_670_400_000 });
        let at = tick(boot.after(Duration::from_millis(self.rng.u64(0..3 * 3_600_000))));
        let draft = self.chatter(&alice, &bob);
        self.say_both_ways(draft, &alice, &bob, at);
    }

    /// A chat message, changed before its rows are written.
    fn odd(&mut self, change: impl FnOnce(&mut Draft)) {
        let (alice, bob) = self.people.pair(&mut self.rng);
        let at = self.moment();
        let mut draft = self.chatter(&alice, &bob);
        change(&mut draft);
        self.say_both_ways(draft, &alice, &bob, at);
    }

    /// Writes rows down that are no message.
    pub(super) fn skip(&mut self, mut draft: Draft, reason: SkipReason) {
        for _ in &draft.jm {
            self.truth.skip(Table::Jm, reason);
        }
        for _ in &draft.archive {
            self.truth.skip(Table::TcMsgarchive, reason);
        }
        self.tables.jm.append(&mut draft.jm);
        self.tables.archive.append(&mut draft.archive);
    }
}
