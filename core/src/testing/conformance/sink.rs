use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{FutureExt, future::join_all};

use super::report::{Report, Rule, broken, pieces};
use crate::{
    BareJid, Capability, ConversationKey, Digest, ErrorClass, Grid, Issue, ItemId, ItemKey, MailItem, ObjectKey, Part, Sink, Stored,
    Timestamp, Window,
};

/// The largest item that the suite makes.
const LARGEST: u64 = 32 << 20;

/// Checks a sink; every call of `make` gives an empty one.
///
/// # Panics
///
/// If a rule does not hold.
pub async fn sink<S: Sink + ?Sized>(make: impl AsyncFn() -> Arc<S>) -> Report {
    let able = Able::new(make().await.capability());
    let mut report = Report::new("sink");
    creating(&make, &mut report, &able).await;
    racing(&make, &mut report, &able).await;
    reading(&make, &mut report, &able).await;
    committing(&make, &mut report, &able).await;
    listing(&make, &mut report, &able).await;
    objects(&make, &mut report).await;
    report
}

/// What the sink says of itself, or why a check is skipped.
struct Able {
    largest_item: u64,
    creates: Result<(), &'static str>,
    reads: Result<(), &'static str>,
    lists: Result<(), &'static str>,
    limited: Result<(), &'static str>,
}

impl Able {
    fn new(capability: Capability) -> Self {
        let able = |able: bool, what| if able { Ok(()) } else { Err(what) };
        Self {
            largest_item: capability.largest_item,
            creates: able(capability.create_only, "it overwrites"),
            reads: able(capability.readable, "it cannot be read"),
            lists: able(capability.listable, "it cannot list"),
            limited: able(capability.largest_item < LARGEST, "its largest item is larger than those of this suite"),
        }
    }
}

async fn creating<S: Sink + ?Sized>(make: &impl AsyncFn() -> Arc<S>, report: &mut Report, able: &Able) {
    report
        .check("what is not there is created", async |rule| {
            let sink = make().await;
            for item in [item(day(0), 1, b"one"), item(day(0), 2, b"two"), item(Window::UNDATED, 1, b"three")] {
                rule.equal(&rule.works(sink.put(&item).await), &Stored::Created);
            }
        })
        .await;
    report
        .check_if(able.creates, "what is there already, byte for byte, is already present", async |rule| {
            let sink = make().await;
            let _: Stored = rule.works(sink.put(&item(day(0), 1, b"one")).await);
            for _ in 0..2 {
                rule.equal(&rule.works(sink.put(&item(day(0), 1, b"one")).await), &Stored::AlreadyPresent);
            }
            rule.works(sink.commit(&day(0)).await);
            rule.equal(&rule.works(sink.put(&item(day(0), 1, b"one")).await), &Stored::AlreadyPresent);
        })
        .await;
    report
        .check_if(able.creates, "what is there is left alone when something different is put", async |rule| {
            let sink = make().await;
            let _: Stored = rule.works(sink.put(&item(day(0), 1, b"one")).await);
            for different in [&b"other"[..], b"on", b"onE", b"one ", b""] {
                rule.equal(&rule.works(sink.put(&item(day(0), 1, different)).await), &Stored::Different);
            }
            rule.equal(&rule.works(sink.put(&item(day(0), 1, b"one")).await), &Stored::AlreadyPresent);
            if able.reads.is_ok() {
                rule.equal_bytes(&rule.works(sink.read(&key(day(0), 1)).await), b"one");
            }
        })
        .await;
}

async fn racing<S: Sink + ?Sized>(make: &impl AsyncFn() -> Arc<S>, report: &mut Report, able: &Able) {
    report
        .check_if(able.creates, "of equal items put at the same time exactly one is created", async |rule| {
            let sink = make().await;
            let item = item(day(0), 1, &[7; 5_000]);
            let stored = join_all((0..8).map(|_| sink.put(&item))).await.into_iter().map(|stored| rule.works(stored)).collect();
            ensure_one_created(rule, &stored, Stored::AlreadyPresent);
        })
        .await;
    report
        .check_if(
            able.creates,
            "of different items put at the same time under one key exactly one is created, and is what is there",
            async |rule| {
                let sink = make().await;
                let items: Vec<MailItem> = (0..8).map(|content| item(day(0), 1, &[content; 5_000])).collect();
                let stored: Vec<Stored> =
                    join_all(items.iter().map(|item| sink.put(item))).await.into_iter().map(|stored| rule.works(stored)).collect();
                ensure_one_created(rule, &stored, Stored::Different);
                for (item, stored) in items.iter().zip(stored) {
                    let again = if stored == Stored::Created { Stored::AlreadyPresent } else { Stored::Different };
                    rule.equal(&rule.works(sink.put(item).await), &again);
                    if stored == Stored::Created && able.reads.is_ok() {
                        rule.equal_bytes(&rule.works(sink.read(&item.key).await), &item.content);
                    }
                }
            },
        )
        .await;
    report
        .check_if(able.creates, "a put whose future was dropped is settled by putting again", async |rule| {
            let sink = make().await;
            for number in 1..=3 {
                let item = item(day(0), number, b"dropped");
                for _ in 1..number {
                    let _: Option<_> = sink.put(&item).now_or_never();
                }
                let stored = rule.works(sink.put(&item).await);
                rule.ensure(stored != Stored::Different, "it is different from itself");
                if able.reads.is_ok() {
                    rule.equal_bytes(&rule.works(sink.read(&item.key).await), b"dropped");
                }
            }
        })
        .await;
}

