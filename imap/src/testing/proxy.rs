use std::{
    collections::BTreeMap,
    fmt, io,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// A proxy on 127.0.0.1 that cuts connections without TLS at their APPEND commands.
///
/// It stops when dropped.
pub struct CuttingProxy {
    port: u16,
    script: Arc<Mutex<Script>>,
    listener: JoinHandle<()>,
}

/// Where a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cut {
    /// Before anything of the command has reached the server.
    Before,
    /// After the server has answered, before the answer has reached the client.
    After,
}

#[derive(Default)]
struct Script {
    appends: usize,
    cuts: BTreeMap<usize, Cut>,
}

impl CuttingProxy {
    /// One in front of a port of 127.0.0.1, which cuts at the APPEND commands of these numbers, counted from 1 over all connections.
    pub async fn start(to: u16, cuts: impl IntoIterator<Item = (usize, Cut)>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let script = Arc::new(Mutex::new(Script { appends: 0, cuts: cuts.into_iter().collect() }));
        let listener = tokio::spawn(serve(listener, to, script.clone()));
        Ok(Self { port, script, listener })
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many APPEND commands came by.
    pub fn appends(&self) -> usize {
        lock(&self.script).appends
    }
}

impl Drop for CuttingProxy {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl fmt::Debug for CuttingProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CuttingProxy").field("port", &self.port).finish_non_exhaustive()
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, to: u16, script: Arc<Mutex<Script>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            Ok((client, _)) = listener.accept() => {
                let script = script.clone();
                connections.spawn(async move { relay(client, to, &script).await });
            }
        }
    }
}

async fn relay(mut client: TcpStream, to: u16, script: &Mutex<Script>) -> io::Result<()> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await?;
    let (mut up, mut down) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut is_last = false;
    // What is in a mail is no command.
    let mut in_mail = 0;
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let piece = &up[..read?];
                if piece.is_empty() {
                    return Ok(());
                }
                let (command, mail) = append(&piece[in_mail.min(piece.len())..]);
                in_mail = in_mail.saturating_sub(piece.len()) + mail;
                if command {
                    let cut = {
                        let mut script = lock(script);
                        script.appends += 1;
                        let number = script.appends;
                        script.cuts.remove(&number)
                    };
                    match cut {
                        Some(Cut::Before) => return Ok(()),
                        Some(Cut::After) => is_last = true,
                        None => {}
                    }
                }
                server.write_all(piece).await?;
            }
            read = server.read(&mut down) => {
                let piece = &down[..read?];
                if piece.is_empty() || is_last && piece.windows(9).any(|word| word == b"APPENDUID") {
                    return Ok(());
                }
                client.write_all(piece).await?;
            }
        }
    }
}

/// Whether an APPEND begins here, `A12 APPEND … {3000+}`, and how much of its mail is still to come.
fn append(piece: &[u8]) -> (bool, usize) {
    let line = piece.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    let text = String::from_utf8_lossy(line);
    let mut words = text.split(' ');
    let is_tag = words.next().is_some_and(|tag| tag.strip_prefix('A').is_some_and(|number| number.parse::<u32>().is_ok()));
    if !is_tag || words.next() != Some("APPEND") {
        return (false, 0);
    }
    let length = text.rsplit_once('{').and_then(|(_, length)| length.trim_end().trim_end_matches(['}', '+']).parse::<usize>().ok());
    // The command's end comes behind the mail.
    (true, (length.unwrap_or_default() + 2).saturating_sub(piece.len() - line.len()))
}
