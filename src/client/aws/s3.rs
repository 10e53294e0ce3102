//! S3, as far as images pass through it: one file up, objects gone again.

use std::path::Path;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier, ServerSideEncryption};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::error::AwsError;
use super::without_quota;
use crate::run::cancel::Cancel;
use crate::run::journal::JournalError;

/// Bytes of a part, unless the file would have more parts than S3 takes.
const PART: u64 = 8 << 20;
const PARTS: u64 = 10_000;
/// Parts under way at a time. Each is read from the file as it is sent.
const AT_A_TIME: usize = 4;

pub(crate) struct S3 {
    client: Client,
    region: String,
}

/// Where an object is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Object<'a> {
    pub bucket: &'a str,
    pub key: &'a str,
}

/// How S3 encrypts an object; empty for the bucket's own way.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Encryption<'a> {
    /// `AES256` or `aws:kms`.
    pub kind: &'a str,
    pub key: &'a str,
}

/// A file on its way to S3.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Upload<'a> {
    pub object: Object<'a>,
    pub path: &'a Path,
    pub encryption: Encryption<'a>,
    /// Tags of the object, for whoever may tag; without that right it goes without.
    pub tags: &'a [(&'a str, &'a str)],
}

impl S3 {
    pub(super) fn new(config: &SdkConfig, region: &str) -> Self {
        let settings = aws_sdk_s3::config::Builder::from(config).retry_partition(without_quota());
        Self { client: Client::from_conf(settings.build()), region: region.to_owned() }
    }

    fn answer<T, E>(&self, call: &'static str, answer: Result<T, SdkError<E, HttpResponse>>) -> Result<T, AwsError>
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        answer.map_err(|error| AwsError::of(call, &self.region, &error))
    }

