//! `.pkr.json`: the same language in JSON, written as native syntax before it is parsed.
//!
//! In JSON an object may be a block or a value; which of them it is the place tells, with the tables of components
//! for their own options. Every string is a template, and `//` is a comment where blocks and arguments stand.

use std::collections::HashMap;
use std::ops::Range;

use super::syntax::is_identifier;
use crate::catalog::{self, Options, Role};
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, SourceMap, Span};
use crate::json::{self, Object, ObjectProp, Texts, Value, Writer, member, range};

/// Where a JSON object stands: what is a block in it.
#[derive(Clone)]
enum Place {
    Root,
    Variable,
    Packer,
    Build,
    PostProcessors,
    /// A `source` inside of a build.
    BuildSource(Option<&'static Options>),
    Component(Option<&'static Options>),
    /// Options of a component in the old format: nothing but options.
    Plain(Option<&'static Options>),
    /// `dynamic` making blocks of that kind, with those labels, for that place.
    Dynamic(Box<Place>, String, Vec<String>),
    /// Arguments only.
    Lines,
}

impl Place {
    /// How many labels a block of that kind has here; nothing when it is no block.
    fn labels(&self, kind: &str) -> Option<usize> {
        match (self, kind) {
            (Self::Root, "variable" | "local") => Some(1),
            (Self::Root, "source" | "data" | "communicator") => Some(2),
            (Self::Root, "packer" | "variables" | "locals" | "build" | "hcp_packer_registry") => Some(0),
            (Self::Variable, "validation") | (Self::Packer, "required_plugins") => Some(0),
            (Self::Build, "source" | "provisioner" | "error-cleanup-provisioner" | "post-processor") => Some(1),
            (Self::Build, "post-processors" | "hcp_packer_registry") => Some(0),
            (Self::PostProcessors, "post-processor") => Some(1),
            (Self::Dynamic(..), "content") => Some(0),
            (Self::Build | Self::PostProcessors | Self::BuildSource(_) | Self::Component(_), "dynamic") => Some(1),
            (Self::Component(options) | Self::BuildSource(options) | Self::Plain(options), kind) => {
                options.is_some_and(|options| options.blocks.contains_key(kind)).then_some(0)
            }
            _ => None,
        }
    }

    /// Whether blocks of that kind may be several.
    fn repeats(&self, kind: &str) -> bool {
        let Self::Plain(Some(options)) = self else { return false };
        options.blocks.get(kind).is_some_and(|nested| nested.repeated)
    }

    /// The place inside of such a block.
    fn inside(&self, kind: &str, labels: &[String]) -> Place {
        let component = |role: Role| {
            let name = labels.first().map(String::as_str).unwrap_or_default();
            Place::Component(catalog::find(role, name).map(|component| &component.options))
        };
        match (self, kind) {
            (Self::Root, "variable") => Self::Variable,
            (Self::Root, "packer") => Self::Packer,
            (Self::Root, "build") => Self::Build,
            (Self::Root, "source") => component(Role::Builder),
            (Self::Root, "data") => component(Role::Data),
            (Self::Build, "source") => {
                let parts: Vec<&str> = labels.first().map(|label| label.split('.').collect()).unwrap_or_default();
                let name = parts.iter().rev().nth(1).copied().unwrap_or_default();
                Self::BuildSource(catalog::find(Role::Builder, name).map(|component| &component.options))
            }
            (Self::Build, "provisioner" | "error-cleanup-provisioner") => component(Role::Provisioner),
            (Self::Build | Self::PostProcessors, "post-processor") => component(Role::PostProcessor),
            (Self::Build, "post-processors") => Self::PostProcessors,
            (Self::Dynamic(around, of, labels), "content") => around.inside(of, labels),
            (_, "dynamic") => {
                Self::Dynamic(Box::new(self.clone()), labels.first().cloned().unwrap_or_default(), Vec::new())
            }
            (Self::Component(Some(options)) | Self::BuildSource(Some(options)), kind) => {
                Self::Component(options.blocks.get(kind).map(|nested| &nested.options))
            }
            (Self::Plain(Some(options)), kind) => Self::Plain(options.blocks.get(kind).map(|nested| &nested.options)),
            _ => Self::Lines,
        }
    }

    /// Whether the text of that argument is itself an expression: a type, a name.
    fn bare(&self, argument: &str) -> bool {
        matches!((self, argument), (Self::Variable, "type") | (Self::Dynamic(..), "iterator"))
    }
}

/// The file in native syntax, as a file of its own whose places are those of the JSON; nothing after a mistake.
pub(super) fn native(file: FileId, sources: &mut SourceMap, diagnostics: &mut Diagnostics) -> Option<FileId> {
    let errors = diagnostics.error_count();
    let text = sources.text(file);
    let value = parse(file, text, diagnostics)?;
    let mut translator = Translator { file, writer: Writer::new(text, Texts::Templates), diagnostics };
    match &value {
        Value::Object(object) => translator.body(&[object], &Place::Root),
        Value::Array(array) => {
            let objects: Vec<&Object<'_>> = array.elements.iter().filter_map(Value::as_object).collect();
            if objects.len() < array.elements.len() {
                translator.wrong("a template is an object or a list of objects", range(array), "");
            }
            translator.body(&objects, &Place::Root);
        }
        other => translator.wrong("a template is an object", range(other), json::kind(other)),
    }
    let (made, parts) = translator.writer.finish();
    (diagnostics.error_count() == errors).then(|| sources.derive(file, made, parts))
}

/// The value that a file holds; nothing after a mistake.
pub(super) fn parse<'t>(file: FileId, text: &'t str, diagnostics: &mut Diagnostics) -> Option<Value<'t>> {
    json::parse(text)
        .map_err(|error| {
            let diagnostic = Diagnostic::error("this is not JSON").at(Span::new(file, error.range));
            diagnostics.push(diagnostic.detail(error.message));
        })
        .ok()
}

/// Writes blocks and arguments from objects.
pub(super) struct Translator<'t, 'd> {
    pub file: FileId,
    pub writer: Writer<'t>,
    pub diagnostics: &'d mut Diagnostics,
}

impl Translator<'_, '_> {
    /// The options of a component in the old format, but for members whose names are in `skipped`.
    pub(super) fn plain_options(&mut self, object: &Object<'_>, options: Option<&'static Options>, skipped: &[&str]) {
        let kept = object.properties.iter().filter(|property| !skipped.contains(&property.name.as_str()));
        self.members(kept, &Place::Plain(options));
    }

