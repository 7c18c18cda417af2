//! Zip files of files stored as they are: nothing is compressed, so that no compressor's version changes a byte and sizes are known before writing.

use std::io::{Cursor, Read, Write};

use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter, result::ZipResult, write::SimpleFileOptions};

use crate::{Error, ErrorClass, ErrorKind, Result};

/// The most files in a zip file without the extension ZIP64.
pub(super) const MOST_FILES: usize = u16::MAX as usize - 1;

/// What a `local file header` takes beside the name (PKWARE's APPNOTE 6.3, section 4.3.7).
const LOCAL_BYTES: usize = 30;
/// What a `central directory header` takes beside the name (section 4.3.12).
const CENTRAL_BYTES: usize = 46;

/// What a file takes in a zip file.
pub(super) fn file_bytes(name: &str, content: usize) -> usize {
    LOCAL_BYTES + CENTRAL_BYTES + 2 * name.len() + content
}

/// The zip file of these files, at most [`MOST_FILES`] and less than 4 GiB.
pub(super) fn zipped<'f>(files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Result<Vec<u8>> {
    // The same wherever it is written, and on the first day that a zip file knows.
    let options =
        SimpleFileOptions::DEFAULT.compression_method(CompressionMethod::Stored).system(System::Dos).last_modified_time(DateTime::DEFAULT);
    let write = || -> ZipResult<Vec<u8>> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            zip.start_file(name, options)?;
            zip.write_all(content)?;
        }
        Ok(zip.finish()?.into_inner())
    };
    write().map_err(|error| {
        Error::new(ErrorKind::Conversion, ErrorClass::Item, "convert", "the zip file in an RSMF file cannot be written").because(error)
    })
}

/// The names and contents in a zip file; `None` if it is none, or was damaged.
pub(in super::super) fn files(zip: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut zip = ZipArchive::new(Cursor::new(zip)).ok()?;
    let count = zip.len();
    let file = |index| {
        let mut file = zip.by_index(index).ok()?;
        let mut content = Vec::new();
        file.read_to_end(&mut content).ok()?;
        Some((file.name().ok()?.into_owned(), content))
    };
    (0..count).map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_is_read_and_what_was_damaged_is_not() {
        let stored: [(&str, &[u8]); 3] = [("a.json", b"{}"), ("empty", b""), ("b.bin", &[0x50, 0x4b, 3, 4])];
        let bytes = zipped(stored).unwrap();
        let sizes: usize = stored.iter().map(|(name, content)| file_bytes(name, content.len())).sum();
        assert_eq!(bytes.len(), zipped([]).unwrap().len() + sizes, "the size is known before writing");
        assert_eq!(files(&bytes).unwrap(), stored.map(|(name, content)| (name.to_owned(), content.to_owned())));

        let mut damaged = bytes.clone();
        damaged[LOCAL_BYTES + "a.json".len()] ^= 1;
        assert_eq!(files(&damaged), None);
        assert_eq!(files(&bytes[..LOCAL_BYTES + 3]), None);
    }
}
