//! The texts that diagnostics point into: file names, contents, and byte spans turned into lines and columns.

use std::ops::Range;
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
    pub(crate) fn new(file: FileId, range: Range<usize>) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { file, start: clamp(range.start), end: clamp(range.end) }
    }

    /// The place of a node of the parser's tree. The parser gives every node a range; one without falls on the start
    /// of the file.
    pub(crate) fn of(file: FileId, range: Option<Range<usize>>) -> Self {
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
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
    /// The file that the text was made from, and which part of it each part came from, in order.
    origin: Option<(FileId, Vec<Part>)>,
}

/// A part of a text that was made from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub made: Range<usize>,
    /// Of the same length, it is the same text; else only the whole of it is known.
    pub from: Range<usize>,
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
        self.push(path.into(), text, None)
    }

    /// Adds a text that was made from another file: its places are shown as those they came from. `parts` are in
    /// order and do not overlap.
    pub(crate) fn derive(&mut self, from: FileId, text: String, parts: Vec<Part>) -> FileId {
        let path = self.path(from).to_owned();
        self.push(path, text, Some((from, parts)))
    }

    fn push(&mut self, path: PathBuf, text: String, origin: Option<(FileId, Vec<Part>)>) -> FileId {
        // A template that several images are made of is one file: its mistakes are told once.
        if let Some(at) = self.files.iter().position(|f| f.path == path && f.origin == origin && f.text == text) {
            return FileId(u32::try_from(at).unwrap_or(u32::MAX));
        }
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        self.files.push(SourceFile { path, text, lines, origin });
        FileId(u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX))
    }

    /// The place in the file that the user wrote.
    pub(crate) fn written(&self, span: Span) -> Span {
        let Some((file, parts)) = &self.files[span.file.0 as usize].origin else { return span };
        let (start, end) = (span.start as usize, span.end as usize);
        // The parts that the span touches; one between two parts falls on the next.
        let first = parts.partition_point(|part| part.made.end <= start).min(parts.len().saturating_sub(1));
        let last = parts.partition_point(|part| part.made.start < end).saturating_sub(1).max(first);
        let (Some(first), Some(last)) = (parts.get(first), parts.get(last)) else { return Span::new(*file, 0..0) };
        let same = |part: &Part| part.made.len() == part.from.len();
        let start = match same(first) && part_holds(first, start) {
            true => first.from.start + (start - first.made.start),
            false => first.from.start,
        };
        let end = match same(last) && part_holds(last, end) {
            true => last.from.start + (end - last.made.start),
            false => last.from.end,
        };
        Span::new(*file, start..end.max(start))
    }

    pub(crate) fn path(&self, file: FileId) -> &Path {
        &self.files[file.0 as usize].path
    }

    /// The text of the file that was read first.
    pub(crate) fn first(&self) -> Option<&str> {
        self.files.first().map(|file| file.text.as_str())
    }

    pub(crate) fn text(&self, file: FileId) -> &str {
        &self.files[file.0 as usize].text
    }

    pub(crate) fn position(&self, span: Span) -> Position {
        let span = self.written(span);
        let file = &self.files[span.file.0 as usize];
        let (line, column) = file.line_column(span.start as usize);
        let (end_line, end_column) = file.line_column(span.end as usize);
        Position { line, column, end_line, end_column }
    }
}

fn part_holds(part: &Part, at: usize) -> bool {
    (part.made.start..=part.made.end).contains(&at)
}

impl SourceFile {
    fn line_column(&self, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|line| self.lines.get(line)).copied().unwrap_or(0);
        (line, self.text[start..offset].chars().count() + 1)
    }
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

    #[test]
    fn what_is_read_twice_is_one_file() {
        let mut map = SourceMap::new();
        let first = map.add("a", "x".to_owned());
        assert!(map.add("a", "y".to_owned()) != first && map.add("b", "x".to_owned()) != first);
        assert_eq!(map.add("a", "x".to_owned()), first);
        assert_eq!(map.derive(first, "z".to_owned(), Vec::new()), map.derive(first, "z".to_owned(), Vec::new()));
    }

    #[test]
    fn places_of_a_derived_text_are_those_of_the_written_one() {
        let mut map = SourceMap::new();
        let written = map.add("a.json", "{\n\"name\": \"\\u0041bc\"}".to_owned());
        // name = "Abc"
        let parts = vec![
            Part { made: 0..4, from: 3..7 },
            Part { made: 8..9, from: 11..17 },
            Part { made: 9..11, from: 17..19 },
        ];
        let made = map.derive(written, "name = \"Abc\"".to_owned(), parts);
        let place = |range| {
            let span = map.written(Span::new(made, range));
            assert_eq!(span.file, written);
            (span.start, span.end)
        };
        assert_eq!((place(0..4), place(1..2)), ((3, 7), (4, 5)));
        assert_eq!((place(8..9), place(9..11), place(7..12)), ((11, 17), (17, 19), (11, 19)));
        assert_eq!(place(5..6), (11, 17), "between two parts");
        assert_eq!(map.position(Span::new(made, 0..4)).line, 2);
        assert_eq!(map.path(made), Path::new("a.json"));
    }
}
