//! The records of a fan-out as one: the newest attempt of each job, and what should be there and is not.

use serde::Deserialize;

use super::record::{Build, Inputs, Record, SCHEMA, Stamp, State, Workflow};

/// A matrix as `forge plan` printed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Expected {
    include: Vec<Cell>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct Cell {
    id: String,
    #[serde(default)]
    image: Option<String>,
    #[serde(default)]
    build: Option<String>,
    #[serde(default)]
    builder: String,
    /// Globs of its builds, separated by commas.
    #[serde(default)]
    only: String,
}

impl Expected {
    pub(crate) fn read(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }
}

impl Cell {
    /// Each build of the entry.
    fn missing(&self) -> Vec<Build> {
        let several = self.only.split(',').filter(|name| !name.is_empty()).count() > 1;
        let names: Vec<&str> = match (several, &self.build) {
            (true, _) => self.only.split(',').collect(),
            (false, Some(build)) => vec![build],
            (false, None) => vec![&self.id],
        };
        let named =
            |build: &str| self.image.as_ref().map_or_else(|| build.to_owned(), |image| format!("{image}/{build}"));
        let build = |name: &str| Build {
            name: named(name),
            builder: self.builder.clone(),
            state: State::Missing,
            ..Build::default()
        };
        names.into_iter().map(build).collect()
    }
}

/// One record of all. `workflow` is that of the job that joins them.
pub(crate) fn join(records: Vec<Record>, expected: &Expected, workflow: Option<Workflow>) -> Record {
    // An earlier attempt may have joined them already.
    let records = newest(records.into_iter().filter(|record| !record.is_joined()).collect());
    let mut joined = Record {
        schema: SCHEMA,
        forge: env!("CARGO_PKG_VERSION").to_owned(),
        run: records.first().map(|record| record.run.clone()).unwrap_or_default(),
        started: records.iter().filter_map(|record| record.started).min(),
        cancelled: records.iter().find_map(|record| record.cancelled.clone()),
        workflow,
        // The same for every run of the workflow, whichever records there are: the comment is found by it.
        inputs: Inputs { templates: vec!["*".to_owned()], ..Inputs::default() },
        ..Record::default()
    };
    let ends = records.iter().filter_map(|record| {
        let took = std::time::Duration::try_from_secs_f64(record.seconds?).ok()?;
        record.started?.0.checked_add(took).map(Stamp)
    });
    let took = ends.max().zip(joined.started).and_then(|(end, start)| end.0.duration_since(start.0).ok());
    joined.seconds = Some(took.unwrap_or_default().as_secs_f64());
    let there: Vec<&str> = records.iter().filter_map(|record| record.inputs.entry.as_deref()).collect();
    let missing: Vec<Build> =
        expected.include.iter().filter(|cell| !there.contains(&cell.id.as_str())).flat_map(Cell::missing).collect();
    for record in records {
        joined.builds.extend(record.builds);
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

/// A job that was run again has a record of each attempt, and only the last one counts.
fn newest(records: Vec<Record>) -> Vec<Record> {
    let key = |record: &Record| {
        let job = record.workflow.as_ref().map(|workflow| workflow.job.clone());
        (job, record.inputs.entry.clone(), record.inputs.templates.clone(), record.inputs.only.clone())
    };
    let age = |record: &Record| {
        (record.workflow.as_ref().map(|workflow| (workflow.run_id, workflow.attempt)), record.started)
    };
    let mut kept: Vec<Record> = Vec::new();
    for record in records {
        match kept.iter_mut().find(|other| key(other) == key(&record)) {
            Some(other) if age(other) < age(&record) => *other = record,
            Some(_) => {}
            None => kept.push(record),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn the_last_attempt_counts_and_what_is_missing_is_told() {
        let expected = Expected::read(
            r#"{"include":[{"id":"a","build":"docker.a"},{"id":"b","build":"docker.b"},{"id":"c","image":"web","build":"docker.c","builder":"docker"}]}"#,
        );
        let records =
            vec![record("a", 1, State::Failed), record("b", 1, State::Succeeded), record("a", 2, State::Succeeded)];
        let joined = join(records, &expected.unwrap(), None);
        let found: Vec<(&str, State)> = joined.builds.iter().map(|build| (build.name.as_str(), build.state)).collect();
        assert_eq!(
            found,
            [("docker.a", State::Succeeded), ("docker.b", State::Succeeded), ("web/docker.c", State::Missing)]
        );
        assert!(joined.has_ended());
    }
}
