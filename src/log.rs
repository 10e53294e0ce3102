//! Diagnostic logs: on stderr or in a file, never among the build's output, redacted like everything else; where GitHub's
//! runner reads stderr, nothing in them is a workflow command.
//!
//! `FORGE_LOG` is a filter such as `debug` or `forge_action=trace`; `PACKER_LOG=1` and step debugging on Actions
//! (`RUNNER_DEBUG=1`) mean `debug`. `FORGE_LOG_FILE` and `PACKER_LOG_PATH` name a file; `FORGE_LOG_FORMAT=json` makes
//! each line a JSON object.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::secret::Redactor;
use crate::workflow_command::{neutral, obeyed};

/// Our own steps and the requests to services, without the bytes on the wire.
const DEBUG: &str = "info,forge_action=debug,bollard=debug";

/// Starts logging if the environment asks for it.
pub(crate) fn start(environment: &[(String, String)], redactor: &Redactor) -> io::Result<()> {
    let set = |name: &str| {
        let found = environment.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    };
    let (file, peers_file) = (set("FORGE_LOG_FILE"), set("PACKER_LOG_PATH"));
    let debug = set("PACKER_LOG").is_some_and(|value| value != "0") || set("RUNNER_DEBUG") == Some("1");
    let filter = match set("FORGE_LOG") {
        Some(filter) => filter,
        None if debug || file.is_some() || peers_file.is_some() => DEBUG,
        None => return Ok(()),
    };
    let invalid = |name: &str, value: &str, error: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{name}={value}: {error}"))
    };
    let filter = EnvFilter::try_new(filter).map_err(|error| invalid("FORGE_LOG", filter, &error))?;
    let target = match (file, peers_file) {
        (Some(path), _) => Some(("FORGE_LOG_FILE", path, OpenOptions::new().create(true).append(true).open(path))),
        (None, Some(path)) => Some(("PACKER_LOG_PATH", path, File::create(path))),
        (None, None) => None,
    };
    let target = match target {
        Some((name, path, opened)) => Target::File(opened.map_err(|error| invalid(name, path, &error))?),
        None => Target::Stderr,
    };
    let writer = Redacted { target: Arc::new(Mutex::new(target)), redactor: redactor.clone(), obeyed: obeyed() };
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(writer);
    match set("FORGE_LOG_FORMAT") {
        Some("json") => subscriber.json().init(),
        None | Some("plain") => subscriber.init(),
        Some(other) => return Err(invalid("FORGE_LOG_FORMAT", other, &"must be json or plain")),
    }
    Ok(())
}

#[derive(Debug)]
enum Target {
    Stderr,
    File(File),
}

/// Takes whole log lines and writes them without secrets. A log that cannot be written must not end a build.
#[derive(Clone)]
struct Redacted {
    target: Arc<Mutex<Target>>,
    redactor: Redactor,
    /// A runner may read it.
    obeyed: bool,
}

impl<'a> MakeWriter<'a> for Redacted {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Redacted {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = self.redactor.redact(&String::from_utf8_lossy(line));
        // In a file too: it may be /dev/stderr.
        let text = if self.obeyed { neutral(&text) } else { text.as_str().into() };
        if let Ok(mut target) = self.target.lock() {
            let _ = match &mut *target {
                Target::Stderr => io::stderr().write_all(text.as_bytes()),
                Target::File(file) => file.write_all(text.as_bytes()),
            };
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
