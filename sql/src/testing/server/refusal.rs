use std::fmt::Display;

/// An error of the server, as an ERROR token carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) number: u32,
    pub(super) class: u8,
    pub(super) state: u8,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(number: u32, class: u8, state: u8, message: impl Into<String>) -> Self {
        Self { number, class, state, message: message.into() }
    }

    /// What the stand-in does not know is an error of syntax.
    pub(super) fn syntax(near: impl Display) -> Self {
        Self::new(102, 15, 1, format!("Incorrect syntax near '{near}'."))
    }

    /// A mistake in the making of the stand-in's rows.
    pub(super) fn misuse(message: impl Into<String>) -> Self {
        Self::new(50_000, 16, 1, message)
    }

    /// The error that a fault asks for.
    pub(super) fn numbered(number: u32, database: &str) -> Self {
        let (class, state, message) = match number {
            245 => (16, 1, "Conversion failed when converting the nvarchar value 'see you at noon' to data type int.".to_owned()),
            596 => (21, 1, "Cannot continue the execution because the session is in the kill state.".to_owned()),
            601 => (12, 3, "Could not continue scan with NOLOCK due to data movement.".to_owned()),
            701 => (17, 123, "There is insufficient system memory in resource pool 'default' to run this query.".to_owned()),
            976 => (
                14,
                1,
                format!("The target database, '{database}', is participating in an availability group and is currently not accessible for queries."),
            ),
            983 => (
                14,
                1,
                format!("Unable to access availability database '{database}' because the database replica is not in the PRIMARY or SECONDARY role."),
            ),
            1204 => (19, 4, "The instance of the SQL Server Database Engine cannot obtain a LOCK resource at this time.".to_owned()),
            1205 => (
                13,
                51,
                "Transaction (Process ID 51) was deadlocked on lock resources with another process and has been chosen as the deadlock victim. \
                 Rerun the transaction."
                    .to_owned(),
            ),
            1222 => (16, 51, "Lock request time out period exceeded.".to_owned()),
            3960 => (16, 2, "Snapshot isolation transaction aborted due to update conflict.".to_owned()),
            6005 => (14, 2, "SHUTDOWN is in progress.".to_owned()),
            40_197 => (16, 1, "The service has encountered an error processing your request. Please try again.".to_owned()),
            40_501 => (20, 1, "The service is currently busy. Retry the request after 10 seconds.".to_owned()),
            40_613 => (14, 1, format!("Database '{database}' on server 'stand-in' is not currently available. Please retry the connection later.")),
            _ => (16, 1, format!("Error {number}.")),
        };
        Self { number, class, state, message }
    }

    /// Whether the connection is closed after it.
    pub(super) fn is_fatal(&self) -> bool {
        self.class >= 20
    }
}
