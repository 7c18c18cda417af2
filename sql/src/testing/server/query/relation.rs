//! What a query selects from, and what it selects.

use std::sync::LazyLock;

use sqlparser::ast::{
    Expr, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Query, Select, SelectItem, SetExpr,
    TableAlias, TableFactor, TableWithJoins,
};

use super::{
    super::{
        database::{Table, Value},
        kind::{Family, Kind},
        refusal::Refusal,
        stored,
    },
    Context, Row, Rows,
    aggregate::group,
    catalogue,
    compile::{Scope, Typed},
    parse,
};

/// Rows with columns.
pub(super) struct Relation {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Rows,
}

/// A column, and the name or alias of the table it is of.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) table: Option<String>,
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Of a table of the database: its schema and name, and that of the column.
    pub(super) origin: Option<String>,
}

/// A query without any clause.
static BARE: LazyLock<Option<Query>> = LazyLock::new(|| parse("SELECT 1").ok());

pub(super) fn query(query: &Query, context: &Context<'_>) -> Result<Relation, Refusal> {
    let select = plain(query)?;
    let mut source = source(&select.from, context)?;
    if let Some(condition) = &select.selection {
        let mut condition = Scope::of_rows(context, &source.columns).condition(condition)?;
        source.rows = Box::new(source.rows.filter_map(move |row| keep(row, |row| condition.holds(row))));
    }
    self::select(select, source, context)
}

fn select(select: &Select, source: Relation, context: &Context<'_>) -> Result<Relation, Refusal> {
    let keys = match &select.group_by {
        GroupByExpr::Expressions(keys, modifiers) if modifiers.is_empty() => keys,
        other => return Err(Refusal::syntax(other)),
    };
    let typed_keys = keys.iter().map(|key| key_of_group(key, &source.columns, context)).collect::<Result<Vec<_>, _>>()?;
    let key_kinds: Vec<Kind> = typed_keys.iter().map(|key| key.kind).collect();

    let mut scope = Scope::of_selection(context, &source.columns, keys, &key_kinds);
    let mut columns = Vec::new();
    let mut expressions = Vec::new();
    for item in &select.projection {
        let (expr, name) = match item {
            SelectItem::UnnamedExpr(expr) => (expr, name_of(expr)),
            SelectItem::ExprWithAlias { expr, alias } => (expr, alias.value.clone()),
            _ => return Err(Refusal::syntax(item)),
        };
        let typed = scope.typed(expr)?;
        columns.push(Column { table: None, name, kind: typed.kind, origin: None });
        expressions.push(typed.expression);
    }
    let (aggregates, loose) = (scope.aggregates.unwrap_or_default(), scope.loose);
    let mut rows = source.rows;
    if !keys.is_empty() || !aggregates.is_empty() {
        if let Some(column) = loose {
            let message = format!(
                "Column '{column}' is invalid in the select list because it is not contained in either an aggregate function \
                 or the GROUP BY clause."
            );
            return Err(Refusal::new(8120, 16, 1, message));
        }
        context.counts.set(true);
        let keys = typed_keys.into_iter().map(|key| key.expression).collect();
        let groups = std::iter::once_with(move || group(rows, keys, aggregates));
        rows = Box::new(groups.flat_map(|groups| match groups {
            Ok(groups) => groups.into_iter().map(Ok).collect(),
            Err(refusal) => vec![Err(refusal)],
        }));
    }
    let rows = rows.map(move |row| {
        let row = row?;
        expressions.iter_mut().map(|expression| expression.value(&row)).collect()
    });
    Ok(Relation { columns, rows: Box::new(rows) })
}

/// Groups are made by numbers and times, and by texts whose collation tells apart whatever differs.
fn key_of_group(key: &Expr, columns: &[Column], context: &Context<'_>) -> Result<Typed, Refusal> {
    let (of, exact) = match key {
        Expr::Collate { expr, collation } if collation.to_string() == "Latin1_General_BIN2" => (expr.as_ref(), true),
        key => (key, false),
    };
    let typed = Scope::of_rows(context, columns).typed(of)?;
    match typed.kind.family() {
        Family::Number | Family::Time if !exact => Ok(typed),
        Family::Text if exact => Ok(typed),
        _ => Err(Refusal::syntax(key)),
    }
}

