//! Asks what a configuration needs, tries each answer at once, and writes it.

mod answers;
mod terminal;
mod trial;

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use jabber_archive_core::{Error, ErrorClass, ErrorKind, Result};
use jabber_archive_sql::reader_script;

#[cfg(feature = "imap")]
use self::answers::{MailSignIn, Mailboxes};
use self::{
    answers::{Answers, Directory, Ldap, SecretPlace, SignIn, Store},
    terminal::Terminal,
    trial::Trial,
};

/// Asks, tries, and writes a configuration to this new file.
pub(crate) async fn init(file: &Path) -> Result<()> {
    if file.exists() {
        return Err(refuse(file, "it is there already").advise("name another file with --config, or change that one by hand"));
    }
    let terminal = Terminal::new()?;
    let mut trial = Trial::new(file);
    let mut answers = Answers::default();
    terminal.say("A few questions; each answer is tried at once, by reading alone. An empty line takes what stands in brackets.\n")?;
    name(&terminal, &mut answers)?;
    database(&terminal, &mut trial, &mut answers).await?;
    directory(&terminal, &mut trial, &mut answers).await?;
    store(&terminal, &mut trial, &mut answers).await?;
    #[cfg(feature = "imap")]
    mailboxes(&terminal, &mut trial, &mut answers).await?;
    write(file, &answers.text())?;
    let config = file.display();
    terminal.say(format_args!(
        "\n{config} is written. No secret is in it. Next:\n  jabber-archive check --config {config}            what a run would find\n  \
         jabber-archive run --dry-run --config {config}    what it would store, and for whom\n  jabber-archive run --config {config}              \
         archives\n  jabber-archive watch --config {config}            archives every day"
    ))?;
    Ok(())
}

/// What becomes of an answer that was tried and failed.
enum Then {
    Again,
    Keep,
}

/// Says what went wrong, and asks what to do about it.
fn failed(terminal: &Terminal, error: &Error) -> Result<Then> {
    crate::console::Console::complain(error);
    match terminal.choose("What now?", &["answer again", "keep the answers, and mend it later", "stop, and write nothing"])? {
        0 => Ok(Then::Again),
        1 => Ok(Then::Keep),
        _ => Err(Error::new(ErrorKind::Cancelled, ErrorClass::Fatal, "ask", "stopped as asked; nothing was written")),
    }
}

fn name(terminal: &Terminal, answers: &mut Answers) -> Result<()> {
    loop {
        let name = terminal.ask("Name of the archive, for ever: 1 to 63 of a-z, 0-9 and -", &answers.name)?;
        match jabber_archive_core::ArchiveFacts::new(name.as_str()) {
            Ok(_) => {
                answers.name = name;
                return Ok(());
            }
            Err(error) => crate::console::Console::complain(&error),
        }
    }
}

async fn database(terminal: &Terminal, trial: &mut Trial, answers: &mut Answers) -> Result<()> {
    terminal.say("\nThe database of the IM and Presence Service")?;
    loop {
        let database = &mut answers.database;
        database.host = terminal.ask("SQL Server: host", &database.host)?;
        database.port = terminal.ask("Port, or name of an instance", &database.port)?;
        database.name = terminal.ask("Database", &database.name)?;
        database.schema = terminal.ask("Schema of the tables", &database.schema)?;
        database.user = terminal.ask("Login that may read the tables", &database.user)?;
        if !terminal.confirm("Is this login there?", true)? {
            terminal.say(format_args!("\n{}", reader_script(&database.name, &database.schema, &database.user)))?;
            terminal.ask("Press Enter when an administrator has run this", "done")?;
        }
        let encryption = ["on", "strict", "login", "off"];
        let shown =
            ["on: TLS from before the login", "strict: TLS from the first byte (TDS 8.0)", "login: around the login alone", "off: none"];
        database.encrypt = encryption[terminal.choose("Encryption", &shown)?];
        if database.encrypt != "off" {
            database.ca_file =
                terminal.ask_optional("File of the authority (PEM) that signed the server's certificate; empty for the system's")?;
        }
        let place = secret(terminal, trial, "the login's password", &answers.database.password)?;
        answers.database.password = place;
        let error = match trial.database(answers).await {
            Ok((told, true)) => {
                terminal.say(told)?;
                return Ok(());
            }
            Ok((told, false)) => {
                terminal.say(told)?;
                let database = &answers.database;
                terminal.say(format_args!("\n{}", reader_script(&database.name, &database.schema, &database.user)))?;
                Error::new(ErrorKind::Source, ErrorClass::Fatal, "try database", "the login cannot read what has to be archived")
                    .advise("let an administrator run the lines above that are missing")
            }
            Err(error) => error,
        };
        if let Then::Keep = failed(terminal, &error)? {
            return Ok(());
        }
    }
}

