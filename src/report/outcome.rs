//! What there is to say of a record whose builds ran elsewhere, or not at all.

use super::parts::counted;
use super::record::Record;

/// The sentence for a plan, and for jobs that built nothing. Nothing for a record whose builds tell how they went.
pub(super) fn of_jobs(record: &Record) -> Option<String> {
    if record.is_plan() {
        return Some(format!("📋 {} planned", counted(record.builds.len(), "build")));
    }
    let quiet = record.builds.is_empty() && !record.has_mistakes() && record.cancelled.is_none();
    // That a fork's template is valid is only what its own workflow says.
    match (quiet, record.strangers, record.is_joined()) {
        (true, true, _) => Some("⚪ No mistakes were told of the fork's template; nothing was built".to_owned()),
        (true, false, true) => Some("⚪ Nothing was built".to_owned()),
        _ => None,
    }
}
