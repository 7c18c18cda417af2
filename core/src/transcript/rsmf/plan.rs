use std::{collections::HashSet, ops::AddAssign};

use super::{
    super::{
        Json, Rendition, Stanzas, Text, TranscriptSettings,
        cut::{self, Cut, Room, Said},
        frame::Frame,
        view::{Addressing, Turn, View},
    },
    MOST_EVENTS,
    file::{File, Slice},
    manifest::{PersonId, SEPARATOR, attached, push_message, push_move, push_person},
    timeline::Event,
    zip::{MOST_FILES, file_bytes},
};
use crate::{
    Error, ErrorClass, ErrorKind, Result,
    mail::{Leaf, Weight},
};

/// Bytes kept free in every part of several for what is not known until all are cut: sender, date, counts, how header fields fold.
const RESERVE: usize = 2_560;

/// What something takes in a file.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    /// Bytes beside the text and the zip file.
    fixed: usize,
    text: Weight,
    /// Bytes of the zip file.
    zip: usize,
    /// Files in it.
    files: usize,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.fixed += other.fixed;
        self.text += other.text;
        self.zip += other.zip;
        self.files += other.files;
    }
}

/// How a conversation that does not fit one file is cut.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) slices: Vec<Slice>,
    /// Whether every part lists all participants.
    pub(super) everybody: bool,
}

/// Cuts a conversation so that no part exceeds the limit. Renders everything once, piece by piece, and keeps nothing of it.
pub(super) fn plan(view: &View<'_>, timeline: &[Event], settings: &TranscriptSettings) -> Result<Plan> {
    let mut planner = Planner { view, timeline, settings, scratch: String::new(), listed: HashSet::new() };
    planner.plan()
}

struct Planner<'v> {
    view: &'v View<'v>,
    timeline: &'v [Event],
    settings: &'v TranscriptSettings,
    scratch: String,
    /// Whom the manifest of the part lists so far.
    listed: HashSet<usize>,
}

