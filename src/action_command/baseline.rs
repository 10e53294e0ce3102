//! What a preview is compared with: the last records of the base branch, which its runs keep as artifacts. They are looked
//! for beside the builds, by few requests, and whatever goes wrong with it costs the comparison and nothing else.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::join::PREFIX;
use super::patience::Patience;
use super::preview::may_ask_more;
use super::reporting::address;
use super::requests::{Answers, Requests, requests};
use super::search::{Before, Search};
use crate::action::{BaselineFrom, Inputs, Pull, Trigger};
use crate::app::Process;
use crate::config::EventClass;
use crate::report::record::{Against, Comparison, Found, SCHEMA};
use crate::report::{self, Jobs, Record};
use crate::report_command;
use crate::secret::Redactor;

/// How long it is looked for at all, once the names of the builds are known: what templates wait for is not GitHub's doing.
const LONGEST: Duration = Duration::from_secs(30);
/// Builds wait so long for all of it, since it says which of them need not run ...
const ALL: Duration = Duration::from_secs(10);
/// ... but so long only for each answer: a slow GitHub holds nothing up.
const ANSWER: Duration = Duration::from_secs(1);

/// The search under way.
pub(super) struct Looking {
    /// Yields a notice, if there is one.
    task: JoinHandle<Option<String>>,
    answers: Answers,
    comparison: Comparison,
}

impl Looking {
    /// Waits for what the builds want to know, which are named; nothing where GitHub is slow.
    pub(super) async fn soon(&mut self, builds: BTreeSet<String>, patience: &mut Patience) -> Option<Option<String>> {
        self.answers.builds(builds);
        let end = tokio::time::Instant::now() + ALL;
        loop {
            let begun = tokio::time::Instant::now();
            tokio::select! {
                found = &mut self.task => return Some(found.ok().flatten()),
                Some(()) = self.answers.next() => {}
                () = tokio::time::sleep_until(end.min(begun + ANSWER)) => {
                    patience.spend(begun.elapsed());
                    return None;
                }
            }
        }
    }

    /// What was found while the builds ran. The wait was before them.
    pub(super) async fn at_last(self) -> Option<String> {
        if self.task.is_finished() {
            return self.task.await.ok().flatten();
        }
        let text = "GitHub has not told in time what the base branch has";
        self.comparison.settle(Against::Nothing(text.to_owned()));
        Some(format!("the images are not compared: {text}"))
    }
}

/// Begins to look; the comparison is settled in any case.
pub(super) fn begin(
    inputs: &Inputs,
    trigger: Option<&Trigger>,
    process: &Process,
    redactor: &Redactor,
) -> (Comparison, Looking) {
    let comparison = Comparison::awaited();
    let from = match &inputs.baseline {
        BaselineFrom::Nothing => From::Nothing("the input \"baseline\" is \"off\""),
        BaselineFrom::File(path) => From::File(process.cwd.join(path).into_boxed_path()),
        BaselineFrom::Branch => From::branch(inputs, trigger, process),
    };
    let (settled, redactor) = (comparison.clone(), redactor.clone());
    let (requests, answers) = requests();
    let task = tokio::spawn(async move {
        let named = requests.named();
        let found = within(LONGEST, named, look(from, requests, &redactor)).await;
        let found = found.unwrap_or_else(|| Err(Miss::Fault(format!("GitHub took longer than {LONGEST:?}"))));
        match found {
            Ok((mut found, miss)) => {
                let (text, notice) = miss.map(Miss::told).unzip();
                found.without.clone_from(&text);
                settled.settle(Against::Records(Box::new(found)));
                text.filter(|_| notice == Some(true)).map(|text| format!("the images are not compared: {text}"))
            }
            Err(miss) => {
                let (text, notice) = miss.told();
                settled.settle(Against::Nothing(text.clone()));
                notice.then(|| format!("the images are not compared: {text}"))
            }
        }
    });
    (comparison.clone(), Looking { task, answers, comparison })
}

/// What `looks` yields, if it does before that much time has passed since `named`.
async fn within<T>(limit: Duration, named: impl Future<Output = ()>, looks: impl Future<Output = T>) -> Option<T> {
    let mut looks = std::pin::pin!(looks);
    tokio::select! {
        found = &mut looks => return Some(found),
        () = named => {}
    }
    tokio::time::timeout(limit, looks).await.ok()
}

