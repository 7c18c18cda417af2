//! What a client asks: a batch, or a call of `sp_executesql`.

use bytes::{Buf, Bytes, TryGetError};
use tds_protocol::{PacketType, ProcId, TypeId, codec};

use super::{database::Value, kind::Kind, refusal::Refusal, wire::Message};

/// A statement and its parameters.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) statement: String,
    pub(super) parameters: Vec<Parameter>,
    /// Whether it came through `sp_executesql`, where settings do not last and answers end differently.
    pub(super) call: bool,
}

/// A parameter with its name, `@P1`.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) value: Value,
}

impl Request {
    pub(super) fn read(message: &Message) -> Result<Self, Refusal> {
        let mut body = message.body.clone();
        let headers = body.try_get_u32_le().map_err(ended)? as usize;
        body = body.get(headers.saturating_sub(4)..).map(|rest| message.body.slice_ref(rest)).ok_or_else(incorrect)?;
        if message.kind == PacketType::Rpc { Self::read_call(body) } else { Ok(Self::batch(&body)) }
    }

    fn batch(body: &Bytes) -> Self {
        let units: Vec<u16> = body.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        Self { statement: String::from_utf16_lossy(&units), parameters: Vec::new(), call: false }
    }

    fn read_call(mut body: Bytes) -> Result<Self, Refusal> {
        let length = body.try_get_u16_le().map_err(ended)?;
        if length == u16::MAX {
            let procedure = body.try_get_u16_le().map_err(ended)?;
            if procedure != ProcId::ExecuteSql as u16 {
                return Err(Refusal::new(2812, 16, 62, format!("Could not find stored procedure number {procedure}.")));
            }
        } else {
            let name = codec::read_utf16_string(&mut body, length.into()).ok_or_else(incorrect)?;
            if name != "sp_executesql" {
                return Err(Refusal::new(2812, 16, 62, format!("Could not find stored procedure '{name}'.")));
            }
        }
        body.try_get_u16_le().map_err(ended)?;
        let Value::Text(statement) = Parameter::read(&mut body)?.value else {
            return Err(Refusal::new(214, 16, 2, "Procedure expects parameter '@statement' of type 'ntext/nchar/nvarchar'."));
        };
        let declared = if body.has_remaining() { Parameter::read(&mut body)?.value } else { Value::Null };
        let mut parameters = Vec::new();
        while body.has_remaining() {
            parameters.push(Parameter::read(&mut body)?);
        }
        if let Value::Text(declared) = declared {
            declare(&mut parameters, &declared)?;
        }
        Ok(Self { statement: statement.as_ref().to_owned(), parameters, call: true })
    }
}

/// Gives parameters the types that the statement is told of. The stand-in converts nothing: what is sent has to be of the declared type.
fn declare(parameters: &mut [Parameter], declarations: &str) -> Result<(), Refusal> {
    let declarations: Vec<&str> = declarations.split(',').map(str::trim).filter(|declaration| !declaration.is_empty()).collect();
    if declarations.len() != parameters.len() {
        return Err(Refusal::new(8178, 16, 1, "The parameterized query expects parameters which were not supplied."));
    }
    for (parameter, declaration) in parameters.iter_mut().zip(declarations) {
        let (name, kind) = declaration.split_once(' ').unwrap_or((declaration, ""));
        let declared = match kind.trim() {
            "int" => Kind::Int,
            "bigint" => Kind::BigInt,
            "smalldatetime" => Kind::SmallDateTime,
            "datetime" => Kind::DateTime,
            "datetime2" => Kind::DateTime2(7),
            "nvarchar(4000)" => Kind::NVarChar(4000),
            "nvarchar(max)" => Kind::NVarCharMax,
            other => return Err(Refusal::syntax(other)),
        };
        if name != parameter.name || declared.name() != parameter.kind.name() {
            return Err(Refusal::syntax(declaration));
        }
        parameter.kind = declared;
    }
    Ok(())
}

