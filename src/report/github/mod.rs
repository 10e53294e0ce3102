//! Reports on GitHub: check runs or commit statuses, and the comment on the pull request. They run beside the build and never hold it up:
//! a slow GitHub is told less often, and what it has not taken when the run ends is left to the post step.

mod budget;
mod channel;
mod check_run;
mod comment;
mod courier;
mod later;
mod marked;
mod outbox;
mod sticky;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::record::{About, Record};
use super::{Marked, Reporter, RunView};
use crate::client::github::{Address, Identity, Repository};
use crate::run::event::{Event, EventKind};
use crate::secret::Redactor;
use courier::Courier;
pub(crate) use later::deliver_left;
use outbox::{Outbox, Sent};

/// A record is made no more often than this while events come thick.
const OFTEN: Duration = Duration::from_millis(250);
/// After the run's end GitHub is waited for as long as it answers this fast, and so long in all.
const FAST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(20);

/// Where a run is reported, without the right to do so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Destination {
    pub address: Address,
    /// The commit for check runs; nothing if only the pull request tells it.
    pub sha: Option<String>,
    /// What is built, where that need not be the head of the pull request.
    pub checked_out: Option<String>,
    pub pull: PullOf,
    pub checks: bool,
    pub comment: CommentMode,
    /// What the comment is about, if not the templates.
    pub key: Option<String>,
    /// How many jobs the matrix has that the run is of; they share GitHub's limits.
    pub jobs: u64,
    /// No comment tells that a template is valid.
    pub silent_if_good: bool,
}

/// How the pull request is found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PullOf {
    #[default]
    None,
    Number(u64),
    Commit(String),
    Branch {
        owner: String,
        branch: String,
        sha: String,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CommentMode {
    /// One comment that every run changes.
    #[default]
    Update,
    /// A new one at the end, older ones folded away.
    Recreate,
    /// A new one for each run.
    Append,
    Off,
}

/// How reporting went.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    /// What the person should know.
    pub notices: Vec<String>,
    /// Whose lines check runs mark. Nothing when the post step has the rest: it marks what is not marked by then.
    pub marked: Option<Marked>,
}

/// The reporter that runs beside the build.
struct Github {
    about: Arc<About>,
    records: watch::Sender<Arc<Record>>,
    stale: bool,
    made: Instant,
}

/// The end of reporting, to be waited for.
pub(crate) struct Delivery {
    task: JoinHandle<Delivered>,
    answers: watch::Receiver<Option<Duration>>,
    records: watch::Receiver<Arc<Record>>,
    outbox: Outbox,
    /// Check runs are wanted.
    checks: bool,
}

/// Begins to report. `folder` is where the rest is left when there is no time for it.
pub(crate) fn start(
    destination: Destination,
    identity: Identity,
    about: Arc<About>,
    folder: &Path,
    redactor: &Redactor,
) -> (Box<dyn Reporter + Send>, Delivery) {
    let (records, delivery) = begin(destination, identity, folder, redactor);
    (Box::new(Github { about, records, stale: false, made: Instant::now() }), delivery)
}

/// Reports a run that is over.
pub(crate) fn tell(
    destination: Destination,
    identity: Identity,
    record: Record,
    folder: &Path,
    redactor: &Redactor,
) -> Delivery {
    let (records, delivery) = begin(destination, identity, folder, redactor);
    records.send_replace(Arc::new(record.without_contents()));
    delivery
}

fn begin(
    destination: Destination,
    identity: Identity,
    folder: &Path,
    redactor: &Redactor,
) -> (watch::Sender<Arc<Record>>, Delivery) {
    let (sender, records) = watch::channel(Arc::new(Record::default()));
    let (answered, answers) = watch::channel(None);
    let outbox = Outbox::create(folder, &destination);
    let checks = destination.checks;
    let courier = deliver(destination, identity, records.clone(), answered, outbox.clone(), redactor.clone());
    (sender, Delivery { task: tokio::spawn(courier), answers, records, outbox, checks })
}

