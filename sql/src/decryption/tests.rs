#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::testing::ArchiverKey;

const STANZA: &str = "<message from='alice@example.com/jabber_1' to='bob@example.com' id='m1'>";

/// A row of `jm` with these values, in the order of [`JM`].
fn row(to: &str, from: &str, body: &str, stanza: Option<&str>) -> Vec<Value> {
    let text = |text: &str| Value::Text(text.to_owned());
    let mut row = vec![Value::Null; JM.columns.len()];
    for (column, value) in [("to_jid", Some(to)), ("from_jid", Some(from)), ("body_string", Some(body)), ("message_string", stanza)] {
        row[place(column).unwrap()] = value.map_or(Value::Null, text);
    }
    row
}

fn plain(body: &str) -> Vec<Value> {
    row("bob@example.com", "alice@example.com/jabber_1", body, Some(&format!("{STANZA}<body>{body}</body></message>")))
}

fn encrypted(row: &[Value], key: &ArchiverKey) -> Vec<Value> {
    let mut row = row.to_vec();
    for (column, _) in ENCRYPTED {
        if let Value::Text(text) = &mut row[place(column).unwrap()] {
            *text = key.encrypt(text);
        }
    }
    row
}

fn keys(seeds: impl IntoIterator<Item = u64>) -> Vec<ArchiverKey> {
    seeds.into_iter().map(|seed| ArchiverKey::new(format!("key-{seed}"), seed)).collect()
}

fn ring(keys: &[ArchiverKey]) -> Keyring {
    Keyring::new(keys.iter().map(ArchiverKey::encryption_key))
}

fn opens(ring: &Keyring, row: &[Value]) -> Vec<Value> {
    ring.open(row).unwrap().into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_text_comes_back_under_every_key(body in any::<String>(), seed in 0_u64..3) {
        let keys = keys(0..3);
        let row = plain(&body);
        prop_assert_eq!(opens(&ring(&keys), &encrypted(&row, &keys[seed as usize])), row);
    }

    #[test]
    fn long_texts_come_back(piece in any::<String>(), times in 1_usize..3_000) {
        let keys = keys([1]);
        let row = plain(&piece.repeat(times));
        prop_assert_eq!(opens(&ring(&keys), &encrypted(&row, &keys[0])), row);
    }

    #[test]
    fn a_wrong_key_never_yields_a_message_and_the_reason_no_value(body in any::<String>(), seed in any::<u64>(), wrong in vec(any::<u64>(), 1..4)) {
        prop_assume!(!wrong.contains(&seed));
        let row = encrypted(&plain(&body), &keys([seed])[0]);
        let reason = ring(&keys(wrong)).open(&row).unwrap_err();
        prop_assert!(reason.starts_with("to_jid and from_jid and body_string and message_string looks") || reason.contains("different texts"), "{}", reason);
        for value in row.iter().filter_map(as_text).filter(|text| text.len() > 30) {
            prop_assert!(!reason.contains(value), "{}", reason);
        }
    }

    #[test]
    fn plain_rows_stay_as_they_are(body in any::<String>(), bytes in vec(any::<u8>(), 1..6)) {
        // Whatever looks like ciphertext stands in the row's own stanza too.
        let pasted = BASE64.encode(&bytes.repeat(BLOCK));
        let ring = ring(&keys(0..2));
        for body in [&body, &pasted] {
            let row = plain(body);
            prop_assert_eq!(opens(&ring, &row), row);
        }
    }

    #[test]
    fn a_changed_ciphertext_is_no_message(at in 0_usize..64, body in "[a-z ]{40,60}") {
        let keys = keys([1]);
        let mut row = encrypted(&plain(&body), &keys[0]);
        let to = place("to_jid").unwrap();
        let Value::Text(text) = &row[to] else { panic!("no text") };
        let mut bytes = BASE64.decode(text.as_bytes()).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= 0x80;
        row[to] = Value::Text(BASE64.encode(&bytes));
        prop_assert!(ring(&keys).open(&row).unwrap_err().starts_with("to_jid looks encrypted"));
    }
}

#[test]
fn a_sha_256_that_somebody_pasted_is_plain_with_and_without_a_stanza() {
    let digest = jabber_archive_core::Digest::of(b"release.tar.gz").to_string();
    let digest = digest.rsplit(':').next().unwrap().to_owned();
    assert_eq!(digest.len(), 64);
    let ring = ring(&keys([1]));
    for body in [digest.clone(), digest.to_uppercase(), digest.repeat(2)] {
        for stanza in [Some("<message><body>…</body></message>"), None] {
            let row = row("bob@example.com", "alice@example.com", &body, stanza);
            assert_eq!(opens(&ring, &row), row);
        }
    }
}

