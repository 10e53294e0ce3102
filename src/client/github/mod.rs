//! GitHub's REST interface: check runs, commit statuses, comments, pull requests, through octocrab over the same HTTP client as
//! everything else, so that proxies and authorities of the environment hold here too.
//!
//! One [`Repository`] is all that reports need. Its errors say which permission a call lacked.

mod artifacts;
mod attestations;
mod checks;
mod comments;
mod error;
mod packages;
mod pulls;
mod records;
mod releases;
mod retry;
mod statuses;
mod viewer;

use std::sync::OnceLock;
use std::time::Duration;

use octocrab::Octocrab;
use octocrab::models::AppId;
use octocrab::service::middleware::cache::mem::InMemoryCache;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

pub(crate) use artifacts::Artifacts;
pub(crate) use attestations::Attestations;
pub(crate) use checks::{ANNOTATIONS, Annotation, CheckRun, CheckState, Level};
pub(crate) use comments::Comment;
pub(crate) use error::GithubError;
pub(crate) use packages::registry_of;
pub(crate) use records::{PastArtifact, PastRun, RunsOf};
pub(crate) use releases::{Asset, Release};
pub(crate) use statuses::Status;

use crate::secret::Redactor;
use retry::{Effect, patiently};

/// A GitHub that does not answer a request for so long never will. A slow one takes ten seconds.
const ANSWER: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(10);

/// Who asks.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// A workflow's own token, or that of a person or machine.
    Token(String),
    /// A GitHub App, whose installation in the repository makes tokens of an hour each.
    App { id: u64, key: String },
}

/// Without the token or key.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token(_) => f.write_str("Token"),
            Self::App { id, .. } => write!(f, "App({id})"),
        }
    }
}

/// Where a repository is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    /// Such as `https://api.github.com`, or `https://HOST/api/v3` of an Enterprise Server.
    pub api: String,
    /// Such as `https://api.github.com/graphql`.
    pub graphql: String,
    pub owner: String,
    pub name: String,
}

/// A repository on GitHub and the right to talk to it.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    crab: Octocrab,
    /// The same for GraphQL, which has a root of its own on an Enterprise Server.
    graph: Octocrab,
    /// For what is kept elsewhere, without a token.
    plain: reqwest::Client,
    bearer: Bearer,
    address: Address,
    /// The App that our token is of, once it is known.
    app: OnceLock<App>,
    /// The token is a person's; those of workflows and Apps may not ask REST whose they are.
    personal: bool,
    /// Number of the account that our token is of, once it is known.
    viewer: OnceCell<Option<u64>>,
}

/// Where the token is of requests that octocrab does not make.
#[derive(Clone)]
enum Bearer {
    Token(String),
    /// The App itself, and its installation.
    App(Octocrab, u64),
}

/// Without the token.
impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bearer")
    }
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
    #[serde(default)]
    app_slug: String,
}

/// A GitHub App; what it writes is by the login `slug[bot]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct App {
    id: u64,
    #[serde(default)]
    slug: String,
}

/// How tokens of people begin.
const PERSONAL: [&str; 3] = ["ghp_", "github_pat_", "gho_"];

impl Repository {
    /// Asks for an App's installation; a token is not tried before it is needed.
    pub(crate) async fn connect(
        address: Address,
        identity: Identity,
        redactor: &Redactor,
    ) -> Result<Self, GithubError> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .redirect(records::redirects())
            .build()
            .map_err(|error| GithubError::Unreachable(error.to_string()))?;
        let builder = |root: &str| {
            let builder = Octocrab::builder().base_uri(root);
            builder.map_err(|error| GithubError::Settings(format!("{root}: {error}")))
        };
        let graphql = address.graphql.strip_suffix("/graphql").unwrap_or(&address.api).to_owned();
        let known = OnceLock::new();
        let plain = client.clone();
        let (crab, graph, bearer, personal) = match identity {
            Identity::Token(token) => {
                redactor.add(&token);
                let personal = PERSONAL.iter().any(|prefix| token.starts_with(prefix));
                let cached = builder(&address.api)?.cache(InMemoryCache::new());
                let crab = cached.personal_token(token.clone()).build_with_reqwest(client.clone())?;
                let graph = builder(&graphql)?.personal_token(token.clone()).build_with_reqwest(client)?;
                (crab, graph, Bearer::Token(token), personal)
            }
            Identity::App { id, key } => {
                redactor.add(&key);
                let key = octocrab::EncodingKey::from_rsa_pem(key.as_bytes())
                    .map_err(|error| GithubError::Settings(format!("the private key of the GitHub App: {error}")))?;
                let cached = builder(&address.api)?.cache(InMemoryCache::new());
                let app = cached.app(AppId(id), key).build_with_reqwest(client)?;
                let route = format!("/repos/{}/{}/installation", address.owner, address.name);
                let found: Installation = patiently(Effect::None, || app.get(&route, None::<&()>)).await?;
                let _ = known.set(App { id, slug: found.app_slug });
                let crab = app.installation(found.id.into())?;
                (crab.clone(), crab, Bearer::App(app, found.id), false)
            }
        };
        Ok(Self { crab, graph, plain, bearer, address, app: known, personal, viewer: OnceCell::new() })
    }

    fn route(&self, rest: &str) -> String {
        format!("/repos/{}/{}/{rest}", self.address.owner, self.address.name)
    }
}
