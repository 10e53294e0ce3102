//! User variables of the old JSON format: texts with `{{ }}`, made of each other in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::Environment;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceMap, Span};
use crate::eval::functions::STAND_IN;
use crate::eval::interpolate::{Data, Interpolation, Legacy};
use crate::secret::Redactor;
use crate::template::variable_files::{Checks, plain_texts};
use crate::template::{PEER_VERSION, Template};

/// Fields that a component fills in later: variables keep them as they are.
static FIELD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\{\{\s?\.[^`]*?\}\}").ok());

/// A text that stands for a variable, and where it is written.
struct Given {
    text: String,
    span: Option<Span>,
}

/// The values of all variables. Sensitive ones are registered with the redactor.
pub(crate) fn variables(
    template: &Template,
    environment: &Environment,
    process: &[(String, String)],
    redactor: &Redactor,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<Legacy>> {
    let legacy = template.legacy.as_ref()?;
    let may_lack = environment.given.checks != Checks::All;
    let mut given: BTreeMap<String, Given> = BTreeMap::new();
    for file in &environment.given.files {
        for (name, text, span) in plain_texts(file, sources, diagnostics) {
            given.insert(name, Given { text, span: Some(span) });
        }
    }
    for argument in &environment.given.arguments {
        match argument.split_once('=') {
            Some((name, text)) => drop(given.insert(name.to_owned(), Given { text: text.to_owned(), span: None })),
            None => diagnostics
                .push(Diagnostic::error(format!("-var {argument}: there is no \"=\"")).help("write -var name=value")),
        }
    }
    for variable in &legacy.variables {
        match &variable.default {
            _ if given.contains_key(&variable.name) => {}
            Some(default) => {
                let text = Given { text: default.clone(), span: Some(variable.span) };
                given.insert(variable.name.clone(), text);
            }
            None if may_lack => {}
            None => {
                let name = &variable.name;
                let diagnostic = Diagnostic::error(format!("variable \"{name}\" has no value")).at(variable.span);
                let diagnostic = diagnostic.detail("null means that it must be set");
                diagnostics.push(diagnostic.help(format!("set it with -var {name}=... or in a -var-file")));
            }
        }
    }
    for name in &legacy.sensitive {
        // Before anything is said of it: its text may be wrong and then be shown.
        given.get(name).into_iter().for_each(|given| redactor.add(&given.text));
        if environment.frozen {
            given.entry(name.clone()).and_modify(|given| STAND_IN.clone_into(&mut given.text));
        }
    }
    let template_dir = environment.cwd.join(&template.root);
    let engine = Interpolation {
        build_name: None,
        build_type: None,
        started: environment.started,
        cwd: environment.cwd.clone(),
        version: PEER_VERSION.to_owned(),
        frozen: environment.frozen,
        legacy: Some(Arc::new(Legacy {
            template_dir: plain(&template_dir),
            environment: Some(process.iter().cloned().collect()),
            secrets: environment.secrets.clone(),
            ..Legacy::default()
        })),
    };
    let rendered = render(&given, engine, may_lack, diagnostics);
    for name in legacy.sensitive.iter().filter(|_| !environment.frozen) {
        rendered.get(name).into_iter().for_each(|text| redactor.add(text));
    }
    Some(Arc::new(Legacy { variables: rendered, template_dir: plain(&template_dir), ..Legacy::default() }))
}

/// Without `.` parts.
fn plain(path: &Path) -> std::path::PathBuf {
    path.components().collect()
}

/// Renders each text after those it refers to. `may_lack`: what refers to nothing is left as it is written.
fn render(
    given: &BTreeMap<String, Given>,
    mut engine: Interpolation,
    may_lack: bool,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, String> {
    let mut failed = BTreeSet::new();
    for start in given.keys() {
        let mut path = vec![start.as_str()];
        while let Some(name) = path.last().copied() {
            let known = |name: &str| engine.legacy.as_ref().is_some_and(|l| l.variables.contains_key(name));
            let Some(text) = given.get(name).filter(|_| !known(name) && !failed.contains(name)) else {
                path.pop();
                continue;
            };
            let result = engine.render(&without_fields(&text.text), &Data::Map(BTreeMap::new()));
            let error = match result {
                Ok(value) => {
                    if let Some(legacy) = &mut engine.legacy {
                        Arc::make_mut(legacy).variables.insert(name.to_owned(), value);
                    }
                    path.pop();
                    continue;
                }
                Err(error) => error,
            };
            let missing = error.missing.as_deref().and_then(|missing| Some(given.get_key_value(missing)?.0.as_str()));
            if let Some(missing) = missing.filter(|missing| !failed.contains(*missing)) {
                if !path.contains(&missing) {
                    path.push(missing);
                    continue;
                }
                let circle = [&path[..], &[missing]].concat().join(" -> ");
                let diagnostic = Diagnostic::error("variables depend on each other in a circle");
                diagnostics.push(diagnostic.at_some(text.span).detail(circle));
            } else if missing.is_none() && !(may_lack && error.missing.is_some()) {
                let diagnostic = Diagnostic::error(format!("the value of variable \"{name}\" cannot be rendered"));
                let mut diagnostic = diagnostic.at_some(text.span).detail(error.message);
                diagnostic.help = error.help;
                diagnostics.push(diagnostic);
            }
            failed.insert(name);
            path.pop();
        }
    }
    engine.legacy.map(|legacy| legacy.variables.clone()).unwrap_or_default()
}

/// Fields are put in quotes, so that rendering leaves them as they are.
fn without_fields(text: &str) -> String {
    match &*FIELD {
        Some(field) => field.replace_all(text, "{{`$0`}}").into_owned(),
        None => text.to_owned(),
    }
}