    pub(super) fn wrong(&mut self, summary: &str, at: Range<usize>, detail: &str) {
        let diagnostic = Diagnostic::error(summary).at(Span::new(self.file, at));
        self.diagnostics.push(if detail.is_empty() {
            diagnostic
        } else {
            diagnostic.detail(format!("it is {detail}"))
        });
    }

    /// The members of the objects, which stand for one block, as arguments and blocks.
    fn body(&mut self, objects: &[&Object<'_>], place: &Place) {
        let members = objects.iter().flat_map(|object| &object.properties);
        self.members(members.filter(|property| property.name.as_str() != "//"), place);
    }

    fn members<'a, 'j: 'a>(&mut self, members: impl Iterator<Item = &'a ObjectProp<'j>>, place: &Place) {
        let mut seen: HashMap<&str, Range<usize>> = HashMap::new();
        for property in members {
            let (name, at, value) = member(property);
            if !is_identifier(name) {
                self.wrong(&format!("{name:?} is not a name"), at, "");
                continue;
            }
            if let Some(count) = place.labels(name) {
                self.blocks((name, at), count, &mut Vec::new(), value, place);
                continue;
            }
            if let Some(first) = seen.insert(name, at.clone()) {
                let diagnostic = Diagnostic::error(format!("argument \"{name}\" is set twice"));
                let diagnostic = diagnostic.at(Span::new(self.file, at.clone()));
                self.diagnostics.push(diagnostic.label(Span::new(self.file, first), "first set here"));
                continue;
            }
            self.writer.name(name, at);
            self.writer.add(" = ");
            match value {
                Value::StringLit(text) if place.bare(name) => self.writer.bare(text),
                value => self.writer.value(value),
            }
            self.writer.add("\n");
        }
    }

    /// Blocks of one kind: one for an object, several for a list; the outer members are labels.
    fn blocks(
        &mut self,
        kind: (&str, Range<usize>),
        missing: usize,
        labels: &mut Vec<(String, Range<usize>)>,
        value: &Value<'_>,
        place: &Place,
    ) {
        match value {
            Value::NullKeyword(_) => {}
            // Where blocks are a list, an empty text or object stands for an empty list, as in the peer.
            Value::StringLit(text) if text.value.is_empty() && place.repeats(kind.0) => {}
            Value::Object(object) if object.properties.is_empty() && place.repeats(kind.0) => {}
            Value::Array(array) => {
                for element in &array.elements {
                    self.blocks(kind.clone(), missing, labels, element, place);
                }
            }
            Value::Object(object) if missing > 0 => {
                for property in &object.properties {
                    let (label, at, value) = member(property);
                    if label == "//" {
                        continue;
                    }
                    labels.push((label.to_owned(), at));
                    self.blocks(kind.clone(), missing - 1, labels, value, place);
                    labels.pop();
                }
            }
            Value::Object(object) => {
                self.writer.name(kind.0, kind.1);
                for (_, at) in labels.iter() {
                    self.writer.add(" ");
                    self.writer.label(at.clone());
                }
                self.writer.add(" {\n");
                let names: Vec<String> = labels.iter().map(|(label, _)| label.clone()).collect();
                let mut inside = place.inside(kind.0, &names);
                if let (Place::Dynamic(_, _, labels), "dynamic") = (&mut inside, kind.0) {
                    *labels = texts(object, "labels");
                }
                self.body(&[object], &inside);
                self.writer.add("}\n");
            }
            other => {
                let summary = format!("\"{}\" is a block here", kind.0);
                let diagnostic = Diagnostic::error(summary).at(Span::new(self.file, range(other)));
                let diagnostic = diagnostic.detail(format!("it is {}", json::kind(other)));
                self.diagnostics.push(diagnostic.help("write an object, or a list of objects"));
            }
        }
    }
}

/// The texts in a list of that name.
fn texts(object: &Object<'_>, name: &str) -> Vec<String> {
    let list = object.get(name).and_then(|property| property.value.as_array());
    let texts = list.into_iter().flat_map(|array| &array.elements).filter_map(Value::as_string_lit);
    texts.map(|text| text.value.clone().into_owned()).collect()
}
