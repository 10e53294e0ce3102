//! YAML as nodes with places, made of the parser's events. What the file's form has no use for (tags, merge keys,
//! keys that are collections) is reported here, as are keys given twice.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::mistakes::{Mistakes, shown};
use crate::diagnostic::{Diagnostic, FileId, Span};

/// Deeper nesting is refused: everything behind works by recursion.
const DEEPEST: usize = 64;
/// Nodes at most, those counted that aliases stand for: aliases of aliases grow without end.
const MOST: usize = 100_000;

#[derive(Debug)]
pub(super) struct Node {
    pub span: Span,
    pub content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    /// The text without quotes; a bare one may mean nothing, a bool or a number.
    Scalar {
        text: String,
        bare: bool,
    },
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
}

#[derive(Debug)]
pub(super) struct Entry {
    pub key: String,
    pub key_span: Span,
    pub value: Rc<Node>,
}

/// Reads the one document of the text; nothing when there is none to take apart.
pub(super) fn parse(file: FileId, text: &str, mistakes: &mut Mistakes<'_>) -> Option<Rc<Node>> {
    // For the parser a NUL is the end of the text, and what follows would be lost without a word.
    if let Some(at) = text.find('\0') {
        let diagnostic = Diagnostic::error("the file holds a NUL character").at(Span::new(file, at..at + 1));
        mistakes.push(diagnostic.help("it should be a text file in YAML"));
        return None;
    }
    let places = Places { file, text, offsets: text.char_indices().map(|(at, _)| at).collect() };
    let mut builder = Builder { places, open: Vec::new(), anchors: HashMap::new(), document: None };
    for event in Parser::new_from_str(text) {
        let step = match event {
            Ok((event, span)) => {
                let place = builder.places.range(span.start, span.end);
                builder.event(event, place, mistakes)
            }
            Err(error) => Err(builder.places.syntax(*error.marker(), error.info())),
        };
        if let Err(diagnostic) = step {
            mistakes.push(diagnostic);
            return None;
        }
    }
    if builder.document.is_none() {
        let diagnostic = Diagnostic::error("the file is empty").at(Span::new(file, 0..0));
        mistakes.push(diagnostic.help("write images: with a template for each"));
    }
    builder.document
}

/// From the parser's places, which count characters, to ours.
struct Places<'a> {
    file: FileId,
    text: &'a str,
    /// Of each character, in bytes.
    offsets: Vec<usize>,
}

impl Places<'_> {
    fn byte(&self, marker: Marker) -> usize {
        self.offsets.get(marker.index()).copied().unwrap_or(self.text.len())
    }

    /// Of a collection or a text of several lines, the part on its first line: enough to find it.
    fn range(&self, start: Marker, end: Marker) -> Span {
        let start = self.byte(start);
        let end = self.byte(end).max(start);
        let line = self.text[start..end].split('\n').next().unwrap_or_default();
        Span::new(self.file, start..start + line.trim_end().len())
    }

    fn syntax(&self, marker: Marker, info: &str) -> Diagnostic {
        let at = self.byte(marker);
        let begin = self.text[..at].rfind('\n').map_or(0, |at| at + 1);
        let line = self.text[begin..].lines().next().unwrap_or_default();
        let blanks = &line[..line.len() - line.trim_start().len()];
        let diagnostic = Diagnostic::error("this is not YAML").at(Span::new(self.file, at..at)).detail(info);
        match blanks.contains('\t') {
            true => diagnostic.help("indent with spaces: YAML takes no tabs"),
            false => diagnostic,
        }
    }
}

struct Builder<'a> {
    places: Places<'a>,
    open: Vec<Open>,
    /// What aliases can stand for, with the number of its nodes.
    anchors: HashMap<usize, (Rc<Node>, usize)>,
    document: Option<Rc<Node>>,
}

/// A collection that has begun and not ended.
struct Open {
    anchor: usize,
    span: Span,
    size: usize,
    part: Part,
}

enum Part {
    Items(Vec<Rc<Node>>),
    Entries { done: Vec<Entry>, seen: HashMap<String, Span>, key: Option<Key> },
}

enum Key {
    Name(String, Span),
    /// Was reported; its value does not count.
    Bad,
}

