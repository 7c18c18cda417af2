//! The status page in a real browser: at the width of a phone, of a tablet and of a window, in a light and in a dark scheme.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod archive;
#[path = "../../../core/tests/layout/chromium.rs"]
mod chromium;
mod file;
mod samples;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
};

use archive::Archive;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Tests that cannot run for want of a program fail where this is set.
const ALL: &str = "JABBER_ARCHIVE_TEST_ALL";
/// Where axe-core's script is.
const AXE: &str = "JABBER_ARCHIVE_TEST_AXE";

/// A page as the harness takes it, and what `status --json` says of the same archive.
#[derive(Serialize)]
struct Page {
    name: &'static str,
    html: String,
    #[serde(skip)]
    status: Value,
}

impl Page {
    fn new(name: &'static str, archive: &Archive, code: i32) -> Self {
        Self { name, html: archive.page(code), status: archive.json() }
    }
}

fn pages() -> Vec<Page> {
    vec![
        Page::new("year", &samples::year(), 0),
        Page::new("standing", &samples::standing(), 3),
        Page::new("hostile", &samples::hostile(), 0),
        Page::new("new", &Archive::new("new"), 3),
    ]
}

/// What the harness says about a page at one width and in one scheme.
#[derive(Debug, Deserialize)]
struct Facts {
    page: String,
    width: u32,
    scheme: String,
    shown_width: u32,
    shown_dark: bool,
    scroll_width: u32,
    outside: Vec<String>,
    cut: Vec<String>,
    texts: usize,
    faint: Vec<String>,
    background: String,
    title: String,
    active: usize,
    text: String,
    days: Vec<Vec<String>>,
    /// Of each day in the calendar its date, its text and its marks.
    calendar: Vec<(String, String, String)>,
    headings: Vec<u8>,
    bars: Vec<usize>,
}

/// What axe says about a page.
#[derive(Debug, Deserialize)]
struct Looked {
    place: String,
    passes: usize,
    violations: Vec<String>,
}

/// Inside a script, so that no page can end it.
fn script(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap().replace('<', "\\u003c")
}

/// What a harness answers.
fn answer<T: DeserializeOwned>(name: &str, harness: &str) -> Option<T> {
    let shown = chromium::show(name, harness)?;
    assert_eq!(shown.connections, 0, "a page asks for something from outside");
    let (_, rest) = shown.dom.split_once("FACTS").expect("the harness comes to its end");
    let answer = data_encoding::BASE64.decode(rest.split_once("END").unwrap().0.as_bytes()).unwrap();
    Some(serde_json::from_slice(&answer).unwrap())
}

fn facts(name: &str, pages: &[Page]) -> Option<Vec<Facts>> {
    answer(name, &include_str!("harness.html").replace("/*PAGES*/", &script(&pages)))
}

#[test]
fn the_page_fits_and_can_be_read_at_every_width_and_in_every_scheme() {
    let pages = pages();
    let Some(facts) = facts("fits", &pages) else { return };
    assert_eq!(facts.len(), pages.len() * 6);
    let mut backgrounds: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for fact in &facts {
        let place = format!("{} at {} in {}", fact.page, fact.width, fact.scheme);
        assert_eq!((fact.shown_width, fact.shown_dark), (fact.width, fact.scheme == "dark"), "{place}");
        assert!(fact.scroll_width <= fact.width, "{place}: {} wide", fact.scroll_width);
        assert!(fact.outside.is_empty(), "{place}: {:#?}", fact.outside);
        assert!(fact.cut.is_empty(), "{place}: {:#?}", fact.cut);
        assert!(fact.texts > 365, "{place}: {}", fact.texts);
        assert!(fact.faint.is_empty(), "{place}: {:#?}", fact.faint);
        assert!(fact.headings.windows(2).all(|pair| pair[1] <= pair[0] + 1) && fact.headings[0] == 1, "{place}: {:?}", fact.headings);
        backgrounds.entry(&fact.scheme).or_default().insert(&fact.background);
    }
    // The style applies under the policy of the page itself.
    assert_eq!(
        (&backgrounds["light"], &backgrounds["dark"]),
        (&BTreeSet::from(["rgb(246, 247, 245)"]), &BTreeSet::from(["rgb(18, 23, 26)"]))
    );
}

