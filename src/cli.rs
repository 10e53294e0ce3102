//! The command line: clap types, and the peer's habits on top: one dash or two, `-flag=false`, comma lists.

mod attestation;
mod publish;
mod sweep;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use sweep::SweepArgs;

use crate::engine::OnError;
use crate::eval::duration;
pub(crate) use attestation::AttestationArgs;
pub(crate) use publish::PublishArgs;

/// Machine images from unmodified Packer templates.
#[derive(Debug, Parser)]
#[command(name = "forge", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build images from a template
    Build(BuildArgs),
    /// Check a template without building anything
    Validate(ValidateArgs),
    /// Show what would be built, of one template or of all images of .github/forge.yml
    Plan(PlanArgs),
    /// Tell which built-in serves each plugin that a template requires
    Init(InitArgs),
    /// Show what a template holds
    Inspect(InspectArgs),
    /// Try expressions, with a template's variables and locals
    Console(ConsoleArgs),
    /// Write template files in canonical layout
    Fmt(FmtArgs),
    /// Replace what is out of date in a template of the old JSON format
    Fix(FixArgs),
    /// Write a template of the old JSON format in HCL
    #[command(name = "hcl2_upgrade")]
    Hcl2Upgrade(UpgradeArgs),
    /// Release what earlier runs left behind
    Sweep(SweepArgs),
    /// Give recorded images the names of a version
    Publish(PublishArgs),
    /// Join the records of several runs
    Report(ReportArgs),
    /// Run as a step of a GitHub workflow (the entry point of action.yml)
    Action,
    /// Print the version
    Version,
}

/// Which role of AWS a GitHub workflow takes by its identity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct AwsArgs {
    /// ARN of the role to take by the workflow's identity (OIDC), where a template names no credentials
    #[arg(long, value_name = "ARN")]
    pub aws_role: Option<String>,
    /// Region of builds whose source block names none
    #[arg(long, value_name = "REGION")]
    pub aws_region: Option<String>,
    /// How long the role's credentials last before they are renewed [default: as long as the role allows by itself]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i32).range(900..=43_200))]
    pub aws_session_duration: Option<i32>,
}

/// What every command that reads a template takes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TemplateArgs {
    /// A .pkr.hcl file or a folder that holds some
    #[arg(default_value = ".")]
    pub template: PathBuf,
    /// Value of a variable; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub var: Vec<String>,
    /// File with values of variables (.hcl or .json); may be repeated
    #[arg(long, value_name = "FILE")]
    pub var_file: Vec<PathBuf>,
    /// Only builds whose name matches one of the globs
    #[arg(long, value_name = "GLOB,...", value_delimiter = ',')]
    pub only: Vec<String>,
    /// No builds, and no post-processors, whose name matches one of the globs
    #[arg(long, value_name = "GLOB,...", value_delimiter = ',')]
    pub except: Vec<String>,
    #[command(flatten)]
    pub peer: PeerArgs,
}

