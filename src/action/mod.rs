//! The contract with the runner of GitHub Actions: inputs and events from the environment, outputs into its files.

mod checkout;
mod event;
mod inputs;
mod output_file;
mod trust;

pub(crate) use checkout::{CheckoutError, commit};
pub(crate) use event::{Code, EventClass, EventError, Head, Pull, RunRef, Trigger, read};
pub(crate) use inputs::{Inputs, Task};
pub(crate) use output_file::OutputFile;
pub(crate) use trust::{Trust, trust};
