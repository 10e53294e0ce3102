//! Mistakes in what the user wrote: a list that is collected while work goes on, so that one run shows them all.
//!
//! The template front and the components' `decode` functions fill a [`Diagnostics`]; `app` renders it. Faults at
//! run time are not diagnostics but typed errors.

mod json;
mod render;
mod source;

use std::collections::BTreeSet;

pub(crate) use json::json;
pub(crate) use render::{Style, annotation, from_base, render};
pub(crate) use source::{FileId, Part, SourceMap, Span};

/// How much a diagnostic matters: only errors stop a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Warning,
    Error,
}

/// A second place that explains the first, such as "first declared here".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    pub span: Span,
    pub text: String,
}

/// One mistake: what is wrong (`summary`), where (`span`), why (`detail`), and what to do (`help`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    pub severity: Severity,
    /// A short phrase without full stop, such as `unknown option "comit"`.
    pub summary: String,
    /// Text at the marked place: what was expected. Sentence or phrase.
    pub detail: Option<String>,
    pub span: Option<Span>,
    pub labels: Vec<Label>,
    pub help: Option<String>,
}

impl Diagnostic {
    pub(crate) fn error(summary: impl Into<String>) -> Self {
        Self::new(Severity::Error, summary.into())
    }

    pub(crate) fn warning(summary: impl Into<String>) -> Self {
        Self::new(Severity::Warning, summary.into())
    }

    fn new(severity: Severity, summary: String) -> Self {
        Self { severity, summary, detail: None, span: None, labels: Vec::new(), help: None }
    }

    /// The same with every text changed, such as redacted.
    pub(crate) fn rewritten(&self, change: impl Fn(&str) -> String) -> Self {
        let mut copy = self.clone();
        copy.summary = change(&self.summary);
        copy.detail = self.detail.as_deref().map(&change);
        copy.help = self.help.as_deref().map(&change);
        copy.labels.iter_mut().for_each(|label| label.text = change(&label.text));
        copy
    }

    pub(crate) fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    pub(crate) fn at_some(mut self, span: Option<Span>) -> Self {
        self.span = span;
        self
    }

    pub(crate) fn detail(mut self, text: impl Into<String>) -> Self {
        self.detail = Some(text.into());
        self
    }

    pub(crate) fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Adds `did you mean "x"?` when a known name is close to `name`.
    pub(crate) fn suggest<'a>(self, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(name, known) {
            Some(near) => self.help(format!("did you mean \"{near}\"?")),
            None => self,
        }
    }
}

/// Diagnostics in the order in which they were found.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    items: Vec<Diagnostic>,
    unsupported: BTreeSet<String>,
}

impl Diagnostics {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a diagnostic unless the very same one is there: a source used by ten builds is wrong once.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if !self.items.contains(&diagnostic) {
            self.items.push(diagnostic);
        }
    }

    /// Notes a component that cannot be used, for the count at the end.
    pub(crate) fn unsupported(&mut self, component: String) {
        self.unsupported.insert(component);
    }

    /// The components noted so, sorted.
    pub(crate) fn all_unsupported(&self) -> Vec<&str> {
        self.unsupported.iter().map(String::as_str).collect()
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.error_count() > 0
    }

    pub(crate) fn error_count(&self) -> usize {
        self.items.iter().filter(|d| d.severity == Severity::Error).count()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.items.iter()
    }
}

/// The known name closest to `name`, if it is close enough to be a slip of the finger.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = ((name.chars().count() + 1) / 3).max(1);
    known
        .into_iter()
        .filter(|k| *k != name)
        .map(|k| (strsim::damerau_levenshtein(name, k), k))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_slips_and_nothing_far() {
        let known = ["commit", "discard", "export_path"];
        assert_eq!(nearest("comit", known), Some("commit"));
        assert_eq!(nearest("export-path", known), Some("export_path"));
        assert_eq!(nearest("volumes", known), None);
    }

    #[test]
    fn same_mistake_is_kept_once() {
        let mut list = Diagnostics::new();
        list.push(Diagnostic::error("x"));
        list.push(Diagnostic::error("x"));
        list.push(Diagnostic::warning("x"));
        assert_eq!((list.iter().count(), list.error_count()), (2, 1));
    }
}
