//! For tests: options of a block without a template around them.

use std::path::Path;

use super::block::{Attr, Body};
use super::fields::Fields;
use super::interpolate::Interpolation;
use crate::diagnostic::{Diagnostics, SourceMap, Span};
use crate::value::Value;

/// Decodes `options` in working directory `folder`, leftovers included; else the mistakes, as `summary: detail`.
pub(crate) fn decode<T>(
    folder: &Path,
    options: &[(&str, Value)],
    decode: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Result<T, Vec<String>> {
    let span = Span::new(SourceMap::new().add("test.pkr.hcl", String::new()), 0..0);
    let mut body = Body::new(span);
    for (name, value) in options {
        body.attrs.insert((*name).to_owned(), Attr { value: value.clone(), name_span: span, value_span: span });
    }
    let interpolation = Interpolation {
        build_name: Some("web".to_owned()),
        build_type: Some("docker".to_owned()),
        started: std::time::SystemTime::UNIX_EPOCH,
        cwd: folder.to_owned(),
        version: "0.0.0".to_owned(),
    };
    let mut diagnostics = Diagnostics::new();
    let mut fields = Fields::new("component \"test\"", body, &interpolation, &mut diagnostics);
    let decoded = decode(&mut fields);
    let complete = fields.finish();
    match decoded {
        Some(decoded) if complete => Ok(decoded),
        _ => Err(diagnostics.iter().map(|d| format!("{}: {}", d.summary, d.detail.as_deref().unwrap_or(""))).collect()),
    }
}
