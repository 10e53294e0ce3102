//! Variables, locals and data sources, in order of dependence, into the scope that every block is evaluated in.

mod graph;
mod legacy;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use graph::{Graph, Node};
pub(crate) use legacy::variables as user_variables;

use crate::catalog::{self, Role};
use crate::client::Services;
use crate::datasource::{Entry, Reading, TABLE};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceMap};
use crate::eval::fields::Fields;
use crate::eval::functions::{FunctionContext, STAND_IN, Secrets};
use crate::eval::interpolate::Interpolation;
use crate::eval::scope::{Reference, Scope};
use crate::eval::{body, evaluate};
use crate::secret::Redactor;
use crate::template::variable_files::{Assignment, Checks, Given, Raw, collect};
use crate::template::{Data, Input, PEER_VERSION, Template, variables};
use crate::value::{Kind, Type, Value, set};

/// What the process hands to the template: the facts that expressions can see, and variables.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    pub cwd: std::path::PathBuf,
    pub started: SystemTime,
    /// What variables are set to.
    pub given: Given,
    /// Who is asked for secrets; without, they are unknown.
    pub secrets: Option<Arc<dyn Secrets>>,
    /// What data sources ask.
    pub services: Arc<Services>,
    /// For the inputs of an image: the clock stands still at `started`, and a text stands for each that is sensitive.
    pub frozen: bool,
    /// A scope that has the outputs of data sources already.
    pub outputs: Option<Scope>,
}

/// Which data sources matter, by their places in the template, and what is done with them. The others are unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    places: Vec<usize>,
    /// Whether the outside world is asked; else their options are checked and their outputs unknown.
    read: bool,
}

impl Wanted {
    pub(crate) fn nothing() -> Self {
        Self { places: Vec::new(), read: false }
    }

    pub(crate) fn all(template: &Template) -> Self {
        Self { places: (0..template.data.len()).collect(), read: true }
    }

    /// The same ones, read.
    pub(crate) fn reading(self) -> Self {
        Self { read: true, ..self }
    }

    /// The same ones, only checked.
    #[cfg(test)]
    pub(crate) fn unread(self) -> Self {
        Self { read: false, ..self }
    }

    /// Those that the references reach, through locals and other data sources too.
    pub(crate) fn reached(template: &Template, from: &[Reference], read: bool) -> Self {
        let reached = Graph::new(template).reached(from).into_iter();
        let places = reached.filter_map(|node| match node {
            Node::Data(at) => Some(at),
            Node::Local(_) => None,
        });
        Self { places: places.collect(), read }
    }
}

