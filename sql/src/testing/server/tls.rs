//! TLS whose handshake travels within PRELOGIN packets, as up to TDS 7.4.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, BytesMut};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tds_protocol::{PacketHeader, PacketStatus, PacketType};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
        version::TLS12,
    },
    server::TlsStream,
};

use super::wire::invalid;

const HEADER: usize = 8;
/// How much of a flight goes into a packet.
const PAYLOAD: usize = 4096 - HEADER;

/// A certificate for this machine, and who vouches for it.
pub(super) struct Identity {
    pub(super) acceptor: TlsAcceptor,
    /// The certificate of the authority, as PEM.
    pub(super) authority: String,
}

impl Identity {
    /// With a new authority.
    pub(super) fn new() -> io::Result<Self> {
        let mut authority = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        authority.distinguished_name.push(rcgen::DnType::CommonName, "stand-in for SQL Server");
        let authority_key = KeyPair::generate().map_err(io::Error::other)?;
        let authority_certificate = authority.self_signed(&authority_key).map_err(io::Error::other)?;

        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = CertificateParams::new(names)
            .and_then(|names| names.signed_by(&key, &Issuer::new(authority, authority_key)))
            .map_err(io::Error::other)?;
        // Not TLS 1.3, which sends tickets after the handshake, where packets would not wrap them any more.
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS12])
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
            .map_err(io::Error::other)?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), authority: authority_certificate.pem() })
    }
}

/// Does the handshake.
pub(super) async fn accept(stream: TcpStream, acceptor: &TlsAcceptor) -> io::Result<TlsStream<Wrapped>> {
    let wrapped =
        Wrapped { inner: stream, wraps: true, header: BytesMut::new(), left: 0, flight: BytesMut::new(), packets: BytesMut::new() };
    let mut stream = acceptor.accept(wrapped).await?;
    stream.get_mut().0.wraps = false;
    Ok(stream)
}

/// A stream that wraps a handshake into packets.
#[derive(Debug)]
pub(super) struct Wrapped {
    inner: TcpStream,
    wraps: bool,
    /// The part of a header that has arrived.
    header: BytesMut,
    /// How much of the packet's payload is still to come.
    left: usize,
    /// What is to be wrapped.
    flight: BytesMut,
    /// What has been wrapped.
    packets: BytesMut,
}

impl AsyncRead for Wrapped {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.wraps {
            return Pin::new(&mut this.inner).poll_read(cx, buf);
        }
        while this.left == 0 {
            let mut bytes = [0; HEADER];
            let mut rest = ReadBuf::new(&mut bytes[this.header.len()..]);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut rest))?;
            if rest.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.header.extend_from_slice(rest.filled());
            if this.header.len() == HEADER {
                let header = PacketHeader::decode(&mut this.header).map_err(invalid)?;
                if header.packet_type != PacketType::PreLogin {
                    return Poll::Ready(Err(invalid("a handshake outside of PRELOGIN")));
                }
                this.left = header.payload_length();
                this.header.clear();
            }
        }
        let mut part = buf.take(this.left);
        ready!(Pin::new(&mut this.inner).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        this.left -= read;
        // `part` has initialized and filled the front of the unfilled part of `buf`.
        buf.initialize_unfilled_to(read);
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wrapped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if !self.wraps {
            return Pin::new(&mut self.inner).poll_write(cx, buf);
        }
        self.flight.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while !this.flight.is_empty() {
            let payload = this.flight.split_to(this.flight.len().min(PAYLOAD));
            let status = if this.flight.is_empty() { PacketStatus::END_OF_MESSAGE } else { PacketStatus::NORMAL };
            PacketHeader::new(PacketType::PreLogin, status, (HEADER + payload.len()) as u16).encode(&mut this.packets);
            this.packets.put(payload);
        }
        while this.packets.has_remaining() {
            let written = ready!(Pin::new(&mut this.inner).poll_write(cx, &this.packets))?;
            this.packets.advance(written);
        }
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
