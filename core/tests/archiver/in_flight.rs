//! How many bytes of mails are made and not yet stored.

use std::{
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{executor::block_on, stream::BoxStream};
use jabber_archive_core::{
    Archiver, ByteStream, Capability, Conversation, Converter, Issue, ItemKey, MailItem, ObjectKey, Recipe, Record, Result, Sink, Stored,
    Window,
    testing::{faults::Faults, memory::MemorySink, rows::Row},
};

use super::world::*;

/// Counts bytes that come and go.
#[derive(Debug, Default)]
struct Meter {
    now: AtomicUsize,
    most: AtomicUsize,
    /// The most of what was there together with something else.
    most_in_company: AtomicUsize,
    pieces: AtomicUsize,
}

impl Meter {
    fn come(&self, bytes: usize) {
        let now = self.now.fetch_add(bytes, SeqCst) + bytes;
        self.most.fetch_max(now, SeqCst);
        if self.pieces.fetch_add(1, SeqCst) > 0 {
            self.most_in_company.fetch_max(now, SeqCst);
        }
    }

    fn go(&self, bytes: usize) {
        self.now.fetch_sub(bytes, SeqCst);
        self.pieces.fetch_sub(1, SeqCst);
    }
}

/// A sink that takes its time, and measures what is put at once.
#[derive(Debug)]
struct Measured {
    inner: Arc<MemorySink>,
    put: Meter,
    made: Arc<Meter>,
}

#[async_trait]
impl Sink for Measured {
    fn capability(&self) -> Capability {
        self.inner.capability()
    }
    async fn put(&self, item: &MailItem) -> Result<Stored> {
        self.put.come(item.content.len());
        for _ in 0..3 {
            let mut turn = false;
            std::future::poll_fn(|context| {
                context.waker().wake_by_ref();
                if std::mem::replace(&mut turn, true) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
        }
        let stored = self.inner.put(item).await;
        self.put.go(item.content.len());
        self.made.go(item.content.len());
        stored
    }
    async fn put_object(&self, key: &ObjectKey, content: ByteStream) -> Result<Stored> {
        self.inner.put_object(key, content).await
    }
    async fn commit(&self, window: &Window) -> Result<()> {
        self.inner.commit(window).await
    }
    async fn read(&self, key: &ItemKey) -> Result<Bytes> {
        self.inner.read(key).await
    }
    fn list(&self, window: &Window) -> BoxStream<'static, Result<ItemKey>> {
        self.inner.list(window)
    }
}

/// A converter that measures what it makes.
#[derive(Debug)]
struct Making(Arc<dyn Converter>, Arc<Meter>);

impl Converter for Making {
    fn recipe(&self) -> Recipe {
        self.0.recipe()
    }
    fn convert(&self, conversation: &Conversation, issue: Issue, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()> {
        self.0.convert(conversation, issue, &mut |mail| {
            self.1.come(mail.content.len());
            emit(mail)
        })
    }
}

/// Archives a world with a budget, and measures.
fn measure(world: &World, in_flight: usize) -> (Arc<Measured>, Arc<Meter>) {
    let made = Arc::new(Meter::default());
    let sink = Arc::new(Measured { inner: world.sink.clone(), put: Meter::default(), made: made.clone() });
    let converter = Arc::new(Making(world.converter.clone(), made.clone()));
    let mut settings = world.settings.clone();
    settings.in_flight = in_flight;
    let archiver = Archiver::new(
        world.facts.clone(),
        world.source.clone(),
        converter,
        sink.clone(),
        world.ledger.clone(),
        Arc::new(|_: Duration| ready(())),
    );
    block_on(archiver.settings(settings).run(world.now, pending())).unwrap();
    world.check();
    (sink, made)
}

/// In one window a conversation of each size, in bytes of text.
fn conversations(sizes: &[usize]) -> Vec<Record> {
    let text = |size: usize| "x".repeat(size);
    let row = |(number, size): (usize, &usize)| {
        Row::jm(&format!("p{number}@example.com/x"), BOB).at("2026-11-20T09:00:00Z").id(&format!("m{number}")).body(&text(*size)).record()
    };
    sizes.iter().enumerate().map(row).collect()
}

fn sizes_of_mails(world: &World) -> Vec<usize> {
    world.sink.items().values().map(Bytes::len).collect()
}

#[test]
fn mails_in_flight_never_exceed_the_budget() {
    let sizes: Vec<usize> = (0..60).map(|number| 100 + number * 137 % 4_000).collect();
    let unbounded = World::new(conversations(&sizes));
    let (sink, _) = measure(&unbounded, usize::MAX);
    let mails = sizes_of_mails(&unbounded);
    let (largest, all_at_once) = (*mails.iter().max().unwrap(), sink.put.most.load(SeqCst));
    for budget in [largest, 2 * largest, 3 * largest] {
        assert!(all_at_once > budget, "without the budget there were more: {all_at_once}");
        let world = unbounded.anew();
        let (sink, made) = measure(&world, budget);
        let (put, made) = (sink.put.most.load(SeqCst), made.most.load(SeqCst));
        assert!(put <= budget && put > budget - largest, "{put} of {budget} bytes");
        assert!(made <= budget + largest, "beside those that are stored, one conversation has its mails made: {made} of {budget} bytes");
        assert!(world.outcome() == unbounded.outcome());
    }
}

#[test]
fn a_conversation_larger_than_the_budget_is_stored_alone() {
    let world = World::new(conversations(&[300, 500, 50_000, 400, 60_000, 300]));
    let budget = 30_000;
    let (sink, _) = measure(&world, budget);
    assert_eq!(sizes_of_mails(&world).iter().filter(|bytes| **bytes > budget).count(), 2);
    assert!(sink.put.most.load(SeqCst) > budget);
    assert!(sink.put.most_in_company.load(SeqCst) <= budget, "{sink:?}");
    assert!(sink.put.most_in_company.load(SeqCst) > 0, "those that are small are not");
}

#[test]
fn with_no_budget_at_all_one_conversation_is_stored_after_another() {
    let unbounded = World::new(large_company());
    unbounded.run().unwrap();
    let world = unbounded.anew();
    let (sink, _) = measure(&world, 0);
    assert_eq!(sink.put.most_in_company.load(SeqCst), 0);
    assert!(world.outcome() == unbounded.outcome());
}

#[test]
fn a_conversation_that_moves_to_the_next_edition_does_not_wait_for_itself() {
    let mut world = World::new(vec![chat("2026-11-20T09:00:00Z", "a1", "first"), other_chat("2026-11-20T09:00:00Z", "c1", "another")]);
    world.settings.in_flight = 0;
    let faults = Faults::none();
    world.anew().run_with(&faults).unwrap();
    for call in 1..faults.calls() {
        let world = world.anew();
        world.run_with(&Faults::killed_at(call)).unwrap_err();
        world.source.edit(|rows| rows.push(chat("2026-11-20T09:10:00Z", "a2", "second")));
        world.run().unwrap();
        world.check();
        world.source.edit(|rows| {
            rows.pop();
        });
    }
}

#[test]
fn a_large_window_is_made_durable_bit_by_bit_while_it_is_written() {
    let message = |number: u32| {
        let time = format!("2026-11-20T09:{:02}:{:02}Z", number / 60 % 60, number % 60);
        Row::jm(&format!("u{number}@example.com"), BOB).at(&time).id(&format!("m{number}")).body("hi").record()
    };
    let world = World::new((0..2_500).map(message).collect());
    let faults = Faults::none();
    let report = world.run_with(&faults).unwrap();
    world.check();
    assert_eq!((report.items, faults.calls_of("commit")), (2_500, 3), "after 1,024, after 2,048, and before the seal");
}

/// A sink that takes long for its first mail, and counts those that it has taken by then.
#[derive(Debug)]
struct SlowAtFirst {
    inner: Arc<MemorySink>,
    begun: AtomicUsize,
    done: AtomicUsize,
    overtook: AtomicUsize,
}

#[async_trait]
impl Sink for SlowAtFirst {
    fn capability(&self) -> Capability {
        self.inner.capability()
    }
    async fn put(&self, item: &MailItem) -> Result<Stored> {
        if self.begun.fetch_add(1, SeqCst) == 0 {
            let mut turns = 20_000;
            std::future::poll_fn(|context| {
                turns -= 1;
                context.waker().wake_by_ref();
                if turns == 0 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
            self.overtook.store(self.done.load(SeqCst), SeqCst);
        }
        self.done.fetch_add(1, SeqCst);
        self.inner.put(item).await
    }
    async fn put_object(&self, key: &ObjectKey, content: ByteStream) -> Result<Stored> {
        self.inner.put_object(key, content).await
    }
    async fn commit(&self, window: &Window) -> Result<()> {
        self.inner.commit(window).await
    }
    async fn read(&self, key: &ItemKey) -> Result<Bytes> {
        self.inner.read(key).await
    }
    fn list(&self, window: &Window) -> BoxStream<'static, Result<ItemKey>> {
        self.inner.list(window)
    }
}

#[test]
fn behind_a_conversation_that_takes_long_only_so_many_wait_for_their_place_in_the_list() {
    let message = |number: u32| {
        let time = format!("2026-11-20T09:{:02}:{:02}Z", number / 60 % 60, number % 60);
        Row::jm(&format!("u{number}@example.com"), BOB).at(&time).id(&format!("m{number}")).body("hi").record()
    };
    let world = World::new((0..3_000).map(message).collect());
    let sink = Arc::new(SlowAtFirst {
        inner: world.sink.clone(),
        begun: AtomicUsize::default(),
        done: AtomicUsize::default(),
        overtook: AtomicUsize::default(),
    });
    let archiver = Archiver::new(
        world.facts.clone(),
        world.source.clone(),
        world.converter.clone(),
        sink.clone(),
        world.ledger.clone(),
        Arc::new(|_: Duration| ready(())),
    );
    block_on(archiver.run(world.now, pending())).unwrap();
    world.check();
    let overtook = sink.overtook.load(SeqCst);
    assert!((900..1_100).contains(&overtook), "{overtook}");
}
