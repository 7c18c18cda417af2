//! Functions over the rows of a group.

use std::collections::HashMap;

use super::{
    super::{collation::Collation, database::Value, kind::Kind, refusal::Refusal},
    Row, Rows,
    expression::{Expression, compare, fit, number},
};

/// What is made of the values of a group.
#[derive(Debug, Clone)]
pub(super) enum Function {
    Min(Collation),
    Max(Collation),
    /// Counts what is not NULL.
    Count,
    Sum(Kind),
}

/// A function and what it is applied to.
pub(super) struct Aggregate {
    pub(super) function: Function,
    pub(super) of: Expression,
}

/// A row for every group: its keys, then the aggregates. Without keys there is one group, even of no rows.
pub(super) fn group(rows: Rows, mut keys: Vec<Expression>, mut aggregates: Vec<Aggregate>) -> Result<Vec<Row>, Refusal> {
    let mut groups: Vec<Row> = Vec::new();
    let mut places: HashMap<Row, usize> = HashMap::new();
    let start = |aggregates: &[Aggregate]| -> Row { aggregates.iter().map(|aggregate| aggregate.function.start()).collect() };
    if keys.is_empty() {
        places.insert(Vec::new(), 0);
        groups.push(start(&aggregates));
    }
    for row in rows {
        let row = row?;
        let key = keys.iter_mut().map(|key| key.value(&row)).collect::<Result<Row, _>>()?;
        let place = match places.get(&key) {
            Some(place) => *place,
            None => {
                let mut group = key.clone();
                group.extend(start(&aggregates));
                groups.push(group);
                places.insert(key, groups.len() - 1);
                groups.len() - 1
            }
        };
        let so_far = &mut groups[place][keys.len()..];
        for (aggregate, so_far) in aggregates.iter_mut().zip(so_far) {
            let value = aggregate.of.value(&row)?;
            aggregate.function.add(so_far, value)?;
        }
    }
    Ok(groups)
}

impl Function {
    fn start(&self) -> Value {
        if matches!(self, Self::Count) { Value::Int(0) } else { Value::Null }
    }

    fn add(&self, so_far: &mut Value, value: Value) -> Result<(), Refusal> {
        if value == Value::Null {
            return Ok(());
        }
        *so_far = match (self, &*so_far) {
            (Self::Count, counted) => Value::Int(number(counted)? + 1),
            (_, Value::Null) => value,
            (Self::Sum(kind), sum) => fit(*kind, number(sum)?.checked_add(number(&value)?))?,
            (Self::Min(collation), least) => {
                if compare(&value, least, collation)?.is_lt() {
                    value
                } else {
                    return Ok(());
                }
            }
            (Self::Max(collation), most) => {
                if compare(&value, most, collation)?.is_gt() {
                    value
                } else {
                    return Ok(());
                }
            }
        };
        Ok(())
    }
}
