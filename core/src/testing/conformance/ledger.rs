use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::{BoxFuture, join_all};

use super::report::{Report, Rule, broken, pieces};
use crate::{
    Act, Appended, ArchiveFacts, Digest, Entry, EntryRecord, ErrorClass, Finding, Frontier, Grid, KeptKind, Ledger, Link, RunEntry,
    Timestamp,
};

/// An empty ledger, and what a suite may do to it.
pub struct LedgerSubject<L: ?Sized> {
    ledger: Arc<L>,
    alter: Option<Alter>,
}

type Alter = Box<dyn Fn(String, Bytes) -> BoxFuture<'static, ()> + Send + Sync>;

impl<L: ?Sized> fmt::Debug for LedgerSubject<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerSubject").field("alter", &self.alter.is_some()).finish_non_exhaustive()
    }
}

impl<L: Ledger + ?Sized> LedgerSubject<L> {
    /// A ledger that nobody can change from outside.
    pub fn new(ledger: Arc<L>) -> Self {
        Self { ledger, alter: None }
    }

    /// With a way to replace what is stored under a path, such as `ledger/00000001.json`, behind the ledger's back: damage must be noticed.
    #[must_use]
    pub fn altered_by(self, alter: impl Fn(String, Bytes) -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        Self { alter: Some(Box::new(alter)), ..self }
    }
}

/// Checks a ledger; every call of `make` gives an empty one.
///
/// # Panics
///
/// If a rule does not hold.
pub async fn ledger<L: Ledger + ?Sized>(make: impl AsyncFn() -> LedgerSubject<L>) -> Report {
    let mut report = Report::new("ledger");
    facts(&make, &mut report).await;
    chain(&make, &mut report).await;
    kept(&make, &mut report).await;
    damage(&make, &mut report).await;
    report
}

async fn facts<L: Ledger + ?Sized>(make: &impl AsyncFn() -> LedgerSubject<L>, report: &mut Report) {
    report
        .check("opening creates the archive, and opening it again finds it as it was", async |rule| {
            let ledger = make().await.ledger;
            let digest = rule.works(ledger.open(&archive()).await);
            for _ in 0..2 {
                rule.equal(&rule.works(ledger.open(&archive()).await), &digest);
            }
        })
        .await;
    report
        .check("opening with other facts is an error that names each difference, and changes nothing", async |rule| {
            let ledger = make().await.ledger;
            let digest = rule.works(ledger.open(&archive()).await);
            let mut everything = archive();
            let mut refused = async |change: &dyn Fn(&mut ArchiveFacts), names: &[&str]| {
                let mut other = archive();
                change(&mut other);
                change(&mut everything);
                let error = rule.fails(ledger.open(&other).await);
                rule.equal(&error.class(), &ErrorClass::Fatal);
                for name in names {
                    rule.ensure(error.to_string().contains(name), format_args!("`{name}` is not named: {error}"));
                }
            };
            refused(&|facts| facts.name = "another".into(), &["name", "another", "conformance"]).await;
            refused(&|facts| facts.grid = hours(), &["window", "anchor"]).await;
            refused(&|facts| facts.margin_seconds = 7, &["margin", "300", "7"]).await;
            refused(&|facts| facts.message_id_domain = "example.org".into(), &["message_id_domain", "example.org"]).await;
            refused(&|facts| facts.format = 99, &["format", "99"]).await;
            let error = rule.fails(ledger.open(&everything).await).to_string();
            for name in ["name", "window", "anchor", "margin", "message_id_domain", "format"] {
                rule.ensure(error.contains(name), format_args!("`{name}` is not named: {error}"));
            }
            rule.equal(&rule.works(ledger.open(&archive()).await), &digest);
        })
        .await;
    report
        .check("of those who open it at the same time with different facts exactly one makes the archive", async |rule| {
            let ledger = make().await.ledger;
            let all: Vec<ArchiveFacts> = (0..4)
                .map(|margin| {
                    let mut facts = archive();
                    facts.margin_seconds = 100 + margin;
                    facts
                })
                .collect();
            let opened: Vec<bool> =
                join_all(all.iter().map(|facts| ledger.open(facts))).await.into_iter().map(|opened| opened.is_ok()).collect();
            rule.ensure(opened.iter().filter(|opened| **opened).count() == 1, format_args!("{opened:?}"));
            for (facts, opened) in all.iter().zip(opened) {
                rule.equal(&ledger.open(facts).await.is_ok(), &opened);
            }
        })
        .await;
    report
        .check("of those who open it at the same time with equal facts all succeed", async |rule| {
            let ledger = make().await.ledger;
            let facts = archive();
            let opened: Vec<Digest> =
                join_all((0..4).map(|_| ledger.open(&facts))).await.into_iter().map(|opened| rule.works(opened)).collect();
            rule.ensure(opened.iter().all(|digest| *digest == opened[0]), "with different digests");
        })
        .await;
}

