//! The tables as Cisco's Database Setup Guide documents them, without rows.

use super::server::{ColumnType, Table};

/// `jm`: every instant message that is logged.
pub fn jm() -> Table {
    Table::new("jm")
        .column("to_jid", ColumnType::NVarChar(3071))
        .column("from_jid", ColumnType::NVarChar(3071))
        .column("sent_date", ColumnType::DateTime)
        .column("subject", ColumnType::NVarChar(128))
        .column("thread_id", ColumnType::NVarChar(128))
        .column("msg_type", ColumnType::NVarChar(1))
        .column("direction", ColumnType::NVarChar(1))
        .column("body_len", ColumnType::Int)
        .column("message_len", ColumnType::Int)
        .column("body_string", ColumnType::NVarChar(4000))
        .column("message_string", ColumnType::NVarChar(4000))
        .column("body_text", ColumnType::NVarCharMax)
        .column("message_text", ColumnType::NVarCharMax)
        .column("history_flag", ColumnType::NVarChar(1))
}

/// `tc_msgarchive`: the messages of rooms.
pub fn tc_msgarchive() -> Table {
    Table::new("tc_msgarchive")
        .column("msg_id", ColumnType::BigInt)
        .column("to_jid", ColumnType::NVarChar(3071))
        .column("from_jid", ColumnType::NVarChar(3071))
        .column("nick_jid", ColumnType::NVarChar(3071))
        .column("sent_date", ColumnType::DateTime)
        .column("msg_type", ColumnType::NVarChar(1))
        .column("body_len", ColumnType::Int)
        .column("message_len", ColumnType::Int)
        .column("body_string", ColumnType::NVarChar(4000))
        .column("message_string", ColumnType::NVarChar(4000))
        .column("body_text", ColumnType::NVarCharMax)
        .column("message_text", ColumnType::NVarCharMax)
        .column("subject", ColumnType::NVarChar(255))
}

/// `tc_rooms`: the rooms.
pub fn tc_rooms() -> Table {
    Table::new("tc_rooms")
        .column("room_jid", ColumnType::NVarChar(3071))
        .column("creator_jid", ColumnType::NVarChar(3071))
        .column("subject", ColumnType::NVarChar(255))
        .column("type", ColumnType::NVarChar(32))
        .column("config", ColumnType::NVarCharMax)
        .column("spacket", ColumnType::NVarCharMax)
        .column("start_msg_id", ColumnType::BigInt)
        .column("next_msg_id", ColumnType::BigInt)
}

/// `tc_users`: who is who in the rooms.
pub fn tc_users() -> Table {
    Table::new("tc_users")
        .column("room_jid", ColumnType::NVarChar(3071))
        .column("real_jid", ColumnType::NVarChar(3071))
        .column("role", ColumnType::NVarChar(32))
        .column("affiliation", ColumnType::NVarChar(32))
        .column("nick_jid", ColumnType::NVarChar(3071))
        .column("reason", ColumnType::NVarChar(255))
        .column("initiator_jid", ColumnType::NVarChar(3071))
}

/// `tc_timelog`: who entered and left rooms.
pub fn tc_timelog() -> Table {
    Table::new("tc_timelog")
        .column("real_jid", ColumnType::NVarChar(3071))
        .column("nick_jid", ColumnType::NVarChar(3071))
        .column("direction", ColumnType::NVarChar(1))
        .column("stamp", ColumnType::DateTime)
}

/// `aft_log`: the transfers of files, dated as Cisco's own queries take them to be.
pub fn aft_log() -> Table {
    Table::new("aft_log")
        .column("aft_index", ColumnType::BigInt)
        .column("jid", ColumnType::NVarChar(3071))
        .column("to_jid", ColumnType::NVarChar(3071))
        .column("method", ColumnType::NVarChar(63))
        .column("filename", ColumnType::NVarChar(511))
        .column("real_filename", ColumnType::NVarChar(511))
        .column("file_type", ColumnType::NVarChar(10))
        .column("chat_type", ColumnType::NVarChar(10))
        .column("file_server", ColumnType::NVarChar(511))
        .column("file_path", ColumnType::NVarChar(511))
        .column("filesize", ColumnType::BigInt)
        .column("bytes_transferred", ColumnType::BigInt)
        .column("timestampvalue", ColumnType::DateTime)
}
