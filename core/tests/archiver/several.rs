//! Several databases make one archive, and none of them is left out.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use async_trait::async_trait;
use futures::{
    FutureExt, StreamExt, TryStreamExt,
    executor::block_on,
    stream::{self, BoxStream},
};
use jabber_archive_core::{
    BareJid, Clock, Error, ErrorClass, ErrorKind, Extent, Finding, Grid, Jid, Record, Result, Room, RoomKind, Rooms, Source, SourceId,
    Sources, Span, Tally, Timestamp, Transfer,
    testing::{faults::Faults, memory::MemorySource, rows::rows},
};
use proptest::{collection::vec, prelude::*};

use super::world::*;

fn named(name: &str, records: Vec<Record>) -> Arc<MemorySource> {
    Arc::new(MemorySource::new(records, at("2026-11-24T06:30:00Z")).named(name))
}

fn together<const N: usize>(sources: [Arc<dyn Source>; N]) -> Sources {
    Sources::new(sources).unwrap()
}

fn room(title: Option<&str>, kind: RoomKind) -> Room {
    Room::new(kind, title.map(ToOwned::to_owned))
}

fn rooms_of(described: &[(BareJid, Room)], nicks: &[(BareJid, String, Jid)]) -> Rooms {
    let mut rooms = Rooms::new();
    for (jid, room) in described {
        rooms.add_room(jid.clone(), room.clone());
    }
    for (room, nick, real) in nicks {
        rooms.add_nick(room.clone(), nick.clone(), real.clone());
    }
    rooms
}

/// Rows of `tc_rooms`, and of `tc_users`.
type Described = (Vec<(BareJid, Room)>, Vec<(BareJid, String, Jid)>);

fn described() -> impl Strategy<Value = Described> {
    let jid = || prop::sample::select(vec![ROOM, "other@conference.example.com"]).prop_map(|room| BareJid::new(room).unwrap());
    let title = prop::option::of(prop::sample::select(vec!["Planning", "Planung", ""]).prop_map(str::to_owned));
    let kind = prop::sample::select(vec![RoomKind::AdHoc, RoomKind::Persistent]);
    let real = prop::sample::select(vec![ALICE, BOB, "alice@example.com/jabber_2"]).prop_map(|real| Jid::parse(real).unwrap());
    let nick = prop::sample::select(vec!["ali", "bob"]).prop_map(str::to_owned);
    (vec((jid(), (kind, title).prop_map(|(kind, title)| Room::new(kind, title))), 0..6), vec((jid(), nick, real), 0..6))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 4, ..ProptestConfig::default() })]

    /// The rows and the rooms of one database, and for each in which of several it lies.
    #[test]
    fn however_rows_are_spread_over_databases_the_archive_is_the_same(
        records in rows(2, 30, Duration::from_mins(6)),
        (described, nicks) in described(),
        places in vec(0_usize..4, 64),
        indexed in any::<[bool; 4]>(),
        large in any::<bool>(),
    ) {
        let mut records = records;
        records.extend(if large { large_company() } else { company() });
        let mut one = World::new(records.clone());
        one.source = Arc::new(MemorySource::new(records.clone(), one.now).with_rooms(rooms_of(&described, &nicks)).batches_of(5));
        one.run().unwrap();

        let several = one.anew();
        let place = |index: usize| places[index % places.len()];
        let sources = (0..4).map(|share| {
            fn of<T: Clone>(all: &[T], here: impl Fn(usize) -> bool) -> Vec<T> {
                all.iter().enumerate().filter(|(index, _)| here(*index)).map(|(_, one)| one.clone()).collect()
            }
            let here = |index| place(index) == share;
            let source = MemorySource::new(of(&records, here), one.now)
                .with_rooms(rooms_of(&of(&described, here), &of(&nicks, here)))
                .indexed(indexed[share])
                .batches_of(3 + share)
                .named(&format!("share {share}"));
            Arc::new(source) as Arc<dyn Source>
        });
        several.run_of(Sources::new(sources).unwrap()).unwrap();
        several.check();
        prop_assert!(several.outcome() == one.outcome());
    }

    #[test]
    fn what_databases_say_of_a_room_counts_in_any_order(described in vec(described(), 3)) {
        let [a, b, c] = &described.iter().map(|(rooms, nicks)| rooms_of(rooms, nicks)).collect::<Vec<_>>()[..] else { unreachable!() };
        let merged = |order: [&Rooms; 3]| {
            let mut rooms = Rooms::new();
            for other in order {
                rooms.extend(other.clone());
            }
            rooms
        };
        prop_assert_eq!(merged([a, b, c]), merged([c, a, b]));
        prop_assert_eq!(merged([a, b, b]), merged([b, a, a]));
        let mut nested = b.clone();
        nested.extend(c.clone());
        prop_assert_eq!(merged([a, &nested, a]), merged([a, b, c]));
    }
}

