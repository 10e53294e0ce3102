//! Brings GitHub from what it was told last to what it is to show: one call at a time, the newest state at each, and no
//! more calls than a build has phases.

use std::time::{Duration, Instant};

use super::budget::{Budget, QUIET};
use super::channel::{Channels, Way, status, uncommented, wants};
use super::check_run::{of_all, of_build, of_mistakes, shortest, stale, title};
use super::outbox::{Outbox, Sent, SentCheck};
use super::sticky::Shared;
use super::{CommentMode, Destination, PullOf, marked, sticky};
use crate::client::github::{CheckRun, CheckState, GithubError, Repository};
use crate::report::Marked;
use crate::report::record::{Build, Note, Record, Stamp, State};

/// Check runs of one run: a workflow's token has a thousand requests an hour for all workflows of a repository.
const CHECKS: usize = 200;
/// A call whose answer nobody waited for has had its effect by then.
const LATE: Duration = Duration::from_secs(15);

/// What is to be done next.
#[derive(Debug)]
enum Task {
    FindPull,
    /// An earlier attempt found mistakes in the template that are mended.
    Mend,
    Check(Box<CheckRun>),
    Status(Box<CheckRun>),
    Comment {
        last: bool,
    },
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
    channels: Channels,
    comment_refused: bool,
    /// Not even how a check run ended was taken.
    ends_refused: bool,
    /// Something was refused that may be taken later.
    unfinished: bool,
    /// GitHub wants to be asked nothing for longer than a run waits.
    limited: bool,
    mended: bool,
    began: Instant,
    budget: Budget,
    interim: bool,
    /// What the person should know of channels that did not work.
    notices: Vec<String>,
}

impl Courier {
    pub(super) fn new(repository: Repository, destination: Destination, outbox: Outbox, sent: Sent) -> Self {
        Self {
            repository,
            sha: destination.sha.clone(),
            comment_refused: destination.comment == CommentMode::Off,
            ends_refused: false,
            channels: Channels::new(destination.checks),
            budget: Budget::of(destination.jobs),
            destination,
            outbox,
            sent,
            pull: None,
            unfinished: false,
            limited: false,
            mended: false,
            began: Instant::now(),
            interim: false,
            notices: Vec::new(),
        }
    }

    /// Whose lines check runs mark.
    pub(super) fn marked(&self, record: &Record) -> Marked {
        marked::by(&self.sent.checks, record)
    }

    /// The comment, if other runs may have written into it.
    pub(super) fn shared(&self) -> Option<Shared> {
        self.sent.shared.clone()
    }

    /// Keeps on disk what is to be told.
    pub(super) fn note(&self, record: &Record) {
        self.outbox.record(record);
    }

    /// What the person should know, and whether a later process is to try again. `last` when there will be none.
    pub(super) fn finish(mut self, last: bool) -> (Vec<String>, bool) {
        let left = self.unfinished && !last;
        match left {
            true => {}
            // An older run's change of the comment may be under way, and land on ours.
            false if self.sent.commented && self.sent.shared.is_some() && !last => self.outbox.told(),
            false => self.outbox.remove(),
        }
        self.notices.extend(self.channels.notices(!self.sent.statuses.is_empty()));
        (self.notices, left)
    }

    /// Makes the next call, if there is one to make. Nothing when GitHub shows the record.
    pub(super) async fn step(&mut self, record: &Record) -> Option<()> {
        match self.next(record)? {
            Task::FindPull => self.find_pull().await,
            Task::Mend => self.mend(record).await,
            Task::Check(check) => self.send_check(*check).await,
            Task::Status(check) => self.send_status(*check).await,
            Task::Comment { last } => self.send_comment(record, last).await,
        }
        Some(())
    }

    /// How long nothing needs to be done, unless something happens.
    pub(super) fn pause(&self) -> Duration {
        QUIET
    }

