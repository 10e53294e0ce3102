//! One writer for all compressions, in front of the output file.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use bzip2::write::BzEncoder;
use flate2::write::GzEncoder;
use liblzma::write::XzEncoder;
use lz4_flex::frame::FrameEncoder;

use super::bgzf::BgzfEncoder;
use super::format::Compression;

/// Bytes that gather before they go to the disk.
const BUFFER: usize = 1 << 20;

type Sink = BufWriter<File>;

pub(super) enum Encoder {
    Plain(Sink),
    Gzip(GzEncoder<Sink>),
    Bgzf(BgzfEncoder<Sink>),
    Lz4(Box<FrameEncoder<Sink>>),
    Xz(XzEncoder<Sink>),
    Bzip2(BzEncoder<Sink>),
}

impl Encoder {
    pub(super) fn new(file: File, compression: Compression, level: Option<u32>) -> io::Result<Self> {
        let sink = BufWriter::with_capacity(BUFFER, file);
        let gzip = flate2::Compression::new(level.unwrap_or(6));
        Ok(match compression {
            Compression::None => Self::Plain(sink),
            Compression::Gzip => Self::Gzip(GzEncoder::new(sink, gzip)),
            Compression::Bgzf => Self::Bgzf(BgzfEncoder::new(sink, gzip)),
            Compression::Lz4 => Self::Lz4(Box::new(FrameEncoder::new(sink))),
            Compression::Xz => Self::Xz(XzEncoder::new(sink, level.unwrap_or(6))),
            Compression::Bzip2 => Self::Bzip2(BzEncoder::new(sink, bzip2::Compression::new(level.unwrap_or(9)))),
        })
    }

    /// Writes what ends the format; all is on its way to the disk afterwards.
    pub(super) fn finish(self) -> io::Result<()> {
        let mut sink = match self {
            Self::Plain(sink) => sink,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Bgzf(encoder) => encoder.finish()?,
            Self::Lz4(encoder) => encoder.finish().map_err(io::Error::other)?,
            Self::Xz(encoder) => encoder.finish()?,
            Self::Bzip2(encoder) => encoder.finish()?,
        };
        sink.flush()
    }

    fn inner(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(sink) => sink,
            Self::Gzip(encoder) => encoder,
            Self::Bgzf(encoder) => encoder,
            Self::Lz4(encoder) => encoder,
            Self::Xz(encoder) => encoder,
            Self::Bzip2(encoder) => encoder,
        }
    }
}

impl Write for Encoder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner().flush()
    }
}
