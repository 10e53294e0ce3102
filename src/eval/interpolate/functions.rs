//! The table of functions, and the engine's own: what Packer adds to Go's built-ins.
//!
//! Functions that read the environment or a secret store work in variables only and are refused elsewhere, in HCL with
//! what to write there.

use chrono::{DateTime, Utc};

use super::data::{Data, Value};
use super::{Fault, Interpolation, MAX_OUTPUT, builtins, go_time, printf};
use crate::diagnostic::nearest;
use crate::eval::fields::UNKNOWN;
use crate::eval::functions::{Question, Unanswered};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    And,
    Or,
    AwsSecretsmanager,
    AwsSecretsmanagerRaw,
    ConsulKey,
    Vault,
    Not,
    Len,
    Index,
    Slice,
    Print,
    Printf,
    Println,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Html,
    Js,
    Urlquery,
    Build,
    BuildName,
    BuildType,
    CleanResourceName,
    Env,
    Isotime,
    Lower,
    PackerVersion,
    Pwd,
    Replace,
    ReplaceAll,
    Split,
    Strftime,
    TemplateDir,
    Timestamp,
    Upper,
    User,
    Uuid,
}

/// A function that templates can call.
#[derive(Debug)]
pub(super) struct Entry {
    pub word: &'static str,
    pub op: Op,
    least: usize,
    most: usize,
}

pub(super) type Function = &'static Entry;

const MANY: usize = usize::MAX;

const fn entry(word: &'static str, op: Op, least: usize, most: usize) -> Entry {
    Entry { word, op, least, most }
}

static FUNCTIONS: [Entry; 40] = [
    entry("and", Op::And, 1, MANY),
    entry("or", Op::Or, 1, MANY),
    entry("not", Op::Not, 1, 1),
    entry("len", Op::Len, 1, 1),
    entry("index", Op::Index, 1, MANY),
    entry("slice", Op::Slice, 1, 4),
    entry("print", Op::Print, 0, MANY),
    entry("printf", Op::Printf, 1, MANY),
    entry("println", Op::Println, 0, MANY),
    entry("eq", Op::Eq, 2, MANY),
    entry("ne", Op::Ne, 2, 2),
    entry("lt", Op::Lt, 2, 2),
    entry("le", Op::Le, 2, 2),
    entry("gt", Op::Gt, 2, 2),
    entry("ge", Op::Ge, 2, 2),
    entry("html", Op::Html, 0, MANY),
    entry("js", Op::Js, 0, MANY),
    entry("urlquery", Op::Urlquery, 0, MANY),
    entry("aws_secretsmanager", Op::AwsSecretsmanager, 1, 2),
    entry("aws_secretsmanager_raw", Op::AwsSecretsmanagerRaw, 1, 1),
    entry("build", Op::Build, 1, 1),
    entry("build_name", Op::BuildName, 0, 0),
    entry("build_type", Op::BuildType, 0, 0),
    entry("clean_resource_name", Op::CleanResourceName, 1, 1),
    entry("consul_key", Op::ConsulKey, 1, 1),
    entry("env", Op::Env, 1, 1),
    entry("isotime", Op::Isotime, 0, 1),
    entry("lower", Op::Lower, 1, 1),
    entry("packer_version", Op::PackerVersion, 0, 0),
    entry("pwd", Op::Pwd, 0, 0),
    entry("replace", Op::Replace, 4, 4),
    entry("replace_all", Op::ReplaceAll, 3, 3),
    entry("split", Op::Split, 3, 3),
    entry("strftime", Op::Strftime, 1, 1),
    entry("template_dir", Op::TemplateDir, 0, 0),
    entry("timestamp", Op::Timestamp, 0, 0),
    entry("upper", Op::Upper, 1, 1),
    entry("user", Op::User, 1, 1),
    entry("uuid", Op::Uuid, 0, 0),
    entry("vault", Op::Vault, 2, 2),
];

/// Of [`FUNCTIONS`] those that only texts of the old format know.
const LEGACY: [&str; 6] =
    ["aws_secretsmanager", "aws_secretsmanager_raw", "consul_key", "env", "template_dir", "vault"];

/// Known names that cannot be used in an option, each with what to write in HCL.
const REFUSED: [(&str, &str); 8] = [
    ("aws_secretsmanager", "use `aws_secretsmanager(name, key)` in a local"),
    ("aws_secretsmanager_raw", "use `aws_secretsmanager_raw(name)` in a local"),
    ("call", "there are no function values"),
    ("consul_key", "use `consul_key(key)` in a local"),
    ("env", "declare a variable with `default = env(\"NAME\")` and write `${var.NAME}`"),
    ("sed", "use `replace(text, \"/pattern/\", \"new\")` or `regex_replace` in HCL"),
    ("template_dir", "write `${path.root}`"),
    ("vault", "use `vault(path, key)` in a local"),
];

