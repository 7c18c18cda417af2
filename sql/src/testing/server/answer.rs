//! Makes the answer to a request, piece by piece as the client takes them.

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

use super::{
    database::{Database, Moment},
    fault::Ending,
    query::{self, Plan, Settings, Statement},
    refusal::Refusal,
    request::Request,
    response::{self, Outcome},
};

/// How many bytes of tokens make a piece.
const PIECE: usize = 16 * 1024;

/// A piece of an answer.
#[derive(Debug)]
pub(super) enum Piece {
    /// Whole tokens, save before a [`Piece::Cut`].
    Tokens(Bytes),
    /// The session has another isolation from now on.
    Isolation { snapshot: bool },
    /// The answer is complete.
    Done,
    /// The answer is complete, and the connection is to be closed.
    Fatal,
    /// The answer breaks off here.
    Cut(Ending),
}

/// Nobody waits for the answer any more.
#[derive(Debug)]
struct Gone;

/// An answer in the making.
#[derive(Debug)]
pub(super) struct Answer {
    database: Database,
    snapshot: bool,
    pieces: mpsc::Sender<Piece>,
    tokens: BytesMut,
}

impl Answer {
    pub(super) fn new(database: Database, snapshot: bool, pieces: mpsc::Sender<Piece>) -> Self {
        Self { database, snapshot, pieces, tokens: BytesMut::new() }
    }

    /// Answers a request; blocks while the client does not take what there is.
    pub(super) fn to(mut self, request: &Request) {
        // If the client is gone there is nobody to tell.
        let _ = self.try_to(request);
    }

    fn try_to(&mut self, request: &Request) -> Result<(), Gone> {
        let outcome = match query::read(request, &self.database, self.snapshot) {
            Ok(Statement::Settings(settings)) => self.set(settings, request.call)?,
            Ok(Statement::Query(plan)) => match self.rows(plan)? {
                Some(outcome) => outcome,
                None => return Ok(()),
            },
            Err(refusal) => Err(refusal),
        };
        let fatal = outcome.as_ref().err().is_some_and(Refusal::is_fatal);
        let outcome = outcome.unwrap_or_else(|refusal| {
            response::error(&mut self.tokens, &refusal);
            Outcome::Error
        });
        response::done(&mut self.tokens, outcome, request.call);
        self.send_tokens()?;
        self.send(if fatal { Piece::Fatal } else { Piece::Done })
    }

    fn set(&mut self, settings: Settings, call: bool) -> Result<Result<Outcome, Refusal>, Gone> {
        // What `sp_executesql` sets ends with it.
        if let (Some(snapshot), false) = (settings.snapshot, call) {
            self.send(Piece::Isolation { snapshot })?;
        }
        Ok(Ok(Outcome::Set))
    }

    /// Gives the rows; nothing is returned if the answer has been cut.
    fn rows(&mut self, plan: Plan) -> Result<Option<Result<Outcome, Refusal>>, Gone> {
        let Plan { columns, rows, tables, counts } = plan;
        response::col_metadata(&mut self.tokens, &columns);
        let mut given = 0;
        let ending = |database: &Database, moment| database.ending(&tables, counts, moment);
        let mut rows = rows;
        loop {
            match ending(&self.database, Moment::After(given)) {
                Some(Ending::Error(number)) => return Ok(Some(Err(Refusal::numbered(number, self.database.name())))),
                Some(cut) => return self.cut(cut),
                None => {}
            }
            let before = self.tokens.len();
            match rows.next() {
                None => break,
                Some(row) => {
                    if let Err(refusal) = row.and_then(|row| response::row(&mut self.tokens, &columns, &row)) {
                        self.tokens.truncate(before);
                        return Ok(Some(Err(refusal)));
                    }
                }
            }
            given += 1;
            if let Some(cut) = ending(&self.database, Moment::Within(given)) {
                let length = self.tokens.len() - before;
                self.tokens.truncate(before + length / 2);
                return self.cut(cut);
            }
            if self.tokens.len() >= PIECE {
                self.send_tokens()?;
            }
        }
        match ending(&self.database, Moment::Done) {
            Some(cut) => self.cut(cut),
            None => Ok(Some(Ok(Outcome::Rows(given)))),
        }
    }

    fn cut<T>(&mut self, cut: Ending) -> Result<Option<T>, Gone> {
        self.send_tokens()?;
        self.send(Piece::Cut(cut))?;
        Ok(None)
    }

    fn send_tokens(&mut self) -> Result<(), Gone> {
        let tokens = self.tokens.split().freeze();
        self.send(Piece::Tokens(tokens))
    }

    fn send(&self, piece: Piece) -> Result<(), Gone> {
        self.pieces.blocking_send(piece).map_err(|_| Gone)
    }
}
