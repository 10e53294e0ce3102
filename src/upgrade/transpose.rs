//! The `{{ }}` of written blocks as expressions of the language.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::eval::interpolate::{Interpolation, Replace, RewriteError};

/// What the rewritten blocks rely on, gathered on the way.
#[derive(Debug, Default)]
pub(super) struct Needed {
    /// Names that are locals now; other user variables are variables.
    pub locals: BTreeSet<String>,
    pub timestamp: bool,
    pub isotime: bool,
    pub strftime: bool,
    /// Name and key of each secret, in the order of their data sources.
    pub secrets: Vec<(String, Option<String>)>,
}

/// A call that only a person can replace.
struct ByHand {
    word: &'static str,
    instead: &'static str,
    more: &'static str,
}

const DOCS: &str = "https://developer.hashicorp.com/packer/docs/templates/hcl_templates";

const BY_HAND: [ByHand; 6] = [
    ByHand { word: "lower", instead: "`lower(var.example)`", more: "functions/string/lower" },
    ByHand { word: "upper", instead: "`upper(var.example)`", more: "functions/string/upper" },
    ByHand { word: "split", instead: "`split(separator, string)`", more: "functions/string/split" },
    ByHand {
        word: "replace",
        instead: "`replace(string, substring, replacement)` or `regex_replace(string, pattern, replacement)`",
        more: "functions/string/replace",
    },
    ByHand {
        word: "replace_all",
        instead: "`replace(string, substring, replacement)` or `regex_replace(string, pattern, replacement)`",
        more: "functions/string/replace",
    },
    ByHand {
        word: "clean_resource_name",
        instead: "`regex_replace(string, pattern, replacement)`, or a validation rule for the variable",
        more: "functions/string/regex_replace",
    },
];

/// Functions of variables that a `variable` block cannot have: such a variable becomes a local.
const ONLY_IN_LOCALS: [&str; 15] = [
    "aws_secretsmanager",
    "aws_secretsmanager_raw",
    "consul_key",
    "vault",
    "timestamp",
    "isotime",
    "strftime",
    "user",
    "template_dir",
    "pwd",
    "packer_version",
    "uuid",
    "lower",
    "upper",
    "split",
];

/// Whether a variable with this value has to be a local.
pub(super) fn is_local(engine: &Interpolation, text: &str) -> bool {
    let mut local = false;
    let result = rewritten(engine, text, &mut |word, _| {
        local |= ONLY_IN_LOCALS.contains(&word) || word.starts_with("replace");
        Some(Ok(String::new()))
    });
    result.is_ok() && local
}

/// Whether the text calls for nothing but user variables.
pub(super) fn is_of_users(engine: &Interpolation, text: &str) -> bool {
    let mut only_users = true;
    let result = rewritten(engine, text, &mut |word, _| {
        only_users &= word == "user";
        Some(Ok(String::new()))
    });
    result.is_ok() && only_users
}

/// Names of user variables that a text refers to.
pub(super) fn users(engine: &Interpolation, text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let _ = rewritten(engine, text, &mut |word, arguments| {
        if let ("user", [name]) = (word, arguments) {
            found.insert(name.clone());
        }
        Some(Ok(String::new()))
    });
    found
}

/// The block with its `{{ }}` replaced. What cannot be replaced stays, with a comment before the block.
pub(super) fn transpose(engine: &Interpolation, block: &str, needed: &mut Needed) -> String {
    let mut by_hand = Vec::new();
    let result = rewritten(engine, block, &mut |word, arguments| Some(call(word, arguments, needed, &mut by_hand)));
    match result {
        Err(reason) => format!("\n# {reason}\n{block}"),
        Ok(text) if by_hand.is_empty() => text,
        Ok(text) => format!("\n{}{text}", remarks(&by_hand)),
    }
}

