//! What a connection begins with: PRELOGIN and LOGIN7.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};

use super::{database::SignIn, wire::invalid};

/// Encryption, as PRELOGIN tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Encryption {
    /// Of the login alone.
    Login = 0,
    NotSupported = 2,
    Required = 3,
}

const ENCRYPTION: u8 = 1;
const INSTANCE: u8 = 2;
const FEDERATED: u8 = 6;

/// What the client's PRELOGIN asks for.
#[derive(Debug)]
pub(super) struct Asked {
    /// As a number of [`Encryption`], or 1 for all that is possible.
    pub(super) encryption: u8,
    pub(super) instance: String,
    pub(super) federated: bool,
}

impl Asked {
    pub(super) fn read(message: &[u8]) -> io::Result<Self> {
        let mut asked = Self { encryption: Encryption::NotSupported as u8, instance: String::new(), federated: false };
        let ends = || invalid("PRELOGIN points outside of itself");
        for entry in message.chunks(5).take_while(|entry| entry[0] != 0xFF) {
            let [option, offset @ .., high, low] = entry else { return Err(ends()) };
            let [start, end] = offset else { return Err(ends()) };
            let (start, length) = (u16::from_be_bytes([*start, *end]), u16::from_be_bytes([*high, *low]));
            let value = message.get(usize::from(start)..usize::from(start) + usize::from(length)).ok_or_else(ends)?;
            match (*option, value) {
                (ENCRYPTION, [encryption, ..]) => asked.encryption = *encryption,
                (INSTANCE, name) => String::from_utf8_lossy(name).trim_end_matches('\0').clone_into(&mut asked.instance),
                (FEDERATED, [federated, ..]) => asked.federated = *federated == 1,
                _ => {}
            }
        }
        Ok(asked)
    }
}

/// The server's PRELOGIN. `of_instance` says whether the instance is the one that was asked for.
pub(super) fn prelogin(encryption: Encryption, of_instance: bool, asked: &Asked) -> Bytes {
    const VERSION: [u8; 6] = [16, 0, 0x03, 0xE8, 0, 0];
    let mut options: Vec<(u8, &[u8])> = vec![(0, &VERSION)];
    let (encryption, of_instance) = ([encryption as u8], [u8::from(!of_instance)]);
    // There is no MARS.
    options.extend([(ENCRYPTION, &encryption[..]), (INSTANCE, &of_instance[..]), (4, &[0])]);
    if asked.federated {
        options.push((FEDERATED, &[1]));
    }
    let mut message = BytesMut::new();
    let mut offset = options.len() * 5 + 1;
    for (option, value) in &options {
        message.put_u8(*option);
        message.put_u16(offset as u16);
        message.put_u16(value.len() as u16);
        offset += value.len();
    }
    message.put_u8(0xFF);
    for (_, value) in options {
        message.put_slice(value);
    }
    message.freeze()
}

/// What LOGIN7 asks for.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) packet_size: usize,
    pub(super) password: String,
    /// The access token of an account of Entra ID.
    pub(super) token: Option<String>,
    /// Whether it says to be ODBC, which is given long texts whole (MS-TDS, `fODBC`).
    pub(super) long_texts: bool,
    pub(super) shown: SignIn,
}

impl Login {
    pub(super) fn read(message: &[u8]) -> io::Result<Self> {
        const TYPE_FLAGS: usize = 26;
        const READ_ONLY_INTENT: u8 = 1 << 5;
        const FLAGS_3: usize = 27;
        const EXTENSION: u8 = 1 << 4;
        let short = || invalid("LOGIN7 is too short");
        let asked = number(message, 8).ok_or_else(short)?;
        let flags = |at: usize| message.get(at).copied().ok_or_else(short);
        let token = if flags(FLAGS_3)? & EXTENSION == 0 { None } else { federated(message)? };
        Ok(Self {
            packet_size: if asked == 0 { 4096 } else { asked.clamp(512, 32_767) },
            password: text(message, 44, true)?,
            shown: SignIn {
                user: text(message, 40, false)?,
                by_token: token.is_some(),
                application: text(message, 48, false)?,
                server: text(message, 52, false)?,
                database: text(message, 68, false)?,
                read_only_intent: flags(TYPE_FLAGS)? & READ_ONLY_INTENT != 0,
            },
            token,
            long_texts: flags(25)? & 0x02 != 0,
        })
    }
}

fn number(message: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_le_bytes(message.get(at..at + 4)?.try_into().ok()?) as usize)
}

/// The token among the extensions, of which no other is known.
fn federated(message: &[u8]) -> io::Result<Option<String>> {
    const FEDERATED_LOGIN: u8 = 2;
    let outside = || invalid("LOGIN7 points outside of itself");
    let place = message.get(56..58).map(|bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]]))).ok_or_else(outside)?;
    let at = number(message, place).ok_or_else(outside)?;
    if message.get(at) != Some(&FEDERATED_LOGIN) {
        return Ok(None);
    }
    // Behind the length of the extension and its options.
    let start = at + 6;
    let length = number(message, start).ok_or_else(outside)?;
    let bytes = message.get(start + 4..start + 4 + length).ok_or_else(outside)?;
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    Ok(Some(String::from_utf16_lossy(&units)))
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