async fn reading<S: Sink + ?Sized>(make: &impl AsyncFn() -> Arc<S>, report: &mut Report, able: &Able) {
    report
        .check_if(able.reads, "what was put is read back byte for byte, before and after commit", async |rule| {
            let sink = make().await;
            let every_byte: Vec<u8> = (0..=255).cycle().take(70_000).collect();
            let items = [
                item(day(0), 1, b""),
                item(day(0), 2, b"\r\n.\r\n\0\xff\xfe"),
                item(day(1), 1, &every_byte),
                item(Window::UNDATED, 9, b"old"),
            ];
            join_all(items.iter().map(|item| sink.put(item)))
                .await
                .into_iter()
                .for_each(|stored| rule.equal(&rule.works(stored), &Stored::Created));
            for item in &items {
                rule.equal_bytes(&rule.works(sink.read(&item.key).await), &item.content);
            }
            rule.works(sink.commit(&day(0)).await);
            for item in &items {
                rule.equal_bytes(&rule.works(sink.read(&item.key).await), &item.content);
            }
        })
        .await;
    report
        .check_if(able.reads, "reading what is not there is an error", async |rule| {
            let sink = make().await;
            let _: Stored = rule.works(sink.put(&item(day(0), 1, b"one")).await);
            rule.fails(sink.read(&key(day(0), 2)).await);
            rule.fails(sink.read(&key(day(1), 1)).await);
        })
        .await;
    report
        .check_if(
            able.limited,
            "an item of the largest size is taken, a larger one is an error of class Item and not stored",
            async |rule| {
                let sink = make().await;
                let largest = vec![b'x'; able.largest_item as usize];
                rule.equal(&rule.works(sink.put(&item(day(0), 1, &largest)).await), &Stored::Created);
                let error = rule.fails(sink.put(&item(day(0), 2, &[&largest[..], b"x"].concat())).await);
                rule.equal(&error.class(), &ErrorClass::Item);
                if able.reads.is_ok() {
                    rule.fails(sink.read(&key(day(0), 2)).await);
                }
                rule.equal(&rule.works(sink.put(&item(day(0), 2, b"small")).await), &Stored::Created);
            },
        )
        .await;
}

async fn committing<S: Sink + ?Sized>(make: &impl AsyncFn() -> Arc<S>, report: &mut Report, able: &Able) {
    report
        .check("committing again, or a window without items, changes nothing", async |rule| {
            let sink = make().await;
            rule.works(sink.commit(&day(0)).await);
            let _: Stored = rule.works(sink.put(&item(day(0), 1, b"one")).await);
            let _: Stored = rule.works(sink.put(&item(day(1), 1, b"two")).await);
            for window in [day(0), day(0), day(2), Window::UNDATED, day(1), day(0)] {
                rule.works(sink.commit(&window).await);
            }
            if able.creates.is_ok() {
                rule.equal(&rule.works(sink.put(&item(day(0), 1, b"one")).await), &Stored::AlreadyPresent);
                rule.equal(&rule.works(sink.put(&item(day(1), 1, b"one")).await), &Stored::Different);
            }
        })
        .await;
}