#[test]
fn of_contradicting_databases_the_smaller_kind_and_title_count_and_a_nick_of_two_people_is_nobodys() {
    let jid = BareJid::new(ROOM).unwrap();
    let source = |name: &str, room: Room, real: &str| {
        let rooms = rooms_of(&[(jid.clone(), room)], &[(jid.clone(), "ali".into(), Jid::parse(real).unwrap())]);
        Arc::new(MemorySource::new(Vec::new(), at("2026-11-24T06:30:00Z")).named(name).with_rooms(rooms)) as Arc<dyn Source>
    };
    let rooms = block_on(
        together([
            source("a", room(None, RoomKind::AdHoc), ALICE),
            source("b", room(Some("Planung"), RoomKind::Persistent), BOB),
            source("c", room(Some("Planning"), RoomKind::Persistent), ALICE),
        ])
        .context(),
    )
    .unwrap();
    assert_eq!(rooms.room(&jid), Some(&room(Some("Planning"), RoomKind::AdHoc)));
    assert_eq!(rooms.person(&jid, "ali"), None);
}

#[test]
fn a_database_that_is_listed_twice_is_refused_and_so_is_none() {
    let source = |name: &str| named(name, company()) as Arc<dyn Source>;
    let error = Sources::new([source("sql02/a"), source("sql01/a"), source("sql02/a")]).unwrap_err();
    assert_eq!((error.kind(), error.class()), (ErrorKind::Config, ErrorClass::Fatal));
    assert_eq!(error.to_string(), "join sources sql02/a: it is there twice: its rows would be counted twice; leave one out");
    assert_eq!(Sources::new([]).unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn the_order_in_which_databases_are_listed_does_not_matter() {
    let source = |name: &str| named(name, Vec::new()) as Arc<dyn Source>;
    let (there, back) = (together([source("a"), source("b")]), together([source("b"), source("a")]));
    assert_eq!(there.id(), back.id());
    assert_eq!(there.id().to_string(), "a, b");
}

/// A source of which one question is answered with an error, or which is looked at while it is read.
struct Odd<F> {
    inner: Arc<MemorySource>,
    asked: F,
}

impl<F> std::fmt::Debug for Odd<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Odd")
    }
}

#[async_trait]
impl<F: Fn(&str) -> Option<Error> + Send + Sync> Source for Odd<F> {
    fn id(&self) -> &SourceId {
        self.inner.id()
    }
    async fn clocks(&self) -> Result<Vec<Clock>> {
        (self.asked)("clocks").map_or(Ok(()), Err)?;
        self.inner.clocks().await
    }
    async fn extent(&self, now: Timestamp) -> Result<Extent> {
        (self.asked)("extent").map_or(Ok(()), Err)?;
        self.inner.extent(now).await
    }
    async fn context(&self) -> Result<Rooms> {
        (self.asked)("context").map_or(Ok(()), Err)?;
        self.inner.context().await
    }
    async fn tally(&self, span: Span, grid: &Grid) -> Result<Vec<Tally>> {
        (self.asked)("tally").map_or(Ok(()), Err)?;
        self.inner.tally(span, grid).await
    }
    fn records(&self, span: Span) -> BoxStream<'static, Result<Vec<Record>>> {
        match (self.asked)("records") {
            Some(error) => self.inner.records(span).take(1).chain(stream::iter([Err(error)])).boxed(),
            None => self.inner.records(span),
        }
    }
    async fn transfers(&self, span: Span, resources: &[String]) -> Result<Vec<Transfer>> {
        (self.asked)("transfers").map_or(Ok(()), Err)?;
        self.inner.transfers(span, resources).await
    }
}

