//! Makes the answer to a request, piece by piece as the client takes them.

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

use super::{
    database::Database,
    fault::{Ending, Moment},
    query::{self, Plan, Session, Statement},
    refusal::Refusal,
    request::Request,
    response::{self, Form, Outcome},
};

/// How many bytes of tokens make a piece.
const PIECE: usize = 16 * 1024;

/// A piece of an answer.
#[derive(Debug)]
pub(super) enum Piece {
    /// Whole tokens, save before a [`Piece::Cut`].
    Tokens(Bytes),
    /// The session is set so from now on.
    Set(Session),
    /// The answer is complete.
    Done,
    /// The answer is complete, and the connection is to be closed.
    Fatal,
    /// The answer breaks off here.
    Cut(Ending),
    /// The answer breaks off within the header of the packet that comes.
    CutInHeader(Ending),
}

/// Nobody waits for the answer any more.
#[derive(Debug)]
struct Gone;

/// An answer in the making.
#[derive(Debug)]
pub(super) struct Answer {
    database: Database,
    session: Session,
    pieces: mpsc::Sender<Piece>,
    tokens: BytesMut,
    /// What has been sent, if answers are kept; one that goes wrong, or sets the session, is none that can be given again.
    sent: Option<Vec<Bytes>>,
}

/// Where faults may meet an answer.
struct Faults {
    database: Database,
    tables: Vec<String>,
    counts: bool,
}

impl Faults {
    fn at(&self, moment: Moment) -> Option<Ending> {
        self.database.ending(&self.tables, self.counts, moment)
    }
}

impl Answer {
    pub(super) fn new(database: Database, session: Session, pieces: mpsc::Sender<Piece>) -> Self {
        let sent = database.keeps_answers().then(Vec::new);
        Self { database, session, pieces, tokens: BytesMut::new(), sent }
    }

    /// Answers a request; blocks while the client does not take what there is.
    pub(super) fn to(mut self, request: &Request) {
        // If the client is gone there is nobody to tell.
        let _ = if self.sent.is_some() { self.try_again(request) } else { self.try_to(request) };
    }

    /// Gives an answer that is kept, and keeps the one that is made.
    fn try_again(&mut self, request: &Request) -> Result<(), Gone> {
        let asked = format!("{request:?} {:?}", self.session);
        let Some(kept) = self.database.kept_answer(&asked) else {
            self.try_to(request)?;
            if let Some(sent) = self.sent.take() {
                self.database.keep_answer(asked, sent);
            }
            return Ok(());
        };
        kept.iter().try_for_each(|tokens| self.send(Piece::Tokens(tokens.clone())))?;
        self.send(Piece::Done)
    }

    fn try_to(&mut self, request: &Request) -> Result<(), Gone> {
        let outcome = match query::read(request, &self.database, self.session) {
            Ok(Statement::Settings(session)) => self.set(session, request.call)?,
            Ok(Statement::Query(plan)) => match self.rows(plan, request.call)? {
                Some(outcome) => outcome,
                None => return Ok(()),
            },
            Err(refusal) => Err(refusal),
        };
        let fatal = outcome.as_ref().err().is_some_and(Refusal::is_fatal);
        let outcome = outcome.unwrap_or_else(|refusal| {
            self.sent = None;
            response::error(&mut self.tokens, &refusal);
            Outcome::Error
        });
        response::done(&mut self.tokens, outcome, request.call);
        self.send_tokens()?;
        self.send(if fatal { Piece::Fatal } else { Piece::Done })
    }

    fn set(&mut self, session: Session, call: bool) -> Result<Result<Outcome, Refusal>, Gone> {
        self.sent = None;
        // What `sp_executesql` sets ends with it.
        if !call {
            self.send(Piece::Set(session))?;
        }
        Ok(Ok(Outcome::Set))
    }

    /// Gives the rows; nothing is returned if the answer has been cut.
    fn rows(&mut self, plan: Plan, call: bool) -> Result<Option<Result<Outcome, Refusal>>, Gone> {
        let Plan { columns, mut rows, tables, counts } = plan;
        let faults = Faults { database: self.database.clone(), tables, counts };
        if let Some(cut) = faults.at(Moment::Header) {
            self.sent = None;
            self.send(Piece::CutInHeader(cut))?;
            return Ok(None);
        }
        let form = Form { collation: self.database.collation(), text_size: self.session.text_size };
        response::col_metadata(&mut self.tokens, &columns, &form.collation);
        if let Some(cut) = faults.at(Moment::Columns) {
            self.tokens.truncate(self.tokens.len() / 2);
            return self.cut(cut);
        }
        let mut given = 0;
        loop {
            match faults.at(Moment::After(given)) {
                Some(Ending::Error(number)) => return Ok(Some(Err(Refusal::numbered(number, self.database.name())))),
                Some(cut) => return self.cut(cut),
                None => {}
            }
            let before = self.tokens.len();
            let text = match rows.next() {
                None => break,
                Some(row) => match row.and_then(|row| response::row(&mut self.tokens, &columns, &row, &form)) {
                    Ok(text) => text,
                    Err(refusal) => {
                        self.tokens.truncate(before);
                        return Ok(Some(Err(refusal)));
                    }
                },
            };
            given += 1;
            match faults.at(Moment::Within(given)) {
                Some(Ending::Token(token)) => self.tokens[before] = token,
                Some(cut) => {
                    self.tokens.truncate(before.midpoint(self.tokens.len()));
                    return self.cut(cut);
                }
                None => {}
            }
            if let Some((cut, text)) = faults.at(Moment::WithinText(given)).zip(text) {
                self.tokens.truncate(text.midpoint(self.tokens.len()));
                return self.cut(cut);
            }
            if self.tokens.len() >= PIECE {
                self.send_tokens()?;
            }
        }
        self.end(&faults, given, call)
    }

    /// What comes after the last row.
    fn end(&mut self, faults: &Faults, given: u64, call: bool) -> Result<Option<Result<Outcome, Refusal>>, Gone> {
        let before = self.tokens.len();
        match faults.at(Moment::Done) {
            Some(Ending::Token(token)) => {
                response::done(&mut self.tokens, Outcome::Rows(given), call);
                self.tokens[before] = token;
                self.sent = None;
                self.send_tokens()?;
                self.send(Piece::Done)?;
                return Ok(None);
            }
            Some(cut) => return self.cut(cut),
            None => {}
        }
        match faults.at(Moment::WithinDone) {
            Some(cut) => {
                response::done(&mut self.tokens, Outcome::Rows(given), false);
                self.tokens.truncate(before.midpoint(self.tokens.len()));
                self.cut(cut)
            }
            None => Ok(Some(Ok(Outcome::Rows(given)))),
        }
    }

    fn cut<T>(&mut self, cut: Ending) -> Result<Option<T>, Gone> {
        self.sent = None;
        self.send_tokens()?;
        self.send(Piece::Cut(cut))?;
        Ok(None)
    }

    fn send_tokens(&mut self) -> Result<(), Gone> {
        let tokens = self.tokens.split().freeze();
        if let Some(sent) = &mut self.sent {
            sent.push(tokens.clone());
        }
        self.send(Piece::Tokens(tokens))
    }

    fn send(&self, piece: Piece) -> Result<(), Gone> {
        self.pieces.blocking_send(piece).map_err(|_| Gone)
    }
}
