//! A stand-in for SQL Server, and a company whose chats fill it.

mod archiver_key;
mod office;
mod server;
pub mod tables;

pub use self::{
    archiver_key::ArchiverKey,
    office::{Office, TrueMessage},
    server::{ColumnType, Database, Ending, Fault, Moment, Phase, SqlServer, Table, Value},
};
