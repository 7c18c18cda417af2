use std::{io, net::Ipv4Addr};

use tokio::{net::UdpSocket, task::JoinHandle};

/// A stand-in for SQL Server Browser (MC-SQLR) on a UDP port of 127.0.0.1: says on which port one instance listens, and nothing of others.
///
/// Stops when dropped.
#[derive(Debug)]
pub struct SqlBrowser {
    port: u16,
    answers: JoinHandle<()>,
}

impl SqlBrowser {
    /// Knows this instance on this TCP port.
    ///
    /// # Errors
    ///
    /// If no port can be had.
    pub async fn start(instance: &str, listens_on: u16) -> io::Result<Self> {
        const ASKS_FOR_INSTANCE: u8 = 4;
        const ANSWER: u8 = 5;
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = socket.local_addr()?.port();
        let text = format!("ServerName;STANDIN;InstanceName;{instance};IsClustered;No;Version;16.0.1000.6;tcp;{listens_on};;");
        let mut answer = vec![ANSWER];
        answer.extend((text.len() as u16).to_le_bytes());
        answer.extend(text.as_bytes());
        let instance = instance.to_owned();
        let answers = tokio::spawn(async move {
            let mut asked = [0; 64];
            while let Ok((length, client)) = socket.recv_from(&mut asked).await {
                let name = asked[..length].strip_prefix(&[ASKS_FOR_INSTANCE]).and_then(|name| std::str::from_utf8(name).ok());
                if name.is_some_and(|name| name.trim_end_matches('\0').eq_ignore_ascii_case(&instance)) {
                    // A client that is gone does not need it.
                    let _ = socket.send_to(&answer, client).await;
                }
            }
        });
        Ok(Self { port, answers })
    }

    /// The UDP port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for SqlBrowser {
    fn drop(&mut self) {
        self.answers.abort();
    }
}
