//! From expressions as they are written to expressions that can be computed.

use sqlparser::ast::{
    BinaryOperator, CastKind, CharacterLength, DataType, Expr, Function as Call, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectName, ObjectNamePart, Value as Literal,
};

use super::{
    super::{
        database::Value,
        kind::{Family, Kind},
        refusal::Refusal,
    },
    Context,
    aggregate::{Aggregate, Function},
    catalogue::DATABASE_ID,
    expression::{Comparison, Condition, Expression, Subquery, castable, comparable, same_family},
    relation::{self, Column},
};

/// An expression and its type.
pub(super) struct Typed {
    pub(super) kind: Kind,
    pub(super) expression: Expression,
}

/// Where an expression stands.
pub(super) struct Scope<'a> {
    context: &'a Context<'a>,
    columns: &'a [Column],
    /// What the rows are grouped by; expressions that are one of these refer to the group.
    keys: &'a [Expr],
    key_kinds: &'a [Kind],
    /// Aggregates found so far; none where there may not be any.
    pub(super) aggregates: Option<Vec<Aggregate>>,
    /// A column that is neither a key nor within an aggregate.
    pub(super) loose: Option<String>,
}

impl<'a> Scope<'a> {
    /// Within a condition, a key of a group or an aggregate.
    pub(super) fn of_rows(context: &'a Context<'a>, columns: &'a [Column]) -> Self {
        Self { context, columns, keys: &[], key_kinds: &[], aggregates: None, loose: None }
    }

    /// Within the list of what is selected.
    pub(super) fn of_selection(context: &'a Context<'a>, columns: &'a [Column], keys: &'a [Expr], key_kinds: &'a [Kind]) -> Self {
        Self { context, columns, keys, key_kinds, aggregates: Some(Vec::new()), loose: None }
    }

