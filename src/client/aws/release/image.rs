//! Removing images with their snapshots, and telling our own image from somebody else's of the same name.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::ec2::Ec2;
use super::super::ec2::types::{BlockDevice, Filters, Image, ImageQuery, Snapshot};
use super::super::error::AwsError;
use super::{confirmed, held, tagged, twice};
use crate::run::aws::RUN_TAG;
use crate::run::preview::PULL_REQUEST_TAG;

/// Looks for the snapshots of an image that was not ready when it was removed, and the pause before the second one,
/// which doubles up to the longest: about half a minute.
const LOOKS: u32 = 9;
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(6);
/// EC2 begins all snapshots of an image together: after so many looks without another there is none to come.
const QUIET: u32 = 3;

/// An image whose making may or may not have been answered, as the journal names it.
#[derive(Clone, Copy)]
pub(super) struct Intended<'a> {
    pub tag: &'a str,
    pub name: &'a str,
    pub since: &'a str,
    pub source: &'a str,
    pub foreign: &'a [String],
}

/// Which of its snapshots go with an image.
#[derive(Clone, Copy)]
pub(in super::super) enum Own<'a> {
    /// All but these, which were there before it.
    AllBut(&'a [String]),
    /// Nobody knows what was there before: those that show that they belong to it.
    Shown,
}

/// What an image shows of whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    Theirs,
    /// Nothing shows it.
    Unknown,
}

pub(super) async fn release_intended(ec2: &Ec2, intended: Intended<'_>) -> Result<bool, AwsError> {
    let found = twice(|| made(ec2, intended)).await?;
    for image in &found {
        remove(ec2, image, intended.source, Own::AllBut(intended.foreign)).await?;
    }
    if !intended.tag.is_empty() {
        // Of an image that is gone, or that never came to be.
        for snapshot in ec2.snapshots(&tagged(intended.tag)).await? {
            held(|| ec2.delete_snapshot(&snapshot.id)).await?;
        }
    }
    Ok(!found.is_empty())
}

/// The image that carries our tag. Where there are no tags, one of our name that is not older than our call and that was
/// made of what we make it of: between our look at the name and our call anybody may have taken it.
pub(super) async fn made(ec2: &Ec2, intended: Intended<'_>) -> Result<Vec<Image>, AwsError> {
    let Intended { tag, name, since, source, .. } = intended;
    let filters = match tag {
        "" => Filters::from([("name".to_owned(), vec![name.to_owned()])]),
        tag => tagged(tag),
    };
    let query =
        ImageQuery { owners: vec!["self".to_owned()], filters, include_deprecated: true, ..ImageQuery::default() };
    let found = ec2.images(&query).await?;
    if !tag.is_empty() {
        return Ok(found);
    }
    let mut ours = Vec::new();
    // RFC 3339 in UTC: the order of texts is the order of times.
    for image in found.into_iter().filter(|image| image.creation_date.as_str() >= since) {
        match whose(ec2, &image, source).await? {
            Whose::Ours => ours.push(image),
            Whose::Theirs => tracing::debug!(id = image.id, name, source, "of our name, and made of something else"),
            Whose::Unknown => {
                return Err(AwsError::Unsure(format!(
                    "the image {} in {} has this name and may be what this run made, or another one's: EC2 does not \
                     show what it was made of; look at it, and deregister it with its snapshots if nobody needs it",
                    image.id,
                    ec2.region()
                )));
            }
        }
    }
    Ok(ours)
}

/// Compares what an image was made of with the `source` that we make ours of: an instance and an image are told by the
/// image itself or by the descriptions of its snapshots, a snapshot and a manifest are parts of it.
async fn whose(ec2: &Ec2, image: &Image, source: &str) -> Result<Whose, AwsError> {
    let is = |known: &str| if known == source { Whose::Ours } else { Whose::Theirs };
    if source.is_empty() {
        return Ok(Whose::Unknown);
    }
    if source.starts_with("snap-") {
        let snapshots = image.snapshots();
        return Ok(match snapshots.is_empty() {
            true => Whose::Unknown,
            false if snapshots.iter().any(|snapshot| snapshot == source) => Whose::Ours,
            false => Whose::Theirs,
        });
    }
    if source.contains('/') {
        return Ok(is(&image.location));
    }
    let told = if source.starts_with("i-") { &image.source_instance } else { &image.source_image };
    if !told.is_empty() {
        return Ok(is(told));
    }
    let origins: Vec<String> = of_image(ec2, &image.id).await?.iter().filter_map(origin).collect();
    Ok(match origins.first() {
        None => Whose::Unknown,
        Some(_) if origins.iter().any(|origin| origin == source) => Whose::Ours,
        Some(_) => Whose::Theirs,
    })
}

