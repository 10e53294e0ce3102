//! Snapshots of the instance's volumes.

use super::account::{Account, owned, unique_name};
use crate::builder::BuilderError;
use crate::client::aws::ec2::types::Tags;
use crate::run::BuildContext;
use crate::run::aws::AwsThing;
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

/// Makes a snapshot and yields its id and how it is released.
pub(super) async fn make(
    account: &Account,
    shot: &Shot<'_>,
    cx: &BuildContext,
) -> Result<(String, Resource), BuilderError> {
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
    Ok((id, resource))
}

pub(super) async fn wait(account: &Account, ids: &[String], cx: &BuildContext) -> Result<(), BuilderError> {
    if ids.is_empty() {
        return Ok(());
    }
    cx.say("Waiting for snapshots to complete...");
    Ok(account.ec2.wait_snapshots(ids, account.polling, &cx.cancel).await?)
}
