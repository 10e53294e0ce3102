//! House rules as a test: who may use whom, how long a file may be, what never stays in the source.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test may"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Longest source file without its tests, in lines.
const LONGEST: usize = 400;

/// Module of `src/` and the modules it may name with `crate::`, besides itself. Top to bottom: data first, effects
/// last. An entry with `::` allows that part only.
const LAYERS: &[(&str, &[&str])] = &[
    ("workflow_command", &[]),
    ("diagnostic", &["workflow_command"]),
    ("value", &[]),
    ("secret", &[]),
    ("exit_code", &[]),
    ("lexer", &[]),
    ("formatter", &["lexer"]),
    ("eval", &["diagnostic", "value"]),
    ("catalog", &["diagnostic", "value", "eval::types", "eval::block", "eval::fields", "eval::interpolate"]),
    ("json", &["diagnostic", "lexer"]),
    ("attestation", &[]),
    ("config", &["diagnostic", "value", "attestation::Signer"]),
    ("template", &["diagnostic", "value", "lexer", "eval", "catalog", "json"]),
    ("fix", &[]),
    ("upgrade", &["value", "formatter", "eval::duration", "eval::functions", "eval::interpolate", "catalog"]),
    ("run", &["secret"]),
    ("client", &["run", "secret"]),
    ("lookup", &["client", "eval::functions", "secret"]),
    ("communicator", &["client", "run", "secret"]),
    ("inventory", &["communicator", "run", "secret"]),
    ("script", &["run", "secret", "value", "diagnostic", "eval::fields", "eval::interpolate"]),
    ("docker", &["client", "run", "secret", "diagnostic", "eval::fields"]),
    ("aws", &["client", "diagnostic", "eval::fields"]),
    ("builder", &["communicator", "docker", "aws", COMPONENT]),
    ("provisioner", &["communicator", "script", COMPONENT]),
    ("post_processor", &["script", "docker", "aws", COMPONENT]),
    ("datasource", &["client", "secret", "aws", "diagnostic", "value", "eval::fields"]),
    (
        "resolve",
        &[
            "diagnostic",
            "value",
            "secret",
            "eval",
            "template",
            "catalog",
            "client::Services",
            "datasource:: datasource",
        ],
    ),
    ("plan", &["diagnostic", "value", "eval", "template", "catalog", "run", "client::Services", TABLES]),
    ("engine", &["run", "client::Services", "communicator::Communicator", "inventory", "plan", TABLES]),
    (
        "action",
        &[
            "diagnostic",
            "config::EventClass",
            "secret",
            "workflow_command",
            "cli::AwsArgs",
            "cli::age",
            "client::github::Identity",
            "report::github::CommentMode",
        ],
    ),
    ("log", &["secret", "workflow_command"]),
    ("stdio", &["workflow_command"]),
    ("report", &["run", "inventory", "secret", "workflow_command", "client::github"]),
    ("publish", &["client", "run", "secret", "attestation", "config", "report", "docker"]),
    ("cli", &["engine::OnError", "eval::duration", "template::PEER_VERSION", "attestation::Signer"]),
    ("action_command", ANY),
    ("console_command", ANY),
    ("fmt_command", ANY),
    ("init_command", ANY),
    ("inspect_command", ANY),
    ("plan_command", ANY),
    ("fix_command", ANY),
    ("upgrade_command", ANY),
    ("publish_command", ANY),
    ("report_command", ANY),
    ("front", ANY),
    ("fuzz", ANY),
    ("signals", &["run"]),
    ("sweep_command", ANY),
    ("app", ANY),
    ("lib", ANY),
    ("main", &[]),
];

const ANY: &[&str] = &["*"];
/// What every component may use.
const COMPONENT: &str = "client run secret value diagnostic eval::fields eval::interpolate eval::block eval::duration";
/// Traits and tables of components, never a concrete one.
const TABLES: &str = "builder:: builder provisioner:: provisioner post_processor:: post_processor";

fn sources(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut open = vec![root];
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "no source files below {folder}");
    files
}

fn shown(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string()
}

/// The text before the file's unit tests.
fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod ").next().unwrap()
}

fn is_test_file(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "tests") || path.components().any(|c| c.as_os_str() == "tests")
}

