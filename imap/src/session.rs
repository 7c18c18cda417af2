//! A signed-in connection to one mailbox.

use std::{sync::Arc, time::Instant};

use chrono::{DateTime, Utc};
use imap_next::imap_types::{
    IntoStatic,
    auth::AuthMechanism,
    command::CommandBody,
    core::{AString, Literal, QuotedChar, Vec1},
    datetime::DateTime as InternalDate,
    extensions::binary::LiteralOrLiteral8,
    flag::{Flag, FlagNameAttribute},
    mailbox::Mailbox,
    response::{Capability, Code, Data},
    search::SearchKey,
    secret::Secret as ImapSecret,
};
use jabber_archive_core::{Delivery, Error, ErrorClass, ErrorKind, Letter, Place, Refusal, RefusalReason, Result, Secret, Timestamp};
use tokio_rustls::rustls::ClientConfig;

use crate::{Mechanism, answer::Answer, config::ImapConfig, connection::Connection, folder::Folder, sign_in::Presented};

/// Up to here a literal may go without being asked for, where a server has LITERAL- alone (RFC 7888).
const SHORT_LITERAL: usize = 4096;

#[derive(Debug)]
pub(crate) struct Session {
    connection: Connection,
    folder: Mailbox<'static>,
    pub(crate) mailbox: String,
    pub(crate) used: Instant,
}

impl Session {
    /// Connects, signs in, and sees that the folder is there; why the mailbox is not opened to us, if it is not.
    pub(crate) async fn open(config: &ImapConfig, tls: &Arc<ClientConfig>, mailbox: &str) -> Result<Result<Self, Refusal>> {
        // A token that was refused may have been withdrawn before its time: a new one is asked for once.
        loop {
            let mut connection = Connection::open(config, tls).await?;
            let presented = config.sign_in.presented(config, mailbox).await?;
            let may_be_old = matches!(presented, Presented::Token { new: false, .. });
            let answer = sign_in(&mut connection, presented).await?;
            if answer.is_ok() {
                return Self::inside(config, connection, mailbox).await;
            }
            let refusal = answer.refusal(RefusalReason::SignIn);
            connection.leave().await;
            if !may_be_old || refusal.reason != RefusalReason::SignIn {
                return Ok(Err(refusal));
            }
            config.sign_in.renew().await;
        }
    }

    async fn inside(config: &ImapConfig, mut connection: Connection, mailbox: &str) -> Result<Result<Self, Refusal>> {
        let asked = connection.execute(list("", "")?).await?;
        // Exchange Online lets an application in, and tells only now that it has no such mailbox or may not open it.
        if !asked.is_ok() {
            return Ok(Err(asked.refusal(RefusalReason::SignIn)));
        }
        let delimiter = asked.data.iter().find_map(|data| match data {
            Data::List { delimiter, .. } => Some(delimiter.as_ref().map(QuotedChar::inner)),
            _ => None,
        });
        let refuse = |what: String| {
            Error::new(ErrorKind::Config, ErrorClass::Fatal, "set up mailboxes", what).about("folder").advise("choose another name")
        };
        let name = Folder::new(&config.folder).and_then(|folder| folder.on_server(delimiter.flatten())).map_err(refuse)?;
        let folder = Mailbox::try_from(name.clone()).map_err(|error| refuse("it is no name of a folder".to_owned()).because(error))?;
        let mut session = Self { connection, folder: folder.into_static(), mailbox: mailbox.to_owned(), used: Instant::now() };
        let listed = session.connection.execute(list("", &name)?).await?;
        let is_folder = |data: &Data<'_>| matches!(data, Data::List { items, .. } if !items.iter().any(is_placeholder));
        if listed.is_ok() && listed.data.iter().any(is_folder) {
            return Ok(Ok(session));
        }
        Ok(match session.create().await? {
            None => Ok(session),
            Some(refusal) => Err(refusal),
        })
    }

    /// Makes the folder, and shows it to clients that show only what is subscribed to.
    async fn create(&mut self) -> Result<Option<Refusal>> {
        let answer = self.connection.execute(CommandBody::Create { mailbox: self.folder.clone() }).await?;
        if !answer.is_ok() && !answer.is_there_already() {
            return Ok(Some(answer.refusal(RefusalReason::Rejected)));
        }
        // A mail is delivered all the same where that is refused.
        self.connection.execute(CommandBody::Subscribe { mailbox: self.folder.clone() }).await?;
        Ok(None)
    }

    /// Puts a mail into the folder.
    pub(crate) async fn deliver(&mut self, letter: &Letter, search: bool) -> Result<Delivery> {
        self.used = Instant::now();
        if search && let Some(place) = self.find(&letter.message_id).await? {
            return Ok(Delivery::Found(place));
        }
        let bytes = letter.content.len() as u64;
        if let Some(limit) = self.connection.append_limit().filter(|limit| bytes > *limit) {
            let words = format!("the server takes no mails of more than {limit} bytes");
            return Ok(Delivery::Refused(Refusal::new(RefusalReason::TooLarge, words)));
        }
        let mut answer = self.append(letter).await?;
        if !answer.is_ok() && answer.lacks_folder() {
            // Somebody has removed it since.
            if let Some(refusal) = self.create().await? {
                return Ok(Delivery::Refused(refusal));
            }
            answer = self.append(letter).await?;
        }
        if !answer.is_ok() {
            if answer.asked_wait().is_some() {
                return Err(answer.error("deliver", self.connection.to()));
            }
            return Ok(Delivery::Refused(answer.refusal(RefusalReason::Rejected)));
        }
        Ok(Delivery::Delivered(match answer.code {
            Some(Code::AppendUid { uid_validity, uid }) => Place::new(uid_validity.get(), uid.get()),
            _ => Place::default(),
        }))
    }

