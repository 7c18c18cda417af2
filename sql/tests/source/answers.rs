//! What the source makes of rows.

use futures::TryStreamExt;
use jabber_archive_core::{Grid, Record, Source, Span, Table as CoreTable, Timestamp, Window};
use jabber_archive_sql::testing::{ColumnType, Table, Value, tables};

use crate::{
    back_end::{BackEnd, on_every_back_end},
    setting::{database, jm_row, source},
};

on_every_back_end!(
    all_that_a_datetime_can_say_is_counted,
    times_are_exact_to_the_tick,
    the_bounds_take_the_start_and_leave_the_end,
    texts_of_every_length_and_script_arrive_unaltered,
    a_row_that_cannot_be_decoded_is_handed_on_with_its_values,
    tallies_count_rows_and_lengths_by_window,
    what_is_dated_before_2000_is_one_window,
    the_extent_is_the_same_with_and_without_an_index,
    optional_tables_and_columns_may_be_missing_and_names_may_be_in_capitals,
);

fn day() -> Span {
    Span::new("2026-11-21T00:00:00Z".parse().unwrap(), "2026-11-22T00:00:00Z".parse().unwrap())
}

fn at(time: &str) -> Value {
    Value::time(time.parse().unwrap())
}

async fn times_are_exact_to_the_tick(back_end: &BackEnd) {
    let (days, _) = day().start.to_sql_datetime();
    let ticks = [0, 1, 2, 3, 299, 300, 12_345_678, 25_919_998, 25_919_999];
    let database = database(ticks.iter().map(|ticks| jm_row(Value::DateTime(days, *ticks), "x")).collect());
    let server = back_end.serve(&database).await;
    let batches: Vec<Vec<Record>> = source(&server).records(day()).try_collect().await.unwrap();
    let mut sent: Vec<Timestamp> = batches.iter().flatten().map(Record::sent).collect();
    sent.sort();
    assert_eq!(sent, ticks.map(|ticks| Timestamp::from_sql_datetime(days, ticks)));
}

