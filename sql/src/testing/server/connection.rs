//! One client, from PRELOGIN to the end of its connection.

use std::{io, sync::Arc, time::Instant};

use bytes::BytesMut;
use tds_protocol::PacketType;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf, split},
    net::TcpStream,
    sync::mpsc,
};

use super::{
    answer::{Answer, Piece},
    database::{Answered, Database, SignIn},
    fault::{Ending, Phase, Refused},
    login::{self, Asked, Encryption, Login},
    query::Session,
    refusal::Refusal,
    request::Request,
    response::{self, Change, Outcome},
    setup::{Front, Tls},
    tls,
    wire::{Message, PacketReader, PacketWriter, invalid},
};

/// How many pieces of an answer wait for the client.
const WAITING: usize = 4;

pub(super) async fn serve(mut stream: TcpStream, database: Database, front: Arc<Front>) -> io::Result<()> {
    let _open = database.connected();
    stream.set_nodelay(true)?;
    if let Some((Tls::Strict, acceptor)) = &front.tls {
        let mut stream = tls::accept_strict(stream, acceptor).await?;
        return match prelogin(&mut stream, &front, &database).await? {
            Some(_) => Client::new(stream, database).run(None).await,
            None => Ok(()),
        };
    }
    let Some(encryption) = prelogin(&mut stream, &front, &database).await? else { return Ok(()) };
    match (encryption, &front.tls) {
        (Encryption::Required, Some((_, acceptor))) => Client::new(tls::accept(stream, acceptor).await?, database).run(None).await,
        (Encryption::Login, Some((_, acceptor))) => {
            let mut encrypted = tls::accept(stream, acceptor).await?;
            let login = PacketReader::new(&mut encrypted).message().await?;
            Client::new(encrypted.into_inner().0, database).run(login).await
        }
        _ => Client::new(stream, database).run(None).await,
    }
}

/// Ends a connection before its login: closes it, or waits until the client does.
async fn end<R: AsyncRead + Unpin>(reader: &mut PacketReader<R>, ending: Ending) -> io::Result<Next> {
    if ending == Ending::Stall {
        while reader.message().await?.is_some() {}
    }
    Ok(Next::Close)
}

/// Answers PRELOGIN, and says what is encrypted from then on; nothing if the connection has ended.
async fn prelogin<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, front: &Front, database: &Database) -> io::Result<Option<Encryption>> {
    let (reader, writer) = split(stream);
    let mut reader = PacketReader::new(reader);
    if let Some(ending) = database.ending_of(Phase::Connected) {
        end(&mut reader, ending).await?;
        return Ok(None);
    }
    let asked = match reader.message().await? {
        Some(Message { kind: PacketType::PreLogin, body }) => Asked::read(&body)?,
        Some(_) => return Err(invalid("the first message is not PRELOGIN")),
        None => return Err(io::ErrorKind::UnexpectedEof.into()),
    };
    let encryption = match (&front.tls, asked.encryption) {
        (None, _) => Encryption::NotSupported,
        (Some((Tls::Login, _)), encryption) if encryption == Encryption::NotSupported as u8 => Encryption::NotSupported,
        (Some((Tls::Login, _)), encryption) if encryption == Encryption::Login as u8 => Encryption::Login,
        (Some(_), _) => Encryption::Required,
    };
    let of_instance = asked.instance.is_empty() || asked.instance.eq_ignore_ascii_case(&front.instance);
    let mut writer = PacketWriter::new(writer);
    let answer = login::prelogin(encryption, of_instance, &asked);
    if let Some(ending) = database.ending_of(Phase::Prelogin) {
        writer.write(&answer[..answer.len() / 2]).await?;
        writer.break_off().await?;
        end(&mut reader, ending).await?;
        return Ok(None);
    }
    writer.write(&answer).await?;
    writer.end().await?;
    Ok(Some(encryption))
}

/// Whether a connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Go,
    Close,
}

struct Client<S> {
    reader: PacketReader<ReadHalf<S>>,
    writer: PacketWriter<WriteHalf<S>>,
    database: Database,
    session: Session,
}

impl<S: AsyncRead + AsyncWrite> Client<S> {
    fn new(stream: S, database: Database) -> Self {
        let (reader, writer) = split(stream);
        Self { reader: PacketReader::new(reader), writer: PacketWriter::new(writer), database, session: Session::new(false) }
    }

    /// Serves to the end; the login may have come before.
    async fn run(mut self, login: Option<Message>) -> io::Result<()> {
        let login = match login {
            Some(login) => Some(login),
            None => self.reader.message().await?,
        };
        if let Some(login) = login
            && self.login(login).await? == Next::Go
        {
            while let Some(message) = self.reader.message().await? {
                if self.message(message).await? == Next::Close {
                    break;
                }
            }
        }
        self.writer.close().await
    }