pub(super) fn lookup(word: &str, legacy: bool) -> Result<Function, Fault> {
    if let Some(function) = FUNCTIONS.iter().find(|function| function.word == word)
        && (legacy || !LEGACY.contains(&word))
    {
        return Ok(function);
    }
    if let Some((_, help)) = REFUSED.iter().find(|(name, _)| *name == word) {
        return Err(Fault::new(format!("function \"{word}\" is not available in options of components")).help(*help));
    }
    let fault = Fault::new(format!("function \"{word}\" not defined"));
    Err(match nearest(word, FUNCTIONS.iter().map(|function| function.word)) {
        Some(known) => fault.help(format!("the nearest name is \"{known}\"")),
        None => fault,
    })
}

impl Entry {
    /// Checks the number of arguments.
    pub(super) fn accepts(&self, count: usize) -> Result<(), Fault> {
        if (self.least..=self.most).contains(&count) {
            return Ok(());
        }
        let plural = |count: usize| if count == 1 { "argument" } else { "arguments" };
        let wanted = match (self.least, self.most) {
            (least, MANY) => format!("at least {least} {}", plural(least)),
            (least, most) if least == most => format!("{least} {}", plural(least)),
            (least, most) => format!("{least} to {most} arguments"),
        };
        Err(Fault::new(format!("function \"{}\" takes {wanted}, not {count}", self.word)))
    }
}

/// The arguments of one call, handed out by position with the type that is asked for.
pub(super) struct Arguments<'c, 'a> {
    pub word: &'static str,
    pub values: &'c [Value<'a>],
}

impl<'c, 'a> Arguments<'c, 'a> {
    pub(super) fn any(&self, index: usize) -> Result<&'c Value<'a>, Fault> {
        self.values.get(index).ok_or_else(|| Fault::new(format!("an argument of \"{}\" is missing", self.word)))
    }

    pub(super) fn text(&self, index: usize) -> Result<&'c str, Fault> {
        match self.any(index)? {
            Value::Text(text) => Ok(text),
            other => Err(self.wrong(index, "a text", other)),
        }
    }

    pub(super) fn number(&self, index: usize) -> Result<i64, Fault> {
        match self.any(index)? {
            Value::Number(number) => Ok(*number),
            other => Err(self.wrong(index, "a whole number", other)),
        }
    }

    fn wrong(&self, index: usize, wanted: &str, value: &Value<'_>) -> Fault {
        Fault::new(format!("argument {} of \"{}\" must be {wanted}, not {}", index + 1, self.word, value.describe()))
    }
}

/// Calls a function other than `and` and `or`, which the renderer knows, since they leave arguments unevaluated.
pub(super) fn call<'a>(
    function: Function,
    values: &[Value<'a>],
    engine: &Interpolation,
    root: &'a Data,
) -> Result<Value<'a>, Fault> {
    let given = Arguments { word: function.word, values };
    let started = DateTime::<Utc>::from(engine.started);
    let text = match function.op {
        Op::Printf => printf::sprintf(given.text(0)?, values.get(1..).unwrap_or_default())?,
        Op::Timestamp => started.timestamp().to_string(),
        Op::Isotime if values.is_empty() => go_time::format(go_time::RFC3339, started),
        Op::Isotime => go_time::format(given.text(0)?, started),
        Op::Strftime => go_time::strftime(given.text(0)?, started).map_err(Fault::new)?,
        Op::Uuid if engine.frozen => uuid::Uuid::nil().to_string(),
        Op::Uuid => uuid::Uuid::now_v7().to_string(),
        Op::BuildName => known(engine.build_name.as_ref(), function.word)?,
        Op::BuildType => known(engine.build_type.as_ref(), function.word)?,
        Op::Build => build(given.text(0)?, root, engine)?,
        Op::User => user(given.text(0)?, engine)?,
        Op::Env => env(given.text(0)?, engine)?,
        Op::Vault => {
            let (path, key) = (given.text(0)?.to_owned(), given.text(1)?.to_owned());
            secret(function.word, Question::Vault { path, key }, engine)?
        }
        Op::ConsulKey => secret(function.word, Question::ConsulKey { key: given.text(0)?.to_owned() }, engine)?,
        Op::AwsSecretsmanager => {
            let key = if values.len() > 1 { Some(given.text(1)?.to_owned()) } else { None };
            let key = key.filter(|key| !key.is_empty());
            secret(function.word, Question::AwsSecret { name: given.text(0)?.to_owned(), key }, engine)?
        }
        Op::AwsSecretsmanagerRaw => {
            secret(function.word, Question::AwsSecretText { name: given.text(0)?.to_owned() }, engine)?
        }
        Op::TemplateDir => engine.legacy.as_ref().map(|l| l.template_dir.display().to_string()).unwrap_or_default(),
        Op::Pwd => engine.cwd.display().to_string(),
        Op::PackerVersion => engine.version.clone(),
        Op::Upper => map_chars(given.text(0)?, |c| c.to_uppercase()),
        Op::Lower => map_chars(given.text(0)?, |c| c.to_lowercase()),
        Op::Replace => replace(given.text(3)?, given.text(0)?, given.text(1)?, given.number(2)?)?,
        Op::ReplaceAll => replace(given.text(2)?, given.text(0)?, given.text(1)?, -1)?,
        Op::Split => split(given.text(0)?, given.text(1)?, given.number(2)?)?,
        Op::CleanResourceName => clean_resource_name(given.text(0)?),
        _ => return builtins::call(function.op, &given),
    };
    Ok(text.into())
}

