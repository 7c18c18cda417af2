//! Texts as long as the database takes them.

use futures::TryStreamExt;
use jabber_archive_core::{Record, Source, Span};
use jabber_archive_sql::{
    MssqlSource,
    testing::{ArchiverKey, ColumnType, Database, Value, tables},
};

use crate::setting::{config, jm_row, start};

/// 50 MB as `nvarchar` has it.
const CHARACTERS: usize = 25_000_000;

/// The one message of a database whose long texts are of this type, after `change` to its row.
async fn message(long: ColumnType, key: Option<&ArchiverKey>, change: impl FnOnce(&mut Vec<Value>)) -> jabber_archive_core::MessageRow {
    let database = Database::new("tcmadb");
    let mut row = jm_row(Value::time("2026-11-21T10:00:00Z".parse().unwrap()), "");
    (row[9], row[10]) = (Value::Null, Value::Null);
    change(&mut row);
    let retyped = |name: &str, kind| (name.to_owned(), if kind == ColumnType::NVarCharMax { long } else { kind });
    database.put(tables::jm().retyped(retyped).rows(vec![row]));
    let server = start(&database).await;
    let limits = jabber_archive_sql::TimeLimits::default();
    let source = MssqlSource::new(config(&server).limits(limits).encryption_keys(key.map(ArchiverKey::encryption_key)));
    let day = Span::new("2026-11-21T00:00:00Z".parse().unwrap(), "2026-11-22T00:00:00Z".parse().unwrap());
    let batches: Vec<Vec<Record>> = source.records(day).try_collect().await.unwrap();
    match batches.concat().pop() {
        Some(Record::Message(row)) => row,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_body_and_a_stanza_of_50_mb_in_one_row_come_through_whole() {
    let text = |piece: &str| piece.repeat(CHARACTERS / piece.encode_utf16().count());
    let (body, stanza) = (text("Grüße, 长 "), format!("<message>{}</message>", text("0123456789 abcde")));
    let (sent_body, sent_stanza) = (body.clone(), stanza.clone());
    let row = message(ColumnType::NVarCharMax, None, |row| {
        row[11] = Value::text(sent_body);
        row[12] = Value::text(sent_stanza);
    });
    let row = row.await;
    assert!(row.body.as_ref() == Some(&body), "{} of {} bytes of the body", row.body.unwrap_or_default().len(), body.len());
    assert!(row.stanza.as_ref() == Some(&stanza), "{} of {} bytes of the stanza", row.stanza.unwrap_or_default().len(), stanza.len());
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    }
}

#[tokio::test]
async fn long_texts_come_through_whole_encrypted_and_in_old_types_too() {
    let key = ArchiverKey::new("2026", 3);
    let (body, stanza) = ("Grüße ".repeat(400_000), format!("<message>{}</message>", "x".repeat(2_000_000)));
    let (sealed_body, sealed_stanza) = (key.encrypt(&body), key.encrypt(&stanza));
    for long in [ColumnType::NVarCharMax, ColumnType::NText, ColumnType::Text] {
        let row = message(long, Some(&key), |row| {
            row[11] = Value::text(sealed_body.as_str());
            row[12] = Value::text(sealed_stanza.as_str());
        });
        let row = row.await;
        assert!(row.body.as_ref() == Some(&body) && row.stanza.as_ref() == Some(&stanza), "{long:?}");
    }
}
