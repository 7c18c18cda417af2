use std::{
    future::{Future, poll_fn},
    mem,
    task::Poll,
    time::Duration,
};

use futures::{
    FutureExt,
    future::{BoxFuture, Either, Shared, select},
};

use super::{Event, Observer, RetryPolicy};
use crate::{Error, ErrorClass, ErrorKind, Result};

/// Waits, as the runtime of the caller does it.
///
/// ```
/// use std::{future, sync::Arc, time::Duration};
/// use jabber_archive_core::Pause;
///
/// // With tokio: Arc::new(tokio::time::sleep)
/// let pause: Arc<dyn Pause> = Arc::new(|_: Duration| future::ready(()));
/// ```
pub trait Pause: Send + Sync {
    /// Completes after about `duration`.
    fn pause(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

impl<F, W> Pause for F
where
    F: Fn(Duration) -> W + Send + Sync,
    W: Future<Output = ()> + Send + 'static,
{
    fn pause(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(self(duration))
    }
}

/// Completes when the run is to stop.
pub(super) type Stop<'a> = Shared<BoxFuture<'a, ()>>;

pub(super) fn stopped(stop: &Stop<'_>) -> bool {
    stop.clone().now_or_never().is_some()
}

pub(super) fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, ErrorClass::Fatal, "run", "stopped as asked")
}

/// Lets what runs beside this go on: rows are read while others are written, by one task.
pub(super) async fn give_way() {
    let mut given = false;
    poll_fn(|context| {
        if mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What is awaited, unless the run is to stop before.
pub(super) async fn unless_stopped<T>(stop: &Stop<'_>, future: impl Future<Output = T>) -> Result<T> {
    match select(stop.clone(), std::pin::pin!(future)).await {
        Either::Left(((), _)) => Err(cancelled()),
        Either::Right((value, _)) => Ok(value),
    }
}

/// Counts the tries of one operation.
pub(super) struct Patience<'a, 's> {
    policy: RetryPolicy,
    pause: &'a dyn Pause,
    observer: &'a dyn Observer,
    stop: &'a Stop<'s>,
    tried: u32,
    waited: Duration,
}

impl<'a, 's> Patience<'a, 's> {
    pub(super) fn new(policy: RetryPolicy, pause: &'a dyn Pause, observer: &'a dyn Observer, stop: &'a Stop<'s>) -> Self {
        Self { policy, pause, observer, stop, tried: 0, waited: Duration::ZERO }
    }

    /// Waits after an error that may pass; gives the error back if it may not, or not any more.
    pub(super) async fn after(&mut self, error: Error) -> Result<()> {
        self.tried += 1;
        if !error.class().is_retried() {
            return Err(error);
        }
        let Some(wait) = self.policy.wait(self.tried, self.waited, error.wait()) else { return Err(error) };
        self.observer.observe(&Event::Retrying { error: &error, wait });
        self.waited += wait;
        unless_stopped(self.stop, self.pause.pause(wait)).await
    }

    /// Tries until it works, patience ends or the run is to stop; what has been begun by then has taken effect or not, and the next run finds out.
    pub(super) async fn attempt<T, F>(mut self, operation: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        loop {
            match unless_stopped(self.stop, operation()).await? {
                Ok(value) => return Ok(value),
                Err(error) => self.after(error).await?,
            }
        }
    }
}
