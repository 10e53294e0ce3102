//! Marks on lines of the template in the words of GitHub's runner, for what no check run marks.

use std::collections::BTreeSet;

use super::record::{Record, State};
use crate::workflow_command::command;

/// Whose lines are marked already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marked {
    /// Those of mistakes and warnings.
    pub notes: bool,
    /// Builds that failed, by their place in the record.
    pub builds: BTreeSet<usize>,
}

/// Workflow commands that mark the other lines of mistakes and of steps that failed.
pub(crate) fn marks(record: &Record, shown: &Marked) -> String {
    let mut text = String::new();
    // Jobs that built have marked their lines; records of forks, where nothing is built, could not.
    if record.is_joined() && !record.builds.is_empty() {
        return text;
    }
    for note in record.notes.iter().filter(|_| !shown.notes) {
        let name = if note.error { "error" } else { "warning" };
        let at = note.place.as_ref();
        let columns = at.filter(|at| at.line == at.end_line);
        let properties = [
            ("file", at.map(|at| at.path.clone())),
            ("line", at.map(|at| at.line.to_string())),
            ("endLine", at.map(|at| at.end_line.to_string())),
            ("col", columns.map(|at| at.column.to_string())),
            ("endColumn", columns.map(|at| at.end_column.to_string())),
        ];
        let said = [Some(note.summary.as_str()), note.detail.as_deref()];
        text += &(command(name, &properties, &said.into_iter().flatten().collect::<Vec<_>>().join("\n")) + "\n");
    }
    for (number, build) in record.builds.iter().enumerate() {
        if build.state != State::Failed || shown.builds.contains(&number) {
            continue;
        }
        let place = build.failed_step().and_then(|step| step.place.as_deref()?.rsplit_once(':'));
        let Some((file, line)) = place else { continue };
        let title = format!("Build {} failed", build.name);
        let properties = [("file", Some(file.to_owned())), ("line", Some(line.to_owned())), ("title", Some(title))];
        text += &(command("error", &properties, build.error.as_deref().unwrap_or("failed")) + "\n");
    }
    text
}
