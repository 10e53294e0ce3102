//! The records that can be published: of the runs that a push of the commit has started, and where it was not built, of
//! earlier runs of the default branch that were given the same inputs.

use std::collections::{BTreeMap, BTreeSet};

use super::join::PREFIX;
use super::kept;
use super::release::File;
use crate::client::github::{GithubError, PastRun, Repository, RunsOf};
use crate::config::FailedRuns;
use crate::publish::{self, Choice, Subject, Wanted};
use crate::report::{self, Record};

/// Requests that may be made to find an earlier image of the same inputs: a workflow's token has a thousand an hour for
/// the whole repository.
const REQUESTS: usize = 40;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Past {
    found: Vec<Found>,
    /// What could not be used, and why.
    pub unused: Vec<String>,
    /// Runs that were looked at, each with the attempt that was.
    runs: BTreeMap<u64, u64>,
}

/// A record, as it is and as it was written.
#[derive(Debug)]
struct Found {
    record: Record,
    bytes: Vec<u8>,
    /// How its run ended, where that was not well.
    ended: Option<String>,
    /// It is of another commit: its images count where they were given the same inputs.
    elsewhere: bool,
}

impl Found {
    /// Whether it may tell of the image of a build.
    fn counts(&self, one: &Wanted) -> bool {
        let well = self.ended.is_none() || one.settings.failed_runs == Some(FailedRuns::Accept);
        well && (!self.elsewhere || self.is_alike(one))
    }

    fn is_alike(&self, one: &Wanted) -> bool {
        let digest = one.inputs.digest();
        let mut builds = self.record.builds.iter().filter(|build| build.name == one.build);
        digest.is_some() && builds.any(|build| build.digest == digest)
    }

    /// The run that it is of.
    fn run(&self) -> u64 {
        self.record.workflow.as_ref().map_or(0, |workflow| workflow.run_id)
    }
}

impl Past {
    /// A record of this very run, or one that was named.
    pub(super) fn add(&mut self, record: Record) -> Result<(), String> {
        let bytes = serde_json::to_vec_pretty(&record).map_err(|error| error.to_string())?;
        self.found.push(Found { record, bytes, ended: None, elsewhere: false });
        Ok(())
    }

    /// What can be published of what is wanted: of the commit's own records first.
    pub(super) fn choose(&self, wanted: &[Wanted]) -> Choice {
        let records: Vec<&Record> = self.found.iter().map(|found| &found.record).collect();
        let of = |elsewhere: bool| {
            move |one: &Wanted, at: usize| {
                let found = self.found.get(at).filter(|found| found.elsewhere == elsewhere);
                found.is_some_and(|found| found.counts(one)) && !(elsewhere && self.was_tried(one))
            }
        };
        let mut choice = publish::choose(Some(wanted), &records, of(false));
        let alike = publish::choose(Some(&std::mem::take(&mut choice.missing)), &records, of(true));
        choice.subjects.extend(alike.subjects.into_iter().map(|subject| {
            let workflow = self.found.get(subject.record).and_then(|found| found.record.workflow.as_ref());
            Subject { other_commit: workflow.and_then(|workflow| workflow.sha.clone()), ..subject }
        }));
        Choice { missing: alike.missing, ..choice }
    }

    /// The run whose image would be published had it ended well, and how it ended.
    pub(super) fn failed(&self, one: &Wanted) -> Option<(u64, &str)> {
        let records: Vec<&Record> = self.found.iter().map(|found| &found.record).collect();
        let of_commit = |_: &Wanted, at: usize| self.found.get(at).is_some_and(|found| !found.elsewhere);
        let choice = publish::choose(Some(std::slice::from_ref(one)), &records, of_commit);
        let found = self.found.get(choice.subjects.first()?.record)?;
        Some((found.run(), found.ended.as_deref()?))
    }

