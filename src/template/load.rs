//! Reading template files: one `.pkr.hcl` file, or all of a folder in name order.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::repeated::{blank, repeated_keys};
use super::unclosed::{Unclosed, unclosed};
use super::{Template, decode, heredoc, json, legacy};
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, SourceMap, Span};

/// Larger template files are refused, in bytes: the parser's tree takes some thirty times the text.
const LARGEST: u64 = 16 << 20;

/// What the user named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// One `.pkr.hcl` or `.pkr.json` file: nothing beside it is read.
    File(PathBuf),
    /// A folder: its `*.pkr.hcl` and `*.pkr.json`, not those below it, and its `*.auto.pkrvars.*`.
    Folder(PathBuf),
    /// A template of the old JSON format: a file of any other name.
    Legacy(PathBuf),
    /// The same on standard input.
    Stdin,
}

impl Input {
    fn classify(path: &Path) -> Result<Self, Diagnostic> {
        let name = path.to_string_lossy();
        if name == "-" {
            return Ok(Self::Stdin);
        }
        match std::fs::metadata(path) {
            Err(error) => Err(Diagnostic::error(format!("template {name} cannot be read: {error}"))
                .help("name a .pkr.hcl or .json file, or a folder that holds .pkr.hcl files")),
            Ok(meta) if meta.is_dir() => Ok(Self::Folder(path.to_owned())),
            Ok(_) if name.ends_with(".pkr.hcl") || name.ends_with(".pkr.json") => Ok(Self::File(path.to_owned())),
            Ok(_) if name.ends_with(".hcl") => {
                Err(Diagnostic::error(format!("template {name} is neither a folder nor a .pkr.hcl file"))
                    .help("rename it so that it ends in .pkr.hcl"))
            }
            Ok(_) => Ok(Self::Legacy(path.to_owned())),
        }
    }

    /// `path.root`: the folder as typed, without a `./` before it.
    fn root(&self) -> PathBuf {
        let folder = match self {
            Self::Folder(folder) => folder.as_path(),
            Self::File(file) | Self::Legacy(file) => file.parent().unwrap_or(Path::new("")),
            Self::Stdin => Path::new(""),
        };
        let folder = folder.strip_prefix(".").unwrap_or(folder);
        if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() }
    }
}

/// Reads and decodes the template at `path`. Whatever is wrong is in `diagnostics`; the template then lacks it. When
/// a file cannot be parsed there is no template: what it defines would be missed everywhere.
pub(crate) fn load(path: &Path, sources: &mut SourceMap, diagnostics: &mut Diagnostics) -> Option<(Input, Template)> {
    let input = Input::classify(path).map_err(|diagnostic| diagnostics.push(diagnostic)).ok()?;
    let mut complete = true;
    let mut template = Template { root: input.root(), ..Template::default() };
    let files = match &input {
        Input::File(file) => vec![file.clone()],
        Input::Folder(folder) => in_folder(folder, diagnostics)?,
        Input::Legacy(_) | Input::Stdin => {
            let file = match &input {
                Input::Legacy(file) => read(file, sources, diagnostics),
                _ => read_from(std::io::stdin().lock(), Path::new("<stdin>"), sources, diagnostics),
            };
            return legacy::read(file?, &mut template, sources, diagnostics).then_some((input, template));
        }
    };
    for file in files {
        let mut id = read(&file, sources, diagnostics);
        if file.to_string_lossy().ends_with(".json") {
            id = id.and_then(|id| json::native(id, sources, diagnostics));
        }
        match id.and_then(|id| Some((id, parse(id, sources, diagnostics)?))) {
            Some((id, body)) => decode::file(id, body, &mut template, diagnostics),
            None => complete = false,
        }
    }
    decode::duplicates(&template, sources, diagnostics);
    complete.then_some((input, template))
}

