//! The `{{ }}` strings inside component options: Go's text/template language over a tree of strings.
//!
//! [`Fields`](super::fields::Fields) renders an option when it is decoded; components render what they excluded
//! (`execute_command`, tags) with their own data later and have it checked when decoded. A missing field is an error
//! here, where Go prints `<no value>`. Pure but for `uuid`: the clock and the directory come in with
//! [`Interpolation`].

mod builtins;
mod check;
mod data;
mod functions;
pub(crate) mod go_time;
mod lex;
mod literal;
mod parse;
mod printf;
mod render;
mod rewrite;
#[cfg(test)]
mod tests;
mod verbs;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::functions::Secrets;
pub(crate) use data::{Data, data, over};
pub(crate) use rewrite::{Replace, RewriteError};

/// Blocks and parentheses inside each other.
const MAX_DEPTH: usize = 64;
/// Bytes of a rendered text, and of any text on the way to it.
const MAX_OUTPUT: usize = 16 << 20;
/// Rounds of all `range` loops of one text together.
const MAX_ITERATIONS: usize = 100_000;
/// Steps of one rendering: a node counts as one, as does a byte that a function reads or writes.
const MAX_WORK: usize = 64 << 20;

/// Renderings of a text that was made by rendering.
const MAX_ROUNDS: usize = 10;

/// Facts the engine functions need; owned by the run, cheap to share.
#[derive(Debug, Clone)]
pub(crate) struct Interpolation {
    pub build_name: Option<String>,
    pub build_type: Option<String>,
    /// Start of the process, what `timestamp`, `isotime` and `strftime` show in UTC.
    pub started: std::time::SystemTime,
    pub cwd: PathBuf,
    pub version: String,
    /// Nothing is random.
    pub frozen: bool,
    /// In templates of the old JSON format only.
    pub legacy: Option<Arc<Legacy>>,
}

/// What texts of the old JSON format see in addition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Legacy {
    /// User variables, rendered.
    pub variables: BTreeMap<String, String>,
    /// Absolute.
    pub template_dir: PathBuf,
    /// The process's environment, while variables themselves are rendered: what they refer to must have a value.
    pub environment: Option<BTreeMap<String, String>>,
    /// Who is asked for secrets, while variables are rendered; without, they are unknown.
    pub secrets: Option<Arc<dyn Secrets>>,
    /// What `{{ build "ID" }}` is: facts of the machine, or texts that stand for them until it runs.
    pub facts: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct InterpolateError {
    /// Byte in the text where the trouble is.
    pub offset: usize,
    pub message: String,
    pub help: Option<String>,
    /// The user variable whose value was asked for and is not there.
    pub missing: Option<String>,
}

impl Interpolation {
    /// Renders `text` with `data` as the dot.
    pub(crate) fn render(&self, text: &str, data: &Data) -> Result<String, InterpolateError> {
        if !text.contains("{{") {
            return Ok(text.to_owned());
        }
        let rendered = render::render(&parse::parse(text, self.legacy.is_some())?, text, self, data)?;
        // A user variable may hold the very template of a command, as in `execute_command`.
        if self.legacy.is_some() && *data != Data::Map(BTreeMap::new()) {
            return self.settled(rendered, data);
        }
        Ok(rendered)
    }

    /// Renders until nothing changes.
    fn settled(&self, mut text: String, data: &Data) -> Result<String, InterpolateError> {
        for _ in 0..MAX_ROUNDS {
            if !text.contains("{{") {
                break;
            }
            let rendered = render::render(&parse::parse(&text, true)?, &text, self, data)?;
            if rendered == text {
                break;
            }
            text = rendered;
        }
        Ok(text)
    }

    /// Checks all that can be known before the text is rendered, with fields as those of `seen`; their values are not
    /// looked at, and a map among them may have any names.
    pub(crate) fn check_against(&self, text: &str, seen: &Data) -> Result<(), InterpolateError> {
        match seen {
            Data::Map(fields) => check::check(text, self, fields),
            _ => self.check(text),
        }
    }

    /// Checks syntax, names and numbers of arguments.
    pub(crate) fn check(&self, text: &str) -> Result<(), InterpolateError> {
        if text.contains("{{") { parse::parse(text, self.legacy.is_some()).map(drop) } else { Ok(()) }
    }
}

/// What went wrong, before the place is known.
#[derive(Debug)]
struct Fault {
    message: String,
    help: Option<String>,
    missing: Option<String>,
}

impl Fault {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, missing: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn at(self, offset: usize) -> InterpolateError {
        InterpolateError { offset, message: self.message, help: self.help, missing: self.missing }
    }
}

/// An error about a field that is not among those `known`.
fn no_field<'k>(text: &str, name: &str, known: impl Iterator<Item = &'k String>, offset: usize) -> InterpolateError {
    let known: Vec<String> = known.map(|key| format!(".{key}")).collect();
    let here = match &known[..] {
        [] => "no fields are known here".to_owned(),
        names => format!("known here: {}", names.join(", ")),
    };
    let help = format!("{here}; {}", escape_help(text, offset));
    Fault::new(format!("there is no field \".{name}\"")).help(help).at(offset)
}

/// An error about a field of `what`, which has none.
fn no_fields(text: &str, what: &str, name: &str, offset: usize) -> InterpolateError {
    Fault::new(format!("{what} has no field \"{name}\"")).help(escape_help(text, offset)).at(offset)
}

/// How to write the action around `offset` so that it stays as it is.
fn escape_help(text: &str, offset: usize) -> String {
    let before = text.get(..offset + 2).or_else(|| text.get(..offset));
    let around = before.and_then(|before| before.rfind("{{")).and_then(|start| {
        let end = text[start..].find("}}")? + start + 2;
        text.get(start..end).filter(|_| offset < end)
    });
    match around {
        Some(action) if action.len() <= 80 && !action.contains(['`', '\n']) => {
            format!("to keep it as text, write {{{{`{action}`}}}}")
        }
        _ => "to keep double braces as text, write {{ \"{{\" }} in place of {{".to_owned(),
    }
}
