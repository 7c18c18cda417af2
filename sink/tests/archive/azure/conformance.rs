use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use futures::FutureExt;
use jabber_archive_core::testing::conformance::{self, LedgerSubject};
use jabber_archive_sink::{
    Archive,
    object_store::{ObjectStoreExt, path::Path},
};

use super::Container;

#[tokio::test(flavor = "multi_thread")]
async fn a_container_keeps_the_contract_of_a_sink() {
    let Some(container) = Container::new("conformance-sink").await else { return };
    let made = AtomicU32::new(0);
    let report = conformance::sink(async || {
        let prefix = made.fetch_add(1, Ordering::Relaxed).to_string();
        Arc::new(Archive::azure(container.config().prefix(prefix)).await.unwrap().sink())
    })
    .await;
    println!("{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_keeps_the_contract_of_a_ledger() {
    let Some(container) = Container::new("conformance-ledger").await else { return };
    let made = AtomicU32::new(0);
    let report = conformance::ledger(async || {
        let prefix = made.fetch_add(1, Ordering::Relaxed).to_string();
        let archive = Archive::azure(container.config().prefix(prefix.as_str())).await.unwrap();
        let store = Arc::new(container.store());
        LedgerSubject::new(Arc::new(archive.ledger())).altered_by(move |path, content| {
            let (store, path, content) = (store.clone(), Path::from(format!("{prefix}/{path}")), content.to_vec());
            async move {
                store.put(&path, content.into()).await.unwrap();
            }
            .boxed()
        })
    })
    .await;
    println!("{report}");
    assert!(report.skipped().is_empty(), "{report}");
}
