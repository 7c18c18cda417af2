use std::ops::AddAssign;

use super::{
    Html, Json, Rendition, Stanzas, Text, TranscriptSettings,
    cut::{self, Cut, Piece, Room, Said},
    envelope::{BOUNDARY_BYTES, Envelope, Leaves},
    files::Attached,
    frame::Frame,
    view::{Addressing, Turn, View},
};
use crate::{
    Error, ErrorClass, ErrorKind, Result,
    mail::{Leaf, Weight, size},
};

/// Bytes kept free in every part of several for what is not known until all are cut: sender, date, how header fields fold, and what attachments are put into.
const RESERVE: usize = 2_560;

/// What something takes in each leaf of a mail.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    text: Weight,
    html: Weight,
    json: usize,
    stanzas: usize,
    /// Whole MIME parts.
    files: usize,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.text += other.text;
        self.html += other.html;
        self.json += other.json;
        self.stanzas += other.stanzas;
        self.files += other.files;
    }
}

/// How a conversation that does not fit one mail is cut.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) cuts: Vec<Cut>,
    /// Whether every part shows all participants.
    pub(super) everybody: bool,
}

/// Cuts a conversation so that no part exceeds the limit. Renders everything once, piece by piece, and keeps nothing of it.
pub(super) fn plan(view: &View<'_>, settings: &TranscriptSettings) -> Result<Plan> {
    Planner::new(view, settings).plan()
}

/// Cuts the mail of one message, whose frame this is.
pub(super) fn pieces(index: usize, frame: &Frame<'_>, settings: &TranscriptSettings) -> Result<Vec<Said>> {
    let mut planner = Planner::new(frame.view, settings);
    let empty = planner.empty_part(frame);
    Ok(planner.pieces(index, empty)?.into_iter().map(|piece| Said::Piece(Box::new(piece))).collect())
}

/// Whether all participants may stand in every mail: they take an eighth of it at most.
pub(super) fn people_fit(view: &View<'_>, settings: &TranscriptSettings) -> bool {
    let mut planner = Planner::new(view, settings);
    let people = sum(&planner.rows());
    planner.is_small(people)
}

struct Planner<'v> {
    view: &'v View<'v>,
    limit: usize,
    json: bool,
    stanzas: bool,
    scratch: String,
}

/// A part without messages and without people of its own.
#[derive(Debug, Clone, Copy)]
struct Empty {
    /// The bytes of the mail without its leaves.
    fixed: usize,
    /// The cost of the leaves.
    cost: Cost,
}

impl<'v> Planner<'v> {
    fn new(view: &'v View<'v>, settings: &TranscriptSettings) -> Self {
        let TranscriptSettings { max_item_bytes, conversation_json, raw_stanzas, .. } = *settings;
        Self { view, limit: max_item_bytes, json: conversation_json, stanzas: raw_stanzas, scratch: String::new() }
    }

    fn plan(mut self) -> Result<Plan> {
        let view = self.view;
        let rows = self.rows();
        let people = sum(&rows);
        let everybody = self.is_small(people);
        let empty = self.empty_part(&Frame::largest(view, everybody));

        let messages = view.conversation.messages.len();
        let mut cuts = Vec::new();
        let (mut next_row, mut next_message) = (0, 0);
        while next_row < rows.len() || next_message < messages || cuts.is_empty() {
            let (first_row, first_message) = (next_row, next_message);
            let mut cost = empty.cost;
            if everybody {
                if cuts.is_empty() {
                    cost.json += people.json;
                    next_row = rows.len();
                }
            } else {
                // While there are messages, every part has room for some.
                let most = if next_message < messages { self.limit / 2 } else { self.limit };
                while let Some(row) = rows.get(next_row) {
                    let mut more = cost;
                    more += *row;
                    if !self.fits(empty.fixed, more, most) {
                        break;
                    }
                    cost = more;
                    next_row += 1;
                }
            }
            let mut before = None;
            while next_message < messages {
                let turn = view.turn(next_message);
                let mut more = cost;
                more += self.message(turn, before);
                if !self.fits(empty.fixed, more, self.limit) {
                    break;
                }
                cost = more;
                before = Some(turn);
                next_message += 1;
            }
            let mut rows = first_row..next_row;
            if first_message == next_message && next_message < messages && (everybody || rows.is_empty()) {
                for piece in self.pieces(next_message, Empty { cost, ..empty })? {
                    cuts.push(Cut { rows, said: Said::Piece(Box::new(piece)) });
                    rows = next_row..next_row;
                }
                next_message += 1;
            } else if !rows.is_empty() || first_message != next_message || cuts.is_empty() {
                cuts.push(Cut { rows, said: Said::Messages(first_message..next_message) });
            } else {
                return Err(self.too_large("a participant"));
            }
        }
        Ok(Plan { cuts, everybody })
    }

