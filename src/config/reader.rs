//! The nodes of the file taken apart, key by key.

use globset::Glob;

use super::event::{Do, EventClass, Policy};
use super::mistakes::{Mistakes, shown};
use super::path::inside;
use super::publish::publish;
use super::runner::runs_on;
use super::settings::{Placed, Settings};
use super::tree::{Content, Entry, Node};
use super::values::{argument, meaning};
use super::{Image, Span};
use crate::diagnostic::Diagnostic;

pub(super) const KEYS: [&str; 3] = ["version", "defaults", "images"];
pub(super) const IMAGE_KEYS: [&str; 8] =
    ["template", "vars", "var-files", "only", "except", "runs-on", "on", "publish"];
/// Of an image's name, in characters: it becomes part of ids and titles.
const LONGEST: usize = 100;

/// All images of the file that could be read.
pub(super) fn images(root: &Node, mistakes: &mut Mistakes<'_>) -> Vec<Image> {
    let Some(top) = entries(root, "the file", &KEYS, mistakes) else { return Vec::new() };
    let mut defaults = Settings::default();
    let mut listed = None;
    for Entry { key, value, .. } in &top {
        match key.as_str() {
            "version" => version(value, mistakes),
            "defaults" => defaults = settings(value, "\"defaults\"", &IMAGE_KEYS[1..], mistakes).unwrap_or_default(),
            _ => listed = Some(value),
        }
    }
    let Some(listed) = listed else {
        let diagnostic = Diagnostic::error("the file has no \"images\"").at(root.span);
        mistakes.push(diagnostic.help("write images: with a name and a template for each"));
        return Vec::new();
    };
    if matches!(&listed.content, Content::Map(entries) if entries.is_empty()) {
        let diagnostic = Diagnostic::error("\"images\" is empty").at(listed.span);
        mistakes.push(diagnostic.help("write NAME: { template: FOLDER } for each image"));
    }
    let Some(listed) = map(listed, "\"images\"", mistakes) else { return Vec::new() };
    listed.iter().filter_map(|entry| image(entry, &defaults, mistakes)).collect()
}

fn version(node: &Node, mistakes: &mut Mistakes<'_>) {
    if !matches!(&node.content, Content::Scalar { text, bare: true } if text == "1") {
        mistakes.push(Diagnostic::error("\"version\" must be 1").at(node.span).detail("the only one that there is"));
    }
}

fn image(entry: &Entry, defaults: &Settings, mistakes: &mut Mistakes<'_>) -> Option<Image> {
    let Entry { key: name, key_span: span, value } = entry;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(plain) || name.len() > LONGEST {
        let diagnostic = Diagnostic::error(format!("{} cannot be the name of an image", shown(name))).at(*span);
        let detail = format!("letters, digits, \".\", \"_\" and \"-\", {LONGEST} at most, the first a letter or digit");
        mistakes.push(diagnostic.detail(detail));
    }
    let what = format!("image {}", shown(name));
    let settings = settings(value, &what, &IMAGE_KEYS, mistakes)?;
    let named = matches!(&value.content, Content::Map(entries) if entries.iter().any(|e| e.key == "template"));
    if !named {
        let diagnostic = Diagnostic::error(format!("{what} has no template")).at(*span);
        mistakes.push(diagnostic.help("add template: and the template's file or folder"));
    }
    let image = settings.image((name.clone(), *span), defaults)?;
    if image.publish.contradicts_itself() {
        let summary = format!("{what}: \"without-record\" is \"build\", and an attestation is required");
        let detail = "an image that is built while it is published has none yet";
        let help = "leave out one of them, here or in \"defaults\"; for this image alone, write without-record: refuse \
                    or attestation: { required: false }";
        mistakes.push(Diagnostic::error(summary).at(*span).detail(detail).help(help));
    }
    Some(image)
}

