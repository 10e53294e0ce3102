//! Snapshots of volumes.

use std::time::Duration;

use aws_sdk_ec2::types as sdk;

use super::types::{Filters, Snapshot, Tags};
use super::{Ec2, convert, removed};
use crate::client::aws::error::AwsError;
use crate::client::aws::retry::{Retry, USUAL};
use crate::client::aws::wait::{Look, Pace, Polling, wait};
use crate::run::cancel::Cancel;

/// About five seconds.
const FREED: Retry = Retry { tries: 5, first: Duration::from_millis(500), longest: Duration::from_secs(2) };
const COMPLETED: Pace = Pace::of_secs(5, 30 * 60);

impl Ec2 {
    /// Our own snapshots that match.
    pub(crate) async fn snapshots(&self, filters: &Filters) -> Result<Vec<Snapshot>, AwsError> {
        let request = self.client.describe_snapshots().owner_ids("self").set_filters(convert::filters(filters));
        let found = self.answer("DescribeSnapshots", request.send().await).await?;
        Ok(found.snapshots.unwrap_or_default().into_iter().map(convert::snapshot).collect())
    }

    pub(crate) async fn create_snapshot(
        &self,
        volume: &str,
        description: &str,
        tags: &Tags,
    ) -> Result<String, AwsError> {
        let request = self
            .client
            .create_snapshot()
            .volume_id(volume)
            .description(description)
            .set_tag_specifications(convert::tag_specifications(&[(sdk::ResourceType::Snapshot, tags)]));
        let made = self.answer("CreateSnapshot", request.send().await).await?;
        super::image::given(made.snapshot_id, "CreateSnapshot", "snapshot")
    }

    pub(crate) async fn delete_snapshot(&self, id: &str) -> Result<bool, AwsError> {
        let request = self.client.delete_snapshot().snapshot_id(id);
        removed(self.answer("DeleteSnapshot", request.send().await).await.map(drop))
    }

    /// One whose image was deregistered a moment ago, which may still count as its user.
    pub(crate) async fn delete_freed_snapshot(&self, id: &str, cancel: &Cancel) -> Result<bool, AwsError> {
        FREED.run(cancel, |error| error.is(&["InvalidSnapshot.InUse"]), || self.delete_snapshot(id)).await
    }

    /// Lets others make volumes of it; one call for groups, one for users.
    pub(crate) async fn share_snapshot(
        &self,
        id: &str,
        groups: &[String],
        users: &[String],
        cancel: &Cancel,
    ) -> Result<(), AwsError> {
        let request = self
            .client
            .modify_snapshot_attribute()
            .snapshot_id(id)
            .attribute(sdk::SnapshotAttributeName::CreateVolumePermission)
            .operation_type(sdk::OperationType::Add);
        let groups = (!groups.is_empty()).then(|| request.clone().set_group_names(Some(groups.to_vec())));
        let users = (!users.is_empty()).then(|| request.clone().set_user_ids(Some(users.to_vec())));
        for request in [groups, users].into_iter().flatten() {
            let done = USUAL.run(
                cancel,
                |error| error.is(&["InvalidSnapshot.NotFound"]),
                || async { self.answer("ModifySnapshotAttribute", request.clone().send().await).await },
            );
            done.await?;
        }
        Ok(())
    }

    pub(crate) async fn wait_snapshots(
        &self,
        ids: &[String],
        polling: Polling,
        cancel: &Cancel,
    ) -> Result<(), AwsError> {
        let what = format!("snapshots {} in {}", ids.join(", "), self.region);
        let filters = Filters::from([("snapshot-id".to_owned(), ids.to_vec())]);
        wait(&what, polling, COMPLETED, &cancel.stop, || async {
            let found = self.snapshots(&filters).await?;
            if let Some(failed) = found.iter().find(|s| s.state == "error") {
                return Ok(Look::Failed(format!("{}: {}", failed.id, failed.state_message)));
            }
            let done = found.iter().filter(|s| s.state == "completed").count();
            if done == ids.len() {
                return Ok(Look::Ready(()));
            }
            let progress: Vec<&str> = found.iter().map(|s| s.progress.as_str()).collect();
            Ok(Look::Pending(format!("pending ({})", progress.join(", "))))
        })
        .await
    }
}
