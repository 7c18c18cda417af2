use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
    time::{Duration, SystemTime},
};

use jabber_archive_core::{Result, Timestamp};

use super::{
    form::{Form, Item},
    target::{Target, create_file, create_folder, fault},
};

/// A folder of mails (<https://cr.yp.to/proto/maildir.html>), byte for byte as archived: written to `tmp`, moved to `cur`, marked as seen.
#[derive(Debug)]
pub(super) struct Maildir {
    target: Target,
}

impl Maildir {
    pub(super) fn begin(path: &Path) -> Result<Self> {
        let target = Target::folder(path)?;
        for name in ["cur", "new", "tmp"] {
            let folder = target.partial().join(name);
            create_folder(&folder).map_err(|error| fault(&folder, error))?;
        }
        Ok(Self { target })
    }
}

impl Form for Maildir {
    fn add(&mut self, item: &Item) -> Result<()> {
        // An id is of one mail in the world.
        let name = format!("{}.jabber-archive", item.key.id);
        let folder = self.target.partial();
        let (fresh, seen) = (folder.join("tmp").join(&name), folder.join("cur").join(format!("{name}:2,S")));
        write_file(&fresh, &item.content, item.date()).map_err(|error| fault(&fresh, error))?;
        fs::rename(&fresh, &seen).map_err(|error| fault(&seen, error))
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let folder = self.target.partial();
        for folder in [&folder.join("cur"), folder] {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| fault(folder, error))?;
        }
        self.target.place_folder()
    }
}

/// The file's time is when the mail is dated, since readers take it for its arrival.
fn write_file(path: &Path, content: &[u8], date: Timestamp) -> io::Result<()> {
    let mut file = create_file(path)?;
    file.write_all(content)?;
    file.set_modified(system_time(date))?;
    file.sync_all()
}

fn system_time(time: Timestamp) -> SystemTime {
    let distance = Duration::from_millis(time.millis().unsigned_abs());
    if time.millis() < 0 { SystemTime::UNIX_EPOCH - distance } else { SystemTime::UNIX_EPOCH + distance }
}
