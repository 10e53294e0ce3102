//! Finding and removing what builds left in an account by its tag alone, without a journal: of runners that are gone.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::ec2::types::{Filters, KeyPairRef};
use super::ec2::{Ec2, Tagged};
use super::error::AwsError;
use super::wait::Polling;
use super::{Aws, Object};
use crate::run::aws::{RESOURCE_TAG, RUN_TAG};
use crate::run::id;

/// Kinds of tagged things in the order of their removal: what uses others goes first.
const ORDER: [&str; 8] =
    ["instance", "import-image-task", "image", "snapshot", "volume", "launch-template", "key-pair", "security-group"];

/// Objects whose tags are asked for at a time.
const AT_A_TIME: usize = 16;

/// A group is waited for so long when there are instances that stay.
const HELD: Duration = Duration::from_secs(10);

/// Which runs' things are to go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Empty for all that the account can use.
    pub regions: Vec<String>,
    /// This run only, whatever its age.
    pub run: Option<String>,
    /// Runs that began longer ago; younger ones may still be going.
    pub older_than: Duration,
    /// Buckets to look in: S3 tells an object's tags one by one, so nobody looks through all of them.
    pub buckets: Vec<String>,
}

/// A tagged thing and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Removed(String),
    /// Of a run that may still be going: its id, and the number of its things.
    Young(String, usize),
    Failed(String, String),
}

impl Wanted {
    fn takes(&self, run: &str) -> bool {
        match &self.run {
            Some(wanted) => wanted == run,
            None => id::made_at(run)
                .is_some_and(|began| SystemTime::now().duration_since(began).is_ok_and(|age| age >= self.older_than)),
        }
    }
}

impl Aws {
    /// Removes what carries the run's tag. A finished image carries it no more.
    pub(crate) async fn sweep(&self, wanted: &Wanted) -> Result<Vec<Found>, AwsError> {
        let aws = &self.for_release();
        let regions = match wanted.regions.is_empty() {
            true => aws.ec2().regions().await?,
            false => wanted.regions.clone(),
        };
        // Regions know nothing of each other.
        let all = regions.iter().map(|region| sweep_region(aws.ec2_in(region), wanted));
        let mut found = Vec::new();
        for (region, swept) in regions.iter().zip(futures_util::future::join_all(all).await) {
            match swept {
                Ok(more) => found.extend(more),
                Err(error) => found.push(Found::Failed(format!("things in {region}"), error.to_string())),
            }
        }
        match aws.sweep_profiles(wanted).await {
            Ok(more) => found.extend(more),
            Err(error) => found.push(Found::Failed("instance profiles and roles".to_owned(), error.to_string())),
        }
        for bucket in &wanted.buckets {
            match aws.sweep_bucket(bucket, wanted).await {
                Ok(more) => found.extend(more),
                Err(error) => found.push(Found::Failed(format!("things in bucket {bucket}"), error.to_string())),
            }
        }
        Ok(found)
    }