async fn chain<L: Ledger + ?Sized>(make: &impl AsyncFn() -> LedgerSubject<L>, report: &mut Report) {
    report
        .check("an empty ledger has no head and no entries", async |rule| {
            let ledger = make().await.ledger;
            rule.works(ledger.open(&archive()).await);
            rule.equal(&rule.works(ledger.head().await), &None);
            rule.fails(ledger.entry(1).await);
        })
        .await;
    report
        .check("the head is the entry with the highest number, and every entry stays as it was appended", async |rule| {
            let (ledger, _) = opened(make, rule).await;
            let facts = rule.works(ledger.open(&archive()).await);
            let mut links: Vec<Link> = Vec::new();
            for number in 1..=12 {
                let entry = run(links.last(), &facts, number);
                rule.equal(&rule.works(ledger.append(&entry).await), &Appended::Appended);
                links.push(Link::new(entry));
                rule.equal(&rule.works(ledger.head().await).as_ref(), &links.last());
            }
            for link in &links {
                rule.equal(&rule.works(ledger.entry(link.entry.number).await), link);
            }
            rule.fails(ledger.entry(13).await);
            rule.fails(ledger.entry(0).await);
        })
        .await;
    report
        .check("an entry that is there already with the same bytes counts as appended", async |rule| {
            let (ledger, facts) = opened(make, rule).await;
            let first = run(None, &facts, 1);
            let second = run(Some(&Link::new(first.clone())), &facts, 2);
            for entry in [&first, &first, &second, &second, &first] {
                rule.equal(&rule.works(ledger.append(entry).await), &Appended::Appended);
            }
            rule.equal(&rule.works(ledger.head().await), &Some(Link::new(second)));
        })
        .await;
    report
        .check("an entry that is there already with other bytes is not replaced, and the second writer has raced", async |rule| {
            let (ledger, facts) = opened(make, rule).await;
            let first = run(None, &facts, 1);
            rule.equal(&rule.works(ledger.append(&first).await), &Appended::Appended);
            rule.equal(&rule.works(ledger.append(&run(None, &facts, 2)).await), &Appended::Raced);
            rule.equal(&rule.works(ledger.entry(1).await), &Link::new(first.clone()));
            let second = run(Some(&Link::new(first.clone())), &facts, 3);
            rule.equal(&rule.works(ledger.append(&second).await), &Appended::Appended);
            rule.equal(&rule.works(ledger.append(&run(None, &facts, 4)).await), &Appended::Raced);
            rule.equal(&rule.works(ledger.entry(1).await), &Link::new(first));
            rule.equal(&rule.works(ledger.head().await), &Some(Link::new(second)));
        })
        .await;
    report
        .check("of different entries appended at the same time under one number exactly one is appended", async |rule| {
            let (ledger, facts) = opened(make, rule).await;
            let mut head: Option<Link> = None;
            for round in 0..3 {
                let entries: Vec<Entry> = (0..6).map(|writer| run(head.as_ref(), &facts, round * 100 + writer)).collect();
                let appended: Vec<Appended> = join_all(entries.iter().map(|entry| ledger.append(entry)))
                    .await
                    .into_iter()
                    .map(|appended| rule.works(appended))
                    .collect();
                let winners: Vec<&Entry> = entries
                    .iter()
                    .zip(&appended)
                    .filter(|(_, appended)| **appended == Appended::Appended)
                    .map(|(entry, _)| entry)
                    .collect();
                let [winner] = winners[..] else { rule.broken(format_args!("{appended:?}")) };
                head = rule.works(ledger.head().await);
                rule.equal(&head.as_ref(), &Some(&Link::new(winner.clone())));
            }
        })
        .await;
}

