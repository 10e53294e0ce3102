//! Bundles in files: one JSON object, or one a line as `gh attestation download` writes them.

use serde_json::value::RawValue;

/// The bundles of a text, each as its own.
pub(crate) fn bundles(text: &str) -> Result<Vec<String>, serde_json::Error> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<Box<RawValue>>();
    values.map(|value| Ok(value?.get().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_or_one_a_line() {
        assert_eq!(bundles("{\n \"a\": 1\n}\n").unwrap(), ["{\n \"a\": 1\n}"]);
        assert_eq!(bundles("{\"a\":1}\n{\"b\":2}\n\n").unwrap(), ["{\"a\":1}", "{\"b\":2}"]);
        assert!(bundles("").unwrap().is_empty());
        assert!(bundles("{\"a\":1}\nx").is_err());
    }
}