#[test]
fn a_pasted_key_is_plain_if_the_rows_own_stanza_holds_it_and_else_not_guessed() {
    let (ring, pasted) = (ring(&keys([1])), BASE64.encode(b"0123456789abcdef0123456789abcde\xff"));
    assert_eq!(opens(&ring, &plain(&pasted)), plain(&pasted));
    for stanza in [None, Some("<message><body>something else</body></message>"), Some("")] {
        let reason = ring.open(&row("bob@example.com", "alice@example.com", &pasted, stanza)).unwrap_err();
        assert_eq!(reason, "body_string looks encrypted and is not opened by any of the keys key-1");
    }
    // JIDs that are encrypted say nothing of the kind.
    let sealed = row(&keys([1])[0].encrypt("bob@example.com"), "alice@example.com", &pasted, plain(&pasted)[10].as_str());
    assert!(ring.open(&sealed).is_err());
}

#[test]
fn a_chat_text_that_was_encrypted_and_looks_like_ciphertext_is_opened_once() {
    let (keys, pasted) = (keys([1]), BASE64.encode(&[0xff; 32]));
    assert_eq!(opens(&ring(&keys), &encrypted(&plain(&pasted), &keys[0])), plain(&pasted));
}

#[test]
fn a_value_that_keys_open_to_different_texts_is_not_guessed() {
    let right = ArchiverKey::new("2025", 1);
    let mut iv = [0; 16];
    data_encoding::HEXLOWER.decode_mut(right.iv().reveal().as_bytes(), &mut iv).unwrap();
    // One letter of the first block becomes another.
    iv[0] ^= 3;
    let other = ArchiverKey::new("2026", 1).with_iv(iv);
    let row = encrypted(&row("bob@example.com", "alice@example.com", "hello", None), &right);
    let reason = ring(&[right.clone(), other]).open(&row).unwrap_err();
    assert_eq!(reason, "to_jid is opened to different texts by the keys 2025 and 2026");
    // The same key twice says the same.
    assert!(ring(&[right, ArchiverKey::new("copy", 1)]).open(&row).is_ok());
}

/// What the cipher alone makes of a block, found out as an attacker would: by vectors under which the padding is right.
fn raw(key: &ArchiverKey, block: &[u8]) -> [u8; BLOCK] {
    let mut raw = [0; BLOCK];
    for place in (0..BLOCK).rev() {
        let padding = (BLOCK - place) as u8;
        let mut iv = raw.map(|byte| byte ^ padding);
        let fits = |guess: &u8| {
            iv[place] = *guess;
            key.clone().with_iv(iv).encryption_key().open(block).is_some_and(|(_, found)| found == usize::from(padding))
        };
        raw[place] = (0..=u8::MAX).find(fits).unwrap() ^ padding;
    }
    raw
}

#[test]
fn a_key_that_opens_a_short_text_by_chance_does_not_hide_the_one_that_opens_the_row() {
    let right = ArchiverKey::new("2025", 1);
    let body = BASE64.decode(right.encrypt("exactly fifteen").as_bytes()).unwrap();
    let mut chance = *b"another reading\x01";
    let other = ArchiverKey::new("2026", 2);
    for (byte, raw) in chance.iter_mut().zip(raw(&other, &body)) {
        *byte ^= raw;
    }
    let other = other.with_iv(chance);
    assert_eq!(other.encryption_key().open(&body).unwrap().0, b"another reading");
    let both = ring(&[right.clone(), other]);
    let whole = plain("exactly fifteen");
    assert_eq!(opens(&both, &encrypted(&whole, &right)), whole);
    // Where nothing else of the row is encrypted, neither is more than chance.
    let alone = row("bob@example.com", "alice@example.com", &right.encrypt("exactly fifteen"), None);
    assert_eq!(both.open(&alone).unwrap_err(), "body_string is opened to different texts by the keys 2025 and 2026");
}

#[test]
fn a_mistyped_vector_shows_wherever_the_wrong_digit_is() {
    let right = ArchiverKey::new("right", 1);
    let row = encrypted(&plain("hello, how are you today?"), &right);
    for place in 0..BLOCK {
        for bit in [1, 2, 4, 8, 16, 64, 128] {
            let mut iv = [0; BLOCK];
            data_encoding::HEXLOWER.decode_mut(right.iv().reveal().as_bytes(), &mut iv).unwrap();
            iv[place] ^= bit;
            let reason = ring(&[right.clone().with_iv(iv)]).open(&row).unwrap_err();
            assert!(
                reason.contains("message_string") || reason.ends_with("wrong iv of the key right") || reason.contains("_jid looks"),
                "{reason}"
            );
        }
    }
}

