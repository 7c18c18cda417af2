//! Rows that the message archiver encrypted.

use futures::TryStreamExt;
use jabber_archive_core::{ErrorKind, Record, Source, Span, Timestamp};
use jabber_archive_sql::{
    MssqlConfig, MssqlSource,
    testing::{ArchiverKey, Database, Office, SqlServer, Value},
};

use crate::setting::{config, jm_row, start};

fn keys() -> [ArchiverKey; 2] {
    [ArchiverKey::new("2025", 1), ArchiverKey::new("2026", 2)]
}

fn office() -> Office {
    Office::new(9, 600)
}

async fn filled(office: &Office) -> (Database, SqlServer) {
    let database = Database::new("tcmadb");
    office.fill(&database);
    let server = start(&database).await;
    (database, server)
}

async fn records(config: MssqlConfig, office: &Office) -> Vec<Record> {
    let span = Span::new(Timestamp::MIN, office.end());
    let batches: Vec<Vec<Record>> = MssqlSource::new(config).records(span).try_collect().await.unwrap();
    let mut records = batches.concat();
    records.sort();
    records
}

async fn plain_records() -> Vec<Record> {
    let office = office();
    let (_database, server) = filled(&office).await;
    records(config(&server), &office).await
}

#[tokio::test]
async fn an_encrypted_company_reads_as_a_plain_one() {
    let office = office().encrypted(keys());
    let (database, server) = filled(&office).await;
    let sealed = database.table("jm").unwrap().read().filter(|row| !format!("{:?}", row[0]).contains('@')).count();
    let all = office.rows()["jm"] as usize;
    assert!(sealed > all / 3 && sealed < all, "{sealed} of {all} rows are encrypted");
    let keyed = config(&server).encryption_keys(keys().iter().map(ArchiverKey::encryption_key));
    let found = records(keyed, &office).await;
    let expected = plain_records().await;
    assert_eq!(found.len(), expected.len());
    assert!(found == expected, "records differ");
}

#[tokio::test]
async fn rows_under_a_key_that_is_not_there_are_dead_letters_with_their_ciphertext() {
    let office = office().encrypted(keys());
    let (_database, server) = filled(&office).await;
    let [kept, lost] = keys();
    let found = records(config(&server).encryption_keys([kept.encryption_key()]), &office).await;
    let (shut, open): (Vec<_>, Vec<_>) = found.into_iter().partition(|record| matches!(record, Record::Undecodable(_)));
    let plain = plain_records().await;
    assert!(open.iter().all(|record| plain.binary_search(record).is_ok()), "what was opened is what it was");
    assert_eq!(open.len() + shut.len(), plain.len());
    assert!(shut.len() > 100, "{}", shut.len());
    let ring = jabber_archive_sql::testing::ArchiverKey::new("2026", 2);
    assert_eq!(ring.key(), lost.key());
    for record in shut {
        let Record::Undecodable(row) = record else { panic!("{record:?}") };
        assert!(
            row.reason.starts_with("to_jid and from_jid and ") && row.reason.ends_with("is not opened by any of the keys 2025"),
            "{}",
            row.reason
        );
        for (column, value) in &row.values {
            let value = value.as_deref().unwrap_or_default();
            assert!(!value.contains('@') && !value.contains('<'), "{column} is kept decrypted");
        }
        assert!(row.length > 0, "the lengths are those of the row");
    }
}

#[tokio::test]
async fn without_a_key_encrypted_rows_are_archived_as_they_are_and_told() {
    let office = office().encrypted(keys());
    let (database, server) = filled(&office).await;
    let sealed = database.table("jm").unwrap().read().filter(|row| !format!("{:?}", row[0]).contains('@')).count();
    let found = records(config(&server), &office).await;
    let told = found.iter().filter(|record| matches!(record, Record::Message(row) if row.encrypted)).count();
    // Some base64 begins with a slash, which no JID does.
    let dead = found.iter().filter(|record| matches!(record, Record::Undecodable(row) if row.reason.ends_with("_jid is empty"))).count();
    assert_eq!(told + dead, sealed);
    assert!(dead * 10 < told, "{dead} of {sealed}");
    assert!(plain_records().await.iter().all(|record| !matches!(record, Record::Message(row) if row.encrypted)));
}

#[tokio::test]
async fn keys_and_texts_are_shown_nowhere() {
    let database = Database::new("tcmadb");
    let [key, other] = keys();
    let mut row = jm_row(Value::time("2026-11-21T10:00:00Z".parse().unwrap()), "");
    for (place, text) in
        [(0, "bob@example.com"), (1, "alice@example.com"), (9, "attack at dawn"), (10, "<message><body>attack at dawn</body></message>")]
    {
        row[place] = Value::text(key.encrypt(text));
    }
    let mut odd = row.clone();
    odd[6] = Value::text("?");
    database.put(jabber_archive_sql::testing::tables::jm().rows(vec![row, odd]));
    let server = start(&database).await;
    let config = config(&server).encryption_keys([key.encryption_key(), other.encryption_key()]);
    let source = MssqlSource::new(config.clone());
    let batches: Vec<Vec<Record>> = source.records(Span::new(Timestamp::MIN, Timestamp::MAX)).try_collect().await.unwrap();
    let records = batches.concat();
    let shown = format!("{config:?} {source:?} {records:?} {:?} {key:?}", source.survey().await.unwrap());
    let Some(Record::Undecodable(dead)) = records.iter().find(|record| matches!(record, Record::Undecodable(_))) else {
        panic!("{records:?}")
    };
    assert_eq!(dead.reason, "direction is a letter without a meaning here");
    let kept = format!("{:?}", dead.values);
    for secret in [key.key(), key.iv(), other.key(), other.iv()] {
        assert!(!shown.contains(secret.reveal()) && !shown.to_lowercase().contains(&secret.reveal()[..16]), "{shown}");
    }
    for text in ["attack", "alice@", "bob@"] {
        assert!(!shown.contains(text), "{shown}");
        assert!(!kept.contains(text), "a dead letter keeps what the table has: {kept}");
    }
    assert_eq!(source.survey().await.unwrap().encryption_keys, ["2025", "2026"]);
}

#[tokio::test]
async fn two_keys_of_one_id_are_refused() {
    let office = office();
    let (_database, server) = filled(&office).await;
    let twice = [ArchiverKey::new("2026", 1), ArchiverKey::new("2026", 2)];
    let source = MssqlSource::new(config(&server).encryption_keys(twice.iter().map(ArchiverKey::encryption_key)));
    let error = source.extent(office.end()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("two have the id `2026`"), "{error}");
}
