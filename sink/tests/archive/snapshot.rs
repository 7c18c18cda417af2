//! Everything that lies in a folder.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path, time::SystemTime};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) mode: u32,
    pub(crate) modified: SystemTime,
    /// None of a folder.
    pub(crate) content: Option<Vec<u8>>,
}

/// Files and folders by path, relative and with `/`; the folder itself has the empty path.
pub(crate) fn snapshot(folder: &Path) -> BTreeMap<String, Object> {
    let mut objects = BTreeMap::new();
    visit(folder, "", &mut objects);
    objects
}

/// The files by path.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    snapshot(folder).into_iter().filter_map(|(path, object)| Some((path, object.content?))).collect()
}

fn visit(root: &Path, path: &str, objects: &mut BTreeMap<String, Object>) {
    let place = root.join(path);
    let metadata = fs::symlink_metadata(&place).unwrap();
    let content = (!metadata.is_dir()).then(|| fs::read(&place).unwrap());
    let object = Object { mode: metadata.permissions().mode() & 0o7777, modified: metadata.modified().unwrap(), content };
    objects.insert(path.to_owned(), object);
    if metadata.is_dir() {
        for entry in fs::read_dir(&place).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            visit(root, &if path.is_empty() { name } else { format!("{path}/{name}") }, objects);
        }
    }
}
