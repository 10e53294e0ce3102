//! A stream of bits, lowest first, and the blocks in it that are plain bytes.

use super::huffman::Word;

pub(super) struct Bits {
    bytes: Vec<u8>,
    /// Bits that do not fill four bytes yet, and how many.
    held: u64,
    count: u32,
}

impl Bits {
    pub(super) fn after(bytes: Vec<u8>) -> Self {
        Self { bytes, held: 0, count: 0 }
    }

    /// The lowest `count` bits of `value`, at most 32; the others are zero.
    pub(super) fn put(&mut self, value: u32, count: u32) {
        self.held |= u64::from(value) << self.count;
        self.count += count;
        if self.count >= u32::BITS {
            let [a, b, c, d, ..] = self.held.to_le_bytes();
            self.bytes.extend_from_slice(&[a, b, c, d]);
            self.held >>= u32::BITS;
            self.count -= u32::BITS;
        }
    }

    pub(super) fn word(&mut self, word: Word) {
        self.put(word.bits.into(), word.length.into());
    }

    /// A block of at most 65,535 plain bytes.
    pub(super) fn stored(&mut self, plain: &[u8], last: bool) {
        self.put(last.into(), 3);
        self.align();
        let length = plain.len() as u16;
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(&(!length).to_le_bytes());
        self.bytes.extend_from_slice(plain);
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.align();
        self.bytes
    }

    /// Fills the last byte with zeros.
    fn align(&mut self) {
        let whole = self.count.div_ceil(8) as usize;
        self.bytes.extend(self.held.to_le_bytes().into_iter().take(whole));
        self.held = 0;
        self.count = 0;
    }
}
