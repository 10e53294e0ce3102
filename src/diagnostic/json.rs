//! Diagnostics for programs, in the form that editors know from the peer's family of tools: a verdict, counts, and each
//! diagnostic with its range. Lines and columns count from one, bytes from zero.

use serde::Serialize;

use super::{Diagnostic, Diagnostics, Severity, SourceMap, Span};

#[derive(Serialize)]
struct Report {
    format_version: &'static str,
    valid: bool,
    error_count: usize,
    warning_count: usize,
    diagnostics: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    severity: &'static str,
    summary: String,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<Range>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related: Vec<Related>,
}

/// A further place, such as that of a first declaration.
#[derive(Serialize)]
struct Related {
    text: String,
    range: Range,
}

#[derive(Serialize)]
struct Range {
    filename: String,
    start: Place,
    end: Place,
}

#[derive(Serialize)]
struct Place {
    line: usize,
    column: usize,
    byte: u32,
}

impl Range {
    fn new(span: Span, sources: &SourceMap) -> Self {
        let span = sources.written(span);
        let at = sources.position(span);
        Self {
            filename: sources.path(span.file).to_string_lossy().into_owned(),
            start: Place { line: at.line, column: at.column, byte: span.start },
            end: Place { line: at.end_line, column: at.end_column, byte: span.end },
        }
    }
}

/// All diagnostics as one JSON document.
pub(crate) fn json(diagnostics: &Diagnostics, sources: &SourceMap) -> String {
    let entry = |diagnostic: &Diagnostic| Entry {
        severity: match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        summary: diagnostic.summary.clone(),
        detail: diagnostic.detail.clone().unwrap_or_default(),
        help: diagnostic.help.clone(),
        range: diagnostic.span.map(|span| Range::new(span, sources)),
        related: diagnostic
            .labels
            .iter()
            .map(|label| Related { text: label.text.clone(), range: Range::new(label.span, sources) })
            .collect(),
    };
    let errors = diagnostics.error_count();
    let report = Report {
        format_version: "1.0",
        valid: errors == 0,
        error_count: errors,
        warning_count: diagnostics.iter().count() - errors,
        diagnostics: diagnostics.iter().map(entry).collect(),
    };
    serde_json::to_string_pretty(&report).unwrap_or_default()
}
