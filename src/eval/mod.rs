//! Expressions of the template language: a spanned syntax tree and a scope become values, and blocks of values become
//! the options of components. Pure: no network, and the clock comes in as an argument.

pub(crate) mod block;
pub(crate) mod body;
mod call;
mod collection;
pub(crate) mod duration;
mod expression;
pub(crate) mod fields;
pub(crate) mod functions;
pub(crate) mod interpolate;
mod operators;
mod pieces;
pub(crate) mod scope;
mod template;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod traversal;
pub(crate) mod types;

pub(crate) use expression::evaluate;
