//! `forge fmt`: files in canonical layout, with the peer's output and exit codes.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use similar::TextDiff;

use crate::app::{self, Process};
use crate::cli::FmtArgs;
use crate::diagnostic::{Diagnostic, Style};
use crate::exit_code::ExitCode;
use crate::formatter::format;
use crate::front::Front;
use crate::secret::Redactor;
use crate::stdio;
use crate::template::{parse, read_file};

/// Formats every file that was named; what is wrong with one does not keep the others from it.
pub(crate) fn run(args: &FmtArgs, process: &Process, redactor: &Redactor) -> ExitCode {
    let mut front = Front::empty();
    let mut changed = false;
    for path in &args.paths {
        if path.as_os_str() == "-" {
            changed |= standard_input(args, &mut front);
            continue;
        }
        for file in files(path, args.recursive, &mut front) {
            changed |= one(&file, args, &mut front);
        }
    }
    if front.show(Style::Plain, process, redactor).is_some() {
        return ExitCode::Failed;
    }
    if args.check && changed { ExitCode::WouldChange } else { ExitCode::Success }
}

fn problem(front: &mut Front, text: String) {
    front.diagnostics.push(Diagnostic::error(text));
}

/// The files behind a path, in order of their names. Folders are searched for template and variable files.
fn files(path: &Path, recursive: bool, front: &mut Front) -> Vec<PathBuf> {
    if !path.is_dir() {
        if !is_ours(path) && path.exists() {
            let shown = path.display();
            problem(front, format!("{shown} is no template file: its name ends in neither .pkr.hcl nor .pkrvars.hcl"));
            return Vec::new();
        }
        return vec![path.to_owned()];
    }
    let depth = if recursive { usize::MAX } else { 1 };
    let walk = walkdir::WalkDir::new(path).min_depth(1).max_depth(depth).sort_by_file_name().into_iter();
    let mut found = Vec::new();
    for entry in walk.filter_entry(|entry| !is_ignored(&entry.file_name().to_string_lossy())) {
        match entry {
            Ok(entry) if !entry.file_type().is_dir() && is_ours(entry.path()) => {
                let path = entry.into_path();
                found.push(path.strip_prefix(".").map(Path::to_owned).unwrap_or(path));
            }
            Ok(_) => {}
            Err(error) => problem(front, format!("{} cannot be read: {error}", path.display())),
        }
    }
    found
}

fn is_ours(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with(".pkr.hcl") || name.ends_with(".pkrvars.hcl")
}

/// Hidden files and what editors leave.
fn is_ignored(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~') || (name.starts_with('#') && name.ends_with('#'))
}

/// The text and its canonical form; nothing, and a diagnostic, when it does not parse.
fn formatted(file: crate::diagnostic::FileId, front: &mut Front) -> Option<(String, String)> {
    parse(file, &front.sources, &mut front.diagnostics)?;
    let text = front.sources.text(file).to_owned();
    let canonical = format(&text);
    Some((text, canonical))
}

fn standard_input(args: &FmtArgs, front: &mut Front) -> bool {
    let mut text = String::new();
    if let Err(error) = std::io::stdin().read_to_string(&mut text) {
        problem(front, format!("standard input cannot be read: {error}"));
        return false;
    }
    let file = front.sources.add("<stdin>", text);
    let Some((text, canonical)) = formatted(file, front) else { return false };
    if args.write && !args.check {
        stdio::print_file(&canonical);
    }
    if args.diff {
        app::print(&difference("-", &text, &canonical));
    }
    text != canonical
}

/// Whether the file is not in canonical form.
fn one(path: &Path, args: &FmtArgs, front: &mut Front) -> bool {
    let Some(file) = read_file(path, &mut front.sources, &mut front.diagnostics) else { return false };
    let Some((text, canonical)) = formatted(file, front) else { return false };
    if text == canonical {
        return false;
    }
    app::print(&format!("{}\n", path.display()));
    if args.write
        && !args.check
        && let Err(error) = replace(path, &canonical)
    {
        problem(front, format!("{} cannot be written: {error}", path.display()));
    }
    if args.diff {
        app::print(&difference(&path.to_string_lossy(), &text, &canonical));
    }
    true
}

/// The file is old or new at any moment, whatever happens.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = std::fs::canonicalize(path)?;
    let mut new = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    new.write_all(text.as_bytes())?;
    new.as_file().set_permissions(std::fs::metadata(&path)?.permissions())?;
    new.persist(&path)?;
    Ok(())
}

fn difference(name: &str, old: &str, new: &str) -> String {
    let labels = (format!("old/{name}"), format!("new/{name}"));
    TextDiff::from_lines(old, new).unified_diff().header(&labels.0, &labels.1).to_string()
}
