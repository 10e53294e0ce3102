//! A block in the shortest of its three forms: plain bytes, the format's own code, or a code made for it, which has to
//! be written down in front.

use std::iter::repeat_n;

use super::bits::Bits;
use super::huffman::{self, Code};
use super::{Repeat, Token};

/// Bytes, the end of the block, lengths of repetitions.
const SYMBOLS: usize = 286;
const END: usize = 256;
const DISTANCES: usize = 30;

/// Longest block of plain bytes.
const STORED: usize = 65535;

/// A number in two parts: a symbol for its magnitude, and the low bits that the symbol leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parts {
    symbol: usize,
    rest: u32,
    /// Of `rest`, in bits.
    width: u32,
}

impl Parts {
    fn symbol(symbol: usize) -> Self {
        Self { symbol, rest: 0, width: 0 }
    }

    /// With `1 << precision` symbols for each power of two.
    fn of(number: u32, precision: u32) -> Self {
        let width = number.checked_ilog2().unwrap_or(0).saturating_sub(precision);
        let symbol = (width << precision) + (number >> width);
        Self { symbol: symbol as usize, rest: number & ((1 << width) - 1), width }
    }

    fn write(self, bits: &mut Bits, code: &Code) {
        bits.word(code.word(self.symbol));
        bits.put(self.rest, self.width);
    }
}

impl Repeat {
    fn parts(self) -> (Parts, Parts) {
        let length = match self.length {
            // The longest has a symbol of its own.
            258 => Parts::symbol(28),
            length => Parts::of(u32::from(length) - 3, 2),
        };
        let distance = Parts::of(u32::from(self.distance) - 1, 1);
        (Parts { symbol: END + 1 + length.symbol, ..length }, distance)
    }
}

/// How often a block has each symbol, and how many bits its numbers have besides.
struct Counts {
    symbols: [u32; SYMBOLS],
    distances: [u32; DISTANCES],
    rest: usize,
}

impl Counts {
    fn of(tokens: &[Token]) -> Self {
        let mut counts = Self { symbols: [0; SYMBOLS], distances: [0; DISTANCES], rest: 0 };
        for token in tokens {
            match token {
                Token::Byte(byte) => counts.symbols[usize::from(*byte)] += 1,
                Token::Repeat(repeat) => {
                    let (length, distance) = repeat.parts();
                    counts.symbols[length.symbol] += 1;
                    counts.distances[distance.symbol] += 1;
                    counts.rest += (length.width + distance.width) as usize;
                }
            }
        }
        counts.symbols[END] = 1;
        // A code for distances has at least one word; the peer counts it as used.
        if counts.distances.iter().all(|count| *count == 0) {
            counts.distances[0] = 1;
        }
        counts
    }
}

struct Codes {
    symbols: Code,
    distances: Code,
}

impl Codes {
    /// The ones that every reader knows (RFC 1951, 3.2.6).
    fn fixed() -> Self {
        let lengths: Vec<u8> = [(8, 144), (9, 112), (7, 24), (8, 8)].map(|(length, n)| vec![length; n]).concat();
        Self { symbols: Code::canonical(&lengths), distances: Code::canonical(&[5; DISTANCES]) }
    }

    fn made_for(counts: &Counts) -> Self {
        let code = |counts| Code::shortest(counts, huffman::LONGEST);
        Self { symbols: code(&counts.symbols), distances: code(&counts.distances) }
    }

    fn cost(&self, counts: &Counts) -> usize {
        self.symbols.cost(&counts.symbols) + self.distances.cost(&counts.distances) + counts.rest
    }

    fn write(&self, bits: &mut Bits, tokens: &[Token]) {
        for token in tokens {
            match token {
                Token::Byte(byte) => bits.word(self.symbols.word(usize::from(*byte))),
                Token::Repeat(repeat) => {
                    let (length, distance) = repeat.parts();
                    length.write(bits, &self.symbols);
                    distance.write(bits, &self.distances);
                }
            }
        }
        bits.word(self.symbols.word(END));
    }
}

