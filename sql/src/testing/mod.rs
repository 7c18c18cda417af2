//! A stand-in for SQL Server, and a company whose chats fill it.

mod archiver_key;
pub mod ddl;
mod office;
mod server;
pub mod tables;

pub use self::{
    archiver_key::ArchiverKey,
    office::{Office, TrueFile, TrueMessage},
    server::{Answered, ColumnType, Database, Ending, Fault, Moment, Phase, Setup, SignIn, SqlBrowser, SqlServer, Table, Tls, Value},
};
