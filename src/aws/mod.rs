//! What all Amazon components have in common: how templates say which account is meant and how long to wait.

pub(crate) mod access;