    async fn login(&mut self, message: Message) -> io::Result<Next> {
        if message.kind != PacketType::Tds7Login {
            return Err(invalid("the message after PRELOGIN is not LOGIN7"));
        }
        if let Some(ending) = self.database.ending_of(Phase::Login) {
            return end(&mut self.reader, ending).await;
        }
        let login = Login::read(&message.body)?;
        self.database.signed_in(&login.shown);
        self.session = Session::new(login.long_texts);
        let mut tokens = BytesMut::new();
        let refusals = self.refusals(&login);
        for refusal in &refusals {
            response::error(&mut tokens, refusal);
        }
        if refusals.is_empty() {
            response::env_change(&mut tokens, Change::Database, self.database.name(), "master");
            response::collation_change(&mut tokens, &self.database.collation());
            response::login_ack(&mut tokens);
            if login.shown.by_token {
                response::federated_ack(&mut tokens);
            }
            response::env_change(&mut tokens, Change::PacketSize, &login.packet_size.to_string(), "4096");
            if let Some((host, port)) = self.database.route().filter(|_| login.shown.read_only_intent) {
                response::routing(&mut tokens, &host, port);
            }
        }
        response::done(&mut tokens, if refusals.is_empty() { Outcome::Set } else { Outcome::Error }, false);
        if let Some(ending) = self.database.ending_of(Phase::LoginAnswer) {
            self.writer.write(&tokens[..tokens.len() / 2]).await?;
            self.writer.break_off().await?;
            return end(&mut self.reader, ending).await;
        }
        self.writer.write(&tokens).await?;
        self.writer.end().await?;
        self.writer.set_size(login.packet_size);
        Ok(if refusals.is_empty() { Next::Go } else { Next::Close })
    }

    fn refusals(&self, login: &Login) -> Vec<Refusal> {
        let SignIn { user, database, .. } = &login.shown;
        let failed = || Refusal::new(18_456, 14, 1, format!("Login failed for user '{user}'."));
        let refused = self.database.refuses_login();
        if refused == Some(Refused::Upgrade) {
            let reason = "Reason: Server is in script upgrade mode. Only administrator can connect at this time.";
            return vec![Refusal::new(18_401, 14, 1, format!("Login failed for user '{user}'. {reason}"))];
        }
        let accepted = match &login.token {
            Some(token) => self.database.accepts_token(token),
            None => self.database.accepts(user, &login.password),
        };
        if !accepted {
            return vec![failed()];
        }
        let other = !database.is_empty() && !database.eq_ignore_ascii_case(self.database.name());
        if other || refused == Some(Refused::NotOpen) {
            let message = format!("Cannot open database \"{database}\" requested by the login. The login failed.");
            return vec![Refusal::new(4060, 11, 1, message), failed()];
        }
        Vec::new()
    }

    async fn message(&mut self, message: Message) -> io::Result<Next> {
        match message.kind {
            PacketType::SqlBatch | PacketType::Rpc => match Request::read(&message) {
                Ok(request) => self.answer(request).await,
                Err(refusal) => {
                    let mut tokens = BytesMut::new();
                    response::error(&mut tokens, &refusal);
                    response::done(&mut tokens, Outcome::Error, message.kind == PacketType::Rpc);
                    self.writer.write(&tokens).await?;
                    self.writer.end().await?;
                    Ok(Next::Go)
                }
            },
            // It came too late: its request has been answered.
            PacketType::Attention => self.acknowledge().await,
            other => Err(invalid(format!("unexpected message {other:?}"))),
        }
    }

    /// Sends an answer while it is made on a thread for blocking work, and heeds the client meanwhile.
    async fn answer(&mut self, request: Request) -> io::Result<Next> {
        self.database.received(&request.statement);
        let (statement, mut began) = (request.statement.clone(), None);
        let parameters = request.parameters.iter().map(|parameter| parameter.value.clone()).collect();
        let (pieces, mut made) = mpsc::channel(WAITING);
        let answer = Answer::new(self.database.clone(), self.session, pieces);
        tokio::task::spawn_blocking(move || answer.to(&request));
        loop {
            tokio::select! {
                piece = made.recv() => match piece {
                    Some(Piece::Tokens(tokens)) => {
                        began.get_or_insert_with(Instant::now);
                        self.writer.write(&tokens).await?;
                    }
                    Some(Piece::Set(session)) => self.session = session,
                    Some(Piece::Done) => {
                        self.writer.end().await?;
                        let ended = Instant::now();
                        self.database.answered(Answered { statement, parameters, began: began.unwrap_or(ended), ended });
                        return Ok(Next::Go);
                    }
                    Some(Piece::Cut(ending)) => {
                        self.writer.break_off().await?;
                        return end(&mut self.reader, ending).await;
                    }
                    Some(Piece::CutInHeader(ending)) => {
                        self.writer.break_off_in_header().await?;
                        return end(&mut self.reader, ending).await;
                    }
                    Some(Piece::Fatal) => {
                        self.writer.end().await?;
                        return Ok(Next::Close);
                    }
                    // The thread that makes the answer has panicked if it goes without a word.
                    None => {
                        self.writer.break_off().await?;
                        return Ok(Next::Close);
                    }
                },
                message = self.reader.message() => match message? {
                    Some(Message { kind: PacketType::Attention, .. }) => return self.acknowledge().await,
                    Some(_) => return Err(invalid("a request before the end of the last answer")),
                    None => return Ok(Next::Close),
                },
            }
        }
    }

    async fn acknowledge(&mut self) -> io::Result<Next> {
        let mut tokens = BytesMut::new();
        response::attention(&mut tokens);
        self.writer.write(&tokens).await?;
        self.writer.end().await?;
        Ok(Next::Go)
    }
}
