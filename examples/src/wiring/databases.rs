use std::sync::Arc;

use futures::future::try_join_all;
use jabber_archive_core::{Result, Source, Sources};
use jabber_archive_sql::{MssqlConfig, MssqlSource, Survey};

use super::refuse;
use crate::config::Config;

/// Where the rows are.
pub(crate) struct Databases {
    each: Vec<MssqlSource>,
    together: Arc<dyn Source>,
}

impl Databases {
    /// All databases of a configuration; nothing is connected.
    pub(crate) fn of(config: &Config) -> Result<Self> {
        let built = config.source.iter().map(|settings| settings.built(config)).collect::<Result<Vec<MssqlConfig>>>()?;
        MssqlConfig::check_together(&built)?;
        let each: Vec<MssqlSource> = built.into_iter().map(MssqlSource::new).collect();
        let together: Arc<dyn Source> = match each.as_slice() {
            [] => return Err(refuse("[[source]]", "an archive needs a source")),
            [one] => Arc::new(one.clone()),
            several => Arc::new(Sources::new(several.iter().map(|one| Arc::new(one.clone()) as Arc<dyn Source>))?),
        };
        Ok(Self { each, together })
    }

    /// As one.
    pub(crate) fn together(&self) -> Arc<dyn Source> {
        self.together.clone()
    }

    /// What each looks like to its login, by name.
    pub(crate) async fn survey(&self) -> Result<Vec<(String, Survey)>> {
        try_join_all(self.each.iter().map(async |source| Ok((source.id().to_string(), source.survey().await?)))).await
    }
}