    /// Whether a run of the commit was to build it and did not end well: what went before is no answer to that.
    pub(super) fn was_tried(&self, one: &Wanted) -> bool {
        let mut failed = self.found.iter().filter(|found| !found.elsewhere && found.ended.is_some());
        failed.any(|found| found.record.builds.iter().any(|build| build.name == one.build))
    }

    /// What to say of images that another commit was built for, a line each.
    pub(super) fn told_elsewhere(&self, subjects: &[Subject]) -> Vec<String> {
        let line = |subject: &Subject| {
            let (found, of) = (self.found.get(subject.record)?, subject.other_commit.as_deref()?);
            Some(format!(
                "{}: this commit has no image of its own; that of commit {} is taken, which run {} made of the same inputs",
                subject.build.name,
                short(of),
                found.run()
            ))
        };
        subjects.iter().filter_map(line).collect()
    }

    /// The records of what is published, by their names in a release: one alone is `forge-record.json`.
    pub(super) fn assets(&self, subjects: &[Subject]) -> Vec<File> {
        let used: Vec<&Found> = self.used(subjects).collect();
        let several = used.len() > 1;
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '.' };
        let name = |number: usize, cell: &str| match (several, cell) {
            (false, _) => "forge-record.json".to_owned(),
            (true, "") => format!("forge-record-{}.json", number + 1),
            (true, cell) => format!("forge-record-{}.json", cell.chars().map(plain).collect::<String>()),
        };
        let mut named: Vec<File> = Vec::new();
        for (number, found) in used.into_iter().enumerate() {
            let Record { inputs, workflow, .. } = &found.record;
            let cell = inputs.entry.as_deref().or(workflow.as_ref().map(|workflow| workflow.job.as_str()));
            let own = name(number, cell.unwrap_or_default());
            let taken = named.iter().any(|other| other.name == own);
            let name = if taken { name(number, "") } else { own };
            named.push(File { name, content: found.bytes.clone() });
        }
        named
    }

    /// The contents of the images, of each name the newest.
    pub(super) fn sboms(&self, subjects: &[Subject]) -> Vec<File> {
        let mut records: Vec<&Record> = self.used(subjects).map(|found| &found.record).collect();
        records.sort_by_key(|record| std::cmp::Reverse(record.started));
        let mut files: Vec<File> = Vec::new();
        for (name, text) in records.into_iter().flat_map(report::sboms) {
            if files.iter().all(|other| other.name != name) {
                files.push(File { name, content: text.into_bytes() });
            }
        }
        files
    }

    fn used(&self, subjects: &[Subject]) -> impl Iterator<Item = &Found> {
        let used: BTreeSet<usize> = subjects.iter().map(|subject| subject.record).collect();
        self.found.iter().enumerate().filter(move |(at, _)| used.contains(at)).map(|(_, found)| found)
    }

    /// What a run had left before its jobs ran again.
    fn forget(&mut self, run: u64) {
        self.runs.remove(&run);
        self.found.retain(|found| found.run() != run);
    }

    /// Where was looked, for who wonders why something is missing.
    pub(super) fn told(&self, commit: &str) -> String {
        let commit = short(commit);
        let seen = match self.runs.len() {
            0 => format!("no run of a workflow on a push of commit {commit} has ended; publish what a push has built"),
            1 => format!("1 run on a push of commit {commit} was looked at"),
            runs => format!("{runs} runs on a push of commit {commit} were looked at"),
        };
        let mut lines = vec![seen];
        lines.extend(self.unused.iter().cloned());
        lines.join("\n")
    }
}

/// As people write a commit.
pub(super) fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// Looks for records. The job needs `actions: read`.
pub(super) struct Finder<'a> {
    pub github: &'a Repository,
    /// `owner/name`.
    pub repository: &'a str,
    pub commit: &'a str,
    /// Number of the run that publishes.
    pub own: u64,
}

