use std::ops::AddAssign;

use super::{
    Cut, Html, Json, Rendition, Text,
    envelope::{Envelope, Leaves},
    view::{Addressing, Frame, View},
};
use crate::{
    Error, ErrorClass, ErrorKind, Message, Result,
    mail::{Leaf, Weight, size},
};

/// Bytes kept free in every part of several for what is not known until all are cut: sender, date, and how header fields fold.
const RESERVE: usize = 2_048;

/// What something takes in each leaf of a mail.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    text: Weight,
    html: Weight,
    json: usize,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.text += other.text;
        self.html += other.html;
        self.json += other.json;
    }
}

/// How a conversation that does not fit one mail is cut.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) cuts: Vec<Cut>,
    /// Whether every part shows all participants.
    pub(super) everybody: bool,
}

/// Cuts a conversation so that no part exceeds `limit` bytes. Renders everything once, piece by piece, and keeps nothing of it.
pub(super) fn plan(view: &View<'_>, limit: usize, json: bool) -> Result<Plan> {
    Planner { view, limit, json, scratch: String::new() }.plan()
}

/// Whether all participants may stand in every mail: they take an eighth of it at most.
pub(super) fn people_fit(view: &View<'_>, limit: usize, json: bool) -> bool {
    let mut planner = Planner { view, limit, json, scratch: String::new() };
    let people = sum(&planner.rows());
    planner.is_small(people)
}

struct Planner<'v> {
    view: &'v View<'v>,
    limit: usize,
    json: bool,
    scratch: String,
}

impl Planner<'_> {
    fn plan(mut self) -> Result<Plan> {
        let view = self.view;
        let rows = self.rows();
        let people = sum(&rows);
        let everybody = self.is_small(people);
        let (fixed, empty) = self.empty_part(everybody);
        let fits = |planner: &Self, cost: Cost, limit: usize| fixed + planner.bytes(cost) <= limit;

        let messages = &view.conversation.messages;
        let mut cuts = Vec::new();
        let (mut next_row, mut next_message) = (0, 0);
        while next_row < rows.len() || next_message < messages.len() || cuts.is_empty() {
            let (first_row, first_message) = (next_row, next_message);
            let mut cost = empty;
            if everybody {
                if cuts.is_empty() {
                    cost.json += people.json;
                    next_row = rows.len();
                }
            } else {
                // While there are messages, every part has room for some.
                let most = if next_message < messages.len() { self.limit / 2 } else { self.limit };
                while let Some(row) = rows.get(next_row) {
                    let mut more = cost;
                    more += *row;
                    if !fits(&self, more, most) {
                        break;
                    }
                    cost = more;
                    next_row += 1;
                }
            }
            let mut before = None;
            while next_message < messages.len() {
                let turn = view.turn(next_message);
                let mut more = cost;
                more += self.cost(|rendition, out| rendition.message(turn, before, out));
                if !fits(&self, more, self.limit) {
                    break;
                }
                cost = more;
                before = Some(turn);
                next_message += 1;
            }
            if (first_row, first_message) == (next_row, next_message) {
                return Err(self.too_large(messages.get(next_message)));
            }
            cuts.push(Cut { rows: first_row..next_row, messages: first_message..next_message });
        }
        Ok(Plan { cuts, everybody })
    }

    fn rows(&mut self) -> Vec<Cost> {
        let view = self.view;
        view.rows.iter().map(|row| self.cost(|rendition, out| rendition.row(view, row, false, out))).collect()
    }

    fn is_small(&self, people: Cost) -> bool {
        self.bytes(people) <= self.limit / 8
    }

    /// The bytes of a mail without its leaves, and the cost of leaves without messages and without a part's own people.
    fn empty_part(&mut self, everybody: bool) -> (usize, Cost) {
        let view = self.view;
        let frame = Frame::largest(view, everybody);
        let mut cost = self.cost(|rendition, out| {
            rendition.open(&frame, out);
            rendition.between(&frame, out);
            rendition.close(&frame, out);
        });
        if everybody {
            for row in &view.rows {
                let row = self.cost(|rendition, out| rendition.row(view, row, false, out));
                cost.text += row.text;
                cost.html += row.html;
            }
        }
        let leaves = Leaves { text: Leaf::text(""), html: Leaf::text(""), json: self.json.then(|| Leaf::binary(&[])) };
        let addresses = match view.addressing {
            Addressing::Everyone | Addressing::People(_) => 0,
            Addressing::Senders { most } => most,
        };
        (size(Envelope::new(&frame).mail(&leaves)) + addresses + RESERVE, cost)
    }

    fn cost(&mut self, render: impl Fn(&dyn Rendition, &mut String)) -> Cost {
        let text = Weight::of(self.render(|out| render(&Text, out)));
        let html = Weight::of(self.render(|out| render(&Html, out)));
        let json = if self.json { self.render(|out| render(&Json, out)).len() } else { 0 };
        Cost { text, html, json }
    }

    fn render(&mut self, render: impl Fn(&mut String)) -> &str {
        self.scratch.clear();
        render(&mut self.scratch);
        &self.scratch
    }

    fn bytes(&self, cost: Cost) -> usize {
        cost.text.encoded() + cost.html.encoded() + if self.json { Leaf::binary_len(cost.json) } else { 0 }
    }

    fn too_large(&self, message: Option<&Message>) -> Error {
        let what = if message.is_some() { "a message takes more than a mail may" } else { "a participant takes more than a mail may" };
        let error = Error::new(ErrorKind::Conversion, ErrorClass::Item, "convert", format!("{what} ({} bytes)", self.limit))
            .about(self.view.conversation.key.digest())
            .advise("raise max_item_bytes");
        match message {
            Some(message) => error.about_message(message.key),
            None => error,
        }
    }
}

fn sum(costs: &[Cost]) -> Cost {
    let mut sum = Cost::default();
    for cost in costs {
        sum += *cost;
    }
    sum
}
