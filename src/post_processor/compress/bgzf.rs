//! Blocked gzip: gzip members of at most 64 KiB, each with its length in an extra field, so that a reader can jump.
//!
//! The format is the one of section 4.1 of the SAM specification; any gzip reads it.

use std::io::{self, Write};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// Input bytes per member. Even if they do not compress at all, the member stays under 64 KiB.
const BLOCK: usize = 0xff00;

/// Bytes of a member besides its compressed data: 18 of header, 8 of checksum and length.
const FRAME: usize = 26;

/// An empty member: the mark of a file that was not cut off.
const END: [u8; 28] =
    [0x1f, 0x8b, 0x08, 0x04, 0, 0, 0, 0, 0, 0xff, 6, 0, b'B', b'C', 2, 0, 0x1b, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];

pub(super) struct BgzfEncoder<W: Write> {
    sink: W,
    level: Compression,
    held: Vec<u8>,
}

impl<W: Write> BgzfEncoder<W> {
    pub(super) fn new(sink: W, level: Compression) -> Self {
        Self { sink, level, held: Vec::with_capacity(BLOCK) }
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        self.member()?;
        self.sink.write_all(&END)?;
        Ok(self.sink)
    }

    /// Writes what is held as a member of its own.
    fn member(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let mut deflated = deflate(&self.held, self.level)?;
        if deflated.len() + FRAME > 1 << 16 {
            deflated = deflate(&self.held, Compression::none())?;
        }
        let size = u16::try_from(deflated.len() + FRAME - 1).map_err(io::Error::other)?;
        self.sink.write_all(&END[..16])?;
        self.sink.write_all(&size.to_le_bytes())?;
        self.sink.write_all(&deflated)?;
        let mut sum = Crc::new();
        sum.update(&self.held);
        self.sink.write_all(&sum.sum().to_le_bytes())?;
        self.sink.write_all(&sum.amount().to_le_bytes())?;
        self.held.clear();
        Ok(())
    }
}

impl<W: Write> Write for BgzfEncoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BLOCK - self.held.len());
        self.held.extend_from_slice(&bytes[..taken]);
        if self.held.len() == BLOCK {
            self.member()?;
        }
        Ok(taken)
    }

    /// A member ends only when it is full: ending it here would cost compression for nothing.
    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

fn deflate(bytes: &[u8], level: Compression) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(bytes.len() + 64), level);
    encoder.write_all(bytes)?;
    encoder.finish()
}