#[test]
fn a_database_that_fails_at_any_question_fails_the_run_by_name_before_anything_is_sealed() {
    for question in ["clocks", "extent", "context", "tally", "records"] {
        for (subject, shown) in
            [(None, "sql02/b"), (Some("table jm"), "sql02/b, table jm"), (Some("sql02/b, table jm"), "sql02/b, table jm")]
        {
            let world = World::new(Vec::new());
            let asked = move |what: &str| {
                let error = || Error::new(ErrorKind::Source, ErrorClass::Fatal, "ask", "no such table");
                (what == question).then(|| subject.map_or_else(error, |subject| error().about(subject)))
            };
            let fails = Arc::new(Odd { inner: named("sql02/b", company()), asked });
            let error = world.run_of(together([named("sql01/a", large_company()), fails, named("sql03/c", company())])).unwrap_err();
            assert_eq!(error.to_string(), format!("ask {shown}: no such table"), "{question}");
            assert!(world.seals().is_empty(), "{question}");
        }
    }
}

#[test]
fn a_database_that_comes_back_is_read_again_with_all_others() {
    let undisturbed = World::new(large_company());
    undisturbed.run().unwrap();
    let world = undisturbed.anew();
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for (index, record) in large_company().into_iter().enumerate() {
        if index % 2 == 0 { one.push(record) } else { other.push(record) }
    }
    let failures = AtomicUsize::new(0);
    let asked = move |what: &str| {
        let fails = what == "records" && failures.fetch_add(1, Ordering::Relaxed) % 3 < 2;
        fails.then(|| Error::new(ErrorKind::Source, ErrorClass::Transient, "read", "the connection was lost"))
    };
    world.run_of(together([named("a", one), Arc::new(Odd { inner: named("b", other), asked })])).unwrap();
    assert!(world.outcome() == undisturbed.outcome());
    assert!(!world.observer.waits.lock().unwrap().is_empty());
}

#[test]
fn an_error_of_one_stream_ends_all() {
    let asked = |what: &str| (what == "records").then(|| Error::new(ErrorKind::Source, ErrorClass::Transient, "read", "lost"));
    let whole = Span::new(Timestamp::MIN, Timestamp::MAX);
    // Of the one there is still much to come when the other fails.
    let long = Arc::new(MemorySource::new(large_company(), at("2026-11-24T06:30:00Z")).named("a").batches_of(1));
    let sources = together([long, Arc::new(Odd { inner: named("b", company()), asked })]);
    let results: Vec<_> = block_on(sources.records(whole).collect());
    assert!(results.len() < large_company().len(), "{}", results.len());
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
    assert_eq!(results.last().unwrap().as_ref().unwrap_err().to_string(), "read b: lost");
}

/// A source that gives nothing before all others are being read too.
#[derive(Debug)]
struct Together {
    inner: Arc<MemorySource>,
    reading: Arc<AtomicUsize>,
    all: usize,
}

#[async_trait]
impl Source for Together {
    fn id(&self) -> &SourceId {
        self.inner.id()
    }
    async fn clocks(&self) -> Result<Vec<Clock>> {
        self.meet().await;
        self.inner.clocks().await
    }
    async fn extent(&self, now: Timestamp) -> Result<Extent> {
        self.meet().await;
        self.inner.extent(now).await
    }
    async fn context(&self) -> Result<Rooms> {
        self.meet().await;
        self.inner.context().await
    }
    async fn tally(&self, span: Span, grid: &Grid) -> Result<Vec<Tally>> {
        self.meet().await;
        self.inner.tally(span, grid).await
    }
    fn records(&self, span: Span) -> BoxStream<'static, Result<Vec<Record>>> {
        let (met, records) = (self.meet(), self.inner.records(span));
        stream::once(met.map(move |()| Ok(records))).try_flatten().boxed()
    }
    async fn transfers(&self, span: Span, resources: &[String]) -> Result<Vec<Transfer>> {
        self.meet().await;
        self.inner.transfers(span, resources).await
    }
}

