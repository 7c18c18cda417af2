use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use jabber_archive_core::{Digest, Grid, Issue, ItemKey, MailItem, Part};

/// The same items in memory and as files.
#[derive(Debug)]
pub struct Items {
    /// As the sink takes them.
    pub mails: Vec<MailItem>,
    /// Where the files are.
    pub folder: PathBuf,
}

impl Items {
    /// So many items of so many bytes, and their files in a folder that does not exist yet.
    pub fn new(count: usize, bytes: usize, folder: impl AsRef<Path>) -> io::Result<Self> {
        let items = Self { mails: (0..count).map(|number| mail(number, bytes)).collect(), folder: folder.as_ref().to_owned() };
        fs::create_dir_all(&items.folder)?;
        for mail in &items.mails {
            fs::write(items.folder.join(format!("{}.eml", mail.key.id)), &mail.content)?;
        }
        Ok(items)
    }

    /// The bytes of all of them.
    pub fn bytes(&self) -> u64 {
        self.mails.iter().map(|mail| mail.content.len() as u64).sum()
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        // A folder that stays is under the target folder, where it is in nobody's way.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn mail(number: usize, bytes: usize) -> MailItem {
    let window = Grid::daily().window_at("2026-11-21T12:00:00Z".parse().expect("a time"));
    let digest = Digest::of(&number.to_le_bytes());
    // Ids are base32: letters are enough.
    let name = digest.as_bytes()[..26].iter().map(|byte| char::from(b'a' + byte % 26)).collect::<String>();
    let content: Bytes = digest.to_string().bytes().cycle().take(bytes).collect();
    MailItem::new(ItemKey::new(window, name.parse().expect("an id")), digest.short(), Issue::FIRST, Part::new(1, 1), content)
}