/// The scope with `var`, `local`, `path` and `packer`. Sensitive texts are registered with the redactor on the way.
pub(crate) async fn resolve(
    (template, input): (&Template, &Input),
    wanted: &Wanted,
    environment: &Environment,
    redactor: &Redactor,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Scope {
    let functions = Arc::new(FunctionContext {
        root: template.root.clone(),
        cwd: environment.cwd.clone(),
        started: environment.started,
        secrets: environment.secrets.clone(),
        in_template: false,
        frozen: environment.frozen,
    });
    let names: Vec<&str> = template.variables.iter().map(|v| v.name.as_str()).collect();
    let assigned = collect(&environment.given, input, &|name| names.contains(&name), &names, sources, diagnostics);
    let mut scope = Scope::new(Arc::clone(&functions));
    for variable in template.variables.iter().filter(|variable| variable.sensitive) {
        // Before anything is said of it: its text may be wrong and then be shown.
        if let Some(Assignment { raw: Raw::Text(text), .. }) = assigned.get(&variable.name) {
            redactor.add(text);
        }
    }
    let assigned = (assigned, environment.given.checks);
    for (name, value) in variables::values(&template.variables, assigned, &functions, sources, diagnostics) {
        let value = shown(value, environment, redactor);
        scope.insert("var", &name, value);
    }
    let text = |path: &std::path::Path| Value::from(path.to_string_lossy().replace('\\', "/"));
    scope.insert("path", "root", text(&template.root));
    scope.insert("path", "cwd", text(&environment.cwd));
    scope.insert("packer", "version", PEER_VERSION.into());
    for registry_only in ["iterationID", "versionFingerprint"] {
        scope.insert("packer", registry_only, Value::unknown(Type::String));
    }
    if environment.given.checks != Checks::TypesOnly {
        graph(template, wanted, &mut scope, environment, redactor, diagnostics).await;
    }
    scope
}

/// The value as expressions see it: its sensitive texts are registered, or have the stand-in in their place.
fn shown(value: Value, environment: &Environment, redactor: &Redactor) -> Value {
    if environment.frozen {
        return veiled(&value, false);
    }
    hide(&value, redactor);
    value
}

/// With the stand-in for each sensitive text, so that what is made of it still shows the rest. Sensitive numbers stay
/// marked.
fn veiled(value: &Value, within: bool) -> Value {
    let secret = within || value.sensitive;
    let all = |items: &[Value]| items.iter().map(|item| veiled(item, secret)).collect::<Vec<_>>();
    let entries = |entries: &BTreeMap<String, Value>| {
        entries.iter().map(|(key, item)| (key.clone(), veiled(item, secret))).collect::<BTreeMap<_, _>>()
    };
    match &value.kind {
        Kind::String(_) if secret => STAND_IN.into(),
        Kind::List(element, items) => Value::list(element.clone(), all(items)),
        Kind::Set(element, items) => set(element.clone(), all(items)),
        Kind::Tuple(items) => Value::tuple(all(items)),
        Kind::Map(element, items) => Value::map(element.clone(), entries(items)),
        Kind::Object(items) => Value::object(entries(items)),
        _ => value.clone().marked(secret),
    }
}

/// Registers every text of a sensitive value.
fn hide(value: &Value, redactor: &Redactor) {
    let mut texts = Vec::new();
    if value.sensitive {
        value.texts(&mut texts);
    } else {
        value.children().for_each(|child| hide(child, redactor));
    }
    texts.iter().for_each(|text| redactor.add(text));
}

/// Evaluates locals and data sources in the order of their graph.
async fn graph(
    template: &Template,
    wanted: &Wanted,
    scope: &mut Scope,
    environment: &Environment,
    redactor: &Redactor,
    diagnostics: &mut Diagnostics,
) {
    // Names first, so that an unknown local can be told from one that comes later.
    for local in &template.locals {
        scope.insert("local", &local.name, Value::unknown(Type::Any));
    }
    let mut found: BTreeMap<&str, BTreeMap<String, Value>> = BTreeMap::new();
    for data in &template.data {
        let kind = found.entry(&data.kind).or_default();
        kind.insert(data.name.clone(), Value::unknown(Type::Any));
        scope.insert("data", &data.kind, Value::object(kind.clone()));
    }
    for node in Graph::new(template).order(diagnostics) {
        match node {
            Node::Local(at) => {
                let local = &template.locals[at];
                let value = evaluate(&local.value.node, local.value.file, scope, diagnostics).marked(local.sensitive);
                let value = shown(value, environment, redactor);
                scope.insert("local", &local.name, value);
            }
            Node::Data(at) => {
                let data = &template.data[at];
                let read = wanted.places.contains(&at).then_some(wanted.read);
                let value = match environment.outputs.as_ref().and_then(|outputs| outputs.data(&data.kind, &data.name))
                {
                    Some(known) => known,
                    None => look_up(data, read, scope, environment, redactor, diagnostics).await,
                };
                let value = shown(value, environment, redactor);
                let kind = found.entry(&data.kind).or_default();
                kind.insert(data.name.clone(), value);
                scope.insert("data", &data.kind, Value::object(kind.clone()));
            }
        }
    }
}

/// The outputs of a data source: unknown ones unless `read` says to read it, and its options are known and right.
async fn look_up(
    data: &Data,
    read: Option<bool>,
    scope: &Scope,
    environment: &Environment,
    redactor: &Redactor,
    diagnostics: &mut Diagnostics,
) -> Value {
    let entry = TABLE.iter().find(|entry| entry.name == data.kind);
    let unknown = || entry.map_or_else(|| catalogued(&data.kind), Entry::unknown);
    if read.is_none() {
        return unknown();
    }
    let errors = diagnostics.error_count();
    let options = body::evaluate(&data.body, data.span, scope, diagnostics);
    let known = options.attrs.values().all(|attr| attr.value.is_wholly_known());
    let sensitive = options.attrs.values().any(|attr| attr.value.has_sensitive());
    let interpolation = Interpolation {
        build_name: None,
        build_type: None,
        started: environment.started,
        cwd: environment.cwd.clone(),
        version: PEER_VERSION.to_owned(),
        frozen: environment.frozen,
        legacy: None,
    };
    let Some(entry) = entry else {
        let built: Vec<&str> = TABLE.iter().map(|entry| entry.name).collect();
        let what = (Role::Data, data.kind.as_str(), data.kind_span);
        catalog::refuse(what, options, &built, &interpolation, diagnostics);
        return unknown();
    };
    let mut fields = Fields::new(format!("data source \"{}\"", data.kind), options, &interpolation, diagnostics);
    let source = (entry.decode)(&mut fields);
    fields.finish();
    let Some(source) = source.filter(|_| read == Some(true) && known && diagnostics.error_count() == errors) else {
        return entry.unknown();
    };
    let reading = Reading { services: &environment.services, redactor };
    match source.read(&reading).await {
        Ok(found) => {
            for warning in found.warnings {
                diagnostics.push(Diagnostic::warning(warning).at(data.span));
            }
            found.value.marked(sensitive)
        }
        Err(error) => {
            let summary = format!("data source \"{}\" \"{}\" could not be read", data.kind, data.name);
            diagnostics.push(Diagnostic::error(summary).at(data.span).detail(error));
            entry.unknown()
        }
    }
}

/// The outputs of a data source that is known but not supported; of another anything.
fn catalogued(kind: &str) -> Value {
    let Some(component) = catalog::find(Role::Data, kind) else { return Value::unknown(Type::Any) };
    let outputs = component.outputs.attributes.iter();
    Value::object(outputs.map(|(name, ty)| (name.clone(), Value::unknown(ty.clone()))).collect())
}