impl Together {
    /// Completes when every source has come here once more.
    fn meet(&self) -> impl Future<Output = ()> + Send + use<> {
        let (reading, all) = (self.reading.clone(), self.all);
        let (mut until, mut polls) = (None, 0);
        poll_fn(move |context| {
            polls += 1;
            assert!(polls < 1_000_000, "the others are not asked meanwhile");
            let until = *until.get_or_insert_with(|| (reading.fetch_add(1, Ordering::Relaxed) / all + 1) * all);
            if reading.load(Ordering::Relaxed) >= until {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }
}

#[test]
fn all_databases_are_asked_and_read_at_the_same_time() {
    let reading = Arc::new(AtomicUsize::new(0));
    let sources = (0..3).map(|share| {
        let inner = named(&format!("share {share}"), company());
        Arc::new(Together { inner, reading: reading.clone(), all: 3 }) as Arc<dyn Source>
    });
    let sources = Sources::new(sources).unwrap();
    // One after the other they would wait for each other without end.
    block_on(async {
        sources.clocks().await.unwrap();
        sources.extent(Timestamp::MAX).await.unwrap();
        sources.context().await.unwrap();
        sources.tally(Span::new(at("2026-11-20T00:00:00Z"), at("2026-11-24T00:00:00Z")), &Grid::daily()).await.unwrap();
        let rows: Vec<Vec<Record>> = sources.records(Span::new(Timestamp::MIN, Timestamp::MAX)).try_collect().await.unwrap();
        assert_eq!(rows.concat().len(), 3 * company().len());
    });
}

#[test]
fn every_clock_counts() {
    let run = |clocks: [&str; 3]| {
        let mut world = World::new(Vec::new());
        world.now = at("2026-11-20T13:10:00Z");
        let sources = clocks.iter().zip(["a", "b", "c"]).map(|(clock, name)| {
            let source = named(name, vec![chat("2026-11-20T09:00:00Z", "a1", "hi")]);
            source.set_clock(at(clock));
            source as Arc<dyn Source>
        });
        world.run_of(Sources::new(sources).unwrap())
    };
    let ours = "2026-11-20T13:10:00Z";
    assert_eq!(run([ours, ours, ours]).unwrap().frontier, Some(at("2026-11-20T12:00:00Z")));
    // The one that is furthest behind closes windows.
    assert_eq!(run([ours, ours, "2026-11-20T12:59:59Z"]).unwrap().frontier, None);
    // One ahead and one behind do not make up for each other.
    let report = run([ours, "2026-11-20T13:20:00Z", "2026-11-20T13:02:00Z"]).unwrap();
    let skews: Vec<_> = report.findings.iter().filter(|finding| matches!(finding, Finding::ClockSkew { .. })).collect();
    assert_eq!(skews, [&Finding::ClockSkew { seconds: -600 }, &Finding::ClockSkew { seconds: 480 }]);
    let error = run([ours, "2026-11-20T15:00:00Z", ours]).unwrap_err();
    assert!(error.to_string().contains("compare clocks b: our clock and the server's are 6600 s apart"), "{error}");
}

#[test]
fn the_archive_is_the_same_whatever_fails_now_and_then() {
    let undisturbed = World::new(large_company());
    undisturbed.run().unwrap();
    for seed in 0..10 {
        let mut world = undisturbed.anew();
        world.settings.retry.tries = 1_000;
        world.settings.retry.total = Duration::MAX;
        let shares = (0..3).map(|share| {
            let records = large_company().into_iter().skip(share).step_by(3).collect();
            let faults = Faults::seeded(seed * 3 + share as u64).errors_before(10).broken_streams(5);
            let source = MemorySource::new(records, world.now).named(&format!("share {share}"));
            Arc::new(jabber_archive_core::testing::faults::FaultySource::new(Arc::new(source), &faults)) as Arc<dyn Source>
        });
        world.run_of(Sources::new(shares).unwrap()).unwrap();
        world.check();
        assert!(world.outcome() == undisturbed.outcome(), "{seed}");
    }
}