async fn directory(terminal: &Terminal, trial: &mut Trial, answers: &mut Answers) -> Result<()> {
    terminal.say("\nWho has which address")?;
    loop {
        let domains = terminal.ask_optional("Our own XMPP domains, with commas between; empty for all")?.unwrap_or_default();
        answers.internal_domains = domains.split([',', ' ']).filter(|domain| !domain.is_empty()).map(str::to_owned).collect();
        let kinds = ["a CSV file", "Active Directory or another LDAP server", "JIDs are addresses", "nobody has one, for now"];
        answers.directory = match terminal.choose("Who says which address a JID has?", &kinds)? {
            0 => Directory::Csv(terminal.ask("File: jid,email,name", "users.csv")?),
            1 => Directory::Ldap(ldap(terminal, trial, answers.internal_domains.first().map_or("im.example.com", String::as_str))?),
            2 => Directory::JidIsEmail,
            _ => Directory::Nobody,
        };
        match trial.directory(answers).await {
            Ok(Some(0)) if matches!(answers.directory, Directory::Nobody) => return Ok(()),
            Ok(None) => return Ok(()),
            Ok(Some(jids)) if jids > 0 => {
                terminal.say(format_args!("{jids} JIDs have an address"))?;
                return Ok(());
            }
            tried => {
                let empty = || {
                    Error::new(ErrorKind::Directory, ErrorClass::Fatal, "try directory", "it gives nobody an address")
                        .advise("look whether it is the right one")
                };
                if let Then::Keep = failed(terminal, &tried.err().unwrap_or_else(empty))? {
                    return Ok(());
                }
            }
        }
    }
}

fn ldap(terminal: &Terminal, trial: &mut Trial, domain: &str) -> Result<Ldap> {
    Ok(Ldap {
        host: terminal.ask("LDAP server, by the name in its certificate", "dc01.example.com")?,
        base: terminal.ask("Where the people are", "OU=Staff,DC=example,DC=com")?,
        bind_dn: terminal.ask("Who signs in", "CN=archive,OU=Services,DC=example,DC=com")?,
        password: secret(terminal, trial, "the password for that", &SecretPlace::new("env", "JABBER_LDAP_PASSWORD"))?,
        user_id: terminal.ask("Attribute with the user id, the part of a JID before the @", "sAMAccountName")?,
        jid_domain: terminal.ask("Domain of the JIDs, the part behind it", domain)?,
    })
}

async fn store(terminal: &Terminal, trial: &mut Trial, answers: &mut Answers) -> Result<()> {
    terminal.say("\nWhere the archive is to be")?;
    loop {
        answers.store = match terminal.choose("Where?", &["in a local folder", "in Azure Blob Storage"])? {
            0 => Store::Folder(terminal.ask("Folder; a new one is made by the first run", "archive")?),
            _ => Store::Azure {
                account: terminal.ask("Storage account", "examplechats")?,
                container: terminal.ask("Container", "jabber")?,
                sign_in: match terminal
                    .choose("Sign in as", &["the machine's managed identity", "a workload identity", "an application with a secret"])?
                {
                    0 => SignIn::ManagedIdentity,
                    1 => SignIn::WorkloadIdentity,
                    _ => SignIn::ClientSecret {
                        tenant_id: terminal.ask("Tenant id", "00000000-0000-0000-0000-000000000000")?,
                        client_id: terminal.ask("Client id", "00000000-0000-0000-0000-000000000000")?,
                        secret: secret(terminal, trial, "its secret", &SecretPlace::new("env", "JABBER_CLIENT_SECRET"))?,
                    },
                },
            },
        };
        match trial.store(answers).await {
            Ok((place, exists)) => {
                let found = if exists { "there is an archive of this name, which is continued" } else { "the first run makes the archive" };
                terminal.say(format_args!("{place}: {found}"))?;
                return Ok(());
            }
            Err(error) => {
                if let Then::Keep = failed(terminal, &error)? {
                    return Ok(());
                }
            }
        }
    }
}

