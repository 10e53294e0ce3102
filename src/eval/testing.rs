//! For tests: options of a block, and expressions, without a template around them.

use std::path::Path;

use hcl_edit::expr::Expression;

use super::block::{Attr, Body};
use super::evaluate;
use super::fields::Fields;
use super::functions::json;
use super::interpolate::Interpolation;
use super::scope::Scope;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceMap, Span};
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
        frozen: false,
        legacy: None,
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

/// Evaluates the text of an expression; the result, or all mistakes as `summary: detail`.
pub(crate) fn eval(text: &str, scope: &Scope) -> Result<Value, String> {
    let expression: Expression = text.parse().map_err(|error: hcl_edit::parser::Error| error.to_string())?;
    let file = SourceMap::new().add("test.pkr.hcl", text.to_owned());
    let mut diagnostics = Diagnostics::new();
    let value = evaluate(&expression, file, scope, &mut diagnostics);
    let shown = |d: &Diagnostic| format!("{}: {}", d.summary, d.detail.as_deref().unwrap_or(""));
    match diagnostics.has_errors() {
        true => Err(diagnostics.iter().map(shown).collect::<Vec<_>>().join("\n")),
        false => Ok(value),
    }
}

/// Checks a table of expressions and their results as JSON text; all that differ are shown.
pub(crate) fn check_results(scope: &Scope, table: &[(&str, &str)]) {
    let wrong = table.iter().filter_map(|(text, expected)| {
        let found =
            eval(text, scope).map(|value| json::encode(&value)).unwrap_or_else(|error| format!("error {error}"));
        (found != *expected).then(|| format!("{text}\n  gives    {found}\n  expected {expected}"))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Checks a table of expressions and a part of their error; all that differ are shown.
pub(crate) fn check_errors(scope: &Scope, table: &[(&str, &str)]) {
    let wrong = table.iter().filter_map(|(text, part)| match eval(text, scope) {
        Err(error) if error.contains(part) => None,
        found => Some(format!("{text}\n  gives    {found:?}\n  expected an error with {part}")),
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