    pub(super) fn condition(&mut self, expr: &Expr) -> Result<Condition, Refusal> {
        match expr {
            Expr::Nested(inner) => self.condition(inner),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                Ok(Condition::And(Box::new(self.condition(left)?), Box::new(self.condition(right)?)))
            }
            Expr::BinaryOp { left, op, right } => {
                let comparison = match op {
                    BinaryOperator::Eq => Comparison::Equal,
                    BinaryOperator::Lt => Comparison::Less,
                    BinaryOperator::LtEq => Comparison::LessOrEqual,
                    BinaryOperator::Gt => Comparison::Greater,
                    BinaryOperator::GtEq => Comparison::GreaterOrEqual,
                    _ => return Err(Refusal::syntax(op)),
                };
                let (left, right) = (self.typed(left)?, self.typed(right)?);
                self.compared(comparison, left, right)
            }
            Expr::InList { expr, list, negated: false } => {
                let alternatives = list.iter().map(|item| {
                    let (left, right) = (self.typed(expr)?, self.typed(item)?);
                    self.compared(Comparison::Equal, left, right)
                });
                Ok(Condition::Any(alternatives.collect::<Result<_, _>>()?))
            }
            _ => Err(Refusal::syntax(expr)),
        }
    }

    fn compared(&self, comparison: Comparison, left: Typed, right: Typed) -> Result<Condition, Refusal> {
        comparable(comparison, left.kind, right.kind)?;
        if left.kind.family() == Family::Time && left.kind != right.kind {
            for side in [&left, &right] {
                if let Expression::Column(place) = side.expression
                    && let Some(origin) = self.columns.get(place).and_then(|column| column.origin.clone())
                {
                    self.context.database.converted(origin);
                }
            }
        }
        Ok(Condition::Compare(comparison, left.expression, right.expression, self.context.collation.clone()))
    }

    pub(super) fn typed(&mut self, expr: &Expr) -> Result<Typed, Refusal> {
        if let Some(place) = self.keys.iter().position(|key| key == expr) {
            return Ok(Typed { kind: self.key_kinds[place], expression: Expression::Column(place) });
        }
        match expr {
            Expr::Nested(inner) => self.typed(inner),
            Expr::Identifier(name) if name.quote_style.is_none() && name.value.starts_with('@') => self.parameter(&name.value),
            Expr::Identifier(name) => self.column(None, name),
            Expr::CompoundIdentifier(names) => match &names[..] {
                [table, name] => self.column(Some(table), name),
                _ => Err(unbound(expr)),
            },
            Expr::Value(literal) => constant(&literal.value),
            Expr::Cast { kind: CastKind::Cast, expr, data_type, format: None } => {
                let kind = data_type_kind(data_type)?;
                // A NULL has no type until it is cast to one.
                if matches!(expr.as_ref(), Expr::Value(literal) if literal.value == Literal::Null) {
                    return Ok(fixed(kind, Value::Null));
                }
                let of = self.typed(expr)?;
                castable(of.kind, kind)?;
                Ok(Typed { kind, expression: Expression::Cast { of: Box::new(of.expression), from: of.kind, to: kind } })
            }
            Expr::BinaryOp { left, op, right } => self.arithmetic(left, op, right),
            Expr::Case { operand: None, conditions, else_result: None, .. } => match &conditions[..] {
                [when] => {
                    let condition = self.condition(&when.condition)?;
                    let value = self.typed(&when.result)?;
                    Ok(Typed { kind: value.kind, expression: Expression::When(Box::new(condition), Box::new(value.expression)) })
                }
                _ => Err(Refusal::syntax("WHEN")),
            },
            Expr::Subquery(query) => {
                let relation = relation::query(query, self.context)?;
                match &relation.columns[..] {
                    [column] => Ok(Typed { kind: column.kind, expression: Expression::Subquery(Subquery::Open(relation.rows)) }),
                    _ => Err(Refusal::new(
                        116,
                        16,
                        1,
                        "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.",
                    )),
                }
            }
            Expr::Function(call) => self.call(call),
            _ => Err(Refusal::syntax(expr)),
        }
    }

    fn parameter(&self, name: &str) -> Result<Typed, Refusal> {
        match self.context.parameters.iter().find(|parameter| self.context.same(&parameter.name, name)) {
            Some(parameter) => Ok(Typed { kind: parameter.kind, expression: Expression::Constant(parameter.value.clone()) }),
            None => Err(Refusal::new(137, 15, 2, format!("Must declare the scalar variable \"{name}\"."))),
        }
    }

    fn column(&mut self, table: Option<&Ident>, name: &Ident) -> Result<Typed, Refusal> {
        let context = self.context;
        let mut found = None;
        for (place, column) in self.columns.iter().enumerate() {
            let of_table = table.is_none_or(|table| column.table.as_deref().is_some_and(|name| context.same(name, &table.value)));
            if of_table && context.same(&column.name, &name.value) {
                if found.is_some() {
                    return Err(Refusal::new(209, 16, 1, format!("Ambiguous column name '{}'.", name.value)));
                }
                found = Some((place, column.kind));
            }
        }
        if let Some((place, kind)) = found {
            self.loose.get_or_insert_with(|| name.value.clone());
            return Ok(Typed { kind, expression: Expression::Column(place) });
        }
        match table {
            Some(table)
                if !self.columns.iter().any(|column| column.table.as_deref().is_some_and(|name| context.same(name, &table.value))) =>
            {
                Err(unbound(format!("{}.{}", table.value, name.value)))
            }
            _ => Err(Refusal::new(207, 16, 1, format!("Invalid column name '{}'.", name.value))),
        }
    }

    fn arithmetic(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<Typed, Refusal> {
        let (left, right) = (self.typed(left)?, self.typed(right)?);
        for kind in [left.kind, right.kind] {
            same_family(kind, Kind::Int)?;
        }
        let kind = left.kind.larger(right.kind);
        let (left, right) = (Box::new(left.expression), Box::new(right.expression));
        let expression = match op {
            BinaryOperator::Plus => Expression::Add(left, right, kind),
            BinaryOperator::Divide => Expression::Divide(left, right, kind),
            _ => return Err(Refusal::syntax(op)),
        };
        Ok(Typed { kind, expression })
    }

    fn call(&mut self, call: &Call) -> Result<Typed, Refusal> {
        let (name, arguments) = arguments(call)?;
        match (name.as_str(), &arguments[..]) {
            ("MIN", [Argument::Of(of)]) => self.aggregate("min", of, |_| Function::Min(self.context.collation.clone())),
            ("MAX", [Argument::Of(of)]) => self.aggregate("max", of, |_| Function::Max(self.context.collation.clone())),
            ("SUM", [Argument::Of(of)]) => self.aggregate("sum", of, Function::Sum),
            ("COUNT_BIG", [Argument::All]) => self.add_aggregate(Kind::BigInt, Function::Count, Expression::Constant(Value::Int(1))),
            ("COUNT_BIG", [Argument::Of(of)]) => {
                let of = Scope::of_rows(self.context, self.columns).typed(of)?;
                if of.kind.family() == Family::LongText {
                    return Err(operand(of.kind, "count_big"));
                }
                self.add_aggregate(Kind::BigInt, Function::Count, of.expression)
            }
            ("ISNULL", [Argument::Of(value), Argument::Of(otherwise)]) => {
                let (value, otherwise) = (self.typed(value)?, self.typed(otherwise)?);
                for (typed, number) in [(&value, 1), (&otherwise, 2)] {
                    if typed.kind.family() == Family::LongText {
                        let message =
                            format!("Argument data type {} is invalid for argument {number} of isnull function.", typed.kind.name());
                        return Err(Refusal::new(8116, 16, 1, message));
                    }
                }
                same_family(value.kind, otherwise.kind)?;
                let kind = value.kind;
                // The replacement becomes of the first argument's type.
                let otherwise = Expression::Cast { of: Box::new(otherwise.expression), from: otherwise.kind, to: kind };
                Ok(Typed { kind, expression: Expression::IsNull(Box::new(value.expression), Box::new(otherwise)) })
            }
            ("DATEDIFF", [Argument::Of(Expr::Identifier(part)), Argument::Of(from), Argument::Of(to)]) if same(&part.value, "minute") => {
                let (from, to) = (self.typed(from)?, self.typed(to)?);
                for kind in [from.kind, to.kind] {
                    same_family(kind, Kind::DateTime)?;
                }
                Ok(Typed { kind: Kind::Int, expression: Expression::Minutes(Box::new(from.expression), Box::new(to.expression)) })
            }
            ("GETUTCDATE", []) => Ok(fixed(Kind::DateTime, Value::time(self.context.database.now()))),
            ("DB_ID", []) => Ok(fixed(Kind::Int, Value::Int(DATABASE_ID))),
            ("DB_NAME", []) => Ok(fixed(Kind::NVarChar(128), Value::text(self.context.database.name()))),
            ("DATABASEPROPERTYEX", [Argument::Of(database), Argument::Of(property)]) => {
                let ours = same(&self.text(database)?, self.context.database.name());
                let value = match self.text(property)?.to_lowercase().as_str() {
                    "updateability" if ours && self.context.database.is_read_only() => Value::text("READ_ONLY"),
                    "updateability" if ours => Value::text("READ_WRITE"),
                    _ => Value::Null,
                };
                Ok(fixed(Kind::Variant, value))
            }
            ("SERVERPROPERTY", [Argument::Of(property)]) => {
                let value = match self.text(property)?.to_lowercase().as_str() {
                    "productversion" => Value::text("16.0.1000.6"),
                    "edition" => Value::text("Developer Edition (64-bit)"),
                    _ => Value::Null,
                };
                Ok(fixed(Kind::Variant, value))
            }
            ("HAS_PERMS_BY_NAME", [Argument::Of(securable), Argument::Of(class), Argument::Of(permission)]) => {
                let (securable, class, permission) = (self.text(securable)?, self.text(class)?, self.text(permission)?);
                if !same(&class, "OBJECT") || !same(&permission, "SELECT") {
                    return Err(Refusal::syntax("HAS_PERMS_BY_NAME"));
                }
                Ok(fixed(Kind::Int, self.permission(&securable)))
            }
            _ => Err(Refusal::new(195, 15, 10, format!("'{name}' is not a recognized built-in function name."))),
        }
    }

    fn aggregate(&mut self, name: &str, of: &Expr, function: impl FnOnce(Kind) -> Function) -> Result<Typed, Refusal> {
        let of = Scope::of_rows(self.context, self.columns).typed(of)?;
        let fits = match of.kind.family() {
            Family::Number => of.kind != Kind::Bit,
            Family::Text | Family::Time => name != "sum",
            Family::LongText | Family::Binary | Family::Variant => false,
        };
        if !fits {
            return Err(operand(of.kind, name));
        }
        let kind = if name == "sum" { of.kind.larger(Kind::Int) } else { of.kind };
        self.add_aggregate(kind, function(kind), of.expression)
    }

    /// Within a group its keys come first, then the aggregates.
    fn add_aggregate(&mut self, kind: Kind, function: Function, of: Expression) -> Result<Typed, Refusal> {
        let place = self.keys.len();
        let Some(aggregates) = &mut self.aggregates else {
            return Err(Refusal::new(147, 15, 1, "An aggregate may not appear here."));
        };
        aggregates.push(Aggregate { function, of });
        Ok(Typed { kind, expression: Expression::Column(place + aggregates.len() - 1) })
    }

    /// A text that does not depend on a row.
    fn text(&mut self, expr: &Expr) -> Result<String, Refusal> {
        match self.typed(expr)?.expression {
            Expression::Constant(Value::Text(text)) => Ok(text.as_ref().to_owned()),
            Expression::Constant(Value::Null) => Ok(String::new()),
            _ => Err(Refusal::syntax(expr)),
        }
    }

    /// Whether a table may be read; NULL if there is none.
    fn permission(&self, name: &str) -> Value {
        match two_parts(name).and_then(|(schema, name)| self.context.database.named(&schema, &name)) {
            Some(table) => Value::Int(i64::from(!self.context.database.denies(&table.name))),
            None => Value::Null,
        }
    }
}

