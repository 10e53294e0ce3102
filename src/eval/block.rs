//! A block whose expressions have been evaluated: values with their places, nested blocks, `dynamic` expanded.
//!
//! Made by [`super::body::evaluate`], merged by `plan` (a source with its `build.source`, a provisioner with its
//! override), consumed by [`super::fields::Fields`].

use indexmap::IndexMap;

use crate::diagnostic::Span;
use crate::value::Value;

/// An evaluated attribute.
#[derive(Debug, Clone)]
pub(crate) struct Attr {
    pub value: Value,
    pub name_span: Span,
    pub value_span: Span,
}

/// An evaluated nested block.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub kind: String,
    pub labels: Vec<String>,
    /// Block type and labels.
    pub span: Span,
    pub body: Body,
}

/// The contents of an evaluated block.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub attrs: IndexMap<String, Attr>,
    pub blocks: Vec<Block>,
    /// The header of the block that holds it: where a missing option is reported.
    pub span: Span,
}

impl Body {
    pub(crate) fn new(span: Span) -> Self {
        Self { attrs: IndexMap::new(), blocks: Vec::new(), span }
    }
}
