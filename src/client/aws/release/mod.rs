//! Finding again and removing what a run made, by what was known before it was made.
//!
//! What is not found is looked for once more after a moment: the call that makes a thing may have been answered, or
//! lost, a moment ago, and a describe call may not see it yet.

mod image;

use std::time::Duration;

use super::ec2::Ec2;
use super::ec2::types::{Filters, ImportTask, KeyPairRef, Volume};
use super::error::AwsError;
use super::retry::Retry;
use super::wait::Polling;
use super::{Aws, Object};
use crate::run::aws::{AwsThing, RESOURCE_TAG};
use crate::run::cancel::Cancel;
use crate::run::cleanup::{Released, Resource};
use image::Intended;

pub(super) use image::{Own, remove as remove_image};

/// What was made a moment ago is visible after this.
const MOMENT: Duration = Duration::from_secs(1);
/// What is known to be made is looked for again after these.
const UNSEEN: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(3)];
/// A group, a snapshot or a volume is held until what uses it is gone, a little after it says so.
const HELD: Retry = Retry { tries: 20, first: Duration::from_millis(500), longest: Duration::from_secs(10) };
const HOLDING: [&str; 4] = ["DependencyViolation", "InvalidGroup.InUse", "InvalidSnapshot.InUse", "VolumeInUse"];
/// A policy that goes by tags may refuse for a moment what it allows; what it does not allow it refuses for ever.
const REFUSED: [&str; 1] = ["UnauthorizedOperation"];
/// Tries of a call that is refused.
const REFUSALS: u32 = 3;

impl Aws {
    /// Removes `thing` and waits until it is gone. Can be repeated.
    pub(crate) async fn release(&self, region: &str, thing: &AwsThing) -> Result<Released, AwsError> {
        let aws = &self.for_release();
        let ec2 = aws.ec2_in(region);
        let removed = match thing {
            AwsThing::Instance { tag, id } => instance(&ec2, tag, id).await?,
            AwsThing::KeyPair { name, tag, id } => key_pair(&ec2, name, tag, id).await?,
            AwsThing::SecurityGroup { name, id } => security_group(&ec2, name, id).await?,
            AwsThing::InstanceProfile { name } => aws.iam().delete_profile_with_role(name).await?,
            AwsThing::LaunchTemplate { name } => ec2.delete_launch_template(name).await?,
            AwsThing::Volume { tag } => volumes(&ec2, tag).await?,
            AwsThing::VolumeId { id } => match ec2.volume(id).await? {
                Some(found) => volume(&ec2, &found).await?,
                None => false,
            },
            AwsThing::Snapshot { tag } => snapshots(&ec2, tag).await?,
            AwsThing::SnapshotId { id } => held(|| ec2.delete_snapshot(id)).await?,
            AwsThing::Replaced { image, snapshots } => image::release_replaced(&ec2, image, snapshots).await?,
            AwsThing::Image { tag, name, since, source, foreign } => {
                image::release_intended(&ec2, Intended { tag, name, since, source, foreign }).await?
            }
            AwsThing::ImageId { id, source, snapshots, foreign } => {
                image::release_known(&ec2, (id, source), snapshots, Own::AllBut(foreign)).await?
            }
            AwsThing::Import { tag } => imports(&ec2, tag).await?,
            AwsThing::S3Object { bucket, key } => aws.s3(region).delete(Object { bucket, key }).await?,
            AwsThing::S3Upload { bucket, key } => aws.s3(region).abort_uploads(Object { bucket, key }).await?,
            AwsThing::S3Objects { bucket, prefix } => aws.s3(region).delete_all(bucket, prefix).await?,
            AwsThing::Session { reason, id } => aws.end_session(region, id, reason).await?,
        };
        Ok(if removed { Released::Removed } else { Released::Absent })
    }
}