impl Github {
    fn publish(&mut self, view: &RunView) {
        // The end is told once, with what has changed: the comparison is settled before the last event is through.
        let waits = view.took.is_some() && self.about.comparison.is_pending();
        if self.stale && !waits {
            self.stale = false;
            self.made = Instant::now();
            self.records.send_replace(Arc::new(Record::of(view, &self.about).without_contents()));
        }
    }
}

impl Reporter for Github {
    fn event(&mut self, event: &Event, view: &RunView) {
        // Neither output nor progress is shown on GitHub.
        let shown = !matches!(
            event.kind,
            EventKind::Output { .. }
                | EventKind::Progress { .. }
                | EventKind::ProgressFinished { .. }
                | EventKind::Say { .. }
                | EventKind::Detail { .. }
        );
        self.stale |= shown;
        if self.made.elapsed() >= OFTEN {
            self.publish(view);
        }
    }

    fn flush(&mut self, view: &RunView) {
        self.publish(view);
    }
}

async fn deliver(
    destination: Destination,
    identity: Identity,
    mut records: watch::Receiver<Arc<Record>>,
    answered: watch::Sender<Option<Duration>>,
    outbox: Outbox,
    redactor: Redactor,
) -> Delivered {
    // The first record is that of a run that has begun.
    if records.changed().await.is_err() {
        outbox.remove();
        return Delivered { notices: Vec::new(), marked: Some(Marked::default()) };
    }
    let repository = match Repository::connect(destination.address.clone(), identity, &redactor).await {
        Ok(repository) => repository,
        Err(error) => {
            outbox.remove();
            let notices = vec![format!("nothing is reported on GitHub: {error}")];
            return Delivered { notices, marked: Some(Marked::default()) };
        }
    };
    let mut courier = Courier::new(repository, destination, outbox, Sent::default());
    let mut last = None;
    loop {
        let record = Arc::clone(&records.borrow_and_update());
        if last.as_ref().is_none_or(|last| !Arc::ptr_eq(last, &record)) {
            courier.note(&record);
            last = Some(Arc::clone(&record));
        }
        let begun = Instant::now();
        if courier.step(&record).await.is_some() {
            answered.send_replace(Some(begun.elapsed()));
            continue;
        }
        match tokio::time::timeout(courier.pause(), records.changed()).await {
            Ok(Ok(())) | Err(_) => {}
            // The run is over and everything is told.
            Ok(Err(_)) => {
                let marked = courier.marked(&record);
                let (notices, handed_over) = courier.finish(false);
                return Delivered { notices, marked: Some(marked).filter(|_| !handed_over) };
            }
        }
    }
}

impl Delivery {
    /// Waits while GitHub answers fast, and so long when it does not; the rest is the post step's.
    pub(crate) async fn finish(self, patience: Duration) -> Delivered {
        let unshown = match self.checks {
            true => courier::unshown(&self.records.borrow()),
            false => None,
        };
        let mut delivered = self.settle(patience).await;
        delivered.notices.extend(unshown);
        delivered
    }

    async fn settle(mut self, patience: Duration) -> Delivered {
        let end = tokio::time::Instant::now() + LONGEST;
        loop {
            let late = (tokio::time::Instant::now() + patience).min(end);
            tokio::select! {
                done = &mut self.task => return done.unwrap_or_default(),
                answer = self.answers.changed() => {
                    let fast = self.answers.borrow().is_some_and(|took| took <= FAST);
                    if answer.is_ok() && fast && tokio::time::Instant::now() < end {
                        continue;
                    }
                    if answer.is_err() {
                        return (&mut self.task).await.unwrap_or_default();
                    }
                }
                () = tokio::time::sleep_until(late) => {}
            }
            // As the run ended, which a courier that waits for an answer has not seen.
            self.outbox.record(&self.records.borrow());
            self.task.abort();
            return (&mut self.task).await.unwrap_or_default();
        }
    }
}
