//! forge-action: machine images from unmodified Packer templates, built natively, in CI.
//!
//! Files and a source map become a `template`; `resolve` turns variables and locals into a scope; `plan` decodes
//! every component and yields builds; `engine` runs them with the only effects, as events; `report` folds the events
//! into a view and shows it. `app` is that sentence in code.

#![cfg_attr(
    not(all(feature = "aws", feature = "docker")),
    allow(dead_code, reason = "what only a service that was left out needs is not worth a condition each")
)]

mod action;
mod action_command;
mod app;
mod attestation;
#[cfg(feature = "aws")]
mod aws;
mod builder;
mod catalog;
mod cli;
mod client;
mod communicator;
mod config;
mod console_command;
mod datasource;
mod diagnostic;
#[cfg(feature = "docker")]
mod docker;
mod engine;
mod eval;
mod exit_code;
mod fix;
mod fix_command;
mod fmt_command;
mod formatter;
mod front;
#[cfg(test)]
mod fuzz;
mod init_command;
mod inspect_command;
mod inventory;
mod json;
mod lexer;
mod log;
mod lookup;
mod plan;
mod plan_command;
mod post_processor;
mod provisioner;
mod publish;
mod publish_command;
mod report;
mod report_command;
mod resolve;
mod run;
mod script;
mod secret;
mod signals;
mod stdio;
mod sweep_command;
mod template;
mod upgrade;
mod upgrade_command;
mod value;
mod workflow_command;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

/// Stack of a thread, in bytes: expressions are evaluated by recursion, as deep as the parser lets them be.
const STACK: usize = 8 << 20;

/// Runs the program with the process's arguments.
pub fn run() -> ExitCode {
    use exit_code::ExitCode as Code;
    let cli = match cli::Cli::try_parse_from(cli::normalise(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => {
            match error.use_stderr() {
                // It repeats what it was given.
                true if workflow_command::obeyed() => stdio::print_aside(&error.render().to_string()),
                _ => drop(error.print()),
            }
            return match error.kind() {
                clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion => Code::Success,
                clap::error::ErrorKind::InvalidSubcommand => Code::UnknownCommand,
                _ => Code::Failed,
            }
            .into();
        }
    };
    let redactor = secret::Redactor::new();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let started = builder.thread_stack_size(STACK).enable_all().build().and_then(|runtime| {
        let process = app::Process::current()?;
        log::start(&process.environment, &redactor)?;
        Ok((runtime, process))
    });
    let (runtime, process) = match started {
        Ok(started) => started,
        Err(error) => {
            app::print(&format!("Error: forge cannot start: {error}\n"));
            return Code::Failed.into();
        }
    };
    let code = runtime.block_on(app::run(cli, &process, &redactor));
    // A thread that still waits for a line from the terminal must not hold the exit up.
    runtime.shutdown_timeout(Duration::from_millis(100));
    code.into()
}