impl Aws {
    /// Ids of the images that a journalled call has made, whatever became of its answer.
    pub(crate) async fn made(&self, intent: &Resource) -> Result<Vec<String>, AwsError> {
        let Resource::Aws { reach, thing: AwsThing::Image { tag, name, since, source, foreign } } = intent else {
            return Ok(Vec::new());
        };
        let found = image::made(&self.ec2_in(&reach.region), Intended { tag, name, since, source, foreign }).await?;
        Ok(found.into_iter().map(|image| image.id).collect())
    }
}

/// Looks, and once more after a moment when nothing was found.
pub(super) async fn twice<T, F>(mut look: impl FnMut() -> F) -> Result<Vec<T>, AwsError>
where
    F: Future<Output = Result<Vec<T>, AwsError>>,
{
    let found = look().await?;
    if !found.is_empty() {
        return Ok(found);
    }
    tokio::time::sleep(MOMENT).await;
    look().await
}

fn tagged(tag: &str) -> Filters {
    Filters::from([(format!("tag:{RESOURCE_TAG}"), vec![tag.to_owned()])])
}

/// Ends the instances first, whatever else there is to do: they cost.
async fn instance(ec2: &Ec2, tag: &str, id: &str) -> Result<bool, AwsError> {
    // An ended instance is seen for about an hour: that nothing is seen means that it may be too young. One that has gone
    // since is not named in a call: where a policy goes by tags, that is refused.
    let filters = tagged(tag);
    let mut found = match id {
        "" => twice(|| ec2.instances(&filters)).await?,
        // A call that was made again may have launched another one.
        _ => ec2.instances(&filters).await?,
    };
    if !id.is_empty() && found.iter().all(|instance| instance.id != id) {
        found.extend(confirmed(|| ec2.instance(id)).await?);
    }
    found.retain(|instance| instance.state != "terminated");
    let ids: Vec<String> = found.iter().map(|instance| instance.id.clone()).collect();
    if !ids.is_empty() {
        if found.iter().any(|instance| instance.state != "shutting-down") {
            remove(|| ec2.terminate(&ids)).await?;
        }
        ec2.wait_terminated(&ids, Polling::default()).await?;
    }
    // Launch volumes carry the instance's tag; those that do not end with it are left to us.
    for volume in ec2.volumes(&tagged(tag)).await?.iter().filter(|volume| volume.state != "deleting") {
        held(|| ec2.delete_volume(&volume.id)).await?;
    }
    Ok(!ids.is_empty())
}

/// Looks for what AWS has confirmed to have made. Calls may not see yet what others have done: that it is not there must
/// last for some seconds.
async fn confirmed<T, F>(mut look: impl FnMut() -> F) -> Result<Option<T>, AwsError>
where
    F: Future<Output = Result<Option<T>, AwsError>>,
{
    for pause in UNSEEN {
        let seen = look().await?;
        if seen.is_some() {
            return Ok(seen);
        }
        tokio::time::sleep(pause).await;
    }
    look().await
}

/// Removes what AWS has confirmed to have made.
async fn remove<F>(mut remove: impl FnMut() -> F) -> Result<bool, AwsError>
where
    F: Future<Output = Result<bool, AwsError>>,
{
    let removed = confirmed(|| {
        let removed = remove();
        async { Ok(removed.await?.then_some(())) }
    });
    Ok(removed.await?.is_some())
}

/// A name may be somebody else's as well: it counts only where there is nothing better.
async fn key_pair(ec2: &Ec2, name: &str, tag: &str, id: &str) -> Result<bool, AwsError> {
    if !id.is_empty() {
        return remove(|| ec2.delete_key_pair(KeyPairRef::Id(id))).await;
    }
    if tag.is_empty() {
        return ec2.delete_key_pair(KeyPairRef::Name(name)).await;
    }
    let filters = tagged(tag);
    let found = twice(|| ec2.key_pairs(&filters)).await?;
    for id in &found {
        ec2.delete_key_pair(KeyPairRef::Id(id)).await?;
    }
    Ok(!found.is_empty())
}

