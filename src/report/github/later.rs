//! What runs left to be told: they ended before GitHub had answered, were killed, or wrote over a comment that somebody
//! else may have been about to change.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::courier::Courier;
use super::outbox::{self, Left};
use super::{address, sticky};
use crate::client::github::{Identity, Repository};
use crate::secret::Redactor;

/// The post step has more time. For each run that is left.
const LATER: Duration = Duration::from_secs(120);

/// Tells GitHub what dead runs left. A line for each that had something to tell.
pub(crate) async fn deliver_left(folder: &Path, identity: Option<&Identity>, redactor: &Redactor) -> Vec<String> {
    let mut lines = Vec::new();
    for left in outbox::left(folder) {
        match left {
            Ok(left) => {
                let run = left.record.run.clone();
                let told = match identity {
                    Some(identity) => tokio::time::timeout(LATER, deliver(left, identity, redactor)).await,
                    None => Ok(Err("no token of GitHub was given".to_owned())),
                };
                match told {
                    Ok(Ok(more)) => lines.extend(more),
                    Ok(Err(error)) => lines.push(format!("unsent    reports of run {run}: {error}")),
                    Err(_) => lines.push(format!("unsent    reports of run {run}: GitHub is too slow")),
                }
            }
            Err(error) => lines.push(format!("unread    {error}")),
        }
    }
    lines
}

async fn deliver(mut left: Left, identity: &Identity, redactor: &Redactor) -> Result<Vec<String>, String> {
    let run = left.record.run.clone();
    left.record.cut_off(SystemTime::now());
    let repository = Repository::connect(address(&left.destination), identity.clone(), redactor).await;
    let repository = repository.map_err(|error| error.to_string())?;
    let mut lines = Vec::new();
    if let Some(comment) = left.sent.replaced {
        match sticky::look_again(&repository, &left.destination, &left.record, comment).await {
            Ok(true) => lines.push(format!("reported  run {run} again: an older run had written over its comment")),
            Ok(false) => {}
            Err(error) if error.is_final() => lines.push(format!("unseen    the comment of run {run}: {error}")),
            Err(error) => return Err(error.to_string()),
        }
    }
    if left.sent.told {
        left.outbox.remove();
        return Ok(lines);
    }
    let mut courier = Courier::new(repository, left.destination, left.outbox, left.sent);
    courier.note(&left.record);
    while courier.step(&left.record).await.is_some() {}
    let (notices, _) = courier.finish(true);
    lines.push(match notices.is_empty() {
        true => format!("reported  run {run} on GitHub"),
        false => format!("partly    reports of run {run}, as far as GitHub took them:"),
    });
    lines.extend(notices.into_iter().map(|notice| format!("          {notice}")));
    Ok(lines)
}