    /// Removes the objects that carry the run's tag.
    async fn sweep_bucket(&self, bucket: &str, wanted: &Wanted) -> Result<Vec<Found>, AwsError> {
        let s3 = &self.s3(self.region());
        let (mut found, mut next) = (Vec::new(), None);
        loop {
            let (keys, more) = s3.keys(bucket, next).await?;
            let tags = keys.iter().map(|key| async move {
                let run = s3.tag(Object { bucket, key }, RUN_TAG).await?;
                Ok::<_, AwsError>(run.map(|run| (key, run)))
            });
            let mut tags = futures_util::stream::iter(tags).buffered(AT_A_TIME);
            while let Some(tagged) = tags.try_next().await? {
                let Some((key, run)) = tagged else { continue };
                let shown = format!("object s3://{bucket}/{key} (run {run})");
                match wanted.takes(&run) {
                    false if wanted.run.is_some() => {}
                    false => found.push(Found::Young(run, 1)),
                    true => found.push(match s3.delete(Object { bucket, key }).await {
                        Ok(_) => Found::Removed(shown),
                        Err(error) => Found::Failed(shown, error.to_string()),
                    }),
                }
            }
            next = more;
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    async fn sweep_profiles(&self, wanted: &Wanted) -> Result<Vec<Found>, AwsError> {
        let iam = self.iam();
        let mut found = Vec::new();
        for (name, run) in iam.tagged(RUN_TAG).await? {
            let shown = format!("instance profile and role {name} (run {run})");
            match wanted.takes(&run) {
                false if wanted.run.is_some() => {}
                false => found.push(Found::Young(run, 1)),
                true => found.push(match iam.delete_profile_with_role(&name).await {
                    Ok(_) => Found::Removed(shown),
                    Err(error) => Found::Failed(shown, error.to_string()),
                }),
            }
        }
        Ok(found)
    }
}

async fn sweep_region(ec2: Ec2, wanted: &Wanted) -> Result<Vec<Found>, AwsError> {
    let mut young: BTreeMap<String, usize> = BTreeMap::new();
    let mut ours = Vec::new();
    for thing in ec2.tagged().await? {
        if wanted.takes(&thing.run) {
            ours.push(thing);
        } else if wanted.run.is_none() {
            *young.entry(thing.run).or_default() += 1;
        }
    }
    let mut found: Vec<Found> = young.into_iter().map(|(run, things)| Found::Young(run, things)).collect();
    let instances: Vec<String> = ours.iter().filter(|t| t.kind == "instance").map(|t| t.id.clone()).collect();
    let ended = end(&ec2, living(&ec2, instances).await?).await;
    ours.sort_by_key(|thing| ORDER.iter().position(|kind| *kind == thing.kind));
    for thing in &ours {
        let shown = format!("{} {} in {} (run {})", thing.kind.replace('-', " "), thing.id, ec2.region(), thing.run);
        match remove(&ec2, thing, &ended).await {
            Ok(true) => found.push(Found::Removed(shown)),
            Ok(false) => {}
            Err(error) => found.push(Found::Failed(shown, error.to_string())),
        }
    }
    Ok(found)
}

/// What became of the instances that are told to end, by their ids.
type Ended = BTreeMap<String, Result<(), AwsError>>;

/// Ends instances: told together, then waited for together. One that cannot be ended, or takes too long, holds up none
/// of the others.
async fn end(ec2: &Ec2, ids: Vec<String>) -> Ended {
    let mut ended = Ended::new();
    let mut told = ids.clone();
    if !ids.is_empty() && ec2.terminate(&ids).await.is_err() {
        told.clear();
        for id in ids {
            match ec2.terminate(std::slice::from_ref(&id)).await {
                Ok(_) => told.push(id),
                Err(error) => drop(ended.insert(id, Err(error))),
            }
        }
    }
    let waits = told.iter().map(|id| ec2.wait_terminated(std::slice::from_ref(id), Polling::default()));
    let waited = match told.is_empty() || ec2.wait_terminated(&told, Polling::default()).await.is_ok() {
        true => told.iter().map(|_| Ok(())).collect(),
        // Some may have ended all the same.
        false => futures_util::future::join_all(waits).await,
    };
    ended.extend(told.into_iter().zip(waited));
    ended
}

/// Tags of an instance outlive it by an hour.
async fn living(ec2: &Ec2, ids: Vec<String>) -> Result<Vec<String>, AwsError> {
    if ids.is_empty() {
        return Ok(ids);
    }
    let states = ["pending", "running", "stopping", "stopped"].map(str::to_owned).to_vec();
    let filters = Filters::from([("instance-id".to_owned(), ids), ("instance-state-name".to_owned(), states)]);
    Ok(ec2.instances(&filters).await?.into_iter().map(|instance| instance.id).collect())
}

async fn remove(ec2: &Ec2, thing: &Tagged, ended: &Ended) -> Result<bool, AwsError> {
    match thing.kind.as_str() {
        "instance" => match ended.get(&thing.id) {
            None => Ok(false),
            Some(Ok(())) => Ok(true),
            Some(Err(error)) => Err(AwsError::Unexpected(error.to_string())),
        },
        "import-image-task" => import(ec2, &thing.id).await,
        "image" => match ec2.image(&thing.id).await? {
            Some(image) => super::release::remove_image(ec2, &image, "", super::release::Own::Shown).await,
            None => Ok(false),
        },
        // That of an image went with it. To a policy with conditions on tags, what is not there has none: the answer
        // would be a refusal, not that it is gone.
        "snapshot" => {
            let named = Filters::from([("snapshot-id".to_owned(), vec![thing.id.clone()])]);
            match ec2.snapshots(&named).await?.is_empty() {
                true => Ok(false),
                false => super::release::held(|| ec2.delete_snapshot(&thing.id)).await,
            }
        }
        "volume" => match ec2.volume(&thing.id).await? {
            Some(volume) => super::release::volume(ec2, &volume).await,
            None => Ok(false),
        },
        "launch-template" => ec2.delete_launch_template(&thing.id).await,
        "key-pair" => ec2.delete_key_pair(KeyPairRef::Id(&thing.id)).await,
        "security-group" => {
            let delete = super::release::held(|| ec2.delete_security_group(&thing.id));
            if ended.values().all(Result::is_ok) {
                return delete.await;
            }
            // It may be that of an instance that stays.
            tokio::time::timeout(HELD, delete).await.unwrap_or_else(|_| {
                Err(AwsError::Wait("it is used, and there is an instance that could not be ended".to_owned()))
            })
        }
        // They go with the instance or the fleet.
        "network-interface" | "spot-instances-request" | "fleet" => Ok(false),
        other => Err(AwsError::Unexpected(format!("this forge does not know how to remove a {other}"))),
    }
}

/// Ends an import that is under way, and removes the image of one whose run did not come to take it. Tasks themselves
/// go by and by; the tag is taken off, so that the next sweep passes this one over.
async fn import(ec2: &Ec2, id: &str) -> Result<bool, AwsError> {
    let Some(task) = ec2.import_task(id).await? else { return Ok(false) };
    let removed = super::release::import(ec2, &task).await?;
    ec2.untag(&[task.id], &[RUN_TAG, RESOURCE_TAG]).await?;
    Ok(removed)
}
