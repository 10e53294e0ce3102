//! A DEFLATE encoder (RFC 1951) that decides as Go's `compress/flate` does at its default level, byte for byte: the
//! peer compresses with it, and its results are compared, hashed and kept.
//!
//! The format leaves three choices open: which repetitions to use ([`matcher`]), where to end a block (below), and how
//! to write it ([`block`]). The numbers behind them are those of Go 1.23 to 1.26: the row of level 6 in `deflate.go`,
//! and the limits at the heads of `deflate.go` and `huffman_bit_writer.go`.
//! Beside text and result, 0.7 MB of memory are held.

mod bits;
mod block;
mod huffman;
mod matcher;
#[cfg(test)]
mod tests;

use bits::Bits;
use matcher::Matcher;

/// Tokens of a block that is not the last.
const BLOCK: usize = 1 << 14;

/// A step of unpacking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Byte(u8),
    Repeat(Repeat),
}

/// Bytes to copy, from 4 to 258, and how far back they begin, at most 32,768 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Repeat {
    length: u16,
    distance: u16,
}

impl Token {
    fn length(self) -> usize {
        match self {
            Self::Byte(_) => 1,
            Self::Repeat(repeat) => repeat.length.into(),
        }
    }
}

/// A gzip file without name and time, as the peer writes it: all at once, flushed, then closed.
pub(super) fn gzip(text: &[u8]) -> Vec<u8> {
    const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut checksum = flate2::Crc::new();
    checksum.update(text);
    let mut bits = Bits::after(HEADER.to_vec());
    deflate(text, &mut bits);
    let mut file = bits.finish();
    file.extend(checksum.sum().to_le_bytes());
    file.extend(checksum.amount().to_le_bytes());
    file
}

/// Flushing leaves an empty block of plain bytes at the end, and closing another.
fn deflate(text: &[u8], bits: &mut Bits) {
    let mut matcher = Matcher::new(text);
    let mut tokens = Vec::with_capacity(BLOCK);
    let mut start = 0;
    loop {
        tokens.clear();
        tokens.extend(matcher.by_ref().take(BLOCK));
        if tokens.is_empty() {
            break;
        }
        let end = start + tokens.iter().map(|token| token.length()).sum::<usize>();
        block::write(bits, &tokens, &text[start..end]);
        start = end;
    }
    bits.stored(&[], false);
    bits.stored(&[], true);
}
