//! AWS: one account reached in one way, and narrow clients of the services that components need.

pub(crate) mod ec2;
