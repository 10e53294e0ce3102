//! Snapshots of volumes.

use aws_sdk_ec2::types as sdk;

use super::types::{Filters, Snapshot};
use super::{Ec2, convert, removed};
use crate::client::aws::error::AwsError;
use crate::client::aws::retry::USUAL;
use crate::run::cancel::Cancel;

impl Ec2 {
    /// Our own snapshots that match.
    pub(crate) async fn snapshots(&self, filters: &Filters) -> Result<Vec<Snapshot>, AwsError> {
        let request = self.client.describe_snapshots().owner_ids("self").set_filters(convert::filters(filters));
        let found = self.answer("DescribeSnapshots", request.send().await).await?;
        Ok(found.snapshots.unwrap_or_default().into_iter().map(convert::snapshot).collect())
    }

    pub(crate) async fn delete_snapshot(&self, id: &str) -> Result<bool, AwsError> {
        let request = self.client.delete_snapshot().snapshot_id(id);
        removed(self.answer("DeleteSnapshot", request.send().await).await.map(drop))
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
}