impl Planner<'_> {
    fn plan(&mut self) -> Result<Plan> {
        let (view, timeline, limit) = (self.view, self.timeline, self.settings.max_item_bytes);
        let mut rows = Vec::with_capacity(view.rows.len());
        let (mut people, mut rows_json) = (Cost::default(), 0);
        for index in 0..view.rows.len() {
            let (row, json) = self.row(index);
            people += row;
            people.zip += self.person(view.rows[index].index);
            rows_json += json;
            rows.push(Cost { zip: json, ..row });
        }
        let everybody = bytes(people) + Leaf::binary_len(rows_json) <= limit / 8;
        let empty = self.empty_part(&Frame::largest(view, everybody))?;

        let mut slices = Vec::new();
        let (mut next_row, mut next_event, mut next_message) = (0, 0, 0);
        while next_row < rows.len() || next_event < timeline.len() || slices.is_empty() {
            let (first_row, first_event, first_message) = (next_row, next_event, next_message);
            let mut cost = empty;
            self.listed.clear();
            if everybody {
                self.listed.extend(0..view.conversation.participants.len());
                if slices.is_empty() {
                    cost.zip += rows_json;
                    next_row = rows.len();
                }
            } else {
                // While there are events, every part has room for some.
                let most = if next_event < timeline.len() { limit / 2 } else { limit };
                while let Some(row) = rows.get(next_row) {
                    let person = view.rows[next_row].index;
                    let mut more = cost;
                    more += *row;
                    more.zip += self.person(person);
                    if bytes(more) > most {
                        break;
                    }
                    self.listed.insert(person);
                    cost = more;
                    next_row += 1;
                }
            }
            let mut before = None;
            while let Some(event) = timeline.get(next_event) {
                let (person, mut more) = (self.who(*event), cost);
                more += self.event(*event, before);
                more.zip += self.person(person);
                if bytes(more) > limit || more.files > MOST_FILES || next_event - first_event == MOST_EVENTS {
                    break;
                }
                self.listed.insert(person);
                cost = more;
                next_event += 1;
                if let Event::Said(index) = *event {
                    before = Some(view.turn(index));
                    next_message += 1;
                }
            }
            let mut rows = first_row..next_row;
            match timeline.get(next_event) {
                Some(Event::Said(index)) if first_event == next_event && (everybody || rows.is_empty()) => {
                    cost.zip += self.person(view.turn(*index).sender);
                    for piece in self.pieces(*index, cost)? {
                        slices.push(Slice { cut: Cut { rows, said: Said::Piece(Box::new(piece)) }, events: next_event..next_event });
                        rows = next_row..next_row;
                    }
                    next_event += 1;
                    next_message += 1;
                }
                _ if !rows.is_empty() || first_event != next_event || slices.is_empty() => {
                    slices.push(Slice {
                        cut: Cut { rows, said: Said::Messages(first_message..next_message) },
                        events: first_event..next_event,
                    });
                }
                _ => return Err(self.too_large("a participant")),
            }
        }
        Ok(Plan { slices, everybody })
    }

    /// Cuts a message into pieces, each of which fills a part.
    fn pieces(&mut self, index: usize, empty: Cost) -> Result<Vec<cut::Piece>> {
        let whole = &self.view.conversation.messages[index];
        let (limit, without) = (self.settings.max_item_bytes, bytes(empty));
        let pieces = cut::pieces(index, whole, Room { limit, left: limit.saturating_sub(without) }, |piece| {
            let mut cost = empty;
            cost += self.message(self.view.turn_of_piece(piece), None);
            if cost.files > MOST_FILES { usize::MAX } else { bytes(cost).saturating_sub(without) }
        });
        pieces.map_err(|what| self.too_large(what).about_message(whole.key))
    }

    /// The part of this frame without its events.
    fn empty_part(&mut self, frame: &Frame<'_>) -> Result<Cost> {
        let file = File::new(frame, &[], self.settings)?;
        let addresses = match frame.addressing {
            Addressing::Everyone | Addressing::People(_) => 0,
            Addressing::Senders { most } => most,
        };
        let mut text = self.text(|out| {
            Text.open(frame, out);
            Text.between(frame, out);
            Text.close(frame, out);
        });
        for row in frame.rows {
            text += self.text(|out| Text.row(frame.view, row, false, out));
        }
        Ok(Cost { fixed: file.frame_bytes() + addresses + RESERVE, text, zip: file.zip_bytes(), files: 3 })
    }

    /// What the row at this index takes, and what more it takes as JSON.
    fn row(&mut self, index: usize) -> (Cost, usize) {
        let (view, row) = (self.view, &self.view.rows[index]);
        let text = self.text(|out| Text.row(view, row, false, out));
        let json = if self.settings.conversation_json { self.bytes(|out| Json.row(view, row, false, out)) } else { 0 };
        (Cost { text, ..Cost::default() }, json)
    }

    fn event(&mut self, event: Event, before: Option<Turn<'_>>) -> Cost {
        match event {
            Event::Said(index) => self.message(self.view.turn(index), before),
            Event::Moved { person, at, movement } => {
                let zip = self.bytes(|out| push_move(person, at, movement, out)) + SEPARATOR.len();
                Cost { zip, ..Cost::default() }
            }
        }
    }

    fn message(&mut self, turn: Turn<'_>, before: Option<Turn<'_>>) -> Cost {
        let text = self.text(|out| Text.message(turn, before, out));
        let mut cost = Cost { text, zip: self.bytes(|out| push_message(turn, out)) + SEPARATOR.len(), ..Cost::default() };
        if self.settings.conversation_json {
            cost.zip += self.bytes(|out| Json.message(turn, before, out)) + SEPARATOR.len();
        }
        if self.settings.raw_stanzas {
            cost.zip += self.bytes(|out| Stanzas.message(turn, before, out));
        }
        for (name, _, content) in attached(turn.message) {
            cost.zip += file_bytes(&name, content.len());
            cost.files += 1;
        }
        cost
    }

    /// What the participant at this index takes in the manifest, if it is not listed yet.
    fn person(&mut self, index: usize) -> usize {
        if self.listed.contains(&index) {
            return 0;
        }
        let view = self.view;
        let id = PersonId::new(index).to_string().len() + "\"\",".len();
        self.bytes(|out| push_person(view, index, out)) + SEPARATOR.len() + id
    }

    fn who(&self, event: Event) -> usize {
        match event {
            Event::Said(index) => self.view.turn(index).sender,
            Event::Moved { person, .. } => person,
        }
    }

    fn text(&mut self, render: impl Fn(&mut String)) -> Weight {
        Weight::of(self.render(render))
    }

    fn bytes(&mut self, render: impl Fn(&mut String)) -> usize {
        self.render(render).len()
    }

    fn render(&mut self, render: impl Fn(&mut String)) -> &str {
        self.scratch.clear();
        render(&mut self.scratch);
        &self.scratch
    }

    fn too_large(&self, what: &str) -> Error {
        let what = format!("{what} takes more than a file may ({} bytes)", self.settings.max_item_bytes);
        Error::new(ErrorKind::Conversion, ErrorClass::Item, "convert", what)
            .about(self.view.conversation.key.digest())
            .advise("raise max_item_bytes")
    }
}

fn bytes(cost: Cost) -> usize {
    cost.fixed + cost.text.encoded() + Leaf::binary_len(cost.zip)
}
