use std::borrow::Cow;

use super::{
    cut::{Cut, Said},
    row::Row,
    view::{Addressing, HEADER_NAME, Holds, Turn, View, are_addressable, header_name},
};
use crate::{HeaderText, ItemId, MessageLine, Part, Timestamp, mail::header_address};

/// How many parts on either side a part names, beside the first and the last.
const NEIGHBOURS: u32 = 20;
/// The part whose numbers take the most room.
const LARGEST_PART: Part = Part { number: u32::MAX, of: u32::MAX };

/// A header field, and a line at the foot of the bodies: its name in the header, and what it says.
#[derive(Debug, Clone)]
pub(super) struct Fact(pub(super) &'static str, pub(super) HeaderText);

impl Fact {
    /// The name at the foot.
    pub(super) fn name(&self) -> &'static str {
        self.0.strip_prefix("X-Jabber-Archive-").unwrap_or(self.0)
    }
}

/// One part of a conversation, with all that depends on which one it is.
#[derive(Debug)]
pub(super) struct Frame<'v> {
    pub(super) view: &'v View<'v>,
    pub(super) part: Part,
    pub(super) id: ItemId,
    /// Other parts that this one names, with their ids.
    pub(super) others: Vec<(u32, ItemId)>,
    said: &'v Said,
    /// Whether it begins in the middle of a message.
    continues: bool,
    /// The subject line.
    pub(super) subject: HeaderText,
    /// What header fields (`X-Jabber-Archive-…`) and footers say, in their order.
    pub(super) facts: [Fact; 10],
    /// The rows shown.
    pub(super) rows: &'v [Row<'v>],
    /// The rows that this part's JSON holds: every row stands in the JSON of one part.
    pub(super) own_rows: &'v [Row<'v>],
    /// Who stands in `To`.
    pub(super) addressing: Addressing,
    /// The mailbox that stands there too, because somebody has no address.
    pub(super) catch_all: Option<&'v str>,
}

impl<'v> Frame<'v> {
    /// The frame of a part; `everybody` says that it shows all participants, not only its own.
    pub(super) fn new(view: &'v View<'v>, part: Part, cut: &'v Cut, everybody: bool) -> Self {
        let own_rows = &view.rows[cut.rows.clone()];
        let id = view.id(part.number);
        Self {
            view,
            part,
            others: others(part).map(|number| (number, view.id(number))).collect(),
            subject: view.subject(part),
            facts: view.facts(part, &id, cut.said.messages()),
            id,
            said: &cut.said,
            continues: cut.said.continues(),
            rows: if everybody { &view.rows } else { own_rows },
            own_rows,
            addressing: view.addressing.clone(),
            catch_all: view.catch_all(view.conversation.participants.iter()),
        }
    }

    /// The frame of a message that went to these people, or of a piece of it; `everybody` says that it shows all participants, not none.
    pub(super) fn of_message(view: &'v View<'v>, part: Part, said: &'v Said, audience: &[usize], everybody: bool, limit: usize) -> Self {
        let index = match said {
            Said::Messages(messages) => messages.start,
            Said::Piece(piece) => piece.index,
        };
        let message = &view.conversation.messages[index];
        let id = view.id_of(Some(&message.key), part.number);
        let rows: &[Row<'_>] = if everybody { &view.rows } else { &[] };
        let person = |index: &usize| &view.conversation.participants[*index];
        let catch_all = view.catch_all(audience.iter().chain([&view.senders[index]]).map(person));
        let addressable = are_addressable(audience.iter().map(person), catch_all, limit);
        Self {
            view,
            part,
            others: others(part).map(|number| (number, view.id_of(Some(&message.key), number))).collect(),
            subject: view.thread(),
            facts: view.facts(part, &id, said.messages()),
            id,
            said,
            continues: said.continues(),
            rows,
            own_rows: if part.number == 1 { rows } else { &[] },
            catch_all,
            addressing: if addressable { Addressing::People(audience.to_vec()) } else { Addressing::senders(limit) },
        }
    }

    /// A frame without messages that takes at least as much room as that of any part.
    pub(super) fn largest(view: &'v View<'v>, everybody: bool) -> Self {
        let id = view.id(1);
        let part = Part::new(1, 1);
        let frame = Self {
            view,
            part,
            others: Vec::new(),
            subject: view.subject(LARGEST_PART),
            facts: view.facts(part, &id, 0),
            id,
            said: &Said::NOTHING,
            continues: false,
            rows: if everybody { &view.rows } else { &[] },
            own_rows: &[],
            addressing: view.addressing.clone(),
            catch_all: view.catch_all(view.conversation.participants.iter()),
        };
        frame.largest_part()
    }

    /// The same as a part of so many that its numbers take the most room.
    pub(super) fn largest_part(self) -> Self {
        Self {
            part: LARGEST_PART,
            continues: true,
            facts: self.view.facts(LARGEST_PART, &self.id, self.view.conversation.messages.len()),
            others: vec![(u32::MAX, self.id.clone()); 2 * NEIGHBOURS as usize + 2],
            ..self
        }
    }

    /// How many messages begin in the part.
    pub(super) fn messages(&self) -> usize {
        self.said.messages()
    }

    /// The messages of the part and who says them.
    pub(super) fn turns(&self) -> impl Iterator<Item = Turn<'v>> {
        let (messages, piece) = match self.said {
            Said::Messages(messages) => (messages.clone(), None),
            Said::Piece(piece) => (0..0, Some(self.view.turn_of_piece(piece))),
        };
        messages.map(|index| self.view.turn(index)).chain(piece)
    }