/// Flags of the peer that change nothing here: there are no plugins, no registry of the vendor, and the order of
/// evaluation shows nowhere.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PeerArgs {
    #[arg(long, hide = true, value_parser = ["hcl2"])]
    config_type: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    use_sequential_evaluation: Option<bool>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    ignore_prerelease_plugins: Option<bool>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    skip_enforcement: Option<bool>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub template: TemplateArgs,
    /// Overwrite what is in the way
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set)]
    pub force: bool,
    /// What happens to the machine when its build fails
    #[arg(long, value_enum, default_value = "cleanup")]
    pub on_error: OnErrorArg,
    /// Builds at the same time; 0 means all of them
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub parallel_builds: i64,
    /// Colours
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", action = clap::ArgAction::Set)]
    pub color: bool,
    /// Put the time before each line
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set)]
    pub timestamp_ui: bool,
    /// Warn of values for variables that the template does not declare
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set)]
    pub warn_on_undeclared_var: bool,
    /// Comma-separated lines for programs
    #[arg(long)]
    pub machine_readable: bool,
    /// Build what the pull request of this number would make, and publish nothing of it
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub preview: Option<u64>,
    /// Look at what is in each image and tell it [default: only for -sbom]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub inventory: Option<bool>,
    /// Write what is in each image to a file in that folder (CycloneDX)
    #[arg(long, value_name = "FOLDER")]
    pub sbom: Option<PathBuf>,
    /// Do not run builds whose image is there already, made of the same inputs
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set)]
    pub skip_unchanged: bool,
    /// Record of an earlier run, for images that do not say what they were made of, and to say what has changed
    #[arg(long, value_name = "FILE", requires = "skip_unchanged")]
    pub baseline: Option<PathBuf>,
    #[command(flatten)]
    pub aws: AwsArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ValidateArgs {
    #[command(flatten)]
    pub template: TemplateArgs,
    /// Check blocks and variables only, not the options of components
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set)]
    pub syntax_only: bool,
    /// Do not warn of values for variables that the template does not declare
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set)]
    pub no_warn_undeclared_var: bool,
    /// Print everything found as one JSON document
    #[arg(long)]
    pub json: bool,
    /// Read data sources instead of taking their outputs for unknown
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set)]
    pub evaluate_datasources: bool,
}

/// Which templates a command is about, and what their variables are set to.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct WhichArgs {
    /// A .pkr.hcl file or a folder that holds some [default: the images of .github/forge.yml if there is one]
    #[arg(conflicts_with_all = ["config", "image"])]
    pub template: Option<PathBuf>,
    /// File with the images of the repository
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Only these images of the file
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub image: Vec<String>,
    /// Value of a variable; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub var: Vec<String>,
    /// File with values of variables (.hcl or .json); may be repeated
    #[arg(long, value_name = "FILE")]
    pub var_file: Vec<PathBuf>,
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub which: WhichArgs,
    /// Print the plan as one JSON document
    #[arg(long, conflicts_with = "matrix")]
    pub json: bool,
    /// Print the matrix of a GitHub job: an entry for each build
    #[arg(long)]
    pub matrix: bool,
    /// List what decides each image
    #[arg(long, conflicts_with_all = ["json", "matrix"])]
    pub explain: bool,
    /// With -explain, say what has changed since the run with this record
    #[arg(long, value_name = "FILE", requires = "explain")]
    pub baseline: Option<PathBuf>,
    /// Up to so many builds of a template in an entry [default: 1, more when there were over 256 entries]
    #[arg(long, value_name = "N", requires = "matrix", value_parser = clap::value_parser!(u16).range(1..))]
    pub group: Option<u16>,
    /// Only builds whose name matches one of the globs; wins over what the file says
    #[arg(long, value_name = "GLOB,...", value_delimiter = ',')]
    pub only: Vec<String>,
    /// No builds, and no post-processors, whose name matches one of the globs; wins over what the file says
    #[arg(long, value_name = "GLOB,...", value_delimiter = ',')]
    pub except: Vec<String>,
    #[command(flatten)]
    pub peer: PeerArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    pub template: TemplateArgs,
    /// The peer's flags to install again and to install newer ones: nothing is ever installed
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    force: Option<bool>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    upgrade: Option<bool>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub template: TemplateArgs,
    /// Comma-separated lines for programs
    #[arg(long)]
    pub machine_readable: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ConsoleArgs {
    /// A .pkr.hcl file or a folder that holds some; without one there are functions only
    pub template: Option<PathBuf>,
    /// Value of a variable; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub var: Vec<String>,
    /// File with values of variables (.hcl or .json); may be repeated
    #[arg(long, value_name = "FILE")]
    pub var_file: Vec<PathBuf>,
    #[command(flatten)]
    pub peer: PeerArgs,
}

