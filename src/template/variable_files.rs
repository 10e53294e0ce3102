//! Values of variables from outside the template, in the peer's precedence: environment, auto files, `-var-file`,
//! `-var`. Which file or flag a value came from stays known for messages.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use hcl_edit::Span as _;
use hcl_edit::structure::Structure;

use super::load::{files_ending, parse, read};
use super::syntax::{expr, header};
use super::{Expr, Input};
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, SourceMap, Span};
use crate::eval::functions::json;
use crate::value::{Kind, Type, Value, loosely};

/// What the user gave beside the template.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    /// `PKR_VAR_name=value` of the environment, prefix removed.
    pub environment: Vec<(String, String)>,
    /// `-var-file`, in order.
    pub files: Vec<PathBuf>,
    /// `-var name=value`, in order.
    pub arguments: Vec<String>,
    /// Values for names that no variable declares are reported as warnings (`validate`).
    pub warn_undeclared: bool,
    pub checks: Checks,
}

/// How much is asked of variables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Checks {
    /// Each has a value that keeps its rules.
    #[default]
    All,
    /// Those without a value are unknown (`inspect`, `console`).
    MayLack,
    /// Types only: values may lack, and rules, locals and data sources are not looked at (`validate -syntax-only`).
    TypesOnly,
}

/// Where a value came from, in the peer's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    Environment,
    File,
    Argument,
}

impl Origin {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Environment => "env",
            Self::File => "varfile",
            Self::Argument => "cmd",
        }
    }
}

/// A value as given: text from the environment and flags, an expression or a value from files.
#[derive(Debug, Clone)]
pub(crate) enum Raw {
    Text(String),
    Expr(Expr),
    Known(Value, Span),
}

#[derive(Debug, Clone)]
pub(crate) struct Assignment {
    pub origin: Origin,
    pub raw: Raw,
}

/// The winning assignment of each name. `declared` tells which names the template knows.
pub(crate) fn collect(
    given: &Given,
    input: &Input,
    declared: &dyn Fn(&str) -> bool,
    names: &[&str],
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> HashMap<String, Assignment> {
    let mut values = HashMap::new();
    for (name, text) in &given.environment {
        if declared(name) {
            values.insert(name.clone(), Assignment { origin: Origin::Environment, raw: Raw::Text(text.clone()) });
        }
    }
    for file in auto_files(input, diagnostics).iter().chain(&given.files) {
        for (name, place, value) in from_file(file, sources, diagnostics) {
            if declared(&name) {
                values.insert(name, Assignment { origin: Origin::File, raw: value });
            } else if given.warn_undeclared {
                diagnostics.push(
                    Diagnostic::warning(format!("the template declares no variable \"{name}\""))
                        .at(place)
                        .detail("its value is not used")
                        .suggest(&name, names.iter().copied()),
                );
            }
        }
    }
    for argument in &given.arguments {
        match argument.split_once('=') {
            Some((name, text)) if declared(name) => {
                let assignment = Assignment { origin: Origin::Argument, raw: Raw::Text(text.to_owned()) };
                values.insert(name.to_owned(), assignment);
            }
            Some((name, _)) => diagnostics.push(
                Diagnostic::error(format!("-var {name}: the template declares no variable of this name"))
                    .suggest(name, names.iter().copied()),
            ),
            None => diagnostics
                .push(Diagnostic::error(format!("-var {argument}: there is no \"=\"")).help("write -var name=value")),
        }
    }
    values
}

/// `*.auto.pkrvars.hcl` beside the template, then JSON ones; only a folder has them.
fn auto_files(input: &Input, diagnostics: &mut Diagnostics) -> Vec<PathBuf> {
    let Input::Folder(folder) = input else { return Vec::new() };
    let mut list = |ending: &str| match files_ending(folder, &[ending]) {
        Ok(files) => files,
        Err(error) => {
            diagnostics.push(Diagnostic::error(format!("folder {} cannot be read: {error}", folder.display())));
            Vec::new()
        }
    };
    let mut files = list(".auto.pkrvars.hcl");
    files.extend(list(".auto.pkrvars.json"));
    files
}

fn from_file(path: &Path, sources: &mut SourceMap, diagnostics: &mut Diagnostics) -> Vec<(String, Span, Raw)> {
    let shown = path.to_string_lossy().into_owned();
    let json = shown.ends_with(".json");
    if !json && !shown.ends_with(".hcl") {
        let diagnostic = Diagnostic::error(format!("variable file {shown} has an unknown ending"));
        diagnostics.push(diagnostic.help("variable files end in .hcl or .json"));
        return Vec::new();
    }
    let Some(file) = read(path, sources, diagnostics) else { return Vec::new() };
    if json {
        return from_json(file, sources, diagnostics);
    }
    let Some(body) = parse(file, sources, diagnostics) else { return Vec::new() };
    let mut values = Vec::new();
    for structure in body {
        match structure {
            Structure::Attribute(attribute) => {
                let place = Span::of(file, attribute.key.span());
                values.push((attribute.key.as_str().to_owned(), place, Raw::Expr(expr(file, attribute.value))));
            }
            Structure::Block(block) => {
                let diagnostic = Diagnostic::error("a variable file holds no blocks").at(header(file, &block));
                let diagnostic = match block.ident.as_str() {
                    "variable" => {
                        diagnostic.detail("variables are declared in .pkr.hcl files").help("here, write name = value")
                    }
                    _ => diagnostic.detail("it holds lines of the form name = value"),
                };
                diagnostics.push(diagnostic);
            }
        }
    }
    values
}

/// The members of a JSON file for a template of the old format: texts, and what loosely becomes one.
pub(crate) fn plain_texts(
    path: &Path,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Vec<(String, String, Span)> {
    let Some(file) = read(path, sources, diagnostics) else { return Vec::new() };
    let mut texts = Vec::new();
    for (name, place, raw) in from_json(file, sources, diagnostics) {
        let Raw::Known(value, _) = raw else { continue };
        // As in the peer, a value all the same.
        let value = if value.is_null() { "".into() } else { value };
        match loosely(&value, &Type::String).map(|value| value.as_str().map(str::to_owned)) {
            Ok(Some(text)) => texts.push((name, text, place)),
            _ => {
                let diagnostic = Diagnostic::error(format!("variable {name:?} must be a text")).at(place);
                diagnostics.push(diagnostic.detail(format!("it is {}", value.ty())));
            }
        }
    }
    texts
}

/// The members of a JSON object; its texts are plain, whatever they look like.
fn from_json(file: FileId, sources: &SourceMap, diagnostics: &mut Diagnostics) -> Vec<(String, Span, Raw)> {
    let text = sources.text(file);
    if let Err(error) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) {
        let start: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let at = (start + error.column().saturating_sub(1)).min(text.len());
        let diagnostic = Diagnostic::error("this is not a JSON object").at(Span::new(file, at..at + 1));
        diagnostics.push(diagnostic.detail(error.to_string()));
        return Vec::new();
    }
    let members = match json::decode(text) {
        Ok(value) => value,
        Err(error) => {
            diagnostics.push(Diagnostic::error(error).at(Span::new(file, 0..text.len().min(1))));
            return Vec::new();
        }
    };
    let Kind::Object(members) = &members.kind else { return Vec::new() };
    let values = members.iter().filter(|(name, _)| !name.starts_with("//")).map(|(name, value)| {
        let key = format!("{name:?}");
        let at = text.find(&key).unwrap_or(0);
        let place = Span::new(file, at..at + key.len());
        (name.clone(), place, Raw::Known(value.clone(), place))
    });
    values.collect()
}
