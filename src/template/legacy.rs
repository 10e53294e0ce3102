//! Templates of the old JSON format: builders, provisioners and post-processors as lists, variables for `{{ user }}`.
//!
//! They are written as blocks of the language, all texts plain, so that everything behind sees one kind of template;
//! what differs is in [`Legacy`]. Order of builds, as in the peer, is that of their names.

use std::collections::HashMap;
use std::ops::Range;

use super::json::{Translator, parse as parse_json};
use super::version::Version;
use super::{PEER_VERSION, Template, decode, parse};
use crate::catalog::{self, Role};
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, SourceMap, Span};
use crate::json::{self, Object, Texts, Value, Writer, member, range};

/// What the old format has and the language has not.
#[derive(Debug, Default)]
pub(crate) struct Legacy {
    pub description: Option<String>,
    pub variables: Vec<UserVariable>,
    /// Names of variables whose values are secret.
    pub sensitive: Vec<String>,
}

/// A member of `variables`.
#[derive(Debug)]
pub(crate) struct UserVariable {
    pub name: String,
    /// Its value in the file.
    pub span: Span,
    /// A text with `{{ }}`; without one the variable must be set.
    pub default: Option<String>,
}

const ROOT: [&str; 9] = [
    "builders",
    "description",
    "error-cleanup-provisioner",
    "min_packer_version",
    "post-processors",
    "provisioners",
    "push",
    "sensitive-variables",
    "variables",
];

/// Reports what is wrong with the form of a template.
pub(crate) fn check(file: FileId, sources: &mut SourceMap, diagnostics: &mut Diagnostics) {
    let mut template = Template::default();
    if read(file, &mut template, sources, diagnostics) && template.sources.is_empty() {
        diagnostics.push(without_builders());
    }
}

pub(crate) fn without_builders() -> Diagnostic {
    Diagnostic::error("the template has no builders").help("at least one is needed in \"builders\"")
}

