//! The records of a fan-out as one: the last attempt of each job's step, and what should be there and is not.

use super::record::{Inputs, Matrix, Record, SCHEMA, Stamp, State, Workflow};

/// What is known of the jobs besides their records.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    /// What they were to build, where that is not said by the record of their plan.
    pub expected: Option<Matrix>,
    /// Some of them were cancelled.
    pub cancelled: bool,
    /// Of the job that joins their records.
    pub workflow: Option<Workflow>,
    /// They ran the code of a fork.
    pub strangers: bool,
}

/// One record of all.
pub(crate) fn join(records: Vec<Record>, jobs: Jobs) -> Record {
    // An earlier attempt may have joined them already.
    let records = last(records.into_iter().filter(|record| !record.is_joined()).collect());
    let cancelled = records.iter().find_map(|record| record.cancelled.clone());
    let mut joined = Record {
        schema: SCHEMA,
        forge: env!("CARGO_PKG_VERSION").to_owned(),
        run: records.first().map(|record| record.run.clone()).unwrap_or_default(),
        started: records.iter().filter_map(|record| record.started).min(),
        cancelled: cancelled.or_else(|| jobs.cancelled.then(|| "its workflow".to_owned())),
        workflow: jobs.workflow,
        // The same for every run of the workflow, whichever records there are: the comment is found by it.
        inputs: Inputs { templates: vec!["*".to_owned()], ..Inputs::default() },
        strangers: jobs.strangers,
        ..Record::default()
    };
    let ends = records.iter().filter_map(|record| {
        let took = std::time::Duration::try_from_secs_f64(record.seconds?).ok()?;
        record.started?.0.checked_add(took).map(Stamp)
    });
    let took = ends.max().zip(joined.started).and_then(|(end, start)| end.0.duration_since(start.0).ok());
    joined.seconds = Some(took.unwrap_or_default().as_secs_f64());
    let expected =
        jobs.expected.unwrap_or_else(|| Matrix::of_all(records.iter().filter_map(|record| record.matrix.as_ref())));
    // One that was cancelled before it had planned says nothing of its builds.
    let told = records.iter().filter(|record| !record.builds.is_empty() || record.cancelled.is_none());
    let there: Vec<&str> = told.filter_map(|record| record.inputs.entry.as_deref()).collect();
    // A job that waited for a runner as the workflow was cancelled never came to leave a record.
    let absent = if joined.cancelled.is_some() { State::Cancelled } else { State::Missing };
    let missing = expected.builds_without(&there, absent);
    for record in records {
        if !record.is_plan() {
            joined.builds.extend(record.builds);
        }
        joined.leftovers.extend(record.leftovers);
        for note in record.notes {
            if !joined.notes.contains(&note) {
                joined.notes.push(note);
            }
        }
    }
    joined.builds.extend(missing);
    joined.builds.sort_by(|a, b| a.name.cmp(&b.name));
    joined
}

/// Without those of an earlier attempt, where a job was run again. All of one attempt count, whatever they have in
/// common: jobs of a matrix may differ by the values of variables alone, which no record tells.
fn last(records: Vec<Record>) -> Vec<Record> {
    let again: Vec<bool> = records.iter().map(|record| records.iter().any(|other| is_again(other, record))).collect();
    records.into_iter().zip(again).filter_map(|(record, again)| (!again).then_some(record)).collect()
}

/// Whether a record is that of a later attempt of the same step of the same job.
fn is_again(later: &Record, of: &Record) -> bool {
    let (Some(new), Some(old)) = (&later.workflow, &of.workflow) else { return false };
    let place = |at: &Workflow| (at.run_id, at.job.clone(), at.index, at.step.clone());
    new.attempt > old.attempt && place(new) == place(old) && later.inputs == of.inputs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::record::Build;

    fn record(entry: &str, attempt: u64, state: State) -> Record {
        let workflow = Workflow { job: "build".to_owned(), run_id: 1, attempt, ..Workflow::default() };
        let build = Build { name: format!("docker.{entry}"), state, ..Build::default() };
        Record {
            workflow: Some(workflow),
            inputs: Inputs { entry: Some(entry.to_owned()), ..Inputs::default() },
            builds: vec![build],
            seconds: Some(1.0),
            ..Record::default()
        }
    }

    fn states(joined: &Record) -> Vec<(&str, State)> {
        joined.builds.iter().map(|build| (build.name.as_str(), build.state)).collect()
    }

    const MATRIX: &str = r#"{"include":[{"id":"a","build":"docker.a"},{"id":"b","build":"docker.b"},{"id":"c","image":"web","build":"docker.c","builder":"docker"}]}"#;

    #[test]
    fn the_last_attempt_counts_and_what_is_missing_is_told() {
        let records =
            vec![record("a", 1, State::Failed), record("b", 1, State::Succeeded), record("a", 2, State::Succeeded)];
        let expected = Matrix::read(MATRIX).ok();
        let joined = join(records.clone(), Jobs { expected: expected.clone(), ..Jobs::default() });
        let both = [("docker.a", State::Succeeded), ("docker.b", State::Succeeded)];
        assert_eq!(states(&joined), [both[0], both[1], ("web/docker.c", State::Missing)]);
        assert!(joined.has_ended());
        let joined = join(records, Jobs { expected, cancelled: true, ..Jobs::default() });
        assert_eq!(states(&joined), [both[0], both[1], ("web/docker.c", State::Cancelled)]);
    }

    #[test]
    fn only_an_earlier_attempt_of_the_same_job_is_left_out() {
        let cell = |index, step: &str, attempt, state| {
            let mut record = record("a", attempt, state);
            let workflow = record.workflow.as_mut().unwrap();
            (workflow.index, workflow.step) = (Some(index), Some(step.to_owned()));
            record
        };
        let mut records = vec![cell(0, "x", 1, State::Failed), cell(1, "x", 1, State::Failed)];
        records.extend([cell(0, "y", 1, State::Failed), cell(0, "x", 2, State::Succeeded)]);
        let joined = join(records, Jobs::default());
        assert_eq!((joined.count(State::Failed), joined.count(State::Succeeded)), (2, 1));
        let same = vec![record("a", 1, State::Failed), record("a", 1, State::Succeeded)];
        assert_eq!(join(same, Jobs::default()).builds.len(), 2);
    }
}
