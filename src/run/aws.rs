//! Things in AWS as the journal names them: found again by a name or tag that was known before they were created.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Tag whose value is the run's id, on everything that can carry tags while it belongs to a run.
pub(crate) const RUN_TAG: &str = "forge:run";
/// Tag of an image whose value is the digest over everything that decided it; it stays.
pub(crate) const INPUTS_TAG: &str = "forge:inputs";
/// Tag whose value is unique to one created thing, beside [`RUN_TAG`].
pub(crate) const RESOURCE_TAG: &str = "forge:resource";

/// An account and a region as another process reaches them again. Holds no key: a sweep brings its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct AwsReach {
    pub region: String,
    /// Address of the EC2 service, when the template names one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub endpoint: String,
    /// Nobody checks its certificate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub profile: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub credentials_file: String,
    /// The credentials were those of a session that a code of an MFA device began; another process has no such code.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mfa: bool,
    /// Taken on top of the credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<AwsRole>,
    /// Id of the account that the things are in; empty when it was not asked for. Other credentials would not see them,
    /// and take them for gone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Number of the connection that made the things, within this run; 0 for another run's. Two connections may differ
    /// in their keys alone.
    #[serde(skip)]
    pub connection: u32,
}

/// The template's `assume_role` block, as far as the role asks for it before it is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct AwsRole {
    pub arn: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub external_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub session_name: String,
    /// Tags of the session, which its trust policy may demand.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transitive_tag_keys: Vec<String>,
}

/// A created thing. `tag` is the value of [`RESOURCE_TAG`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum AwsThing {
    /// By its id once it has one. Released when it is terminated, not when it is told to. All volumes with this tag go
    /// with it: those that stay have lost it.
    Instance {
        tag: String,
        #[serde(default)]
        id: String,
    },
    /// By its id once it has one, before by `tag`; by `name` only where key pairs cannot be tagged when they are
    /// created, and only a name that we made up.
    KeyPair {
        name: String,
        #[serde(default)]
        tag: String,
        #[serde(default)]
        id: String,
    },
    /// By its id once it has one, before by a name that we made up.
    SecurityGroup {
        name: String,
        #[serde(default)]
        id: String,
    },
    /// An instance profile with the role and the inline policy of the same name.
    InstanceProfile {
        name: String,
    },
    LaunchTemplate {
        name: String,
    },
    Volume {
        tag: String,
    },
    Snapshot {
        tag: String,
    },
    /// One that is about to lose our tags, since it stays when all goes well.
    VolumeId {
        id: String,
    },
    /// As above.
    SnapshotId {
        id: String,
    },
    /// Snapshots of an image that another one takes the place of. They go once that image is gone.
    Replaced {
        image: String,
        snapshots: Vec<String>,
    },
    /// With its snapshots, but for the `foreign` ones, which were there before. By `tag`; only where images cannot be tagged when they are created, by `name`, by not being
    /// older than `since` (as EC2 writes times), and by what it is made of: the id of an instance, an image or a snapshot,
    /// or the place of a manifest in S3.
    Image {
        tag: String,
        name: String,
        #[serde(default)]
        since: String,
        #[serde(default)]
        source: String,
        #[serde(default)]
        foreign: Vec<String>,
    },
    /// An image by its id, with its snapshots. One that may not be ready yet has its `source`, as above, and one that is
    /// ready the ids of its snapshots: not all of them tell whose they are once the image is gone.
    ImageId {
        id: String,
        #[serde(default)]
        source: String,
        #[serde(default)]
        snapshots: Vec<String>,
        #[serde(default)]
        foreign: Vec<String>,
    },
    S3Object {
        bucket: String,
        key: String,
    },
    /// Parts of an object that is not whole yet. What was there under its key before stays.
    S3Upload {
        bucket: String,
        key: String,
    },
    /// All objects whose key begins so.
    S3Objects {
        bucket: String,
        prefix: String,
    },
    /// An import task, with the image that came of it.
    Import {
        tag: String,
    },
    /// A session of Session Manager, by its id once it has one, before by what it was started for.
    Session {
        reason: String,
        #[serde(default)]
        id: String,
    },
}

impl AwsThing {
    /// What the console says when its release begins, in the peer's words where it has some.
    pub(crate) fn farewell(&self) -> Option<&'static str> {
        Some(match self {
            Self::Instance { .. } => "Terminating the source AWS instance...",
            Self::KeyPair { .. } => "Deleting temporary keypair...",
            Self::SecurityGroup { .. } => "Deleting temporary security group...",
            Self::InstanceProfile { .. } => "Deleting temporary instance profile...",
            Self::LaunchTemplate { .. } => "Deleting launch template...",
            Self::Image { .. } | Self::ImageId { .. } => {
                "Deregistering an AMI that does not stay, with its snapshots..."
            }
            Self::Volume { .. }
            | Self::VolumeId { .. }
            | Self::Snapshot { .. }
            | Self::SnapshotId { .. }
            | Self::Replaced { .. }
            | Self::S3Object { .. }
            | Self::S3Objects { .. }
            | Self::S3Upload { .. }
            | Self::Import { .. }
            | Self::Session { .. } => return None,
        })
    }
}

impl std::fmt::Display for AwsThing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Instance { tag, id } => write!(f, "instance {}", if id.is_empty() { tag } else { id }),
            Self::KeyPair { name, .. } => write!(f, "key pair {name}"),
            Self::SecurityGroup { name, .. } => write!(f, "security group {name}"),
            Self::InstanceProfile { name } => write!(f, "instance profile and role {name}"),
            Self::LaunchTemplate { name } => write!(f, "launch template {name}"),
            Self::Volume { tag } => write!(f, "volume {tag}"),
            Self::Snapshot { tag } => write!(f, "snapshot {tag}"),
            Self::VolumeId { id } => write!(f, "volume {id}"),
            Self::SnapshotId { id } => write!(f, "snapshot {id}"),
            Self::Replaced { image, snapshots } => write!(f, "snapshots of {image}: {}", snapshots.join(", ")),
            Self::Image { name, .. } => write!(f, "image {name:?}"),
            Self::ImageId { id, .. } => write!(f, "image {id}"),
            Self::S3Object { bucket, key } => write!(f, "object s3://{bucket}/{key}"),
            Self::S3Upload { bucket, key } => write!(f, "upload to s3://{bucket}/{key}"),
            Self::S3Objects { bucket, prefix } => write!(f, "objects s3://{bucket}/{prefix}*"),
            Self::Import { tag } => write!(f, "import task {tag}"),
            Self::Session { reason, id } => write!(f, "session {}", if id.is_empty() { reason } else { id }),
        }
    }
}
