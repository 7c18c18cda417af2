use std::{
    fmt::Display,
    io::{IsTerminal, stderr, stdin},
};

use dialoguer::{Confirm, Input, Password, Select, console::Term, theme::SimpleTheme};
use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};

/// Asks a person.
#[derive(Debug)]
pub(super) struct Terminal(Term);

impl Terminal {
    /// Where somebody sits.
    pub(super) fn new() -> Result<Self> {
        if stdin().is_terminal() && stderr().is_terminal() {
            return Ok(Self(Term::stderr()));
        }
        Err(Error::new(ErrorKind::Config, ErrorClass::Fatal, "ask", "there is no terminal")
            .advise("start `init` in one, or write the configuration by hand: docs/administration.md has all settings"))
    }

    /// Says something between two questions.
    pub(super) fn say(&self, text: impl Display) -> Result<()> {
        self.0.write_line(&text.to_string()).map_err(|error| ended(error.into()))
    }

    /// A line; one that is empty is the default.
    pub(super) fn ask(&self, question: &str, default: &str) -> Result<String> {
        Input::with_theme(&SimpleTheme)
            .with_prompt(question)
            .default(default.to_owned())
            .interact_text_on(&self.0)
            .map(|text| text.trim().to_owned())
            .map_err(ended)
    }

    /// The number of a port.
    #[cfg(feature = "imap")]
    pub(super) fn ask_port(&self, default: u16) -> Result<u16> {
        Input::with_theme(&SimpleTheme).with_prompt("Port").default(default).interact_text_on(&self.0).map_err(ended)
    }

    /// A line that may be empty.
    pub(super) fn ask_optional(&self, question: &str) -> Result<Option<String>> {
        let answer: String =
            Input::with_theme(&SimpleTheme).with_prompt(question).allow_empty(true).interact_text_on(&self.0).map_err(ended)?;
        Ok(Some(answer.trim().to_owned()).filter(|answer| !answer.is_empty()))
    }

    /// What is not shown while it is typed; none if that is nothing.
    pub(super) fn ask_secret(&self, question: &str) -> Result<Option<String>> {
        let secret =
            Password::with_theme(&SimpleTheme).with_prompt(question).allow_empty_password(true).interact_on(&self.0).map_err(ended)?;
        Ok(Some(secret).filter(|secret| !secret.is_empty()))
    }

    /// Yes or no.
    pub(super) fn confirm(&self, question: &str, default: bool) -> Result<bool> {
        Confirm::with_theme(&SimpleTheme).with_prompt(question).default(default).interact_on(&self.0).map_err(ended)
    }

    /// One of several, by its number.
    pub(super) fn choose(&self, question: &str, of: &[&str]) -> Result<usize> {
        Select::with_theme(&SimpleTheme).with_prompt(question).items(of).default(0).interact_on(&self.0).map_err(ended)
    }
}

fn ended(error: dialoguer::Error) -> Error {
    Error::new(ErrorKind::Cancelled, ErrorClass::Fatal, "ask", "the questions ended early; nothing was written").because(error)
}
