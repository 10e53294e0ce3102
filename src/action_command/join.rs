//! The command `report` of the action: the records of this run's jobs become one comment, one check, one summary.

use super::reporting::{self, Reporting};
use super::{Done, fail, warn};
use crate::action::Inputs;
use crate::app::{self, Process};
use crate::client::github::Artifacts;
use crate::exit_code::ExitCode;
use crate::report::{self, Expected, Record};
use crate::report_command;
use crate::secret::Redactor;

/// How the name of an artifact with a record begins.
pub(super) const PREFIX: &str = "forge-record-";

/// Mistakes that are taken from a record of a fork.
const STRANGERS: usize = 500;

/// Joins, reports and judges.
pub(super) async fn run(
    inputs: &Inputs,
    reporting: Reporting,
    process: &Process,
    redactor: &Redactor,
    done: &mut Done,
) -> ExitCode {
    let expected = match inputs.expect.as_deref().map_or(Ok(Expected::default()), Expected::read) {
        Ok(expected) => expected,
        Err(error) => {
            fail(&format!("input \"expect\" is no matrix that forge made: {error}"));
            return ExitCode::Failed;
        }
    };
    let records = match gather(inputs, process, redactor).await {
        Ok(records) if reporting.of_strangers => records.into_iter().map(only_mistakes).collect(),
        Ok(records) => records,
        Err(error) => {
            fail(&error);
            return ExitCode::Failed;
        }
    };
    app::print(&format!("Joining {} records\n", records.len()));
    let joined = report::join(records, &expected, reporting.workflow());
    let annotated = reporting.tell(&joined, process, redactor).await;
    let code = report_command::verdict(&joined);
    // Each job has marked its own lines.
    done.take(joined, inputs, true);
    if !annotated {
        tracing::debug!("the joined record was not shown as a check run");
    }
    code
}

/// A fork's own workflow wrote the record, and can have written anything into it: that it built an image is not for our
/// comment to say.
fn only_mistakes(record: Record) -> Record {
    let mut notes = record.notes;
    notes.truncate(STRANGERS);
    Record { schema: record.schema, seconds: Some(0.0), notes, ..Record::default() }
}

/// From where the input says, else from the artifacts of this run.
async fn gather(inputs: &Inputs, process: &Process, redactor: &Redactor) -> Result<Vec<Record>, String> {
    if !inputs.records.is_empty() {
        let paths: Vec<_> = inputs.records.iter().map(|path| process.cwd.join(path)).collect();
        return report_command::read(&paths);
    }
    let artifacts = reporting::artifacts(process, redactor)?
        .ok_or("no records: the runner gives no artifacts here, name files in the input \"records\"")?;
    read(&artifacts).await
}

async fn read(artifacts: &Artifacts) -> Result<Vec<Record>, String> {
    let mut records = Vec::new();
    for kept in artifacts.list().await.map_err(|error| error.to_string())? {
        if !kept.name.starts_with(PREFIX) {
            continue;
        }
        let read = artifacts.read(&kept).await.map_err(|error| error.to_string());
        match read.and_then(|bytes| report_command::parse(&bytes)) {
            Ok(record) => records.push(record),
            // The others are worth a report; its build is told as missing.
            Err(error) => warn(&format!("{}: {error}", kept.name)),
        }
    }
    Ok(records)
}
