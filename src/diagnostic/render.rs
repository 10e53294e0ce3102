//! Diagnostics as text: the excerpt a person reads, and the workflow command GitHub turns into an annotation.

use std::path::{Component, Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Severity, SourceMap};
use crate::workflow_command::command;

/// Whether an excerpt carries terminal colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Colour,
}

/// The diagnostic with its source line, marks, notes and help; ends without a line break.
pub(crate) fn render(diagnostic: &Diagnostic, sources: &SourceMap, style: Style) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(diagnostic.summary.as_str());
    let mut group = match excerpts(diagnostic, sources) {
        snippets if snippets.is_empty() => Group::with_title(title),
        snippets => title.elements(snippets),
    };
    if let (None, Some(detail)) = (diagnostic.span, &diagnostic.detail) {
        group = group.element(Level::NOTE.message(detail.as_str()));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Colour => Renderer::styled(),
    };
    renderer.render(&[group])
}

/// One excerpt per file that the diagnostic points into, the primary place first.
fn excerpts<'a>(
    diagnostic: &'a Diagnostic,
    sources: &'a SourceMap,
) -> Vec<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let Some(primary) = diagnostic.span.map(|span| sources.written(span)) else { return Vec::new() };
    let labels: Vec<_> = diagnostic.labels.iter().map(|label| (sources.written(label.span), &label.text)).collect();
    let mut files = vec![primary.file];
    for (span, _) in &labels {
        if !files.contains(&span.file) {
            files.push(span.file);
        }
    }
    let places = |file| {
        let first = (file == primary.file)
            .then(|| AnnotationKind::Primary.span(within(primary, sources)).label(diagnostic.detail.as_deref()));
        let others = labels
            .iter()
            .filter(move |(span, _)| span.file == file)
            .map(|(span, text)| AnnotationKind::Context.span(within(*span, sources)).label(Some(text.as_str())));
        first.into_iter().chain(others).collect::<Vec<_>>()
    };
    files
        .into_iter()
        .map(|file| {
            Snippet::source(sources.text(file)).path(sources.path(file).display().to_string()).annotations(places(file))
        })
        .collect()
}

/// The span cut to the text and to character borders, so that no span can break the renderer.
fn within(span: super::Span, sources: &SourceMap) -> std::ops::Range<usize> {
    let text = sources.text(span.file);
    let border = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = border(span.start as usize);
    start..border(span.end as usize).max(start)
}

/// The diagnostic as a workflow command: `::error file=..,line=..::text`. Escaped as the runner reads it; the
/// runner cuts messages at 4,096 characters. `base` is the folder that relative paths are in, as the runner sees it.
pub(crate) fn annotation(diagnostic: &Diagnostic, sources: &SourceMap, base: &Path) -> String {
    let name = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let at = diagnostic.span.map(|span| (sources.path(span.file), sources.position(span)));
    // The runner drops columns of a range over several lines; it wants them within one line only.
    let columns = at.as_ref().map(|(_, at)| at).filter(|at| at.line == at.end_line);
    let properties = [
        ("file", at.as_ref().map(|(path, _)| from_base(base, path))),
        ("line", at.as_ref().map(|(_, at)| at.line.to_string())),
        ("endLine", at.as_ref().map(|(_, at)| at.end_line.to_string())),
        ("col", columns.map(|at| at.column.to_string())),
        ("endColumn", columns.map(|at| at.end_column.to_string())),
    ];
    let parts = [Some(diagnostic.summary.as_str()), diagnostic.detail.as_deref(), diagnostic.help.as_deref()];
    command(name, &properties, &parts.into_iter().flatten().collect::<Vec<_>>().join("\n"))
}

/// Without the `.` parts, which the runner takes for folders.
pub(crate) fn from_base(base: &Path, path: &Path) -> String {
    let plain = |part: &Component<'_>| *part != Component::CurDir;
    base.join(path).components().filter(plain).collect::<PathBuf>().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Span;

    fn sample() -> (Diagnostic, SourceMap) {
        let mut sources = SourceMap::new();
        let file = sources.add("a,b.pkr.hcl", "source \"x\" \"y\" {\n  comit = true\n}\n".to_owned());
        let diagnostic = Diagnostic::error("unknown option \"comit\"")
            .at(Span::new(file, 19..24))
            .detail("not an option of builder \"docker\"")
            .help("did you mean \"commit\"?");
        (diagnostic, sources)
    }

    #[test]
    fn excerpt_shows_line_mark_and_help() {
        let (diagnostic, sources) = sample();
        let text = render(&diagnostic, &sources, Style::Plain);
        for part in
            ["unknown option \"comit\"", "a,b.pkr.hcl:2:3", "comit = true", "^^^^^ not an option", "help: did you mean"]
        {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
    }

    #[test]
    fn annotation_escapes_properties_and_data() {
        let (mut diagnostic, sources) = sample();
        diagnostic.summary = "50% off\n::add-mask::x".to_owned();
        assert_eq!(
            annotation(&diagnostic, &sources, Path::new("./images")),
            "::error file=images/a%2Cb.pkr.hcl,line=2,endLine=2,col=3,endColumn=8::50%25 off%0A::add-mask::x%0Anot an \
             option of builder \"docker\"%0Adid you mean \"commit\"?"
        );
    }

    #[test]
    fn spans_out_of_the_text_do_not_break_the_excerpt() {
        let mut sources = SourceMap::new();
        let file = sources.add("a", "é".to_owned());
        for range in [0..1, 1..2, 5..9] {
            render(&Diagnostic::error("x").at(Span::new(file, range)), &sources, Style::Plain);
        }
    }
}
