use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use futures::stream::{self, BoxStream, StreamExt};

use crate::{Error, ErrorClass, ErrorKind, Result};

/// Which calls fail and how, decided by a seed. Clones share the schedule and its counts.
///
/// Chances are in percent of the calls; without any, calls are only counted.
#[derive(Debug, Clone)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    random: SplitMix,
    before: u8,
    after: u8,
    broken: u8,
    interleaved: u8,
    killed_at: Option<u64>,
    calls: BTreeMap<&'static str, u64>,
    injected: u64,
}

/// What becomes of one call.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Works,
    FailsBefore,
    LosesReply,
    IsDead,
}

impl Faults {
    /// No faults: calls are counted.
    pub fn none() -> Self {
        Self::seeded(0)
    }

    /// No faults until chances are given; the seed decides whom they hit.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State { random: SplitMix(seed), ..State::default() })))
    }

    /// The `call`-th call, from 1, and every one after it fail [`Fatal`](ErrorClass::Fatal) without effect, as if the process had been killed there.
    /// Every item of a stream is a call too.
    pub fn killed_at(call: u64) -> Self {
        let faults = Self::none();
        faults.state().killed_at = Some(call);
        faults
    }

    /// This many calls fail [`Transient`](ErrorClass::Transient) without effect.
    #[must_use]
    pub fn errors_before(self, percent: u8) -> Self {
        self.state().before = percent;
        self
    }

    /// This many calls take effect, but the reply is lost: they fail [`Transient`](ErrorClass::Transient).
    #[must_use]
    pub fn errors_after(self, percent: u8) -> Self {
        self.state().after = percent;
        self
    }

    /// At this many items, or ends, of a stream it breaks with an error and ends.
    #[must_use]
    pub fn broken_streams(self, percent: u8) -> Self {
        self.state().broken = percent;
        self
    }

    /// This many calls give way to other futures of the same task before they begin, so that those interleave.
    #[must_use]
    pub fn interleaved(self, percent: u8) -> Self {
        self.state().interleaved = percent;
        self
    }

    /// How many calls there were, failed ones included.
    pub fn calls(&self) -> u64 {
        self.state().calls.values().sum()
    }

    /// How many calls of one method there were, such as `put`; of `records`, `list` and `load` the items given count too.
    pub fn calls_of(&self, operation: &str) -> u64 {
        self.state().calls.get(operation).copied().unwrap_or_default()
    }

    /// How many calls failed on purpose.
    pub fn injected(&self) -> u64 {
        self.state().injected
    }

    /// Lets a call meet its fate.
    pub(super) async fn call<T>(
        &self,
        kind: ErrorKind,
        operation: &'static str,
        effect: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        self.give_way().await;
        match self.fate(operation) {
            Fate::Works => effect.await,
            Fate::FailsBefore => Err(injected(kind, operation, "injected before it took effect")),
            Fate::LosesReply => {
                effect.await?;
                Err(injected(kind, operation, "injected after it took effect"))
            }
            Fate::IsDead => Err(dead(kind, operation)),
        }
    }

    /// Lets a stream meet its fate, item by item.
    pub(super) fn stream<T: Send + 'static>(
        &self,
        kind: ErrorKind,
        operation: &'static str,
        items: BoxStream<'static, Result<T>>,
    ) -> BoxStream<'static, Result<T>> {
        stream::unfold(Some((self.clone(), items)), move |going| async move {
            let (faults, mut items) = going?;
            faults.give_way().await;
            if let Some(error) = faults.breaks(kind, operation) {
                return Some((Err(error), None));
            }
            match items.next().await? {
                Ok(item) => Some((Ok(item), Some((faults, items)))),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }

    fn fate(&self, operation: &'static str) -> Fate {
        let mut state = self.state();
        if state.count(operation) {
            return Fate::IsDead;
        }
        let hit = state.random.percent();
        let (before, after) = (u64::from(state.before), u64::from(state.after));
        if hit < before + after {
            state.injected += 1;
        }
        match hit {
            hit if hit < before => Fate::FailsBefore,
            hit if hit < before + after => Fate::LosesReply,
            _ => Fate::Works,
        }
    }

    fn breaks(&self, kind: ErrorKind, operation: &'static str) -> Option<Error> {
        let mut state = self.state();
        if state.count(operation) {
            return Some(dead(kind, operation));
        }
        if state.random.percent() >= u64::from(state.broken) {
            return None;
        }
        state.injected += 1;
        Some(injected(kind, operation, "injected into the stream"))
    }

    async fn give_way(&self) {
        let mut times = 0;
        {
            let mut state = self.state();
            while times < 8 && state.random.percent() < u64::from(state.interleaved) {
                times += 1;
            }
        }
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a call and says whether the process is dead.
    fn count(&mut self, operation: &'static str) -> bool {
        *self.calls.entry(operation).or_default() += 1;
        self.killed_at.is_some_and(|call| self.calls.values().sum::<u64>() >= call)
    }
}

fn injected(kind: ErrorKind, operation: &'static str, what: &str) -> Error {
    Error::new(kind, ErrorClass::Transient, operation, what)
}

fn dead(kind: ErrorKind, operation: &'static str) -> Error {
    Error::new(kind, ErrorClass::Fatal, operation, "the process was killed")
}

/// `SplitMix64` (Steele, Lea and Flood, 2014): enough for choosing faults.
#[derive(Debug, Default)]
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 to 99.
    fn percent(&mut self) -> u64 {
        self.next() % 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        let mut random = SplitMix(1_234_567);
        let numbers = [random.next(), random.next(), random.next()];
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }
}
