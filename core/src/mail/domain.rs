use crate::{ArchiveFacts, Error, ErrorClass, ErrorKind, Result, people::is_addr_spec};

/// Refuses an archive whose domain cannot stand in a Message-ID.
pub(crate) fn check_domain(facts: &ArchiveFacts, operation: &'static str) -> Result<()> {
    // 26 characters of the item id and an `@` stand before it.
    if is_addr_spec(&format!("id@{}", facts.message_id_domain)) && facts.message_id_domain.len() <= 220 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, operation, "not a domain that a Message-ID can have")
        .about("message_id_domain")
        .advise("use at most 220 letters, digits, hyphens and dots, such as archive.example.com"))
}
