//! The release of a published tag: a table of images in its notes, records and lists of contents among its assets.

use sha2::{Digest as _, Sha256};

use crate::client::github::{GithubError, Release, Repository};
use crate::publish;
use crate::report::{self, Record};

/// An upload that breaks off is begun anew so often.
const ATTEMPTS: u32 = 3;

/// A file for the release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub name: String,
    pub content: Vec<u8>,
}

/// What could not be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The workflow's token may not.
    Permission(String),
    Failed(String),
}

/// Brings the release up to date; yields a line for each thing that was done.
pub(super) async fn update(
    github: &Repository,
    tag: &str,
    record: &Record,
    files: &[File],
) -> (Vec<String>, Option<Trouble>) {
    let mut lines = Vec::new();
    let trouble = try_update(github, tag, record, files, &mut lines).await.err();
    let trouble = trouble.map(|error| match error {
        GithubError::Forbidden(said) => Trouble::Permission(format!(
            "the release {tag} could not be changed: give the job `permissions` with `contents: write` ({said})"
        )),
        GithubError::Missing(_) => {
            Trouble::Failed(format!("the release {tag} was deleted meanwhile; the images are published, and stay so"))
        }
        error => Trouble::Failed(format!("the release {tag}: {error}; the images are published")),
    });
    (lines, trouble)
}

async fn try_update(
    github: &Repository,
    tag: &str,
    record: &Record,
    files: &[File],
    lines: &mut Vec<String>,
) -> Result<(), GithubError> {
    let Some(release) = github.release_of(tag).await? else {
        lines.push(format!("the tag {tag} has no release, so there are no notes to write to"));
        return Ok(());
    };
    let kind = if release.draft { "draft" } else { "release" };
    match publish::notes(release.notes(), &report::published(record)) {
        Some(text) if text == release.notes() => lines.push(format!("the notes of the {kind} {tag} have the images")),
        Some(text) => {
            github.set_notes(release.id, &text).await?;
            lines.push(format!("the notes of the {kind} {tag} now have the images: {}", release.html_url));
        }
        None => lines.push(format!("the notes of the {kind} {tag} have no room for the images")),
    }
    if release.immutable && !release.draft {
        lines.push(format!("the release {tag} is immutable: it gets no files; a draft would have got them"));
        return Ok(());
    }
    for file in files {
        let told = attach(github, &release, file).await?;
        lines.push(format!("{}: {told}", file.name));
    }
    Ok(())
}

/// Puts a file into the release, in the place of another of its name.
async fn attach(github: &Repository, release: &Release, file: &File) -> Result<&'static str, GithubError> {
    let digest = format!("sha256:{:x}", Sha256::digest(&file.content));
    let mut attempt = 1;
    loop {
        let assets = github.assets(release.id).await?;
        if let Some(known) = assets.into_iter().find(|asset| asset.name == file.name) {
            if known.state == "uploaded" && known.digest.as_deref() == Some(digest.as_str()) {
                return Ok(if attempt == 1 { "is among the assets already" } else { "is among the assets" });
            }
            // A half one too: nothing can be uploaded under its name.
            github.delete_asset(known.id).await?;
        }
        match github.upload_asset(release, &file.name, &file.content).await {
            Ok(made) if made.state == "uploaded" => return Ok("is among the assets now"),
            Err(error) if error.is_final() || attempt == ATTEMPTS => return Err(error),
            Ok(_) if attempt == ATTEMPTS => {
                return Err(GithubError::Failing(format!("{} arrives in part only", file.name)));
            }
            Ok(_) | Err(_) => attempt += 1,
        }
    }
}
