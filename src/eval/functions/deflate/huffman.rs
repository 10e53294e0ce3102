//! Prefix codes of limited length: the shortest for given counts, and the bits that follow from the lengths alone.

/// The longest word that the format knows, in bits.
pub(super) const LONGEST: u8 = 15;

/// What stands for a symbol, the first bit lowest. Symbols that do not occur have no bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub bits: u16,
    pub length: u8,
}

pub(super) struct Code(Vec<Word>);

impl Code {
    /// A code that writes symbols that occur so often in the fewest bits, with no word over `longest` bits.
    pub(super) fn shortest(counts: &[u32], longest: u8) -> Self {
        Self::canonical(&lengths(counts, longest))
    }

    /// Words count up, shorter ones first, equally long ones in the order of their symbols.
    pub(super) fn canonical(lengths: &[u8]) -> Self {
        let mut words = vec![Word::default(); lengths.len()];
        let mut next = 0_u16;
        for length in 1..=LONGEST {
            next <<= 1;
            for (word, _) in words.iter_mut().zip(lengths).filter(|(_, own)| **own == length) {
                *word = Word { bits: next.reverse_bits() >> (16 - length), length };
                next += 1;
            }
        }
        Self(words)
    }

    pub(super) fn word(&self, symbol: usize) -> Word {
        self.0[symbol]
    }

    /// The lengths of the words, up to the last symbol that occurs.
    pub(super) fn lengths(&self) -> Vec<u8> {
        let count = self.0.iter().rposition(|word| word.length > 0).map_or(0, |last| last + 1);
        self.0[..count].iter().map(|word| word.length).collect()
    }

    /// Bits for symbols that occur so often.
    pub(super) fn cost(&self, counts: &[u32]) -> usize {
        counts.iter().zip(&self.0).map(|(count, word)| *count as usize * usize::from(word.length)).sum()
    }
}

/// Package-merge (Larmore and Hirschberg 1990). A row holds all symbols and the pairs of neighbours of the row below,
/// by weight; of the `2n - 2` lightest items of the top row each pair asks for two items of the row below, and a
/// symbol's word has a bit for each row in which it is among those asked for. Where a pair weighs as much as a symbol,
/// the pair goes first: that decides between codes of the same cost.
fn lengths(counts: &[u32], longest: u8) -> Vec<u8> {
    let mut lengths = vec![0; counts.len()];
    let mut symbols: Vec<(u32, usize)> = counts.iter().copied().zip(0..).filter(|(count, _)| *count > 0).collect();
    symbols.sort_unstable();
    if let [(_, only)] = symbols[..] {
        lengths[only] = 1;
    }
    let most = symbols.len().saturating_sub(1);
    // Weights, and whether they are a symbol's.
    let mut rows: Vec<Vec<(u32, bool)>> = Vec::new();
    for _ in 0..most.min(longest.into()) {
        let below = rows.last().map(Vec::as_slice).unwrap_or_default();
        let pairs = below.as_chunks().0.iter().map(|[(one, _), (other, _)]| (one + other, false));
        let mut row: Vec<_> = pairs.chain(symbols.iter().map(|(count, _)| (*count, true))).collect();
        // Two sorted runs: this only merges them.
        row.sort();
        rows.push(row);
    }
    let mut wanted = 2 * most;
    for row in rows.iter().rev() {
        let taken = row.iter().take(wanted).filter(|(_, is_symbol)| *is_symbol).count();
        for (_, symbol) in &symbols[..taken] {
            lengths[*symbol] += 1;
        }
        wanted = 2 * (wanted - taken);
    }
    lengths
}
