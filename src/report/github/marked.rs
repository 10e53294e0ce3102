//! Which lines of the templates are marked by check runs.

use std::collections::BTreeMap;

use super::check_run::{of_all, of_build, of_mistakes};
use super::outbox::SentCheck;
use crate::client::github::CheckRun;
use crate::report::Marked;
use crate::report::record::{Note, Record, State};

/// Those that GitHub has all the annotations of.
pub(super) fn by(checks: &BTreeMap<String, SentCheck>, record: &Record) -> Marked {
    let shows = |check: CheckRun| {
        let sent = checks.get(&check.name);
        sent.is_some_and(|sent| sent.state == check.state && sent.annotations >= check.annotations.len())
    };
    let mut marked = Marked::default();
    if record.is_joined() || record.builds.is_empty() {
        marked.notes = shows(if record.is_joined() { of_all(record) } else { of_mistakes(record) });
        return marked;
    }
    let mut of_first: &[Note] = &record.notes;
    let labels = record.labels();
    for (number, (build, label)) in record.builds.iter().zip(&labels).enumerate() {
        let notes = std::mem::take(&mut of_first);
        let marks = !notes.is_empty() || build.state == State::Failed;
        if marks && shows(of_build(record, build, label, notes)) {
            marked.builds.insert(number);
            marked.notes |= !notes.is_empty();
        }
    }
    marked
}
