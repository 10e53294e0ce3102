//! Brings GitHub from what it was told last to what it is to show: one call at a time, the newest state at each, and no
//! more calls than a build has phases.

use std::time::{Duration, Instant};

use super::check_run::{of_all, of_build, of_mistakes, title};
use super::comment::{Marker, comment};
use super::outbox::{Outbox, Sent, SentCheck};
use super::{CommentMode, Destination, PullOf};
use crate::client::github::{CheckRun, CheckState, GithubError, Repository};
use crate::report::record::{Build, Note, Record, State};

/// A check run that goes on changes no sooner than this after its last change.
const QUIET: Duration = Duration::from_secs(15);
/// Annotations in one request.
const BATCH: usize = 50;
/// Check runs of one run: a workflow's token has a thousand requests an hour for all workflows of a repository.
const CHECKS: usize = 200;

/// What is to be done next.
#[derive(Debug)]
enum Task {
    FindPull,
    Check(Box<CheckRun>),
    Comment { last: bool },
}

/// How one run is reported.
pub(super) struct Courier {
    repository: Repository,
    destination: Destination,
    outbox: Outbox,
    sent: Sent,
    /// The commit that people look at; nothing when none is known.
    sha: Option<String>,
    pull: Option<Option<u64>>,
    checks_refused: bool,
    comment_refused: bool,
    began: Instant,
    /// When a check run was changed last.
    changed: std::collections::BTreeMap<String, Instant>,
    interim: bool,
    /// What the person should know of channels that did not work.
    pub notices: Vec<String>,
}

impl Courier {
    pub(super) fn new(repository: Repository, destination: Destination, outbox: Outbox, sent: Sent) -> Self {
        Self {
            repository,
            sha: destination.sha.clone(),
            comment_refused: destination.comment == CommentMode::Off,
            checks_refused: !destination.checks,
            destination,
            outbox,
            sent,
            pull: None,
            began: Instant::now(),
            changed: std::collections::BTreeMap::new(),
            interim: false,
            notices: Vec::new(),
        }
    }

    /// Whether marks on lines of the template are shown by check runs.
    pub(super) fn shows_annotations(&self) -> bool {
        !self.checks_refused && self.sha.is_some()
    }

    /// Keeps on disk what is to be told.
    pub(super) fn note(&self, record: &Record) {
        self.outbox.record(record);
    }

    /// Everything was told.
    pub(super) fn finish(self) -> Vec<String> {
        self.outbox.remove();
        self.notices
    }

    /// Makes the next call, if there is one to make. Nothing when GitHub shows the record.
    pub(super) async fn step(&mut self, record: &Record) -> Option<()> {
        let task = self.next(record)?;
        match task {
            Task::FindPull => self.find_pull().await,
            Task::Check(check) => self.send_check(*check).await,
            Task::Comment { last } => self.send_comment(record, last).await,
        }
        Some(())
    }

    /// How long nothing needs to be done, unless something happens.
    pub(super) fn pause(&self) -> Duration {
        QUIET
    }

    fn next(&self, record: &Record) -> Option<Task> {
        if !self.checks_refused {
            if self.sha.is_none() && self.pull.is_none() {
                return Some(Task::FindPull);
            }
            if self.sha.is_some()
                && let Some(check) = self.next_check(record)
            {
                return Some(Task::Check(Box::new(check)));
            }
        }
        self.next_comment(record)
    }

    fn next_check(&self, record: &Record) -> Option<CheckRun> {
        if record.is_joined() {
            // Each build has a check run of its own job.
            return record.has_ended().then(|| of_all(record)).filter(|check| self.is_news(check));
        }
        if record.builds.is_empty() {
            let wanted = record.has_ended() && record.has_mistakes();
            return wanted.then(|| of_mistakes(record)).filter(|check| self.is_news(check));
        }
        let mut of_first: &[Note] = &record.notes;
        for build in record.builds.iter().take(CHECKS) {
            let notes = std::mem::take(&mut of_first);
            if self.is_due(build) {
                let check = of_build(record, build, notes);
                if self.is_news(&check) {
                    return Some(check);
                }
            }
        }
        None
    }

