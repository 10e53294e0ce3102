//! Expressions of the template language: a spanned syntax tree and a scope become values, and blocks of values become
//! the options of components. Pure: no network, and the clock comes in as an argument.

pub(crate) mod block;
pub(crate) mod body;
pub(crate) mod duration;
pub(crate) mod fields;
pub(crate) mod functions;
pub(crate) mod interpolate;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod scope;
pub(crate) mod types;
pub(crate) fn evaluate(
    _: &hcl_edit::expr::Expression,
    _: crate::diagnostic::FileId,
    _: &scope::Scope,
    _: &mut crate::diagnostic::Diagnostics,
) -> crate::value::Value {
    crate::value::Value::null()
}
