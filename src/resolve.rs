//! Variables and locals, in order of dependence, into the scope that every block is evaluated in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use crate::diagnostic::{Diagnostic, Diagnostics, SourceMap, Span};
use crate::eval::evaluate;
use crate::eval::functions::FunctionContext;
use crate::eval::scope::{Scope, references};
use crate::secret::Redactor;
use crate::template::variable_files::{Given, collect};
use crate::template::{Input, PEER_VERSION, Template, variables};
use crate::value::{Type, Value};

/// What the process hands to the template: the facts that expressions can see, and variables.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    pub cwd: std::path::PathBuf,
    pub started: SystemTime,
    /// What variables are set to.
    pub given: Given,
}

/// The scope with `var`, `local`, `path` and `packer`. Sensitive texts are registered with the redactor on the way.
pub(crate) fn resolve(
    template: &Template,
    input: &Input,
    environment: &Environment,
    redactor: &Redactor,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Scope {
    let functions = Arc::new(FunctionContext {
        root: template.root.clone(),
        cwd: environment.cwd.clone(),
        started: environment.started,
        in_template: false,
    });
    let names: Vec<&str> = template.variables.iter().map(|v| v.name.as_str()).collect();
    let assigned = collect(&environment.given, input, &|name| names.contains(&name), &names, sources, diagnostics);
    let mut scope = Scope::new(Arc::clone(&functions));
    let assigned = (assigned, environment.given.may_lack);
    for (name, value) in variables::values(&template.variables, assigned, &functions, sources, diagnostics) {
        hide(&value, redactor);
        scope.insert("var", &name, value);
    }
    let text = |path: &std::path::Path| Value::from(path.to_string_lossy().replace('\\', "/"));
    scope.insert("path", "root", text(&template.root));
    scope.insert("path", "cwd", text(&environment.cwd));
    scope.insert("packer", "version", PEER_VERSION.into());
    for registry_only in ["iterationID", "versionFingerprint"] {
        scope.insert("packer", registry_only, Value::unknown(Type::String));
    }
    locals(template, &mut scope, redactor, diagnostics);
    scope
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

/// State of a local on the way through the dependence graph.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Untouched,
    /// On the current path.
    Open,
    Done,
}

/// Evaluates each local after those it uses; a cycle is reported with its path. Iterative: chains may be thousands
/// long.
fn locals(template: &Template, scope: &mut Scope, redactor: &Redactor, diagnostics: &mut Diagnostics) {
    let index: HashMap<&str, usize> = template.locals.iter().enumerate().map(|(i, l)| (l.name.as_str(), i)).collect();
    let uses: Vec<Vec<(usize, Span)>> = template
        .locals
        .iter()
        .map(|local| {
            let used = references(&local.value.node, local.value.file).into_iter();
            let used = used.filter(|r| r.root == "local");
            used.filter_map(|r| Some((*index.get(r.steps.first()?.as_str())?, r.span))).collect()
        })
        .collect();
    // Names first, so that an unknown local can be told from one that comes later.
    for local in &template.locals {
        scope.insert("local", &local.name, Value::unknown(Type::Any));
    }
    let mut state = vec![Visit::Untouched; template.locals.len()];
    for start in 0..template.locals.len() {
        if state[start] != Visit::Untouched {
            continue;
        }
        let mut path = vec![(start, 0)];
        state[start] = Visit::Open;
        while let Some((current, next)) = path.last_mut() {
            let current = *current;
            let Some((used, place)) = uses[current].get(*next).copied() else {
                let local = &template.locals[current];
                let value = evaluate(&local.value.node, local.value.file, scope, diagnostics).marked(local.sensitive);
                hide(&value, redactor);
                scope.insert("local", &local.name, value);
                state[current] = Visit::Done;
                path.pop();
                continue;
            };
            *next += 1;
            match state[used] {
                Visit::Done => {}
                Visit::Untouched => {
                    state[used] = Visit::Open;
                    path.push((used, 0));
                }
                Visit::Open => {
                    let from = path.iter().position(|(i, _)| *i == used).unwrap_or(0);
                    let mut names: Vec<&str> =
                        path[from..].iter().map(|(i, _)| template.locals[*i].name.as_str()).collect();
                    names.push(&template.locals[used].name);
                    let shown = names.iter().map(|name| format!("local.{name}")).collect::<Vec<_>>().join(" -> ");
                    let diagnostic = Diagnostic::error("locals depend on each other in a circle");
                    diagnostics.push(diagnostic.at(place).detail(shown));
                }
            }
        }
    }
}