    /// Uploads a file in parts, several at a time. `moved` is told the bytes of every part that arrived; `whole` is
    /// called before the parts become the object. What a stop leaves is for [`Self::abort_uploads`].
    pub(crate) async fn put_file(
        &self,
        upload: &Upload<'_>,
        cancel: &Cancel,
        mut moved: impl FnMut(u64),
        whole: impl FnOnce() -> Result<(), JournalError>,
    ) -> Result<(), AwsError> {
        let Upload { object, path, encryption, tags } = *upload;
        let unreadable = |error: &dyn std::fmt::Display| AwsError::Unexpected(format!("{}: {error}", path.display()));
        let size = tokio::fs::metadata(path).await.map_err(|error| unreadable(&error))?.len();
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(object.bucket)
            .key(object.key)
            .set_server_side_encryption(
                super::ec2::text(encryption.kind).map(|k| ServerSideEncryption::from(k.as_str())),
            )
            .set_ssekms_key_id(super::ec2::text(encryption.key));
        // The header is a query; our keys have colons.
        let tags: Vec<String> =
            tags.iter().map(|(key, value)| format!("{}={value}", key.replace(':', "%3A"))).collect();
        let tagged = begun.clone().set_tagging(super::ec2::text(&tags.join("&")));
        let begun = match self.answer("CreateMultipartUpload", tagged.send().await) {
            Err(error) if error.is(&["AccessDenied"]) => self.answer("CreateMultipartUpload", begun.send().await)?,
            done => done?,
        };
        let upload = begun.upload_id.unwrap_or_default();
        let upload = upload.as_str();
        let part = PART.max(size.div_ceil(PARTS));
        // An empty file is one empty part.
        let count = size.div_ceil(part).max(1);
        let parts = (0..count).map(|number| {
            let offset = number * part;
            let length = part.min(size - offset);
            async move {
                let source = ByteStream::read_from().path(path).offset(offset).length(Length::Exact(length));
                let body = source.build().await.map_err(|error| unreadable(&error))?;
                let number = i32::try_from(number + 1).unwrap_or(i32::MAX);
                let request = self.client.upload_part().bucket(object.bucket).key(object.key);
                let request = request.upload_id(upload).part_number(number).body(body);
                let done = self.answer("UploadPart", request.send().await)?;
                let mut done_part = CompletedPart::builder().part_number(number).set_e_tag(done.e_tag);
                done_part = done_part.set_checksum_crc32(done.checksum_crc32);
                Ok::<_, AwsError>((done_part.build(), length))
            }
        });
        let mut under_way = futures_util::stream::iter(parts).buffered(AT_A_TIME);
        let mut done = Vec::new();
        while let Some((part, length)) = cancel.unless_stopped(under_way.try_next()).await?? {
            done.push(part);
            moved(length);
        }
        whole()?;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(done)).build();
        let request = self.client.complete_multipart_upload().bucket(object.bucket).key(object.key);
        let request = request.upload_id(upload).multipart_upload(parts);
        self.answer("CompleteMultipartUpload", request.send().await).map(drop)
    }

    /// Takes all tags off an object.
    pub(crate) async fn untag(&self, object: Object<'_>) -> Result<(), AwsError> {
        let request = self.client.delete_object_tagging().bucket(object.bucket).key(object.key);
        self.answer("DeleteObjectTagging", request.send().await).map(drop)
    }

    /// Removes an object. Whether there was one.
    pub(crate) async fn delete(&self, object: Object<'_>) -> Result<bool, AwsError> {
        let request = self.client.head_object().bucket(object.bucket).key(object.key);
        match self.answer("HeadObject", request.send().await) {
            Ok(_) => {
                let request = self.client.delete_object().bucket(object.bucket).key(object.key);
                self.answer("DeleteObject", request.send().await).map(|_| true)
            }
            Err(error) if error.is(&["NotFound", "NoSuchKey", "NoSuchBucket"]) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Keys of a page of all objects, and where the next page begins.
    pub(super) async fn keys(
        &self,
        bucket: &str,
        next: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), AwsError> {
        let request = self.client.list_objects_v2().bucket(bucket).set_continuation_token(next);
        let page = self.answer("ListObjectsV2", request.send().await)?;
        let keys = page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key);
        Ok((keys.collect(), page.next_continuation_token))
    }

    /// The value of a tag of an object; nothing where it has none, or is gone.
    pub(super) async fn tag(&self, object: Object<'_>, tag: &str) -> Result<Option<String>, AwsError> {
        let request = self.client.get_object_tagging().bucket(object.bucket).key(object.key);
        match self.answer("GetObjectTagging", request.send().await) {
            Ok(found) => Ok(found.tag_set.into_iter().find(|found| found.key == tag).map(|found| found.value)),
            Err(error) if error.is(&["NoSuchKey"]) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether there is an object whose key begins with `prefix`.
    pub(crate) async fn has(&self, bucket: &str, prefix: &str) -> Result<bool, AwsError> {
        let request = self.client.list_objects_v2().bucket(bucket).prefix(prefix).max_keys(1);
        let listed = self.answer("ListObjectsV2", request.send().await)?;
        Ok(listed.contents.is_some_and(|found| !found.is_empty()))
    }

    /// Ends the uploads of an object that never came to an end. Whether there were any.
    pub(crate) async fn abort_uploads(&self, object: Object<'_>) -> Result<bool, AwsError> {
        let request = self.client.list_multipart_uploads().bucket(object.bucket).prefix(object.key);
        let listed = match self.answer("ListMultipartUploads", request.send().await) {
            Ok(listed) => listed,
            Err(error) if error.is(&["NoSuchBucket"]) => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut found = false;
        for upload in listed.uploads.unwrap_or_default() {
            // Others' keys may begin like ours.
            let (Some(key), Some(id)) = (upload.key, upload.upload_id) else { continue };
            if key != object.key {
                continue;
            }
            let request = self.client.abort_multipart_upload().bucket(object.bucket).key(key).upload_id(id);
            self.answer("AbortMultipartUpload", request.send().await)?;
            found = true;
        }
        Ok(found)
    }

    /// Removes all objects whose key begins with `prefix`. Whether there were any.
    pub(crate) async fn delete_all(&self, bucket: &str, prefix: &str) -> Result<bool, AwsError> {
        let mut found = false;
        loop {
            let request = self.client.list_objects_v2().bucket(bucket).prefix(prefix);
            let listed = match self.answer("ListObjectsV2", request.send().await) {
                Ok(listed) => listed.contents.unwrap_or_default(),
                Err(error) if error.is(&["NoSuchBucket"]) => return Ok(found),
                Err(error) => return Err(error),
            };
            let keys = listed.into_iter().filter_map(|object| object.key);
            let named: Vec<ObjectIdentifier> =
                keys.filter_map(|key| ObjectIdentifier::builder().key(key).build().ok()).collect();
            if named.is_empty() {
                return Ok(found);
            }
            found = true;
            let delete = Delete::builder().set_objects(Some(named)).quiet(true).build();
            let delete = delete.map_err(|error| AwsError::Unexpected(error.to_string()))?;
            let request = self.client.delete_objects().bucket(bucket).delete(delete);
            let done = self.answer("DeleteObjects", request.send().await)?;
            if let Some(error) = done.errors.unwrap_or_default().into_iter().next() {
                let (key, said) = (error.key.unwrap_or_default(), error.message.unwrap_or_default());
                return Err(AwsError::Unexpected(format!("s3://{bucket}/{key} could not be removed: {said}")));
            }
        }
    }
}