    fn next(&self, record: &Record) -> Option<Task> {
        if self.limited {
            return None;
        }
        if self.channels.is_open() {
            if self.sha.is_none() && self.pull.is_none() {
                return Some(Task::FindPull);
            }
            if self.sha.is_some()
                && let Some(check) = self.next_check(record)
            {
                return Some(match self.channels.way(&check.name) {
                    Some(Way::Status) => Task::Status(Box::new(check)),
                    _ => Task::Check(Box::new(check)),
                });
            }
            // Once it is known which way is open.
            let told = !self.sent.checks.is_empty() || !self.sent.statuses.is_empty();
            if told && !self.mended && record.is_mended() {
                return Some(Task::Mend);
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
        let labels = record.labels();
        for (build, label) in record.builds.iter().zip(&labels).take(CHECKS) {
            let notes = std::mem::take(&mut of_first);
            if self.is_due(build, label) {
                let check = of_build(record, build, label, notes);
                if self.is_news(&check) {
                    return Some(check);
                }
            }
        }
        None
    }

    /// Without making its text: a run has many builds, and most of them have not changed.
    fn is_due(&self, build: &Build, label: &str) -> bool {
        let name = format!("forge / {label}");
        match (self.channels.way(&name), build.state) {
            (None, _) | (_, State::Waiting | State::Missing) => false,
            (Some(Way::Check), State::Running) => {
                let news = |sent: &SentCheck| sent.title != title(build) && self.budget.allows(&name);
                self.sent.checks.get(&name).is_none_or(news)
            }
            // A status has a state and no phase.
            (Some(Way::Status), State::Running) => !self.sent.statuses.contains_key(&name) && self.budget.allows(&name),
            _ => true,
        }
    }

    fn is_news(&self, check: &CheckRun) -> bool {
        match self.channels.way(&check.name) {
            None => false,
            Some(Way::Check) => self.sent.checks.get(&check.name).is_none_or(|sent| {
                sent.state != check.state || sent.title != check.title || sent.annotations < check.annotations.len()
            }),
            Some(Way::Status) => self.sent.statuses.get(&check.name) != Some(&check.state),
        }
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
                self.take_head(pull.sha());
                Some(pull.number)
            }),
            (found, _) => found,
        };
        self.pull = Some(found.unwrap_or_else(|error| {
            self.failed(&error);
            self.notices
                .push(format!("the pull request was not found: {error}{}", wants(&error, "pull-requests: read")));
            None
        }));
    }

    /// The head is what is reported on if it is what was checked out: it may have moved on since.
    fn take_head(&mut self, head: &str) {
        match &self.destination.checked_out {
            Some(built) if built != head => self.notices.push(format!(
                "no check runs were made: the head of the pull request is {head}, and {built} is checked out"
            )),
            _ => self.sha = Some(head.to_owned()),
        }
    }

    /// What an earlier attempt said of the template holds no more.
    async fn mend(&mut self, record: &Record) {
        self.mended = true;
        let Some(sha) = &self.sha else { return };
        let check = stale(record);
        if self.channels.has_checks() {
            if let Ok(Some(id)) = self.repository.failed_check(sha, &check.name).await {
                let _ = self.repository.update_check(id, &check, 0).await;
            }
        } else if let Ok(true) = self.repository.has_failed_status(sha, &check.name).await {
            let _ = self.repository.set_status(sha, &status(&check)).await;
        }
    }

    async fn send_check(&mut self, check: CheckRun) {
        let Some(sha) = self.sha.clone() else { return };
        let sent = self.sent.checks.get(&check.name).cloned();
        let told = match &sent {
            None => self.create_check(&sha, &check).await,
            Some(sent) => {
                let there = self.repository.update_check(sent.id, &check, sent.annotations).await;
                there.map(|annotations| (sent.id, annotations))
            }
        };
        if sent.is_some() && check.state == CheckState::InProgress {
            self.budget.spend(&check.name);
        }
        match (told, sent) {
            (Ok((id, annotations)), _) => self.shown(check, id, annotations),
            // Its end may be taken.
            (Err(GithubError::Invalid(_)), Some(sent)) if check.state == CheckState::InProgress => {
                self.shown(check, sent.id, sent.annotations);
            }
            (Err(error), sent) => self.refused(check, sent, &error).await,
        }
    }

    /// No check run goes on for ever: where GitHub does not take what one is to say, it is told at least how it ended.
    async fn refused(&mut self, check: CheckRun, sent: Option<SentCheck>, error: &GithubError) {
        self.failed(error);
        let wrong = matches!(error, GithubError::Invalid(_)) && !self.ends_refused;
        if let Some(sent) = sent.filter(|sent| wrong && sent.state == CheckState::InProgress) {
            match self.repository.update_check(sent.id, &shortest(&check), 0).await {
                Ok(_) => {
                    self.channels.shorten_check(&check.name, error);
                    return self.shown(check, sent.id, sent.annotations);
                }
                Err(error) => {
                    self.ends_refused = true;
                    self.failed(&error);
                }
            }
        }
        self.channels.refuse_check(&check.name, error, self.sent.checks.is_empty());
    }

    fn shown(&mut self, check: CheckRun, id: u64, annotations: usize) {
        self.budget.told(&check.name);
        let now = SentCheck { id, state: check.state, title: check.title, annotations };
        self.outbox.sent(&check.name, &now);
        self.sent.checks.insert(check.name, now);
    }

    /// At most twice for a build: that it goes on is told once, if at all.
    async fn send_status(&mut self, check: CheckRun) {
        let Some(sha) = self.sha.clone() else { return };
        if check.state == CheckState::InProgress {
            self.budget.spend(&check.name);
        }
        match self.repository.set_status(&sha, &status(&check)).await {
            Ok(()) => {
                self.outbox.status(&check.name, check.state);
                self.sent.statuses.insert(check.name, check.state);
            }
            Err(error) => {
                self.failed(&error);
                self.channels.refuse_status(&check.name, &error, self.sent.statuses.is_empty());
            }
        }
    }

    /// Id and number of annotations. One that an earlier process was about to make may be there, or come late.
    async fn create_check(&mut self, sha: &str, check: &CheckRun) -> Result<(u64, usize), GithubError> {
        if let Some(at) = self.sent.creating.remove(&check.name) {
            let found = match self.repository.find_check(sha, check).await? {
                None => {
                    wait_until_late(at).await;
                    self.repository.find_check(sha, check).await?
                }
                found => found,
            };
            if let Some(id) = found {
                return Ok((id, self.repository.update_check(id, check, 0).await?));
            }
        }
        self.outbox.creating(&check.name);
        let id = self.repository.create_check(sha, check).await?;
        Ok((id, check.annotations.len().min(crate::client::github::ANNOTATIONS)))
    }

    async fn send_comment(&mut self, record: &Record, last: bool) {
        let Some(Some(pull)) = self.pull else { return };
        self.interim = true;
        let unsure = self.sent.commenting.take();
        if let Some(at) = unsure {
            wait_until_late(at).await;
        }
        if let Some(check) = self.sent.checks.values().next() {
            // Comments are ours by the App of our token; where that is not known they are a workflow's own.
            let _ = self.repository.recognise(check.id).await;
        }
        self.outbox.commenting();
        match sticky::write(&self.repository, &self.destination, pull, record, unsure.is_some()).await {
            Ok(shared) => {
                self.sent.shared = shared.or(self.sent.shared.take());
                if last {
                    self.outbox.commented(self.sent.shared.as_ref());
                    self.sent.commented = true;
                }
            }
            Err(error) => {
                self.comment_refused = true;
                self.failed(&error);
                let seen = !self.sent.checks.is_empty() || !self.sent.statuses.is_empty();
                self.notices.push(uncommented(pull, &error, seen));
            }
        }
    }

    /// What passes is left to the post step, and while a limit lasts GitHub is asked nothing else.
    fn failed(&mut self, error: &GithubError) {
        self.unfinished |= !error.is_final();
        self.limited |= matches!(error, GithubError::Limited(_));
    }
}

async fn wait_until_late(at: Stamp) {
    let passed = at.0.elapsed().unwrap_or(LATE);
    tokio::time::sleep(LATE.saturating_sub(passed)).await;
}

/// What there is no check run of, because there are too many builds.
pub(super) fn unshown(record: &Record) -> Option<String> {
    let (builds, joined) = (record.builds.len(), record.is_joined());
    (builds > CHECKS && !joined && !record.is_plan()).then(|| {
        let rest = builds - CHECKS;
        format!("a run has {CHECKS} check runs at most: {rest} of its {builds} builds are in the comment and the summary alone")
    })
}

#[cfg(test)]
mod tests;
