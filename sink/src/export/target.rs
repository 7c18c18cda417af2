use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};

/// Where an export goes. It is made in `<path>.partial` and moved when it is whole; what is not goes away with this.
#[derive(Debug)]
pub(super) struct Target {
    path: PathBuf,
    partial: PathBuf,
    /// Whether something is there that has to go.
    begun: bool,
}

impl Target {
    /// A file, empty and open for writing.
    pub(super) fn file(path: &Path) -> Result<(Self, File)> {
        let mut target = Self::named(path)?;
        target.refuse_occupied()?;
        let file = create_file(&target.partial).map_err(|error| refuse_begun(&target.partial, error))?;
        target.begun = true;
        Ok((target, file))
    }

    /// A folder, empty; an empty one may be in its place.
    pub(super) fn folder(path: &Path) -> Result<Self> {
        let mut target = Self::named(path)?;
        let empty = fs::read_dir(&target.path).is_ok_and(|mut entries| entries.next().is_none());
        if !empty {
            target.refuse_occupied()?;
        }
        create_folder(&target.partial).map_err(|error| refuse_begun(&target.partial, error))?;
        target.begun = true;
        Ok(target)
    }

    fn named(path: &Path) -> Result<Self> {
        let Some(name) = path.file_name() else {
            return Err(refused(path, "this is not the name of a file or folder").advise("name one that is not there yet"));
        };
        let path = path.with_file_name(name);
        let mut partial = name.to_owned();
        partial.push(".partial");
        Ok(Self { partial: path.with_file_name(partial), path, begun: false })
    }

    fn refuse_occupied(&self) -> Result<()> {
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(fault(&self.path, error)),
            Ok(_) => Err(occupied(&self.path)),
        }
    }

    /// Where it is made.
    pub(super) fn partial(&self) -> &Path {
        &self.partial
    }

    /// The folder in which it will lie.
    pub(super) fn parent(&self) -> &Path {
        parent(&self.path)
    }

    /// An error of writing it.
    pub(super) fn fault(&self, error: io::Error) -> Error {
        fault(&self.partial, error)
    }

    /// Moves the file to its place, which nothing may have taken meanwhile.
    pub(super) fn place_file(mut self, file: &File) -> Result<()> {
        file.sync_all().map_err(|error| self.fault(error))?;
        match fs::hard_link(&self.partial, &self.path) {
            Ok(()) => fs::remove_file(&self.partial).map_err(|error| self.fault(error))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(occupied(&self.path)),
            // The file system has no hard links, as that of a memory stick.
            Err(_) => {
                self.refuse_occupied()?;
                fs::rename(&self.partial, &self.path).map_err(|error| fault(&self.path, error))?;
            }
        }
        self.begun = false;
        sync_parent(&self.path);
        Ok(())
    }

    /// Moves the folder to its place; a file or a folder that is not empty is never replaced (POSIX, `rename`).
    pub(super) fn place_folder(mut self) -> Result<()> {
        fs::rename(&self.partial, &self.path).map_err(|error| match error.kind() {
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => occupied(&self.path),
            _ => fault(&self.path, error),
        })?;
        self.begun = false;
        sync_parent(&self.path);
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if self.begun {
            // Whoever is told of the error sees what is left where this fails too.
            let _: io::Result<()> = if self.partial.is_dir() { fs::remove_dir_all(&self.partial) } else { fs::remove_file(&self.partial) };
        }
    }
}

/// A file that was not there, for its owner alone: chats are nobody else's.
pub(super) fn create_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A folder that was not there, for its owner alone.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// What an error of the file system means.
pub(super) fn fault(path: &Path, error: io::Error) -> Error {
    let (what, advice) = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ("no space is left", "make space, or export to another file system"),
        io::ErrorKind::ReadOnlyFilesystem => ("the file system is read-only", "export to another one"),
        io::ErrorKind::PermissionDenied => ("not permitted", "give the account that runs this the right to write there"),
        io::ErrorKind::NotFound => ("the folder that it is to lie in is not there", "make the folder, or name another one"),
        io::ErrorKind::FileTooLarge => ("it is larger than a file may be", "export fewer mails at a time, or to another file system"),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename => {
            ("the file system does not take this name", "export to another one: names in a Maildir have a colon")
        }
        _ => ("it cannot be written", "see what the system says about it, and export again"),
    };
    refused(path, what).advise(advice).because(error)
}

fn refuse_begun(partial: &Path, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return refused(partial, "another export is at work there, or one was killed")
            .advise("remove it if no other export is at work")
            .because(error);
    }
    fault(partial, error)
}

fn occupied(path: &Path) -> Error {
    refused(path, "it is there already").advise("name a file or folder that is not: nothing is ever overwritten")
}

fn refused(path: &Path, what: &str) -> Error {
    Error::new(ErrorKind::Output, ErrorClass::Fatal, "export to", what).about(path.display())
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The export is whole without it: after a power cut it may only have its old name, so that no system needs to be able to do this.
fn sync_parent(path: &Path) {
    let _: io::Result<()> = File::open(parent(path)).and_then(|folder| folder.sync_all());
}