/// Quotes inside of actions are escaped when they stand in a quoted text: such a text is read once more without.
fn rewritten(engine: &Interpolation, text: &str, replace: &mut Replace<'_>) -> Result<String, String> {
    let unescaped = unescaped(text);
    engine.rewrite(&unescaped, replace).map_err(|error| match error {
        RewriteError::Block(word) => {
            format!("{{{{ {word} }}}} has no counterpart: rewrite the following block by hand")
        }
        RewriteError::Wrong(error) => {
            let line = unescaped[..error.offset.min(unescaped.len())].matches('\n').count() + 1;
            format!("could not parse the template of the following block, line {line}: {}", error.message)
        }
    })
}

/// Without the backslash before quotes in each `{{ }}`.
fn unescaped(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find("{{") {
        let end = rest[start..].find("}}").map_or(rest.len(), |end| start + end);
        out.push_str(&rest[..start]);
        out.push_str(&rest[start..end].replace("\\\"", "\""));
        rest = &rest[end..];
    }
    out + rest
}

fn call(
    word: &str,
    arguments: &[String],
    needed: &mut Needed,
    by_hand: &mut Vec<&'static ByHand>,
) -> Result<String, String> {
    if let Some(known) = BY_HAND.iter().find(|known| known.word == word) {
        by_hand.push(known);
        let arguments = arguments.iter().map(|a| if a.parse::<i64>().is_ok() { a.clone() } else { format!("`{a}`") });
        return Ok(format!("{{{{ {word} {} }}}}", arguments.collect::<Vec<_>>().join(" ")));
    }
    Ok(match (word, arguments) {
        ("timestamp", _) => {
            needed.timestamp = true;
            "${local.timestamp}".to_owned()
        }
        ("isotime" | "strftime", []) => "${timestamp()}".to_owned(),
        ("isotime", [layout, ..]) => {
            needed.isotime = true;
            format!("${{legacy_isotime(\"{layout}\")}}")
        }
        ("strftime", [layout, ..]) => {
            needed.strftime = true;
            format!("${{legacy_strftime(\"{layout}\")}}")
        }
        ("user", [name]) => match needed.locals.contains(name) {
            true => format!("${{local.{name}}}"),
            false => format!("${{var.{name}}}"),
        },
        ("env", [name]) => format!("${{env(\"{name}\")}}"),
        ("build", [fact]) => format!("${{build.{fact}}}"),
        ("template_dir", _) => "${path.root}".to_owned(),
        ("pwd", _) => "${path.cwd}".to_owned(),
        ("packer_version", _) => "${packer.version}".to_owned(),
        ("uuid", _) => "${uuidv4()}".to_owned(),
        // What the language calls the name of a build is the name of the block: that of the builder is the source's.
        ("build_name", _) => "${source.name}".to_owned(),
        ("build_type", _) => "${source.type}".to_owned(),
        ("vault", [path, key]) => format!("${{vault(\"{path}\", \"{key}\")}}"),
        ("consul_key", [key]) => format!("${{consul_key(\"{key}\")}}"),
        ("aws_secretsmanager_raw", [name]) => format!("${{aws_secretsmanager_raw(\"{name}\")}}"),
        ("aws_secretsmanager", [name, rest @ ..]) => {
            let secret = (name.clone(), rest.first().cloned());
            let at = needed.secrets.iter().position(|known| *known == secret).unwrap_or_else(|| {
                needed.secrets.push(secret);
                needed.secrets.len() - 1
            });
            format!("${{data.amazon-secretsmanager.autogenerated_{}.value}}", at + 1)
        }
        (word, _) => return Err(format!("function \"{word}\" has no counterpart")),
    })
}

fn remarks(by_hand: &[&ByHand]) -> String {
    let mut text = match by_hand.len() {
        1 => "# 1 error occurred upgrading the following block:\n".to_owned(),
        n => format!("# {n} errors occurred upgrading the following block:\n"),
    };
    for call in by_hand {
        let _ = writeln!(text, "# unhandled \"{}\" call:", call.word);
        let _ = writeln!(text, "# there is no way to automatically upgrade the \"{}\" call.", call.word);
        let _ = writeln!(text, "# Please manually upgrade to {}", call.instead);
        let _ = writeln!(text, "# Visit {DOCS}/{} for more infos.", call.more);
    }
    text
}