impl ConsoleArgs {
    /// What is given for the template at `path`.
    pub(crate) fn variables(&self, path: &std::path::Path) -> TemplateArgs {
        TemplateArgs {
            template: path.to_owned(),
            var: self.var.clone(),
            var_file: self.var_file.clone(),
            ..TemplateArgs::default()
        }
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct FmtArgs {
    /// Files, folders, or - for standard input
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Change nothing; exit with code 3 when a file would change
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set)]
    pub check: bool,
    /// Show what changes
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set)]
    pub diff: bool,
    /// Write the files
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", action = clap::ArgAction::Set)]
    pub write: bool,
    /// Look into sub-folders as well
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set)]
    pub recursive: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct FixArgs {
    /// A JSON template
    pub template: PathBuf,
    /// Check that the fixed template can be read
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", action = clap::ArgAction::Set)]
    pub validate: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct UpgradeArgs {
    /// A JSON template
    pub template: PathBuf,
    /// File to write [default: the template's name with .pkr.hcl appended]
    #[arg(long, value_name = "FILE")]
    pub output_file: Option<PathBuf>,
    /// Explain the parts of the file in comments
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set)]
    pub with_annotations: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ReportArgs {
    /// Files `forge-record.json`, or folders that hold some
    #[arg(required = true)]
    pub records: Vec<PathBuf>,
    /// File with the matrix that `forge plan` printed: builds without a record are told
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// Record to compare the images with, or a folder that holds some
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Print the joined record as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnErrorArg {
    Cleanup,
    Abort,
    Ask,
    RunCleanupProvisioner,
}

impl From<OnErrorArg> for OnError {
    fn from(arg: OnErrorArg) -> Self {
        match arg {
            OnErrorArg::Cleanup => Self::Cleanup,
            OnErrorArg::Abort => Self::Abort,
            OnErrorArg::Ask => Self::Ask,
            OnErrorArg::RunCleanupProvisioner => Self::RunCleanupProvisioner,
        }
    }
}

/// A length of time as templates write it, or a number of days: `36h`, `14d`.
pub(crate) fn age(text: &str) -> Option<Duration> {
    match text.strip_suffix('d').map(str::parse::<u32>) {
        Some(Ok(days)) => Some(Duration::from_secs(u64::from(days) * 24 * 60 * 60)),
        _ => duration::parse(text).ok(),
    }
}

pub(crate) fn version() -> String {
    let peer = crate::template::PEER_VERSION;
    format!("{} (reads templates as Packer {peer})", env!("CARGO_PKG_VERSION"))
}

/// Flags whose value may be the next argument, so that the value is left alone.
const WITH_VALUE: &str = "preview pull-request var var-file only except on-error parallel-builds state config-type output-file config \
                          image group sbom baseline record repository region beside";

/// Rewrites the peer's one-dash flags to clap's two dashes; `-machine-readable` may stand anywhere, as in the peer.
pub(crate) fn normalise(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut result: Vec<OsString> = Vec::new();
    let (mut value_next, mut machine_readable, mut literal) = (false, false, false);
    for (number, arg) in args.into_iter().enumerate() {
        let text = arg.to_string_lossy().into_owned();
        if number == 0 || std::mem::take(&mut value_next) || literal {
            result.push(arg);
            continue;
        }
        literal = text == "--";
        let name = text.trim_start_matches('-');
        let dashes = text.len() - name.len();
        if dashes == 0 || name.is_empty() {
            result.push(arg);
        } else if name == "machine-readable" {
            machine_readable = true;
        } else if name.chars().count() == 1 {
            result.push(arg);
        } else {
            value_next = WITH_VALUE.split(' ').any(|known| known == name);
            result.push(format!("--{name}").into());
        }
    }
    if machine_readable && result.get(1).is_some_and(|command| command == "build" || command == "inspect") {
        result.insert(2, "--machine-readable".into());
    }
    result
}

#[cfg(test)]
mod tests;
