//! The log of managed file transfers.

use jabber_archive_core::{Result, Span, Transfer};

use crate::{
    MssqlSource,
    connection::{Connection, Parameter},
    decode,
    layout::{Catalogue, Layout},
    schema::AFT_LOG,
    statements::{self, MOST_NAMES},
};

/// Where in [`AFT_LOG`] the resource name stands.
const RESOURCE: usize = 2;

impl MssqlSource {
    /// How the log is read; none where there is none, or the configuration names the tables and not this one.
    async fn transfer_log(&self) -> Result<Option<&Layout>> {
        let found = self.transfer_log.get_or_try_init(|| async {
            let mut connection = Connection::open(self.config(), false).await?;
            let catalogue = Catalogue::ask(&mut connection, self.config()).await?;
            Layout::look(&mut connection, self.config(), &catalogue, &AFT_LOG).await
        });
        Ok(found.await?.as_ref())
    }

    /// Uploads that are dated in the span, and those with one of these resource names.
    pub(crate) async fn uploads(&self, span: Span, resources: &[String]) -> Result<Vec<Transfer>> {
        let Some(layout) = self.transfer_log().await? else { return Ok(Vec::new()) };
        let mut uploads = Vec::new();
        if let Some(date) = &layout.date
            && !span.is_empty()
        {
            let statement = statements::records(&layout.table, date, &layout.columns);
            let bounds = [span.start, span.end].map(|time| Parameter::Time(date.kind, time));
            self.drain(&statement, &bounds, &mut uploads, |_| true).await?;
        }
        for names in resources.chunks(MOST_NAMES) {
            let statement = statements::uploads(&layout.table, &layout.columns[RESOURCE], names.len(), &layout.columns);
            let parameters: Vec<Parameter<'_>> = names.iter().map(|name| Parameter::Text(name)).collect();
            // The server compares without case and blanks at the end, and the first statement has given what is dated in the span.
            let is_new = |transfer: &Transfer| names.contains(&transfer.resource) && !transfer.sent.is_some_and(|sent| span.contains(sent));
            self.drain(&statement, &parameters, &mut uploads, is_new).await?;
        }
        Ok(uploads)
    }

    async fn drain(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
        uploads: &mut Vec<Transfer>,
        is_wanted: impl Fn(&Transfer) -> bool,
    ) -> Result<()> {
        let snapshot = self.schema().await?.snapshot;
        let mut connection = Connection::open(self.config(), snapshot).await?;
        let mut answer = connection.query("read", AFT_LOG.name, statement, parameters).await?;
        while let Some(row) = answer.next().await? {
            uploads.extend(decode::upload(&row).filter(&is_wanted));
        }
        Ok(())
    }
}
