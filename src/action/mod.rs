//! The contract with the runner of GitHub Actions: inputs from the environment, outputs into the runner's files.

mod inputs;
mod output_file;

pub(crate) use inputs::{Inputs, Task};
pub(crate) use output_file::OutputFile;