    async fn append(&mut self, letter: &Letter) -> Result<Answer> {
        let content = Literal::try_from(letter.content.to_vec()).map_err(|error| {
            Error::new(ErrorKind::Mailbox, ErrorClass::Item, "deliver", "IMAP carries no mail with NUL in it")
                .about(&letter.id)
                .because(error)
        })?;
        let at_once = self.connection.can(&Capability::LiteralPlus)
            || self.connection.can(&Capability::LiteralMinus) && letter.content.len() <= SHORT_LITERAL;
        let content = if at_once { content.into_non_sync() } else { content };
        let body = CommandBody::Append {
            mailbox: self.folder.clone(),
            flags: vec![Flag::Seen],
            date: letter.received.and_then(internal_date),
            message: LiteralOrLiteral8::Literal(content),
        };
        self.connection.execute(body).await
    }

    /// Where the folder has a mail of this Message-ID.
    async fn find(&mut self, message_id: &str) -> Result<Option<Place>> {
        // Anew each time: what came since is not in the view of a folder that was looked at before.
        let examined = self.connection.execute(CommandBody::Examine { mailbox: self.folder.clone() }).await?;
        if !examined.is_ok() {
            // Without a folder there is nothing in it. If it cannot be looked at for another reason, a second copy must not be made.
            return if examined.lacks_folder() { Ok(None) } else { Err(examined.error("search mailbox", self.connection.to())) };
        }
        let validity = examined.codes.iter().find_map(|code| if let Code::UidValidity(number) = code { Some(number.get()) } else { None });
        let text = |text: String| {
            AString::try_from(text)
                .map_err(|error| self.connection.error(ErrorClass::Item, "its Message-ID cannot be searched for").because(error))
        };
        let key = SearchKey::Header(text("Message-ID".to_owned())?, text(format!("<{message_id}>"))?);
        let body = CommandBody::Search { charset: None, criteria: Vec1::from(key), uid: true };
        let found = self.connection.execute(body).await?;
        if !found.is_ok() {
            return Err(found.error("search mailbox", self.connection.to()));
        }
        let uids = found.data.iter().filter_map(|data| if let Data::Search(uids) = data { uids.first() } else { None });
        Ok(uids.min().map(|uid| match validity {
            Some(validity) => Place::new(validity, uid.get()),
            None => Place::default(),
        }))
    }

    pub(crate) async fn leave(self) {
        self.connection.leave().await;
    }
}

fn is_placeholder(attribute: &FlagNameAttribute<'_>) -> bool {
    *attribute == FlagNameAttribute::Noselect || attribute.to_string().eq_ignore_ascii_case("\\NonExistent")
}

fn list(reference: &str, pattern: &str) -> Result<CommandBody<'static>> {
    let body = CommandBody::list(reference.to_owned(), pattern.to_owned());
    body.map_err(|error| {
        Error::new(ErrorKind::Config, ErrorClass::Fatal, "set up mailboxes", format!("it is no name of a folder: {error}")).about("folder")
    })
}

/// To the second: IMAP has no parts of one.
fn internal_date(time: Timestamp) -> Option<InternalDate> {
    let time: DateTime<Utc> = DateTime::from_timestamp(time.millis().div_euclid(1_000), 0)?;
    InternalDate::try_from(time.fixed_offset()).ok()
}

/// Presents who we are, in the way that the server has.
async fn sign_in(connection: &mut Connection, presented: Presented) -> Result<Answer> {
    let (mechanism, message, then) = match presented {
        Presented::Password { acts_for, user, password } => {
            let plain = connection.can(&Capability::Auth(AuthMechanism::Plain));
            if !plain && acts_for.is_none() && !connection.can(&Capability::LoginDisabled) {
                let body = CommandBody::login(user, password.reveal().to_owned());
                let body =
                    body.map_err(|_| connection.error(ErrorClass::Fatal, "the user or the password cannot be sent to an IMAP server"))?;
                return connection.authenticate(body, Vec::new()).await;
            }
            let message = format!("{}\0{user}\0{}", acts_for.unwrap_or_default(), password.reveal());
            (AuthMechanism::Plain, Secret::new(message), None)
        }
        // What a server says first to a token that it refuses has to be answered before it refuses it.
        Presented::Token { mechanism: Mechanism::XOAuth2, message, .. } => (AuthMechanism::XOAuth2, message, Some("")),
        Presented::Token { mechanism: Mechanism::OAuthBearer, message, .. } => (AuthMechanism::OAuthBearer, message, Some("\x01")),
    };
    if !connection.can(&Capability::Auth(mechanism.clone())) {
        let what = format!("the server has no AUTH={mechanism}");
        return Err(connection.error(ErrorClass::Fatal, what).advise("choose another way to sign in, or encrypt the connection"));
    }
    let then = then.map(Secret::new);
    if connection.can(&Capability::SaslIr) {
        let first = ImapSecret::new(message.reveal().as_bytes().to_vec().into());
        let body = CommandBody::Authenticate { mechanism, initial_response: Some(first) };
        return connection.authenticate(body, then.into_iter().collect()).await;
    }
    let body = CommandBody::Authenticate { mechanism, initial_response: None };
    connection.authenticate(body, [Some(message), then].into_iter().flatten().collect()).await
}
