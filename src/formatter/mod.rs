//! The canonical form of template files, byte for byte that of the peer's `fmt`.
//!
//! Works on tokens, not on the syntax tree: comments and empty lines stay, and so does everything inside of quotes and
//! heredocs but the blanks inside of `${ }`.

mod layout;

use crate::lexer::tokens;

/// The text in canonical layout. Files that do not parse must not get here: their brackets are not what they seem.
pub(crate) fn format(text: &str) -> String {
    layout::write(&tokens(text))
}