impl Parameter {
    fn read(body: &mut Bytes) -> Result<Self, Refusal> {
        let name = codec::read_b_varchar(body).ok_or_else(incorrect)?;
        body.try_get_u8().map_err(ended)?;
        let kind = body.try_get_u8().map_err(ended)?;
        let (kind, value) = match TypeId::from_u8(kind) {
            Some(TypeId::NVarChar) => Self::text(body)?,
            Some(TypeId::IntN) => {
                let size = body.try_get_u8().map_err(ended)?;
                let value = match body.try_get_u8().map_err(ended)? {
                    0 => Value::Null,
                    4 => Value::Int(body.try_get_i32_le().map_err(ended)?.into()),
                    8 => Value::Int(body.try_get_i64_le().map_err(ended)?),
                    _ => return Err(unknown(&name, TypeId::IntN as u8)),
                };
                (if size == 8 { Kind::BigInt } else { Kind::Int }, value)
            }
            Some(TypeId::DateTimeN) => {
                let size = body.try_get_u8().map_err(ended)?;
                let value = match body.try_get_u8().map_err(ended)? {
                    0 => Value::Null,
                    4 => {
                        let (days, minutes) = (body.try_get_u16_le().map_err(ended)?, body.try_get_u16_le().map_err(ended)?);
                        Value::DateTime(days.into(), u32::from(minutes) * 60 * 300)
                    }
                    8 => Value::DateTime(body.try_get_i32_le().map_err(ended)?, body.try_get_u32_le().map_err(ended)?),
                    _ => return Err(unknown(&name, TypeId::DateTimeN as u8)),
                };
                (if size == 4 { Kind::SmallDateTime } else { Kind::DateTime }, value)
            }
            Some(TypeId::DateTime2) => Self::datetime2(body)?,
            _ => return Err(unknown(&name, kind)),
        };
        Ok(Self { name, kind, value })
    }

    fn datetime2(body: &mut Bytes) -> Result<(Kind, Value), Refusal> {
        const DAYS_TO_1900: i32 = 693_595;
        let scale = body.try_get_u8().map_err(ended)?;
        let length = usize::from(body.try_get_u8().map_err(ended)?);
        if scale > 7 || (length != 0 && !(6..=8).contains(&length)) || body.remaining() < length {
            return Err(incorrect());
        }
        if length == 0 {
            return Ok((Kind::DateTime2(scale), Value::Null));
        }
        let units = body.get_uint_le(length - 3) * 10_u64.pow(7 - u32::from(scale));
        let days = body.get_uint_le(3) as i32 - DAYS_TO_1900;
        Ok((Kind::DateTime2(scale), Value::DateTime2(days, units)))
    }

    fn text(body: &mut Bytes) -> Result<(Kind, Value), Refusal> {
        let size = body.try_get_u16_le().map_err(ended)?;
        let collation = 5;
        if body.remaining() < collation {
            return Err(incorrect());
        }
        body.advance(collation);
        let (kind, bytes) = if size == u16::MAX {
            (Kind::NVarCharMax, read_chunks(body)?)
        } else {
            let length = body.try_get_u16_le().map_err(ended)?;
            let bytes = if length == u16::MAX { None } else { Some(take(body, length.into())?.to_vec()) };
            (Kind::NVarChar(size / 2), bytes)
        };
        let text = bytes.map(|bytes| {
            let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            String::from_utf16_lossy(&units)
        });
        Ok((kind, text.map_or(Value::Null, Value::text)))
    }
}

/// A value that comes in chunks: its length, which may be unknown, then chunks until an empty one.
fn read_chunks(body: &mut Bytes) -> Result<Option<Vec<u8>>, Refusal> {
    if body.try_get_u64_le().map_err(ended)? == u64::MAX {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    loop {
        match body.try_get_u32_le().map_err(ended)? {
            0 => return Ok(Some(bytes)),
            length => bytes.extend_from_slice(&take(body, length as usize)?),
        }
    }
}

fn take(body: &mut Bytes, length: usize) -> Result<Bytes, Refusal> {
    if body.remaining() < length { Err(incorrect()) } else { Ok(body.split_to(length)) }
}

fn ended(_: TryGetError) -> Refusal {
    incorrect()
}

fn incorrect() -> Refusal {
    Refusal::new(4002, 16, 1, "The incoming tabular data stream (TDS) protocol stream is incorrect. The stream ended unexpectedly.")
}

fn unknown(name: &str, kind: u8) -> Refusal {
    Refusal::new(8009, 16, 1, format!("The RPC protocol stream is incorrect. Parameter (\"{name}\"): Data type 0x{kind:02X} is unknown."))
}