fn settings(node: &Node, what: &str, known: &[&str], mistakes: &mut Mistakes<'_>) -> Option<Settings> {
    let mut settings = Settings::default();
    for Entry { key, value, .. } in entries(node, what, known, mistakes)? {
        match key.as_str() {
            "template" => settings.template = path(value, "\"template\"", mistakes),
            "vars" => {
                for entry in map(value, "\"vars\"", mistakes).into_iter().flatten() {
                    if let Some(value) = variable(entry, mistakes) {
                        settings.vars.insert(entry.key.clone(), value);
                    }
                }
            }
            "var-files" => settings.var_files = paths(value, mistakes),
            "only" => settings.only = globs(value, "\"only\"", mistakes),
            "except" => settings.except = globs(value, "\"except\"", mistakes),
            "runs-on" => settings.runs_on = runs_on(value, mistakes),
            "publish" => settings.publish = publish(value, mistakes),
            _ => settings.on = policy(value, mistakes),
        }
    }
    Some(settings)
}

fn variable(Entry { key, key_span, value }: &Entry, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let begins = |c: char| c.is_alphabetic() || c == '_';
    if !key.starts_with(begins) || !key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
        let diagnostic = Diagnostic::error(format!("{} cannot be the name of a variable", shown(key))).at(*key_span);
        mistakes.push(diagnostic.detail("letters, digits, \"_\" and \"-\", the first a letter or \"_\""));
    }
    argument(key, value).map_err(|diagnostic| mistakes.push(diagnostic)).ok()
}

fn policy(node: &Node, mistakes: &mut Mistakes<'_>) -> Policy {
    let mut policy = Policy::default();
    let events = EventClass::ALL.map(EventClass::name);
    for entry in entries(node, "\"on\"", &events, mistakes).into_iter().flatten() {
        let Some(event) = EventClass::ALL.into_iter().find(|event| event.name() == entry.key) else { continue };
        if let Some(what) = what(event, &entry.value, mistakes) {
            policy.set(event, what);
        }
    }
    policy
}

fn what(event: EventClass, node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Do> {
    let word = text(node, &format!("\"{}\"", event.name()), mistakes)?;
    let allowed: Vec<&str> = Do::ALL.into_iter().filter(|what| event.allows(*what)).map(Do::name).collect();
    match Do::ALL.into_iter().find(|what| what.name() == word) {
        Some(what) if event.allows(what) => Some(what),
        Some(what) => {
            let (summary, detail) = if what == Do::Publish {
                let name = event.name();
                (
                    format!("\"{name}\" cannot be set to \"publish\""),
                    "only a tag, a release or a person gives a version",
                )
            } else if what == Do::Preview {
                let name = event.name();
                (format!("\"{name}\" cannot be set to \"preview\""), "only a pull request has a preview")
            } else {
                let summary = format!("pull requests from forks cannot be set to \"{word}\"");
                (summary, "a stranger's template is never run")
            };
            let diagnostic = Diagnostic::error(summary).at(node.span).detail(detail);
            mistakes.push(diagnostic.help(format!("choose one of: {}", allowed.join(", "))));
            None
        }
        None => {
            mistakes.unknown(format!("unknown command {}", shown(&word)), (&word, node.span), &allowed);
            None
        }
    }
}

fn globs(node: &Node, what: &str, mistakes: &mut Mistakes<'_>) -> Option<Vec<String>> {
    let globs = texts(node, what, mistakes)?;
    for (glob, span) in &globs {
        if let Err(error) = Glob::new(glob) {
            let diagnostic = Diagnostic::error(format!("{} is not a pattern", shown(glob))).at(*span);
            mistakes.push(diagnostic.detail(error.kind().to_string()));
        }
    }
    Some(globs.into_iter().map(|(glob, _)| glob).collect())
}

pub(super) fn path(node: &Node, what: &str, mistakes: &mut Mistakes<'_>) -> Option<Placed> {
    let text = text(node, what, mistakes)?;
    placed(&text, node.span, mistakes)
}

fn paths(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Vec<Placed>> {
    let paths = texts(node, "\"var-files\"", mistakes)?;
    Some(paths.iter().filter_map(|(text, span)| placed(text, *span, mistakes)).collect())
}

fn placed(text: &str, span: Span, mistakes: &mut Mistakes<'_>) -> Option<Placed> {
    match inside(text) {
        Ok(path) => Some((path, span)),
        Err(reason) => {
            let diagnostic = Diagnostic::error(format!("path {} {reason}", shown(text))).at(span);
            mistakes.push(diagnostic.help("paths are relative to the working directory and inside of it"));
            None
        }
    }
}

/// The entries of a mapping with the known keys; others are reported.
pub(super) fn entries<'a>(
    node: &'a Node,
    what: &str,
    known: &[&str],
    mistakes: &mut Mistakes<'_>,
) -> Option<Vec<&'a Entry>> {
    let mut found = Vec::new();
    for entry in map(node, what, mistakes)? {
        if known.contains(&entry.key.as_str()) {
            found.push(entry);
        } else {
            let summary = format!("unknown key {} in {what}", shown(&entry.key));
            mistakes.unknown(summary, (&entry.key, entry.key_span), known);
        }
    }
    Some(found)
}

