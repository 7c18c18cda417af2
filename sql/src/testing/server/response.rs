//! The tokens of answers.

use bytes::{BufMut, BytesMut};
use tds_protocol::{
    TdsVersion, TokenType, TypeId,
    codec::{utf16_byte_len, write_b_varchar, write_us_varchar},
    token::Collation,
};

use super::{database::Value, kind::Kind, refusal::Refusal};

/// `SQL_Latin1_General_CP1_CI_AS`: code page 1252, case does not matter.
const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];
/// How long the chunks of a long text are, in bytes.
const CHUNK: usize = 8000;
/// The length that marks a type of long texts, and a short text that is NULL.
const MAX: u16 = 0xFFFF;

/// A column of a result.
#[derive(Debug, Clone)]
pub(super) struct ResultColumn {
    pub(super) name: String,
    pub(super) kind: Kind,
}

pub(super) fn login_ack(out: &mut BytesMut) {
    const NAME: &str = "Microsoft SQL Server";
    const TRANSACT_SQL: u8 = 1;
    out.put_u8(TokenType::LoginAck as u8);
    out.put_u16_le((1 + 4 + 1 + utf16_byte_len(NAME) + 4) as u16);
    out.put_u8(TRANSACT_SQL);
    out.put_u32(TdsVersion::V7_4.raw());
    write_b_varchar(out, NAME);
    out.put_slice(&[16, 0, 0x03, 0xE8]);
}

/// What an ENVCHANGE tells.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(super) enum Change {
    Database = 1,
    PacketSize = 4,
}

pub(super) fn env_change(out: &mut BytesMut, change: Change, new: &str, old: &str) {
    out.put_u8(TokenType::EnvChange as u8);
    out.put_u16_le((1 + 1 + utf16_byte_len(new) + 1 + utf16_byte_len(old)) as u16);
    out.put_u8(change as u8);
    write_b_varchar(out, new);
    write_b_varchar(out, old);
}

pub(super) fn error(out: &mut BytesMut, refusal: &Refusal) {
    const SERVER: &str = "stand-in";
    out.put_u8(TokenType::Error as u8);
    let length = 4 + 1 + 1 + 2 + utf16_byte_len(&refusal.message) + 1 + utf16_byte_len(SERVER) + 1 + 4;
    out.put_u16_le(length as u16);
    out.put_u32_le(refusal.number);
    out.put_u8(refusal.state);
    out.put_u8(refusal.class);
    write_us_varchar(out, &refusal.message);
    write_b_varchar(out, SERVER);
    write_b_varchar(out, "");
    out.put_u32_le(1);
}

/// How a statement has ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome {
    /// Without a result.
    Set,
    /// With so many rows.
    Rows(u64),
    Error,
}

const MORE: u16 = 0x01;
const ERROR: u16 = 0x02;
const COUNT: u16 = 0x10;
const ATTENTION: u16 = 0x20;

/// The tokens that end an answer; those to a call of a procedure are different.
pub(super) fn done(out: &mut BytesMut, outcome: Outcome, call: bool) {
    const SELECT: u16 = 0xC1;
    let (status, command, rows) = match outcome {
        Outcome::Set => (0, 0, 0),
        Outcome::Rows(rows) => (COUNT, SELECT, rows),
        Outcome::Error => (ERROR, 0, 0),
    };
    if !call {
        put_done(out, TokenType::Done, status, command, rows);
        return;
    }
    if matches!(outcome, Outcome::Rows(_)) {
        put_done(out, TokenType::DoneInProc, status | MORE, command, rows);
    }
    out.put_u8(TokenType::ReturnStatus as u8);
    out.put_u32_le(0);
    put_done(out, TokenType::DoneProc, status & !COUNT, 0, 0);
}

/// The acknowledgement of an attention.
pub(super) fn attention(out: &mut BytesMut) {
    put_done(out, TokenType::Done, ATTENTION, 0, 0);
}

fn put_done(out: &mut BytesMut, token: TokenType, status: u16, command: u16, rows: u64) {
    out.put_u8(token as u8);
    out.put_u16_le(status);
    out.put_u16_le(command);
    out.put_u64_le(rows);
}

pub(super) fn col_metadata(out: &mut BytesMut, columns: &[ResultColumn]) {
    const NULLABLE_AND_MAYBE_WRITABLE: u16 = 0x0009;
    out.put_u8(TokenType::ColMetaData as u8);
    out.put_u16_le(columns.len() as u16);
    for column in columns {
        out.put_u32_le(0);
        out.put_u16_le(NULLABLE_AND_MAYBE_WRITABLE);
        type_info(out, column.kind);
        if matches!(column.kind, Kind::NText | Kind::Text) {
            // The name of the table, in one part; clients only step over it.
            out.put_u8(1);
            write_us_varchar(out, "");
        }
        write_b_varchar(out, &column.name);
    }
}

