//! Tells that an initialization vector is wrong.
//!
//! CBC under a wrong vector spoils the first 16 bytes of every value by the same bits, and nothing else: one wrong digit makes other JIDs that read well. The stanza says them
//! again behind its own first 16 bytes.

/// How many bytes of a value a vector spoils.
const SPOILED: usize = 16;

/// Whether a wrong vector makes the JIDs of a row differ from those of its stanza: one shows by which bits, the other differs by the same.
///
/// That both differ otherwise proves nothing: rows of rooms may name others than their stanzas do, and columns be swapped.
pub(super) fn is_wrong(to: &str, from: &str, stanza: &str) -> bool {
    let (to, from, stanza) = (to.as_bytes(), from.as_bytes(), stanza.as_bytes());
    differ_alike((to, "to"), (from, "from"), stanza) || differ_alike((from, "from"), (to, "to"), stanza)
}

fn differ_alike((one, name): (&[u8], &str), (other, other_name): (&[u8], &str), stanza: &[u8]) -> bool {
    let Some((place, stated)) = attribute(stanza, name) else { return false };
    let bits: Vec<u8> = one.iter().zip(stated).take(SPOILED).map(|(one, stated)| one ^ stated).collect();
    if place < SPOILED || alike(one, stated) {
        return false;
    }
    let (mended, mended_stanza) = (mend(other, &bits), mend(stanza, &bits));
    let swapped = alike(other, stated) && attribute(stanza, other_name).is_some_and(|(_, stated)| alike(one, stated));
    !swapped && attribute(&mended_stanza, other_name).is_some_and(|(_, stated)| alike(&mended[..bits.len().min(mended.len())], stated))
}

/// Whether two JIDs, of which one may go on, begin alike, as far as a vector can spoil them.
fn alike(one: &[u8], other: &[u8]) -> bool {
    one.iter().zip(other).take(SPOILED).all(|(one, other)| one.eq_ignore_ascii_case(other))
}

fn mend(value: &[u8], bits: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    for (byte, bits) in value.iter_mut().zip(bits) {
        *byte ^= bits;
    }
    value
}

/// The place and value of an attribute of the first tag; none if it is escaped.
fn attribute<'a>(stanza: &'a [u8], name: &str) -> Option<(usize, &'a [u8])> {
    // A spoiled byte may look like the tag's end.
    let end = stanza.iter().skip(SPOILED).position(|byte| *byte == b'>').map_or(stanza.len(), |end| SPOILED + end);
    let tag = &stanza[..end];
    let start = format!(" {name}=").into_bytes();
    let place = tag.windows(start.len()).position(|window| window == start.as_slice())? + start.len();
    let quote = tag.get(place).filter(|quote| matches!(quote, b'\'' | b'"'))?;
    let value = tag[place + 1..].split(|byte| byte == quote).next()?;
    (!value.contains(&b'&')).then_some((place + 1, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: &str = "bob.miller@im.example.com";
    const FROM: &str = "alice@im.example.com/jabber_1";

    /// A value whose first bytes a vector has spoiled by these bits, where it stays text.
    fn spoiled(text: &str, bits: [u8; SPOILED]) -> Option<String> {
        String::from_utf8(mend(text.as_bytes(), &bits)).ok()
    }

    #[test]
    fn one_wrong_digit_shows_wherever_it_is() {
        for stanza in [
            format!("<message from='{FROM}' to='{TO}' type='chat'><body>x</body></message>"),
            format!("<message to=\"{TO}\" from=\"{FROM}\" id=\"m1\"><body>x</body></message>"),
            format!("<message xml:lang='en' type='chat' id='f0734db9' to='{TO}' from='{FROM}'/>"),
        ] {
            assert!(!is_wrong(TO, FROM, &stanza));
            let mut seen = 0;
            for place in 0..SPOILED {
                for bit in [1, 2, 4, 8] {
                    let mut bits = [0; SPOILED];
                    bits[place] = bit;
                    let [Some(to), Some(from), Some(stanza)] = [TO, FROM, &stanza].map(|text| spoiled(text, bits)) else { continue };
                    // What no longer begins as a stanza was refused before.
                    if stanza.starts_with("<message") && stanza.contains(" to=") && stanza.contains(" from=") {
                        assert!(is_wrong(&to, &from, &stanza), "{place} {bit}: {to} {from} {stanza}");
                        seen += 1;
                    }
                }
            }
            assert!(seen >= 8, "{seen} of {stanza}");
        }
    }

    #[test]
    fn other_differences_prove_nothing() {
        let room = "planning@conference.example.com";
        for (to, from, stanza) in [
            (TO, FROM, format!("<message from='{TO}' to='{FROM}'/>")),
            (TO, FROM, format!("<message type='groupchat' from='{room}/Alice' to='{TO}'/>")),
            (TO, FROM, format!("<message type='groupchat' from='{FROM}' to='{room}'/>")),
            (TO, FROM, format!("<message type='groupchat' from='{room}/Alice' to='{room}'/>")),
            (TO, FROM, format!("<message from='{}' to='{}'/>", FROM.to_uppercase(), TO.to_uppercase())),
            ("bobby@im.example.com", "alice@im.example.com", "<message from='bobby@im.example.com' to='alice@im.example.com'/>".to_owned()),
            (TO, FROM, "<message type='chat'>".to_owned()),
            (TO, FROM, "<message from='al".to_owned()),
            (TO, FROM, String::new()),
        ] {
            assert!(!is_wrong(to, from, &stanza), "{stanza}");
        }
    }
}
