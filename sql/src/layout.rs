//! What a table looks like in a database, and how it is read: looked up, never assumed.

use std::collections::BTreeMap;

use jabber_archive_core::{Error, ErrorClass, Result};

use crate::{
    config::MssqlConfig,
    connection::{Connection, Parameter, Value, unexpected},
    date::{DateColumn, DateType},
    fault::Operation,
    schema::{ColumnSpec, Form, TableSpec},
    statements::{self, quote},
};

/// The tables that a login may see, whatever the case of their names.
#[derive(Debug)]
pub(crate) struct Catalogue(Vec<TableName>);

#[derive(Debug, Clone)]
struct TableName {
    schema: String,
    name: String,
    id: i32,
}

/// A table as the database has it, and how it is read.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) spec: &'static TableSpec,
    /// Schema and name as the database has them, quoted.
    pub(crate) table: String,
    /// The column that dates a row; none in a table without one, or where what stands in its place does not tell when.
    pub(crate) date: Option<DateColumn>,
    /// The columns of lengths, quoted.
    pub(crate) lengths: Vec<String>,
    /// What stands between SELECT and FROM, for every column of the specification.
    pub(crate) columns: Vec<String>,
    /// Whether an index leads with the date.
    pub(crate) indexed: bool,
    /// Optional columns that it lacks.
    pub(crate) absent: Vec<&'static str>,
    /// The types of the columns that are read, by their names in the specification.
    pub(crate) types: BTreeMap<&'static str, String>,
    /// Columns that are not read, by their own names.
    pub(crate) extra: Vec<String>,
}

/// A column as the database has it.
#[derive(Debug, Clone)]
struct Column {
    name: String,
    /// The name of its type, in lower case.
    kind: String,
    /// In bytes; -1 for `max`.
    length: i64,
    scale: i64,
}

impl Catalogue {
    pub(crate) async fn ask(connection: &mut Connection<'_>, config: &MssqlConfig) -> Result<Self> {
        let rows = connection.rows("look for tables in", "", statements::TABLES, &[]).await?;
        let names = rows.into_iter().map(|row| match <[Value; 3]>::try_from(row) {
            Ok([Value::Text(schema), Value::Text(name), Value::Int(id)]) => Ok(TableName { schema, name, id: id as i32 }),
            _ => Err(unexpected(Operation { config, verb: "look for tables in", table: "" })),
        });
        names.collect::<Result<_>>().map(Self)
    }

    /// The table of this name, in any case, in the schema of the configuration: that of exactly its name, else one that differs in case alone.
    fn find(&self, operation: Operation<'_>) -> Result<Option<&TableName>> {
        let wanted = &operation.config.schema;
        let is_near = |table: &&TableName| table.schema.to_lowercase() == wanted.to_lowercase();
        let exact = self.0.iter().any(|table| table.schema == *wanted);
        let found: Vec<&TableName> = self
            .0
            .iter()
            .filter(|table| if exact { table.schema == *wanted } else { is_near(table) })
            .filter(|table| table.name.eq_ignore_ascii_case(operation.table))
            .collect();
        match found[..] {
            [] => Ok(None),
            [table] => Ok(Some(table)),
            _ => {
                let names: Vec<String> = found.iter().map(|table| table.quoted()).collect();
                Err(operation
                    .error(ErrorClass::Fatal, format!("names differ in case alone: {}", names.join(" and ")))
                    .advise("rename or drop the one that IM and Presence does not write: which one that is cannot be told from here"))
            }
        }
    }
}

impl TableName {
    fn quoted(&self) -> String {
        format!("{}.{}", quote(&self.schema), quote(&self.name))
    }
}