async fn kept<L: Ledger + ?Sized>(make: &impl AsyncFn() -> LedgerSubject<L>, report: &mut Report) {
    let large: Vec<u8> = (0..200_000_u32).map(|byte| (byte % 249) as u8).collect();
    report
        .check("what is kept is given back under the digest of its content, however it was cut", async |rule| {
            let (ledger, _) = opened(make, rule).await;
            for kind in KeptKind::ALL {
                for content in [&b"{}\n"[..], b"", b"\0\xff", &large] {
                    let digest =
                        rule.works(ledger.keep(kind, pieces([&content[..content.len() / 3], &[], &content[content.len() / 3..]])).await);
                    rule.equal(&digest, &Digest::of(content));
                    rule.equal_bytes(&rule.whole(ledger.load(kind, &digest).await).await, content);
                }
            }
        })
        .await;
    report
        .check("equal content is kept once, also by several at the same time", async |rule| {
            let (ledger, _) = opened(make, rule).await;
            let digest = Digest::of(&large);
            let kept = join_all((0..4).map(|_| ledger.keep(KeptKind::List, pieces([&large])))).await;
            for kept in kept {
                rule.equal(&rule.works(kept), &digest);
            }
            rule.equal(&rule.works(ledger.keep(KeptKind::List, pieces([&large[..7], &large[7..]])).await), &digest);
            rule.equal_bytes(&rule.whole(ledger.load(KeptKind::List, &digest).await).await, &large);
        })
        .await;
    report
        .check("what is kept under a digest that is known is given back, kept once, and an error where it has another", async |rule| {
            let (ledger, _) = opened(make, rule).await;
            // Longer than what any store takes at once.
            let long: Vec<u8> = (0..20_000_000_u32).map(|byte| (byte % 253) as u8).collect();
            for content in [&large, &long] {
                let digest = Digest::of(content);
                for _ in 0..2 {
                    rule.works(ledger.keep_as(KeptKind::List, &digest, chunks(content)).await);
                    rule.equal_bytes(&rule.whole(ledger.load(KeptKind::List, &digest).await).await, content);
                }
                let other = Digest::of(b"other");
                rule.fails(ledger.keep_as(KeptKind::List, &other, chunks(content)).await);
                ensure_not_loaded(rule, &*ledger, KeptKind::List, &other).await;
            }
            let digest = Digest::of(b"first second");
            rule.fails(ledger.keep_as(KeptKind::List, &digest, broken([b"first "])).await);
            ensure_not_loaded(rule, &*ledger, KeptKind::List, &digest).await;
            rule.works(ledger.keep_as(KeptKind::List, &digest, pieces([b"first", b" second"])).await);
            rule.equal(&rule.works(ledger.keep(KeptKind::List, pieces([b"first second"])).await), &digest);
        })
        .await;
    report
        .check("what was not kept cannot be loaded, nor under another kind", async |rule| {
            let (ledger, _) = opened(make, rule).await;
            let digest = rule.works(ledger.keep(KeptKind::Context, pieces([b"context"])).await);
            for (kind, digest) in [(KeptKind::List, digest), (KeptKind::DeadLetter, digest), (KeptKind::Context, Digest::of(b"nothing"))] {
                ensure_not_loaded(rule, &*ledger, kind, &digest).await;
            }
        })
        .await;
    report
        .check("content whose stream breaks is an error, and not kept", async |rule| {
            let (ledger, _) = opened(make, rule).await;
            rule.fails(ledger.keep(KeptKind::List, broken([b"first"])).await);
            rule.fails(ledger.keep(KeptKind::List, broken([])).await);
            ensure_not_loaded(rule, &*ledger, KeptKind::List, &Digest::of(b"first")).await;
            rule.equal(&rule.works(ledger.keep(KeptKind::List, pieces([b"first", b" second"])).await), &Digest::of(b"first second"));
        })
        .await;
}