/// The instance or image that a snapshot comes from, out of what EC2 writes into its description.
fn origin(snapshot: &Snapshot) -> Option<String> {
    let text = snapshot.description.as_str();
    let (from, end) = match text.split_once("CreateImage(") {
        Some((_, from)) => (from, ')'),
        None => (text.split_once("SourceAmi ")?.1, ' '),
    };
    from.split(end).next().map(str::to_owned)
}

/// Snapshots that EC2 made for an image, whether that is there or not.
async fn of_image(ec2: &Ec2, id: &str) -> Result<Vec<Snapshot>, AwsError> {
    // Those of its copies name it as well.
    let words = [format!("Created by CreateImage(*) for {id}*"), format!("Copied for DestinationAmi {id} *")];
    ec2.snapshots(&Filters::from([("description".to_owned(), words.to_vec())])).await
}

/// An image by its id. `source`: of one that may not be ready yet, what it is made of. `known`: snapshots of one that was.
pub(super) async fn release_known(
    ec2: &Ec2,
    (id, source): (&str, &str),
    known: &[String],
    own: Own<'_>,
) -> Result<bool, AwsError> {
    let Some(found) = confirmed(|| ec2.image(id)).await? else {
        // An earlier release may have ended half-way.
        let mut removed = false;
        for snapshot in known {
            removed |= held(|| ec2.delete_snapshot(snapshot)).await?;
        }
        return Ok(removed | (remove_snapshots(ec2, id, &mut known.iter().cloned().collect()).await? > 0));
    };
    match remove(ec2, &found, source, own).await {
        // Its build had come so far that it may be protected.
        Err(error) if error.is(&["OperationNotPermitted"]) => {
            ec2.unprotect_image(id).await?;
            remove(ec2, &found, source, own).await
        }
        done => done,
    }
}

/// Snapshots of an image that was deregistered for another one to take its place; nothing, when it was not. What another
/// image uses stays.
pub(super) async fn release_replaced(ec2: &Ec2, image: &str, snapshots: &[String]) -> Result<bool, AwsError> {
    let find = || async { Ok(ec2.image(image).await?.is_none().then_some(()).into_iter().collect()) };
    let mut removed = false;
    if twice(find).await?.is_empty() {
        return Ok(removed);
    }
    for snapshot in snapshots {
        match ec2.delete_snapshot(snapshot).await {
            Err(error) if error.is(&["InvalidSnapshot.InUse"]) => {}
            done => removed |= done?,
        }
    }
    Ok(removed)
}

/// Removes an image with its snapshots. As long as it is not ready, EC2 may not tell them all, and may not have made them.
pub(in super::super) async fn remove(ec2: &Ec2, image: &Image, source: &str, own: Own<'_>) -> Result<bool, AwsError> {
    let own = match own {
        Own::AllBut(foreign) => image.snapshots().into_iter().filter(|id| !foreign.contains(id)).collect(),
        Own::Shown => shown(ec2, image).await?,
    };
    let removed = ec2.deregister_image(&image.id).await?;
    let mut gone = BTreeSet::new();
    for snapshot in own {
        held(|| ec2.delete_snapshot(&snapshot)).await?;
        gone.insert(snapshot);
    }
    let pending = image.state == "pending";
    let is_young = pending || (image.state != "available" && !source.is_empty());
    // One of snapshots or of a manifest has none but what it was made of, which is released by itself.
    if is_young && !source.starts_with("snap-") && !source.contains('/') {
        remove_late(ec2, image, pending && removed, &mut gone).await?;
    }
    Ok(removed)
}

/// Those of the image's snapshots that show that they belong to it.
async fn shown(ec2: &Ec2, image: &Image) -> Result<Vec<String>, AwsError> {
    let ids = image.snapshots();
    if ids.is_empty() {
        return Ok(ids);
    }
    let found = ec2.snapshots(&Filters::from([("snapshot-id".to_owned(), ids)])).await?;
    Ok(found.into_iter().filter(|snapshot| belongs(snapshot, image)).map(|snapshot| snapshot.id).collect())
}