/// Codes as text: the lengths of their words, runs shortened, in a code of their own (RFC 1951, 3.2.7).
struct Header {
    symbols: usize,
    distances: usize,
    runs: Vec<Parts>,
    code: Code,
    /// The lengths of the words of `code`, in the order of the format, up to the last that is not zero.
    order: Vec<u8>,
}

impl Header {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    const LONGEST: u8 = 7;

    fn of(codes: &Codes) -> Self {
        let (symbols, distances) = (codes.symbols.lengths(), codes.distances.lengths());
        let runs = runs(&[symbols.as_slice(), &distances].concat());
        let mut counts = [0; Self::ORDER.len()];
        runs.iter().for_each(|run| counts[run.symbol] += 1);
        let code = Code::shortest(&counts, Self::LONGEST);
        let mut order = Self::ORDER.map(|symbol| code.word(symbol).length).to_vec();
        while order.len() > 4 && order.last() == Some(&0) {
            order.pop();
        }
        Self { symbols: symbols.len(), distances: distances.len(), runs, code, order }
    }

    fn cost(&self) -> usize {
        let run = |run: &Parts| u32::from(self.code.word(run.symbol).length) + run.width;
        5 + 5 + 4 + 3 * self.order.len() + self.runs.iter().map(run).sum::<u32>() as usize
    }

    fn write(&self, bits: &mut Bits) {
        bits.put((self.symbols - END - 1) as u32, 5);
        bits.put((self.distances - 1) as u32, 5);
        bits.put((self.order.len() - 4) as u32, 4);
        self.order.iter().for_each(|length| bits.put(u32::from(*length), 3));
        self.runs.iter().for_each(|run| run.write(bits, &self.code));
    }
}

/// Three symbols beyond the lengths repeat: 16 the length before them, 17 and 18 a zero.
fn runs(lengths: &[u8]) -> Vec<Parts> {
    let mut runs = Vec::with_capacity(lengths.len());
    for run in lengths.chunk_by(|a, b| a == b) {
        let length = Parts::symbol(run[0].into());
        let mut left = run.len();
        if length.symbol == 0 {
            left = shorten(left, (18, 11, 7), &mut runs);
            left = shorten(left, (17, 3, 3), &mut runs);
        } else {
            runs.push(length);
            left = shorten(left - 1, (16, 3, 2), &mut runs);
        }
        runs.extend(repeat_n(length, left));
    }
    runs
}

/// Writes with a symbol that stands for a least number of lengths and more, by its bits. Returns how many are left.
fn shorten(mut left: usize, (symbol, least, width): (usize, usize, u32), runs: &mut Vec<Parts>) -> usize {
    while left >= least {
        let more = (left - least).min((1 << width) - 1);
        runs.push(Parts { symbol, rest: more as u32, width });
        left -= least + more;
    }
    left
}

/// Of equally long forms the codes are preferred to plain bytes, and the format's own codes to new ones.
///
/// The peer also wants plain bytes to be in its window still. That decides nothing: a block of the 32 KB that this
/// takes has so many repetitions that the format's own codes are shorter.
pub(super) fn write(bits: &mut Bits, tokens: &[Token], plain: &[u8]) {
    const TYPE: usize = 3;
    let counts = Counts::of(tokens);
    let (fixed, made) = (Codes::fixed(), Codes::made_for(&counts));
    let header = Header::of(&made);
    let fixed_cost = TYPE + fixed.cost(&counts);
    let made_cost = TYPE + header.cost() + made.cost(&counts);
    // The type takes a byte, the length two, twice.
    let plain_cost = 8 * (5 + plain.len());
    if plain.len() <= STORED && plain_cost < fixed_cost.min(made_cost) {
        bits.stored(plain, false);
    } else if made_cost < fixed_cost {
        bits.put(0b100, 3);
        header.write(bits);
        made.write(bits, tokens);
    } else {
        bits.put(0b010, 3);
        fixed.write(bits, tokens);
    }
}
