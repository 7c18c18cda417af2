//! Who of the tests is at work, for how long, and what came of it.

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    io::{self, Write as _},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;

/// How long all tests take together, beside what they prepare and a last clean run each.
const FOR: &str = "JABBER_ARCHIVE_CRASH_FOR";
const SEED: &str = "JABBER_ARCHIVE_CRASH_SEED";
const DEFAULT: Duration = Duration::from_secs(24);

/// How long a test tries to meet the program at work at all.
const PATIENCE: Duration = Duration::from_mins(1);

/// Each test's share of the time, by how much there is to meet.
const SHARES: [(&str, u32); 8] = [
    ("files", 26),
    ("azure", 20),
    ("power cut", 16),
    ("full disk", 14),
    ("read-only", 6),
    ("clock", 6),
    ("together", 8),
    ("together on azure", 4),
];

static TURN: Mutex<()> = Mutex::new(());

/// The time of one test. They come one after the other: the length is the setting's, and where a kill falls does not depend on what else is at work.
pub(crate) struct Turn {
    name: &'static str,
    pub(crate) rng: Rng,
    seed: u64,
    begun: Instant,
    ends: Instant,
    counts: BTreeMap<&'static str, u64>,
    kills: BTreeMap<String, u64>,
    faults: BTreeMap<String, u64>,
    _alone: MutexGuard<'static, ()>,
}

impl Turn {
    /// Waits until nobody else is at work.
    pub(crate) fn of(name: &'static str) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u32 = SHARES.iter().map(|(_, share)| share).sum();
        let (number, (_, share)) = SHARES.iter().enumerate().find(|(_, (of, _))| *of == name).unwrap();
        let total = env::var(FOR).map_or(DEFAULT, |length| {
            let parsed: jiff::SignedDuration =
                length.parse().unwrap_or_else(|_| panic!("{FOR}: `{length}` is no length of time such as 90s or 1h"));
            parsed.try_into().unwrap()
        });
        let seed = env::var(SEED).map_or_else(|_| fastrand::u64(..1 << 48), |seed| seed.parse().unwrap());
        let begun = Instant::now();
        Self {
            name,
            rng: Rng::with_seed(seed.wrapping_mul(31).wrapping_add(number as u64)),
            seed,
            begun,
            ends: begun + total * *share / all,
            counts: BTreeMap::new(),
            kills: BTreeMap::new(),
            faults: BTreeMap::new(),
            _alone: turn,
        }
    }

    /// Whether there is time left, or so little was of it that nothing has met the program at work yet.
    pub(crate) fn goes_on(&self) -> bool {
        Instant::now() < self.ends || (self.kills() + self.faults() == 0 && self.begun.elapsed() < PATIENCE)
    }

    /// Something happened: a run, a fault of some kind.
    pub(crate) fn count(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    /// It happened so many times.
    pub(crate) fn add(&mut self, what: &'static str, times: u64) {
        *self.counts.entry(what).or_default() += times;
    }

    /// A kill met the program at work.
    pub(crate) fn kill(&mut self, phase: String) {
        *self.kills.entry(phase).or_default() += 1;
    }

    /// Something else than a kill ended the program at work.
    pub(crate) fn fault(&mut self, phase: String) {
        *self.faults.entry(phase).or_default() += 1;
    }

    /// How often something happened.
    pub(crate) fn counted(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or_default()
    }

    pub(crate) fn kills(&self) -> u64 {
        self.kills.values().sum()
    }

    pub(crate) fn faults(&self) -> u64 {
        self.faults.values().sum()
    }

    /// A test in which nothing meets the program at work shows nothing.
    pub(crate) fn assert_met(&self) {
        assert!(self.kills() + self.faults() > 0, "nothing met the program at work");
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let (name, seconds) = (self.name, self.begun.elapsed().as_secs_f64());
        let mut line = format!("crash: {name}: seed {}, {seconds:.0} s", self.seed);
        for (what, times) in &self.counts {
            write!(line, ", {times} {what}").unwrap();
        }
        for (of, met) in [("kills", &self.kills), ("faults", &self.faults)].into_iter().filter(|(_, met)| !met.is_empty()) {
            let phases: Vec<String> = met.iter().map(|(phase, times)| format!("{phase} {times}")).collect();
            write!(line, ", {} {of} ({})", met.values().sum::<u64>(), phases.join(", ")).unwrap();
        }
        if thread::panicking() {
            line.push_str(", FAILED");
        }
        // Not `println!`, which nobody sees of a test that passes.
        let _: io::Result<()> = writeln!(io::stderr(), "{line}");
    }
}