#[cfg(feature = "imap")]
async fn mailboxes(terminal: &Terminal, trial: &mut Trial, answers: &mut Answers) -> Result<()> {
    terminal.say("\nMailboxes")?;
    if !terminal.confirm("Are copies to be put into mailboxes, over IMAP?", false)? {
        return Ok(());
    }
    loop {
        let host = terminal.ask("IMAP server, by the name in its certificate", "outlook.office365.com")?;
        let encrypt =
            ["tls", "start-tls"][terminal.choose("Encryption", &["tls: from the first byte", "start-tls: before anything else"])?];
        let port = terminal.ask_port(if encrypt == "tls" { 993 } else { 143 })?;
        let ca_file = terminal.ask_optional("File of the authority (PEM) that signed its certificate; empty for the system's")?;
        let sign_in = match terminal
            .choose("Sign in as", &["an application of Entra ID with a secret", "an account that may act for all mailboxes"])?
        {
            0 => MailSignIn::ClientSecret {
                tenant_id: terminal.ask("Tenant id", "00000000-0000-0000-0000-000000000000")?,
                client_id: terminal.ask("Client id", "00000000-0000-0000-0000-000000000000")?,
                secret: secret(terminal, trial, "its secret", &SecretPlace::new("env", "JABBER_MAIL_SECRET"))?,
            },
            _ => MailSignIn::Password {
                user: terminal.ask("Account; {mailbox} stands for the address of each", "archiver")?,
                password: secret(terminal, trial, "its password", &SecretPlace::new("env", "JABBER_MAIL_PASSWORD"))?,
            },
        };
        let to = terminal.ask_optional("One mailbox that gets everything; empty for everybody who took part")?;
        answers.mailboxes = Some(Mailboxes { host, port, encrypt, ca_file, sign_in, to: to.clone() });
        let tried = match to {
            Some(mailbox) => Some(mailbox),
            None => terminal.ask_optional("A mailbox to try with; empty to try none")?,
        };
        let Some(mailbox) = tried else { return Ok(()) };
        match trial.mailbox(answers, &mailbox).await {
            Ok(()) => return terminal.say(format_args!("{mailbox} can be opened, and the folder is in it")),
            Err(error) => {
                if let Then::Keep = failed(terminal, &error)? {
                    return Ok(());
                }
            }
        }
    }
}

/// Where a secret is. One that is not there yet may be typed, for the trial alone.
fn secret(terminal: &Terminal, trial: &mut Trial, what: &str, known: &SecretPlace) -> Result<SecretPlace> {
    let places = ["a variable of the environment", "a file that its owner alone can read", "a credential of systemd"];
    let kind = ["env", "file", "credential"][terminal.choose(&format!("Where is {what}, when the archiver runs?"), &places)?];
    let default = match kind {
        "env" if known.kind == "env" => known.name.clone(),
        "env" => "JABBER_SECRET".to_owned(),
        "file" => "password".to_owned(),
        _ => "db-password".to_owned(),
    };
    let place = SecretPlace::new(kind, terminal.ask("Its name", &default)?);
    if !trial.has(&place)
        && let Some(typed) =
            terminal.ask_secret(&format!("It is not there now. Type {what} to try with, it is written nowhere; or nothing"))?
    {
        trial.give(&place, typed);
    }
    Ok(place)
}

fn write(file: &Path, text: &str) -> Result<()> {
    let written = File::create_new(file).and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error: io::Error| {
        refuse(file, "the configuration cannot be written")
            .advise("name a file in a folder that is there and may be written to, with --config")
            .because(error)
    })
}

fn refuse(file: &Path, what: &str) -> Error {
    Error::new(ErrorKind::Config, ErrorClass::Fatal, "write configuration", what).about(file.display())
}
