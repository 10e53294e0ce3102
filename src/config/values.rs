//! Values of variables as `-var` takes them: a single value is text as it was written, a list or mapping is an
//! expression of the template language.

use serde_yaml::Value;

use super::tree::{Content, Node};
use crate::diagnostic::Diagnostic;
use crate::value::{Number, quoted};

/// The text behind `name=`. `1.20` stays `1.20` and `yes` stays `yes`: what they mean is the template's to say, which
/// declares the variable's type.
pub(super) fn argument(name: &str, node: &Node) -> Result<String, Diagnostic> {
    match &node.content {
        Content::Scalar { text, bare: true } if meaning(text).is_null() => {
            let diagnostic = Diagnostic::error(format!("variable \"{name}\" has no value")).at(node.span);
            Err(diagnostic.help("write \"\" for an empty text"))
        }
        Content::Scalar { text, .. } => Ok(text.clone()),
        _ => expression(node),
    }
}

/// What a bare word means by YAML 1.2, which serde_yaml knows: nothing, a bool, a number, else a text.
pub(super) fn meaning(text: &str) -> Value {
    // As an item of a list, nothing is a mark of a document.
    match serde_yaml::from_str(&format!("- {text}")) {
        Ok(Value::Sequence(mut items)) if items.len() == 1 => items.pop().unwrap_or_default(),
        _ => Value::String(text.to_owned()),
    }
}

fn expression(node: &Node) -> Result<String, Diagnostic> {
    Ok(match &node.content {
        Content::List(items) => {
            let items: Result<Vec<String>, _> = items.iter().map(|item| expression(item)).collect();
            format!("[{}]", items?.join(", "))
        }
        Content::Map(entries) => {
            let entry = |key: &str, value: &Node| Ok(format!("{} = {}", literal(key), expression(value)?));
            let entries: Result<Vec<String>, _> = entries.iter().map(|e| entry(&e.key, &e.value)).collect();
            format!("{{{}}}", entries?.join(", "))
        }
        Content::Scalar { text, bare: false } => literal(text),
        Content::Scalar { text, bare: true } => match meaning(text) {
            Value::Null => "null".to_owned(),
            Value::Bool(flag) => flag.to_string(),
            // The template language keeps all digits, a float does not.
            Value::Number(number) => match Number::parse(text).or_else(|| Number::parse(&number.to_string())) {
                Some(number) => number.to_string(),
                None => {
                    return Err(Diagnostic::error(format!("{text} is no number of the template language"))
                        .at(node.span)
                        .help("for a text write it in quotes"));
                }
            },
            _ => literal(text),
        },
    })
}

/// A text that the template language takes as it is.
fn literal(text: &str) -> String {
    quoted(text).replace("${", "$${").replace("%{", "%%{")
}
