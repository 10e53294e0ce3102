//! EC2, with own types in and out.

pub(crate) mod types;
