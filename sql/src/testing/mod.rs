//! A stand-in for SQL Server, and a company whose chats fill it.

pub mod ddl;
mod office;
mod server;
pub mod tables;

pub use self::{
    office::{Office, TrueMessage},
    server::{Answered, ColumnType, Database, Fault, Setup, SignIn, SqlBrowser, SqlServer, Table, Tls, Value},
};