fn in_folder(folder: &Path, diagnostics: &mut Diagnostics) -> Option<Vec<PathBuf>> {
    let files = match files_ending(folder, &[".pkr.hcl", ".pkr.json"]) {
        Ok(files) => files,
        Err(error) => {
            diagnostics.push(Diagnostic::error(format!("folder {} cannot be read: {error}", folder.display())));
            return None;
        }
    };
    if files.is_empty() {
        let summary = format!("folder {} holds no template", folder.display());
        let diagnostic = Diagnostic::error(summary);
        diagnostics.push(diagnostic.help("template files end in .pkr.hcl or .pkr.json; sub-folders are not searched"));
        return None;
    }
    let (mut files, json): (Vec<_>, Vec<_>) = files.into_iter().partition(|f| f.to_string_lossy().ends_with(".hcl"));
    files.extend(json);
    Some(files)
}

/// Files (not folders) directly in `folder` with one of the endings, in byte order of their names.
pub(super) fn files_ending(folder: &Path, endings: &[&str]) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if endings.iter().any(|ending| name.ends_with(ending)) && !path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a text file into the source map; says what is wrong when it is missing, huge or not UTF-8.
pub(crate) fn read(path: &Path, sources: &mut SourceMap, diagnostics: &mut Diagnostics) -> Option<FileId> {
    match std::fs::File::open(path) {
        Ok(file) => read_from(file, path, sources, diagnostics),
        Err(error) => {
            diagnostics.push(Diagnostic::error(format!("{} cannot be read: {error}", path.display())));
            None
        }
    }
}

fn read_from(
    from: impl std::io::Read,
    path: &Path,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Option<FileId> {
    let mut bytes = Vec::new();
    let read = from.take(LARGEST + 1).read_to_end(&mut bytes);
    let shown = path.display();
    let problem = match read {
        Err(error) => format!("{shown} cannot be read: {error}"),
        Ok(_) if bytes.len() as u64 > LARGEST => format!("{shown} is larger than {} MiB", LARGEST >> 20),
        Ok(_) => match String::from_utf8(bytes) {
            Ok(text) => return Some(sources.add(path.strip_prefix(".").unwrap_or(path), without_mark(text))),
            Err(error) => format!("{shown} is not UTF-8 text: bad byte at {}", error.utf8_error().valid_up_to()),
        },
    };
    diagnostics.push(Diagnostic::error(problem));
    None
}

/// Blanks a byte order mark, so that byte places stay true.
fn without_mark(text: String) -> String {
    match text.strip_prefix('\u{feff}') {
        Some(rest) => format!("   {rest}"),
        None => text,
    }
}

/// Parses a file of the source map; its first syntax error is reported.
pub(crate) fn parse(
    file: FileId,
    sources: &SourceMap,
    diagnostics: &mut Diagnostics,
) -> Option<hcl_edit::structure::Body> {
    let text = sources.text(file);
    let open = unclosed(text);
    let repeated = repeated_keys(text);
    for key in &repeated {
        let summary = format!("key {} is set twice in this object; the last one counts", key.name);
        let first = Span::new(file, key.item.start..key.item.start + key.name.len());
        let diagnostic = Diagnostic::warning(summary).at(Span::new(file, key.last..key.last + key.name.len()));
        diagnostics.push(diagnostic.label(first, "this one is not used"));
    }
    let blanked = blank(text, &repeated);
    let error = match (hcl_edit::parser::parse_body(&blanked), open) {
        (Ok(mut body), open) if open.is_none_or(|open| open.opener != '"') => {
            heredoc::restore(&mut body, &blanked);
            return Some(body);
        }
        (Ok(_), _) => None,
        (Err(error), _) => Some(error),
    };
    diagnostics.push(match (open, error) {
        (Some(Unclosed { opener: '"', at, until }), _) => Diagnostic::error("the quote is not closed on its line")
            .at(Span::new(file, at..until))
            .help("texts of several lines are written as <<EOT ... EOT"),
        (Some(Unclosed { opener, at, .. }), _) => {
            Diagnostic::error(format!("unclosed \"{opener}\"")).at(Span::new(file, at..at + 1)).detail("never closed")
        }
        (None, error) => {
            let at = error.as_ref().map_or(0, |error| error.location().offset()).min(text.len());
            let width = text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
            let message = error.map(|error| error.message().replace('`', "\"")).unwrap_or_default();
            let message = match message.split_once(';') {
                Some(("invalid expression", _)) => "a value is expected here".to_owned(),
                _ => message,
            };
            Diagnostic::error("syntax error").at(Span::new(file, at..at + width)).detail(message)
        }
    });
    None
}
