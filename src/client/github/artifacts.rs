//! Artifacts of a workflow run, by the service that the runner gives actions a token for: no permission of the
//! workflow is needed, and a job sees what the other jobs of its run have kept. The calls are those of GitHub's own
//! toolkit (its package `artifact`, fourth version): Twirp with JSON, then a block upload to a signed address.

use std::io::{Cursor, Read as _, Write as _};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::{Client, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::secret::Redactor;

const SERVICE: &str = "twirp/github.actions.results.api.v1.ArtifactService";
/// Nobody waits for what a report reads.
const ANSWER: Duration = Duration::from_secs(30);
/// The end of a build waits for its record to be kept: so long for an answer, and so long in all.
const SOON: Duration = Duration::from_secs(3);
const LONGEST: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 3;
/// Names that are tried for one artifact.
const NAMES: u32 = 3;
/// The format of artifacts that the service keeps now.
const VERSION: u32 = 4;
/// Largest file that is read out of an artifact, in bytes.
pub(super) const LARGEST: u64 = 64 << 20;

/// Why an artifact could not be kept or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct RuntimeError {
    text: String,
    /// With which the service refused.
    status: Option<StatusCode>,
}

impl RuntimeError {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), status: None }
    }
}

/// The artifacts of this run.
#[derive(Debug)]
pub(crate) struct Artifacts {
    client: Client,
    /// Ends without a slash.
    address: String,
    token: String,
    run: String,
    job: String,
}

/// An artifact of some job of this run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Kept {
    pub name: String,
    #[serde(alias = "workflowRunBackendId")]
    workflow_run_backend_id: String,
    #[serde(alias = "workflowJobRunBackendId")]
    workflow_job_run_backend_id: String,
}

/// Which run and job a call is about.
#[derive(Serialize)]
struct Of<'a, T> {
    workflow_run_backend_id: &'a str,
    workflow_job_run_backend_id: &'a str,
    #[serde(flatten)]
    rest: T,
}

#[derive(Deserialize)]
struct Created {
    ok: bool,
    #[serde(alias = "signedUploadUrl")]
    signed_upload_url: String,
}

#[derive(Deserialize)]
struct Finalized {
    ok: bool,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    artifacts: Vec<Kept>,
}

#[derive(Deserialize)]
struct Signed {
    #[serde(alias = "signedUrl")]
    signed_url: String,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    scp: String,
}

