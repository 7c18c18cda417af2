/// Something that goes wrong: once, unless told otherwise.
///
/// A fault of a table meets the statements that give rows of it; not those that count them, unless told so by [`in_counts`](Self::in_counts).
#[derive(Debug, Clone)]
pub struct Fault {
    kind: Kind,
    counts: bool,
    /// How often it is still to happen; `None` is for ever.
    left: Option<u32>,
    /// How often it is not to happen before it does.
    later: u32,
}

#[derive(Debug, Clone)]
enum Kind {
    RefuseLogin(Refused),
    Begin { phase: Phase, ending: Ending },
    End { table: String, moment: Moment, ending: Ending },
}

/// What comes before a login is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// The connection was accepted; nothing was answered.
    Connected,
    /// In the middle of the answer to PRELOGIN.
    Prelogin,
    /// LOGIN7 was read; nothing was answered to it.
    Login,
    /// In the middle of the answer to LOGIN7.
    LoginAnswer,
}

/// Where the answer to a statement has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Moment {
    /// In the middle of the header of its first packet.
    Header,
    /// In the middle of the columns' description (COLMETADATA).
    Columns,
    /// So many rows have been given, maybe none.
    After(u64),
    /// In the middle of the row of this number, from 1.
    Within(u64),
    /// In the middle of the first long text of this row.
    WithinText(u64),
    /// All rows have been given.
    Done,
    /// In the middle of the token that tells that it was the last (DONE).
    WithinDone,
}

/// Why a login is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The server upgrades its databases.
    Upgrade,
    /// The database is not open.
    NotOpen,
}

/// How an answer ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The connection is closed.
    Drop,
    /// Nothing is sent any more.
    Stall,
    /// With an error of this number; only between rows.
    Error(u32),
    /// It does not end, but the first byte of the token that comes is this one; only at a row or at DONE.
    Token(u8),
}

impl Fault {
    /// Logins are refused with error 18401, as while a server upgrades its databases.
    pub fn refuse_logins() -> Self {
        Self::refuse(Refused::Upgrade)
    }

    /// The database cannot be opened, error 4060, as while it is recovered after a restart.
    pub fn close_database() -> Self {
        Self::refuse(Refused::NotOpen)
    }

    /// A connection ends before a login is accepted: by [`Ending::Drop`] or [`Ending::Stall`].
    pub fn before_login(phase: Phase, ending: Ending) -> Self {
        Self { kind: Kind::Begin { phase, ending }, counts: false, left: Some(1), later: 0 }
    }

    /// An answer ends at this moment.
    pub fn at(table: impl Into<String>, moment: Moment, ending: Ending) -> Self {
        Self { kind: Kind::End { table: table.into(), moment, ending }, counts: false, left: Some(1), later: 0 }
    }

    /// The connection is lost in the middle of the bytes of row `n`, from 1.
    pub fn drop_after_rows(table: impl Into<String>, n: u64) -> Self {
        Self::at(table, Moment::Within(n), Ending::Drop)
    }

    /// The connection is lost after the last row and before the token that tells that it was the last.
    pub fn drop_before_done(table: impl Into<String>) -> Self {
        Self::at(table, Moment::Done, Ending::Drop)
    }

    /// The server goes silent after so many rows; the connection stays open.
    pub fn stall(table: impl Into<String>, rows: u64) -> Self {
        Self::at(table, Moment::After(rows), Ending::Stall)
    }

    /// The server gives an error, such as 1205 for a deadlock, before the first row.
    ///
    /// The class is that of SQL Server for the numbers 596, 601, 701, 976, 983, 1204, 1205, 1222, 3960, 6005, 40197, 40501 and 40613, and 16 for others.
    /// After an error of class 20 or more the connection is closed.
    pub fn error(table: impl Into<String>, number: u32) -> Self {
        Self::at(table, Moment::After(0), Ending::Error(number))
    }

    /// With an [`error`](Self::error) or [`stall`](Self::stall) after so many rows.
    #[must_use]
    pub fn after_rows(mut self, rows: u64) -> Self {
        if let Kind::End { moment: moment @ Moment::After(_), .. } = &mut self.kind {
            *moment = Moment::After(rows);
        }
        self
    }

    /// Meeting the statements that count rows of the table, instead of those that give them.
    #[must_use]
    pub fn in_counts(mut self) -> Self {
        self.counts = true;
        self
    }

    /// Not the first so many times that it could happen.
    #[must_use]
    pub fn later(mut self, times: u32) -> Self {
        self.later = times;
        self
    }

    /// So many times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.left = Some(times);
        self
    }

    /// Whenever it can.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.left = None;
        self
    }

    fn refuse(why: Refused) -> Self {
        Self { kind: Kind::RefuseLogin(why), counts: false, left: Some(1), later: 0 }
    }

    pub(super) fn refuses_login(&self) -> Option<Refused> {
        match self.kind {
            Kind::RefuseLogin(why) if self.left != Some(0) => Some(why),
            _ => None,
        }
    }

    pub(super) fn ends_in(&self, phase: Phase) -> Option<Ending> {
        match &self.kind {
            Kind::Begin { phase: when, ending } if self.left != Some(0) && *when == phase => Some(*ending),
            _ => None,
        }
    }

    pub(super) fn ends(&self, tables: &[String], counts: bool, moment: Moment) -> Option<Ending> {
        match &self.kind {
            Kind::End { table, moment: when, ending }
                if self.left != Some(0)
                    && *when == moment
                    && self.counts == counts
                    && tables.iter().any(|read| read.eq_ignore_ascii_case(table)) =>
            {
                Some(*ending)
            }
            _ => None,
        }
    }

    /// Whether it does not happen yet; counts that.
    pub(super) fn passes_by(&mut self) -> bool {
        let passes = self.later > 0;
        self.later = self.later.saturating_sub(1);
        passes
    }

    /// Counts one use; whether it can be used again.
    pub(super) fn use_once(&mut self) -> bool {
        self.left = self.left.map(|left| left.saturating_sub(1));
        self.left != Some(0)
    }
}
