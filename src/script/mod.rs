//! What provisioners and post-processors that run scripts share: where the script comes from, its environment, and
//! which exit codes are good.
//!
//! `shell` decodes [`ScriptOptions`] itself; both kinds of `shell-local` go through [`local`].

mod environment;
pub(crate) mod local;

pub(crate) use environment::{Environment, VariableFormat};

use crate::eval::fields::Fields;
use crate::run::inputs::Local;

/// The text to run: given in the template, or files beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Lines of one script.
    Inline(Vec<String>),
    /// Paths as written, run one after the other.
    Files(Vec<String>),
}

/// Options that all script components have.
#[derive(Debug)]
pub(crate) struct ScriptOptions {
    pub source: Source,
    pub environment: Environment,
    /// How a variable is written into a command line or file, when the template says so.
    pub format: Option<VariableFormat>,
    pub inline_shebang: Option<String>,
    valid_exit_codes: Vec<i64>,
}

impl ScriptOptions {
    /// `command` is the name of an option that holds one inline line, where the component has such.
    pub(crate) fn decode(fields: &mut Fields<'_>, command: Option<&'static str>) -> Option<Self> {
        let source = source(fields, command);
        let environment = Environment::decode(fields);
        let format = VariableFormat::decode(fields);
        let inline_shebang = fields.text("inline_shebang").filter(|shebang| !shebang.is_empty());
        let valid_exit_codes = fields.integers("valid_exit_codes").filter(|codes| !codes.is_empty());
        let valid_exit_codes = valid_exit_codes.unwrap_or_else(|| vec![0]);
        Some(Self { source: source?, environment: environment?, format, inline_shebang, valid_exit_codes })
    }

    /// The script's files; their modes do not matter.
    pub(crate) fn locals(&self) -> Vec<Local> {
        match &self.source {
            Source::Inline(_) => Vec::new(),
            Source::Files(paths) => paths.iter().map(Local::bytes).collect(),
        }
    }

    /// Whether `status` is among the good ones.
    pub(crate) fn allows(&self, status: i64) -> bool {
        self.valid_exit_codes.contains(&status)
    }

    /// The peer's words for a bad status.
    pub(crate) fn refusal(&self, status: i64) -> String {
        let allowed: Vec<String> = self.valid_exit_codes.iter().map(i64::to_string).collect();
        let allowed = allowed.join(" ");
        format!("Script exited with non-zero exit status: {status}. Allowed exit codes are: [{allowed}]")
    }
}

/// Takes the options that say what to run and sees that exactly one is used. Empty ones count as absent.
fn source(fields: &mut Fields<'_>, command: Option<&'static str>) -> Option<Source> {
    let inline = fields.texts("inline").unwrap_or_default();
    let script = fields.text("script").into_iter().filter(|path| !path.is_empty()).collect::<Vec<_>>();
    let scripts = fields.texts("scripts").unwrap_or_default();
    let line = command.and_then(|name| fields.text(name)).into_iter().filter(|line| !line.is_empty());
    let mut choices = vec![
        ("inline", Source::Inline(inline)),
        ("script", Source::Files(script)),
        ("scripts", Source::Files(scripts)),
    ];
    choices.extend(command.map(|name| (name, Source::Inline(line.collect()))));
    let names: Vec<String> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let set: Vec<&'static str> = choices.iter().map(|(name, _)| *name).filter(|name| fields.is_set(name)).collect();
    choices.retain(|(_, Source::Inline(texts) | Source::Files(texts))| !texts.is_empty());
    let mut choices = choices.into_iter();
    let (Some((name, source)), None) = (choices.next(), choices.next()) else {
        let at = set.last().copied().unwrap_or("inline");
        if !set.iter().any(|name| fields.is_unknown(name)) {
            fields.error_at(at, "exactly one script is needed", format!("give one of {}", names.join(", ")));
            return None;
        }
        return Some(Source::Inline(Vec::new()));
    };
    if let Source::Files(paths) = &source
        && !fields.is_unknown(name)
    {
        exist(fields, name, paths);
    }
    Some(source)
}

/// Reports every path that is no file. Relative ones start from the working directory, as in the peer.
fn exist(fields: &mut Fields<'_>, name: &'static str, paths: &[String]) {
    for path in paths {
        let full = fields.interpolation().cwd.join(path);
        let reason = match std::fs::metadata(&full) {
            Ok(found) if found.is_dir() => "it is a folder".to_owned(),
            Ok(_) => continue,
            Err(error) => format!("{}: {error}", full.display()),
        };
        fields.error_at(name, format!("bad script \"{path}\""), reason);
    }
}

/// One script from inline lines, with `shebang` as its first line when there is one.
pub(crate) fn joined(lines: &[String], shebang: Option<&str>) -> String {
    let mut text = shebang.map(|shebang| format!("#!{shebang}\n")).unwrap_or_default();
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text
}