impl Finder<'_> {
    /// Adds the records of the commit's runs that have ended since it was last looked; yields those that have not ended.
    pub(super) async fn of_commit(&self, past: &mut Past) -> Result<Vec<PastRun>, String> {
        let runs = self.github.past_runs(RunsOf::Commit(self.commit)).await.map_err(|error| self.failed(error))?;
        let (ended, going): (Vec<_>, Vec<_>) =
            runs.into_iter().filter(|run| run.id != self.own).partition(PastRun::has_ended);
        // Failed jobs may run again while others are waited for.
        going.iter().for_each(|run| past.forget(run.id));
        for run in &ended {
            if past.runs.get(&run.id) != Some(&run.attempt) {
                past.forget(run.id);
                past.runs.insert(run.id, run.attempt);
                self.read(run, past, &mut { usize::MAX }, false).await?;
            }
        }
        Ok(going)
    }

    /// Adds records of the last runs of a branch until all that is `missing` has one that was given the same inputs, or
    /// enough was asked.
    pub(super) async fn alike(&self, branch: &str, missing: &[Wanted], past: &mut Past) -> Result<(), String> {
        let mut open: Vec<&Wanted> = missing.iter().collect();
        open.retain(|one| one.inputs.digest().is_some() && !past.was_tried(one));
        if open.is_empty() {
            return Ok(());
        }
        let runs = self.github.past_runs(RunsOf::Branch(branch)).await.map_err(|error| self.failed(error))?;
        let mut left = REQUESTS;
        for run in runs.iter().filter(|run| run.id != self.own && run.head_sha != self.commit) {
            let known = past.found.len();
            self.read(run, past, &mut left, true).await?;
            // What it says of other inputs is of no use.
            let mut at = 0;
            past.found.retain(|found| {
                at += 1;
                at <= known || open.iter().any(|one| found.counts(one))
            });
            open.retain(|one| !past.choose(std::slice::from_ref(*one)).missing.is_empty());
            if open.is_empty() || left == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Adds the records of a run, with up to so many requests.
    async fn read(&self, run: &PastRun, past: &mut Past, left: &mut usize, elsewhere: bool) -> Result<(), String> {
        *left = left.saturating_sub(1);
        for artifact in self.github.artifacts_of(run).await.map_err(|error| self.failed(error))? {
            if !artifact.name.starts_with(PREFIX) {
                continue;
            }
            if artifact.expired {
                let text = format!("{} of run {} has expired: build the commit again", artifact.name, run.id);
                past.unused.extend((!elsewhere).then_some(text));
                continue;
            }
            if *left == 0 {
                break;
            }
            *left -= 1;
            let read = self.github.read_artifact(&artifact).await.map_err(|error| error.to_string());
            match read.and_then(|bytes| Ok((self.parse(&bytes, run)?, bytes))) {
                // That of an earlier publishing has nothing that those of the builds do not have.
                Ok((record, _)) if record.published.is_some() => {}
                Ok((record, bytes)) => {
                    let conclusion = run.conclusion.as_deref().unwrap_or("unknown");
                    let ended = (conclusion != "success").then(|| conclusion.to_owned());
                    past.found.push(Found { record, bytes, ended, elsewhere });
                }
                Err(_) if elsewhere => {}
                Err(error) => past.unused.push(format!("{} of run {}: {error}", artifact.name, run.id)),
            }
        }
        Ok(())
    }

    /// What was read, if it is what the run itself wrote of its very commit.
    fn parse(&self, bytes: &[u8], run: &PastRun) -> Result<Record, String> {
        let record = kept::of_run(bytes, self.repository, run)?;
        let sha = record.workflow.as_ref().and_then(|workflow| workflow.sha.as_deref());
        match sha == Some(run.head_sha.as_str()) {
            true => Ok(record),
            false => Err(format!("it is of commit {}", sha.unwrap_or("unknown"))),
        }
    }

    fn failed(&self, error: GithubError) -> String {
        kept::unread(&format!("commit {}", self.commit), error)
    }
}