pub(super) fn map<'a>(node: &'a Node, what: &str, mistakes: &mut Mistakes<'_>) -> Option<&'a [Entry]> {
    if let Content::Map(entries) = &node.content {
        return Some(entries);
    }
    mistakes.push(wrong(node, what, "a mapping (key: value)"));
    None
}

/// A single text that is not empty and fits on a line.
pub(super) fn text(node: &Node, what: &str, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let Content::Scalar { text, bare } = &node.content else {
        mistakes.push(wrong(node, what, "a text"));
        return None;
    };
    if *bare && !meaning(text).is_string() {
        let help = format!("for a text write it in quotes: \"{text}\"");
        let diagnostic = wrong(node, what, "a text");
        mistakes.push(if text.is_empty() { diagnostic } else { diagnostic.help(help) });
        return None;
    }
    if text.is_empty() || text.chars().any(char::is_control) {
        let reason = if text.is_empty() { "is empty" } else { "holds a control character" };
        mistakes.push(Diagnostic::error(format!("{what} {reason}")).at(node.span));
        return None;
    }
    Some(text.clone())
}

/// `true` or `false`.
pub(super) fn boolean(node: &Node, what: &str, mistakes: &mut Mistakes<'_>) -> Option<bool> {
    if let Content::Scalar { text, bare: true } = &node.content
        && let serde_yaml::Value::Bool(value) = meaning(text)
    {
        return Some(value);
    }
    mistakes.push(wrong(node, what, "true or false"));
    None
}

/// A list of such texts with their places.
pub(super) fn texts(node: &Node, what: &str, mistakes: &mut Mistakes<'_>) -> Option<Vec<(String, Span)>> {
    let Content::List(items) = &node.content else {
        mistakes.push(wrong(node, what, "a list").help("write [one, two], or a line for each that begins with -"));
        return None;
    };
    let what = format!("an entry of {what}");
    Some(items.iter().filter_map(|item| Some((text(item, &what, mistakes)?, item.span))).collect())
}

fn wrong(node: &Node, what: &str, expected: &str) -> Diagnostic {
    let found = match &node.content {
        Content::List(_) => "a list",
        Content::Map(_) => "a mapping",
        Content::Scalar { text, bare: true } => match meaning(text) {
            serde_yaml::Value::Null => "nothing",
            serde_yaml::Value::Bool(_) => "true or false",
            serde_yaml::Value::Number(_) => "a number",
            _ => "a text",
        },
        Content::Scalar { .. } => "a text",
    };
    Diagnostic::error(format!("{what} must be {expected}")).at(node.span).detail(format!("this is {found}"))
}
