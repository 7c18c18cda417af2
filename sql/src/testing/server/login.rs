//! What a connection begins with: PRELOGIN and LOGIN7.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};

use super::wire::invalid;

/// Encryption, as PRELOGIN tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Encryption {
    NotSupported = 2,
    Required = 3,
}

/// The server's PRELOGIN.
pub(super) fn prelogin(encryption: Encryption) -> Bytes {
    const VERSION: [u8; 6] = [16, 0, 0x03, 0xE8, 0, 0];
    const OPTIONS: [(u8, u16); 4] = [(0, 6), (1, 1), (2, 1), (4, 1)];
    let mut message = BytesMut::new();
    let mut offset = (OPTIONS.len() * 5 + 1) as u16;
    for (option, length) in OPTIONS {
        message.put_u8(option);
        message.put_u16(offset);
        message.put_u16(length);
        offset += length;
    }
    message.put_u8(0xFF);
    message.put_slice(&VERSION);
    message.put_u8(encryption as u8);
    // The instance is the right one, and there is no MARS.
    message.put_slice(&[0, 0]);
    message.freeze()
}

/// What LOGIN7 asks for.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) packet_size: usize,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) database: String,
    /// Whether it says to be ODBC, which is given long texts whole (MS-TDS, `fODBC`).
    pub(super) long_texts: bool,
}

impl Login {
    pub(super) fn read(message: &[u8]) -> io::Result<Self> {
        let asked = message.get(8..12).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
        let asked = asked.ok_or_else(|| invalid("LOGIN7 is too short"))? as usize;
        Ok(Self {
            packet_size: if asked == 0 { 4096 } else { asked.clamp(512, 32_767) },
            user: text(message, 40, false)?,
            password: text(message, 44, true)?,
            database: text(message, 68, false)?,
            long_texts: message.get(25).is_some_and(|flags| flags & 0x02 != 0),
        })
    }
}

/// The text to which an offset and a length at `position` point. Passwords are scrambled: halves of bytes swapped, then 0xA5.
fn text(message: &[u8], position: usize, scrambled: bool) -> io::Result<String> {
    let number = |at: usize| message.get(at..at + 2).map(|bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]])));
    let place = number(position).zip(number(position + 2));
    let bytes = place.and_then(|(offset, length)| message.get(offset..offset + 2 * length));
    let clear = |byte: u8| if scrambled { (byte ^ 0xA5).rotate_left(4) } else { byte };
    let units: Vec<u16> = bytes
        .ok_or_else(|| invalid("LOGIN7 points outside of itself"))?
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([clear(pair[0]), clear(pair[1])]))
        .collect();
    Ok(String::from_utf16_lossy(&units))
}
