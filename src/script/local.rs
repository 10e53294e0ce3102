//! Scripts on the machine that runs forge: what the provisioner and the post-processor `shell-local` have in common.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::{ScriptOptions, Source, VariableFormat, joined};
use crate::eval::fields::Fields;
use crate::eval::interpolate::{Interpolation, over};
use crate::run::BuildContext;
use crate::run::cancel::Cancelled;
use crate::run::inputs::Local;
use crate::run::local_command::{self, LocalCommandError};

/// Names of systems that `only_on` knows, in the peer's spelling.
const SYSTEMS: [&str; 6] = ["darwin", "freebsd", "linux", "openbsd", "solaris", "windows"];

#[derive(Debug, thiserror::Error)]
pub(crate) enum LocalScriptError {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    #[error("{0}")]
    Failed(String),
}

impl From<LocalCommandError> for LocalScriptError {
    fn from(error: LocalCommandError) -> Self {
        match error {
            LocalCommandError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// A local script with its decoded options.
#[derive(Debug)]
pub(crate) struct LocalScript {
    options: ScriptOptions,
    /// Program and arguments, each rendered before every script.
    execute_command: Vec<String>,
    only_on: Vec<String>,
    /// Ending of the file that inline lines are put in, with its dot.
    extension: String,
    /// Of the build.
    facts: BTreeMap<String, String>,
    interpolation: Interpolation,
}

impl LocalScript {
    pub(crate) fn locals(&self) -> Vec<Local> {
        self.options.locals()
    }

    /// `shell_prefix`: an `execute_command` of a single element is a command line for `sh -c`.
    pub(crate) fn decode(fields: &mut Fields<'_>, shell_prefix: bool) -> Option<Self> {
        let options = ScriptOptions::decode(fields, Some("command"));
        let seen = fields.facts_and(["Vars", "Script", "Command"]);
        let execute_command = fields.templates("execute_command", seen.as_ref()).unwrap_or_default();
        let only_on = fields.texts("only_on").unwrap_or_default();
        if !fields.is_unknown("only_on") {
            for system in only_on.iter().filter(|system| !SYSTEMS.contains(&system.as_str())) {
                let detail = format!("known are {}", SYSTEMS.join(", "));
                fields.error_at("only_on", format!("\"{system}\" is not a system"), detail);
            }
        }
        let extension = fields.text("tempfile_extension").unwrap_or_default();
        if fields.flag("use_linux_pathing") == Some(true) {
            let detail = "paths of the Linux subsystem of Windows cannot be made yet";
            fields.error_at("use_linux_pathing", "\"use_linux_pathing\" is not supported yet", detail);
        }
        let execute_command = match execute_command.len() {
            0 => default_command(),
            1 if shell_prefix => ["sh", "-c"].map(str::to_owned).into_iter().chain(execute_command).collect(),
            _ => execute_command,
        };
        Some(Self {
            options: options?,
            execute_command,
            only_on,
            extension: match extension.trim_start_matches('.') {
                "" if cfg!(windows) => ".cmd".to_owned(),
                "" => String::new(),
                name => format!(".{name}"),
            },
            facts: fields.facts(),
            interpolation: fields.interpolation().clone(),
        })
    }

    /// Runs the script, or each of them, until one fails.
    pub(crate) async fn run(&self, cx: &BuildContext) -> Result<(), LocalScriptError> {
        if !self.only_on.is_empty() && !self.only_on.iter().any(|system| system == this_system()) {
            cx.say("Skipping shell-local due to runtime OS");
            return Ok(());
        }
        match &self.options.source {
            Source::Inline(lines) => {
                let script = self.written(lines)?;
                self.one(&script, cx).await
            }
            Source::Files(paths) => {
                for path in paths {
                    let full: PathBuf = cx.run.cwd.join(path).components().collect();
                    self.one(&full, cx).await?;
                }
                Ok(())
            }
        }
    }

    async fn one(&self, script: &Path, cx: &BuildContext) -> Result<(), LocalScriptError> {
        cx.say(format!("Running local shell script: {}", script.display()));
        let default = if cfg!(windows) { VariableFormat::batch() } else { VariableFormat::prefix() };
        let variables = self.options.environment.written(self.options.format.as_ref().unwrap_or(&default), cx);
        let script = script.to_string_lossy();
        let data = over(&self.facts, [("Vars", variables.as_str()), ("Script", &script), ("Command", &script)]);
        let mut command = Vec::with_capacity(self.execute_command.len());
        for part in &self.execute_command {
            let part = self.interpolation.render(part, &data);
            command.push(part.map_err(|error| LocalScriptError::Failed(format!("execute_command: {error}")))?);
        }
        let Some((program, arguments)) = command.split_first() else { return Ok(()) };
        let status = local_command::run(program, arguments, &[("PACKER_RUN_UUID", &cx.run.id)], cx).await?;
        match self.options.allows(status) {
            true => Ok(()),
            false => Err(LocalScriptError::Failed(self.options.refusal(status))),
        }
    }

    /// A file of our user alone with the inline lines; removed when the path is dropped.
    fn written(&self, lines: &[String]) -> Result<TempPath, LocalScriptError> {
        let shebang = self.options.inline_shebang.as_deref().unwrap_or("/bin/sh -e");
        let text = joined(lines, (!cfg!(windows)).then_some(shebang));
        local_command::writing_executable(|| write_script(&text, &self.extension))
            .map_err(|error| LocalScriptError::Failed(format!("could not write the script to a file: {error}")))
    }
}

fn write_script(text: &str, extension: &str) -> std::io::Result<TempPath> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("packer-shell").suffix(extension);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    let mut file = builder.tempfile()?;
    file.write_all(text.as_bytes())?;
    // Closed before it runs: a system does not execute a file that is open for writing.
    Ok(file.into_temp_path())
}

fn default_command() -> Vec<String> {
    let parts: &[&str] = match cfg!(windows) {
        true => &["cmd", "/V", "/C", "{{.Vars}}", "call", "{{.Script}}"],
        false => &["/bin/sh", "-c", "{{.Vars}} {{.Script}}"],
    };
    parts.iter().map(|part| (*part).to_owned()).collect()
}

fn this_system() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    }
}
