use futures::FutureExt;

use super::{Failure, Outcome, asked_to_stop};
use crate::{arguments::Configured, watch::Service};

pub(super) async fn watch(configured: &Configured, json: bool) -> Result<Outcome, Failure> {
    let service = Service::new(&configured.config)?;
    service.serve(json, asked_to_stop()?.boxed().shared()).await?;
    // Whoever stops a service wants it to have ended well.
    Ok(Outcome::Done)
}
