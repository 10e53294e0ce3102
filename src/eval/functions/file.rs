//! Files and paths. Results do not depend on how the working directory was reached.

use std::path::Path;

use base64::Engine as _;
use globset::GlobBuilder;

use super::context::{expand_home, read};
use super::encoding::BASE64;
use super::{Args, Function, FunctionError, Result, TEXT, bounded, fixed};
use crate::value::{Type, Value, set};

/// Largest file that a function reads, in bytes.
const LARGEST: u64 = 64 << 20;

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("abspath", &[TEXT], |a| Ok(clean(&shown(&a.cx.cwd.join(a.text(0)?))).into())),
    fixed("basename", &[TEXT], |a| Ok(basename(a.text(0)?).into())),
    fixed("dirname", &[TEXT], |a| Ok(dirname(a.text(0)?).into())),
    fixed("pathexpand", &[TEXT], |a| Ok(shown(&expand_home(a.text(0)?).map_err(first)?).into())),
    fixed("file", &[TEXT], file),
    fixed("filebase64", &[TEXT], filebase64),
    fixed("fileexists", &[TEXT], fileexists),
    fixed("fileset", &[TEXT, TEXT], fileset),
];

fn first(message: String) -> FunctionError {
    FunctionError::at(0, message)
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn file(a: &Args<'_>) -> Result<Value> {
    Ok(a.cx.read_text(Path::new(a.text(0)?), LARGEST).map_err(first)?.into())
}

fn filebase64(a: &Args<'_>) -> Result<Value> {
    let path = a.text(0)?;
    let place = a.cx.cwd.join(expand_home(path).map_err(first)?);
    Ok(BASE64.encode(read(&place, LARGEST).map_err(|error| first(format!("{path} {error}")))?).into())
}

fn fileexists(a: &Args<'_>) -> Result<Value> {
    let path = a.text(0)?;
    match std::fs::metadata(a.cx.below_root(path).map_err(first)?) {
        Ok(meta) if meta.is_file() => Ok(true.into()),
        Ok(meta) => {
            let what = if meta.is_dir() { "a folder" } else { "no regular file" };
            Err(first(format!("{path} is {what}; this function is about files")))
        }
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            Ok(false.into())
        }
        Err(error) => Err(first(format!("{path} cannot be looked at: {error}"))),
    }
}

/// Regular files below a folder whose path from there matches; links are followed.
fn fileset(a: &Args<'_>) -> Result<Value> {
    let (folder, pattern) = (a.cx.below_root(a.text(0)?).map_err(first)?, clean(a.text(1)?));
    let glob = GlobBuilder::new(&pattern).literal_separator(true).empty_alternates(true).build();
    let glob = glob.map_err(|error| FunctionError::at(1, error.to_string()))?.compile_matcher();
    // A pattern of three parts matches nothing deeper, so nothing deeper is looked at.
    let depth = if pattern.contains("**") { usize::MAX } else { pattern.split('/').count() };
    let mut found: Vec<Value> = Vec::new();
    for entry in walkdir::WalkDir::new(&folder).min_depth(1).max_depth(depth).follow_links(true) {
        // What cannot be looked at (a dangling or circular link, a closed folder) is no file that could be read.
        let Ok(entry) = entry else { continue };
        let Ok(path) = entry.path().strip_prefix(&folder) else { continue };
        if entry.file_type().is_file() && glob.is_match(path) {
            let path = path.to_str().ok_or_else(|| first(format!("the name of {} is not UTF-8", path.display())))?;
            found.push(path.replace(std::path::MAIN_SEPARATOR, "/").into());
            bounded(Some(found.len()))?;
        }
    }
    Ok(set(Type::String, found))
}

fn basename(path: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit('/').next() {
        _ if path.is_empty() => ".".to_owned(),
        Some("") | None => "/".to_owned(),
        Some(name) => name.to_owned(),
    }
}

fn dirname(path: &str) -> String {
    clean(path.rfind('/').map_or("", |slash| &path[..=slash]))
}

/// The shortest path that means the same, by its text alone: without `.`, `//` and `x/..`.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
