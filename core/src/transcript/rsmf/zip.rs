//! Zip files as PKWARE's APPNOTE 6.3 has them, of files stored as they are.
//!
//! Nothing is compressed, so that no compressor's version changes a byte and sizes are known before writing; and an entry says as little of its host
//! as it can. Writers of zip files state the system that they run on.

/// `local file header`, sections 4.3.7.
const LOCAL: u32 = 0x0403_4b50;
/// `central file header`, section 4.3.12.
const CENTRAL: u32 = 0x0201_4b50;
/// `end of central directory record`, section 4.3.16.
const END: u32 = 0x0605_4b50;
/// The version of the format that stored files need; as the version made by, with 0 for the host: attributes as in MS-DOS, of which there are none.
const VERSION: u16 = 10;
/// 1980-01-01, the first day that a zip file knows.
const DATE: u16 = 0x0021;

const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;

/// A zip file that is being written.
#[derive(Debug, Default)]
pub(super) struct Zip {
    content: Vec<u8>,
    directory: Vec<u8>,
    files: u16,
}

impl Zip {
    /// The most files that it can hold.
    pub(super) const MOST_FILES: usize = u16::MAX as usize;

    /// What a file takes.
    pub(super) fn file_bytes(name: &str, content: usize) -> usize {
        LOCAL_BYTES + CENTRAL_BYTES + 2 * name.len() + content
    }

    /// Adds a file of an ASCII name. Files are at most [`MOST_FILES`](Zip::MOST_FILES), and together less than 4 GiB.
    pub(super) fn add(&mut self, name: &str, content: &[u8]) {
        debug_assert!(name.is_ascii(), "what the name is encoded in is not said");
        let place = self.content.len() as u32;
        put(&mut self.content, &LOCAL.to_le_bytes());
        put_facts(&mut self.content, name, content);
        put(&mut self.content, name.as_bytes());
        put(&mut self.content, content);

        put(&mut self.directory, &CENTRAL.to_le_bytes());
        put(&mut self.directory, &VERSION.to_le_bytes());
        put_facts(&mut self.directory, name, content);
        // No comment, disk 0, no attributes.
        put(&mut self.directory, &[0; 10]);
        put(&mut self.directory, &place.to_le_bytes());
        put(&mut self.directory, name.as_bytes());
        self.files += 1;
    }

    /// The bytes of the file.
    pub(super) fn finish(self) -> Vec<u8> {
        let Self { mut content, directory, files } = self;
        let place = content.len() as u32;
        put(&mut content, &directory);
        put(&mut content, &END.to_le_bytes());
        // Disk 0 of one.
        put(&mut content, &[0; 4]);
        put(&mut content, &files.to_le_bytes());
        put(&mut content, &files.to_le_bytes());
        put(&mut content, &(directory.len() as u32).to_le_bytes());
        put(&mut content, &place.to_le_bytes());
        put(&mut content, &[0; 2]);
        content
    }
}

/// What both headers of a file say in the same words.
fn put_facts(out: &mut Vec<u8>, name: &str, content: &[u8]) {
    let bytes = content.len() as u32;
    put(out, &VERSION.to_le_bytes());
    // No flags, stored, midnight.
    put(out, &[0; 6]);
    put(out, &DATE.to_le_bytes());
    put(out, &crc32fast::hash(content).to_le_bytes());
    put(out, &bytes.to_le_bytes());
    put(out, &bytes.to_le_bytes());
    put(out, &(name.len() as u16).to_le_bytes());
    // No extra field.
    put(out, &[0; 2]);
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
}

/// The names and contents of a zip file that a [`Zip`] wrote; `None` of any other, or if it was damaged.
pub(in super::super) fn files(zip: &[u8]) -> Option<Vec<(&str, &[u8])>> {
    let mut files = Vec::new();
    let mut rest = zip;
    while let Some(header) = rest.split_off(..LOCAL_BYTES).filter(|header| header.starts_with(&LOCAL.to_le_bytes())) {
        let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (crc, bytes, name) = (word(14), word(22), usize::from(u16::from_le_bytes([header[26], header[27]])));
        let name = std::str::from_utf8(rest.split_off(..name)?).ok()?;
        let content = rest.split_off(..bytes as usize)?;
        if crc32fast::hash(content) != crc {
            return None;
        }
        files.push((name, content));
    }
    Some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_is_read_and_what_was_damaged_is_not() {
        let expected: [(&str, &[u8]); 3] = [("a.json", b"{}"), ("empty", b""), ("b.bin", &[0x50, 0x4b, 3, 4])];
        let mut zip = Zip::default();
        for (name, content) in expected {
            zip.add(name, content);
        }
        let bytes = zip.finish();
        let sizes: usize = expected.iter().map(|(name, content)| Zip::file_bytes(name, content.len())).sum();
        let empty = Zip::default().finish().len();
        assert_eq!(bytes.len(), empty + sizes, "the size is known before writing");
        assert_eq!(files(&bytes).unwrap(), expected);

        let mut damaged = bytes.clone();
        damaged[LOCAL_BYTES + "a.json".len()] ^= 1;
        assert_eq!(files(&damaged), None);
        assert_eq!(files(&bytes[..LOCAL_BYTES + 3]), None);
    }
}
