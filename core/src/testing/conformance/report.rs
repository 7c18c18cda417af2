use std::fmt;

use bytes::Bytes;
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};

use crate::{ByteStream, Error, ErrorClass, ErrorKind, Result};

/// Which rules of a contract hold, and which were not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    suite: &'static str,
    passed: Vec<&'static str>,
    skipped: Vec<(&'static str, String)>,
}

impl Report {
    /// The rules that hold.
    pub fn passed(&self) -> &[&'static str] {
        &self.passed
    }

    /// The rules that were not looked at, and why.
    pub fn skipped(&self) -> &[(&'static str, String)] {
        &self.skipped
    }

    pub(super) fn new(suite: &'static str) -> Self {
        Self { suite, passed: Vec::new(), skipped: Vec::new() }
    }

    /// Runs a check, which panics if the rule does not hold.
    pub(super) async fn check(&mut self, rule: &'static str, check: impl AsyncFnOnce(Rule)) {
        check(Rule { suite: self.suite, rule }).await;
        self.passed.push(rule);
    }

    /// Runs a check where it can be run.
    pub(super) async fn check_if(&mut self, possible: Result<(), &str>, rule: &'static str, check: impl AsyncFnOnce(Rule)) {
        match possible {
            Ok(()) => self.check(rule, check).await,
            Err(reason) => self.skipped.push((rule, reason.to_owned())),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} rules hold, {} skipped", self.suite, self.passed.len(), self.skipped.len())?;
        for rule in &self.passed {
            writeln!(f, "  holds: {rule}")?;
        }
        for (rule, reason) in &self.skipped {
            writeln!(f, "  skipped: {rule} ({reason})")?;
        }
        Ok(())
    }
}

/// A rule that is being checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    suite: &'static str,
    rule: &'static str,
}

impl Rule {
    #[track_caller]
    pub(super) fn broken(self, found: impl fmt::Display) -> ! {
        panic!("{} breaks its contract: {}: {found}", self.suite, self.rule)
    }

    #[track_caller]
    pub(super) fn ensure(self, holds: bool, found: impl fmt::Display) {
        if !holds {
            self.broken(found);
        }
    }

    #[track_caller]
    pub(super) fn equal<T: PartialEq + fmt::Debug>(self, found: &T, expected: &T) {
        self.ensure(found == expected, format_args!("{found:?} instead of {expected:?}"));
    }

    /// Compares bytes, and says no more of them than how many there are.
    #[track_caller]
    pub(super) fn equal_bytes(self, found: &[u8], expected: &[u8]) {
        self.ensure(found == expected, format_args!("{} other bytes instead of {}", found.len(), expected.len()));
    }

    #[track_caller]
    pub(super) fn works<T>(self, result: Result<T>) -> T {
        result.unwrap_or_else(|error| self.broken(format_args!("it fails: {error}")))
    }

    #[track_caller]
    pub(super) fn fails<T>(self, result: Result<T>) -> Error {
        match result {
            Ok(_) => self.broken("it does not fail"),
            Err(error) => error,
        }
    }

    pub(super) async fn whole(self, content: Result<ByteStream>) -> Vec<u8> {
        let pieces: Result<Vec<Bytes>> = self.works(content).try_collect().await;
        self.works(pieces).concat()
    }

    pub(super) async fn all<T>(self, items: BoxStream<'_, Result<T>>) -> Vec<T> {
        self.works(items.try_collect().await)
    }
}

/// A stream of these pieces.
pub(super) fn pieces<const N: usize>(pieces: [&[u8]; N]) -> ByteStream {
    stream::iter(pieces.map(|piece| Ok(Bytes::copy_from_slice(piece)))).boxed()
}

/// A stream that breaks behind these pieces.
pub(super) fn broken<const N: usize>(whole: [&[u8]; N]) -> ByteStream {
    let error = Error::new(ErrorKind::File, ErrorClass::Transient, "read", "the stream broke");
    pieces(whole).chain(stream::iter([Err(error)])).boxed()
}
