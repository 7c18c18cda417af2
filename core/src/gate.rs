use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::channel::oneshot;

/// Lets so many bytes through at the same time, in the order in which they come.
///
/// What is larger than the whole room goes alone. Nothing overtakes: what is large is not kept waiting by what is small.
///
/// ```
/// use futures::FutureExt;
/// use jabber_archive_core::Gate;
///
/// let gate = Gate::new(100);
/// let within = gate.enter(80).now_or_never().unwrap();
/// assert!(gate.enter(30).now_or_never().is_none(), "there is room for 20 more");
/// drop(within);
/// assert!(gate.enter(1_000).now_or_never().is_some(), "alone");
/// ```
#[derive(Debug, Clone)]
pub struct Gate(Arc<Shared>);

/// A way through a [`Gate`]: its room is taken, and given back when this is dropped.
#[derive(Debug)]
pub struct Passage {
    gate: Arc<Shared>,
    bytes: u64,
}

#[derive(Debug)]
struct Shared {
    size: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: u64,
    /// Whoever waits, first come first; while somebody does, somebody else has room that will be given back.
    waiting: VecDeque<(u64, oneshot::Sender<Passage>)>,
}

impl Gate {
    /// A gate with room for so many bytes; at least one.
    pub fn new(bytes: u64) -> Self {
        let size = bytes.max(1);
        Self(Arc::new(Shared { size, state: Mutex::new(State { free: size, waiting: VecDeque::new() }) }))
    }

    /// Waits until there is room for so many bytes. Whoever drops this future no longer waits.
    ///
    /// # Panics
    ///
    /// Never: who waits is let in or goes.
    pub async fn enter(&self, bytes: u64) -> Passage {
        let bytes = bytes.clamp(1, self.0.size);
        let waiting = {
            let mut state = self.0.state();
            if state.waiting.is_empty() && state.free >= bytes {
                state.free -= bytes;
                None
            } else {
                let (sender, receiver) = oneshot::channel();
                state.waiting.push_back((bytes, sender));
                Some(receiver)
            }
        };
        match waiting {
            None => Passage { gate: self.0.clone(), bytes },
            Some(receiver) => receiver.await.expect("only who no longer waits is forgotten"),
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        let mut let_in = Vec::new();
        {
            let mut state = self.gate.state();
            state.free += self.bytes;
            while let Some((bytes, _)) = state.waiting.front()
                && *bytes <= state.free
                && let Some((bytes, sender)) = state.waiting.pop_front()
            {
                // Whoever has gone needs none.
                if !sender.is_canceled() {
                    state.free -= bytes;
                    let_in.push((sender, Self { gate: self.gate.clone(), bytes }));
                }
            }
        }
        // Room for somebody who goes at this moment comes back here: the lock must be open.
        for (sender, room) in let_in {
            drop(sender.send(room));
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt, executor::block_on, future::join_all, stream};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_larger_than_the_room_goes_alone() {
        let gate = Gate::new(10);
        let first = gate.enter(1).now_or_never().unwrap();
        let mut large = Box::pin(gate.enter(1_000));
        assert!((&mut large).now_or_never().is_none());
        drop(first);
        let large = large.now_or_never().unwrap();
        assert!(gate.enter(1).now_or_never().is_none());
        drop(large);
        assert!(gate.enter(10).now_or_never().is_some());
    }

    #[test]
    fn nothing_small_overtakes_what_is_large() {
        let gate = Gate::new(10);
        let first = gate.enter(8).now_or_never().unwrap();
        let mut large = Box::pin(gate.enter(10));
        assert!((&mut large).now_or_never().is_none());
        assert!(gate.enter(1).now_or_never().is_none(), "there is room for it, but it came later");
        drop(first);
        assert!(large.now_or_never().is_some());
    }

    #[test]
    fn whoever_goes_while_waiting_leaves_the_room_to_others() {
        let gate = Gate::new(10);
        let first = gate.enter(10).now_or_never().unwrap();
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(gate.enter(10))).collect();
        for one in &mut waiting {
            assert!(one.now_or_never().is_none());
        }
        drop(waiting.remove(0));
        drop(first);
        // Let in, but gone before it was told.
        drop(waiting.remove(0));
        let last = waiting.remove(0).now_or_never().unwrap();
        drop(last);
        assert!(gate.enter(10).now_or_never().is_some());
    }

    #[test]
    fn a_gate_without_room_lets_one_through_after_another() {
        let gate = Gate::new(0);
        block_on(join_all((0..5).map(|bytes| gate.enter(bytes).map(drop))));
    }

    proptest! {
        #[test]
        fn however_large_everybody_gets_through_and_the_room_is_never_exceeded(
            sizes in prop::collection::vec(0_u64..40, 0..60),
            size in 1_u64..30,
            at_once in 1_usize..20,
        ) {
            let gate = Gate::new(size);
            let all_within = Mutex::new(Vec::<u64>::new());
            let (gate, within) = (&gate, &all_within);
            let through = sizes.iter().map(|bytes| async move {
                let room = gate.enter(*bytes).await;
                within.lock().unwrap().push(*bytes);
                for _ in 0..bytes % 3 {
                    let mut turn = false;
                    futures::future::poll_fn(|context| {
                        context.waker().wake_by_ref();
                        if std::mem::replace(&mut turn, true) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
                    })
                    .await;
                    let within = within.lock().unwrap();
                    assert!(within.iter().sum::<u64>() <= size || within.iter().filter(|bytes| **bytes > 0).count() == 1, "{within:?}");
                }
                let mut within = within.lock().unwrap();
                let place = within.iter().position(|one| one == bytes).unwrap();
                within.remove(place);
                drop(room);
            });
            let done = block_on(stream::iter(through).buffer_unordered(at_once).count());
            prop_assert_eq!(done, sizes.len());
        }
    }
}