async fn security_group(ec2: &Ec2, name: &str, id: &str) -> Result<bool, AwsError> {
    if !id.is_empty() {
        return remove(|| held(|| ec2.delete_security_group(id))).await;
    }
    let named = Filters::from([("group-name".to_owned(), vec![name.to_owned()])]);
    let found = twice(|| ec2.security_groups(&[], &named)).await?;
    for id in &found {
        held(|| ec2.delete_security_group(id)).await?;
    }
    Ok(!found.is_empty())
}

async fn volumes(ec2: &Ec2, tag: &str) -> Result<bool, AwsError> {
    let filters = tagged(tag);
    let found = twice(|| ec2.volumes(&filters)).await?;
    for found in &found {
        volume(ec2, found).await?;
    }
    Ok(!found.is_empty())
}

/// Takes a volume off the instance that it is attached to, which may live on, and removes it.
pub(super) async fn volume(ec2: &Ec2, volume: &Volume) -> Result<bool, AwsError> {
    if !volume.attachment.is_empty() && ec2.detach_volume(&volume.id).await? {
        ec2.wait_free(&volume.id, Polling::default(), &Cancel::default()).await?;
    }
    held(|| ec2.delete_volume(&volume.id)).await
}

async fn snapshots(ec2: &Ec2, tag: &str) -> Result<bool, AwsError> {
    let filters = tagged(tag);
    let found = twice(|| ec2.snapshots(&filters)).await?;
    for snapshot in &found {
        held(|| ec2.delete_snapshot(&snapshot.id)).await?;
    }
    Ok(!found.is_empty())
}

async fn imports(ec2: &Ec2, tag: &str) -> Result<bool, AwsError> {
    let tasks = twice(|| ec2.import_tasks(tag)).await?;
    for task in &tasks {
        import(ec2, task).await?;
    }
    Ok(!tasks.is_empty())
}

/// Ends the task, and removes the image that it may have made already. Whether there was anything to do.
pub(super) async fn import(ec2: &Ec2, task: &ImportTask) -> Result<bool, AwsError> {
    let active = task.status == "active";
    if active {
        ec2.cancel_import(&task.id).await?;
    }
    if task.image_id.is_empty() {
        return Ok(active);
    }
    match ec2.image(&task.image_id).await? {
        Some(made) => remove_image(ec2, &made, "", Own::Shown).await,
        None => Ok(active),
    }
}

/// Removes something that may still be held for a while.
pub(super) async fn held<F>(remove: impl FnMut() -> F) -> Result<bool, AwsError>
where
    F: Future<Output = Result<bool, AwsError>>,
{
    let mut refusals = 0;
    let passing = |error: &AwsError| {
        refusals += u32::from(error.is(&REFUSED));
        error.is(&HOLDING) || (error.is(&REFUSED) && refusals < REFUSALS)
    };
    HELD.run(&Cancel::default(), passing, remove).await
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn tried(code: &str, until: u32) -> (Result<bool, String>, u32, Duration) {
        let (begun, mut tries) = (tokio::time::Instant::now(), 0);
        let done = held(|| {
            tries += 1;
            let refused = AwsError::Service {
                call: "DeleteSnapshot",
                region: "eu-west-1".to_owned(),
                code: code.to_owned(),
                message: "You are not authorized".to_owned(),
                request_id: String::new(),
            };
            let answer = if tries < until { Err(refused) } else { Ok(true) };
            std::future::ready(answer)
        });
        (done.await.map_err(|error| error.to_string()), tries, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_held_is_waited_for_and_what_is_refused_hardly() {
        let (done, tries, _) = tried("DependencyViolation", 20).await;
        assert_eq!((done, tries), (Ok(true), 20));
        let (done, tries, _) = tried("UnauthorizedOperation", 3).await;
        assert_eq!((done, tries), (Ok(true), 3), "a refusal may pass");
        let (done, tries, took) = tried("UnauthorizedOperation", 99).await;
        assert_eq!((done.is_err(), tries), (true, 3));
        assert!(took < Duration::from_secs(3), "{took:?}");
        let (done, tries, _) = tried("InvalidParameterValue", 99).await;
        assert_eq!((done.is_err(), tries), (true, 1));
    }
}