#[test]
fn values_are_decided_one_by_one_and_long_ones_too() {
    let keys = keys([1, 2]);
    let mut row = plain("short");
    let expected = row.clone();
    for (column, key) in [("body_string", &keys[0]), ("message_string", &keys[1])] {
        if let Value::Text(text) = &mut row[place(column).unwrap()] {
            *text = key.encrypt(text);
        }
    }
    assert_eq!(opens(&ring(&keys), &row), expected);
    let mut long = expected;
    long[place("body_text").unwrap()] = Value::Text("long ".repeat(100_000));
    assert_eq!(opens(&ring(&keys), &encrypted(&long, &keys[1])), long);
}

#[test]
fn an_empty_text_is_encrypted_as_a_block_of_padding() {
    let keys = keys([1]);
    let sealed = encrypted(&plain(""), &keys[0]);
    assert_eq!(sealed[place("body_string").unwrap()].as_str().unwrap().len(), 24);
    assert_eq!(opens(&ring(&keys), &sealed), plain(""));
}

#[test]
fn lines_of_base64_are_ciphertext_as_encoders_break_them() {
    let keys = keys([1]);
    let expected = plain(&"some words ".repeat(40));
    for (width, end) in [(64, "\n"), (76, "\r\n")] {
        let mut row = encrypted(&expected, &keys[0]);
        for value in &mut row {
            if let Value::Text(text) = value {
                let lines: Vec<&str> = text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
                *text = format!("{}{end}", lines.join(end));
            }
        }
        assert_eq!(opens(&ring(&keys), &row), expected, "{width}");
    }
    for text in ["QUJD\nQUJD\nQUJD\nQUJD\nQUJD\nQUJD", "QUJDQUJDQUJDQUJDQUJD\n\nQQ=="] {
        assert!(ciphertext(text).is_none(), "{text}");
    }
}

#[test]
fn only_canonical_base64_of_whole_blocks_is_ciphertext() {
    for (bytes, is) in [(0, false), (15, false), (16, true), (17, false), (32, true), (48, true)] {
        assert_eq!(ciphertext(&BASE64.encode(&vec![0xfb; bytes])).is_some(), is, "{bytes}");
    }
    // Bits behind the end, a blank, the alphabet of URLs, no padding.
    for text in
        ["++++++++++++++++++++/x==", " +++++++++++++++++++++++++++++++++++++++++g==", "-_-_-_-_-_-_-_-_-_-_-w==", "++++++++++++++++++++/w"]
    {
        assert!(ciphertext(text).is_none(), "{text}");
    }
    assert!(ciphertext("++++++++++++++++++++/w==").is_some());
}

#[test]
fn characters_that_xml_cannot_hold_need_certainty() {
    let key = ArchiverKey::new("k", 1);
    let ring = ring(std::slice::from_ref(&key));
    let sealed = |body: &str| row("bob@example.com", "alice@example.com", &key.encrypt(body), None);
    // Fourteen bytes of padding are no chance, one or two may be.
    assert!(ring.open(&sealed("a\u{1}")).is_ok_and(|row| row[place("body_string").unwrap()].as_str() == Some("a\u{1}")));
    for body in ["fifteen\u{1} chars", "exactly fiftee\u{1}"] {
        assert!(ring.open(&sealed(body)).unwrap_err().starts_with("body_string looks encrypted"), "{body}");
    }
    assert!(ring.open(&sealed("exactly fifteen")).is_ok());
    // A row that the key opens as a whole rules chance out.
    assert!(ring.open(&encrypted(&plain("exactly fiftee\u{1}"), &key)).is_ok());
}

#[test]
fn without_keys_nothing_is_tried_and_encrypted_rows_are_told() {
    let (none, sealed) = (Keyring::default(), encrypted(&plain("hello"), &keys([1])[0]));
    assert_eq!(opens(&none, &sealed), sealed);
    assert!(none.lacks_key(&sealed) && !ring(&keys([2])).lacks_key(&sealed));
    assert!(!none.lacks_key(&plain(&BASE64.encode(&[0xff; 32]))));
}

impl Value {
    fn as_str(&self) -> Option<&str> {
        as_text(self)
    }
}
