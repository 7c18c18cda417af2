//! Counts what tells whether everything was recorded: message rows by hour, and the numbers of rooms.

use std::{collections::BTreeMap, time::Duration};

use futures::future::try_join_all;
use jabber_archive_core::{BareJid, HourlyRows, Result, Span};

use crate::{
    MssqlSource,
    connection::{Connection, Parameter, Value, unexpected},
    date::DateColumn,
    fault::Operation,
    layout::Layout,
    schema::TC_MSGARCHIVE,
    source::table,
    statements,
};

const HOUR: Duration = Duration::from_hours(1);

impl MssqlSource {
    /// The message rows of each hour in these spans.
    pub(crate) async fn count_hours(&self, spans: &[Span]) -> Result<HourlyRows> {
        let schema = self.schema().await?;
        let mut counts = Vec::new();
        for layout in schema.messages() {
            let Some(date) = &layout.date else { continue };
            // Without an index each statement reads the whole table: then it is one.
            let asked = match spans {
                [first, .., last] if !layout.indexed => vec![Span::new(first.start, last.end)],
                spans => spans.to_vec(),
            };
            counts.extend(asked.into_iter().map(|span| self.count_hours_of(layout, date, schema.snapshot, span, spans)));
        }
        let mut whole = HourlyRows::default();
        for hours in try_join_all(counts).await? {
            whole.extend(hours);
        }
        Ok(whole)
    }

    async fn count_hours_of(&self, layout: &Layout, date: &DateColumn, snapshot: bool, span: Span, wanted: &[Span]) -> Result<HourlyRows> {
        let statement = statements::hours(&layout.table, date);
        let [start, end] = [span.start, span.end].map(|time| Parameter::Time(date.kind, time));
        let parameters = [start, end, Parameter::Time(date.kind, span.start), Parameter::Int((HOUR.as_secs() / 60) as i32)];
        let mut connection = Connection::open(self.config(), snapshot).await?;
        let mut hours = HourlyRows::default();
        for row in connection.rows("count by hour", layout.spec.name, &statement, &parameters).await? {
            let [Value::Int(cell), Value::Int(rows)] = row[..] else {
                return Err(unexpected(Operation { config: self.config(), verb: "count by hour", table: layout.spec.name }));
            };
            let time = span.start.after(HOUR * cell as u32);
            if wanted.iter().any(|span| span.contains(time)) {
                hours.add(table(layout), time, u64::try_from(rows).unwrap_or_default());
            }
        }
        Ok(hours)
    }

    /// The highest number of each room among the rows of the room archive that are dated in the span.
    pub(crate) async fn highest_numbers(&self, span: Span) -> Result<BTreeMap<BareJid, i64>> {
        let schema = self.schema().await?;
        let mut numbers: BTreeMap<BareJid, i64> = BTreeMap::new();
        let Some(layout) = schema.find(&TC_MSGARCHIVE) else { return Ok(numbers) };
        let (Some(date), Some(room), Some(number)) = (&layout.date, layout.column("to_jid"), layout.column("msg_id")) else {
            return Ok(numbers);
        };
        let statement = statements::room_numbers(&layout.table, date, room, number);
        let bounds = [Parameter::Time(date.kind, span.start), Parameter::Time(date.kind, span.end)];
        let mut connection = Connection::open(self.config(), schema.snapshot).await?;
        let mut answer = connection.query("look for the numbers of", layout.spec.name, &statement, &bounds).await?;
        while let Some(row) = answer.next().await? {
            // A row without room or number is a dead letter of its window.
            let [Value::Text(room), Value::Int(number)] = &row[..] else { continue };
            let Some(room) = jabber_archive_core::Jid::parse(room) else { continue };
            numbers.entry(room.bare().clone()).and_modify(|highest| *highest = *number.max(highest)).or_insert(*number);
        }
        Ok(numbers)
    }
}