/// The row of [`LAYERS`] a file belongs to: its first folder below `src`, or its own name.
fn module(path: &Path) -> String {
    let below = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = below.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Every `crate::a::b` of a line, braces of `use` lists expanded one level.
fn uses(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
        let (path, tail) = rest.split_at(end);
        match tail.strip_prefix('{').and_then(|list| list.split_once('}')) {
            Some((list, _)) => found.extend(list.split(',').map(|item| format!("{path}{}", item.trim()))),
            None => found.push(path.to_owned()),
        }
    }
    found
}

fn allowed(own: &str, used: &str, rules: &[&str]) -> bool {
    let first = used.split("::").next().unwrap();
    first == own
        || rules.iter().flat_map(|rule| rule.split(' ')).any(|rule| match rule.strip_suffix("::") {
            _ if rule == "*" => true,
            // `builder::` allows names directly in that module: traits, tables, errors.
            Some(module) => first == module && used.split("::").count() <= 2,
            None if rule.contains("::") => used.starts_with(rule),
            None => first == rule && !rules.iter().any(|r| r.contains(&format!("{rule}::"))),
        })
}

#[test]
fn modules_use_only_what_their_row_grants() {
    let mut wrong = Vec::new();
    for path in sources("src") {
        let text = fs::read_to_string(&path).unwrap();
        let own = module(&path);
        let Some((_, rules)) = LAYERS.iter().find(|(name, _)| *name == own) else {
            wrong.push(format!("{}: module {own} has no row in tests/tidy.rs", shown(&path)));
            continue;
        };
        for used in uses(without_tests(&text)) {
            if !allowed(&own, &used, rules) && !is_test_file(&path) {
                wrong.push(format!("{}: {own} may not use crate::{used}", shown(&path)));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn files_fit_in_one_reading() {
    let long: Vec<String> = sources("src")
        .iter()
        .filter(|path| !is_test_file(path))
        .map(|path| (path, without_tests(&fs::read_to_string(path).unwrap()).lines().count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .map(|(path, lines)| format!("{}: {lines} lines", shown(path)))
        .collect();
    assert!(long.is_empty(), "over {LONGEST} lines:\n{}", long.join("\n"));
}

#[test]
fn every_file_says_what_it_owns() {
    let silent: Vec<String> = sources("src")
        .iter()
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//! "))
        .map(|path| shown(path))
        .collect();
    assert!(silent.is_empty(), "without module documentation:\n{}", silent.join("\n"));
}

/// Whoever opens the repository reads these names first.
#[test]
fn the_top_folder_holds_what_is_known() {
    let known = [
        "CONTRIBUTING.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "action.yml",
        "clippy.toml",
        "deny.toml",
        "dist",
        "docs",
        "examples",
        "rustfmt.toml",
        "script",
        "src",
        "target",
        "tests",
    ];
    let names = fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    // Hidden ones are those of tools.
    let others: Vec<String> = names.filter(|name| !name.starts_with('.') && !known.contains(&name.as_str())).collect();
    assert!(others.is_empty(), "unknown files in the top folder: {}", others.join(", "));
}

#[test]
fn nothing_unfinished_stays() {
    let marks = ["todo!(", "unimplemented!(", "dbg!(", "FIXME", "XXX", "allow(dead_code)", "allow(unused"];
    let mut found = Vec::new();
    for path in sources("src") {
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            if let Some(mark) = marks.iter().find(|mark| line.contains(**mark)) {
                found.push(format!("{}:{}: {mark}", shown(&path), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_layer_table_is_read_as_meant() {
    let engine = LAYERS.iter().find(|(name, _)| *name == "engine").unwrap().1;
    assert!(allowed("engine", "builder::Builder", engine));
    assert!(!allowed("engine", "builder::docker::Docker", engine));
    assert!(!allowed("engine", "report::view", engine));
    let provisioner = LAYERS.iter().find(|(name, _)| *name == "provisioner").unwrap().1;
    assert!(allowed("provisioner", "eval::fields::Fields", provisioner));
    assert!(!allowed("provisioner", "eval::scope::Scope", provisioner));
    assert!(!allowed("provisioner", "engine::run", provisioner));
    assert_eq!(uses("use crate::{a::b, c};\nx(crate::d::e)"), ["a::b", "c", "d::e"]);
}
