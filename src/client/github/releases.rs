//! Releases: that of a tag, its notes and its assets. The job needs `contents: write`.

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, USER_AGENT};
use serde::Deserialize;

use super::retry::{Effect, patiently};
use super::{Bearer, GithubError, Repository};

/// Pages of releases that are looked through for a draft, which GitHub does not find by its tag.
const PAGES: usize = 3;
/// Names of the repository's tags that are read, as GitHub gives them in one answer.
const TAGS: &str = "git/matching-refs/tags/";

/// A release, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Release {
    pub id: u64,
    tag_name: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    pub draft: bool,
    /// Its tag and assets are fixed for good.
    #[serde(default)]
    pub immutable: bool,
    upload_url: String,
    #[serde(default)]
    pub html_url: String,
}

/// A file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Asset {
    pub id: u64,
    pub name: String,
    /// `uploaded`; `starter` of one whose upload broke off, which holds its name and nothing else.
    pub state: String,
    /// In bytes.
    #[serde(default)]
    pub size: u64,
    /// GitHub tells it; an Enterprise Server of some age does not.
    #[serde(default)]
    pub digest: Option<String>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "ref")]
    name: String,
}

#[derive(Deserialize)]
struct Commit {
    sha: String,
}

#[derive(Deserialize)]
struct Said {
    message: String,
}

impl Asset {
    pub(crate) fn is_whole(&self) -> bool {
        self.state == "uploaded"
    }
}

impl Release {
    pub(crate) fn notes(&self) -> &str {
        self.body.as_deref().unwrap_or_default()
    }
}

impl Repository {
    /// The release of a tag, published or not yet.
    pub(crate) async fn release_of(&self, tag: &str) -> Result<Option<Release>, GithubError> {
        let route = self.route(&format!("releases/tags/{}", in_path(tag)));
        match patiently(Effect::None, || self.crab.get::<Release, _, _>(&route, None::<&()>)).await {
            Ok(found) => return Ok(Some(found)),
            Err(GithubError::Missing(_)) => {}
            Err(error) => return Err(error),
        }
        let route = self.route("releases");
        for page in 1..=PAGES {
            let query = [("per_page", "100".to_owned()), ("page", page.to_string())];
            let found: Vec<Release> = patiently(Effect::None, || self.crab.get(&route, Some(&query))).await?;
            let last = found.len() < 100;
            if let Some(found) = found.into_iter().find(|release| release.tag_name == tag) {
                return Ok(Some(found));
            }
            if last {
                break;
            }
        }
        Ok(None)
    }

    pub(crate) async fn set_notes(&self, id: u64, notes: &str) -> Result<(), GithubError> {
        let route = self.route(&format!("releases/{id}"));
        let body = serde_json::json!({ "body": notes });
        let _: Release = patiently(Effect::None, || self.crab.patch(&route, Some(&body))).await?;
        Ok(())
    }

    /// The files of a release, half ones too.
    pub(crate) async fn assets(&self, release: u64) -> Result<Vec<Asset>, GithubError> {
        let route = self.route(&format!("releases/{release}/assets"));
        let mut assets = Vec::new();
        for page in 1.. {
            let query = [("per_page", "100".to_owned()), ("page", page.to_string())];
            let found: Vec<Asset> = patiently(Effect::None, || self.crab.get(&route, Some(&query))).await?;
            let last = found.len() < 100;
            assets.extend(found);
            if last {
                break;
            }
        }
        Ok(assets)
    }

    pub(crate) async fn delete_asset(&self, id: u64) -> Result<(), GithubError> {
        let route = self.route(&format!("releases/assets/{id}"));
        let deleted = patiently(Effect::None, || async {
            let answer = self.crab._delete(&route, None::<&()>).await?;
            octocrab::map_github_error(answer).await.map(drop)
        });
        match deleted.await {
            Err(GithubError::Missing(_)) => Ok(()),
            deleted => deleted,
        }
    }