fn known(name: Option<&String>, word: &str) -> Result<String, Fault> {
    name.cloned().ok_or_else(|| Fault::new(format!("{word} is not known here")))
}

/// A user variable. One without value is nothing, as in the peer; not so where variables are made of each other.
fn user(name: &str, engine: &Interpolation) -> Result<String, Fault> {
    let Some(legacy) = &engine.legacy else {
        let fault = Fault::new("there are no user variables in HCL");
        return Err(fault.help(format!("declare a variable and write `${{var.{name}}}`")));
    };
    match (legacy.variables.get(name), &legacy.environment) {
        (Some(value), _) => Ok(value.clone()),
        (None, None) => Ok(String::new()),
        (None, Some(_)) => {
            Err(Fault { missing: Some(name.to_owned()), ..Fault::new(format!("variable \"{name}\" has no value")) })
        }
    }
}

/// What a service answers, where variables are rendered; unknown where nobody is to be asked.
fn secret(word: &str, question: Question, engine: &Interpolation) -> Result<String, Fault> {
    let legacy = engine.legacy.as_ref().filter(|legacy| legacy.environment.is_some());
    let legacy = legacy.ok_or_else(|| {
        Fault::new(format!("services are asked for secrets in \"variables\" only, so not by {word} here"))
            .help("add a variable with this value and use that")
    })?;
    let Some(secrets) = &legacy.secrets else { return Ok(UNKNOWN.to_owned()) };
    secrets.ask(question).map_err(|Unanswered { reason, hint }| Fault { help: hint, ..Fault::new(reason) })
}

fn env(name: &str, engine: &Interpolation) -> Result<String, Fault> {
    let environment = engine.legacy.as_ref().and_then(|legacy| legacy.environment.as_ref());
    let refuse = || {
        Fault::new("the environment can be read in \"variables\" only")
            .help(format!("add a variable with the value \"{{{{env `{name}`}}}}\" and use that"))
    };
    environment.map(|environment| environment.get(name).cloned().unwrap_or_default()).ok_or_else(refuse)
}

/// Facts of the build are among the data of options that are rendered while it runs; in the old format they are known
/// to all options of provisioners and post-processors.
fn build(id: &str, root: &Data, engine: &Interpolation) -> Result<String, Fault> {
    match (root, engine.legacy.as_ref().and_then(|legacy| legacy.facts.get(id))) {
        (Data::Map(entries), _) if entries.contains_key(id) => Ok(Value::from(&entries[id]).to_string()),
        (_, Some(fact)) => Ok(fact.clone()),
        _ if engine.legacy.is_some() => Err(Fault::new(format!("{{{{ build {id:?} }}}} is not known here"))),
        _ => {
            Err(Fault::new(format!("{{{{ build {id:?} }}}} is not known here"))
                .help(format!("write `${{build.{id}}}`")))
        }
    }
}

/// Maps character by character as Go does: one that would become several stays as it is.
fn map_chars<I: Iterator<Item = char> + ExactSizeIterator>(text: &str, map: fn(char) -> I) -> String {
    text.chars()
        .map(|c| {
            let mut mapped = map(c);
            if mapped.len() == 1 { mapped.next().unwrap_or(c) } else { c }
        })
        .collect()
}

/// Replaces up to `count` matches, all if it is negative. An empty `old` matches between all characters, as in Go.
fn replace(source: &str, old: &str, new: &str, count: i64) -> Result<String, Fault> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let matches = if old.is_empty() { source.len() + 1 } else { source.len() / old.len() }.min(count);
    // The bound is on the worst case, to know it before the memory is taken; only then matches are counted.
    let too_long = |matches: usize| matches.saturating_mul(new.len()).saturating_add(source.len()) > MAX_OUTPUT;
    if too_long(matches) && too_long(source.matches(old).count().min(count)) {
        return Err(Fault::new("the result of the replacement is too long"));
    }
    Ok(source.replacen(old, new, count))
}

fn split(source: &str, separator: &str, index: i64) -> Result<String, Fault> {
    let wanted = usize::try_from(index).ok();
    let piece = wanted.and_then(|wanted| {
        if separator.is_empty() {
            // Go splits into characters; Rust would add empty ends.
            return source.chars().nth(wanted).map(String::from);
        }
        source.split(separator).nth(wanted).map(str::to_owned)
    });
    piece.ok_or_else(|| Fault::new(format!("{source:?} split at {separator:?} has no piece {index}")))
}

/// Amazon's rule: what an image name cannot hold becomes a hyphen, byte by byte.
fn clean_resource_name(name: &str) -> String {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"()[] ./-'@_".contains(&byte);
    name.bytes().map(|byte| if allowed(byte) { char::from(byte) } else { '-' }).collect()
}