/// Whether EC2 made the snapshot for that image, or it has the image's own tag of a run or of a preview.
fn belongs(snapshot: &Snapshot, image: &Image) -> bool {
    let text = snapshot.description.as_str();
    let made = ["Created by CreateImage(", "Copied for DestinationAmi "];
    let same = |key: &str| image.tags.get(key).is_some_and(|value| snapshot.tags.get(key) == Some(value));
    same(RUN_TAG)
        || same(PULL_REQUEST_TAG)
        || (made.iter().any(|words| text.starts_with(words)) && text.contains(&image.id))
        || text.starts_with("Created by AWS-VMImport service for import-ami-")
}

/// Removes the snapshots of an image that was not ready. When it `waits`, some must come: until all are there, or some are
/// and [`QUIET`] looks in a row have shown no more, since a disk may be one that has none.
async fn remove_late(ec2: &Ec2, image: &Image, waits: bool, gone: &mut BTreeSet<String>) -> Result<(), AwsError> {
    let is_made = |device: &&BlockDevice| {
        let theirs = !device.snapshot_id.is_empty() && !gone.contains(&device.snapshot_id);
        !device.no_device && device.instance_store().is_none() && !theirs
    };
    let disks = image.devices.iter().filter(is_made).count();
    let (mut pause, mut quiet) = (PAUSE, 0);
    for _ in 1..LOOKS {
        let new = remove_snapshots(ec2, &image.id, gone).await?;
        quiet = if new == 0 { quiet + 1 } else { 0 };
        let all = quiet > 0 && gone.len() >= disks.max(1);
        if !waits || all || (quiet >= QUIET && !gone.is_empty()) {
            return Ok(());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
    remove_snapshots(ec2, &image.id, gone).await?;
    if gone.len() >= disks.max(1) {
        return Ok(());
    }
    Err(AwsError::Unsure(format!(
        "the image was not ready when it was deregistered, and of its {} snapshot(s) {} are seen so far; `forge sweep` \
         looks for the others",
        disks.max(1),
        gone.len()
    )))
}

/// Removes those snapshots of an image that are not among `gone`, and yields their number.
async fn remove_snapshots(ec2: &Ec2, id: &str, gone: &mut BTreeSet<String>) -> Result<usize, AwsError> {
    let mut new = 0;
    for snapshot in of_image(ec2, id).await? {
        if gone.insert(snapshot.id.clone()) {
            held(|| ec2.delete_snapshot(&snapshot.id)).await?;
            new += 1;
        }
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_shows_whose_it_is() {
        let tags = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let image = Image { id: "ami-0b2".to_owned(), tags: tags(&[(RUN_TAG, "run-1")]), ..Image::default() };
        let goes = |description: &str, pairs: &[(&str, &str)]| {
            let description = description.to_owned();
            belongs(&Snapshot { description, tags: tags(pairs), ..Snapshot::default() }, &image)
        };
        assert!(goes("Created by CreateImage(i-0a1) for ami-0b2", &[]));
        assert!(goes("Copied for DestinationAmi ami-0b2 from SourceAmi ami-0c3 for SourceSnapshot snap-0e5.", &[]));
        assert!(goes("of ours", &[(RUN_TAG, "run-1")]));
        assert!(!goes("of another run", &[(RUN_TAG, "run-2")]));
        assert!(!goes("Created by CreateImage(i-0a1) for ami-0d4", &[("forge:inputs", "sha256:1")]), "another image's");
        assert!(!goes("golden data", &[("Name", "data")]));
    }

    #[test]
    fn descriptions_tell_where_a_snapshot_comes_from() {
        let of = |text: &str| origin(&Snapshot { description: text.to_owned(), ..Snapshot::default() });
        let from = |id: &str| Some(id.to_owned());
        assert_eq!(of("Created by CreateImage(i-0a1) for ami-0b2"), from("i-0a1"));
        assert_eq!(of("Created by CreateImage(i-0a1) for ami-0b2 from vol-0c3"), from("i-0a1"));
        let copied = "Copied for DestinationAmi ami-0d4 from SourceAmi ami-0b2 for SourceSnapshot snap-0e5. Task created \
                      on 1,700,000,000,000.";
        assert_eq!(of(copied), from("ami-0b2"));
        assert_eq!(of("Packer: 2026-01-01"), None);
    }
}
