//! Packets: messages are cut into them and put together again.

use std::io;

use bytes::{Bytes, BytesMut};
use tds_protocol::{PacketHeader, PacketStatus, PacketType};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const HEADER: usize = 8;

/// A message of the client.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: PacketType,
    pub(super) body: Bytes,
}

/// Reads messages. A read that is dropped loses nothing.
#[derive(Debug)]
pub(super) struct PacketReader<R> {
    inner: R,
    arrived: BytesMut,
    body: BytesMut,
}

impl<R: AsyncRead + Unpin> PacketReader<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, arrived: BytesMut::new(), body: BytesMut::new() }
    }

    /// The next message; none if the client has closed the connection.
    pub(super) async fn message(&mut self) -> io::Result<Option<Message>> {
        loop {
            while let Some((header, payload)) = self.packet()? {
                self.body.extend_from_slice(&payload);
                if header.is_end_of_message() {
                    return Ok(Some(Message { kind: header.packet_type, body: self.body.split().freeze() }));
                }
            }
            if self.inner.read_buf(&mut self.arrived).await? == 0 {
                return Ok(None);
            }
        }
    }

    fn packet(&mut self) -> io::Result<Option<(PacketHeader, BytesMut)>> {
        if self.arrived.len() < HEADER {
            return Ok(None);
        }
        let header = PacketHeader::decode(&mut &self.arrived[..HEADER]).map_err(invalid)?;
        let length = usize::from(header.length);
        if length < HEADER {
            return Err(invalid("a packet shorter than its header"));
        }
        if self.arrived.len() < length {
            return Ok(None);
        }
        let mut packet = self.arrived.split_to(length);
        let payload = packet.split_off(HEADER);
        Ok(Some((header, payload)))
    }
}

/// Writes the tokens of an answer in packets of the negotiated size.
#[derive(Debug)]
pub(super) struct PacketWriter<W> {
    inner: W,
    waiting: BytesMut,
    size: usize,
    number: u8,
}

impl<W: AsyncWrite + Unpin> PacketWriter<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, waiting: BytesMut::new(), size: 4096, number: 0 }
    }

    /// Sets the size of packets, with their headers.
    pub(super) fn set_size(&mut self, size: usize) {
        self.size = size;
    }

    /// Adds to the message and sends what fills packets.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.waiting.extend_from_slice(bytes);
        // One byte at least stays for the packet that ends the message.
        while self.waiting.len() > self.size - HEADER {
            self.packet(self.size - HEADER, PacketStatus::NORMAL).await?;
        }
        Ok(())
    }

    /// Ends the message.
    pub(super) async fn end(&mut self) -> io::Result<()> {
        self.packet(self.waiting.len(), PacketStatus::END_OF_MESSAGE).await?;
        self.number = 0;
        self.inner.flush().await
    }

    /// Sends all there is, without an end.
    pub(super) async fn break_off(&mut self) -> io::Result<()> {
        if !self.waiting.is_empty() {
            self.packet(self.waiting.len(), PacketStatus::NORMAL).await?;
        }
        self.inner.flush().await
    }

    /// Sends half of a packet's header.
    pub(super) async fn break_off_in_header(&mut self) -> io::Result<()> {
        let header = PacketHeader::new(PacketType::TabularResult, PacketStatus::NORMAL, self.size as u16);
        let mut packet = BytesMut::new();
        header.encode(&mut packet);
        self.inner.write_all(&packet[..HEADER / 2]).await?;
        self.inner.flush().await
    }

    /// Closes the connection.
    pub(super) async fn close(&mut self) -> io::Result<()> {
        self.inner.shutdown().await
    }

    async fn packet(&mut self, length: usize, status: PacketStatus) -> io::Result<()> {
        self.number = self.number.wrapping_add(1);
        let header = PacketHeader::new(PacketType::TabularResult, status, (HEADER + length) as u16).with_packet_id(self.number);
        let mut packet = BytesMut::with_capacity(HEADER + length);
        header.encode(&mut packet);
        packet.extend_from_slice(&self.waiting.split_to(length));
        self.inner.write_all(&packet).await
    }
}

pub(super) fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
