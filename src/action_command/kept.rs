//! The records that runs have kept as artifacts, which the job may read with `actions: read`.

use crate::client::github::{GithubError, PastRun};
use crate::report::Record;
use crate::report_command;

/// The record in what was read, if the run itself wrote it.
pub(super) fn of_run(bytes: &[u8], repository: &str, run: &PastRun) -> Result<Record, String> {
    let record = report_command::parse(bytes)?;
    let Some(workflow) = &record.workflow else { return Err("it is of no run of a workflow".to_owned()) };
    match workflow.repository == repository && workflow.run_id == run.id {
        true => Ok(record),
        false => Err("it is that of another run".to_owned()),
    }
}

/// Why the records of a branch or commit could not be read.
pub(super) fn unread(whose: &str, error: GithubError) -> String {
    match error {
        GithubError::Forbidden(said) => {
            format!("the job may not read the records of {whose}: give it `permissions` with `actions: read` ({said})")
        }
        error => format!("the records of {whose}: {error}"),
    }
}
