use super::Refusal;

/// How a session is set.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Session {
    /// Whether transactions have snapshot isolation.
    pub(in super::super) snapshot: bool,
    /// How many bytes of a long text are sent (`TEXTSIZE`).
    pub(in super::super) text_size: usize,
}

impl Session {
    /// As a login begins; `long_texts` is what ODBC, and who says of himself to be as it, is given.
    pub(in super::super) fn new(long_texts: bool) -> Self {
        Self { snapshot: false, text_size: if long_texts { i32::MAX as usize } else { 4096 } }
    }

    /// The session after a batch of `SET` statements; none if it does not begin with `SET`.
    pub(super) fn after(mut self, batch: &str) -> Result<Option<Self>, Refusal> {
        if !batch.trim_start().to_uppercase().starts_with("SET ") {
            return Ok(None);
        }
        for statement in batch.split(';').filter(|statement| !statement.trim().is_empty()) {
            let words: Vec<String> = statement.split_whitespace().map(str::to_uppercase).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words[..] {
                ["SET", "NOCOUNT", "ON"] | ["SET", "DEADLOCK_PRIORITY", "LOW"] => {}
                ["SET", "LOCK_TIMEOUT", number] if number.parse::<i32>().is_ok() => {}
                ["SET", "TEXTSIZE", number] => match number.parse::<i32>() {
                    // 0 is the default again.
                    Ok(0) => self.text_size = 4096,
                    Ok(-1) => self.text_size = i32::MAX as usize,
                    Ok(size @ 1..) => self.text_size = size as usize,
                    _ => return Err(Refusal::syntax(statement.trim())),
                },
                ["SET", "TRANSACTION", "ISOLATION", "LEVEL", "SNAPSHOT"] => self.snapshot = true,
                ["SET", "TRANSACTION", "ISOLATION", "LEVEL", "READ", "COMMITTED"] => self.snapshot = false,
                _ => return Err(Refusal::syntax(statement.trim())),
            }
        }
        Ok(Some(self))
    }
}
