//! What functions know of the world: folders to read from and the time the run began.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::Secrets;

/// Stands for each secret in what is evaluated with a frozen clock.
pub(crate) const STAND_IN: &str = "<sensitive>";

/// The surroundings of a call.
#[derive(Debug, Clone)]
pub(crate) struct FunctionContext {
    /// `path.root`: what `file`, `fileexists`, `fileset` and `templatefile` are relative to.
    pub root: PathBuf,
    /// The working directory: what `filebase64` and `abspath` are relative to.
    pub cwd: PathBuf,
    /// When the run began.
    pub started: SystemTime,
    /// Who is asked for secrets; without, they are unknown.
    pub secrets: Option<Arc<dyn Secrets>>,
    /// Inside of a file that `templatefile` renders.
    pub in_template: bool,
    /// The clock stands still at `started`, nothing is random, and a text stands for each secret: what is evaluated so
    /// is the same whenever it is.
    pub frozen: bool,
}

impl FunctionContext {
    /// Without folders and clock, for expressions that call nothing.
    pub(crate) fn detached() -> Self {
        Self {
            root: PathBuf::new(),
            cwd: PathBuf::new(),
            started: SystemTime::UNIX_EPOCH,
            secrets: None,
            in_template: false,
            frozen: false,
        }
    }

    /// Of this very moment.
    pub(super) fn now(&self) -> SystemTime {
        if self.frozen { self.started } else { SystemTime::now() }
    }

    pub(crate) fn inside_template(&self) -> Self {
        Self { in_template: true, ..self.clone() }
    }

    /// `path` seen from `path.root`, `~` being the user's home.
    pub(super) fn below_root(&self, path: &str) -> Result<PathBuf, String> {
        Ok(self.root.join(expand_home(path)?))
    }

    /// Reads a text file; `path` is relative to `path.root`.
    pub(crate) fn read_text(&self, path: &Path, largest: u64) -> Result<String, String> {
        let shown = path.display();
        let place = self.below_root(&path.to_string_lossy())?;
        let bytes = read(&place, largest).map_err(|error| format!("{shown} {error}"))?;
        let invalid = |error: std::string::FromUtf8Error| {
            let at = error.utf8_error().valid_up_to();
            format!("{shown} is not UTF-8 text (byte {at}); use filebase64 for other files")
        };
        String::from_utf8(bytes).map_err(invalid)
    }
}

/// A whole file of at most `largest` bytes; the error reads on after the file's name.
pub(super) fn read(path: &Path, largest: u64) -> Result<Vec<u8>, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let meta = std::fs::metadata(path).map_err(cannot)?;
    // A pipe or device could keep us waiting for ever.
    if !meta.is_file() {
        return Err(if meta.is_dir() { "is a folder, not a file" } else { "is no regular file" }.to_owned());
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(largest + 1).read_to_end(&mut bytes)).map_err(cannot)?;
    if bytes.len() as u64 > largest {
        return Err(format!("is larger than {} MiB", largest >> 20));
    }
    Ok(bytes)
}

/// A leading `~` is the user's home folder; other users' homes are not known.
pub(super) fn expand_home(path: &str) -> Result<PathBuf, String> {
    let Some(rest) = path.strip_prefix('~') else { return Ok(path.into()) };
    if !rest.is_empty() && !rest.starts_with(['/', '\\']) {
        return Err("only the own home folder (~/) can be expanded".to_owned());
    }
    let home = std::env::home_dir().ok_or("there is no home folder")?;
    Ok(home.join(rest.trim_start_matches(['/', '\\'])))
}
