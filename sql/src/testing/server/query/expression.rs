//! Expressions that can be computed for a row.

use std::cmp::Ordering;

use super::{
    super::{
        collation::Collation,
        database::Value,
        kind::{Family, Kind},
        refusal::Refusal,
        stored,
    },
    Rows,
};

/// Gives a value for a row.
pub(super) enum Expression {
    Constant(Value),
    Column(usize),
    Cast {
        of: Box<Expression>,
        from: Kind,
        to: Kind,
    },
    Add(Box<Expression>, Box<Expression>, Kind),
    Divide(Box<Expression>, Box<Expression>, Kind),
    IsNull(Box<Expression>, Box<Expression>),
    /// How many borders of minutes lie between two times.
    Minutes(Box<Expression>, Box<Expression>),
    /// NULL where the condition does not hold.
    When(Box<Condition>, Box<Expression>),
    Subquery(Subquery),
}

/// A query of one column and at most one row, which does not depend on the row it is asked for.
pub(super) enum Subquery {
    Open(Rows),
    Known(Value),
}

/// Holds, does not hold, or is unknown because of a NULL.
pub(super) enum Condition {
    Compare(Comparison, Expression, Expression, Collation),
    And(Box<Condition>, Box<Condition>),
    Any(Vec<Condition>),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal to",
            Self::Less => "less than",
            Self::LessOrEqual => "less than or equal to",
            Self::Greater => "greater than",
            Self::GreaterOrEqual => "greater than or equal to",
        }
    }

    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Expression {
    pub(super) fn value(&mut self, row: &[Value]) -> Result<Value, Refusal> {
        Ok(match self {
            Self::Constant(value) => value.clone(),
            Self::Column(place) => row[*place].clone(),
            Self::Cast { of, from, to } => cast(of.value(row)?, *from, *to)?,
            Self::Add(left, right, kind) => match (left.value(row)?, right.value(row)?) {
                (Value::Null, _) | (_, Value::Null) => Value::Null,
                (left, right) => fit(*kind, number(&left)?.checked_add(number(&right)?))?,
            },
            Self::Divide(left, right, kind) => match (left.value(row)?, right.value(row)?) {
                (Value::Null, _) | (_, Value::Null) => Value::Null,
                (_, Value::Int(0)) => return Err(Refusal::new(8134, 16, 1, "Divide by zero error encountered.")),
                (left, right) => fit(*kind, number(&left)?.checked_div(number(&right)?))?,
            },
            Self::IsNull(value, otherwise) => match value.value(row)? {
                Value::Null => otherwise.value(row)?,
                value => value,
            },
            Self::Minutes(from, to) => match (from.value(row)?, to.value(row)?) {
                (Value::Null, _) | (_, Value::Null) => Value::Null,
                (from, to) => {
                    let minutes = i32::try_from(minute(&to)? - minute(&from)?).map_err(|_| {
                        let message = "The datediff function resulted in an overflow. The number of dateparts separating two date/time instances is too large.";
                        Refusal::new(535, 16, 0, message)
                    })?;
                    Value::Int(minutes.into())
                }
            },
            Self::When(condition, value) => {
                if condition.holds(row)? == Some(true) {
                    value.value(row)?
                } else {
                    Value::Null
                }
            }
            Self::Subquery(subquery) => subquery.value()?,
        })
    }
}

impl Subquery {
    fn value(&mut self) -> Result<Value, Refusal> {
        if let Self::Open(rows) = self {
            let value = match rows.next().transpose()? {
                Some(mut row) => row.pop().unwrap_or(Value::Null),
                None => Value::Null,
            };
            if rows.next().transpose()?.is_some() {
                return Err(Refusal::new(512, 16, 1, "Subquery returned more than 1 value."));
            }
            *self = Self::Known(value);
        }
        match self {
            Self::Known(value) => Ok(value.clone()),
            Self::Open(_) => Ok(Value::Null),
        }
    }
}

impl Condition {
    pub(super) fn holds(&mut self, row: &[Value]) -> Result<Option<bool>, Refusal> {
        Ok(match self {
            Self::Compare(comparison, left, right, collation) => match (left.value(row)?, right.value(row)?) {
                (Value::Null, _) | (_, Value::Null) => None,
                (left, right) => Some(comparison.holds(compare(&left, &right, collation)?)),
            },
            Self::Any(conditions) => {
                let mut any = Some(false);
                for condition in conditions {
                    match condition.holds(row)? {
                        Some(true) => return Ok(Some(true)),
                        Some(false) => {}
                        None => any = None,
                    }
                }
                any
            }
            Self::And(left, right) => match (left.holds(row)?, right.holds(row)?) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
        })
    }
}

/// The order of two values that are not NULL.
pub(super) fn compare(left: &Value, right: &Value, collation: &Collation) -> Result<Ordering, Refusal> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Ok(left.cmp(right)),
        (Value::DateTime(..) | Value::DateTime2(..), Value::DateTime(..) | Value::DateTime2(..)) => Ok(time(left)?.cmp(&time(right)?)),
        _ => {
            let text = |value: &Value| Ok(String::from_utf16_lossy(&units(value)?));
            Ok(collation.compare(&text(left)?, &text(right)?))
        }
    }
}

