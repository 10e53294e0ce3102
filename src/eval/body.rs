//! stub
use super::block::Body;
use super::scope::Scope;
use crate::diagnostic::*;
#[derive(Debug)]
pub(crate) struct Pending<'a> {
    pub kind: String,
    pub labels: Vec<String>,
    pub span: Span,
    pub body: &'a hcl_edit::structure::Body,
    pub scope: Scope,
}
pub(crate) fn expand<'a>(
    _: &'a hcl_edit::structure::Body,
    _: FileId,
    _: &Scope,
    _: &mut Diagnostics,
) -> Vec<Pending<'a>> {
    Vec::new()
}
pub(crate) fn evaluate(_: &hcl_edit::structure::Body, s: Span, _: &Scope, _: &mut Diagnostics) -> Body {
    Body::new(s)
}
