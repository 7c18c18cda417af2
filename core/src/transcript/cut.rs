use std::ops::Range;

use unicode_segmentation::GraphemeCursor;

use crate::Message;

/// A piece of a message is large enough when it takes so many hundredths of the room that there is.
const FILLED: usize = 95;

/// What a part holds of a conversation.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) rows: Range<usize>,
    pub(super) said: Said,
}

/// Messages of a conversation by their places in it, or a piece of one that no part can hold.
#[derive(Debug)]
pub(super) enum Said {
    Messages(Range<usize>),
    Piece(Box<Piece>),
}

impl Said {
    /// What a part of participants alone holds.
    pub(super) const NOTHING: Self = Self::Messages(0..0);

    /// How many messages begin here.
    pub(super) fn messages(&self) -> usize {
        match self {
            Self::Messages(messages) => messages.len(),
            Self::Piece(piece) => usize::from(piece.is_first()),
        }
    }

    /// Whether this begins in the middle of a message.
    pub(super) fn continues(&self) -> bool {
        matches!(self, Self::Piece(piece) if !piece.is_first())
    }
}

/// A piece of a message: a message of the same key that has a stretch of the text. All pieces after each other are the message.
#[derive(Debug)]
pub(super) struct Piece {
    /// Where the message stands in the conversation.
    pub(super) index: usize,
    pub(super) message: Message,
    pub(super) extent: Extent,
}

impl Piece {
    pub(super) fn is_first(&self) -> bool {
        !self.extent.continues
    }
}

/// How much of a message something holds; all of it by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Whether an earlier part holds the beginning.
    pub(super) continues: bool,
    /// Whether a later part goes on.
    pub(super) continued: bool,
}

impl Extent {
    /// What is said of it beside the message.
    pub(super) fn notes(self) -> impl Iterator<Item = &'static str> {
        let from = self.continues.then_some("Continued from the part before");
        let into = self.continued.then_some("Continued in the next part");
        from.into_iter().chain(into)
    }
}

/// What there is for a piece of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// The bytes of a mail.
    pub(super) limit: usize,
    /// What is left of them beside all that is no piece.
    pub(super) left: usize,
}

/// Cuts a message into pieces, each of which fills a part; `bytes` says what a piece takes there.
///
/// # Errors
///
/// What takes more than there is.
pub(super) fn pieces(
    index: usize,
    message: &Message,
    room: Room,
    mut bytes: impl FnMut(&Piece) -> usize,
) -> Result<Vec<Piece>, &'static str> {
    let mut cutter = Cutter::new(message);
    let mut pieces: Vec<Piece> = Vec::new();
    while cutter.left() > 0 {
        let extent = Extent { continues: !pieces.is_empty(), continued: true };
        let piece = |most| Piece { index, message: cutter.piece(most), extent };
        let most = longest(&cutter, room, |most| bytes(&piece(most))).ok_or("what comes with a message")?;
        pieces.push(piece(most));
        cutter.advance(most);
    }
    pieces.last_mut().ok_or("a message")?.extent.continued = false;
    Ok(pieces)
}

/// How much of what is left of a message fills a part, found by trying; `None` if nothing fits.
fn longest(cutter: &Cutter<'_>, room: Room, mut bytes: impl FnMut(usize) -> usize) -> Option<usize> {
    let (mut fits, mut exceeds) = (0, cutter.left() + 1);
    // What is shown nowhere takes no room; what is shown takes a byte at least.
    let mut most = cutter.left().min(room.limit);
    while exceeds - fits > 1 {
        let bytes = bytes(most);
        if bytes <= room.left {
            fits = most;
            if bytes * 100 >= room.left * FILLED {
                break;
            }
        } else {
            exceeds = most;
        }
        // As much as fits if it goes on as it went so far, within what is known.
        let guess = (most as u128 * room.left as u128 * 99 / 100 / bytes.max(1) as u128) as usize;
        most = guess.clamp(fits + 1, (exceeds - 1).max(fits + 1));
    }
    let most = if fits < cutter.left() { cutter.at_a_blank(fits) } else { fits };
    cutter.goes_on(most).then_some(most)
}

/// Cuts one message into pieces, from its start on.
///
/// Its texts and lists stand one after another in an order of their own; a stretch of that is a message with parts of some of them. The rest of
/// what a message holds is small and stands in every piece.
#[derive(Debug)]
struct Cutter<'m> {
    message: &'m Message,
    at: usize,
}

impl<'m> Cutter<'m> {
    fn new(message: &'m Message) -> Self {
        Self { message, at: 0 }
    }