/// A number that its type can hold.
pub(super) fn fit(kind: Kind, number: Option<i64>) -> Result<Value, Refusal> {
    let fits = |number: &i64| kind == Kind::BigInt || i32::try_from(*number).is_ok();
    number
        .filter(fits)
        .map(Value::Int)
        .ok_or_else(|| Refusal::new(8115, 16, 2, format!("Arithmetic overflow error converting expression to data type {}.", kind.name())))
}

pub(super) fn number(value: &Value) -> Result<i64, Refusal> {
    match value {
        Value::Int(number) => Ok(*number),
        other => Err(Refusal::misuse(format!("{other:?} is no number"))),
    }
}

/// Days since 1900 and units of 100 ns since midnight.
fn time(value: &Value) -> Result<(i32, u64), Refusal> {
    stored::instant(value).ok_or_else(|| Refusal::misuse(format!("{value:?} is no time")))
}

/// The minutes since 1900 that have begun.
fn minute(value: &Value) -> Result<i64, Refusal> {
    const UNITS: u64 = 600_000_000;
    let (days, units) = time(value)?;
    Ok(i64::from(days) * 24 * 60 + (units / UNITS) as i64)
}

fn units(value: &Value) -> Result<Vec<u16>, Refusal> {
    match value {
        Value::Text(text) => Ok(text.encode_utf16().collect()),
        Value::Utf16(units) => Ok(units.to_vec()),
        other => Err(Refusal::misuse(format!("{other:?} is no text"))),
    }
}

/// Casts that [`castable`] allows.
fn cast(value: Value, from: Kind, to: Kind) -> Result<Value, Refusal> {
    match (value, to) {
        (Value::Null, _) => Ok(Value::Null),
        (value @ (Value::DateTime(..) | Value::DateTime2(..)), to) => stored::time(&value, to).ok_or_else(|| Refusal::syntax("CAST")),
        (Value::Int(number), Kind::Int | Kind::BigInt) => fit(to, Some(number)),
        (Value::Int(number), Kind::NVarChar(length)) if number.to_string().len() > usize::from(length) => {
            Err(Refusal::new(8115, 16, 2, "Arithmetic overflow error converting expression to data type nvarchar."))
        }
        (Value::Int(number), _) => Ok(Value::text(number.to_string())),
        (value, Kind::Int | Kind::BigInt) => {
            let text = String::from_utf16_lossy(&units(&value)?);
            let parsed = text.trim().parse::<i64>().map_err(|_| match to {
                Kind::Int => {
                    let message = format!("Conversion failed when converting the {} value '{text}' to data type int.", from.name());
                    Refusal::new(245, 16, 1, message)
                }
                _ => Refusal::new(8114, 16, 5, format!("Error converting data type {} to bigint.", from.name())),
            })?;
            fit(to, Some(parsed))
        }
        (value, Kind::NVarChar(length)) => {
            let units = units(&value)?;
            if units.len() <= usize::from(length) { Ok(value) } else { Ok(Value::Utf16(units[..usize::from(length)].into())) }
        }
        (value, _) => Ok(value),
    }
}

/// Whether SQL Server casts one type to another, as far as the stand-in knows how.
pub(super) fn castable(from: Kind, to: Kind) -> Result<(), Refusal> {
    let to_text = matches!(to, Kind::NVarChar(_) | Kind::NVarCharMax);
    match from.family() {
        Family::Time if to.family() == Family::Time => Ok(()),
        Family::Text | Family::Number if to.family() != Family::Time => Ok(()),
        Family::LongText | Family::Variant if to_text => Ok(()),
        Family::LongText => {
            let message = format!("Explicit conversion from data type {} to {} is not allowed.", from.name(), to.name());
            Err(Refusal::new(529, 16, 2, message))
        }
        _ => Err(Refusal::syntax("CAST")),
    }
}

/// Whether SQL Server compares two types.
pub(super) fn comparable(comparison: Comparison, left: Kind, right: Kind) -> Result<(), Refusal> {
    let incomparable = |kind: Kind| matches!(kind.family(), Family::LongText | Family::Binary | Family::Variant);
    if incomparable(left) || incomparable(right) {
        let message =
            format!("The data types {} and {} are incompatible in the {} operator.", left.name(), right.name(), comparison.name());
        return Err(Refusal::new(402, 16, 1, message));
    }
    same_family(left, right)
}

/// Types of which one becomes the other by itself.
pub(super) fn same_family(left: Kind, right: Kind) -> Result<(), Refusal> {
    if left.family() == right.family() {
        Ok(())
    } else {
        Err(Refusal::new(206, 16, 2, format!("Operand type clash: {} is incompatible with {}", left.name(), right.name())))
    }
}
