//! Shared access signatures, as Microsoft Learn describes them in "Create an account SAS" and "Create a service SAS".
//!
//! Each is the query that authorizes a request, without a question mark. Permissions are the letters of these pages in their order, such as `rcl` for one that reads,
//! creates and lists, and neither overwrites nor deletes.

use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use jabber_archive_core::Timestamp;
use sha2::Sha256;

/// What signatures are made for; the strings to sign below are those of 2020-12-06 and later.
const VERSION: &str = "2022-11-02";

/// A signature for all blobs and containers of an account, over HTTP too. The key is in base64.
///
/// # Panics
///
/// If the key is not base64.
pub fn account(account: &str, key: &str, permissions: &str, expiry: SystemTime) -> String {
    let expiry = seconds(expiry);
    let (services, types, protocols) = ("b", "sco", "https,http");
    let string = format!("{account}\n{permissions}\n{services}\n{types}\n\n{expiry}\n\n{protocols}\n{VERSION}\n\n");
    query(&[("ss", services), ("srt", types), ("spr", protocols), ("sp", permissions), ("se", &expiry), ("sig", &sign(key, &string))])
}

/// A signature for one container and its blobs, over HTTP too. The key is in base64.
///
/// # Panics
///
/// If the key is not base64.
pub fn container(account: &str, key: &str, container: &str, permissions: &str, expiry: SystemTime) -> String {
    let expiry = seconds(expiry);
    let (resource, protocols) = ("c", "https,http");
    let name = format!("/blob/{account}/{container}");
    let string = format!("{permissions}\n\n{expiry}\n{name}\n\n\n{protocols}\n{VERSION}\n{resource}\n\n\n\n\n\n\n");
    query(&[("sr", resource), ("spr", protocols), ("sp", permissions), ("se", &expiry), ("sig", &sign(key, &string))])
}

/// A time as signatures have it: without fractions of a second.
fn seconds(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).expect("an expiry is after 1970");
    let time = Timestamp::from_millis(since.as_secs() as i64 * 1000).to_string();
    format!("{}Z", &time[..19])
}

fn sign(key: &str, string: &str) -> String {
    let key = BASE64.decode(key.as_bytes()).expect("the key of an account is base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of every length");
    mac.update(string.as_bytes());
    BASE64.encode(&mac.finalize().into_bytes())
}

fn query(parameters: &[(&str, &str)]) -> String {
    let encoded = parameters.iter().map(|(name, value)| {
        let value = value.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D").replace(':', "%3A").replace(',', "%2C");
        format!("&{name}={value}")
    });
    format!("sv={VERSION}{}", encoded.collect::<String>())
}