async fn listing<S: Sink + ?Sized>(make: &impl AsyncFn() -> Arc<S>, report: &mut Report, able: &Able) {
    report
        .check_if(able.lists, "a list names each item of its window once, and no other", async |rule| {
            let sink = make().await;
            for grid in [Grid::daily(), hours()] {
                let times = (0..5).flat_map(|day| [noon(day), noon(day).after(Duration::from_hours(6))]);
                let windows: BTreeSet<Window> = times.chain([Timestamp::from_millis(0)]).map(|time| grid.window_at(time)).collect();
                let sink = if grid == Grid::daily() { sink.clone() } else { make().await };
                let mut expected = Vec::new();
                for (index, window) in windows.iter().enumerate() {
                    let items: Vec<MailItem> = (0..index as u32 * 13).map(|number| item(*window, number, b"listed")).collect();
                    join_all(items.iter().map(|item| sink.put(item)))
                        .await
                        .into_iter()
                        .for_each(|stored| rule.equal(&rule.works(stored), &Stored::Created));
                    let _: Option<Stored> = match items.first() {
                        Some(item) => Some(rule.works(sink.put(item).await)),
                        None => None,
                    };
                    expected.push((*window, items.into_iter().map(|item| item.key).collect::<BTreeSet<_>>()));
                }
                let object = Digest::of(b"no item");
                let _: Stored = rule.works(sink.put_object(&ObjectKey::new(object), pieces([b"no item"])).await);
                for (window, expected) in expected {
                    for _ in 0..2 {
                        let listed = rule.all(sink.list(&window)).await;
                        let distinct: BTreeSet<ItemKey> = listed.iter().cloned().collect();
                        rule.ensure(
                            distinct.len() == listed.len(),
                            format_args!("{} keys, {} of them different", listed.len(), distinct.len()),
                        );
                        rule.ensure(
                            distinct.is_superset(&expected),
                            format_args!("{} of {} are missing", expected.difference(&distinct).count(), expected.len()),
                        );
                        rule.ensure(
                            distinct.is_subset(&expected),
                            format_args!("{} others are listed", distinct.difference(&expected).count()),
                        );
                        rule.works(sink.commit(&window).await);
                    }
                }
            }
        })
        .await;
}

async fn objects<S: Sink + ?Sized>(make: &impl AsyncFn() -> Arc<S>, report: &mut Report) {
    let large: Vec<u8> = (0..200_000_u32).map(|byte| (byte % 251) as u8).collect();
    let key = |content: &[u8]| ObjectKey::new(Digest::of(content));
    report
        .check("an object is created once under its digest, however it is cut", async |rule| {
            let sink = make().await;
            rule.equal(&rule.works(sink.put_object(&key(&large), pieces([&large[..10], &[], &large[10..]])).await), &Stored::Created);
            rule.equal(&rule.works(sink.put_object(&key(&large), pieces([&large])).await), &Stored::AlreadyPresent);
            rule.equal(&rule.works(sink.put_object(&key(b""), pieces([])).await), &Stored::Created);
            rule.equal(&rule.works(sink.put_object(&key(b""), pieces([b""])).await), &Stored::AlreadyPresent);
        })
        .await;
    report
        .check("of equal objects put at the same time exactly one is created", async |rule| {
            let sink = make().await;
            let key = key(&large);
            let puts = (0..4).map(|_| sink.put_object(&key, pieces([&large[..100_000], &large[100_000..]])));
            let stored = join_all(puts).await.into_iter().map(|stored| rule.works(stored)).collect();
            ensure_one_created(rule, &stored, Stored::AlreadyPresent);
        })
        .await;
    report
        .check("an object whose content does not have its digest is an error, and nothing is stored", async |rule| {
            let sink = make().await;
            rule.fails(sink.put_object(&key(&large), pieces([&large[1..]])).await);
            rule.fails(sink.put_object(&key(&large), pieces([])).await);
            rule.equal(&rule.works(sink.put_object(&key(&large), pieces([&large])).await), &Stored::Created);
            // There already or not, other content is never confirmed.
            rule.fails(sink.put_object(&key(&large), pieces([&large[1..]])).await);
        })
        .await;
    report
        .check("an object whose stream breaks is an error, and nothing is stored", async |rule| {
            let sink = make().await;
            rule.fails(sink.put_object(&key(&large), broken([&large])).await);
            rule.fails(sink.put_object(&key(b""), broken([])).await);
            rule.equal(&rule.works(sink.put_object(&key(&large), pieces([&large])).await), &Stored::Created);
        })
        .await;
}

fn ensure_one_created(rule: Rule, stored: &Vec<Stored>, others: Stored) {
    let created = stored.iter().filter(|stored| **stored == Stored::Created).count();
    rule.ensure(created == 1, format_args!("{created} are created: {stored:?}"));
    rule.ensure(stored.iter().all(|stored| [Stored::Created, others].contains(stored)), format_args!("{stored:?}"));
}

fn noon(day: i64) -> Timestamp {
    Timestamp::from_millis(1_795_219_200_000 + (day * 24 + 12) * 3_600_000)
}

fn day(day: i64) -> Window {
    Grid::daily().window_at(noon(day))
}

fn hours() -> Grid {
    Grid::new(Duration::from_hours(6), Duration::from_hours(3)).unwrap_or(Grid::daily())
}

fn key(window: Window, number: u32) -> ItemKey {
    let room = BareJid::new("room@conference.example.com").map(ConversationKey::Room).expect("not empty");
    ItemKey::new(window, ItemId::new("conformance", "conformance", &room, None, &window, number, 1))
}

fn item(window: Window, number: u32, content: &[u8]) -> MailItem {
    let conversation = Digest::of(b"conformance").short();
    MailItem::new(key(window, number), conversation, Issue::FIRST, Part::new(1, 1), Bytes::copy_from_slice(content))
}