/// Adds what the file holds to `template`. Whether it could be read as a whole.
pub(super) fn read(
    file: FileId,
    template: &mut Template,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> bool {
    let errors = diagnostics.error_count();
    let text = sources.text(file).to_owned();
    let Some(value) = parse_json(file, &text, diagnostics) else { return false };
    repeated(&value, file, diagnostics);
    let translator = Translator { file, writer: Writer::new(&text, Texts::Plain), diagnostics };
    let mut reader = Reader { translator, legacy: Legacy::default(), builders: Vec::new() };
    match &value {
        Value::Object(root) => reader.root(root),
        other => reader.wrong("a template is an object", range(other), format!("it is {}", json::kind(other))),
    }
    let Reader { translator, legacy, .. } = reader;
    let (made, parts) = translator.writer.finish();
    if diagnostics.error_count() > errors {
        return false;
    }
    let derived = sources.derive(file, made, parts);
    let Some(body) = parse(derived, sources, diagnostics) else { return false };
    decode::file(derived, body, template, diagnostics);
    template.sources.sort_by(|a, b| a.name.cmp(&b.name));
    template.legacy = Some(legacy);
    true
}

/// A name that an object has twice, at any depth: which one counts nobody can tell.
fn repeated(value: &Value<'_>, file: FileId, diagnostics: &mut Diagnostics) {
    match value {
        Value::Array(array) => array.elements.iter().for_each(|element| repeated(element, file, diagnostics)),
        Value::Object(object) => {
            let mut seen: HashMap<&str, Range<usize>> = HashMap::new();
            for property in &object.properties {
                let (name, at, value) = member(property);
                if let Some(first) = seen.insert(name, at.clone()) {
                    let diagnostic = Diagnostic::error(format!("{name:?} is set twice")).at(Span::new(file, at));
                    diagnostics.push(diagnostic.label(Span::new(file, first), "first set here"));
                }
                repeated(value, file, diagnostics);
            }
        }
        _ => {}
    }
}

/// A component as the lists hold it.
struct Listed<'t, 'a> {
    object: Option<&'t Object<'a>>,
    kind: String,
    /// The quoted name of its type.
    kind_at: Range<usize>,
}

struct Reader<'t, 'd> {
    translator: Translator<'t, 'd>,
    legacy: Legacy,
    /// Names so far.
    builders: Vec<(String, Range<usize>)>,
}

impl<'t> Reader<'t, '_> {
    fn wrong(&mut self, summary: impl Into<String>, at: Range<usize>, detail: impl Into<String>) {
        let diagnostic = Diagnostic::error(summary).at(Span::new(self.translator.file, at));
        self.translator.diagnostics.push(diagnostic.detail(detail));
    }

    fn root(&mut self, root: &'t Object<'t>) {
        let (mut provisioners, mut cleanup, mut post_processors): (Option<_>, Option<_>, Option<_>) =
            (None, None, None);
        for property in &root.properties {
            let (name, at, value) = member(property);
            // As if it were not there.
            if matches!(value, Value::NullKeyword(_)) && ROOT.contains(&name) && name != "builders" {
                continue;
            }
            match name {
                "description" => self.legacy.description = self.text(name, value),
                "min_packer_version" => self.least_version(value),
                "variables" => self.variables(value),
                "sensitive-variables" => {
                    for element in self.list(name, value) {
                        let name = self.text("sensitive-variables", element);
                        self.legacy.sensitive.extend(name);
                    }
                }
                "builders" => self.list(name, value).iter().for_each(|builder| self.builder(builder)),
                "provisioners" => provisioners = Some(value),
                "error-cleanup-provisioner" => cleanup = Some(value),
                "post-processors" => post_processors = Some(value),
                "push" => {
                    let diagnostic = Diagnostic::warning("\"push\" has no effect");
                    let place = Span::new(self.translator.file, at);
                    self.translator.diagnostics.push(diagnostic.at(place).detail("the service behind it is gone"));
                }
                comment if comment.starts_with('_') => {
                    if !matches!(value, Value::StringLit(_)) {
                        self.wrong("a comment must be a text", range(value), format!("it is {}", json::kind(value)));
                    }
                }
                other => {
                    let diagnostic = Diagnostic::error(format!("unknown key {other:?}"));
                    let diagnostic = diagnostic.at(Span::new(self.translator.file, at));
                    let diagnostic = diagnostic.detail("not expected at the top of a template");
                    self.translator.diagnostics.push(diagnostic.suggest(other, ROOT));
                }
            }
        }
        self.add("build {\n");
        for provisioner in provisioners.map(|value| self.list("provisioners", value)).unwrap_or_default() {
            self.component("provisioner", Role::Provisioner, provisioner);
        }
        if let Some(cleanup) = cleanup {
            self.component("error-cleanup-provisioner", Role::Provisioner, cleanup);
        }
        for sequence in post_processors.map(|value| self.list("post-processors", value)).unwrap_or_default() {
            match sequence {
                Value::Array(steps) => {
                    self.add("post-processors {\n");
                    for step in &steps.elements {
                        self.component("post-processor", Role::PostProcessor, step);
                    }
                    self.add("}\n");
                }
                step => self.component("post-processor", Role::PostProcessor, step),
            }
        }
        self.add("}\n");
    }

    fn add(&mut self, text: &str) {
        self.translator.writer.add(text);
    }

    fn text(&mut self, name: &str, value: &Value<'_>) -> Option<String> {
        match value {
            Value::StringLit(text) => Some(text.value.clone().into_owned()),
            other => {
                self.wrong(format!("{name:?} must be a text"), range(other), format!("it is {}", json::kind(other)));
                None
            }
        }
    }

    fn list(&mut self, name: &str, value: &'t Value<'t>) -> &'t [Value<'t>] {
        match value {
            Value::Array(array) => &array.elements,
            other => {
                self.wrong(format!("{name:?} must be a list"), range(other), format!("it is {}", json::kind(other)));
                &[]
            }
        }
    }

    fn least_version(&mut self, value: &Value<'_>) {
        let Some(text) = self.text("min_packer_version", value) else { return };
        if text.is_empty() {
            return;
        }
        match (text.parse::<Version>(), PEER_VERSION.parse::<Version>()) {
            (Ok(least), Ok(version)) if version >= least => {}
            (Ok(_), _) => {
                let summary = format!("this template wants Packer {text} or newer");
                self.wrong(summary, range(value), format!("forge reads templates as Packer {PEER_VERSION} does"));
            }
            (Err(error), _) => self.wrong("this is not a version", range(value), error.to_string()),
        }
    }

    fn variables(&mut self, value: &Value<'_>) {
        let Value::Object(object) = value else {
            let detail = format!("it is {}", json::kind(value));
            return self.wrong("\"variables\" must be an object", range(value), detail);
        };
        for property in &object.properties {
            let (name, _, value) = member(property);
            let default = match value {
                Value::StringLit(text) => Some(text.value.clone().into_owned()),
                Value::NumberLit(number) => Some(number.value.to_owned()),
                // As the peer's loose decoding writes them.
                Value::BooleanLit(flag) => Some(if flag.value { "1" } else { "0" }.to_owned()),
                Value::NullKeyword(_) => None,
                other => {
                    let summary = format!("variable {name:?} must be a text");
                    self.wrong(summary, range(other), format!("it is {}", json::kind(other)));
                    continue;
                }
            };
            let span = Span::new(self.translator.file, range(value));
            self.legacy.variables.push(UserVariable { name: name.to_owned(), span, default });
        }
    }

    /// A component with its type; a text alone is a type without options, where `may_be_text` allows it.
    fn listed(&mut self, value: &'t Value<'t>, may_be_text: bool) -> Option<Listed<'t, 't>> {
        match value {
            Value::Object(object) => match object.get("type").map(|property| &property.value) {
                Some(Value::StringLit(text)) => {
                    let kind = text.value.clone().into_owned();
                    Some(Listed { object: Some(object), kind, kind_at: range(text) })
                }
                Some(other) => {
                    self.wrong("\"type\" must be a text", range(other), format!("it is {}", json::kind(other)));
                    None
                }
                None => {
                    self.wrong(
                        "\"type\" is missing",
                        object.range.start..object.range.start + 1,
                        "every component has one",
                    );
                    None
                }
            },
            Value::StringLit(text) if may_be_text => {
                Some(Listed { object: None, kind: text.value.clone().into_owned(), kind_at: range(text) })
            }
            other => {
                let detail = format!("it is {}", json::kind(other));
                self.wrong("a component is an object", range(other), detail);
                None
            }
        }
    }

    fn builder(&mut self, value: &'t Value<'t>) {
        let Some(listed) = self.listed(value, false) else { return };
        let name = listed.object.and_then(|object| object.get("name")).map(|property| &property.value);
        let (name, at) = match name.filter(|name| !matches!(name, Value::NullKeyword(_))) {
            None => (listed.kind.clone(), listed.kind_at.clone()),
            Some(value) => match self.text("name", value) {
                Some(name) => (name, range(value)),
                None => return,
            },
        };
        if let Some((_, first)) = self.builders.iter().find(|(known, _)| *known == name) {
            let diagnostic = Diagnostic::error(format!("there are two builders with the name {name:?}"));
            let diagnostic = diagnostic.at(Span::new(self.translator.file, at));
            let diagnostic = diagnostic.label(Span::new(self.translator.file, first.clone()), "the first is here");
            self.translator.diagnostics.push(diagnostic.help("give one of them another \"name\""));
            return;
        }
        self.builders.push((name, at.clone()));
        self.add("source ");
        self.translator.writer.label(listed.kind_at);
        self.add(" ");
        self.translator.writer.label(at);
        self.options(Role::Builder, &listed.kind, listed.object, &["type", "name"]);
    }

    fn component(&mut self, block: &str, role: Role, value: &'t Value<'t>) {
        let Some(listed) = self.listed(value, role == Role::PostProcessor) else { return };
        self.add(block);
        self.add(" ");
        self.translator.writer.label(listed.kind_at);
        self.options(role, &listed.kind, listed.object, &["type"]);
    }

    fn options(&mut self, role: Role, kind: &str, object: Option<&Object<'_>>, skipped: &[&str]) {
        self.add(" {\n");
        if let Some(object) = object {
            let known = catalog::find(role, kind).map(|component| &component.options);
            self.translator.plain_options(object, known, skipped);
        }
        self.add("}\n");
    }
}
