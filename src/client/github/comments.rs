//! Comments of a pull request.

use serde::{Deserialize, Serialize};

use super::retry::{Effect, patiently};
use super::{App, GithubError, Repository};

/// A comment, as far as it matters who wrote what. octocrab's type leaves out the App.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Comment {
    pub id: u64,
    pub node_id: String,
    #[serde(default)]
    pub body: String,
    pub created_at: String,
    user: Option<Author>,
    #[serde(default)]
    performed_via_github_app: Option<App>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Author {
    id: u64,
    login: String,
}

/// The login of a workflow's own token, where nothing tells whose a token is.
const ACTIONS: &str = "github-actions[bot]";

#[derive(Serialize)]
struct Minimize<'a> {
    query: &'static str,
    variables: Variables<'a>,
}

#[derive(Serialize)]
struct Variables<'a> {
    id: &'a str,
}

impl Comment {
    /// Written by this very author.
    pub(crate) fn has_author_of(&self, other: &Self) -> bool {
        self.user == other.user && self.performed_via_github_app == other.performed_via_github_app
    }
}

impl Repository {
    /// All comments of the pull request that are ours, whatever others write into theirs; `since` (RFC 3339) leaves out
    /// those that have not changed since then.
    pub(crate) async fn own_comments(&self, pull: u64, since: Option<&str>) -> Result<Vec<Comment>, GithubError> {
        let mut all: Vec<Comment> = Vec::new();
        for page in 1..=100 {
            let route = self.route(&format!("issues/{pull}/comments"));
            let mut query = vec![("per_page", "100".to_owned()), ("page", page.to_string())];
            query.extend(since.map(|since| ("since", since.to_owned())));
            let mut found: Vec<Comment> = patiently(Effect::None, || self.crab.get(&route, Some(&query))).await?;
            let last = found.len() < 100;
            all.append(&mut found);
            if last {
                break;
            }
        }
        let viewer = match all.is_empty() {
            true => None,
            false => self.viewer().await,
        };
        all.retain(|comment| self.is_ours(comment, viewer));
        Ok(all)
    }

    /// `viewer` is the account of our token, where neither App nor login are known.
    fn is_ours(&self, comment: &Comment, viewer: Option<u64>) -> bool {
        let login = comment.user.as_ref().map(|user| user.login.as_str());
        match (self.app.get(), &self.login) {
            (_, Some(own)) => login == Some(own),
            (Some(app), None) => match &comment.performed_via_github_app {
                Some(by) => by.id == app.id,
                None => login == Some(&format!("{}[bot]", app.slug)),
            },
            (None, None) => match viewer {
                Some(own) => comment.user.as_ref().is_some_and(|user| user.id == own),
                None => login == Some(ACTIONS),
            },
        }
    }

    pub(crate) async fn comment(&self, id: u64) -> Result<Comment, GithubError> {
        let route = self.route(&format!("issues/comments/{id}"));
        patiently(Effect::None, || self.crab.get(&route, None::<&()>)).await
    }

    pub(crate) async fn create_comment(&self, pull: u64, body: &str) -> Result<Comment, GithubError> {
        let route = self.route(&format!("issues/{pull}/comments"));
        let body = serde_json::json!({ "body": body });
        let made: Comment = patiently(Effect::Another, || self.crab.post(&route, Some(&body))).await?;
        // Who wrote it is who we are.
        if let Some(author) = &made.user {
            let _ = self.viewer.set(Some(author.id));
        }
        Ok(made)
    }

    pub(crate) async fn update_comment(&self, id: u64, body: &str) -> Result<(), GithubError> {
        // octocrab's own call is a POST, which is not what GitHub documents. A newer run may have written by the time of a
        // second try, so the caller looks again before it makes one.
        let route = self.route(&format!("issues/comments/{id}"));
        let body = serde_json::json!({ "body": body });
        let call = || self.crab.patch::<Comment, _, _>(&route, Some(&body));
        patiently(Effect::Another, call).await.map(drop)
    }

    pub(crate) async fn delete_comment(&self, id: u64) -> Result<(), GithubError> {
        let issues = self.crab.issues(&self.address.owner, &self.address.name);
        patiently(Effect::None, || issues.delete_comment(id.into())).await
    }

    /// Folds a comment away as outdated.
    pub(crate) async fn minimize_comment(&self, comment: &Comment) -> Result<(), GithubError> {
        let query = "mutation($id: ID!) { minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) \
                     { minimizedComment { isMinimized } } }";
        let ask = Minimize { query, variables: Variables { id: &comment.node_id } };
        patiently(Effect::None, || self.graph.graphql::<serde_json::Value>(&ask)).await.map(drop)
    }
}