/// Where to look.
enum From {
    /// Nobody wants it.
    Nothing(&'static str),
    File(Box<Path>),
    Branch(Box<Search>),
    /// It cannot be looked for.
    Unknown(&'static str),
}

/// Why there is nothing to compare with.
pub(super) enum Miss {
    /// As it may be.
    Usual(String),
    /// Somebody should do something about it.
    Fault(String),
}

impl Miss {
    /// In one line, and whether it is worth a notice.
    fn told(self) -> (String, bool) {
        match self {
            Self::Usual(text) => (text, false),
            Self::Fault(text) => (text, true),
        }
    }
}

impl From {
    fn branch(inputs: &Inputs, trigger: Option<&Trigger>, process: &Process) -> Self {
        let Some(trigger) = trigger else { return Self::Unknown("no event says which branch is meant") };
        let Some(identity) = inputs.identity.clone() else { return Self::Nothing("no token of GitHub was given") };
        let pushed = (trigger.class == Some(EventClass::Push)).then(|| trigger.ref_name.clone());
        let Some(name) = trigger.base_ref.clone().or(pushed) else {
            return Self::Unknown("the event names no base branch");
        };
        let path = process.var("GITHUB_WORKFLOW_REF").and_then(|path| {
            let (path, _) = path.strip_prefix(&format!("{}/", trigger.repository))?.split_once('@')?;
            Some(path.strip_prefix(".github/workflows/")?.to_owned())
        });
        let pull_request = match (&trigger.pull, &trigger.before) {
            (Pull::Number(number), Some(before)) if may_ask_more(inputs) => {
                Some(Before { number: *number, sha: before.clone() })
            }
            _ => None,
        };
        let cell = inputs.entry.as_ref().map(|entry| entry.id.as_str()).unwrap_or(&trigger.run.job);
        Self::Branch(Box::new(Search {
            address: address(trigger),
            identity,
            repository: trigger.repository.clone(),
            name,
            workflow: path,
            like: format!("{PREFIX}{cell}-"),
            before: pull_request,
        }))
    }
}

async fn look(from: From, requests: Requests, redactor: &Redactor) -> Result<(Found, Option<Miss>), Miss> {
    match from {
        From::Nothing(reason) => Err(Miss::Usual(reason.to_owned())),
        From::Unknown(reason) => Err(Miss::Fault(reason.to_owned())),
        From::File(path) => {
            let records = report_command::read(&[path.to_path_buf()]).map_err(Miss::Fault)?;
            records
                .iter()
                .try_for_each(of_this_form)
                .map_err(|error| Miss::Fault(format!("{}: {error}", path.display())))?;
            let record = joined(records);
            let record =
                record.ok_or_else(|| Miss::Fault(format!("{} has no build that succeeded", path.display())))?;
            Ok((Found { base: vec![record], ..Found::default() }, None))
        }
        From::Branch(search) => search.run(requests, redactor).await,
    }
}

pub(super) fn of_this_form(record: &Record) -> Result<(), String> {
    match record.schema == SCHEMA {
        true => Ok(()),
        false => Err(format!("its form {} is not the one of this forge ({SCHEMA})", record.schema)),
    }
}

/// The records of a run as one; nothing where no build of them succeeded.
pub(super) fn joined(mut records: Vec<Record>) -> Option<Record> {
    let built = |record: &Record| record.builds.iter().any(|build| build.state.is_good());
    records.retain(built);
    let first = records.first().cloned()?;
    match records.len() {
        1 => Some(first),
        _ => Some(Record { workflow: first.workflow, ..report::join(records, Jobs::default()) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether something is found where the names come after so many seconds, and GitHub takes so many after them.
    async fn found(named: u64, takes: u64) -> bool {
        let (mut requests, answers) = requests();
        let known = requests.named();
        let looks = async {
            requests.builds().await;
            tokio::time::sleep(Duration::from_secs(takes)).await;
        };
        let reads = async {
            tokio::time::sleep(Duration::from_secs(named)).await;
            answers.builds(BTreeSet::new());
        };
        tokio::join!(within(LONGEST, known, looks), reads).0.is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn templates_that_are_slow_to_read_take_no_time_from_github() {
        for (named, takes, expected) in [(0, 29, true), (0, 31, false), (40, 0, true), (40, 29, true), (40, 31, false)]
        {
            assert_eq!(found(named, takes).await, expected, "names after {named} s, GitHub takes {takes} s");
        }
    }
}
