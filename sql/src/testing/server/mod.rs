//! A stand-in for SQL Server: speaks TDS 7.4 on a loopback port.

mod database;

pub use self::database::{ColumnType, Database, Table, Value};
