//! The flags of `forge publish`.

use std::path::PathBuf;

use clap::Args;

use super::{AttestationArgs, AwsArgs, WhichArgs};

#[derive(Debug, Clone, Args)]
pub(crate) struct PublishArgs {
    #[command(flatten)]
    pub which: WhichArgs,
    /// File forge-record.json, or a folder that holds some; may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    pub record: Vec<PathBuf>,
    /// Such as v1.2.3
    #[arg(long, value_name = "VERSION")]
    pub version: String,
    /// Repository of container images, without a tag; may be repeated [default: where the image was pushed]
    #[arg(long, value_name = "NAME")]
    pub repository: Vec<String>,
    /// Region of machine images; may be repeated [default: where the image is]
    #[arg(long, value_name = "REGION")]
    pub region: Vec<String>,
    /// Versions that exist besides those that registries and accounts have, such as tags of the repository
    #[arg(long, value_name = "VERSION,...", value_delimiter = ',')]
    pub beside: Vec<String>,
    /// Give the version to this image although another one has it
    #[arg(long)]
    pub force: bool,
    /// Say what would be done
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub attestation: AttestationArgs,
    #[command(flatten)]
    pub aws: AwsArgs,
}
