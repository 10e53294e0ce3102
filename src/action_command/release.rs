//! The release of a published tag: a table of images in its notes, records and lists of contents among its assets.

use sha2::{Digest as _, Sha256};

use crate::client::github::{Asset, GithubError, Release, Repository};
use crate::publish;
use crate::report::{self, Record};

/// Uploads of one file: one that breaks off is begun anew.
const UPLOADS: u32 = 3;
/// What is behind the name of a file that is to take the place of another. Nobody else gives such names.
const NEXT: &str = ".forge-next";

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

/// Puts a file into the release, in the place of another of its name. What is there and whole is not removed before the
/// new one is: that is uploaded under a name of its own first.
async fn attach(github: &Repository, release: &Release, file: &File) -> Result<&'static str, GithubError> {
    let name = renamed(&file.name);
    let next = format!("{name}{NEXT}");
    let mut uploads = 0;
    loop {
        let mut assets = github.assets(release.id).await?;
        let mut take = |name: &str| assets.iter().position(|asset| asset.name == name).map(|at| assets.swap_remove(at));
        let (mut known, mut made) = (take(&name), take(&next));
        if let Some(asset) = &known
            && is_same(github, asset, &file.content).await?
        {
            if let Some(rest) = made {
                github.delete_asset(rest.id).await?;
            }
            return Ok(if uploads == 0 { "is among the assets already" } else { "is among the assets now" });
        }
        if let Some(asset) = &made
            && is_same(github, asset, &file.content).await?
        {
            if let Some(old) = &known {
                github.delete_asset(old.id).await?;
            }
            github.rename_asset(asset.id, &name).await?;
            return Ok("is among the assets now");
        }
        if uploads == UPLOADS {
            return Err(GithubError::Failing(format!(
                "{name} was uploaded {uploads} times and is not there as it was"
            )));
        }
        uploads += 1;
        // Nothing can be uploaded under the name of a half one.
        let is_half = |asset: &mut Asset| !asset.is_whole();
        for rest in [known.take_if(is_half), made.take()].into_iter().flatten() {
            github.delete_asset(rest.id).await?;
        }
        let place = if known.is_some() { &next } else { &name };
        match github.upload_asset(release, place, &file.content).await {
            Ok(made) if made.is_whole() && known.is_none() => return Ok("is among the assets now"),
            // The next look puts it in the place of the other.
            Ok(made) if made.is_whole() => {}
            Err(error) if error.is_final() || uploads == UPLOADS => return Err(error),
            Ok(_) if uploads == UPLOADS => {
                return Err(GithubError::Failing(format!("{name} arrives in part only")));
            }
            Ok(_) | Err(_) => {}
        }
    }
}

/// Whether an asset is whole and has this content. Where GitHub tells no digest, the content itself is compared.
async fn is_same(github: &Repository, asset: &Asset, content: &[u8]) -> Result<bool, GithubError> {
    if !asset.is_whole() {
        return Ok(false);
    }
    match &asset.digest {
        Some(digest) => Ok(*digest == format!("sha256:{:x}", Sha256::digest(content))),
        None if asset.size != content.len() as u64 => Ok(false),
        None => Ok(github.read_asset(asset).await? == content),
    }
}

/// The name that GitHub gives an asset: a point for what is odd in it.
fn renamed(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+@-".contains(c);
    let mut kept = String::new();
    let mut odd = false;
    for c in name.chars() {
        if plain(c) {
            kept.push(c);
        } else if !odd {
            kept.push('.');
        }
        odd = !plain(c);
    }
    kept.trim_end_matches('.').to_owned()
}