/// Schema and name of a table, each quoted.
fn two_parts(name: &str) -> Option<(String, String)> {
    let unquoted = |part: &str| part.replace("]]", "]");
    let (schema, name) = name.strip_prefix('[')?.strip_suffix(']')?.split_once("].[")?;
    Some((unquoted(schema), unquoted(name)))
}

enum Argument<'a> {
    Of(&'a Expr),
    /// The `*` of a count.
    All,
}

/// The name in upper case and the arguments of a call that has nothing else.
fn arguments(call: &Call) -> Result<(String, Vec<Argument<'_>>), Refusal> {
    let refusal = || Refusal::syntax(call);
    let Call {
        name: ObjectName(parts),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(list),
        filter: None,
        null_treatment: None,
        over: None,
        within_group,
    } = call
    else {
        return Err(refusal());
    };
    let [ObjectNamePart::Identifier(name)] = &parts[..] else { return Err(refusal()) };
    if !within_group.is_empty() || list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
        return Err(refusal());
    }
    let arguments = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(Argument::Of(expr)),
        FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => Ok(Argument::All),
        _ => Err(refusal()),
    });
    Ok((name.value.to_uppercase(), arguments.collect::<Result<_, _>>()?))
}

fn constant(literal: &Literal) -> Result<Typed, Refusal> {
    match literal {
        Literal::Number(digits, false) => {
            let number: i32 = digits.parse().map_err(|_| Refusal::syntax(digits))?;
            Ok(fixed(Kind::Int, Value::Int(number.into())))
        }
        Literal::SingleQuotedString(text) | Literal::NationalStringLiteral(text) => {
            let length = text.encode_utf16().count().clamp(1, 4000) as u16;
            Ok(fixed(Kind::NVarChar(length), Value::text(text.as_str())))
        }
        _ => Err(Refusal::syntax(literal)),
    }
}

