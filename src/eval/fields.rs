//! The options of one block, handed out by name with type and place.
//!
//! A component's `decode` asks for each option once, then adds its own checks; [`Fields::finish`] reports what nobody
//! asked for, with the nearest option that was, so the list of known names is the decoder itself.

mod leftover;
mod written;

use std::collections::BTreeMap;
use std::time::Duration;

use super::block::{Block, Body};
use super::duration;
use super::interpolate::{Data, Interpolation, over};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::value::{Kind, Type, Value};
use written::Braces;

/// Stands for a text that is unknown at plan time, as in the peer.
pub(crate) const UNKNOWN: &str = "<unknown>";

/// The options of a block on their way into a component's configuration.
pub(crate) struct Fields<'a> {
    /// Who owns the options, as in `builder "docker"`.
    owner: String,
    /// Inside of another block's.
    nested: bool,
    body: Body,
    known: Vec<&'static str>,
    known_blocks: Vec<&'static str>,
    unknown: Vec<&'static str>,
    spans: BTreeMap<&'static str, Span>,
    errors_before: usize,
    diagnostics: &'a mut Diagnostics,
    interpolation: &'a Interpolation,
    /// Of the build that a step belongs to, with stand-ins until it runs; nothing when nobody knows them.
    facts: Option<&'a BTreeMap<String, String>>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(
        owner: impl Into<String>,
        body: Body,
        interpolation: &'a Interpolation,
        diagnostics: &'a mut Diagnostics,
    ) -> Self {
        Self {
            owner: owner.into(),
            nested: false,
            body,
            known: Vec::new(),
            known_blocks: Vec::new(),
            unknown: Vec::new(),
            spans: BTreeMap::new(),
            errors_before: diagnostics.error_count(),
            diagnostics,
            interpolation,
            facts: None,
        }
    }

    /// The options of a step, whose late texts see these facts.
    pub(crate) fn with_facts(self, facts: Option<&'a BTreeMap<String, String>>) -> Self {
        Self { facts, ..self }
    }

    /// The facts of the build that late texts see besides the component's own fields.
    pub(crate) fn facts(&self) -> BTreeMap<String, String> {
        self.facts.cloned().unwrap_or_default()
    }

    /// What late texts of a step see: the facts of the build, and fields of its own. Nothing when nobody knows them.
    pub(crate) fn facts_and<const N: usize>(&self, own: [&str; N]) -> Option<Data> {
        Some(over(self.facts?, own.map(|name| (name, ""))))
    }

    /// What `{{ }}` strings see; keep a clone for those that are rendered when the component runs.
    pub(crate) fn interpolation(&self) -> &Interpolation {
        self.interpolation
    }

    /// The header of the block.
    pub(crate) fn block_span(&self) -> Span {
        self.body.span
    }

    /// A text with its `{{ }}` rendered.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.plain_text(name, Braces::Rendered)
    }

    /// A text whose `{{ }}` the component renders itself when it runs, with fields as those of `seen`: here it is
    /// checked. With nothing `seen`, only its syntax is.
    pub(crate) fn template(&mut self, name: &'static str, seen: Option<&Data>) -> Option<String> {
        self.plain_text(name, Braces::Later(seen))
    }

    /// A text that must be there and not be empty.
    pub(crate) fn required_text(&mut self, name: &'static str) -> Option<String> {
        let text = self.text(name);
        self.require(name, text)
    }

    pub(crate) fn flag(&mut self, name: &'static str) -> Option<bool> {
        match self.take(name, &Type::Bool, Braces::Rendered)?.kind {
            Kind::Bool(flag) => Some(flag),
            _ => Some(false),
        }
    }

    /// A flag that may also be left open. In the old format an empty text and 0 leave it open, as in the peer.
    pub(crate) fn three_state(&mut self, name: &'static str) -> Option<bool> {
        let written = self.written(name, Braces::Rendered)?;
        let open = match &written.kind {
            Kind::String(text) => text.is_empty(),
            Kind::Number(number) => number.is_zero(),
            _ => false,
        };
        if open && self.interpolation.legacy.is_some() {
            return None;
        }
        match self.converted(name, &written, &Type::Bool, Braces::Rendered)?.kind {
            Kind::Bool(flag) => Some(flag),
            _ => Some(false),
        }
    }

    pub(crate) fn integer(&mut self, name: &'static str) -> Option<i64> {
        let value = self.take(name, &Type::Number, Braces::Rendered)?;
        let Kind::Number(number) = &value.kind else { return Some(0) };
        let integer = number.to_i64();
        if integer.is_none() {
            self.error_at(name, format!("\"{name}\" must be a whole number"), "of at most 63 bits");
        }
        integer
    }

    /// A duration in Go's notation, such as `1h30m`.
    pub(crate) fn duration(&mut self, name: &'static str) -> Option<Duration> {
        let text = self.text(name)?;
        if self.is_unknown(name) {
            return Some(Duration::ZERO);
        }
        // As in the peer, an empty text is no duration at all.
        if text.is_empty() {
            return None;
        }
        match duration::parse(&text) {
            Ok(duration) => Some(duration),
            Err(error) => {
                self.error_at(name, format!("\"{name}\" is not a duration"), error.to_string());
                None
            }
        }
    }

    /// A list of texts, each rendered; `None` when absent.
    pub(crate) fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        self.plain_texts(name, Braces::Rendered)
    }

    /// A list of texts, each as in [`Self::template`].
    pub(crate) fn templates(&mut self, name: &'static str, seen: Option<&Data>) -> Option<Vec<String>> {
        self.plain_texts(name, Braces::Later(seen))
    }

    /// A list of lists of texts, each rendered.
    pub(crate) fn text_lists(&mut self, name: &'static str) -> Option<Vec<Vec<String>>> {
        let value = self.take(name, &Type::list(Type::list(Type::String)), Braces::Rendered)?;
        let texts = |list: &Value| list.children().map(|item| item.as_str().unwrap_or(UNKNOWN).to_owned()).collect();
        Some(value.children().map(texts).collect())
    }

    /// A map of texts, values rendered, ordered by key.
    pub(crate) fn text_map(&mut self, name: &'static str) -> Option<BTreeMap<String, String>> {
        self.plain_text_map(name, Braces::Rendered)
    }

    /// A map of texts, keys and values as in [`Self::template`].
    pub(crate) fn template_map(&mut self, name: &'static str, seen: Option<&Data>) -> Option<BTreeMap<String, String>> {
        self.plain_text_map(name, Braces::Later(seen))
    }

    /// A list of whole numbers.
    pub(crate) fn integers(&mut self, name: &'static str) -> Option<Vec<i64>> {
        let value = self.take(name, &Type::list(Type::Number), Braces::Rendered)?;
        let numbers = value.children().map(|item| match &item.kind {
            Kind::Number(number) => number.to_i64(),
            Kind::Unknown(_) => Some(0),
            _ => None,
        });
        let numbers: Option<Vec<i64>> = numbers.collect();
        if numbers.is_none() {
            self.error_at(name, format!("\"{name}\" must be a list of whole numbers"), "of at most 63 bits each");
        }
        numbers
    }

    /// An option that nobody uses: only its type and its `{{ }}` are looked at. Those of texts may be for later.
    pub(crate) fn accept(&mut self, name: &'static str, ty: &Type) {
        let texts = matches!(ty, Type::String)
            || matches!(ty, Type::List(of) | Type::Set(of) | Type::Map(of) if **of == Type::String);
        self.take(name, ty, if texts { Braces::Later(None) } else { Braces::Rendered });
    }

    /// All nested blocks of that type, each to be wrapped by [`Self::nested`].
    pub(crate) fn blocks(&mut self, kind: &'static str) -> Vec<Block> {
        self.known_blocks.push(kind);
        let (found, rest) = std::mem::take(&mut self.body.blocks).into_iter().partition(|b| b.kind == kind);
        self.body.blocks = rest;
        let found: Vec<Block> = found;
        for block in found.iter().filter(|block| !block.labels.is_empty()) {
            let summary = format!("block \"{kind}\" takes no label");
            self.diagnostics.push(Diagnostic::error(summary).at(block.span).help(format!("write {kind} {{ ... }}")));
        }
        found
    }

    /// The nested block of that type; more than one is an error.
    pub(crate) fn block(&mut self, kind: &'static str) -> Option<Block> {
        let mut blocks = self.blocks(kind).into_iter();
        let first = blocks.next();
        for extra in blocks {
            let detail = format!("{} takes one", self.owner);
            self.push(Diagnostic::error(format!("more than one {kind} block")).at(extra.span).detail(detail));
        }
        first
    }

    /// The options of a nested block. Finish it before going on with the outer fields.
    pub(crate) fn nested(&mut self, block: Block) -> Fields<'_> {
        let owner = format!("block \"{}\" of {}", block.kind, self.owner);
        let nested = Fields::new(owner, block.body, self.interpolation, self.diagnostics);
        Fields { nested: true, facts: self.facts, ..nested }
    }

    /// Whether the option is written in the template, with whatever value but null. Ask after taking it.
    pub(crate) fn is_set(&self, name: &'static str) -> bool {
        self.spans.contains_key(name)
    }

    /// Whether the option's value, or a part of it, is not known yet: skip checks of its contents.
    pub(crate) fn is_unknown(&self, name: &'static str) -> bool {
        self.unknown.contains(&name)
    }

    /// Reports a mistake at the value of `name`, or at the block's header when the option is not written.
    pub(crate) fn error_at(&mut self, name: &'static str, summary: impl Into<String>, detail: impl Into<String>) {
        let span = self.spans.get(name).copied().unwrap_or(self.body.span);
        self.push(Diagnostic::error(summary).at(span).detail(detail));
    }

    /// Reports any diagnostic; give it a span.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Errors so far, of this block and of others: compare two counts to see whether a part went well.
    pub(crate) fn error_count(&self) -> usize {
        self.diagnostics.error_count()
    }

    /// The place of the option's value, when it is written.
    pub(crate) fn span_of(&self, name: &'static str) -> Option<Span> {
        self.spans.get(name).copied()
    }

    fn plain_text(&mut self, name: &'static str, braces: Braces<'_>) -> Option<String> {
        let value = self.take(name, &Type::String, braces)?;
        Some(value.as_str().unwrap_or(UNKNOWN).to_owned())
    }

    fn plain_texts(&mut self, name: &'static str, braces: Braces<'_>) -> Option<Vec<String>> {
        let value = self.take(name, &Type::list(Type::String), braces)?;
        if value.children().any(Value::is_null) {
            self.error_at(name, format!("\"{name}\" holds a null"), "every element must be a text");
        }
        Some(value.children().map(|item| item.as_str().unwrap_or(UNKNOWN).to_owned()).collect())
    }

    fn plain_text_map(&mut self, name: &'static str, braces: Braces<'_>) -> Option<BTreeMap<String, String>> {
        let value = self.take(name, &Type::map(Type::String), braces)?;
        let Kind::Map(_, entries) = &value.kind else { return Some(BTreeMap::new()) };
        if entries.values().any(Value::is_null) {
            self.error_at(name, format!("\"{name}\" holds a null"), "every value must be a text");
        }
        let texts = entries.iter().map(|(key, item)| (key.clone(), item.as_str().unwrap_or(UNKNOWN).to_owned()));
        Some(texts.collect())
    }

    fn require(&mut self, name: &'static str, text: Option<String>) -> Option<String> {
        if !self.is_set(name) && text.is_none() {
            let summary = format!("option \"{name}\" is missing");
            let detail = format!("{} needs it", self.owner);
            self.push(Diagnostic::error(summary).at(self.body.span).detail(detail));
            return None;
        }
        if text.as_deref() == Some("") {
            self.error_at(name, format!("\"{name}\" is empty"), "a text is required");
            return None;
        }
        text
    }
}
