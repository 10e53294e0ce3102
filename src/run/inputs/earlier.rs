//! Builds of an earlier run as a record tells of them, and what is another in the inputs of now.

use std::collections::{BTreeMap, HashMap};

use super::Input;

/// One build of an earlier run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Earlier {
    pub digest: Option<String>,
    pub inputs: Vec<Input>,
    pub images: Vec<EarlierImage>,
}

/// An image that it made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EarlierImage {
    pub id: String,
    pub location: Option<String>,
    pub tags: Vec<String>,
    /// Digest by pushed name.
    pub digests: BTreeMap<String, String>,
}

/// An input that is new, gone or another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Difference<'a> {
    Added(&'a Input),
    Removed(&'a Input),
    Changed(&'a Input, &'a Input),
}

/// What differs, in the order of the new list; what is gone comes last. Inputs are known by their names, those of one name
/// by their order. What has no digest is a secret, of which nobody can tell whether it changed.
pub(crate) fn differences<'a>(old: &'a [Input], new: &'a [Input]) -> Vec<Difference<'a>> {
    let mut before: HashMap<&str, Vec<&Input>> = HashMap::new();
    for input in old.iter().rev() {
        before.entry(&input.name).or_default().push(input);
    }
    let mut found = Vec::new();
    for input in new {
        match before.get_mut(input.name.as_str()).and_then(Vec::pop) {
            None => found.push(Difference::Added(input)),
            Some(old) if old.digest == input.digest || old.digest.is_none() || input.digest.is_none() => {}
            Some(old) => found.push(Difference::Changed(old, input)),
        }
    }
    let gone = old.iter().filter(|input| before.get(input.name.as_str()).is_some_and(|left| left.contains(input)));
    found.extend(gone.map(Difference::Removed));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_removed_and_changed_inputs() {
        let old = [Input::text("a", "1"), Input::text("b", "1"), Input::secret("s"), Input::text("gone", "x")];
        let new = [Input::text("new", "y"), Input::text("a", "1"), Input::text("b", "2"), Input::secret("s")];
        let expected =
            [Difference::Added(&new[0]), Difference::Changed(&old[1], &new[2]), Difference::Removed(&old[3])];
        assert_eq!(differences(&old, &new), expected);
        assert_eq!(differences(&old, &old), []);
    }
}
