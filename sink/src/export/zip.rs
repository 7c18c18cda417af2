use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::Path,
};

use jabber_archive_core::{Digest, Result};
use sha2::{Digest as _, Sha256};
use zip::{CompressionMethod, DateTime, ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::{
    form::{Form, Item},
    load_file::LoadFile,
    target::{Target, fault},
};

/// A zip: `mails/<window>/<id>.eml`, or `.rsmf` where review tools know the mail by that, the load file behind them, the digests of all at the end.
pub(super) struct Zip {
    writer: ZipWriter<Quiet>,
    rows: LoadFile<BufWriter<File>>,
    digests: BufWriter<File>,
    target: Target,
}

impl Zip {
    pub(super) fn begin(path: &Path) -> Result<Self> {
        let (target, file) = Target::file(path)?;
        // Nameless, so that nothing is left of them however this ends.
        let beside = || tempfile::tempfile_in(target.parent()).map(BufWriter::new).map_err(|error| fault(target.parent(), error));
        let rows = LoadFile::new(beside()?).map_err(|error| target.fault(error))?;
        let digests = beside()?;
        Ok(Self { writer: ZipWriter::new(Quiet::new(file)), rows, digests, target })
    }
}

impl Form for Zip {
    fn add(&mut self, item: &Item) -> Result<()> {
        let path = path(item);
        let added = start(&mut self.writer, &path, item.line.bytes)
            .and_then(|()| self.writer.write_all(&item.content))
            .and_then(|()| self.rows.add(&path, item))
            .and_then(|()| name_digest(&mut self.digests, &item.line.sha256, &path));
        added.map_err(|error| self.target.fault(error))
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self { writer, rows, digests, target } = *self;
        let file = close(writer, rows, digests).map_err(|error| target.fault(error))?;
        target.place_file(&file)
    }
}

/// Where a mail lies in the zip.
fn path(Item { key, content, .. }: &Item) -> String {
    let suffix = if content.starts_with(b"X-RSMF-Version: ") { "rsmf" } else { "eml" };
    format!("mails/{}/{}.{suffix}", key.window.folder(), key.id)
}

/// As `sha256sum` writes and checks it.
fn name_digest(out: &mut impl Write, digest: &Digest, path: &str) -> io::Result<()> {
    writeln!(out, "{digest}  {path}")
}

fn start(writer: &mut ZipWriter<Quiet>, path: &str, bytes: u64) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        // Midnight of 1980-01-01, the first that a zip knows: the same for the same archive.
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o600)
        .large_file(bytes >= u64::from(u32::MAX));
    writer.start_file(path, options).map_err(unwrapped)
}

fn close(mut writer: ZipWriter<Quiet>, rows: LoadFile<BufWriter<File>>, mut digests: BufWriter<File>) -> io::Result<File> {
    let (rows, bytes) = rewound(rows.into_inner()?)?;
    start(&mut writer, LoadFile::<File>::NAME, bytes)?;
    let mut hashed = Hashed { inner: BufReader::new(rows), hasher: Sha256::new() };
    io::copy(&mut hashed, &mut writer)?;
    let digest = Digest::from_bytes(hashed.hasher.finalize().into());
    name_digest(&mut digests, &digest, LoadFile::<File>::NAME)?;

    let (digests, bytes) = rewound(digests)?;
    start(&mut writer, "SHA256SUMS", bytes)?;
    io::copy(&mut BufReader::new(digests), &mut writer)?;
    let Quiet { file, .. } = writer.finish().map_err(unwrapped)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)
}

/// The file at its start, and how long it is.
fn rewound(file: BufWriter<File>) -> io::Result<(File, u64)> {
    let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    let bytes = file.stream_position()?;
    file.rewind()?;
    Ok((file, bytes))
}

fn unwrapped(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        error => io::Error::other(error),
    }
}

/// Computes the digest of what is read through it.
struct Hashed<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

/// Takes everything in silence after it has failed once: [`ZipWriter`] writes on when it is dropped, to standard error if that fails, and
/// panics where it is not told the places that it expects.
struct Quiet {
    file: BufWriter<File>,
    place: u64,
    end: u64,
    failed: bool,
}

impl Quiet {
    fn new(file: File) -> Self {
        Self { file: BufWriter::new(file), place: 0, end: 0, failed: false }
    }

    fn attempt<T>(&mut self, unless_failed: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>, otherwise: T) -> io::Result<T> {
        if self.failed {
            return Ok(otherwise);
        }
        unless_failed(&mut self.file).inspect_err(|error| self.failed = error.kind() != io::ErrorKind::Interrupted)
    }
}

impl Write for Quiet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.attempt(|file| file.write(bytes), bytes.len())?;
        self.place += written as u64;
        self.end = self.end.max(self.place);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt(Write::flush, ())
    }
}

impl Seek for Quiet {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(distance) => self.place.checked_add_signed(distance),
            SeekFrom::End(distance) => self.end.checked_add_signed(distance),
        };
        self.place = self.attempt(|file| file.seek(to), place.unwrap_or(self.place))?;
        Ok(self.place)
    }
}
