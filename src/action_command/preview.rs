//! Whose preview the run builds.

use std::collections::BTreeSet;
use std::time::SystemTime;

use crate::action::{Head, Inputs, Pull, Trigger};
use crate::config::EventClass;
use crate::run::preview::Preview;
use crate::sweep_command::Which;

/// That of the event's pull request; nothing where the event names none.
pub(super) fn of_event(inputs: &Inputs, trigger: Option<&Trigger>) -> Option<Preview> {
    let trigger = trigger?;
    let Pull::Number(pull_request) = trigger.pull else { return None };
    let Head::Sha(sha) = &trigger.head else { return None };
    Some(Preview {
        repository: trigger.repository.clone(),
        pull_request,
        sha: sha.clone(),
        expires: SystemTime::now() + inputs.preview_keep,
        push: inputs.preview_push,
        shared: BTreeSet::new(),
    })
}

/// Which previews are to go: those of the event's pull request, else those whose time is over.
pub(super) fn over(inputs: &Inputs, trigger: Option<&Trigger>) -> Option<Which> {
    let trigger = trigger?;
    let repository = trigger.repository.clone();
    match (trigger.class, &trigger.pull) {
        (Some(EventClass::PullRequest), Pull::Number(pull_request)) => {
            Some(Which::Of { repository, pull_request: *pull_request })
        }
        (Some(EventClass::PullRequest), _) => None,
        _ => Some(Which::Over { repository: Some(repository), older_than: inputs.preview_keep, given: false }),
    }
}
