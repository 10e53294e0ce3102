//! Whose token it is, where nothing else has told: a workflow's own and that of an App look alike, and neither may ask
//! REST for its account.

use serde::Deserialize;

use super::Repository;
use super::retry::{Effect, patiently};

/// Who wrote something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct Account {
    pub id: u64,
}

#[derive(Deserialize)]
struct Answer {
    viewer: Viewer,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Viewer {
    database_id: u64,
}

impl Repository {
    /// Number of the account that writes what this token writes. A name would not do: that of an App's account has an
    /// end in one interface of GitHub that it has not in the other. It is asked for once, and only where nothing that was
    /// made has told it, nor the App. Nothing when GitHub does not tell.
    pub(super) async fn viewer(&self) -> Option<u64> {
        if self.app.get().is_some() {
            return None;
        }
        *self.viewer.get_or_init(|| self.ask_for_viewer()).await
    }

    /// What was just made is by whoever our token is of.
    pub(super) fn is_by(&self, account: Option<Account>) {
        if let Some(account) = account {
            let _ = self.viewer.set(Some(account.id));
        }
    }

    async fn ask_for_viewer(&self) -> Option<u64> {
        if self.personal {
            let told = patiently(Effect::None, || self.crab.get::<Account, _, ()>("/user", None)).await;
            return told.map(|account| account.id).inspect_err(|error| tracing::debug!("{error}")).ok();
        }
        let ask = serde_json::json!({ "query": "query { viewer { databaseId } }" });
        let told = patiently(Effect::None, || self.graph.graphql::<Answer>(&ask)).await;
        let told = told.inspect_err(|error| tracing::debug!("GitHub does not tell whose token it is: {error}"));
        told.ok().map(|answer| answer.viewer.database_id)
    }
}
