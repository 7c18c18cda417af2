use std::sync::Arc;

use bytes::Bytes;

use super::report::Report;
use crate::Spool;

/// Checks a spool.
///
/// # Panics
///
/// If a rule does not hold.
pub async fn spool<S: Spool + ?Sized>(make: impl AsyncFn() -> Arc<S>) -> Report {
    let mut report = Report::new("spool");
    report
        .check("what was appended is given back in order and whole", async |rule| {
            let spool = make().await;
            let mut place = rule.works(spool.create().await);
            let mut expected = Vec::new();
            for piece in 0..300_u32 {
                let piece: Vec<u8> = (0..piece * 7 % 1_999).map(|byte| (byte ^ piece) as u8).collect();
                expected.extend_from_slice(&piece);
                rule.works(place.append(Bytes::from(piece)).await);
            }
            let large = vec![0xa5; 3 << 20];
            expected.extend_from_slice(&large);
            rule.works(place.append(large.into()).await);
            rule.equal_bytes(&rule.whole(place.read().await).await, &expected);
        })
        .await;
    report
        .check("a place is read as often as asked, also at the same time and while more is appended", async |rule| {
            use futures::TryStreamExt;
            let mut place = rule.works(make().await.create().await);
            let content: Vec<u8> = (0..600_000_u32).map(|byte| (byte % 251) as u8).collect();
            for piece in content.chunks(100_000) {
                rule.works(place.append(Bytes::copy_from_slice(piece)).await);
            }
            let (mut one, other) = (rule.works(place.read().await), rule.works(place.read().await));
            let mut begun = rule.works(one.try_next().await).unwrap_or_default().to_vec();
            rule.equal_bytes(&rule.whole(Ok(other)).await, &content);
            rule.works(place.append(Bytes::from_static(b"more")).await);
            begun.extend_from_slice(&rule.whole(Ok(one)).await);
            rule.equal_bytes(&begun, &content);
            let again = rule.works(place.read().await);
            drop(place);
            rule.equal_bytes(&rule.whole(Ok(again)).await, &[&content[..], b"more"].concat());
        })
        .await;
    report
        .check("a place where nothing was written gives nothing back", async |rule| {
            let spool = make().await;
            let mut place = rule.works(spool.create().await);
            rule.equal_bytes(&rule.whole(place.read().await).await, &[]);
            let mut place = rule.works(spool.create().await);
            rule.works(place.append(Bytes::new()).await);
            rule.equal_bytes(&rule.whole(place.read().await).await, &[]);
        })
        .await;
    report
        .check("places know nothing of each other", async |rule| {
            let spool = make().await;
            let (mut one, mut other) = (rule.works(spool.create().await), rule.works(spool.create().await));
            rule.works(one.append(Bytes::from_static(b"one ")).await);
            rule.works(other.append(Bytes::from_static(b"other ")).await);
            rule.works(one.append(Bytes::from_static(b"again")).await);
            let one = rule.works(one.read().await);
            let third = rule.works(spool.create().await);
            drop(third);
            rule.works(other.append(Bytes::from_static(b"too")).await);
            rule.equal_bytes(&rule.whole(other.read().await).await, b"other too");
            rule.equal_bytes(&rule.whole(Ok(one)).await, b"one again");
        })
        .await;
    report
        .check("what was written can be read after the spool itself is gone", async |rule| {
            let spool = make().await;
            let mut place = rule.works(spool.create().await);
            drop(spool);
            rule.works(place.append(Bytes::from_static(b"still there")).await);
            rule.equal_bytes(&rule.whole(place.read().await).await, b"still there");
        })
        .await;
    report
}
