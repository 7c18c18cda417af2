//! The algorithm REFERENCES of RFC 5256: which threads mail programs show.

use std::collections::{BTreeMap, BTreeSet};

use jabber_archive_core::MailItem;
use mail_parser::MessageParser;

/// What the algorithm reads of a mail.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    id: String,
    references: Vec<String>,
    date: i64,
    subject: String,
    /// The subject without what replies and forwarding add to it, by section 2.1.
    base: String,
}

impl Header {
    pub(crate) fn read(item: &MailItem) -> Self {
        let mail = MessageParser::default().parse_headers(&item.content[..]).unwrap();
        let ids = |value: &mail_parser::HeaderValue<'_>| -> Vec<String> {
            value.as_text_list().unwrap_or_default().iter().map(ToString::to_string).collect()
        };
        // Step 1: where there are no references, the first id of In-Reply-To is one.
        let references = match ids(mail.references()) {
            none if none.is_empty() => ids(mail.in_reply_to()).into_iter().take(1).collect(),
            some => some,
        };
        Self {
            id: mail.message_id().unwrap().to_owned(),
            references,
            date: mail.date().unwrap().to_timestamp(),
            subject: mail.subject().unwrap().trim().to_owned(),
            base: mail.thread_name().unwrap().trim().to_lowercase(),
        }
    }

    fn is_reply(&self) -> bool {
        self.base != self.subject.to_lowercase()
    }
}

/// The Message-IDs of each thread, in the order of their dates.
pub(crate) fn threads(mails: &[Header]) -> BTreeSet<Vec<String>> {
    let known = known(mails);
    shown(gathered(pruned(&linked(mails), &known), &known), &known)
}

/// The same without step 5, where subjects do not count.
pub(crate) fn threads_by_references_alone(mails: &[Header]) -> BTreeSet<Vec<String>> {
    let known = known(mails);
    shown(pruned(&linked(mails), &known), &known)
}

fn known(mails: &[Header]) -> BTreeMap<&str, &Header> {
    let known: BTreeMap<&str, &Header> = mails.iter().map(|mail| (mail.id.as_str(), mail)).collect();
    assert_eq!(known.len(), mails.len(), "no id is there twice");
    known
}

fn shown(roots: Vec<Node>, known: &BTreeMap<&str, &Header>) -> BTreeSet<Vec<String>> {
    let dated = |thread: Node| {
        let mut ids = Vec::new();
        thread.ids(&mut ids);
        ids.sort_by_key(|id| (known[id.as_str()].date, id.clone()));
        ids
    };
    roots.into_iter().map(dated).collect()
}

/// A mail or, without an id, a place where none is.
#[derive(Debug, Default)]
struct Node {
    id: Option<String>,
    below: Vec<Node>,
}

impl Node {
    fn ids(&self, ids: &mut Vec<String>) {
        ids.extend(self.id.clone());
        self.below.iter().for_each(|node| node.ids(ids));
    }

    fn first<'m>(&self, known: &BTreeMap<&str, &'m Header>) -> &'m Header {
        self.id.as_deref().map_or_else(|| self.below[0].first(known), |id| known[id])
    }
}

/// Step 1: of each id that is named anywhere, which is above it.
fn linked(mails: &[Header]) -> BTreeMap<String, Option<String>> {
    let mut above: BTreeMap<String, Option<String>> = BTreeMap::new();
    let is_below = |above: &BTreeMap<String, Option<String>>, id: &str, root: &str| {
        let mut at = Some(id.to_owned());
        while let Some(id) = at {
            if id == root {
                return true;
            }
            at = above.get(&id).cloned().flatten();
        }
        false
    };
    for mail in mails {
        for reference in &mail.references {
            above.entry(reference.clone()).or_default();
        }
        for pair in mail.references.windows(2) {
            if above[&pair[1]].is_none() && !is_below(&above, &pair[0], &pair[1]) {
                above.insert(pair[1].clone(), Some(pair[0].clone()));
            }
        }
        let parent = mail.references.last().filter(|parent| !is_below(&above, parent, &mail.id)).cloned();
        above.insert(mail.id.clone(), parent);
    }
    above
}

