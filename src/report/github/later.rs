//! What runs left to be told: they ended before GitHub had answered, were killed, or wrote over a comment that somebody
//! else may have been about to change.

use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, timeout_at};

use super::courier::Courier;
use super::outbox::{self, Left};
use super::sticky::{self, Looked};
use crate::client::github::{GithubError, Identity, Repository};
use crate::report::{Marked, marks};
use crate::secret::Redactor;

/// What became of it.
#[derive(Debug, Default)]
pub(crate) struct Late {
    /// One for each that had something to tell.
    pub lines: Vec<String>,
    /// Workflow commands for the lines of templates that no check run marks.
    pub marks: String,
}

/// Tells GitHub what dead runs left, all of them within `limit`.
pub(crate) async fn deliver_left(
    folder: &Path,
    identity: Option<&Identity>,
    redactor: &Redactor,
    limit: Duration,
) -> Late {
    let until = Instant::now() + limit;
    let mut late = Late::default();
    for left in outbox::left(folder) {
        match left {
            Ok(left) => {
                let (run, told) = (left.record.run.clone(), left.sent.told);
                let delivered = match told {
                    true => late.look_again(left, identity, redactor, until).await,
                    false => late.deliver(left, identity, redactor, until).await,
                };
                if let Err(error) = delivered {
                    late.lines.push(format!("unsent    reports of run {run}: {error}"));
                }
            }
            Err(error) => late.lines.push(format!("unread    {error}")),
        }
    }
    late
}

impl Late {
    async fn deliver(
        &mut self,
        mut left: Left,
        identity: Option<&Identity>,
        redactor: &Redactor,
        until: Instant,
    ) -> Result<(), String> {
        left.record.cut_off(SystemTime::now());
        let repository = match connect(&left, identity, redactor, until).await {
            Ok(repository) => repository,
            Err(error) => {
                self.marks += &marks(&left.record, &Marked::default());
                return Err(error);
            }
        };
        let record = left.record;
        let mut courier = Courier::new(repository.clone(), left.destination.clone(), left.outbox, left.sent);
        courier.note(&record);
        let told = loop {
            match timeout_at(until, courier.step(&record)).await {
                Ok(Some(())) => {}
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        self.marks += &marks(&record, &courier.marked(&record));
        if !told {
            return Err(SLOW.to_owned());
        }
        let shared = courier.shared();
        let (notices, _) = courier.finish(true);
        self.lines.push(match notices.is_empty() {
            true => format!("reported  run {} on GitHub", record.run),
            false => format!("partly    reports of run {}, as far as GitHub took them:", record.run),
        });
        self.lines.extend(notices.into_iter().map(|notice| format!("          {notice}")));
        if let Some(shared) = shared {
            let looked = sticky::look_again(&repository, &left.destination, &record, &shared);
            let looked = timeout_at(until, looked).await;
            self.seen(&record.run, looked.unwrap_or_else(|_| Err(GithubError::Unreachable(SLOW.to_owned()))));
        }
        Ok(())
    }

    /// Everything was told, and another run's change of the comment may have been under way.
    async fn look_again(
        &mut self,
        left: Left,
        identity: Option<&Identity>,
        redactor: &Redactor,
        until: Instant,
    ) -> Result<(), String> {
        let repository = connect(&left, identity, redactor, until).await?;
        if let Some(shared) = &left.sent.shared {
            let looked = sticky::look_again(&repository, &left.destination, &left.record, shared);
            match timeout_at(until, looked).await {
                Err(_) => return Err(SLOW.to_owned()),
                Ok(Err(error)) if !error.is_final() => return Err(error.to_string()),
                Ok(looked) => self.seen(&left.record.run, looked),
            }
        }
        left.outbox.remove();
        Ok(())
    }

    fn seen(&mut self, run: &str, looked: Result<Looked, GithubError>) {
        self.lines.push(match looked {
            Ok(Looked::Fine) => return,
            Ok(Looked::Again) => format!("reported  run {run} again: an older run had written over its comment"),
            Ok(Looked::GivenBack) => format!("reported  a newer run again: run {run} had written over its comment"),
            Err(error) => format!("unseen    the comment of run {run}: {error}"),
        });
    }
}

const SLOW: &str = "GitHub is too slow";

async fn connect(
    left: &Left,
    identity: Option<&Identity>,
    redactor: &Redactor,
    until: Instant,
) -> Result<Repository, String> {
    let identity = identity.ok_or("no token of GitHub was given")?;
    let connected = Repository::connect(left.destination.address.clone(), identity.clone(), redactor);
    let connected = timeout_at(until, connected).await.map_err(|_| SLOW.to_owned())?;
    connected.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::Destination;
    use super::super::outbox::Outbox;
    use super::*;
    use crate::client::github::Address;
    use crate::report::Record;
    use crate::report::record::{Build, State};

    #[tokio::test]
    async fn all_that_is_left_has_one_limit() {
        let folder = tempfile::tempdir().unwrap();
        // It takes connections, and never answers.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let destination = Destination {
            address: Address {
                api: format!("http://{}", silent.local_addr().unwrap()),
                owner: "octo".to_owned(),
                name: "images".to_owned(),
                ..Address::default()
            },
            sha: Some("b".repeat(40)),
            checks: true,
            jobs: 1,
            ..Destination::default()
        };
        for run in ["one", "two", "three"] {
            let build = Build { name: "a".to_owned(), state: State::Running, ..Build::default() };
            let record = Record { run: run.to_owned(), builds: vec![build], ..Record::default() };
            Outbox::create(folder.path(), &destination).record(&record);
        }
        let identity = Identity::Token("t".to_owned());
        let begun = Instant::now();
        let limit = Duration::from_millis(500);
        let late = deliver_left(folder.path(), Some(&identity), &Redactor::default(), limit).await;
        assert!(begun.elapsed() < 2 * limit, "{:?}", begun.elapsed());
        assert_eq!(late.lines.len(), 3, "{late:?}");
        assert!(late.lines.iter().all(|line| line.ends_with(SLOW)), "{late:?}");
        assert_eq!(outbox::left(folder.path()).len(), 3, "the next sweep tries again");
    }
}
