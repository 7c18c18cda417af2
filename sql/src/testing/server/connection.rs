//! One client, from PRELOGIN to the end of its connection.

use std::io;

use bytes::BytesMut;
use tds_protocol::PacketType;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf, split},
    net::TcpStream,
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

use super::{
    answer::{Answer, Piece},
    database::Database,
    fault::{Ending, Phase},
    login::{self, Encryption, Login},
    query::Session,
    refusal::Refusal,
    request::Request,
    response::{self, Change, Outcome},
    tls,
    wire::{Message, PacketReader, PacketWriter, invalid},
};

/// How many pieces of an answer wait for the client.
const WAITING: usize = 4;

pub(super) async fn serve(mut stream: TcpStream, database: Database, acceptor: Option<TlsAcceptor>) -> io::Result<()> {
    let _open = database.connected();
    stream.set_nodelay(true)?;
    let encryption = if acceptor.is_some() { Encryption::Required } else { Encryption::NotSupported };
    if prelogin(&mut stream, encryption, &database).await? == Next::Close {
        return Ok(());
    }
    match acceptor {
        Some(acceptor) => Client::new(tls::accept(stream, &acceptor).await?, database).run().await,
        None => Client::new(stream, database).run().await,
    }
}

/// Ends a connection before its login: closes it, or waits until the client does.
async fn end<R: AsyncRead + Unpin>(reader: &mut PacketReader<R>, ending: Ending) -> io::Result<Next> {
    if ending == Ending::Stall {
        while reader.message().await?.is_some() {}
    }
    Ok(Next::Close)
}

async fn prelogin(stream: &mut TcpStream, encryption: Encryption, database: &Database) -> io::Result<Next> {
    let (reader, writer) = stream.split();
    let mut reader = PacketReader::new(reader);
    if let Some(ending) = database.ending_of(Phase::Connected) {
        return end(&mut reader, ending).await;
    }
    match reader.message().await? {
        Some(Message { kind: PacketType::PreLogin, .. }) => {}
        Some(_) => return Err(invalid("the first message is not PRELOGIN")),
        None => return Err(io::ErrorKind::UnexpectedEof.into()),
    }
    let mut writer = PacketWriter::new(writer);
    let answer = login::prelogin(encryption);
    if let Some(ending) = database.ending_of(Phase::Prelogin) {
        writer.write(&answer[..answer.len() / 2]).await?;
        writer.break_off().await?;
        return end(&mut reader, ending).await;
    }
    writer.write(&answer).await?;
    writer.end().await?;
    Ok(Next::Go)
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

    async fn run(mut self) -> io::Result<()> {
        if self.login().await? == Next::Go {
            while let Some(message) = self.reader.message().await? {
                if self.message(message).await? == Next::Close {
                    break;
                }
            }
        }
        self.writer.close().await
    }

    async fn login(&mut self) -> io::Result<Next> {
        let Some(message) = self.reader.message().await? else { return Ok(Next::Close) };
        if message.kind != PacketType::Tds7Login {
            return Err(invalid("the message after PRELOGIN is not LOGIN7"));
        }
        if let Some(ending) = self.database.ending_of(Phase::Login) {
            return end(&mut self.reader, ending).await;
        }
        let login = Login::read(&message.body)?;
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
            response::env_change(&mut tokens, Change::PacketSize, &login.packet_size.to_string(), "4096");
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
        let failed = || Refusal::new(18_456, 14, 1, format!("Login failed for user '{}'.", login.user));
        if self.database.refuses_login() {
            let reason = "Reason: Server is in script upgrade mode. Only administrator can connect at this time.";
            return vec![Refusal::new(18_401, 14, 1, format!("Login failed for user '{}'. {reason}", login.user))];
        }
        if !self.database.accepts(&login.user, &login.password) {
            return vec![failed()];
        }
        if !login.database.is_empty() && !login.database.eq_ignore_ascii_case(self.database.name()) {
            let message = format!("Cannot open database \"{}\" requested by the login. The login failed.", login.database);
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
        let (pieces, mut made) = mpsc::channel(WAITING);
        let answer = Answer::new(self.database.clone(), self.session, pieces);
        tokio::task::spawn_blocking(move || answer.to(&request));
        loop {
            tokio::select! {
                piece = made.recv() => match piece {
                    Some(Piece::Tokens(tokens)) => self.writer.write(&tokens).await?,
                    Some(Piece::Set(session)) => self.session = session,
                    Some(Piece::Done) => {
                        self.writer.end().await?;
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
