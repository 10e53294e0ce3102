//! `.github/forge.yml`: the images of a repository, each with template, variables and what to do on which event.
//!
//! `tree` makes nodes with places of the text, `reader` and `runner` take them apart, `values` writes the values of
//! variables, `event` knows what happens when. A mistake is a diagnostic at its place; the file's own limits keep a
//! hostile one cheap. `docs/forge.schema.json` says the same to editors, and a test holds the two together.

mod attestation;
mod event;
mod mistakes;
mod path;
mod publish;
mod reader;
mod runner;
mod settings;
#[cfg(test)]
mod tests;
mod tree;
mod values;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Diagnostics, FileId, SourceMap, Span};
pub(crate) use attestation::Attestation;
use event::Policy;
pub(crate) use event::{Do, EventClass};
use mistakes::Mistakes;
pub(crate) use publish::{FailedRuns, Name, Publish, WithoutRecord};

/// Where the file is, seen from the repository's root.
pub(crate) const PLACE: &str = ".github/forge.yml";
/// Larger files are refused, in bytes.
const LARGEST: u64 = 1 << 20;

/// What the file says.
#[derive(Debug)]
pub(crate) struct Config {
    /// In the order of the file, at least one.
    pub images: Vec<Image>,
}

/// An image, what `defaults` says included.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub name: String,
    /// Of the name.
    pub span: Span,
    /// Relative to the working directory and inside of it, like all paths.
    pub template: PathBuf,
    /// `name=value` each, as `-var` takes it.
    pub vars: Vec<String>,
    pub var_files: Vec<PathBuf>,
    pub only: Vec<String>,
    pub except: Vec<String>,
    /// A label, a list of labels, or an object with `group` and `labels`: what a job's `runs-on` takes.
    pub runs_on: Option<serde_json::Value>,
    on: Policy,
    pub publish: Publish,
    /// Where each path was written.
    places: Vec<(PathBuf, Span)>,
}

impl Image {
    /// What to do on an event.
    pub(crate) fn on(&self, event: EventClass) -> Do {
        self.on.of(event)
    }

    /// Reports files that are not there, at the place where they were named.
    pub(crate) fn check_files(&self, root: &Path, diagnostics: &mut Diagnostics) {
        for (path, span) in &self.places {
            if let Err(error) = std::fs::metadata(root.join(path)) {
                let summary = format!("{} cannot be read: {error}", path.display());
                let diagnostic = Diagnostic::error(summary).at(*span);
                diagnostics.push(diagnostic.help("paths are relative to the working directory"));
            }
        }
    }
}

/// Reads the file; whatever is wrong with it is in `diagnostics`, and then there is nothing.
pub(crate) fn read(path: &Path, sources: &mut SourceMap, diagnostics: &mut Diagnostics) -> Option<Config> {
    let mut mistakes = Mistakes::new(diagnostics);
    let file = load(path, sources, &mut mistakes)?;
    let root = tree::parse(file, sources.text(file), &mut mistakes)?;
    let images = reader::images(&root, &mut mistakes);
    (!mistakes.any()).then_some(Config { images })
}

fn load(path: &Path, sources: &mut SourceMap, mistakes: &mut Mistakes<'_>) -> Option<FileId> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    let shown = path.display();
    let problem = match read {
        Err(error) => format!("{shown} cannot be read: {error}"),
        Ok(_) if bytes.len() as u64 > LARGEST => format!("{shown} is larger than {} MiB", LARGEST >> 20),
        Ok(_) => match String::from_utf8(bytes) {
            Ok(text) => {
                let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
                return Some(sources.add(path.strip_prefix(".").unwrap_or(path), text));
            }
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let line = error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count() + 1;
                format!("{shown} is not UTF-8 text: bad byte in line {line}")
            }
        },
    };
    mistakes.push(Diagnostic::error(problem));
    None
}
