//! Which job of a matrix this is: by the id of its entry, or by its number.

#[cfg(feature = "aws")]
use super::inputs::Entry;

/// A longer id may be cut where it is shown, and then read like another one.
#[cfg(feature = "aws")]
const LONGEST: usize = 32;

/// A short name of the job among those of its matrix, from the inputs `entry` and `cell`; empty for a job of no matrix.
#[cfg(feature = "aws")]
pub(crate) fn cell(entry: &str, cell: &str) -> String {
    let id = serde_json::from_str::<Entry>(entry).map(|entry| entry.id).unwrap_or_default();
    match place(cell) {
        _ if !id.is_empty() && id.len() <= LONGEST => id,
        Some((index, 2..)) => index.to_string(),
        _ => String::new(),
    }
}

/// Index and total from `INDEX/TOTAL`, which the runner fills in.
pub(super) fn place(text: &str) -> Option<(u64, u64)> {
    let (index, total) = text.split_once('/')?;
    Some((index.trim().parse().ok()?, total.trim().parse().ok().filter(|total| *total > 0)?))
}

#[cfg(all(test, feature = "aws"))]
mod tests {
    use super::cell;

    #[test]
    fn the_id_of_the_entry_goes_before_the_number() {
        assert_eq!(cell(r#"{"id":"web.x","template":"t"}"#, "3/4"), "web.x");
        assert_eq!(cell(&format!(r#"{{"id":"{}"}}"#, "w".repeat(33)), "3/4"), "3");
        assert_eq!(cell("", "0/2"), "0");
        for nothing in ["", "0/1", "x/2", "1", "${{ strategy.job-index }}/${{ strategy.job-total }}"] {
            assert_eq!(cell("{", nothing), "", "{nothing}");
        }
    }
}
