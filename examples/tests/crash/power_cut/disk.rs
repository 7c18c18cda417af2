//! What a disk may hold after a power cut.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use fastrand::Rng;

use super::trace::Call;

/// What a name may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Nothing,
    Folder,
    File(usize),
}

#[derive(Debug, Clone)]
struct File {
    /// After so many calls it was written last.
    written: usize,
    is_synced: bool,
    content: Vec<u8>,
}

/// A folder and all below it as the program sees it, and what of that a sync has reached.
///
/// Nothing is taken for granted: of the states that a name was in since its folder was synced any may be found, those of one name apart from those of another; and
/// what was written to a file since it was synced may be there, be gone, be cut off or be zeros.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// The states of each name since its folder was synced, oldest first, with the number of the call that made them.
    names: BTreeMap<String, Vec<(usize, Node)>>,
    files: Vec<File>,
}

/// What of that which no sync has reached gets lost.
#[derive(Debug)]
pub(super) enum Loss<'r> {
    /// All of it.
    All,
    /// As it happens: at times a little, at times nearly everything.
    Some(&'r mut Rng),
}

impl Loss<'_> {
    /// Which of the states of a name, of which the first was synced, is found.
    fn state(&mut self, states: usize, mildness: f64) -> usize {
        match self {
            Self::All => 0,
            Self::Some(rng) => {
                if rng.f64() < mildness {
                    states - 1
                } else {
                    rng.usize(..states)
                }
            }
        }
    }

    /// What is found of content.
    fn content(&mut self, content: &[u8], mildness: f64) -> Vec<u8> {
        match self {
            Self::All => Vec::new(),
            Self::Some(rng) => {
                if rng.f64() < mildness {
                    return content.to_vec();
                }
                match rng.u8(..3) {
                    0 => Vec::new(),
                    1 => content[..rng.usize(..=content.len())].to_vec(),
                    // The length was written, the blocks were not.
                    _ => vec![0; content.len()],
                }
            }
        }
    }
}

/// What a cut did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    /// Names that were there and are gone.
    pub(super) names: u64,
    /// Files that are there and not whole.
    pub(super) contents: u64,
}

impl Disk {
    /// What lies in a folder now, all of it on stable storage.
    pub(super) fn of(folder: &Path) -> Self {
        let mut disk = Self::default();
        for (path, content) in found(folder) {
            let node = match content {
                Some(content) => disk.file(File { written: 0, is_synced: true, content }),
                None => Node::Folder,
            };
            disk.names.insert(path, vec![(0, node)]);
        }
        disk
    }

    /// Follows a program that is dead now; `folder` is how it has left things.
    pub(super) fn follow(&mut self, calls: &[Call], folder: &Path) {
        for (number, call) in calls.iter().enumerate() {
            self.apply(number + 1, call);
        }
        // A call that was cut off may have done what it was asked.
        let found = found(folder);
        for (path, content) in &found {
            let node = match (self.now(path), content) {
                (Node::File(file), Some(content)) => {
                    self.files[file].content.clone_from(content);
                    continue;
                }
                (Node::Folder, None) => continue,
                (_, Some(content)) => self.file(File { written: calls.len(), is_synced: false, content: content.clone() }),
                (_, None) => Node::Folder,
            };
            self.become_(path, calls.len() + 1, node);
        }
        let gone: Vec<String> =
            self.names.keys().filter(|path| self.now(path) != Node::Nothing && !found.contains_key(*path)).cloned().collect();
        for path in gone {
            self.become_(&path, calls.len() + 1, Node::Nothing);
        }
    }

    fn apply(&mut self, number: usize, call: &Call) {
        match call {
            Call::Create(path) => {
                if self.now(path) == Node::Nothing {
                    let file = self.file(File { written: number, is_synced: false, content: Vec::new() });
                    self.become_(path, number, file);
                }
            }
            Call::Folder(path) => self.become_(path, number, Node::Folder),
            Call::Link(from, to) => self.become_(to, number, self.now(from)),
            Call::Rename(from, to) => {
                self.become_(to, number, self.now(from));
                self.become_(from, number, Node::Nothing);
            }
            Call::Remove(path) => self.become_(path, number, Node::Nothing),
            Call::Write(path) => {
                if let Node::File(file) = self.now(path) {
                    (self.files[file].written, self.files[file].is_synced) = (number, false);
                }
            }
            Call::Sync(path, since) => {
                if let Node::File(file) = self.now(path) {
                    self.files[file].is_synced |= self.files[file].written <= *since;
                    return;
                }
                for (_, states) in self.names.iter_mut().filter(|(name, _)| folder_of(name) == path) {
                    let synced = states.iter().rposition(|(made, _)| made <= since).unwrap_or(0);
                    states.drain(..synced);
                }
            }
        }
    }