/// A SELECT that has nothing but a list, FROM, WHERE and GROUP BY.
fn plain(query: &Query) -> Result<&Select, Refusal> {
    let refusal = || Refusal::syntax(query);
    let bare = BARE.as_ref().ok_or_else(refusal)?;
    let (SetExpr::Select(select), SetExpr::Select(bare_select)) = (query.body.as_ref(), bare.body.as_ref()) else { return Err(refusal()) };
    let rest = Query { body: bare.body.clone(), ..query.clone() };
    let rest_of_select = Select {
        projection: bare_select.projection.clone(),
        from: Vec::new(),
        selection: None,
        group_by: bare_select.group_by.clone(),
        ..select.as_ref().clone()
    };
    if rest == *bare && rest_of_select == **bare_select { Ok(select) } else { Err(refusal()) }
}

/// The rows of FROM; without it there is one, of no columns.
fn source(from: &[TableWithJoins], context: &Context<'_>) -> Result<Relation, Refusal> {
    match from {
        [] => Ok(Relation { columns: Vec::new(), rows: Box::new(std::iter::once(Ok(Vec::new()))) }),
        [from] => from.joins.iter().try_fold(factor(&from.relation, context)?, |left, join| self::join(left, join, context)),
        _ => Err(Refusal::syntax(",")),
    }
}

/// Joins a view of the catalogue, whose rows are few.
fn join(left: Relation, join: &Join, context: &Context<'_>) -> Result<Relation, Refusal> {
    let Join { relation, global: false, join_operator: JoinOperator::Join(JoinConstraint::On(condition)) } = join else {
        return Err(Refusal::syntax(join));
    };
    let TableFactor::Table { name, .. } = relation else { return Err(Refusal::syntax(join)) };
    if catalogue::view(context, &name_parts(name)?.0, &name_parts(name)?.1).is_none() {
        return Err(Refusal::syntax(join));
    }
    let right = factor(relation, context)?;
    let right_rows = right.rows.collect::<Result<Vec<Row>, _>>()?;
    let columns: Vec<Column> = left.columns.into_iter().chain(right.columns).collect();
    let mut condition = Scope::of_rows(context, &columns).condition(condition)?;
    let pairs = left.rows.flat_map(move |row| match row {
        Ok(row) => right_rows.iter().map(|right| Ok([&row[..], &right[..]].concat())).collect(),
        Err(refusal) => vec![Err(refusal)],
    });
    let rows = pairs.filter_map(move |row| keep(row, |row| condition.holds(row)));
    Ok(Relation { columns, rows: Box::new(rows) })
}

fn keep(row: Result<Row, Refusal>, holds: impl FnOnce(&[Value]) -> Result<Option<bool>, Refusal>) -> Option<Result<Row, Refusal>> {
    let row = match row {
        Ok(row) => row,
        Err(refusal) => return Some(Err(refusal)),
    };
    match holds(&row) {
        Ok(Some(true)) => Some(Ok(row)),
        Ok(_) => None,
        Err(refusal) => Some(Err(refusal)),
    }
}

fn factor(factor: &TableFactor, context: &Context<'_>) -> Result<Relation, Refusal> {
    match factor {
        TableFactor::Table {
            name,
            alias,
            args: None,
            with_hints,
            version: None,
            with_ordinality: false,
            partitions,
            json_path: None,
            sample: None,
            index_hints,
        } if with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty() => {
            let (schema, table) = name_parts(name)?;
            let alias = alias_name(alias.as_ref())?.unwrap_or(table.clone());
            named(&schema, &table, &alias, context)
        }
        TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
            let alias = alias_name(alias.as_ref())?.ok_or_else(|| Refusal::syntax(")"))?;
            let Relation { mut columns, rows } = query(subquery, context)?;
            for (column, number) in columns.iter_mut().zip(1..) {
                if column.name.is_empty() {
                    return Err(Refusal::new(8155, 16, 2, format!("No column name was specified for column {number} of '{alias}'.")));
                }
                column.table = Some(alias.clone());
            }
            Ok(Relation { columns, rows })
        }
        other => Err(Refusal::syntax(other)),
    }
}