impl Layout {
    /// A table as the database has it; `None` if it is not there and may be missing or is not wanted.
    pub(crate) async fn look(
        connection: &mut Connection<'_>,
        config: &MssqlConfig,
        catalogue: &Catalogue,
        spec: &'static TableSpec,
    ) -> Result<Option<Self>> {
        let wanted = config.tables.as_ref().map(|tables| tables.contains(spec.name));
        if wanted == Some(false) {
            return Ok(None);
        }
        let operation = Operation { config, verb: "look up", table: spec.name };
        let Some(table) = catalogue.find(operation)? else {
            return match wanted {
                Some(true) => Err(operation
                    .error(ErrorClass::Fatal, format!("it is not there in schema `{}`, or the login may not see it", config.schema))
                    .advise("check `tables`, `schema` and `database`, and GRANT SELECT on the table to the login")),
                _ => Ok(None),
            };
        };
        let id = [Parameter::Int(table.id)];
        let rows = connection.rows("look up columns of", spec.name, statements::COLUMNS, &id).await?;
        let columns: Vec<Column> = rows
            .into_iter()
            .map(|row| match <[Value; 4]>::try_from(row) {
                Ok([Value::Text(name), Value::Text(kind), Value::Int(length), Value::Int(scale)]) => {
                    Ok(Column { name, kind: kind.to_ascii_lowercase(), length, scale })
                }
                _ => Err(unexpected(operation)),
            })
            .collect::<Result<_>>()?;
        let mut layout = Self::of(operation, spec, table.quoted(), &columns)?;
        if let Some(date) = &layout.date {
            let leading = connection.rows("look up indexes of", spec.name, statements::LEADING, &id).await?;
            layout.indexed = leading.iter().any(|row| matches!(row.as_slice(), [Value::Text(name)] if quote(name) == date.name));
        }
        Ok(Some(layout))
    }

    /// How a column of the specification is read.
    pub(crate) fn column(&self, name: &str) -> Option<&str> {
        let place = self.spec.columns.iter().position(|column| column.name == name)?;
        self.columns.get(place).map(String::as_str)
    }

    /// How a table with these columns is read.
    fn of(operation: Operation<'_>, spec: &'static TableSpec, table: String, found: &[Column]) -> Result<Self> {
        let mut layout = Self {
            spec,
            table,
            date: None,
            lengths: Vec::new(),
            columns: Vec::new(),
            indexed: false,
            absent: Vec::new(),
            types: BTreeMap::new(),
            extra: Vec::new(),
        };
        let mut missing = Vec::new();
        for spec_column in spec.columns {
            let Some(column) = find(operation, found, spec_column.name)?.filter(|column| !column.is_no_date(spec_column)) else {
                if spec_column.required {
                    missing.push(spec_column.name);
                }
                layout.columns.push(statements::absent(spec_column.name));
                layout.absent.push(spec_column.name);
                continue;
            };
            layout.columns.push(column.read_as(operation, spec_column)?);
            layout.types.insert(spec_column.name, column.shown());
            if spec.date == Some(spec_column.name)
                && let Some(kind) = DateType::of(&column.kind, column.scale)
            {
                layout.date = Some(DateColumn::new(&column.name, kind));
            }
            if spec.lengths.contains(&spec_column.name) {
                layout.lengths.push(quote(&column.name));
            }
        }
        let is_read = |column: &&Column| spec.columns.iter().any(|known| column.name.eq_ignore_ascii_case(known.name));
        layout.extra = found.iter().filter(|column| !is_read(column)).map(|column| column.name.clone()).collect();
        if missing.is_empty() {
            return Ok(layout);
        }
        Err(operation
            .error(ErrorClass::Fatal, format!("it has no column `{}`", missing.join("`, `")))
            .advise("this is not the table as Cisco IM and Presence makes it, or the login may not see all of it"))
    }
}

/// The column of this name, in any case.
fn find<'a>(operation: Operation<'_>, columns: &'a [Column], name: &str) -> Result<Option<&'a Column>> {
    let mut found = columns.iter().filter(|column| column.name.eq_ignore_ascii_case(name));
    match (found.next(), found.next()) {
        (Some(one), Some(other)) => Err(operation
            .error(ErrorClass::Fatal, format!("names of its columns differ in case alone: {} and {}", quote(&one.name), quote(&other.name)))
            .advise("drop the one that IM and Presence does not write: which one that is cannot be told from here")),
        (found, _) => Ok(found),
    }
}

