//! `runs-on`: a label, a list of labels, or a group of runners with or without labels, as a job takes it.

use serde_json::{Value, json};

use super::mistakes::Mistakes;
use super::reader::{entries, text, texts};
use super::tree::{Content, Node};
use crate::diagnostic::Diagnostic;

pub(super) const KEYS: [&str; 2] = ["group", "labels"];
const FORMS: &str = "write a label, [label, label], or { group: name, labels: [label] }";

pub(super) fn runs_on(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Value> {
    match &node.content {
        Content::Map(_) => group(node, mistakes),
        _ => labels(node, "\"runs-on\"", mistakes),
    }
}

fn labels(node: &Node, what: &str, mistakes: &mut Mistakes<'_>) -> Option<Value> {
    let Content::List(items) = &node.content else { return text(node, what, mistakes).map(Value::from) };
    if items.is_empty() {
        mistakes.push(Diagnostic::error(format!("{what} names no runner")).at(node.span).help(FORMS));
        return None;
    }
    texts(node, what, mistakes).map(|labels| labels.into_iter().map(|(label, _)| label).collect())
}

fn group(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Value> {
    let mut found = json!({});
    let entries = entries(node, "\"runs-on\"", &KEYS, mistakes)?;
    if matches!(&node.content, Content::Map(written) if written.is_empty()) {
        mistakes.push(Diagnostic::error("\"runs-on\" names no runner").at(node.span).help(FORMS));
        return None;
    }
    for entry in entries {
        found[entry.key.as_str()] = match entry.key.as_str() {
            "group" => text(&entry.value, "\"group\"", mistakes)?.into(),
            _ => labels(&entry.value, "\"labels\"", mistakes)?,
        };
    }
    Some(found)
}
