//! Volumes: made, found, attached, removed.

use aws_sdk_ec2::types as sdk;

use super::types::{Filters, NewVolume, Volume};
use super::{Ec2, NOT_FOUND, convert, removed, text};
use crate::client::aws::error::AwsError;
use crate::client::aws::wait::{Look, Pace, Polling, wait};
use crate::run::cancel::Cancel;

/// For each change of a volume's state.
const STATE: Pace = Pace::of_secs(1, 10 * 60);

impl Ec2 {
    pub(crate) async fn volumes(&self, filters: &Filters) -> Result<Vec<Volume>, AwsError> {
        let request = self.client.describe_volumes().set_filters(convert::filters(filters));
        let found = self.answer("DescribeVolumes", request.send().await).await?;
        Ok(found.volumes.unwrap_or_default().into_iter().map(convert::volume).collect())
    }

    pub(crate) async fn volume(&self, id: &str) -> Result<Option<Volume>, AwsError> {
        let request = self.client.describe_volumes().volume_ids(id);
        match self.answer("DescribeVolumes", request.send().await).await {
            Ok(found) => Ok(found.volumes.unwrap_or_default().into_iter().map(convert::volume).next()),
            Err(error) if error.is(&NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a volume and yields its id.
    pub(crate) async fn create_volume(&self, volume: &NewVolume) -> Result<String, AwsError> {
        let disk = &volume.device;
        let request = self
            .client
            .create_volume()
            .client_token(&volume.client_token)
            .availability_zone(&volume.availability_zone)
            .set_snapshot_id(text(&disk.snapshot_id))
            .set_size(disk.volume_size)
            .set_volume_type(text(&disk.volume_type).map(|kind| kind.as_str().into()))
            .set_iops(disk.iops)
            .set_throughput(disk.throughput)
            .set_encrypted(disk.encrypted)
            .set_kms_key_id(text(&disk.kms_key_id))
            .set_tag_specifications(convert::tag_specifications(&[(sdk::ResourceType::Volume, &volume.tags)]));
        let made = self.answer("CreateVolume", request.send().await).await?;
        super::image::given(made.volume_id, "CreateVolume", "volume")
    }

    pub(crate) async fn attach_volume(&self, id: &str, instance: &str, device: &str) -> Result<(), AwsError> {
        let request = self.client.attach_volume().volume_id(id).instance_id(instance).device(device);
        match self.answer("AttachVolume", request.send().await).await {
            // The answer to an earlier try was lost: the volume is our own, and nobody else attaches it.
            Err(error) if error.is(&["VolumeInUse"]) => Ok(()),
            done => done.map(drop),
        }
    }

    pub(crate) async fn detach_volume(&self, id: &str) -> Result<bool, AwsError> {
        let request = self.client.detach_volume().volume_id(id);
        match self.answer("DetachVolume", request.send().await).await {
            // It is attached nowhere.
            Err(error) if error.is(&["IncorrectState"]) => Ok(false),
            done => removed(done.map(drop)),
        }
    }

    pub(crate) async fn delete_volume(&self, id: &str) -> Result<bool, AwsError> {
        let request = self.client.delete_volume().volume_id(id);
        removed(self.answer("DeleteVolume", request.send().await).await.map(drop))
    }

    /// Waits until the volume is attached nowhere.
    pub(crate) async fn wait_free(&self, id: &str, polling: Polling, cancel: &Cancel) -> Result<(), AwsError> {
        self.wait_volume(id, "available", |volume| volume.state == "available", polling, cancel).await
    }

    pub(crate) async fn wait_attached(&self, id: &str, polling: Polling, cancel: &Cancel) -> Result<(), AwsError> {
        self.wait_volume(id, "attached", |volume| volume.attachment == "attached", polling, cancel).await
    }

    async fn wait_volume(
        &self,
        id: &str,
        wanted: &str,
        ready: impl Fn(&Volume) -> bool,
        polling: Polling,
        cancel: &Cancel,
    ) -> Result<(), AwsError> {
        let what = format!("volume {id} in {} to be {wanted}", self.region);
        wait(&what, polling, STATE, &cancel.stop, || async {
            let Some(volume) = self.volume(id).await? else {
                return Ok(Look::Failed("it is gone".to_owned()));
            };
            Ok(match volume.state.as_str() {
                _ if ready(&volume) => Look::Ready(()),
                state @ ("error" | "deleting" | "deleted") => Look::Failed(format!("it is {state}")),
                state => Look::Pending(format!("{state} {}", volume.attachment).trim_end().to_owned()),
            })
        })
        .await
    }
}
