//! The tokens of answers.

pub(super) mod code_page;

use bytes::{BufMut, BytesMut};
use tds_protocol::{
    TdsVersion, TokenType, TypeId,
    codec::{utf16_byte_len, write_b_varchar, write_us_varchar},
};

use super::{
    collation::Collation,
    database::Value,
    kind::Kind,
    refusal::Refusal,
    stored::{self, UNITS_A_DAY},
};

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

/// The collation of the database, as an ENVCHANGE.
pub(super) fn collation_change(out: &mut BytesMut, collation: &Collation) {
    const SQL_COLLATION: u8 = 7;
    out.put_u8(TokenType::EnvChange as u8);
    out.put_u16_le((1 + 1 + collation.bytes.len() + 1) as u16);
    out.put_u8(SQL_COLLATION);
    out.put_u8(collation.bytes.len() as u8);
    out.put_slice(&collation.bytes);
    out.put_u8(0);
}

pub(super) fn env_change(out: &mut BytesMut, change: Change, new: &str, old: &str) {
    out.put_u8(TokenType::EnvChange as u8);
    out.put_u16_le((1 + 1 + utf16_byte_len(new) + 1 + utf16_byte_len(old)) as u16);
    out.put_u8(change as u8);
    write_b_varchar(out, new);
    write_b_varchar(out, old);
}

/// Sends the client on to another server.
pub(super) fn routing(out: &mut BytesMut, host: &str, port: u16) {
    const ROUTING: u8 = 20;
    const TCP: u8 = 0;
    let length = 1 + 2 + 2 + utf16_byte_len(host);
    out.put_u8(TokenType::EnvChange as u8);
    out.put_u16_le((1 + 2 + length + 2) as u16);
    out.put_u8(ROUTING);
    out.put_u16_le(length as u16);
    out.put_u8(TCP);
    out.put_u16_le(port);
    write_us_varchar(out, host);
    // There is no old value.
    out.put_u16_le(0);
}