#[test]
fn every_day_is_told_in_words_and_marked_by_more_than_a_colour() {
    let pages = pages();
    let Some(facts) = facts("days", &pages) else { return };
    let mut seen = BTreeSet::new();
    for (page, fact) in pages.iter().flat_map(|page| facts.iter().filter(|fact| fact.page == page.name).map(move |fact| (page, fact))) {
        let days: Vec<&Value> = page.status["days"].as_array().unwrap().iter().rev().collect();
        assert_eq!((fact.days.len(), days.len()), (365, 365));
        let calendar: BTreeMap<&str, (&str, &str)> =
            fact.calendar.iter().map(|(date, text, marks)| (date.as_str(), (text.as_str(), marks.as_str()))).collect();
        for (row, day) in fact.days.iter().zip(days) {
            let count = |name: &str| day[name].as_u64().unwrap();
            let (date, state) = (day["date"].as_str().unwrap(), day["state"].as_str().unwrap());
            assert_eq!(row[0], date);
            let words = match state {
                "before" => "before the archive",
                "open" => "not over",
                state => state,
            };
            assert_eq!((row[1].as_str(), row[2].replace(',', "")), (words, count("messages").to_string()), "{day}");
            let noted: [(&str, char, &str); 3] =
                [("added", '+', "added later"), ("findings", '!', "finding"), ("dead_letters", '†', "dead letter")];
            for (name, _, note) in noted {
                assert_eq!(
                    row[5].split(", ").any(|noted| noted.contains(note) && !noted.contains("expected")),
                    count(name) > 0,
                    "{row:?} {day}"
                );
            }
            // A whole month before the archive is in the table alone.
            let Some((text, marks)) = calendar.get(date) else {
                assert_eq!(state, "before");
                continue;
            };
            assert!(text.contains(words), "{text}: {day}");
            assert_eq!(marks.contains('×'), state == "missing", "{marks}: {day}");
            for (name, mark, _) in noted {
                assert_eq!(marks.contains(mark), count(name) > 0, "{marks}: {day}");
            }
            seen.insert(format!("{state}{marks}"));
        }
        let months: BTreeSet<&str> = calendar.keys().map(|date| &date[..7]).collect();
        assert!(months.len() == 1 || page.name == "year" || page.name == "standing", "{months:?}");
        let volumes = |name: &str| page.status["days"].as_array().unwrap().iter().filter(|day| day[name] != 0).count();
        if page.name == "new" {
            assert!(fact.bars.is_empty());
        } else {
            assert_eq!(fact.bars, [volumes("messages"), volumes("bytes")], "{}", page.name);
        }
    }
    let states = ["before", "open", "missing×", "missing×!", "sealed", "sealed+", "sealed!", "sealed†", "sealed+!†"];
    assert!(states.iter().all(|state| seen.contains(*state)), "{seen:?}");
}

#[test]
fn what_somebody_wrote_into_the_chain_stays_text() {
    let pages = [Page::new("hostile", &samples::hostile(), 0)];
    let Some(facts) = facts("hostile", &pages) else { return };
    // What moves the cursor or turns the direction is shown as what cannot be shown.
    let shown = samples::HOSTILE.replace(['\u{202e}', '\u{7}'], "\u{fffd}");
    for fact in &facts {
        assert_eq!(fact.active, 0, "at {}", fact.width);
        assert_eq!(fact.title, "Healthy, with something to look at: hostile");
        // Host, account, version, the accepted reason.
        assert_eq!(fact.text.matches(&shown).count(), 4, "{}", fact.text);
        assert!(fact.text.contains("</style></section></main><script>document.title='taken over'</script>"));
        assert!(!fact.text.contains(['\u{202e}', '\u{7}']));
    }
}

#[test]
fn axe_finds_nothing_that_keeps_anybody_from_reading_it() {
    let Some(path) = env::var_os(AXE) else {
        assert!(env::var_os(ALL).is_none(), "{AXE} must name axe-core's axe.min.js where {ALL} is set: see .ci/test");
        println!("SKIPPED: {AXE} does not name axe-core's axe.min.js");
        return;
    };
    let mut pages = pages();
    for page in &mut pages {
        // axe is a script, and the page takes none.
        let (before, policy) = page.html.split_once("<meta http-equiv=\"Content-Security-Policy\"").expect("a policy");
        page.html = format!("{before}{}", policy.split_once(">\n").unwrap().1);
    }
    let axe = fs::read_to_string(path).unwrap();
    let look = |name: &str, pages: &[Page]| {
        let harness = include_str!("axe.html").replace("/*PAGES*/", &script(&pages)).replace("/*AXE*/", &script(&axe));
        answer::<Vec<Looked>>(name, &harness)
    };
    let Some(looked) = look("axe", &pages) else { return };
    assert_eq!(looked.len(), pages.len() * 2);
    for Looked { place, passes, violations } in looked {
        assert!(violations.is_empty(), "{place}: {violations:#?}");
        assert!(passes > 20, "{place}: {passes}");
    }
    // It would find something.
    pages.truncate(1);
    pages[0].html = pages[0]
        .html
        .replacen("aria-labelledby=\"messages-title messages-about\"", "", 1)
        .replace("<title id=\"messages-title\">", "<title>")
        .replace("<html lang=\"en\">", "<html>");
    let violations: Vec<String> = look("axe-finds", &pages).unwrap().into_iter().flat_map(|looked| looked.violations).collect();
    assert!(violations.iter().any(|violation| violation.starts_with("html-has-lang")), "{violations:#?}");
}

#[test]
fn it_prints() {
    let year = samples::year().page(0);
    let Some(sheets) = chromium::sheets("status", &year) else { return };
    // Where months break over sheets depends on the day.
    assert!((3..=8).contains(&sheets), "{sheets}");
}