    /// Cuts a message into pieces, each of which fills a part.
    fn pieces(&mut self, index: usize, empty: Empty) -> Result<Vec<Piece>> {
        let whole = &self.view.conversation.messages[index];
        let without = self.bytes(empty.cost);
        let room = Room { limit: self.limit, left: self.limit.saturating_sub(empty.fixed + without) };
        let pieces = cut::pieces(index, whole, room, |piece| {
            let mut cost = empty.cost;
            cost += self.message(self.view.turn_of_piece(piece), None);
            self.bytes(cost).saturating_sub(without)
        });
        pieces.map_err(|what| self.too_large(what).about_message(whole.key))
    }

    fn fits(&self, fixed: usize, cost: Cost, limit: usize) -> bool {
        fixed + self.bytes(cost) <= limit
    }

    fn rows(&mut self) -> Vec<Cost> {
        let view = self.view;
        view.rows.iter().map(|row| self.cost(|rendition, out| rendition.row(view, row, false, out))).collect()
    }

    fn is_small(&self, people: Cost) -> bool {
        self.bytes(people) <= self.limit / 8
    }

    /// The part of this frame without its messages.
    fn empty_part(&mut self, frame: &Frame<'_>) -> Empty {
        let view = self.view;
        let mut cost = self.cost(|rendition, out| {
            rendition.open(frame, out);
            rendition.between(frame, out);
            rendition.close(frame, out);
        });
        for row in frame.rows {
            let row = self.cost(|rendition, out| rendition.row(view, row, false, out));
            cost.text += row.text;
            cost.html += row.html;
        }
        for row in frame.own_rows {
            cost.json += self.cost(|rendition, out| rendition.row(view, row, false, out)).json;
        }
        let leaves = Leaves {
            text: Leaf::text(""),
            html: Leaf::text(""),
            json: self.json.then(|| Leaf::binary(&[])),
            stanzas: self.stanzas.then(|| Leaf::binary(&[])),
            files: Vec::new(),
        };
        let addresses = match frame.addressing {
            Addressing::Everyone | Addressing::People(_) => 0,
            Addressing::Senders { most } => most,
        };
        Empty { fixed: size(Envelope::new(frame).mail(&leaves)) + addresses + RESERVE, cost }
    }

    fn message(&mut self, turn: Turn<'_>, before: Option<Turn<'_>>) -> Cost {
        let mut cost = self.cost(|rendition, out| rendition.message(turn, before, out));
        if self.stanzas {
            cost.stanzas = self.render(|out| Stanzas.message(turn, before, out)).len();
        }
        let (parts, bytes) = Attached::bytes(turn.message);
        cost.files = parts * BOUNDARY_BYTES + bytes;
        cost
    }

    fn cost(&mut self, render: impl Fn(&dyn Rendition, &mut String)) -> Cost {
        let text = Weight::of(self.render(|out| render(&Text, out)));
        let html = Weight::of(self.render(|out| render(&Html, out)));
        let json = if self.json { self.render(|out| render(&Json, out)).len() } else { 0 };
        Cost { text, html, json, ..Cost::default() }
    }

    fn render(&mut self, render: impl Fn(&mut String)) -> &str {
        self.scratch.clear();
        render(&mut self.scratch);
        &self.scratch
    }

    fn bytes(&self, cost: Cost) -> usize {
        let json = if self.json { Leaf::binary_len(cost.json) } else { 0 };
        let stanzas = if self.stanzas { Leaf::binary_len(cost.stanzas) } else { 0 };
        cost.text.encoded() + cost.html.encoded() + json + stanzas + cost.files
    }

    fn too_large(&self, what: &str) -> Error {
        let what = format!("{what} takes more than a mail may ({} bytes)", self.limit);
        Error::new(ErrorKind::Conversion, ErrorClass::Item, "convert", what)
            .about(self.view.conversation.key.digest())
            .advise("raise max_item_bytes")
    }
}

fn sum(costs: &[Cost]) -> Cost {
    let mut sum = Cost::default();
    for cost in costs {
        sum += *cost;
    }
    sum
}
