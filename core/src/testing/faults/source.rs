use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use futures::stream::BoxStream;

use super::Faults;
use crate::{
    BareJid, Clock, ErrorKind::Source as KIND, Extent, Grid, HourlyRows, Record, Result, Rooms, Source, SourceId, Span, Tally, Timestamp,
    Transfer,
};

/// A source whose calls fail as [`Faults`] say, and whose streams break.
#[derive(Debug)]
pub struct FaultySource<S: ?Sized> {
    inner: Arc<S>,
    faults: Faults,
}

impl<S: Source + ?Sized> FaultySource<S> {
    /// Lets the calls to a source fail.
    pub fn new(inner: Arc<S>, faults: &Faults) -> Self {
        Self { inner, faults: faults.clone() }
    }
}

#[async_trait]
impl<S: Source + ?Sized> Source for FaultySource<S> {
    fn id(&self) -> &SourceId {
        self.inner.id()
    }

    async fn clocks(&self) -> Result<Vec<Clock>> {
        self.faults.call(KIND, "clocks", self.inner.clocks()).await
    }

    async fn extent(&self, now: Timestamp) -> Result<Extent> {
        self.faults.call(KIND, "extent", self.inner.extent(now)).await
    }

    async fn context(&self) -> Result<Rooms> {
        self.faults.call(KIND, "context", self.inner.context()).await
    }

    async fn tally(&self, span: Span, grid: &Grid) -> Result<Vec<Tally>> {
        self.faults.call(KIND, "tally", self.inner.tally(span, grid)).await
    }

    fn records(&self, span: Span) -> BoxStream<'static, Result<Vec<Record>>> {
        self.faults.stream(KIND, "records", self.inner.records(span))
    }

    async fn transfers(&self, span: Span, resources: &[String]) -> Result<Vec<Transfer>> {
        self.faults.call(KIND, "transfers", self.inner.transfers(span, resources)).await
    }

    async fn hours(&self, spans: &[Span]) -> Result<HourlyRows> {
        self.faults.call(KIND, "hours", self.inner.hours(spans)).await
    }

    async fn room_numbers(&self, span: Span) -> Result<Option<BTreeMap<BareJid, i64>>> {
        self.faults.call(KIND, "room numbers", self.inner.room_numbers(span)).await
    }
}
