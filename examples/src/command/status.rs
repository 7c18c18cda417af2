use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};

use super::{Outcome, now, verify::open_configured};
use crate::{
    arguments,
    console::Console,
    status::{MARK, Service, Status, page},
    wiring::{self, Place},
};

pub(super) async fn status(arguments: &arguments::Status, console: &Console) -> Result<Outcome> {
    let (place, archive, config) = open_configured(&arguments.located).await?;
    let file = arguments.html.as_deref().map(|path| PageFile::at(path, &place)).transpose()?;
    let now = now();
    let mut service = Service::default();
    if let Some((config, watch)) = config.as_ref().and_then(|config| Some((config, config.watch.as_ref()?))) {
        service.limit = watch.unhealthy_after();
        service.next_run = Some(watch.schedule(&wiring::facts(config)?.grid, &wiring::settings(config))?.next(now));
    }
    let status = Status::of(&place, &archive, config.as_ref(), &service, now).await?;
    if let Some(file) = &file {
        file.write(&page(&status))?;
    }
    console.print(&status)?;
    Ok(if status.is_unhealthy() { Outcome::Findings } else { Outcome::Done })
}

/// A file that holds an earlier page, or is not there.
#[derive(Debug)]
struct PageFile(PathBuf);

impl PageFile {
    /// Refuses what is no page of ours: a name that is mistyped costs nobody a file. A link is followed, so that the page may lie in a web server's folder.
    fn at(path: &Path, place: &Place) -> Result<Self> {
        let refuse = |what: &str| Error::new(ErrorKind::Config, ErrorClass::Fatal, "write --html", what).about(path.display());
        if let Place::Folder(folder) = place
            && super::lies_within(path, folder)
        {
            return Err(refuse("it would lie in the archive").advise("name a place outside of it"));
        }
        match begins_as_page(path) {
            Ok(true) => path.canonicalize().map(Self).map_err(|error| refuse("it cannot be found").because(error)),
            Ok(false) => Err(refuse("what is there is no status page").advise("remove it, or name another file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self(path.to_owned())),
            Err(error) => Err(refuse("what is there cannot be read").advise("remove it, or name another file").because(error)),
        }
    }

    /// Writes beside it and renames: whoever looks sees the earlier page or this one.
    fn write(&self, page: &str) -> Result<()> {
        let mut beside = self.0.clone().into_os_string();
        beside.push(format!(".{}", std::process::id()));
        let beside = PathBuf::from(beside);
        let written = File::create_new(&beside).and_then(|mut file| {
            file.write_all(page.as_bytes())?;
            // Who may read the earlier page may read this one.
            if let Ok(earlier) = fs::metadata(&self.0) {
                file.set_permissions(earlier.permissions())?;
            }
            fs::rename(&beside, &self.0)
        });
        written.map_err(|error| {
            let _: io::Result<()> = fs::remove_file(&beside);
            Error::new(ErrorKind::Output, ErrorClass::Fatal, "write --html", "the page cannot be written; an earlier one is as it was")
                .about(self.0.display())
                .because(error)
        })
    }
}

fn begins_as_page(path: &Path) -> io::Result<bool> {
    let mut begins = String::new();
    match File::open(path)?.take(MARK.len() as u64).read_to_string(&mut begins) {
        Ok(_) => Ok(begins == MARK),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(false),
        Err(error) => Err(error),
    }
}
