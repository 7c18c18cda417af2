use jabber_archive_core::Result;

use super::{Outcome, now, verify::open_configured};
use crate::{
    arguments::Located,
    console::Console,
    status::{Service, Status},
};

pub(super) async fn status(located: &Located, console: &Console) -> Result<Outcome> {
    let (place, archive, config) = open_configured(located).await?;
    let status = Status::of(&place, &archive, config.as_ref(), &Service::default(), now()).await?;
    console.print(&status)?;
    Ok(if status.is_unhealthy() { Outcome::Findings } else { Outcome::Done })
}
