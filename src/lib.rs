//! forge-action: machine images from unmodified Packer templates, built natively, in CI.
//!
//! Files and a source map become a `template`; `resolve` turns variables and locals into a scope; `plan` decodes
//! every component and yields builds; `engine` runs them with the only effects, as events; `report` folds the events
//! into a view and shows it. `app` is that sentence in code.

mod builder;
mod client;
mod communicator;
mod diagnostic;
mod eval;
mod exit_code;
mod post_processor;
mod provisioner;
mod run;
mod script;
mod secret;
mod value;

use std::process::ExitCode;

/// Runs the program with the process's arguments.
pub fn run() -> ExitCode {
    exit_code::ExitCode::Success.into()
}