    /// The content of a file: one call, and one to where GitHub keeps it. For those of which GitHub tells no digest.
    pub(crate) async fn read_asset(&self, asset: &Asset) -> Result<Vec<u8>, GithubError> {
        let address = format!("{}{}", self.address.api, self.route(&format!("releases/assets/{}", asset.id)));
        let request = self.plain.get(address).header(AUTHORIZATION, format!("Bearer {}", self.bearer().await?));
        let request = request.header(ACCEPT, "application/octet-stream").header(USER_AGENT, "forge");
        // The address where it is kept is signed: it takes no token, and is not shown.
        let failed = |error: reqwest::Error| GithubError::Unreachable(error.without_url().to_string());
        let mut answer = request.send().await.map_err(failed)?;
        if answer.status().is_redirection() {
            let place = answer.headers().get(LOCATION).and_then(|place| place.to_str().ok());
            let place =
                place.ok_or_else(|| GithubError::Invalid(format!("{}: nobody says where it is", asset.name)))?;
            answer = self.plain.get(place).send().await.map_err(failed)?;
        }
        let status = answer.status();
        let body = answer.bytes().await.map_err(failed)?;
        match status.is_success() {
            true => Ok(body.to_vec()),
            false => Err(refused(status, &asset.name, &body)),
        }
    }

    /// Gives an asset another name, which no other asset of the release has.
    pub(crate) async fn rename_asset(&self, id: u64, name: &str) -> Result<(), GithubError> {
        let route = self.route(&format!("releases/assets/{id}"));
        let body = serde_json::json!({ "name": name });
        let _: Asset = patiently(Effect::None, || self.crab.patch(&route, Some(&body))).await?;
        Ok(())
    }

    /// Uploads a file, once: what a try that broke off has left is for the caller to look at.
    pub(crate) async fn upload_asset(
        &self,
        release: &Release,
        name: &str,
        content: &[u8],
    ) -> Result<Asset, GithubError> {
        let address = release.upload_url.split('{').next().unwrap_or_default();
        let address = reqwest::Url::parse_with_params(address, [("name", name)]);
        let address = address.map_err(|error| GithubError::Invalid(format!("the address for uploads: {error}")))?;
        let request = self.plain.post(address).header(AUTHORIZATION, format!("Bearer {}", self.bearer().await?));
        let request = request.header(CONTENT_TYPE, "application/json").header(USER_AGENT, "forge");
        let failed = |error: reqwest::Error| GithubError::Unreachable(error.without_url().to_string());
        let answer = request.body(content.to_vec()).send().await.map_err(failed)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(failed)?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| GithubError::Invalid(format!("its answer: {error}")));
        }
        Err(refused(status, name, &body))
    }

    /// The commit of a tag; nothing where there is none. A branch may have the name of the tag.
    pub(crate) async fn commit_of_tag(&self, tag: &str) -> Result<Option<String>, GithubError> {
        let route = self.route(&format!("commits/tags/{}", tag.replace('+', "%2B")));
        match patiently(Effect::None, || self.crab.get::<Commit, _, _>(&route, None::<&()>)).await {
            Ok(found) => Ok(Some(found.sha)),
            Err(GithubError::Missing(_) | GithubError::Invalid(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Names of all tags of the repository.
    pub(crate) async fn tags(&self) -> Result<Vec<String>, GithubError> {
        let route = self.route(TAGS);
        let found: Vec<Reference> = patiently(Effect::None, || self.crab.get(&route, None::<&()>)).await?;
        let name = |found: Reference| found.name.strip_prefix("refs/tags/").map(str::to_owned);
        Ok(found.into_iter().filter_map(name).collect())
    }

    /// The token of a request that octocrab does not make.
    async fn bearer(&self) -> Result<String, GithubError> {
        match &self.bearer {
            Bearer::Token(token) => Ok(token.clone()),
            Bearer::App(app, installation) => {
                use octocrab::secrecy::ExposeSecret as _;
                let (_, token) = app.installation_and_token((*installation).into()).await?;
                Ok(token.expose_secret().to_owned())
            }
        }
    }
}

/// What an answer that octocrab has not read says.
fn refused(status: StatusCode, name: &str, body: &[u8]) -> GithubError {
    let said = serde_json::from_slice::<Said>(body).map_or_else(|_| status.to_string(), |said| said.message);
    let said = format!("{name}: {}", said.chars().filter(|c| !c.is_control()).take(300).collect::<String>());
    match status.as_u16() {
        401 => GithubError::Unauthorized(said),
        403 => GithubError::Forbidden(said),
        404 | 410 => GithubError::Missing(said),
        429 => GithubError::Limited(said),
        500.. => GithubError::Failing(said),
        _ => GithubError::Invalid(said),
    }
}

/// A tag may hold what has a meaning in an address.
fn in_path(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' => encoded.push(byte.into()),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}
