//! The records of a commit: kept as artifacts by the workflows that its push has started.

use super::join::PREFIX;
use super::release::File;
use crate::client::github::{GithubError, PastRun, Repository, RunsOf};
use crate::report::{self, Record};
use crate::report_command;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Past {
    pub records: Vec<Record>,
    /// The same as files, under names of their own.
    pub files: Vec<File>,
    /// What could not be used, and why.
    pub unused: Vec<String>,
    /// Runs that were looked at.
    runs: usize,
}

impl Past {
    pub(super) fn add(&mut self, record: Record, bytes: Vec<u8>) {
        let cell =
            record.inputs.entry.clone().or_else(|| record.workflow.as_ref().map(|workflow| workflow.job.clone()));
        self.files.push(File { name: cell.unwrap_or_default(), content: bytes });
        self.records.push(record);
    }

    /// The files by their names in a release: one alone is `forge-record.json`.
    pub(super) fn assets(&self) -> Vec<File> {
        let several = self.files.len() > 1;
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '.' };
        let name = |number: usize, cell: &str| match (several, cell) {
            (false, _) => "forge-record.json".to_owned(),
            (true, "") => format!("forge-record-{}.json", number + 1),
            (true, cell) => format!("forge-record-{}.json", cell.chars().map(plain).collect::<String>()),
        };
        let mut named: Vec<File> = Vec::new();
        for (number, file) in self.files.iter().enumerate() {
            let own = name(number, &file.name);
            let taken = named.iter().any(|other| other.name == own);
            let name = if taken { name(number, "") } else { own };
            named.push(File { name, content: file.content.clone() });
        }
        named
    }

    /// The contents of the images, of each name the newest.
    pub(super) fn sboms(&self) -> Vec<File> {
        let mut records: Vec<&Record> = self.records.iter().collect();
        records.sort_by_key(|record| std::cmp::Reverse(record.started));
        let mut files: Vec<File> = Vec::new();
        for (name, text) in records.into_iter().flat_map(report::sboms) {
            if files.iter().all(|other| other.name != name) {
                files.push(File { name, content: text.into_bytes() });
            }
        }
        files
    }

    /// Where was looked, for who wonders why something is missing.
    pub(super) fn told(&self, commit: &str) -> String {
        let short = commit.get(..12).unwrap_or(commit);
        let seen = match self.runs {
            0 => format!("no run of a workflow on a push of commit {short} has ended; publish what a push has built"),
            1 => format!("1 run on a push of commit {short} was looked at"),
            runs => format!("{runs} runs on a push of commit {short} were looked at"),
        };
        let mut lines = vec![seen];
        lines.extend(self.unused.iter().cloned());
        lines.join("\n")
    }
}

/// Looks for the records of a commit. The job needs `actions: read`.
pub(super) async fn look(github: &Repository, repository: &str, commit: &str, own: u64) -> Result<Past, String> {
    let told = |error: GithubError| match error {
        GithubError::Forbidden(said) => format!(
            "the job may not read the records of commit {commit}: give it `permissions` with `actions: read` ({said})"
        ),
        error => format!("the records of commit {commit}: {error}"),
    };
    let mut past = Past::default();
    let runs = github.past_runs(RunsOf::Commit(commit)).await.map_err(told)?;
    for run in runs.iter().filter(|run| run.id != own) {
        past.runs += 1;
        for artifact in github.artifacts_of(run).await.map_err(told)? {
            if !artifact.name.starts_with(PREFIX) {
                continue;
            }
            if artifact.expired {
                let text = format!("{} of run {} has expired: build the commit again", artifact.name, run.id);
                past.unused.push(text);
                continue;
            }
            let read = github.read_artifact(&artifact).await.map_err(|error| error.to_string());
            match read.and_then(|bytes| Ok((parse(&bytes, run, repository, commit)?, bytes))) {
                // That of an earlier publishing has nothing that those of the builds do not have.
                Ok((record, _)) if record.published.is_some() => {}
                Ok((record, bytes)) => past.add(record, bytes),
                Err(error) => past.unused.push(format!("{} of run {}: {error}", artifact.name, run.id)),
            }
        }
    }
    Ok(past)
}

/// What was read, if it is what the run itself wrote of this very commit.
fn parse(bytes: &[u8], run: &PastRun, repository: &str, commit: &str) -> Result<Record, String> {
    let record = report_command::parse(bytes)?;
    let Some(workflow) = &record.workflow else { return Err("it is of no run of a workflow".to_owned()) };
    if workflow.repository != repository || workflow.run_id != run.id {
        return Err("it is that of another run".to_owned());
    }
    if workflow.sha.as_deref() != Some(commit) {
        return Err(format!("it is of commit {}", workflow.sha.as_deref().unwrap_or("unknown")));
    }
    Ok(record)
}
