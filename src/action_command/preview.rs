//! Whose preview the run builds, and which previews it removes.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::patience::Patience;
use super::reporting::address;
use crate::action::{Head, Inputs, Pull, Trigger};
use crate::client::Services;
use crate::client::github::{Address, GithubError, Identity, Repository};
use crate::config::EventClass;
use crate::engine::sweep::Swept;
use crate::front::Front;
use crate::run::preview::Preview;
use crate::secret::Redactor;
use crate::sweep_command::{self, OnGithub, Places, Which};

/// The jobs of a matrix share a thousand requests an hour: where there are more than so many, each makes only those that
/// it cannot do without.
const MANY: u64 = 60;

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

/// Whether there are requests for what is good to know.
pub(super) fn may_ask_more(inputs: &Inputs) -> bool {
    inputs.jobs <= MANY
}

/// Where previews are, as far as inputs and event tell.
pub(super) fn places(inputs: &Inputs, trigger: Option<&Trigger>) -> Places {
    let github = trigger.zip(inputs.identity.clone()).map(|(trigger, identity)| OnGithub {
        api: trigger.api_url.clone(),
        identity,
        repository: Some(trigger.repository.clone()),
    });
    Places { github, ..Places::default() }
}

/// What a run leaves whose pull request may be closed before its end: the run for that event may have looked already.
pub(super) struct Late {
    address: Address,
    identity: Identity,
    pull_request: u64,
    which: Which,
    places: Places,
}

impl Late {
    /// Nothing where the run leaves nothing behind that could stay, or nobody may ask GitHub.
    pub(super) fn of(preview: &Preview, inputs: &Inputs, trigger: Option<&Trigger>, front: &Front) -> Option<Self> {
        let mut places = places(inputs, trigger);
        places.add(&front.plan.builds);
        if !preview.push {
            places.registries.clear();
        }
        let leaves = places.aws || !places.registries.is_empty();
        let which = Which::Of { repository: preview.repository.clone(), pull_request: preview.pull_request };
        let (address, identity) = (address(trigger?), inputs.identity.clone()?);
        (leaves && may_ask_more(inputs)).then_some(Self {
            address,
            identity,
            pull_request: preview.pull_request,
            which,
            places,
        })
    }

    /// Removes what was made if the pull request is closed by now: one request. Whoever closes it later finds it.
    pub(super) async fn remove(
        self,
        services: &Services,
        redactor: &Redactor,
        patience: Patience,
    ) -> Option<Vec<Swept>> {
        match self.is_closed(redactor, patience.left()).await {
            Ok(true) => Some(sweep_command::remove(&self.which, &self.places, services, redactor).await),
            Ok(false) => None,
            Err(error) => {
                tracing::debug!(%error, "whether the pull request is still open");
                None
            }
        }
    }

    async fn is_closed(&self, redactor: &Redactor, longest: Duration) -> Result<bool, GithubError> {
        let asked = async {
            let github = Repository::connect(self.address.clone(), self.identity.clone(), redactor).await?;
            Ok(github.pull(self.pull_request).await?.is_closed())
        };
        let slow = |_| GithubError::Unreachable(format!("no answer within {longest:?}"));
        tokio::time::timeout(longest, asked).await.map_err(slow)?
    }
}
