//! Comments of a pull request.

use serde::{Deserialize, Serialize};

use super::retry::{Effect, patiently};
use super::viewer::Account;
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
struct Ask<'a> {
    query: &'static str,
    variables: Variables<'a>,
}

#[derive(Serialize)]
struct Variables<'a> {
    id: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    node: Option<Node>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    #[serde(default)]
    body: String,
    user_content_edits: Option<Edits>,
}

#[derive(Deserialize)]
struct Edits {
    nodes: Option<Vec<Option<Edit>>>,
}

/// What GitHub calls a difference is the whole text; there is none of one that somebody took out of the history.
#[derive(Deserialize)]
struct Edit {
    diff: Option<String>,
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

    /// `viewer` is the account of our token, where the App is not known.
    fn is_ours(&self, comment: &Comment, viewer: Option<u64>) -> bool {
        let login = comment.user.as_ref().map(|user| user.login.as_str());
        match (self.app.get(), viewer) {
            (Some(app), _) => match &comment.performed_via_github_app {
                Some(by) => by.id == app.id,
                None => login == Some(&format!("{}[bot]", app.slug)),
            },
            (None, Some(own)) => comment.user.as_ref().is_some_and(|user| user.id == own),
            (None, None) => login == Some(ACTIONS),
        }
    }

    async fn comment(&self, id: u64) -> Result<Comment, GithubError> {
        let route = self.route(&format!("issues/comments/{id}"));
        patiently(Effect::None, || self.crab.get(&route, None::<&()>)).await
    }

    pub(crate) async fn create_comment(&self, pull: u64, body: &str) -> Result<Comment, GithubError> {
        let route = self.route(&format!("issues/{pull}/comments"));
        let body = serde_json::json!({ "body": body });
        let made: Comment = patiently(Effect::Another, || self.crab.post(&route, Some(&body))).await?;
        self.is_by(made.user.as_ref().map(|author| Account { id: author.id }));
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

    /// What the comment says, and before it what it has said lately, the newest text first. REST does not tell the latter,
    /// so where GraphQL tells nothing there is the text alone.
    pub(crate) async fn texts(&self, id: u64, node: &str) -> Result<Vec<String>, GithubError> {
        let query = "query($id: ID!) { node(id: $id) { ... on IssueComment \
                     { body userContentEdits(first: 20) { nodes { diff } } } } }";
        let ask = Ask { query, variables: Variables { id: node } };
        let told: Result<Answer, GithubError> = patiently(Effect::None, || self.graph.graphql(&ask)).await;
        let told = match told {
            Ok(Answer { node: Some(node) }) => node,
            Ok(Answer { node: None }) | Err(GithubError::Invalid(_) | GithubError::Forbidden(_)) => {
                return self.comment(id).await.map(|comment| vec![comment.body]);
            }
            Err(error) => return Err(error),
        };
        let edits = told.user_content_edits.and_then(|edits| edits.nodes).unwrap_or_default();
        Ok([told.body].into_iter().chain(edits.into_iter().flatten().filter_map(|edit| edit.diff)).collect())
    }

    /// Folds a comment away as outdated.
    pub(crate) async fn minimize_comment(&self, comment: &Comment) -> Result<(), GithubError> {
        let query = "mutation($id: ID!) { minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) \
                     { minimizedComment { isMinimized } } }";
        let ask = Ask { query, variables: Variables { id: &comment.node_id } };
        patiently(Effect::None, || self.graph.graphql::<serde_json::Value>(&ask)).await.map(drop)
    }
}