/// Says that an access token was taken.
pub(super) fn federated_ack(out: &mut BytesMut) {
    const FEDERATED_LOGIN: u8 = 2;
    out.put_u8(TokenType::FeatureExtAck as u8);
    out.put_u8(FEDERATED_LOGIN);
    out.put_u32_le(0);
    out.put_u8(0xFF);
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

pub(super) fn col_metadata(out: &mut BytesMut, columns: &[ResultColumn], collation: &Collation) {
    const NULLABLE_AND_MAYBE_WRITABLE: u16 = 0x0009;
    out.put_u8(TokenType::ColMetaData as u8);
    out.put_u16_le(columns.len() as u16);
    for column in columns {
        out.put_u32_le(0);
        out.put_u16_le(NULLABLE_AND_MAYBE_WRITABLE);
        type_info(out, column.kind, collation.bytes);
        if matches!(column.kind, Kind::NText | Kind::Text) {
            // The name of the table, in one part; clients only step over it.
            out.put_u8(1);
            write_us_varchar(out, "");
        }
        write_b_varchar(out, &column.name);
    }
}

fn type_info(out: &mut BytesMut, kind: Kind, collation: [u8; 5]) {
    match kind {
        Kind::NVarChar(length) => {
            out.put_u8(TypeId::NVarChar as u8);
            out.put_u16_le(length * 2);
            out.put_slice(&collation);
        }
        Kind::VarChar(length) => {
            out.put_u8(TypeId::BigVarChar as u8);
            out.put_u16_le(length);
            out.put_slice(&collation);
        }
        Kind::NVarCharMax | Kind::VarCharMax => {
            out.put_u8(if kind == Kind::VarCharMax { TypeId::BigVarChar } else { TypeId::NVarChar } as u8);
            out.put_u16_le(MAX);
            out.put_slice(&collation);
        }
        Kind::NText | Kind::Text => {
            out.put_u8(if kind == Kind::Text { TypeId::Text } else { TypeId::NText } as u8);
            out.put_u32_le(if kind == Kind::Text { 0x7FFF_FFFF } else { 0x7FFF_FFFE });
            out.put_slice(&collation);
        }
        Kind::Bit => out.put_slice(&[TypeId::BitN as u8, 1]),
        Kind::TinyInt => out.put_slice(&[TypeId::IntN as u8, 1]),
        Kind::Int => out.put_slice(&[TypeId::IntN as u8, 4]),
        Kind::BigInt => out.put_slice(&[TypeId::IntN as u8, 8]),
        Kind::DateTime => out.put_slice(&[TypeId::DateTimeN as u8, 8]),
        Kind::SmallDateTime => out.put_slice(&[TypeId::DateTimeN as u8, 4]),
        Kind::DateTime2(scale) => out.put_slice(&[TypeId::DateTime2 as u8, scale]),
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

/// How values are sent.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) collation: Collation,
    /// How many bytes of a long text are sent.
    pub(super) text_size: usize,
}

/// A row, which fits to the columns. Gives where the first long text begins.
pub(super) fn row(out: &mut BytesMut, columns: &[ResultColumn], values: &[Value], form: &Form) -> Result<Option<usize>, Refusal> {
    out.put_u8(TokenType::Row as u8);
    let mut large = None;
    for (column, value) in columns.iter().zip(values) {
        if column.kind.is_large() && *value != Value::Null {
            large.get_or_insert(out.len());
        }
        put_value(out, column.kind, value, form)
            .ok_or_else(|| Refusal::misuse(format!("column {} is {} and cannot hold {value:?}", column.name, column.kind.name())))?;
    }
    Ok(large)
}

fn put_value(out: &mut BytesMut, kind: Kind, value: &Value, form: &Form) -> Option<()> {
    match (kind, value) {
        (Kind::NVarChar(_) | Kind::VarChar(_) | Kind::RowVersion, Value::Null) => out.put_u16_le(MAX),
        (Kind::NVarCharMax | Kind::VarCharMax, Value::Null) => out.put_u64_le(u64::MAX),
        (Kind::Variant, Value::Null) => out.put_u32_le(0),
        (_, Value::Null) => out.put_u8(0),
        (Kind::NVarChar(length) | Kind::VarChar(length), _) => {
            let bytes = text_bytes(kind, value, form)?;
            let most = usize::from(length) * if kind.has_code_page() { 1 } else { 2 };
            if bytes.len() > most {
                return None;
            }
            out.put_u16_le(bytes.len() as u16);
            out.put_slice(&bytes);
        }
        (Kind::NVarCharMax | Kind::VarCharMax, _) => {
            let bytes = text_bytes(kind, value, form)?;
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
            let bytes = text_bytes(kind, value, form)?;
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
        (Kind::SmallDateTime | Kind::DateTime | Kind::DateTime2(_), _) => put_time(out, kind, &stored::time(value, kind)?)?,
        _ => return None,
    }
    Some(())
}

fn put_time(out: &mut BytesMut, kind: Kind, value: &Value) -> Option<()> {
    const DAYS_TO_1900: i32 = 693_595;
    match (kind, value) {
        (Kind::SmallDateTime, Value::DateTime(days, ticks)) => {
            out.put_u8(4);
            out.put_u16_le(u16::try_from(*days).ok()?);
            out.put_u16_le((ticks / (300 * 60)) as u16);
        }
        (Kind::DateTime, Value::DateTime(days, ticks)) => {
            out.put_u8(8);
            out.put_i32_le(*days);
            out.put_u32_le(*ticks);
        }
        (Kind::DateTime2(scale), Value::DateTime2(days, units)) if *units < UNITS_A_DAY => {
            // The time in units of its scale, in as many bytes as that needs, then days since 0001-01-01 in three.
            let length = match scale {
                0..=2 => 3,
                3 | 4 => 4,
                _ => 5,
            };
            out.put_u8(length + 3);
            out.put_uint_le(units / 10_u64.pow(7 - u32::from(scale)), length.into());
            out.put_uint_le(u64::try_from(days + DAYS_TO_1900).ok()?, 3);
        }
        _ => return None,
    }
    Some(())
}

/// The bytes of a text, of a long one so many as are sent.
fn text_bytes(kind: Kind, value: &Value, form: &Form) -> Option<Vec<u8>> {
    let mut bytes = match value {
        Value::Text(text) if kind.has_code_page() => code_page::bytes(text, form.collation.utf8),
        Value::Text(text) => utf16(text.encode_utf16(), text.len()),
        Value::Utf16(units) if !kind.has_code_page() => utf16(units.iter().copied(), units.len()),
        _ => return None,
    };
    if kind.is_large() {
        let whole = if kind.has_code_page() { form.text_size } else { form.text_size & !1 };
        bytes.truncate(whole);
    }
    Some(bytes)
}

fn utf16(units: impl Iterator<Item = u16>, at_most: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 * at_most);
    for unit in units {
        bytes.extend_from_slice(&unit.to_le_bytes());
    }
    bytes
}
