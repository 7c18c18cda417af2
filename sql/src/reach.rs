//! Brings a TCP connection to a server about.

use std::{io, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use jabber_archive_core::Result;
use socket2::{SockRef, TcpKeepalive};
use tiberius::{Config, SqlBrowser};
use tokio::{
    net::{TcpStream, lookup_host},
    time::sleep,
};

use crate::{config::Place, fault::Operation};

/// How long one address of a host is tried alone before the next.
const STAGGER: Duration = Duration::from_millis(250);

/// How long a connection is silent before the other side is asked whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// A connection, and the driver's configuration with where it leads to.
pub(crate) async fn reach(mut driver: Config, host: &str, place: &Place, operation: Operation<'_>) -> Result<(TcpStream, Config)> {
    driver.host(host);
    let stream = match place {
        Place::Port(port) => first_to_answer(host, *port).await.map_err(|error| operation.unreachable(error))?,
        Place::Instance { name, browser } => {
            driver.instance_name(name);
            driver.port(*browser);
            driver.multi_subnet_failover(true);
            TcpStream::connect_named(&driver).await.map_err(|error| operation.unlisted(name, error))?
        }
    };
    let port = prepare(&stream).map_err(|error| operation.unreachable(error))?;
    // The name by which Kerberos knows the server ends with the port that it listens on, not with the browser's.
    driver.port(port);
    Ok((stream, driver))
}

/// Connects to the first address of a host that answers; a listener may have addresses in networks that are down, and those never refuse.
async fn first_to_answer(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut attempts = FuturesUnordered::new();
    for (turn, address) in (0..).zip(lookup_host((host, port)).await?) {
        attempts.push(async move {
            sleep(STAGGER * turn).await;
            TcpStream::connect(address).await
        });
    }
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    while let Some(attempt) = attempts.next().await {
        match attempt {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Sets the connection up, and says which port it leads to.
fn prepare(stream: &TcpStream) -> io::Result<u16> {
    stream.set_nodelay(true)?;
    // Tells a server that is gone from one that is silent because it scans.
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream.peer_addr()?.port())
}
