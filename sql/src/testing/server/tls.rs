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
        RootCertStore, ServerConfig, SupportedProtocolVersion,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
        server::WebPkiClientVerifier,
        version::{TLS12, TLS13},
    },
    server::TlsStream,
};

use super::{setup::Tls, wire::invalid};

const HEADER: usize = 8;
/// How much of a flight goes into a packet.
const PAYLOAD: usize = 4096 - HEADER;

/// The protocol, as TDS 8.0 names itself in a handshake.
const TDS_8: &[u8] = b"tds/8.0";

/// A certificate for this machine, and who vouches for it.
pub(super) struct Identity {
    pub(super) acceptor: TlsAcceptor,
    pub(super) papers: Papers,
}

/// What clients need, as PEM.
#[derive(Debug)]
pub(super) struct Papers {
    /// The certificate of the authority.
    pub(super) authority: String,
    /// A certificate by it for a client.
    pub(super) client: String,
    pub(super) client_key: String,
}

impl Identity {
    /// With a new authority; clients may have to show a certificate by it.
    pub(super) fn new(tls: Tls, client_certificates: bool) -> io::Result<Self> {
        let mut authority = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        authority.distinguished_name.push(rcgen::DnType::CommonName, "stand-in for SQL Server");
        let authority_key = KeyPair::generate().map_err(io::Error::other)?;
        let authority_certificate = authority.self_signed(&authority_key).map_err(io::Error::other)?;

        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let issuer = Issuer::new(authority, authority_key);
        let certificate = CertificateParams::new(names).and_then(|names| names.signed_by(&key, &issuer)).map_err(io::Error::other)?;
        let client_key = KeyPair::generate().map_err(io::Error::other)?;
        let client = CertificateParams::new(["reader".to_owned()])
            .and_then(|client| client.signed_by(&client_key, &issuer))
            .map_err(io::Error::other)?;

        let provider = Arc::new(aws_lc_rs::default_provider());
        // TLS 1.3 sends tickets after the handshake, where packets would not wrap them any more.
        let versions: &[&SupportedProtocolVersion] = if tls == Tls::Strict { &[&TLS13, &TLS12] } else { &[&TLS12] };
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions).map_err(io::Error::other)?;
        let builder = if client_certificates {
            let mut authorities = RootCertStore::empty();
            authorities.add(authority_certificate.der().clone()).map_err(io::Error::other)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider);
            builder.with_client_cert_verifier(verifier.build().map_err(io::Error::other)?)
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
            .map_err(io::Error::other)?;
        if tls == Tls::Strict {
            config.alpn_protocols.push(TDS_8.to_vec());
        }
        let papers = Papers { authority: authority_certificate.pem(), client: client.pem(), client_key: client_key.serialize_pem() };
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), papers })
    }
}

/// Does the handshake before anything else, with clients that speak TDS 8.0.
pub(super) async fn accept_strict(stream: TcpStream, acceptor: &TlsAcceptor) -> io::Result<TlsStream<TcpStream>> {
    let stream = acceptor.accept(stream).await?;
    match stream.get_ref().1.alpn_protocol() {
        Some(TDS_8) => Ok(stream),
        _ => Err(invalid("the client does not say that it speaks TDS 8.0")),
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