async fn the_bounds_take_the_start_and_leave_the_end(back_end: &BackEnd) {
    let edges = ["2026-11-20T23:59:59.997Z", "2026-11-21T00:00:00Z", "2026-11-21T23:59:59.997Z", "2026-11-22T00:00:00Z"];
    let database = database(edges.iter().map(|time| jm_row(at(time), time)).collect());
    let server = back_end.serve(&database).await;
    let batches: Vec<Vec<Record>> = source(&server).records(day()).try_collect().await.unwrap();
    let mut bodies: Vec<String> = batches
        .into_iter()
        .flatten()
        .map(|record| match record {
            Record::Message(row) => row.body.unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    bodies.sort();
    assert_eq!(bodies, edges[1..3]);
}

async fn texts_of_every_length_and_script_arrive_unaltered(back_end: &BackEnd) {
    let long = "长消息 📎 ".repeat(60_000);
    let mut in_text = jm_row(at("2026-11-21T10:00:00Z"), "");
    in_text[9] = Value::Null;
    in_text[11] = Value::text(long.as_str());
    let mut broken = jm_row(at("2026-11-21T11:00:00Z"), "");
    broken[9] = Value::Utf16(vec![0x61, 0xD83D, 0x62].into());
    let database = database(vec![in_text, broken, jm_row(at("2026-11-21T12:00:00Z"), "مرحبا")]);
    let server = back_end.serve(&database).await;
    let batches: Vec<Vec<Record>> = source(&server).records(day()).try_collect().await.unwrap();
    let mut rows: Vec<_> = batches
        .into_iter()
        .flatten()
        .map(|record| match record {
            Record::Message(row) => (row.sent, row.body.unwrap(), row.replaced),
            other => panic!("{other:?}"),
        })
        .collect();
    rows.sort();
    assert_eq!(rows[0].1, long);
    assert_eq!((rows[1].1.as_str(), rows[1].2), ("a\u{fffd}b", 1), "a broken surrogate is kept as U+FFFD and counted");
    assert_eq!((rows[2].1.as_str(), rows[2].2), ("مرحبا", 0));
}

async fn a_row_that_cannot_be_decoded_is_handed_on_with_its_values(back_end: &BackEnd) {
    let mut row = jm_row(at("2026-11-21T10:00:00Z"), "kept");
    row[5] = Value::text("?");
    let server = back_end.serve(&database(vec![row])).await;
    let batches: Vec<Vec<Record>> = source(&server).records(day()).try_collect().await.unwrap();
    let [Record::Undecodable(row)] = &batches.concat()[..] else { panic!("not one undecodable row") };
    assert_eq!(row.reason, "msg_type is none of c, n, g, h and e");
    assert_eq!(row.values["body_string"].as_deref(), Some("kept"));
    assert_eq!(row.values["subject"], None);
}

async fn tallies_count_rows_and_lengths_by_window(back_end: &BackEnd) {
    let times =
        ["2026-11-20T21:59:59.997Z", "2026-11-20T22:00:00Z", "2026-11-21T03:59:59.997Z", "2026-11-21T04:00:00Z", "2026-11-21T09:00:00Z"];
    let database = database(times.iter().map(|time| jm_row(at(time), "four")).collect());
    let server = back_end.serve(&database).await;
    let grid = Grid::new(std::time::Duration::from_hours(6), std::time::Duration::from_hours(22)).unwrap();
    let span = Span::new("2026-11-20T22:00:00Z".parse().unwrap(), "2026-11-21T22:00:00Z".parse().unwrap());
    let mut tallies = source(&server).tally(span, &grid).await.unwrap();
    tallies.sort_by_key(|tally| tally.window);
    let length = 4 + "<message id='m1'><body>four</body></message>".len() as u64;
    let found: Vec<_> = tallies.iter().map(|tally| (tally.window.start().to_string(), tally.table, tally.rows, tally.length)).collect();
    let expected = |start: &str, rows: u64| (start.to_owned(), CoreTable::Jm, rows, rows * length);
    assert_eq!(found, [expected("2026-11-20T22:00:00.000Z", 2), expected("2026-11-21T04:00:00.000Z", 2)]);
}

async fn what_is_dated_before_2000_is_one_window(back_end: &BackEnd) {
    let times = ["1753-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1999-12-31T23:59:59.997Z", "2000-01-01T00:00:00Z"];
    let database = database(times.iter().map(|time| jm_row(at(time), "x")).collect());
    let server = back_end.serve(&database).await;
    let tallies = source(&server).tally(Window::UNDATED.span(), &Grid::daily()).await.unwrap();
    assert_eq!(tallies.iter().map(|tally| (tally.window, tally.rows)).collect::<Vec<_>>(), [(Window::UNDATED, 3)]);
    // Both together are told apart.
    let span = Span::new(Timestamp::MIN, "2000-01-02T00:00:00Z".parse().unwrap());
    let tallies = source(&server).tally(span, &Grid::daily()).await.unwrap();
    let first = Grid::daily().window_at(Timestamp::PLAUSIBLE);
    assert_eq!(tallies.iter().map(|tally| (tally.window, tally.rows)).collect::<Vec<_>>(), [(Window::UNDATED, 3), (first, 1)]);
    // The first window of 2000 begins in the middle of a cell of this grid.
    let grid = Grid::new(std::time::Duration::from_hours(24), std::time::Duration::from_hours(22)).unwrap();
    let span = Span::new(Timestamp::PLAUSIBLE, "2000-01-02T22:00:00Z".parse().unwrap());
    let tallies = source(&server).tally(span, &grid).await.unwrap();
    assert_eq!(tallies.iter().map(|tally| (tally.window, tally.rows)).collect::<Vec<_>>(), [(grid.window_at(Timestamp::PLAUSIBLE), 1)]);
    let extent = source(&server).extent("2026-11-22T00:00:00Z".parse().unwrap()).await.unwrap();
    assert_eq!((extent.undated, extent.first, extent.last), (3, Some(Timestamp::PLAUSIBLE), Some(Timestamp::PLAUSIBLE)));
}

async fn the_extent_is_the_same_with_and_without_an_index(back_end: &BackEnd) {
    let times = ["1999-01-01T00:00:00Z", "2026-11-20T10:00:00.003Z", "2026-11-21T10:00:00.007Z", "2027-01-01T00:00:00Z"];
    let database = database(Vec::new());
    let rows: Vec<_> = times.iter().map(|time| jm_row(at(time), "x")).collect();
    let now = "2026-11-22T00:00:00Z".parse().unwrap();
    for indexed in [false, true] {
        let table = if indexed { tables::jm().index("sent_date") } else { tables::jm() };
        database.put(table.rows(rows.clone()));
        let server = back_end.serve(&database).await;
        let extent = source(&server).extent(now).await.unwrap();
        assert_eq!(extent.indexed, indexed);
        assert_eq!((extent.undated, extent.future), (1, 1));
        assert_eq!(extent.first, Some(times[1].parse().unwrap()));
        assert_eq!(extent.last, Some(times[2].parse().unwrap()));
    }
}

async fn optional_tables_and_columns_may_be_missing_and_names_may_be_in_capitals(back_end: &BackEnd) {
    let database = jabber_archive_sql::testing::Database::new("tcmadb");
    let mut row = jm_row(at("2026-11-21T10:00:00Z"), "text");
    row.drain(3..5);
    let capitals = Table::new("jm")
        .column("TO_JID", ColumnType::NVarChar(3071))
        .column("FROM_JID", ColumnType::NVarChar(3071))
        .column("SENT_DATE", ColumnType::DateTime)
        .column("MSG_TYPE", ColumnType::NVarChar(1))
        .column("DIRECTION", ColumnType::NVarChar(1))
        .column("BODY_LEN", ColumnType::Int)
        .column("MESSAGE_LEN", ColumnType::Int)
        .column("BODY_STRING", ColumnType::NText)
        .column("MESSAGE_STRING", ColumnType::NVarChar(4000))
        .column("BODY_TEXT", ColumnType::Text)
        .column("MESSAGE_TEXT", ColumnType::VarCharMax)
        .column("HISTORY_FLAG", ColumnType::NVarChar(1));
    database.put(capitals.rows(vec![row]));
    let server = back_end.serve(&database).await;
    let batches: Vec<Vec<Record>> = source(&server).records(day()).try_collect().await.unwrap();
    let [Record::Message(row)] = &batches.concat()[..] else { panic!("not one message") };
    assert_eq!((row.body.as_deref(), row.subject.as_deref(), row.thread.as_deref()), (Some("text"), None, None));
}

async fn all_that_a_datetime_can_say_is_counted(back_end: &BackEnd) {
    let times = ["1753-01-01T00:00:00Z", "2000-01-01T00:00:00Z", "5996-06-06T06:06:06Z", "6083-01-23T02:07:00Z", "9999-12-30T12:00:00Z"];
    let database = database(times.iter().map(|time| jm_row(at(time), "x")).collect());
    let server = back_end.serve(&database).await;
    for grid in [Grid::daily(), Grid::new(std::time::Duration::from_hours(6), std::time::Duration::from_hours(1)).unwrap()] {
        let mut tallies = source(&server).tally(Span::new(Timestamp::MIN, Timestamp::MAX), &grid).await.unwrap();
        tallies.sort_by_key(|tally| tally.window);
        let expected: Vec<_> = times.iter().map(|time| (grid.window_at(time.parse().unwrap()), 1)).collect();
        assert_eq!(tallies.iter().map(|tally| (tally.window, tally.rows)).collect::<Vec<_>>(), expected);
    }
}
