use serde_json::{Value, json};

use crate::archive::{Archive, DAY, today};

/// How many messages there are on a day: few at weekends, and never the same.
fn volume(days_ago: u32) -> u64 {
    // 1970-01-01 was a Thursday.
    let weekday = (today().before(DAY * days_ago).millis() / 86_400_000 + 3) % 7;
    let noise = u64::from(days_ago).wrapping_mul(2_654_435_761) % 700;
    let season = if (90..110).contains(&days_ago) { 3 } else { 1 };
    if weekday > 4 { 20 + noise / 20 } else { (1_400 + noise) / season }
}

/// Why dead letters are some.
const UNREADABLE: [&str; 2] = ["msg_type is none of c, n, g, h and e", "to_jid is empty"];

/// Findings of every kind, so many days ago.
fn findings(days_ago: u32) -> Vec<Value> {
    let at = today().before(DAY * days_ago);
    let room = "board@conference.example.com";
    let all = [
        json!({ "finding": "late", "table": "jm", "rows": 12 }),
        json!({ "finding": "purged", "table": "jm", "rows": 3 }),
        json!({ "finding": "changed", "table": "tc_msgarchive" }),
        json!({ "finding": "unresolved-nick", "messages": 4 }),
        json!({ "finding": "late-copy", "rows": 1 }),
        json!({ "finding": "encrypted", "table": "jm", "rows": 44 }),
        json!({ "finding": "unmapped-people", "people": 3 }),
        json!({ "finding": "missing-file", "files": 2 }),
        json!({ "finding": "missing-numbers", "rooms": 1, "numbers": 2, "worst": [{ "room": room, "numbers": 2, "first": 5, "last": 6 }] }),
        json!({ "finding": "unarchived-rooms", "rooms": 1, "messages": 3, "named": [room] }),
        json!({ "finding": "starts-later", "first": at, "archived_until": at }),
    ];
    all.into_iter().cycle().skip(days_ago as usize % 11).take(2).collect()
}

/// A year and more, with what happens in one.
pub(crate) fn year() -> Archive {
    let mut archive = Archive::new("jabber-prod");
    archive.configure("expected_findings = [\"late-copy\", \"unresolved-nick\"]");
    let no_outgoing = json!({ "finding": "no-outgoing", "rows": 120 });
    for days_ago in (1..=310).rev() {
        match days_ago {
            40 => archive.seal(days_ago, 900, &findings(days_ago), &UNREADABLE),
            3 => archive.seal(days_ago, 1_200, &[], &["body_string is of a type that is not read"]),
            5 | 77 | 78 | 150 | 201..207 => archive.seal(days_ago, volume(days_ago), &findings(days_ago), &[]),
            1 => archive.seal(days_ago, volume(days_ago), &[no_outgoing.clone(), json!({ "finding": "late-copy", "rows": 2 })], &[]),
            _ => archive.seal(days_ago, volume(days_ago), &[], &[]),
        }
        if [8, 31, 32, 120].contains(&days_ago) {
            archive.add(days_ago + 1, 14, &[]);
        }
        if days_ago == 39 {
            archive.add(40, 3, &UNREADABLE);
        }
        if days_ago < 60 {
            let accepted =
                if days_ago == 6 { json!({ "accepted": "the holding was sold on Monday, 40 people have left" }) } else { json!({}) };
            archive.run(days_ago - 1, &accepted);
        }
    }
    archive
}

/// One that nobody has run for a week.
pub(crate) fn standing() -> Archive {
    let mut archive = Archive::new("standing-still");
    for days_ago in (7..=80).rev() {
        archive.seal(days_ago, volume(days_ago), &[], &[]);
    }
    archive.run(6, &json!({ "findings": [{ "finding": "clock-skew", "seconds": 420 }] }));
    archive
}

/// One in whose entries stands what somebody would like to be more than text.
pub(crate) fn hostile() -> Archive {
    let mut archive = Archive::new("hostile");
    let room = "a\"><img/src=x@conference.example.com";
    let gap = json!({ "finding": "unarchived-rooms", "rooms": 1, "messages": 3, "named": [room] });
    let reason = HOSTILE.to_owned() + &"unbroken".repeat(60);
    archive.seal(3, 20, &[gap], &[]);
    archive.seal(2, 20, &[], &[&reason, "</style></section></main><script>document.title='taken over'</script>"]);
    archive.seal(1, 20, &[], &[]);
    archive.run(0, &json!({ "host": reason, "account": HOSTILE, "version": HOSTILE, "accepted": reason }));
    archive
}

/// Markup, an entity, a comment, and what turns the direction of text.
pub(crate) const HOSTILE: &str = "</p></li><script>document.body.remove()</script><img src=\"http://archive.example/x.png\" onerror=\"alert(1)\"><!-- &lt; 'x' \u{202e}txet\u{7}";
