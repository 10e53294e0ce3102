//! Comments of a pull request.

use serde::{Deserialize, Serialize};

use super::retry::{Effect, patiently};
use super::{GithubError, Repository};

/// A comment, as far as it matters who wrote what. octocrab's type leaves out the App.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Comment {
    pub id: u64,
    pub node_id: String,
    #[serde(default)]
    pub body: String,
    user: Option<Author>,
    #[serde(default)]
    performed_via_github_app: Option<App>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Author {
    login: String,
    #[serde(rename = "type", default)]
    kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct App {
    id: u64,
}

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
    /// All comments of the pull request that may be ours: of our App, of our login if the token is a person's, else of
    /// some bot, which nobody can write as, whatever the text says.
    pub(crate) async fn own_comments(&self, pull: u64) -> Result<Vec<Comment>, GithubError> {
        let mut all: Vec<Comment> = Vec::new();
        for page in 1..=100 {
            let route = self.route(&format!("issues/{pull}/comments"));
            let query = [("per_page", "100".to_owned()), ("page", page.to_string())];
            let mut found: Vec<Comment> = patiently(Effect::None, || self.crab.get(&route, Some(&query))).await?;
            let last = found.len() < 100;
            all.append(&mut found);
            if last {
                break;
            }
        }
        all.retain(|comment| match (self.app, &self.login) {
            (Some(app), _) => comment.performed_via_github_app.as_ref().is_some_and(|by| by.id == app),
            (None, Some(login)) => comment.user.as_ref().is_some_and(|user| user.login == *login),
            (None, None) => comment.user.as_ref().is_some_and(|user| user.kind == "Bot"),
        });
        Ok(all)
    }

    pub(crate) async fn create_comment(&self, pull: u64, body: &str) -> Result<Comment, GithubError> {
        let route = self.route(&format!("issues/{pull}/comments"));
        let body = serde_json::json!({ "body": body });
        patiently(Effect::Another, || self.crab.post(&route, Some(&body))).await
    }

    pub(crate) async fn update_comment(&self, id: u64, body: &str) -> Result<(), GithubError> {
        // octocrab's own call is a POST, which is not what GitHub documents.
        let route = self.route(&format!("issues/comments/{id}"));
        let body = serde_json::json!({ "body": body });
        let call = || self.crab.patch::<Comment, _, _>(&route, Some(&body));
        patiently(Effect::None, call).await.map(drop)
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
        patiently(Effect::None, || self.crab.graphql::<serde_json::Value>(&ask)).await.map(drop)
    }
}
