//! Snapshots of the instance's volumes.

use super::account::{Account, owned, unique_name};
use crate::builder::BuilderError;
use crate::client::aws::ec2::types::{Filters, Tags};
use crate::run::BuildContext;
use crate::run::aws::{AwsThing, RESOURCE_TAG};
use crate::run::cleanup::Resource;

/// A snapshot that is to be made.
pub(super) struct Shot<'a> {
    /// Id.
    pub volume: &'a str,
    /// Empty for one that tells the time.
    pub description: &'a str,
    /// Rendered.
    pub tags: Tags,
}

/// A snapshot that was made.
pub(super) struct Taken {
    pub id: String,
    /// How it is released.
    pub resource: Resource,
    tag: String,
}

/// Makes a snapshot.
pub(super) async fn make(account: &Account, shot: &Shot<'_>, cx: &BuildContext) -> Result<Taken, BuilderError> {
    let tag = unique_name("packer-");
    let resource = account.acquire(AwsThing::Snapshot { tag: tag.clone() }, cx)?;
    let now = chrono::Utc::now().format("%Y-%m-%d %H:%M:%S UTC");
    let description = match shot.description {
        "" => format!("Packer: {now}"),
        given => given.to_owned(),
    };
    cx.say(format!("Creating snapshot of volume {}...", shot.volume));
    let id = account.ec2.create_snapshot(shot.volume, &description, &owned(shot.tags.clone(), &tag, cx)).await?;
    cx.detail(format!("Snapshot ID: {id}"));
    Ok(Taken { id, resource, tag })
}

/// Waits until they are complete, and removes what was made beside them: EC2 knows no token for snapshots, so a call
/// whose answer was lost has made one that nobody was told of.
pub(super) async fn wait(account: &Account, taken: &[Taken], cx: &BuildContext) -> Result<(), BuilderError> {
    if taken.is_empty() {
        return Ok(());
    }
    cx.say("Waiting for snapshots to complete...");
    let ids: Vec<String> = taken.iter().map(|taken| taken.id.clone()).collect();
    account.ec2.wait_snapshots(&ids, account.polling, &cx.cancel).await?;
    let tags = taken.iter().map(|taken| taken.tag.clone()).collect();
    let ours = Filters::from([(format!("tag:{RESOURCE_TAG}"), tags)]);
    for double in account.ec2.snapshots(&ours).await?.iter().filter(|found| !ids.contains(&found.id)) {
        account.ec2.delete_snapshot(&double.id).await?;
    }
    Ok(())
}