fn type_info(out: &mut BytesMut, kind: Kind) {
    match kind {
        Kind::NVarChar(length) => {
            out.put_u8(TypeId::NVarChar as u8);
            out.put_u16_le(length * 2);
            out.put_slice(&COLLATION);
        }
        Kind::NVarCharMax | Kind::VarCharMax => {
            out.put_u8(if kind == Kind::VarCharMax { TypeId::BigVarChar } else { TypeId::NVarChar } as u8);
            out.put_u16_le(MAX);
            out.put_slice(&COLLATION);
        }
        Kind::NText | Kind::Text => {
            out.put_u8(if kind == Kind::Text { TypeId::Text } else { TypeId::NText } as u8);
            out.put_u32_le(if kind == Kind::Text { 0x7FFF_FFFF } else { 0x7FFF_FFFE });
            out.put_slice(&COLLATION);
        }
        Kind::Bit => out.put_slice(&[TypeId::BitN as u8, 1]),
        Kind::TinyInt => out.put_slice(&[TypeId::IntN as u8, 1]),
        Kind::Int => out.put_slice(&[TypeId::IntN as u8, 4]),
        Kind::BigInt => out.put_slice(&[TypeId::IntN as u8, 8]),
        Kind::DateTime => out.put_slice(&[TypeId::DateTimeN as u8, 8]),
        Kind::DateTime2 => out.put_slice(&[TypeId::DateTime2 as u8, 7]),
        Kind::RowVersion => {
            out.put_u8(TypeId::BigBinary as u8);
            out.put_u16_le(8);
        }
        Kind::Variant => {
            out.put_u8(TypeId::Variant as u8);
            out.put_u32_le(8009);
        }
    }
}

/// A row, which fits to the columns.
pub(super) fn row(out: &mut BytesMut, columns: &[ResultColumn], values: &[Value]) -> Result<(), Refusal> {
    out.put_u8(TokenType::Row as u8);
    for (column, value) in columns.iter().zip(values) {
        put_value(out, column.kind, value)
            .ok_or_else(|| Refusal::misuse(format!("column {} is {} and cannot hold {value:?}", column.name, column.kind.name())))?;
    }
    Ok(())
}

fn put_value(out: &mut BytesMut, kind: Kind, value: &Value) -> Option<()> {
    match (kind, value) {
        (Kind::NVarChar(_) | Kind::RowVersion, Value::Null) => out.put_u16_le(MAX),
        (Kind::NVarCharMax | Kind::VarCharMax, Value::Null) => out.put_u64_le(u64::MAX),
        (Kind::Variant, Value::Null) => out.put_u32_le(0),
        (_, Value::Null) => out.put_u8(0),
        (Kind::NVarChar(length), _) => {
            let bytes = text_bytes(kind, value)?;
            if bytes.len() > usize::from(length) * 2 {
                return None;
            }
            out.put_u16_le(bytes.len() as u16);
            out.put_slice(&bytes);
        }
        (Kind::NVarCharMax | Kind::VarCharMax, _) => {
            let bytes = text_bytes(kind, value)?;
            out.put_u64_le(bytes.len() as u64);
            for chunk in bytes.chunks(CHUNK) {
                out.put_u32_le(chunk.len() as u32);
                out.put_slice(chunk);
            }
            out.put_u32_le(0);
        }
        (Kind::NText | Kind::Text, _) => {
            const POINTER: [u8; 16] = *b"pointer to text.";
            const TIMESTAMP: [u8; 8] = *b"datetime";
            let bytes = text_bytes(kind, value)?;
            out.put_u8(POINTER.len() as u8);
            out.put_slice(&POINTER);
            out.put_slice(&TIMESTAMP);
            out.put_u32_le(bytes.len() as u32);
            out.put_slice(&bytes);
        }
        (Kind::Bit | Kind::TinyInt, Value::Int(number)) => out.put_slice(&[1, u8::try_from(*number).ok()?]),
        (Kind::Int, Value::Int(number)) => {
            out.put_u8(4);
            out.put_i32_le(i32::try_from(*number).ok()?);
        }
        (Kind::BigInt, Value::Int(number)) => {
            out.put_u8(8);
            out.put_i64_le(*number);
        }
        (Kind::RowVersion, Value::Int(number)) => {
            out.put_u16_le(8);
            out.put_i64(*number);
        }
        (Kind::DateTime, Value::DateTime(days, ticks)) => {
            out.put_u8(8);
            out.put_i32_le(*days);
            out.put_u32_le(*ticks);
        }
        (Kind::DateTime2, Value::DateTime(days, ticks)) => {
            const DAYS_TO_1900: i32 = 693_595;
            // Tenths of microseconds, five bytes, then days since 0001-01-01, three bytes.
            let time = u64::from(*ticks) * 100_000 / 3;
            out.put_u8(8);
            out.put_uint_le(time, 5);
            out.put_uint_le(u64::try_from(days + DAYS_TO_1900).ok()?, 3);
        }
        _ => return None,
    }
    Some(())
}

fn text_bytes(kind: Kind, value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Text(text) if kind.has_code_page() => Some(code_page(text)),
        Value::Text(text) => Some(utf16(text.encode_utf16(), text.len())),
        Value::Utf16(units) if !kind.has_code_page() => Some(utf16(units.iter().copied(), units.len())),
        _ => None,
    }
}

fn utf16(units: impl Iterator<Item = u16>, at_most: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 * at_most);
    for unit in units {
        bytes.extend_from_slice(&unit.to_le_bytes());
    }
    bytes
}

/// In the code page of the collation; a question mark for what it does not have.
fn code_page(text: &str) -> Vec<u8> {
    let Some(encoding) = Collation::from_bytes(&COLLATION).encoding() else { return text.bytes().collect() };
    let mut bytes = Vec::with_capacity(text.len());
    for char in text.chars() {
        let mut buffer = [0; 4];
        match encoding.encode(char.encode_utf8(&mut buffer)) {
            (encoded, _, false) => bytes.extend_from_slice(&encoded),
            _ => bytes.push(b'?'),
        }
    }
    bytes
}

/// The text as a column with a code page holds it.
pub(super) fn as_stored(text: &str) -> String {
    match Collation::from_bytes(&COLLATION).encoding() {
        Some(encoding) => encoding.decode_without_bom_handling(&code_page(text)).0.into_owned(),
        None => text.to_owned(),
    }
}