impl Column {
    /// Whether a date may be missing and what stands in its place is a `rowversion`, which is also called `timestamp` and tells in which order rows were written, not when.
    fn is_no_date(&self, spec: &ColumnSpec) -> bool {
        spec.form == Form::Time && !spec.required && matches!(self.kind.as_str(), "timestamp" | "rowversion")
    }

    /// The expression that reads the column.
    fn read_as(&self, operation: Operation<'_>, spec: &ColumnSpec) -> Result<String> {
        let convert = match (spec.form, self.kind.as_str()) {
            (Form::Text, "nvarchar" | "nchar") | (Form::Number, "bigint" | "int" | "smallint" | "tinyint") => false,
            (Form::Text, "varchar" | "char" | "text" | "ntext") => true,
            (Form::Time, kind) if DateType::of(kind, self.scale).is_some() => false,
            _ => return Err(self.not_understood(operation)),
        };
        Ok(statements::column(&self.name, convert))
    }

    fn not_understood(&self, operation: Operation<'_>) -> Error {
        operation
            .error(ErrorClass::Fatal, format!("its column `{}` is of type {}, which is not understood", self.name, self.shown()))
            .advise("please report the type: until it is understood, rows could be read wrongly")
    }

    /// The type as T-SQL writes it.
    fn shown(&self) -> String {
        match (self.kind.as_str(), self.length) {
            ("nvarchar" | "varchar", -1) => format!("{}(max)", self.kind),
            ("nvarchar" | "nchar", bytes) => format!("{}({})", self.kind, bytes / 2),
            ("varchar" | "char", bytes) => format!("{}({bytes})", self.kind),
            ("datetime2" | "datetimeoffset", _) => format!("{}({})", self.kind, self.scale),
            _ => self.kind.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use jabber_archive_core::Secret;

    use super::*;

    static FILES: TableSpec = TableSpec {
        name: "files",
        date: Some("written"),
        lengths: &[],
        columns: &[
            ColumnSpec { name: "written", form: Form::Time, required: false },
            ColumnSpec { name: "name", form: Form::Text, required: true },
        ],
    };

    fn lay_out(columns: &[(&str, &str)]) -> Result<Layout> {
        let config = MssqlConfig::new("host", "database", "user", Secret::new("password"));
        let operation = Operation { config: &config, verb: "look up", table: "files" };
        let columns: Vec<Column> = columns
            .iter()
            .map(|(name, kind)| Column { name: (*name).to_owned(), kind: (*kind).to_owned(), length: 100, scale: 3 })
            .collect();
        Layout::of(operation, &FILES, "[dbo].[files]".to_owned(), &columns)
    }

    #[test]
    fn a_rowversion_is_no_date() {
        for kind in ["timestamp", "rowversion"] {
            let layout = lay_out(&[("written", kind), ("name", "nvarchar")]).unwrap();
            assert_eq!((layout.date, layout.absent), (None, vec!["written"]));
            assert_eq!(layout.columns, ["CAST(NULL AS nvarchar(max)) AS [written]", "[name]"]);
        }
        let layout = lay_out(&[("WRITTEN", "datetime2"), ("name", "ntext"), ("more", "xml")]).unwrap();
        assert_eq!(layout.date, Some(DateColumn::new("WRITTEN", DateType::DateTime2 { scale: 3 })));
        assert_eq!((layout.types["written"].as_str(), layout.types["name"].as_str()), ("datetime2(3)", "ntext"));
        assert_eq!(layout.extra, ["more"]);
    }

    #[test]
    fn columns_that_differ_in_case_alone_are_refused_by_name() {
        let error = lay_out(&[("name", "nvarchar"), ("NAME", "nvarchar")]).unwrap_err();
        assert!(error.to_string().contains("differ in case alone: [name] and [NAME]"), "{error}");
    }
}