    /// The lines that list the messages that begin in the part.
    pub(super) fn lines(&self) -> Vec<MessageLine> {
        let messages = &self.view.conversation.messages;
        match self.said {
            Said::Messages(range) => messages[range.clone()].iter().map(MessageLine::of).collect(),
            Said::Piece(piece) if piece.is_first() => vec![MessageLine::of(&messages[piece.index])],
            Said::Piece(_) => Vec::new(),
        }
    }

    /// The first message of the part; in a part of participants alone, the first message of all.
    fn first(&self) -> Option<Turn<'v>> {
        self.turns().next().or_else(|| (!self.view.senders.is_empty()).then(|| self.view.turn(0)))
    }

    /// When the mail is dated.
    pub(super) fn date(&self) -> Timestamp {
        self.first().map_or(self.view.conversation.window.start(), |first| first.message.sent())
    }

    /// Whom the mail is from, by place among the participants.
    pub(super) fn from(&self) -> Option<usize> {
        self.first().map(|first| first.sender)
    }

    /// The senders of the part in the order of their first messages, each once.
    pub(super) fn senders(&self) -> impl Iterator<Item = usize> {
        let mut seen = std::collections::HashSet::new();
        self.turns().map(|turn| turn.sender).filter(move |sender| seen.insert(*sender))
    }

    /// Sentences at the head of the body, where they apply.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.view.issue.addendum {
            notes.push("Addendum: messages of this window that were found after its first issue.".to_owned());
        }
        if self.part.of > 1 {
            let others: Vec<_> = self.others.iter().map(|(number, id)| format!("{number}: {id}")).collect();
            notes.push(format!("Part {} of {}. Other parts: {}.", self.part.number, self.part.of, others.join(", ")));
        }
        if self.continues {
            notes.push("This part goes on with a message that began in an earlier part and is counted there.".to_owned());
        }
        if self.view.holds == Holds::Message && self.rows.len() < self.view.rows.len() {
            notes.push(format!("The participants are listed in a mail of their own: {}.", self.view.id(1)));
        }
        notes
    }

    /// How many participants there are, and whether others are listed elsewhere.
    pub(super) fn people_heading(&self) -> String {
        let all = self.view.conversation.participants.len();
        if self.rows.len() == self.view.rows.len() {
            format!("Participants: {all}")
        } else {
            let here = self.rows.iter().filter(|row| !row.continued).count();
            format!("Participants: {all}, of them {here} listed in this part")
        }
    }

    /// The header name and address of the participant at this index.
    pub(super) fn mailbox(&self, index: usize) -> Option<(HeaderText, Cow<'v, str>)> {
        let person = self.view.conversation.participants.get(index)?;
        Some((HeaderText::new(&header_name(person)), header_address(&person.address)))
    }

    /// The room's name in a header field.
    pub(super) fn room_name(&self) -> HeaderText {
        let name = self.view.title().unwrap_or_else(|| "Room".to_owned());
        HeaderText::shortened(&name, HEADER_NAME)
    }
}

fn others(part: Part) -> impl Iterator<Item = u32> {
    let near = part.number.saturating_sub(NEIGHBOURS)..=part.number.saturating_add(NEIGHBOURS).min(part.of);
    let first = (!near.contains(&1)).then_some(1);
    let last = (!near.contains(&part.of)).then_some(part.of);
    first.into_iter().chain(near.filter(move |number| *number >= 1 && *number != part.number)).chain(last)
}
