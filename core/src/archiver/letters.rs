//! Keeps what could not be archived as a mail.

use super::{Archiver, retry::Stop};
use crate::{DeadLetter, Digest, KeptKind, Result};

impl Archiver {
    /// Keeps a dead letter, encrypted where somebody is to read it who is named. Encrypted again it is another object: one that an interrupted attempt has kept
    /// stays behind, and nothing refers to it.
    pub(super) async fn keep_letter(&self, letter: DeadLetter, stop: &Stop<'_>) -> Result<Digest> {
        let letter = match &self.encryptor {
            Some(encryptor) => letter.encrypted(&**encryptor)?,
            None => letter,
        };
        self.keep(KeptKind::DeadLetter, letter.to_bytes(), stop).await
    }
}
