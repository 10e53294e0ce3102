//! Images made of a disk in S3.

use aws_sdk_ec2::types as sdk;

use super::types::{DiskImport, ImportTask};
use super::{Ec2, convert, text};
use crate::client::aws::error::AwsError;
use crate::client::aws::wait::{Look, Pace, Polling, wait};
use crate::run::aws::RESOURCE_TAG;
use crate::run::cancel::Cancel;

/// EC2 reads the disk, converts it and starts it once.
const IMPORTED: Pace = Pace::of_secs(2, 3 * 60 * 60);

impl Ec2 {
    /// Starts an import and yields the task's id. The token makes it repeatable.
    pub(crate) async fn import_image(&self, import: &DiskImport) -> Result<String, AwsError> {
        let bucket = sdk::UserBucket::builder().s3_bucket(&import.bucket).s3_key(&import.key).build();
        let disk = sdk::ImageDiskContainer::builder().format(&import.format).user_bucket(bucket).build();
        let request = self
            .client
            .import_image()
            .client_token(&import.client_token)
            .disk_containers(disk)
            .set_encrypted(import.encrypted.then_some(true))
            .set_kms_key_id(text(&import.kms_key_id))
            .set_architecture(text(&import.architecture))
            .set_boot_mode(text(&import.boot_mode).map(|value| value.as_str().into()))
            .set_platform(text(&import.platform))
            .set_license_type(text(&import.license_type))
            .set_role_name(text(&import.role_name))
            .set_tag_specifications(convert::tag_specifications(&[(sdk::ResourceType::ImportImageTask, &import.tags)]));
        let begun = self.answer("ImportImage", request.send().await).await?;
        super::image::given(begun.import_task_id, "ImportImage", "task")
    }

    pub(crate) async fn import_task(&self, id: &str) -> Result<Option<ImportTask>, AwsError> {
        let request = self.client.describe_import_image_tasks().import_task_ids(id);
        let found = self.answer("DescribeImportImageTasks", request.send().await).await?;
        Ok(found.import_image_tasks.unwrap_or_default().into_iter().map(task).next())
    }

    /// The tasks that carry our tag. EC2 filters them by state only.
    pub(crate) async fn import_tasks(&self, tag: &str) -> Result<Vec<ImportTask>, AwsError> {
        let mut pages = self.client.describe_import_image_tasks().into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = self.answer("DescribeImportImageTasks", page).await?;
            found.extend(page.import_image_tasks.unwrap_or_default().into_iter().map(task));
        }
        found.retain(|task: &ImportTask| task.tags.get(RESOURCE_TAG).is_some_and(|value| value == tag));
        Ok(found)
    }

    pub(crate) async fn cancel_import(&self, id: &str) -> Result<(), AwsError> {
        let request = self.client.cancel_import_task().import_task_id(id).cancel_reason("given up");
        match self.answer("CancelImportTask", request.send().await).await {
            // It ended in the meantime.
            Err(error) if error.is(&["IncorrectState", "InvalidConversionTaskId"]) => Ok(()),
            done => done.map(drop),
        }
    }

    /// Waits until the image is there and yields its id. `tell` hears of every new stage.
    pub(crate) async fn wait_import(
        &self,
        id: &str,
        polling: Polling,
        cancel: &Cancel,
        tell: impl Fn(&str),
    ) -> Result<String, AwsError> {
        let what = format!("the import {id} in {}", self.region);
        let told = std::sync::Mutex::new(String::new());
        wait(&what, polling, IMPORTED, &cancel.stop, || async {
            let Some(task) = self.import_task(id).await? else {
                return Ok(Look::Failed("the task is gone".to_owned()));
            };
            let stage = format!("{} ({}%)", task.message, task.progress);
            if let Ok(mut told) = told.lock()
                && !task.message.is_empty()
                && *told != stage
            {
                tell(&stage);
                told.clone_from(&stage);
            }
            Ok(match task.status.as_str() {
                "completed" => Look::Ready(task.image_id),
                "deleted" | "deleting" => Look::Failed(task.message),
                status => Look::Pending(format!("{status} {stage}")),
            })
        })
        .await
    }
}

fn task(task: sdk::ImportImageTask) -> ImportTask {
    ImportTask {
        id: task.import_task_id.unwrap_or_default(),
        status: task.status.unwrap_or_default(),
        message: task.status_message.unwrap_or_default(),
        progress: task.progress.unwrap_or_default(),
        image_id: task.image_id.unwrap_or_default(),
        tags: convert::tags(task.tags),
    }
}
