use super::Refusal;

/// What a batch of `SET` statements sets.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Settings {
    /// Whether transactions have snapshot isolation, if it says so.
    pub(in super::super) snapshot: Option<bool>,
}

impl Settings {
    /// Reads a batch; none if it does not begin with `SET`.
    pub(super) fn read(batch: &str) -> Result<Option<Self>, Refusal> {
        if !batch.trim_start().to_uppercase().starts_with("SET ") {
            return Ok(None);
        }
        let mut settings = Self { snapshot: None };
        for statement in batch.split(';').filter(|statement| !statement.trim().is_empty()) {
            let words: Vec<String> = statement.split_whitespace().map(str::to_uppercase).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words[..] {
                ["SET", "NOCOUNT", "ON"] | ["SET", "DEADLOCK_PRIORITY", "LOW"] => {}
                ["SET", "TEXTSIZE" | "LOCK_TIMEOUT", number] if number.parse::<i32>().is_ok() => {}
                ["SET", "TRANSACTION", "ISOLATION", "LEVEL", "SNAPSHOT"] => settings.snapshot = Some(true),
                ["SET", "TRANSACTION", "ISOLATION", "LEVEL", "READ", "COMMITTED"] => settings.snapshot = Some(false),
                _ => return Err(Refusal::syntax(statement.trim())),
            }
        }
        Ok(Some(settings))
    }
}