    /// How much is left: bytes of texts, and entries of lists.
    fn left(&self) -> usize {
        let Message { recipients, stanza_id, subject, thread, body, stanza, files, .. } = self.message;
        let texts = [stanza_id, subject, thread, stanza].into_iter().flatten().map(String::len).sum::<usize>();
        (body.len() + texts + recipients.len() + files.len()).saturating_sub(self.at)
    }

    /// The next piece, of so much at most.
    fn piece(&self, most: usize) -> Message {
        self.stretch(most).0
    }

    /// Whether a piece of so much at most holds anything: a character may be larger.
    fn goes_on(&self, most: usize) -> bool {
        self.stretch(most).1 > self.at
    }

    /// Goes on behind a piece of so much at most.
    fn advance(&mut self, most: usize) {
        self.at = self.stretch(most).1;
    }

    /// Where the piece that ends there has a better end: behind a blank near the text's end, or at least not within what is seen as one character.
    fn at_a_blank(&self, most: usize) -> usize {
        const NEAR: usize = 200;
        let end = self.at + most;
        let body = &self.message.body;
        if end >= body.len() {
            return most;
        }
        let end = body.floor_char_boundary(end);
        let from = body.floor_char_boundary(end.saturating_sub(NEAR).max(self.at));
        let blank = body[from..end].rmatch_indices([' ', '\n']).map(|(blank, _)| from + blank + 1).find(|end| is_seen_apart(body, *end));
        let apart = || (from..=end).rev().find(|end| body.is_char_boundary(*end) && is_seen_apart(body, *end));
        match blank.or_else(apart) {
            Some(end) if end > self.at => end - self.at,
            _ => most,
        }
    }

    /// The message with what stands in this stretch, and where that ends.
    fn stretch(&self, most: usize) -> (Message, usize) {
        let whole = self.message;
        let mut walk = Walk { at: 0, from: self.at, to: self.at + most, end: self.at };
        let mut piece = Message::new(whole.key, whole.sender.clone(), walk.text(&whole.body).to_owned());
        piece.copies = whole.copies;
        piece.spread_millis = whole.spread_millis;
        piece.files = walk.entries(&whole.files).to_vec();
        piece.subject = walk.optional(whole.subject.as_deref());
        piece.stanza = walk.optional(whole.stanza.as_deref());
        piece.stanza_id = walk.optional(whole.stanza_id.as_deref());
        piece.thread = walk.optional(whole.thread.as_deref());
        piece.recipients = walk.entries(&whole.recipients).to_vec();
        (piece, walk.end)
    }
}

/// Whether what stands before and behind a place is not seen as one character (a grapheme cluster of Unicode Standard Annex 29).
fn is_seen_apart(text: &str, at: usize) -> bool {
    GraphemeCursor::new(at, text.len(), true).is_boundary(text, 0).unwrap_or(true)
}

/// Passes the fields of a message in their order and takes what stands between two places.
struct Walk {
    at: usize,
    from: usize,
    to: usize,
    /// How far has been taken; texts end at a character border.
    end: usize,
}

impl Walk {
    fn pass(&mut self, length: usize) -> Range<usize> {
        let range = self.from.clamp(self.at, self.at + length) - self.at..self.to.clamp(self.at, self.at + length) - self.at;
        self.at += length;
        range
    }

    fn text<'t>(&mut self, text: &'t str) -> &'t str {
        let start = self.at;
        let Range { start: from, end: to } = self.pass(text.len());
        let (from, to) = (text.floor_char_boundary(from), text.floor_char_boundary(to));
        if to > from {
            self.end = start + to;
        }
        &text[from..to]
    }

    /// An empty text stands in the first piece, so that it is told from none.
    fn optional(&mut self, text: Option<&str>) -> Option<String> {
        let part = self.text(text?);
        (!part.is_empty() || self.from == 0).then(|| part.to_owned())
    }

    fn entries<'t, T>(&mut self, entries: &'t [T]) -> &'t [T] {
        let start = self.at;
        let range = self.pass(entries.len());
        if !range.is_empty() {
            self.end = start + range.end;
        }
        &entries[range]
    }
}

/// Joins the pieces of messages, which follow each other.
pub(super) fn joined(pieces: Vec<Message>) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match messages.last_mut().filter(|last| last.key == piece.key) {
            Some(message) => append(message, piece),
            None => messages.push(piece),
        }
    }
    messages
}

fn append(message: &mut Message, piece: Message) {
    message.body.push_str(&piece.body);
    for (text, more) in [
        (&mut message.stanza_id, piece.stanza_id),
        (&mut message.subject, piece.subject),
        (&mut message.thread, piece.thread),
        (&mut message.stanza, piece.stanza),
    ] {
        if let Some(more) = more {
            text.get_or_insert_default().push_str(&more);
        }
    }
    message.recipients.extend(piece.recipients);
    message.files.extend(piece.files);
}
