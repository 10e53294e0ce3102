//! The flags of `forge publish`.

use std::path::PathBuf;

use clap::Args;

use super::{AttestationArgs, AwsArgs};

#[derive(Debug, Clone, Args)]
pub(crate) struct PublishArgs {
    /// A template whose builds are meant [default: the images of .github/forge.yml if there is one, else all recorded]
    #[arg(conflicts_with_all = ["config", "image"])]
    pub template: Option<PathBuf>,
    /// File with the images of the repository
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Only these images of the file
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub image: Vec<String>,
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
    /// Value of a variable; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub var: Vec<String>,
    /// File with values of variables (.hcl or .json); may be repeated
    #[arg(long, value_name = "FILE")]
    pub var_file: Vec<PathBuf>,
    #[command(flatten)]
    pub attestation: AttestationArgs,
    #[command(flatten)]
    pub aws: AwsArgs,
}
