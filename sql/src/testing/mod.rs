//! A stand-in for SQL Server, and a company whose chats fill it.

mod office;
mod server;
pub mod tables;

pub use self::{
    office::{Office, TrueFile, TrueMessage},
    server::{ColumnType, Database, Fault, SqlServer, Table, Value},
};
