//! Expressions of the template language: a spanned syntax tree and a [`Scope`] become a value.
