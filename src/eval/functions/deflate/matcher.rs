//! Cuts a text into bytes and repetitions of what stands before them.
//!
//! The newest places with the same hash of four bytes are tried first. A repetition is given out only when the next
//! byte begins no longer one.

use super::{Repeat, Token};

/// How far back a repetition may begin.
const WINDOW: usize = 1 << 15;
/// Shorter repetitions are not looked for, though the format has them from three bytes on.
const SHORTEST: usize = 4;
const LONGEST: usize = 258;
/// Further back, the shortest repetitions are left alone: they may cost more than their bytes.
const NEAR: usize = 4096;
/// Places tried for one repetition.
const TRIES: usize = 128;
/// A repetition so long ends the search.
const ENOUGH: usize = 128;
/// After a repetition so long, the next byte is not looked at.
const LAZY: usize = 16;

/// Places that share a hash use up each other's tries, so that the hash has a part in the result.
const HASH_BITS: u32 = 17;
const HASH_FACTOR: u32 = 0x1e35_a7bd;

/// The tokens of a text, in order.
pub(super) struct Matcher<'t> {
    text: &'t [u8],
    at: usize,
    /// Where the window begins: what stands before is out of reach.
    window: usize,
    places: Places,
    /// What begins at the byte before `at`, unless something longer begins at `at`.
    held: Option<Token>,
}

impl<'t> Matcher<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0, window: 0, places: Places::new(), held: None }
    }

    /// The peer holds twice the window. When the longest repetition may no longer fit in what it holds, it drops the
    /// first half and reads on, so that for a while it looks back less far than the format allows.
    fn slide(&mut self) {
        let end = self.window + 2 * WINDOW;
        if end < self.text.len() && end < self.at + SHORTEST + LONGEST {
            self.window += WINDOW;
        }
    }

    /// What begins at `at`, whose four bytes are noted for later.
    fn look(&mut self, byte: u8) -> Token {
        self.places.note(self.text, self.at);
        let known = self.held.map_or(0, Token::length).max(SHORTEST - 1);
        let ahead = self.text.len() - self.at;
        if known < LAZY && known < ahead {
            let reach = WINDOW.min(self.at - self.window);
            if let Some(repeat) = self.places.longest(self.text, self.at, reach) {
                return Token::Repeat(repeat);
            }
        }
        Token::Byte(byte)
    }
}

impl Iterator for Matcher<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let Some(byte) = self.text.get(self.at) else {
                return self.held.take();
            };
            self.slide();
            let token = self.look(*byte);
            match self.held.take() {
                Some(held @ Token::Repeat(_)) if held.length() >= token.length() => {
                    let end = self.at - 1 + held.length();
                    (self.at + 1..end).for_each(|at| self.places.note(self.text, at));
                    self.at = end;
                    return Some(held);
                }
                held => {
                    self.held = Some(token);
                    self.at += 1;
                    if held.is_some() {
                        return Some(Token::Byte(self.text[self.at - 2]));
                    }
                }
            }
        }
    }
}

/// Where the same four bytes, or others with their hash, were seen before.
struct Places {
    /// For each hash its newest place, as [`stamp`] writes it.
    newest: Vec<u32>,
    /// For each place of a window the way back to the one before with its hash, cut to fit; over a window if none is.
    back: Vec<u16>,
}

/// A place modulo 2^32. Zero, the state of a hash not seen yet, is out of reach even from the first place. Only behind
/// 4 GiB may it seem near; what stands there is compared as everywhere.
fn stamp(at: usize) -> u32 {
    (at as u32).wrapping_add(2 * WINDOW as u32)
}

impl Places {
    fn new() -> Self {
        Self { newest: vec![0; 1 << HASH_BITS], back: vec![u16::MAX; WINDOW] }
    }

    /// Places are noted one after the other; the last three of a text begin no four bytes.
    fn note(&mut self, text: &[u8], at: usize) {
        let Some(four) = text.get(at..).and_then(<[u8]>::first_chunk) else {
            return;
        };
        let hash = u32::from_be_bytes(*four).wrapping_mul(HASH_FACTOR) >> (u32::BITS - HASH_BITS);
        let newest = &mut self.newest[hash as usize];
        self.back[at % WINDOW] = stamp(at).wrapping_sub(*newest).min(u16::MAX.into()) as u16;
        *newest = stamp(at);
    }

    /// The longest repetition at a noted place, the nearest of equally long ones.
    fn longest(&self, text: &[u8], at: usize, reach: usize) -> Option<Repeat> {
        let target = &text[at..text.len().min(at + LONGEST)];
        let enough = target.len().min(ENOUGH);
        let (mut best, mut length, mut distance) = (None, SHORTEST - 1, 0);
        for _ in 0..TRIES {
            distance += usize::from(self.back[(at - distance) % WINDOW]);
            if distance > reach {
                break;
            }
            let source = &text[at - distance..][..target.len()];
            if source.get(length) != target.get(length) {
                continue;
            }
            let same = common(source, target);
            if same > length && (same > SHORTEST || distance <= NEAR) {
                length = same;
                best = Some(Repeat { length: same as u16, distance: distance as u16 });
                if same >= enough {
                    break;
                }
            }
        }
        best
    }
}

/// How many bytes two texts have in common at their beginnings.
fn common(one: &[u8], other: &[u8]) -> usize {
    let (words, others) = (one.as_chunks().0, other.as_chunks().0);
    let differ = |(a, b): (&[u8; 8], &[u8; 8])| u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
    for (index, difference) in words.iter().zip(others).map(differ).enumerate() {
        if difference != 0 {
            return 8 * index + difference.trailing_zeros() as usize / 8;
        }
    }
    let whole = 8 * words.len().min(others.len());
    whole + one[whole..].iter().zip(&other[whole..]).take_while(|(a, b)| a == b).count()
}
