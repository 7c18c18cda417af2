//! Somebody works on an archive, and something goes wrong meanwhile.

use std::{
    future::{pending, poll_fn},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    task::Poll,
};

use futures::{executor::block_on, future::join};
use jabber_archive_core::{
    Archiver, AuditReport, Error, ErrorClass, ErrorKind, ItemKey, Jid, MemoryDirectory, PerMessage, Person, Record, Result, Span,
    Timestamp, Transcript, TranscriptSettings, Window, testing::faults::Faults,
};

use crate::{
    step::{How, Task, Way},
    world::{ALICE, World, at},
};

/// What somebody's work came to.
pub(crate) enum Done {
    /// Of a run or a retry.
    Ran,
    /// What is dated before 2000, then all else.
    Audited(Vec<AuditReport>),
}

/// Does a task, and whatever comes in between: `beside` is how somebody else is set up, `moved` what the source has afterwards.
pub(crate) fn work(world: &World, beside: &World, task: Task, how: How, moved: Vec<Record>) -> Vec<(Task, Result<Done>)> {
    let interleaved = |seed| Faults::seeded(seed).interleaved(60);
    match how {
        How::Undisturbed => vec![(task, alone(world, task, &Faults::none()))],
        How::Faulty { seed, percent } => {
            let faults = Faults::seeded(seed).errors_before(percent).errors_after(percent / 2).broken_streams(percent / 4);
            vec![(task, alone(world, task, &faults))]
        }
        How::Killed { call, cut } => {
            let died = alone(world, task, &Faults::killed_at(call.into()));
            if let Some(seed) = cut {
                world.sink.crash(|key| survives(seed, key));
            }
            vec![(task, died)]
        }
        How::Raced { seed, other } => together([world, beside], [task, other], &[interleaved(seed), interleaved(!seed)]),
        How::RacedAndKilled { seed, other, call } => {
            together([world, beside], [task, other], &[interleaved(seed), Faults::killed_at(call.into()).interleaved(60)])
        }
        How::Moving { turns, .. } => {
            let change = async {
                give_way(turns).await;
                world.source.edit(|records| *records = moved);
            };
            let archiver = world.archiver(&interleaved(turns.into()));
            let (done, ()) = block_on(join(perform(&archiver, task, world.now), change));
            vec![(task, done)]
        }
    }
}

/// Whether such work may end with such an error.
pub(crate) fn is_expected(error: &Error, task: Task, way: Way, how: How) -> bool {
    let says = |text: &str| error.to_string().contains(text);
    let injected = match how {
        How::Killed { .. } | How::RacedAndKilled { .. } => says("the process was killed"),
        How::Faulty { .. } => error.class() == ErrorClass::Transient,
        How::Undisturbed | How::Raced { .. } | How::Moving { .. } => false,
    };
    let is_over = error.kind() == ErrorKind::Limit || (task == Task::Repair && says("more than one of a hundred"));
    injected || (is_over && !way.accepts) || (matches!(task, Task::Audit | Task::Repair) && says("no entry yet"))
}

/// Everything but the source.
pub(crate) fn set_up(world: &mut World, way: Way) {
    let settings = &mut world.settings;
    settings.late_windows = way.late_windows;
    settings.chunk_windows = way.chunk.unwrap_or(7);
    settings.concurrency = way.concurrency;
    if way.spooled {
        settings.memory = 4 << 10;
        world.spool = Some(Arc::default());
    }
    settings.accept = way.accepts.then(|| "a test".to_owned());
    if way.strict {
        (settings.limits.dead_letters_per_mille, settings.limits.few_dead_letters) = (0, 0);
    }
    let limit = |bytes: usize| TranscriptSettings::default().with_max_item_bytes(bytes);
    world.converter = match way.converter {
        0 => Arc::new(PerMessage::new(&world.facts, TranscriptSettings::default()).unwrap()),
        1 => Arc::new(Transcript::new(&world.facts, limit(TranscriptSettings::LEAST_ITEM_BYTES)).unwrap()),
        _ => Arc::new(Transcript::new(&world.facts, TranscriptSettings::default()).unwrap()),
    };
    if way.people {
        let mut directory = MemoryDirectory::new();
        directory.add(Jid::parse(ALICE).unwrap().bare().clone(), Person::new("alice@mail.example", Some("Alice".into())));
        world.directory = Arc::new(directory);
    }
}

pub(crate) fn survives(seed: u64, key: &ItemKey) -> bool {
    let mut hasher = DefaultHasher::new();
    (seed, &key.id).hash(&mut hasher);
    hasher.finish().is_multiple_of(2)
}

fn alone(world: &World, task: Task, faults: &Faults) -> Result<Done> {
    block_on(perform(&world.archiver(faults), task, world.now))
}

fn together(worlds: [&World; 2], tasks: [Task; 2], faults: &[Faults; 2]) -> Vec<(Task, Result<Done>)> {
    let [one, two] = [worlds[0].archiver(&faults[0]), worlds[1].archiver(&faults[1])];
    let (one, two) = block_on(join(perform(&one, tasks[0], worlds[0].now), perform(&two, tasks[1], worlds[1].now)));
    vec![(tasks[0], one), (tasks[1], two)]
}

async fn perform(archiver: &Archiver, task: Task, now: Timestamp) -> Result<Done> {
    match task {
        Task::Run => archiver.run(now, pending()).await.map(|_| Done::Ran),
        Task::Retry => archiver.retry(now, pending()).await.map(|_| Done::Ran),
        Task::Audit | Task::Repair => {
            let mut reports = Vec::new();
            for span in spans() {
                reports.push(match task {
                    Task::Audit => archiver.audit(span, now, pending()).await?,
                    _ => archiver.repair(span, now, pending()).await?,
                });
            }
            Ok(Done::Audited(reports))
        }
    }
}

/// Everything that can be in an archive of these tests: thousands of windows before it begins would only take time.
pub(crate) fn spans() -> [Span; 2] {
    [Window::UNDATED.span(), Span::new(at("2026-11-19T00:00:00Z"), Timestamp::MAX)]
}

/// Lets others of the same task go on so often.
async fn give_way(mut times: u8) {
    poll_fn(|context| {
        if times == 0 {
            return Poll::Ready(());
        }
        times -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