    /// Without making its text: a run has many builds, and most of them have not changed.
    fn is_due(&self, build: &Build) -> bool {
        let name = format!("forge / {}", build.name);
        match (self.sent.checks.get(&name), build.state) {
            (_, State::Waiting | State::Missing) => false,
            (Some(sent), State::Running) => {
                let rested = self.changed.get(&name).is_none_or(|at| at.elapsed() >= QUIET);
                rested && sent.title != title(build)
            }
            _ => true,
        }
    }

    fn is_news(&self, check: &CheckRun) -> bool {
        self.sent.checks.get(&check.name).is_none_or(|sent| {
            sent.state != check.state || sent.title != check.title || sent.annotations < check.annotations.len()
        })
    }

    fn next_comment(&self, record: &Record) -> Option<Task> {
        // A plan that finds nothing wrong is followed by builds, which have more to say.
        let silent = record.says_nothing() && self.destination.silent_if_good;
        if self.comment_refused || self.sent.commented || silent {
            return None;
        }
        let last = record.has_ended();
        let interim = !self.interim && self.began.elapsed() >= QUIET && self.destination.comment != CommentMode::Append;
        if !last && !interim {
            return None;
        }
        match self.pull {
            None => Some(Task::FindPull),
            Some(None) => None,
            Some(Some(_)) => Some(Task::Comment { last }),
        }
    }

    /// The pull request, and its head's commit where the event did not tell.
    async fn find_pull(&mut self) {
        let found = match &self.destination.pull {
            PullOf::None => Ok(None),
            PullOf::Number(number) => Ok(Some(*number)),
            PullOf::Commit(sha) => self.repository.pull_of_commit(sha).await,
            PullOf::Branch { owner, branch, sha } => self.repository.pull_of_branch(owner, branch, sha).await,
        };
        let found = match (found, &self.sha) {
            (Ok(Some(number)), None) => self.repository.pull(number).await.map(|pull| {
                self.sha = Some(pull.sha().to_owned());
                Some(pull.number)
            }),
            (found, _) => found,
        };
        self.pull = Some(found.unwrap_or_else(|error| {
            self.notices.push(format!(
                "no pull request was looked for any more: {error}{}",
                wants(&error, "pull-requests: read")
            ));
            None
        }));
    }

    async fn send_check(&mut self, check: CheckRun) {
        let Some(sha) = self.sha.clone() else { return };
        let sent = self.sent.checks.get(&check.name).cloned();
        let from = sent.as_ref().map_or(0, |sent| sent.annotations);
        let told = match &sent {
            None => self.repository.create_check(&sha, &check).await,
            Some(sent) => self.repository.update_check(sent.id, &check, from).await.map(|()| sent.id),
        };
        self.changed.insert(check.name.clone(), Instant::now());
        match told {
            Ok(id) => {
                let annotations = (from + BATCH).min(check.annotations.len());
                let now = SentCheck { id, state: check.state, title: check.title, annotations };
                self.outbox.sent(&check.name, &now);
                self.sent.checks.insert(check.name, now);
            }
            Err(error) => self.refuse_check(&check.name, check.state, &error),
        }
    }

    /// A channel that is refused stays closed; one check run that GitHub does not take is only that one.
    fn refuse_check(&mut self, name: &str, state: CheckState, error: &GithubError) {
        let closed =
            matches!(error, GithubError::Unauthorized(_) | GithubError::Forbidden(_) | GithubError::Missing(_))
                || self.sent.checks.is_empty();
        if closed && self.sent.checks.is_empty() {
            self.checks_refused = true;
            self.notices.push(format!("no check runs were made: {error}{}", wants(error, "checks: write")));
            return;
        }
        self.notices.push(format!("the check run {name:?} could not be brought up to date: {error}"));
        // It is not tried again: what GitHub refuses once it refuses always, and what fails has been tried.
        let id = self.sent.checks.get(name).map_or(0, |sent| sent.id);
        let done = SentCheck { id, state, title: String::new(), annotations: usize::MAX };
        self.sent.checks.insert(name.to_owned(), done);
    }

