//! The texts that diagnostics point into: file names, contents, and byte spans turned into lines and columns.

use std::path::{Path, PathBuf};

/// Index of a file in the [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FileId(u32);

/// A byte range in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// The span of `range` in `file`. Files over 4 GiB are refused when they are read.
    pub(crate) fn new(file: FileId, range: std::ops::Range<usize>) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { file, start: clamp(range.start), end: clamp(range.end) }
    }

    /// The place of a node of the parser's tree. The parser gives every node a range; one without falls on the start
    /// of the file.
    pub(crate) fn of(file: FileId, range: Option<std::ops::Range<usize>>) -> Self {
        Self::new(file, range.unwrap_or(0..0))
    }

    /// From the start of `self` to the end of `other`, which must be in the same file.
    pub(crate) fn to(self, other: Span) -> Span {
        Span { end: other.end.max(self.end), ..self }
    }
}

/// A place as editors and GitHub name it: lines and columns from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub line: usize,
    pub column: usize,
    pub end_line: usize,
    pub end_column: usize,
}

#[derive(Debug)]
struct SourceFile {
    path: PathBuf,
    text: String,
}

/// All files read in this run.
#[derive(Debug, Default)]
pub(crate) struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn add(&mut self, path: impl Into<PathBuf>, text: String) -> FileId {
        self.files.push(SourceFile { path: path.into(), text });
        FileId(u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX))
    }

    pub(crate) fn path(&self, file: FileId) -> &Path {
        &self.files[file.0 as usize].path
    }

    pub(crate) fn text(&self, file: FileId) -> &str {
        &self.files[file.0 as usize].text
    }

    pub(crate) fn position(&self, span: Span) -> Position {
        let text = self.text(span.file);
        let (line, column) = line_column(text, span.start as usize);
        let (end_line, end_column) = line_column(text, span.end as usize);
        Position { line, column, end_line, end_column }
    }
}

fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |n| n + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let mut map = SourceMap::new();
        let file = map.add("a.pkr.hcl", "é = 1\nbb = 2\n".to_owned());
        let position = map.position(Span::new(file, 7..9));
        assert_eq!((position.line, position.column), (2, 1));
        assert_eq!((position.end_line, position.end_column), (2, 3));
        assert_eq!(map.position(Span::new(file, 900..901)).line, 3);
    }
}
