//! The flags of `forge sweep`.

use std::path::PathBuf;

use clap::Args;

use super::AwsArgs;

#[derive(Debug, Clone, Args)]
pub(crate) struct SweepArgs {
    /// Folder with the journals [default: where builds of this user put them]
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// Look in AWS for what carries a run's tag too, whoever made it
    #[arg(long = "aws")]
    pub by_tag: bool,
    /// Regions to look in [default: all that the account can use]
    #[arg(long, value_name = "REGION,...", value_delimiter = ',', requires = "by_tag")]
    pub aws_regions: Vec<String>,
    /// Buckets of S3 to look in as well: those that amazon-import and amazon-instance upload to
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', requires = "by_tag")]
    pub aws_buckets: Vec<String>,
    /// Only what this run made, whatever its age
    #[arg(long, value_name = "ID", requires = "by_tag")]
    pub run: Option<String>,
    /// Leave runs alone that began less than so long ago, since they may still be going [default: 12h]; with --previews,
    /// remove those that are older [default: 14d in registries, what it says itself in AWS]
    #[arg(long, value_name = "DURATION")]
    pub older_than: Option<String>,
    /// Remove the previews of this pull request, and nothing else
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["previews", "run", "older_than"])]
    pub pull_request: Option<u64>,
    /// Remove previews whose time is over, and nothing else
    #[arg(long, conflicts_with = "run")]
    pub previews: bool,
    /// Repository on GitHub whose previews are meant, as owner/name [default: GITHUB_REPOSITORY]
    #[arg(long, value_name = "OWNER/NAME")]
    pub repository: Option<String>,
    /// With --previews, remove those of every repository on GitHub
    #[arg(long, requires = "previews", conflicts_with = "repository")]
    pub all_repositories: bool,
    /// Repositories of registries to look in [default: those that the templates push to]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub registry: Vec<String>,
    /// Template that tells them [default: the images of .github/forge.yml if there is one, else .]
    #[arg(long, value_name = "PATH")]
    pub template: Option<PathBuf>,
    #[command(flatten)]
    pub aws: AwsArgs,
}