async fn damage<L: Ledger + ?Sized>(make: &impl AsyncFn() -> LedgerSubject<L>, report: &mut Report) {
    let alterable = match make().await.alter {
        Some(_) => Ok(()),
        None => Err("the caller gives no way to alter what is stored"),
    };
    report
        .check_if(alterable, "content that does not have its digest is not loaded, and not confirmed", async |rule| {
            let subject = make().await;
            let (Some(alter), ledger) = (subject.alter, subject.ledger) else { return };
            rule.works(ledger.open(&archive()).await);
            for kind in KeptKind::ALL {
                let digest = rule.works(ledger.keep(kind, pieces([b"kept"])).await);
                alter(kind.path(&digest), Bytes::from_static(b"keqt")).await;
                ensure_not_loaded(rule, &*ledger, kind, &digest).await;
                rule.fails(ledger.keep(kind, pieces([b"kept"])).await);
            }
        })
        .await;
    report
        .check_if(alterable, "an entry that is damaged, or holds another number, is an error", async |rule| {
            let subject = make().await;
            let (Some(alter), ledger) = (subject.alter, subject.ledger) else { return };
            let facts = rule.works(ledger.open(&archive()).await);
            let first = run(None, &facts, 1);
            let second = run(Some(&Link::new(first.clone())), &facts, 2);
            rule.equal(&rule.works(ledger.append(&first).await), &Appended::Appended);
            rule.equal(&rule.works(ledger.append(&second).await), &Appended::Appended);
            for damaged in [Bytes::from_static(b"{"), Bytes::new(), first.to_bytes()] {
                alter(Entry::path(2), damaged).await;
                rule.fails(ledger.entry(2).await);
                rule.fails(ledger.head().await);
                rule.equal(&rule.works(ledger.append(&second).await), &Appended::Raced);
            }
            rule.equal(&rule.works(ledger.entry(1).await), &Link::new(first));
        })
        .await;
}

async fn opened<L: Ledger + ?Sized>(make: &impl AsyncFn() -> LedgerSubject<L>, rule: Rule) -> (Arc<L>, Digest) {
    let ledger = make().await.ledger;
    let facts = rule.works(ledger.open(&archive()).await);
    (ledger, facts)
}

fn chunks(content: &[u8]) -> crate::ByteStream {
    use futures::StreamExt;
    let pieces: Vec<_> = content.chunks(300_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    futures::stream::iter(pieces).boxed()
}

/// A ledger may find out at once or while the content is read.
async fn ensure_not_loaded<L: Ledger + ?Sized>(rule: Rule, ledger: &L, kind: KeptKind, digest: &Digest) {
    use futures::TryStreamExt;
    if let Ok(content) = ledger.load(kind, digest).await {
        rule.fails(content.try_collect::<Vec<Bytes>>().await);
    }
}

fn archive() -> ArchiveFacts {
    ArchiveFacts::new("conformance").expect("a valid name")
}

fn hours() -> Grid {
    Grid::new(Duration::from_hours(6), Duration::from_hours(3)).unwrap_or(Grid::daily())
}

fn run(head: Option<&Link>, facts: &Digest, writer: u64) -> Entry {
    let by = Act::new(Timestamp::from_millis(1_795_219_200_003), format!("host {writer}"), "account\n\"ü\"", "1");
    let mut entry = RunEntry::new(by.configured(Some(Digest::of(b""))));
    entry.findings = vec![Finding::FutureDate { rows: writer }];
    Entry::after(head, facts, Frontier::default(), EntryRecord::Run(Box::new(entry)))
}
