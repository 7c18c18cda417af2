//! Stands between a store and a server, and breaks the connection in the middle.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Counts connections, and cuts one when the server has sent so many bytes on it.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    connections: Arc<AtomicU64>,
    cut_after: Arc<AtomicU64>,
    stalls: Arc<AtomicBool>,
}

impl Proxy {
    pub(crate) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            connections: Arc::default(),
            cut_after: Arc::new(AtomicU64::new(u64::MAX)),
            stalls: Arc::default(),
        };
        let (connections, cut_after, stalls) = (proxy.connections.clone(), proxy.cut_after.clone(), proxy.stalls.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(pass(client, port, cut_after.clone(), stalls.clone()));
            }
        });
        proxy
    }

    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// The next connection that has carried so many bytes from the server is cut; once.
    pub(crate) fn cut_after(&self, bytes: u64) {
        self.cut_after.store(bytes, Ordering::Relaxed);
    }

    /// As [`cut_after`](Self::cut_after), but the connection stays, and carries nothing any more.
    pub(crate) fn stall_after(&self, bytes: u64) {
        self.stalls.store(true, Ordering::Relaxed);
        self.cut_after(bytes);
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut_after.load(Ordering::Relaxed) == u64::MAX
    }
}

async fn pass(client: TcpStream, port: u16, cut_after: Arc<AtomicU64>, stalls: Arc<AtomicBool>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut passed = 0_u64;
    let mut buffer = vec![0; 16 << 10];
    while let Ok(bytes @ 1..) = from_server.read(&mut buffer).await {
        passed += bytes as u64;
        if passed >= cut_after.load(Ordering::Relaxed) {
            cut_after.store(u64::MAX, Ordering::Relaxed);
            if stalls.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            break;
        }
        if to_client.write_all(&buffer[..bytes]).await.is_err() {
            break;
        }
    }
    up.abort();
}
