//! How the service is: what the chain tells of the archive, and what only the service knows.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jabber_archive_core::{Result, Timestamp};

use super::log::Quiet;
use crate::{
    command::now,
    config::Config,
    status::{Failed, Service, Status},
    wiring::Place,
};

/// For so long what was read of the chain is told again: whoever asks often need not read it often.
const FRESH: Duration = Duration::from_mins(15);

/// What is counted from the service's begin on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counters {
    pub(super) rounds: u64,
    pub(super) failed_rounds: u64,
    pub(super) retries: u64,
    pub(super) seconds: f64,
    /// Copies that went into mailboxes.
    pub(super) delivered: u64,
    /// Copies that mailboxes refused, by the last import.
    pub(super) refused: u64,
    pub(super) audits: u64,
    /// Of the last audit.
    pub(super) differences: u64,
}

/// What is shared by the rounds and by those who ask.
#[derive(Debug)]
pub(super) struct Vitals {
    config: Mutex<Arc<Config>>,
    service: Mutex<Service>,
    counters: Mutex<Counters>,
    /// Read once for all who ask at the same time, and after how many rounds that was.
    known: tokio::sync::Mutex<Option<(u64, Arc<Status>)>>,
}

impl Vitals {
    pub(super) fn new(config: Config) -> Self {
        let service = Service { limit: config.service().unhealthy_after(), ..Service::default() };
        Self {
            config: Mutex::new(Arc::new(config)),
            service: Mutex::new(service),
            counters: Mutex::default(),
            known: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn configured(&self, config: Arc<Config>) {
        lock(&self.service).limit = config.service().unhealthy_after();
        *lock(&self.config) = config;
    }

    pub(super) fn counters(&self) -> Counters {
        *lock(&self.counters)
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut Counters)) {
        count(&mut lock(&self.counters));
    }

    /// A window was sealed.
    pub(super) fn sealed(&self) {
        lock(&self.service).sealed = Some(now());
    }

    /// A round has ended. Nobody who is just being told of the archive is waited for.
    pub(super) fn ended(&self, failed: Option<Failed>, next_run: Timestamp) {
        let mut service = lock(&self.service);
        service.failed = failed;
        service.next_run = Some(next_run);
    }

    /// What is told of the archive.
    pub(super) async fn status(&self) -> Result<Arc<Status>> {
        let mut known = self.known.lock().await;
        let (now, rounds) = (now(), self.counters().rounds);
        if let Some((_, status)) = known.as_ref().filter(|(then, status)| *then == rounds && now.distance(status.asked) < FRESH) {
            return Ok(status.clone());
        }
        let (config, service) = (lock(&self.config).clone(), lock(&self.service).clone());
        let place = Place::of(&config)?;
        let archive = place.find(Arc::new(Quiet)).await?.ok_or_else(|| place.empty())?;
        let status = Arc::new(Status::of(&place, &archive, Some(&config), &service, now).await?);
        *known = Some((rounds, status.clone()));
        Ok(status)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
