//! One client, until its connection ends.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

use super::{
    super::http::{Reader, Request, Response, exchange},
    Outcome, Recorded, Script,
    immutable::{self, Change},
    lock,
    rule::Fault,
};

/// No content has this digest, as far as anybody knows.
const WRONG_MD5: &str = "AAAAAAAAAAAAAAAAAAAAAA==";

pub(super) async fn serve(stream: TcpStream, script: Arc<Script>) {
    // A connection that breaks is the client's affair.
    let _ = Connection { client: Reader::new(stream), script }.run().await;
}

/// Whether a connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Go,
    Close,
}

struct Connection {
    client: Reader<TcpStream>,
    script: Arc<Script>,
}

impl Connection {
    async fn run(mut self) -> io::Result<()> {
        self.client.inner().set_nodelay(true)?;
        while let Some(request) = self.client.request().await? {
            let number = {
                let mut requests = lock(&self.script.requests);
                requests.push(Recorded::new(&request));
                requests.len() - 1
            };
            // Every rule counts.
            let faults: Vec<Fault> = lock(&self.script.rules).iter_mut().filter_map(|rule| rule.meet(&request)).collect();
            if self.act(number, request, faults.into_iter().next()).await? == Next::Close {
                break;
            }
        }
        Ok(())
    }

    async fn act(&mut self, number: usize, mut request: Request, fault: Option<Fault>) -> io::Result<Next> {
        match fault {
            None => {
                let response = self.forward(&request).await?;
                self.pass(number, &request, &response).await
            }
            Some(Fault::FlipBit) => {
                let mut body = BytesMut::from(request.body.as_ref());
                let middle = body.len() / 2;
                if let Some(byte) = body.get_mut(middle) {
                    *byte ^= 1;
                }
                request.body = body.freeze();
                let response = self.forward(&request).await?;
                self.pass(number, &request, &response).await
            }
            Some(Fault::WrongMd5) => {
                let mut response = self.forward(&request).await?;
                let of_the_blob = "x-ms-blob-content-md5";
                response.headers.remove("Content-MD5");
                response.headers.push("Content-MD5", WRONG_MD5);
                if response.header(of_the_blob).is_some() {
                    response.headers.remove(of_the_blob);
                    response.headers.push(of_the_blob, WRONG_MD5);
                }
                self.pass(number, &request, &response).await
            }
            Some(Fault::Immutable) => {
                let script = self.script.clone();
                let _creation = script.immutable.lock().await;
                if immutable::changes(&request) == Some(Change::Alter) || immutable::exists(&request, &script.upstream).await? {
                    return self.answer(number, &request, Response::immutable()).await;
                }
                let response = self.forward(&request).await?;
                self.pass(number, &request, &response).await
            }
            Some(Fault::Answer(response)) => self.answer(number, &request, response).await,
            Some(Fault::Reset) => {
                self.script.record(number, Outcome::Reset);
                self.client.inner().set_zero_linger()?;
                Ok(Next::Close)
            }
            Some(Fault::LoseReply) => {
                let response = self.forward(&request).await?;
                self.script.record(number, Outcome::Lost(response.status));
                Ok(Next::Close)
            }
            Some(Fault::Stall) => {
                self.script.record(number, Outcome::Stalled);
                self.client.closed().await;
                Ok(Next::Close)
            }
            Some(Fault::StallReply) => {
                let response = self.forward(&request).await?;
                self.script.record(number, Outcome::Lost(response.status));
                self.client.closed().await;
                Ok(Next::Close)
            }
            Some(Fault::Trickle { pause, head_too }) => {
                let response = self.forward(&request).await?;
                self.script.record(number, Outcome::Passed(response.status));
                let (head, body) = (response.head(), body(&request, &response));
                if head_too {
                    self.trickle(&head, pause).await?;
                } else {
                    self.client.inner().write_all(&head).await?;
                }
                self.trickle(&body, pause).await?;
                Ok(Next::Go)
            }
            Some(Fault::Truncate(bytes)) => {
                let response = self.forward(&request).await?;
                let body = body(&request, &response);
                if body.len() <= bytes {
                    return self.pass(number, &request, &response).await;
                }
                self.script.record(number, Outcome::Truncated(response.status));
                self.client.inner().write_all(&response.head()).await?;
                self.client.inner().write_all(&body[..bytes]).await?;
                Ok(Next::Close)
            }
        }
    }

    async fn forward(&self, request: &Request) -> io::Result<Response> {
        exchange(TcpStream::connect(&self.script.upstream).await?, request).await
    }

    async fn pass(&mut self, number: usize, request: &Request, response: &Response) -> io::Result<Next> {
        self.script.record(number, Outcome::Passed(response.status));
        self.write(request, response).await
    }

    async fn answer(&mut self, number: usize, request: &Request, response: Response) -> io::Result<Next> {
        let response = response.with_length();
        self.script.record(number, Outcome::Answered(response.status));
        self.write(request, &response).await
    }

    async fn write(&mut self, request: &Request, response: &Response) -> io::Result<Next> {
        let whole = [response.head(), body(request, response)].concat();
        self.client.inner().write_all(&whole).await?;
        let closes = |headers: Option<&str>| headers.is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let close = closes(request.headers.first("Connection")) || closes(response.header("Connection"));
        Ok(if close { Next::Close } else { Next::Go })
    }

    async fn trickle(&mut self, bytes: &Bytes, pause: Duration) -> io::Result<()> {
        for byte in bytes {
            self.client.inner().write_all(&[*byte]).await?;
            sleep(pause).await;
        }
        Ok(())
    }
}

impl Script {
    /// To be called before the client can know, so that whoever has a reply finds its outcome.
    fn record(&self, number: usize, outcome: Outcome) {
        let recorded = &mut lock(&self.requests)[number];
        recorded.answered = Some(Instant::now());
        recorded.outcome = outcome;
    }
}

/// What follows the head of a reply.
fn body(request: &Request, response: &Response) -> Bytes {
    let has_none = request.method == "HEAD" || matches!(response.status, 100..=199 | 204 | 304);
    if has_none { Bytes::new() } else { response.headers.framed(&response.body) }
}