fn data_type_kind(data_type: &DataType) -> Result<Kind, Refusal> {
    match data_type {
        DataType::Nvarchar(Some(CharacterLength::Max)) => Ok(Kind::NVarCharMax),
        DataType::Nvarchar(Some(CharacterLength::IntegerLength { length: length @ 1..=4000, unit: None })) => {
            Ok(Kind::NVarChar(*length as u16))
        }
        DataType::Custom(name, scale) if same(&name.to_string(), "datetime2") => match scale.as_slice() {
            [] => Ok(Kind::DateTime2(7)),
            [scale] => match scale.parse() {
                Ok(scale @ 0..=7) => Ok(Kind::DateTime2(scale)),
                _ => Err(Refusal::syntax(data_type)),
            },
            _ => Err(Refusal::syntax(data_type)),
        },
        DataType::Int(None) => Ok(Kind::Int),
        DataType::BigInt(None) => Ok(Kind::BigInt),
        _ => Err(Refusal::syntax(data_type)),
    }
}

fn fixed(kind: Kind, value: Value) -> Typed {
    Typed { kind, expression: Expression::Constant(value) }
}

fn operand(kind: Kind, function: &str) -> Refusal {
    Refusal::new(8117, 16, 1, format!("Operand data type {} is invalid for {function} operator.", kind.name()))
}

/// Names of the language itself are the same in any case.
fn same(left: &str, right: &str) -> bool {
    left.to_lowercase() == right.to_lowercase()
}

fn unbound(name: impl std::fmt::Display) -> Refusal {
    Refusal::new(4104, 16, 1, format!("The multi-part identifier \"{name}\" could not be bound."))
}