    async fn send_comment(&mut self, record: &Record, last: bool) {
        let Some(Some(pull)) = self.pull else { return };
        self.interim = true;
        match self.write_comment(pull, record).await {
            Ok(()) if last => {
                self.outbox.commented();
                self.sent.commented = true;
            }
            Ok(()) => {}
            Err(error) => {
                self.comment_refused = true;
                let what = format!("no comment was written on pull request {pull}: {error}");
                self.notices.push(what + &wants(&error, "pull-requests: write"));
            }
        }
    }

    /// One comment for all runs: the newest run's.
    async fn write_comment(&self, pull: u64, record: &Record) -> Result<(), GithubError> {
        let marker = Marker::of(record, self.destination.key.as_deref());
        let text = comment(record, &marker);
        if self.destination.comment == CommentMode::Append && !record.says_nothing() {
            return self.repository.create_comment(pull, &text).await.map(drop);
        }
        let of_key = |found: Vec<crate::client::github::Comment>| {
            let with_marker = found.into_iter().filter_map(|comment| Some((Marker::read(&comment.body)?, comment)));
            with_marker.filter(|(found, _)| found.key == marker.key).collect::<Vec<_>>()
        };
        let there = of_key(self.repository.own_comments(pull).await?);
        if there.iter().any(|(found, _)| found.is_newer_than(&marker)) {
            return Ok(());
        }
        let own_run = |found: &Marker| (found.run, found.attempt) == (marker.run, marker.attempt);
        let recreate = self.destination.comment == CommentMode::Recreate;
        let old = there.iter().find(|(found, _)| !recreate || own_run(found));
        if let Some((_, old)) = old {
            if old.body == text {
                return Ok(());
            }
            match self.repository.update_comment(old.id, &text).await {
                // Somebody else's after all, or deleted in the meantime.
                Err(GithubError::Forbidden(_) | GithubError::Missing(_)) => {}
                settled => return settled,
            }
        }
        if record.says_nothing() {
            return Ok(());
        }
        let made = match self.repository.create_comment(pull, &text).await {
            Ok(made) => made,
            // Nobody knows whether it is there: look again, once.
            Err(GithubError::Failing(_) | GithubError::Unreachable(_)) => {
                let there = of_key(self.repository.own_comments(pull).await?);
                match there.into_iter().find(|(found, _)| own_run(found)) {
                    Some((_, made)) => made,
                    None => self.repository.create_comment(pull, &text).await?,
                }
            }
            Err(error) => return Err(error),
        };
        if recreate {
            for (_, old) in there.iter().filter(|(found, old)| !own_run(found) && old.has_author_of(&made)) {
                self.repository.minimize_comment(old).await?;
            }
            return Ok(());
        }
        // Another run may have made one at the same time: the first of them stays, the newest text wins.
        let mut all = of_key(self.repository.own_comments(pull).await?);
        all.retain(|(_, comment)| comment.has_author_of(&made));
        all.sort_by_key(|(_, comment)| comment.id);
        let newest = all.iter().map(|(found, _)| (found.run, found.attempt)).max();
        let newest = all.iter().find(|(found, _)| Some((found.run, found.attempt)) == newest);
        if let (Some((_, first)), Some((_, newest))) = (all.first(), newest) {
            if first.id != newest.id {
                self.repository.update_comment(first.id, &newest.body).await?;
            }
            for (_, double) in &all[1..] {
                self.repository.delete_comment(double.id).await?;
            }
        }
        Ok(())
    }
}

/// Which permission would have helped.
fn wants(error: &GithubError, permission: &str) -> String {
    match error {
        GithubError::Forbidden(_) | GithubError::Missing(_) => {
            format!(" (the job needs `permissions` with `{permission}`)")
        }
        _ => String::new(),
    }
}
