//! The `{{ }}` strings inside component options.

use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Clone)]
pub(crate) enum Data {
    Text(String),
    Map(BTreeMap<String, Data>),
}

pub(crate) fn data<const N: usize>(fields: [(&str, &str); N]) -> Data {
    Data::Map(fields.into_iter().map(|(k, v)| (k.to_owned(), Data::Text(v.to_owned()))).collect())
}

#[derive(Debug, Clone)]
pub(crate) struct Interpolation {
    pub build_name: Option<String>,
    pub build_type: Option<String>,
    pub started: std::time::SystemTime,
    pub cwd: PathBuf,
    pub version: String,
}

#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct InterpolateError {
    pub offset: usize,
    pub message: String,
    pub help: Option<String>,
}

impl Interpolation {
    pub(crate) fn render(&self, text: &str, _data: &Data) -> Result<String, InterpolateError> {
        Ok(text.to_owned())
    }

    pub(crate) fn check(&self, _text: &str) -> Result<(), InterpolateError> {
        Ok(())
    }
}