impl Builder<'_> {
    /// An error ends the reading.
    fn event(&mut self, event: Event<'_>, span: Span, mistakes: &mut Mistakes<'_>) -> Result<(), Diagnostic> {
        match event {
            Event::DocumentStart(_) if self.document.is_some() => {
                let diagnostic = Diagnostic::error("a second document begins here").at(span);
                Err(diagnostic.help("the file holds one document: remove the line ---"))
            }
            Event::Scalar(text, style, anchor, tag) => {
                refuse(tag.as_deref(), span, mistakes);
                let content = Content::Scalar { text: text.into_owned(), bare: style == ScalarStyle::Plain };
                let node = Rc::new(Node { span: self.marked(span), content });
                self.anchors.insert(anchor, (Rc::clone(&node), 1));
                self.put(node, 1, mistakes)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some((node, size)) => self.put(node, size, mistakes),
                None => Err(Diagnostic::error("an alias stands inside of its own value").at(span)),
            },
            Event::SequenceStart(anchor, tag) => {
                refuse(tag.as_deref(), span, mistakes);
                self.begin(anchor, span, Part::Items(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                refuse(tag.as_deref(), span, mistakes);
                self.begin(anchor, span, Part::Entries { done: Vec::new(), seen: HashMap::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(mistakes),
            _ => Ok(()),
        }
    }

    /// A value that is not there has no place of its own: that of its key.
    fn marked(&self, span: Span) -> Span {
        match self.open.last().map(|open| &open.part) {
            Some(Part::Entries { key: Some(Key::Name(_, key)), .. }) if span.start == span.end => *key,
            _ => span,
        }
    }

    fn begin(&mut self, anchor: usize, span: Span, part: Part) -> Result<(), Diagnostic> {
        if self.open.len() >= DEEPEST {
            return Err(Diagnostic::error(format!("the nesting is deeper than {DEEPEST} levels")).at(span));
        }
        let span = self.marked(span);
        self.open.push(Open { anchor, span, size: 1, part });
        Ok(())
    }

    fn end(&mut self, mistakes: &mut Mistakes<'_>) -> Result<(), Diagnostic> {
        let Some(Open { anchor, span, size, part }) = self.open.pop() else { return Ok(()) };
        let content = match part {
            Part::Items(items) => Content::List(items),
            Part::Entries { done, .. } => Content::Map(done),
        };
        let node = Rc::new(Node { span, content });
        self.anchors.insert(anchor, (Rc::clone(&node), size));
        self.put(node, size, mistakes)
    }

    /// Puts a node where the document goes on: as key, value, item, or the whole.
    fn put(&mut self, node: Rc<Node>, size: usize, mistakes: &mut Mistakes<'_>) -> Result<(), Diagnostic> {
        let Some(open) = self.open.last_mut() else {
            self.document = Some(node);
            return Ok(());
        };
        open.size += size;
        if open.size > MOST {
            return Err(Diagnostic::error(format!("the file has more than {MOST} values")).at(node.span));
        }
        match &mut open.part {
            Part::Items(items) => items.push(node),
            Part::Entries { done, seen, key } => match key.take() {
                None => *key = Some(name(&node, seen, mistakes)),
                Some(Key::Name(key, key_span)) => done.push(Entry { key, key_span, value: node }),
                Some(Key::Bad) => {}
            },
        }
        Ok(())
    }
}

fn name(node: &Node, seen: &mut HashMap<String, Span>, mistakes: &mut Mistakes<'_>) -> Key {
    let Content::Scalar { text, bare } = &node.content else {
        mistakes.push(Diagnostic::error("a key must be a single word").at(node.span));
        return Key::Bad;
    };
    if text == "<<" && *bare {
        let diagnostic = Diagnostic::error("merge keys are not supported").at(node.span);
        mistakes.push(diagnostic.help("write what all images share under \"defaults\""));
        return Key::Bad;
    }
    if let Some(first) = seen.get(text) {
        let diagnostic = Diagnostic::error(format!("{} is given twice", shown(text))).at(node.span);
        mistakes.push(diagnostic.label(*first, "first given here"));
        return Key::Bad;
    }
    seen.insert(text.clone(), node.span);
    Key::Name(text.clone(), node.span)
}

fn refuse(tag: Option<&Tag>, span: Span, mistakes: &mut Mistakes<'_>) {
    if tag.is_some() {
        let diagnostic = Diagnostic::error("tags are not supported").at(span);
        mistakes.push(diagnostic.help("remove it; a text stands in quotes"));
    }
}