    /// Puts what a power cut may leave into an empty folder.
    pub(super) fn cut(&self, mut how: Loss<'_>, into: &Path) -> Lost {
        let mut lost = Lost::default();
        let mildness = if let Loss::Some(rng) = &mut how { rng.f64() } else { 0.0 };
        let mut contents: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
        let mut folders = BTreeSet::from([String::new()]);
        for (path, states) in &self.names {
            let now = self.now(path);
            let node = states[how.state(states.len(), mildness)].1;
            if !folders.contains(folder_of(path)) || node == Node::Nothing {
                lost.names += u64::from(now != Node::Nothing);
                continue;
            }
            match node {
                Node::File(file) => {
                    let of = &self.files[file];
                    let torn = || if of.is_synced { of.content.clone() } else { how.content(&of.content, mildness) };
                    let content = contents.entry(file).or_insert_with(torn);
                    lost.contents += u64::from(*content != of.content);
                    fs::write(into.join(path), content).unwrap();
                }
                _ => {
                    fs::create_dir(into.join(path)).unwrap();
                    folders.insert(path.clone());
                }
            }
        }
        lost
    }

    fn now(&self, path: &str) -> Node {
        self.names.get(path).and_then(|states| states.last()).map_or(Node::Nothing, |(_, node)| *node)
    }

    fn become_(&mut self, path: &str, number: usize, node: Node) {
        self.names.entry(path.to_owned()).or_insert_with(|| vec![(0, Node::Nothing)]).push((number, node));
    }

    fn file(&mut self, file: File) -> Node {
        self.files.push(file);
        Node::File(self.files.len() - 1)
    }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Everything below a folder, by its path there; folders without content.
fn found(folder: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            let path = entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
                found.insert(path, None);
            } else {
                found.insert(path, Some(fs::read(entry.path()).unwrap()));
            }
        }
    }
    found
}

#[test]
fn what_was_synced_stays_and_anything_else_may_be_gone_or_torn() {
    let name = |name: &str| name.to_owned();
    let calls = [
        Call::Folder(name("kept")),
        Call::Create(name("kept/whole")),
        Call::Write(name("kept/whole")),
        Call::Sync(name("kept/whole"), 3),
        Call::Create(name("kept/torn")),
        Call::Write(name("kept/torn")),
        Call::Sync(name("kept"), 6),
        Call::Sync(name(""), 7),
        Call::Create(name("kept/late")),
        Call::Folder(name("lost")),
    ];
    let folder = tempfile::tempdir().unwrap();
    for path in ["kept", "lost"] {
        fs::create_dir(folder.path().join(path)).unwrap();
    }
    for path in ["kept/whole", "kept/torn", "kept/late"] {
        fs::write(folder.path().join(path), "content").unwrap();
    }
    let mut disk = Disk::of(tempfile::tempdir().unwrap().path());
    disk.follow(&calls, folder.path());
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let into = tempfile::tempdir().unwrap();
        disk.cut(Loss::Some(&mut Rng::with_seed(seed)), into.path());
        let there = found(into.path());
        assert_eq!(there["kept/whole"].as_deref(), Some(&b"content"[..]));
        seen.insert((there["kept/torn"].as_deref() == Some(b"content"), there.contains_key("kept/late"), there.contains_key("lost")));
    }
    assert_eq!(seen.len(), 8, "every mixture of the three: {seen:?}");
    let into = tempfile::tempdir().unwrap();
    assert_eq!(disk.cut(Loss::All, into.path()), Lost { names: 2, contents: 1 });
    assert_eq!(found(into.path()).into_keys().collect::<Vec<_>>(), ["kept", "kept/torn", "kept/whole"]);
}
