//! What the step leaves: the record, first as a file and an artifact, then the summary, then the outputs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::join::{JOINED, PREFIX};
use super::reporting::artifacts;
use super::warn;
use crate::action::{Inputs, OutputFile};
use crate::app::{self, Process};
use crate::client::github::Artifacts;
use crate::report::record::Image;
use crate::report::{self, Marked, Record};
use crate::secret::Redactor;

/// Name of the record's file.
const RECORD: &str = "forge-record.json";
/// Characters that a name of an artifact cannot have.
const FORBIDDEN: &str = "\":<>|*?\\/\r\n";

/// What could not be shown on GitHub, and why: collected by whoever reports, told in the summary.
#[derive(Debug, Clone, Default)]
pub(super) struct Notices(Arc<Mutex<Vec<String>>>);

impl Notices {
    pub(super) fn extend(&self, notices: impl IntoIterator<Item = String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(notices);
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What the step tells the runner at its end.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub cancelled: bool,
    pub manifest: Option<PathBuf>,
    /// What the command `plan` made.
    pub matrix: Option<String>,
    pub notices: Notices,
    /// What the runner may mask: it keeps an output with such a value from other jobs, and says nothing of it.
    pub masked: Vec<Redactor>,
    record: Option<Record>,
    /// Where the record was written.
    written: Option<PathBuf>,
    /// Where the contents of the images were written.
    sboms: Vec<PathBuf>,
    summary: Option<String>,
}

/// A record that is to become an artifact.
pub(super) struct Keeping {
    artifacts: Artifacts,
    name: String,
    json: Vec<u8>,
}

/// Keeps a record as an artifact of the workflow's run. It takes a while, in which GitHub can be told.
pub(super) async fn keep(keeping: Option<Keeping>) {
    let Some(Keeping { artifacts, name, json }) = keeping else { return };
    if let Err(error) = artifacts.keep(&name, RECORD, &json).await {
        warn(&format!("the record was not kept: {error}"));
    }
}

impl Done {
    /// Takes the run's record. Lines that are not `marked` are marked by the runner, unless the post step sees to it.
    pub(super) fn take(&mut self, record: Record, inputs: &Inputs, marked: Option<&Marked>) {
        if let Some(marked) = marked {
            app::print_commands(&report::marks(&record, marked));
        }
        self.summary = inputs.summary.then(|| report::summary(&record));
        self.record = Some(record);
    }

    /// What a run before this one in the same step was.
    pub(super) fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// Writes the record as a file. What is left is to [`keep`] it.
    pub(super) fn write_record(&mut self, record: &Record, process: &Process, redactor: &Redactor) -> Option<Keeping> {
        let tried = self.try_record(record, process, redactor);
        tried.unwrap_or_else(|error| {
            warn(&format!("the record was not kept: {error}"));
            None
        })
    }

    fn try_record(
        &mut self,
        record: &Record,
        process: &Process,
        redactor: &Redactor,
    ) -> Result<Option<Keeping>, String> {
        let Some(temp) = process.var("RUNNER_TEMP") else { return Ok(None) };
        let json = serde_json::to_vec_pretty(record).map_err(|error| error.to_string())?;
        let folder = process.cwd.join(temp).join(format!("forge-{}", record.run));
        let path = folder.join(RECORD);
        let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, &json));
        written.map_err(|error| format!("{}: {error}", path.display()))?;
        self.written = Some(path);
        if !record.is_joined() {
            self.sboms = report::write_sboms(record, &folder).unwrap_or_else(|error| {
                warn(&format!("what is in the images was not written: {error}"));
                Vec::new()
            });
        }
        // What strangers wrote is reported, and nobody is to find it as a record of this workflow.
        let artifacts = artifacts(process, redactor)?.filter(|_| !record.strangers);
        Ok(artifacts.map(|artifacts| Keeping { artifacts, name: artifact_name(record), json }))
    }

    /// Writes summary and outputs. A summary that cannot be written is a warning; outputs are what later steps need.
    pub(super) fn publish(&mut self, result: &str, process: &Process) -> std::io::Result<()> {
        let summary = self.summary.as_ref().map(|summary| format!("{summary}{}", report::unsaid(&self.notices.all())));
        if let (Some(summary), Some(path)) = (summary, process.var("GITHUB_STEP_SUMMARY"))
            && let Err(error) = OutputFile::new(process.cwd.join(path)).append(&summary)
        {
            warn(&format!("the job summary could not be written: {error}"));
        }
        let Some(path) = process.var("GITHUB_OUTPUT") else { return Ok(()) };
        let outputs = OutputFile::new(process.cwd.join(path));
        let set = |name: &str, value: &str| {
            if self.masked.iter().any(|secrets| secrets.redact(value) != value) {
                warn(&format!(
                    "the output \"{name}\" holds a value that is, or may be, a secret: where it is, steps of this job see \
                     the output, and other jobs get none"
                ));
            }
            outputs.set(name, value)
        };
        let images: Vec<&Image> = self.record.iter().flat_map(Record::images).collect();
        if let Some(first) = images.first() {
            set("image-id", &first.id)?;
        }
        set("images", &serde_json::to_string(&images)?)?;
        for (name, path) in [("manifest", &self.manifest), ("record", &self.written)] {
            if let Some(path) = path {
                set(name, &path.to_string_lossy())?;
            }
        }
        if !self.sboms.is_empty() {
            let paths: Vec<_> = self.sboms.iter().map(|path| path.to_string_lossy()).collect();
            set("sbom", &paths.join("\n"))?;
        }
        if let Some(matrix) = self.matrix.as_ref().filter(|matrix| !matrix.is_empty()) {
            set("matrix", matrix)?;
            set("count", &entries(matrix).to_string())?;
        }
        set("result", result)
    }
}

/// How many jobs a matrix makes.
fn entries(matrix: &str) -> usize {
    let matrix: Option<serde_json::Value> = serde_json::from_str(matrix).ok();
    matrix.and_then(|matrix| matrix["include"].as_array().map(Vec::len)).unwrap_or_default()
}

/// One for each job of each run and attempt: a name can be used once.
pub(super) fn artifact_name(record: &Record) -> String {
    let (job, attempt) = record.workflow.as_ref().map_or(("", 0), |workflow| (workflow.job.as_str(), workflow.attempt));
    let cell = record.inputs.entry.as_deref().unwrap_or(job);
    let part = record.run.get(record.run.len().saturating_sub(8)..).unwrap_or_default();
    let name = match record.is_joined() {
        true => format!("{JOINED}{attempt}-{part}"),
        false => format!("{PREFIX}{cell}-{attempt}-{part}"),
    };
    name.chars().map(|c| if FORBIDDEN.contains(c) { '_' } else { c }).take(200).collect()
}
