use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Conversation, Digest, Issue, MailItem, Result};

/// Makes mails of a conversation.
///
/// # Contract
///
/// - Pure: the same conversation, issue and recipe give the same bytes, on every machine and in every year.
/// - Every message is listed in exactly one of the mails; each mail fits the limit that the converter was given.
/// - An error of class [`Item`](crate::ErrorClass::Item) concerns this conversation alone, which then becomes a dead letter.
/// - `emit` is called in the order of the parts; its error ends the conversion and is returned.
pub trait Converter: fmt::Debug + Send + Sync {
    /// Which way of converting this is.
    fn recipe(&self) -> Recipe;

    /// Converts one conversation and hands each mail to `emit`.
    fn convert(&self, conversation: &Conversation, issue: Issue, emit: &mut dyn FnMut(MailItem) -> Result<()>) -> Result<()>;
}

const _: Option<&dyn Converter> = None;

/// A way of converting: what must be equal for equal rows to give equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recipe {
    /// The converter's name; part of every item id.
    pub name: String,
    /// Raised whenever the bytes change.
    pub version: u32,
    /// Digest of the settings that change bytes.
    pub settings: Digest,
}

impl Recipe {
    /// A recipe of this name, version and settings.
    pub fn new(name: impl Into<String>, version: u32, settings: Digest) -> Self {
        Self { name: name.into(), version, settings }
    }
}

/// Conveniences for every [`Converter`].
pub trait ConverterExt: Converter {
    /// All mails of a conversation at once.
    fn mails(&self, conversation: &Conversation, issue: Issue) -> Result<Vec<MailItem>> {
        let mut mails = Vec::new();
        self.convert(conversation, issue, &mut |mail| {
            mails.push(mail);
            Ok(())
        })?;
        Ok(mails)
    }
}

impl<C: Converter + ?Sized> ConverterExt for C {}
