//! The contract with the runner of GitHub Actions: inputs and events from the environment, outputs into its files.

mod cell;
mod checkout;
mod event;
mod hidden;
mod inputs;
mod output_file;
mod trust;

#[cfg(feature = "aws")]
pub(crate) use cell::cell;
pub(crate) use checkout::commit;
pub(crate) use event::{Code, Head, Pull, Trigger, read};
pub(crate) use hidden::hidden;
pub(crate) use inputs::{BaselineFrom, Command, Inputs};
pub(crate) use output_file::OutputFile;
pub(crate) use trust::{Trust, is_approved, trust};