impl Artifacts {
    /// From the runner's `ACTIONS_RESULTS_URL` and `ACTIONS_RUNTIME_TOKEN`, whose scope names run and job.
    pub(crate) fn of(address: &str, token: &str, redactor: &Redactor) -> Result<Self, RuntimeError> {
        redactor.add(token);
        let wrong = || RuntimeError::new("ACTIONS_RUNTIME_TOKEN names no run".to_owned());
        let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok());
        let claims: Claims = claims.and_then(|json| serde_json::from_slice(&json).ok()).ok_or_else(wrong)?;
        let scope = claims.scp.split(' ').find_map(|scope| scope.strip_prefix("Actions.Results:")).ok_or_else(wrong)?;
        let (run, job) = scope.split_once(':').ok_or_else(wrong)?;
        let job = job.split(':').next().unwrap_or_default();
        let client = Client::builder().timeout(ANSWER).build();
        Ok(Self {
            client: client.map_err(|error| RuntimeError::new(error.to_string()))?,
            address: address.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
            run: run.to_owned(),
            job: job.to_owned(),
        })
    }

    /// Keeps one file as an artifact, under the name or one that begins with it.
    pub(crate) async fn keep(&self, name: &str, file: &str, content: &[u8]) -> Result<(), RuntimeError> {
        let archive = zipped(file, content).map_err(|error| RuntimeError::new(format!("{name}: {error}")))?;
        let slow = |_| {
            let seconds = LONGEST.as_secs();
            RuntimeError::new(format!("the artifact service has not taken it within {seconds} seconds"))
        };
        tokio::time::timeout(LONGEST, self.keep_archive(name, &archive)).await.map_err(slow)?
    }

    async fn keep_archive(&self, name: &str, archive: &[u8]) -> Result<(), RuntimeError> {
        let (name, address) = self.create(name).await?;
        self.upload(&address, archive).await?;
        let size = archive.len().to_string();
        let hash = format!("sha256:{:x}", Sha256::digest(archive));
        let about = serde_json::json!({ "name": name, "size": size, "hash": hash });
        match self.call("FinalizeArtifact", &about, SOON).await {
            Ok(Finalized { ok: true }) => Ok(()),
            Ok(Finalized { ok: false }) => Err(RuntimeError::new(format!("the artifact {name} was not kept"))),
            // It does not know an artifact for a second time, when the answer to the first was lost.
            Err(error) => match self.list().await {
                Ok(kept) if kept.iter().any(|kept| kept.name == name) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// A name and where to upload. A name that is taken already is so by a call of ours whose answer was lost, and with
    /// it the address: another name is as good.
    async fn create(&self, name: &str) -> Result<(String, String), RuntimeError> {
        let mut number = 1;
        loop {
            let name = if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
            let about = serde_json::json!({ "name": name, "version": VERSION });
            match self.call("CreateArtifact", &about, SOON).await {
                Ok(Created { ok: true, signed_upload_url }) => return Ok((name, signed_upload_url)),
                Ok(Created { ok: false, .. }) => {
                    return Err(RuntimeError::new(format!("the artifact {name} was not taken")));
                }
                Err(error) if error.status == Some(StatusCode::CONFLICT) && number < NAMES => number += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// What the jobs of this run have kept so far.
    pub(crate) async fn list(&self) -> Result<Vec<Kept>, RuntimeError> {
        let listed: Listed = self.call("ListArtifacts", &serde_json::json!({}), ANSWER).await?;
        Ok(listed.artifacts)
    }

    /// The only file of an artifact.
    pub(crate) async fn read(&self, kept: &Kept) -> Result<Vec<u8>, RuntimeError> {
        let about = Of {
            workflow_run_backend_id: &kept.workflow_run_backend_id,
            workflow_job_run_backend_id: &kept.workflow_job_run_backend_id,
            rest: serde_json::json!({ "name": kept.name }),
        };
        let signed: Signed = self.post("GetSignedArtifactURL", &about, ANSWER).await?;
        let archive = sent("its download", || self.client.get(&signed.signed_url)).await;
        let archive =
            archive.map_err(|error| RuntimeError { text: format!("artifact {}: {error}", kept.name), ..error })?;
        unzipped(&archive).map_err(|error| RuntimeError::new(format!("artifact {}: {error}", kept.name)))
    }

    /// A block and the list of blocks, as Azure's storage takes them.
    async fn upload(&self, address: &str, archive: &[u8]) -> Result<(), RuntimeError> {
        let block = STANDARD.encode("00000000");
        let list = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><Latest>{block}</Latest></BlockList>");
        let join = if address.contains('?') { '&' } else { '?' };
        let id = block.replace('=', "%3D");
        for (query, body, kind) in [
            (format!("comp=block&blockid={id}"), archive.to_vec(), "application/octet-stream"),
            ("comp=blocklist".to_owned(), list.into_bytes(), "application/xml"),
        ] {
            let request = || {
                let request = self.client.put(format!("{address}{join}{query}")).timeout(SOON);
                let request = request.header("content-type", kind);
                request.header("x-ms-blob-content-type", "application/zip").body(body.clone())
            };
            sent("upload of an artifact", request).await?;
        }
        Ok(())
    }

    async fn call<A: DeserializeOwned>(
        &self,
        name: &str,
        rest: &serde_json::Value,
        patience: Duration,
    ) -> Result<A, RuntimeError> {
        let about = Of { workflow_run_backend_id: &self.run, workflow_job_run_backend_id: &self.job, rest };
        self.post(name, &about, patience).await
    }

    async fn post<A: DeserializeOwned>(
        &self,
        name: &str,
        body: &impl Serialize,
        patience: Duration,
    ) -> Result<A, RuntimeError> {
        let wrong = |error: serde_json::Error| RuntimeError::new(format!("{name}: {error}"));
        let body = serde_json::to_vec(body).map_err(wrong)?;
        let request = || {
            let request = self.client.post(format!("{}/{SERVICE}/{name}", self.address)).bearer_auth(&self.token);
            request.timeout(patience).header("content-type", "application/json").body(body.clone())
        };
        serde_json::from_slice(&sent(name, request).await?).map_err(wrong)
    }
}

/// The answer's body. What may go better the next time is tried again.
async fn sent(what: &str, request: impl Fn() -> reqwest::RequestBuilder) -> Result<Vec<u8>, RuntimeError> {
    // An address may carry a signature: it is not shown.
    let failed = |error: reqwest::Error| RuntimeError::new(format!("{what}: {}", error.without_url()));
    let mut attempt = 1;
    loop {
        let fault = match request().send().await {
            Ok(answer) if answer.status().is_success() => match answer.bytes().await {
                Ok(bytes) => return Ok(bytes.to_vec()),
                Err(error) => failed(error),
            },
            Ok(answer) => {
                let status = answer.status();
                let said = said(answer).await;
                let text = format!("{what}: the artifact service answers {status}{said}");
                let fault = RuntimeError { text, status: Some(status) };
                let waits = status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT;
                if !status.is_server_error() && !waits {
                    return Err(fault);
                }
                fault
            }
            Err(error) => failed(error),
        };
        if attempt == ATTEMPTS {
            return Err(fault);
        }
        tokio::time::sleep(Duration::from_millis(200) * 2u32.pow(attempt)).await;
        attempt += 1;
    }
}

/// What the service says of a refusal. The store's words are not shown: they repeat what was signed.
async fn said(answer: reqwest::Response) -> String {
    let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return String::new();
    }
    let text = answer.text().await.unwrap_or_default();
    format!(": {}", text.chars().filter(|c| !c.is_control()).take(300).collect::<String>())
}

fn zipped(file: &str, content: &[u8]) -> zip::result::ZipResult<Vec<u8>> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(file, zip::write::SimpleFileOptions::default())?;
    writer.write_all(content)?;
    Ok(writer.finish()?.into_inner())
}

pub(super) fn unzipped(archive: &[u8]) -> zip::result::ZipResult<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive))?;
    let file = archive.by_index(0)?;
    let mut content = Vec::new();
    let read = file.take(LARGEST + 1).read_to_end(&mut content)?;
    if read as u64 > LARGEST {
        return Err(std::io::Error::other(format!("its file has more than {LARGEST} bytes")).into());
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(scope: &str) -> String {
        format!("e30.{}.x", URL_SAFE_NO_PAD.encode(format!("{{\"scp\":\"{scope}\"}}")))
    }

    #[test]
    fn run_and_job_are_in_the_token() {
        let found = Artifacts::of("http://x/", &token("Actions.A Actions.Results:r:j:k"), &Redactor::new()).unwrap();
        assert_eq!((found.address.as_str(), found.run.as_str(), found.job.as_str()), ("http://x", "r", "j"));
        for wrong in ["x".to_owned(), token("Actions.A"), token("Actions.Results:r")] {
            assert!(Artifacts::of("http://x", &wrong, &Redactor::new()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_comes_out_of_its_archive() {
        assert_eq!(unzipped(&zipped("a.json", b"{}").unwrap()).unwrap(), b"{}");
        assert!(unzipped(b"PK").is_err());
    }
}