/// Steps 2 and 3: the trees, without places that hold nothing and with those that hold several mails together.
fn pruned(above: &BTreeMap<String, Option<String>>, known: &BTreeMap<&str, &Header>) -> Vec<Node> {
    fn below(id: Option<&str>, above: &BTreeMap<String, Option<String>>, known: &BTreeMap<&str, &Header>) -> Vec<Node> {
        let mut nodes = Vec::new();
        for (child, _) in above.iter().filter(|(_, parent)| parent.as_deref() == id) {
            let node =
                Node { id: known.contains_key(child.as_str()).then(|| child.clone()), below: below(Some(child.as_str()), above, known) };
            if node.id.is_some() || (id.is_none() && node.below.len() > 1) {
                nodes.push(node);
            } else {
                nodes.extend(node.below);
            }
        }
        nodes.sort_by_key(|node| node.first(known).date);
        nodes
    }
    below(None, above, known)
}

/// Steps 4 and 5: threads of one subject are one.
fn gathered(roots: Vec<Node>, known: &BTreeMap<&str, &Header>) -> Vec<Node> {
    let is_reply = |node: &Node| node.id.as_deref().is_some_and(|id| known[id].is_reply());
    let mut subjects: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, root) in roots.iter().enumerate() {
        let subject = root.first(known).base.as_str();
        let counts = |other: &Node| root.id.is_none() || (!is_reply(root) && is_reply(other));
        if !subject.is_empty() && subjects.get(subject).is_none_or(|other| counts(&roots[*other])) {
            subjects.insert(subject, index);
        }
    }
    let keepers: Vec<usize> =
        roots.iter().enumerate().map(|(index, root)| subjects.get(root.first(known).base.as_str()).copied().unwrap_or(index)).collect();
    let mut threads: BTreeMap<usize, Vec<Node>> = BTreeMap::new();
    for (root, keeper) in roots.into_iter().zip(keepers) {
        threads.entry(keeper).or_default().push(root);
    }
    // However they are put together, they are shown as one.
    threads.into_values().map(|below| Node { id: None, below }).collect()
}

fn header(id: &str, references: &[&str], date: i64, subject: &str, base: &str) -> Header {
    let references = references.iter().map(ToString::to_string).collect();
    Header { id: id.to_owned(), references, date, subject: subject.to_owned(), base: base.to_owned() }
}

#[test]
fn replies_stand_under_what_they_answer_and_others_of_one_subject_beside_them() {
    let mails = [
        header("c", &["a", "b"], 3, "Re: Plans", "plans"),
        header("a", &[], 1, "Plans", "plans"),
        // What it answers is not there.
        header("e", &["lost"], 5, "Figures", "figures"),
        header("f", &["lost"], 6, "Other words", "other words"),
        // Two that answer each other.
        header("g", &["h"], 7, "Loop", "loop"),
        header("h", &["g"], 8, "Echo", "echo"),
        header("d", &[], 4, "Re: Plans", "plans"),
        header("i", &[], 9, "Alone", "alone"),
    ];
    let expected = |threads: &[&[&str]]| -> BTreeSet<Vec<String>> {
        threads.iter().map(|ids| ids.iter().map(ToString::to_string).collect()).collect()
    };
    let mut mails = mails.to_vec();
    for _ in 0..mails.len() {
        mails.rotate_left(3);
        assert_eq!(threads(&mails), expected(&[&["a", "c", "d"], &["e", "f"], &["g", "h"], &["i"]]));
        assert_eq!(threads_by_references_alone(&mails), expected(&[&["a", "c"], &["d"], &["e", "f"], &["g", "h"], &["i"]]));
    }
}
