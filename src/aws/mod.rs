//! What all Amazon components have in common: how templates say which account
//! is meant, how long to wait, and which image of many.

pub(crate) mod access;
pub(crate) mod filter;
pub(crate) mod source_image;
