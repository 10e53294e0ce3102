//! The command `report` of the action: the records of this run's jobs become one comment, one check, one summary.

use super::reporting::{self, Reporting};
use super::{Done, fail, outputs, warn};
use crate::action::Inputs;
use crate::app::{self, Process};
use crate::client::github::Artifacts;
use crate::exit_code::ExitCode;
use crate::report::{self, Jobs, Matrix, Record};
use crate::report_command;
use crate::secret::Redactor;

/// How the name of an artifact with a record begins.
pub(super) const PREFIX: &str = "forge-record-";
/// The same of one that was joined of others; whoever gathers those does not take it for one of them.
pub(super) const JOINED: &str = "forge-records-";

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
    let expected = match inputs.expect.as_deref().map(Matrix::read).transpose() {
        Ok(expected) => expected,
        Err(error) => {
            fail(&format!("input \"expect\" is no matrix that forge made: {error}"));
            return ExitCode::Failed;
        }
    };
    let gathered = gather(inputs, process, redactor).await.and_then(|mut gathered| {
        if reporting.of_strangers {
            gathered.records = gathered.records.into_iter().map(only_mistakes).collect();
        }
        if expected.is_some() { Ok(gathered.records) } else { gathered.whole() }
    });
    let records = match gathered {
        Ok(records) => records,
        Err(error) => {
            fail(&error);
            return ExitCode::Failed;
        }
    };
    app::print(&format!("Joining {} records\n", records.len()));
    done.cancelled = inputs.cancelled || records.iter().any(|record| record.cancelled.is_some());
    let jobs = Jobs {
        expected,
        cancelled: inputs.cancelled,
        workflow: reporting.workflow(),
        strangers: reporting.of_strangers,
    };
    let joined = report::join(records, jobs);
    let keeping = done.write_record(&joined, process, redactor);
    let (marked, ()) = tokio::join!(reporting.tell(&joined, process, redactor), outputs::keep(keeping));
    let code = report_command::verdict(&joined);
    done.take(joined, inputs, marked.as_ref());
    code
}

/// A fork's own workflow wrote the record, and can have written anything into it: that it built an image is not for our
/// comment to say.
fn only_mistakes(record: Record) -> Record {
    let mut notes = record.notes;
    notes.truncate(STRANGERS);
    Record { schema: record.schema, seconds: Some(0.0), notes, ..Record::default() }
}

/// What was found.
#[derive(Default)]
struct Gathered {
    records: Vec<Record>,
    /// Some that are there could not be read.
    unread: bool,
}

impl Gathered {
    /// The records, where nothing but they say what should be there: without the plan's own a job that left none would
    /// not be told, and the report be good.
    fn whole(self) -> Result<Vec<Record>, String> {
        let Self { records, unread } = self;
        let planned = records.iter().any(|record| record.matrix.is_some());
        let of_matrix = records.iter().any(|record| record.inputs.entry.is_some());
        match (records.is_empty(), planned) {
            (true, _) => Err("there is no record to report: no job of this run has left one".to_owned()),
            (false, false) if of_matrix || unread => {
                Err("the record of the plan is missing, so nobody knows whether the others are all there: run the job \
                     with `command: plan` again, or give its output `matrix` as the input `expect`"
                    .to_owned())
            }
            _ => Ok(records),
        }
    }
}

/// From where the input says, else from the artifacts of this run.
async fn gather(inputs: &Inputs, process: &Process, redactor: &Redactor) -> Result<Gathered, String> {
    if !inputs.records.is_empty() {
        let paths: Vec<_> = inputs.records.iter().map(|path| process.cwd.join(path)).collect();
        return Ok(Gathered { records: report_command::read(&paths)?, unread: false });
    }
    let artifacts = reporting::artifacts(process, redactor)?
        .ok_or("no records: the runner gives no artifacts here, name files in the input \"records\"")?;
    read(&artifacts).await
}

async fn read(artifacts: &Artifacts) -> Result<Gathered, String> {
    let mut gathered = Gathered::default();
    for kept in artifacts.list().await.map_err(|error| error.to_string())? {
        if !kept.name.starts_with(PREFIX) {
            continue;
        }
        let read = artifacts.read(&kept).await.map_err(|error| error.to_string());
        match read.and_then(|bytes| report_command::parse(&bytes)) {
            Ok(record) => gathered.records.push(record),
            // The others are worth a report; its build is told as missing.
            Err(error) => {
                gathered.unread = true;
                warn(&format!("{}: {error}", kept.name));
            }
        }
    }
    Ok(gathered)
}
