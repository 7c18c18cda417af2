use mail_builder::{MessageBuilder, Writer, mime::MimePart};

/// How many bytes the mail takes.
pub(crate) fn size(mail: MessageBuilder<'_>) -> usize {
    let mut counter = Counter(0);
    mail.serialize(&mut counter);
    counter.0
}

/// How many bytes a part takes, without the boundary before it.
pub(crate) fn part_size(part: MimePart<'_>) -> usize {
    let mut counter = Counter(0);
    part.write_part(&mut counter);
    counter.0
}

/// The bytes of the mail, in memory of this capacity if it suffices.
pub(crate) fn write(mail: MessageBuilder<'_>, capacity: usize) -> Vec<u8> {
    let mut content = Exact(Vec::with_capacity(capacity));
    mail.serialize(&mut content);
    content.0
}

struct Counter(usize);

impl Writer for Counter {
    fn write(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

/// Keeps to the capacity that it was given, where a `Vec` follows the writer's generous estimate.
struct Exact(Vec<u8>);

impl Writer for Exact {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn append_with<T>(&mut self, _: usize, append: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        append(&mut self.0)
    }
}