/// A table of the database, or a view of the catalogue.
fn named(schema: &str, name: &str, alias: &str, context: &Context<'_>) -> Result<Relation, Refusal> {
    let column = |name: &str, kind, origin| Column { table: Some(alias.to_owned()), name: name.to_owned(), kind, origin };
    if let Some(view) = catalogue::view(context, schema, name) {
        let columns = view.columns.into_iter().map(|(name, kind)| column(name, kind, None)).collect();
        return Ok(Relation { columns, rows: Box::new(view.rows.into_iter().map(Ok)) });
    }
    let Some(table) = context.database.named(schema, name) else {
        let shown = if schema == "dbo" { name.to_owned() } else { format!("{schema}.{name}") };
        return Err(Refusal::new(208, 16, 1, format!("Invalid object name '{shown}'.")));
    };
    let database = context.database.name();
    if context.database.denies(name) {
        let message = format!("The SELECT permission was denied on the object '{name}', database '{database}', schema '{schema}'.");
        return Err(Refusal::new(229, 14, 5, message));
    }
    if context.session.snapshot && !context.database.row_versions().snapshot {
        let message = format!(
            "Snapshot isolation transaction failed accessing database '{database}' because snapshot isolation is not allowed in this database. \
             Use ALTER DATABASE to allow snapshot isolation."
        );
        return Err(Refusal::new(3952, 16, 1, message));
    }
    context.tables.borrow_mut().push(table.name.clone());
    let origin = |column: &str| Some(format!("{}.{}.{column}", table.schema, table.name));
    let columns = table.columns.iter().map(|(name, kind)| column(name, Kind::from(*kind), origin(name))).collect();
    Ok(Relation { columns, rows: scan(table, context.collation.utf8) })
}

/// The rows of a table as SQL Server would have stored them.
fn scan(table: Table, utf8: bool) -> Rows {
    let rows = table.read();
    Box::new(rows.map(move |mut row| {
        if row.len() != table.columns.len() {
            let message = format!("table {} has {} columns, a row of it {} values", table.name, table.columns.len(), row.len());
            return Err(Refusal::misuse(message));
        }
        for (value, (name, kind)) in row.iter_mut().zip(&table.columns) {
            stored::store(value, Kind::from(*kind), utf8)
                .ok_or_else(|| Refusal::misuse(format!("column {name} of table {} cannot hold {value:?}", table.name)))?;
        }
        Ok(row)
    }))
}

/// The schema, `dbo` if there is none, and the name.
fn name_parts(name: &ObjectName) -> Result<(String, String), Refusal> {
    match &name.0[..] {
        [ObjectNamePart::Identifier(name)] => Ok(("dbo".to_owned(), name.value.clone())),
        [ObjectNamePart::Identifier(schema), ObjectNamePart::Identifier(name)] => Ok((schema.value.clone(), name.value.clone())),
        _ => Err(Refusal::new(208, 16, 1, format!("Invalid object name '{name}'."))),
    }
}

fn alias_name(alias: Option<&TableAlias>) -> Result<Option<String>, Refusal> {
    match alias {
        None => Ok(None),
        Some(TableAlias { name: Ident { value, .. }, columns, at: None, .. }) if columns.is_empty() => Ok(Some(value.clone())),
        Some(other) => Err(Refusal::syntax(other)),
    }
}

/// What a column of a result is called without an alias.
fn name_of(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) if !name.value.starts_with('@') => name.value.clone(),
        Expr::CompoundIdentifier(names) => names.last().map(|name| name.value.clone()).unwrap_or_default(),
        _ => String::new(),
    }
}
