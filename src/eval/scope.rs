//! stub
use super::functions::FunctionContext;
use crate::diagnostic::{FileId, Span};
use crate::value::Value;
use std::sync::Arc;
#[derive(Debug, Clone)]
pub(crate) struct Scope;
pub(crate) struct Reference {
    pub root: String,
    pub steps: Vec<String>,
    pub span: Span,
}
impl Scope {
    pub(crate) fn new(_: Arc<FunctionContext>) -> Self {
        Scope
    }
    pub(crate) fn for_defaults(_: Arc<FunctionContext>) -> Self {
        Scope
    }
    pub(crate) fn literal(_: Arc<FunctionContext>) -> Self {
        Scope
    }
    pub(crate) fn insert(&mut self, _: &str, _: &str, _: Value) {}
    pub(crate) fn child(&self) -> Self {
        Scope
    }
}
pub(crate) fn references(_: &hcl_edit::expr::Expression, _: FileId) -> Vec<Reference> {
    Vec::new()
}
