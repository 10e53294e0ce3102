//! The mistakes of one file: all of them, up to a number that a person might still read.

use crate::diagnostic::{Diagnostic, Diagnostics, Span};

/// More are not told: each costs an excerpt, and a file of garbage has a hundred thousand.
const MOST: usize = 100;
/// Longer words are cut in messages, in characters, and have no nearest name.
const LONGEST: usize = 60;

/// Adds to the diagnostics and remembers whether it did.
pub(super) struct Mistakes<'a> {
    diagnostics: &'a mut Diagnostics,
    count: usize,
}

impl<'a> Mistakes<'a> {
    pub(super) fn new(diagnostics: &'a mut Diagnostics) -> Self {
        Self { diagnostics, count: 0 }
    }

    pub(super) fn any(&self) -> bool {
        self.count > 0
    }

    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        self.count += 1;
        if self.count <= MOST {
            self.diagnostics.push(diagnostic);
        } else if self.count == MOST + 1 {
            self.diagnostics.push(Diagnostic::error(format!("more than {MOST} mistakes; the others are not shown")));
        }
    }

    /// Something that is none of a few choices.
    pub(super) fn unknown(&mut self, summary: String, (name, span): (&str, Span), known: &[&str]) {
        let diagnostic = Diagnostic::error(summary).at(span).detail(format!("expected: {}", known.join(", ")));
        let short = name.chars().count() <= LONGEST;
        self.push(if short { diagnostic.suggest(name, known.iter().copied()) } else { diagnostic });
    }
}

/// A word of the file in quotes, cut when it is long.
pub(super) fn shown(word: &str) -> String {
    match word.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{:?}...", &word[..at]),
        None => format!("{word:?}"),
    }
}
