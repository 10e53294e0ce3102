//! A matrix as `forge plan` printed it: which jobs are to leave a record.

use serde::{Deserialize, Serialize};

use super::{Build, State};

/// All entries of a matrix.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Matrix {
    include: Vec<Cell>,
}

/// One of them: what is not read here is kept as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cell {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    build: Option<String>,
    #[serde(default)]
    builder: String,
    /// Globs of its builds, separated by commas.
    #[serde(default)]
    only: String,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

impl Matrix {
    pub(crate) fn read(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The entries of all of them.
    pub(crate) fn of_all<'a>(matrices: impl Iterator<Item = &'a Self>) -> Self {
        Self { include: matrices.flat_map(|matrix| matrix.include.iter().cloned()).collect() }
    }

    /// The builds of the entries that are none of `there`, in the state of what is not known.
    pub(crate) fn builds_without(&self, there: &[&str], state: State) -> Vec<Build> {
        let absent = self.include.iter().filter(|cell| !there.contains(&cell.id.as_str()));
        absent.flat_map(|cell| cell.builds(state)).collect()
    }
}

impl Cell {
    fn builds(&self, state: State) -> Vec<Build> {
        let several = self.only.split(',').filter(|name| !name.is_empty()).count() > 1;
        let names: Vec<&str> = match (several, &self.build) {
            (true, _) => self.only.split(',').collect(),
            (false, Some(build)) => vec![build],
            (false, None) => vec![&self.id],
        };
        let named =
            |build: &str| self.image.as_ref().map_or_else(|| build.to_owned(), |image| format!("{image}/{build}"));
        let build = |name: &str| Build { name: named(name), builder: self.builder.clone(), state, ..Build::default() };
        names.into_iter().map(build).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_an_entry_is_lost_in_a_record() {
        let json = r#"{"include":[{"id":"a","build":"null.a","builder":"null","only":"null.a","runs-on":["x"],"template":"t"}]}"#;
        let matrix = Matrix::read(json).unwrap();
        assert_eq!(serde_json::to_string(&matrix).unwrap(), json);
    }
}
