//! Inputs of the action, checked against `action.yml`, the one place that declares them.
//!
//! The runner hands each input over as `INPUT_NAME`, blanks as `_`, upper-cased; one that is not given arrives as an
//! empty text. It checks nothing: an unknown input would leave the one that was meant at its default.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::cli::{AwsArgs, age};
use crate::client::github::Identity;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::report::github::CommentMode;

const ACTION: &str = include_str!("../../action.yml");

#[derive(Deserialize)]
struct Action {
    inputs: BTreeMap<String, Declared>,
}

#[derive(Deserialize)]
struct Declared {
    #[serde(default)]
    default: String,
}

/// What the action is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Build,
    /// Builds what a pull request would make, and publishes nothing of it.
    Preview,
    Validate,
    Plan,
    Report,
    /// Gives what was built before the names of a version.
    Publish,
    /// Removes previews: those of the pull request, else those that are over.
    Sweep,
}

/// The inputs, with defaults filled in. Paths are as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inputs {
    /// Nothing where the event decides.
    pub command: Option<Command>,
    pub template: Option<PathBuf>,
    pub working_directory: PathBuf,
    /// `name=value` each.
    pub vars: Vec<String>,
    pub var_files: Vec<PathBuf>,
    pub only: Vec<String>,
    pub except: Vec<String>,
    /// 0 is no limit.
    pub parallel_builds: i64,
    /// One of `cleanup`, `abort`, `run-cleanup-provisioner`.
    pub on_error: String,
    pub force: bool,
    /// Look at what is in each image.
    pub inventory: bool,
    pub skip_unchanged: bool,
    pub summary: bool,
    pub check_run: bool,
    pub pr_comment: CommentMode,
    /// Who reports on GitHub; nothing when no token was given.
    pub identity: Option<Identity>,
    /// A commit of others that a maintainer has read.
    pub trusted_head: Option<String>,
    /// The entry of a matrix that this job is, by its `id`.
    pub entry: Option<Entry>,
    /// Number of this job in a matrix that has several.
    pub cell: Option<u64>,
    /// How many jobs the matrix has that this job is of.
    pub jobs: u64,
    /// The entries of the whole matrix, as JSON.
    pub expect: Option<String>,
    /// For `report`, whether jobs of the workflow were cancelled.
    pub cancelled: bool,
    /// Where records are, instead of artifacts.
    pub records: Vec<PathBuf>,
    /// For `publish`, where no tag is the event's.
    pub version: Option<String>,
    /// For `publish`, further files for the release.
    pub assets: Vec<PathBuf>,
    pub config: Option<PathBuf>,
    /// Names of images in `config`; none for all of them.
    pub images: Vec<String>,
    /// For `plan`, builds in an entry of the matrix.
    pub group: Option<usize>,
    /// Whether previews go to registries, under their own names.
    pub preview_push: bool,
    /// How long a preview is kept that nobody removes.
    pub preview_keep: Duration,
    pub baseline: BaselineFrom,
    pub aws: AwsArgs,
}

/// What a preview is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BaselineFrom {
    /// The last record of the base branch.
    Branch,
    File(PathBuf),
    Nothing,
}

/// An entry of the matrix that the command `plan` made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Entry {
    pub id: String,
    pub image: Option<String>,
    pub template: Option<String>,
    pub only: String,
}

impl Inputs {
    /// Reads the inputs; all mistakes are collected.
    pub(crate) fn read(environment: &[(String, String)], diagnostics: &mut Diagnostics) -> Option<Self> {
        let declared: Action = match serde_yaml::from_str(ACTION) {
            Ok(declared) => declared,
            Err(error) => {
                diagnostics.push(Diagnostic::error("action.yml is damaged").detail(error.to_string()));
                return None;
            }
        };
        let errors = diagnostics.error_count();
        let known = declared.inputs.keys().map(String::as_str);
        let mut given = BTreeMap::new();
        for (name, text) in environment {
            let Some(name) = name.strip_prefix("INPUT_").map(str::to_lowercase) else { continue };
            if declared.inputs.contains_key(&name) {
                given.insert(name, text.clone());
            } else {
                let diagnostic = Diagnostic::error(format!("the action has no input \"{name}\""));
                diagnostics.push(diagnostic.suggest(&name, known.clone()));
            }
        }
        let mut reader = Reader { declared: &declared.inputs, given, diagnostics };
        let inputs = Self {
            command: reader.command(),
            template: reader.given("template").map(PathBuf::from),
            working_directory: reader.text("working-directory").into(),
            vars: reader.vars(),
            var_files: reader.lines("var-files", false).into_iter().map(PathBuf::from).collect(),
            only: reader.lines("only", true),
            except: reader.lines("except", true),
            parallel_builds: reader.count("parallel-builds"),
            on_error: reader.on_error(),
            force: reader.flag("force"),
            inventory: reader.flag("inventory"),
            skip_unchanged: reader.flag("skip-unchanged"),
            summary: reader.flag("summary"),
            check_run: reader.flag("check-run"),
            pr_comment: reader.comment(),
            identity: reader.identity(),
            trusted_head: reader.given("trusted-head"),
            entry: reader.entry(),
            cell: reader.cell().filter(|(_, total)| *total > 1).map(|(index, _)| index),
            jobs: reader.cell().map_or(1, |(_, total)| total),
            expect: reader.given("expect"),
            cancelled: reader.flag("cancelled"),
            records: reader.lines("records", false).into_iter().map(PathBuf::from).collect(),
            version: reader.given("version"),
            assets: reader.lines("assets", false).into_iter().map(PathBuf::from).collect(),
            config: reader.given("config").map(PathBuf::from),
            images: reader.lines("image", true),
            group: Some(reader.count("group")).and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0),
            preview_push: reader.flag("preview-push"),
            preview_keep: reader.age("preview-keep"),
            baseline: match reader.given("baseline").as_deref() {
                None => BaselineFrom::Branch,
                Some("off") => BaselineFrom::Nothing,
                Some(path) => BaselineFrom::File(path.into()),
            },
            aws: reader.aws(),
        };
        (diagnostics.error_count() == errors).then_some(inputs)
    }
}

struct Reader<'a> {
    declared: &'a BTreeMap<String, Declared>,
    given: BTreeMap<String, String>,
    diagnostics: &'a mut Diagnostics,
}

impl Reader<'_> {
    /// What is given, else the declared default.
    fn text(&self, name: &str) -> String {
        let given = self.given.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
        // Defaults that are expressions are the runner's: without it there is none.
        let default = self.declared.get(name).map(|input| input.default.as_str()).filter(|text| !text.contains("${{"));
        given.or(default).unwrap_or_default().to_owned()
    }

    fn given(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    fn wrong(&mut self, name: &str, text: &str, expected: &str) {
        let diagnostic = Diagnostic::error(format!("input \"{name}\" is {text:?}"));
        self.diagnostics.push(diagnostic.detail(format!("{expected} is expected")));
    }

    fn one_of(&mut self, name: &str, choices: &[&str]) -> String {
        let text = self.text(name);
        if !choices.contains(&text.as_str()) {
            let expected = format!("one of {}", choices.join(", "));
            let diagnostic = Diagnostic::error(format!("input \"{name}\" is {text:?}"));
            self.diagnostics.push(diagnostic.detail(expected + " is expected").suggest(&text, choices.iter().copied()));
        }
        text
    }

    fn command(&mut self) -> Option<Command> {
        if self.text("command").is_empty() {
            return None;
        }
        let commands = ["build", "preview", "validate", "plan", "report", "publish", "sweep"];
        Some(match self.one_of("command", &commands).as_str() {
            "preview" => Command::Preview,
            "sweep" => Command::Sweep,
            "validate" => Command::Validate,
            "plan" => Command::Plan,
            "report" => Command::Report,
            "publish" => Command::Publish,
            _ => Command::Build,
        })
    }

    /// In a job of a matrix one comment for all of it is written by the job that joins their records.
    fn comment(&mut self) -> CommentMode {
        match self.text("pr-comment").as_str() {
            "" if self.given("entry").is_some() => CommentMode::Off,
            "" => CommentMode::Update,
            _ => match self.one_of("pr-comment", &["update", "recreate", "append", "off"]).as_str() {
                "recreate" => CommentMode::Recreate,
                "append" => CommentMode::Append,
                "off" => CommentMode::Off,
                _ => CommentMode::Update,
            },
        }
    }

    /// An App goes before a token.
    fn identity(&mut self) -> Option<Identity> {
        let token = self.given("github-token").map(Identity::Token);
        match (self.given("github-app-id"), self.given("github-app-key")) {
            (None, None) => token,
            (Some(id), Some(key)) => match id.parse() {
                Ok(id) => Some(Identity::App { id, key }),
                Err(_) => {
                    self.wrong("github-app-id", &id, "the number of a GitHub App");
                    None
                }
            },
            (Some(_), None) | (None, Some(_)) => {
                let diagnostic = Diagnostic::error("inputs \"github-app-id\" and \"github-app-key\" go together");
                self.diagnostics.push(diagnostic.detail("only one of them is given"));
                None
            }
        }
    }

    fn cell(&self) -> Option<(u64, u64)> {
        super::cell::place(&self.given("cell")?)
    }

    fn entry(&mut self) -> Option<Entry> {
        let text = self.given("entry")?;
        match serde_json::from_str::<Entry>(&text) {
            Ok(entry) if !entry.id.is_empty() => Some(entry),
            _ => {
                let diagnostic = Diagnostic::error("input \"entry\" is no entry of a matrix that forge made");
                self.diagnostics.push(diagnostic.help("write entry: ${{ toJSON(matrix) }}"));
                None
            }
        }
    }

    fn on_error(&mut self) -> String {
        match self.text("on-error").as_str() {
            "" => "cleanup".to_owned(),
            // There is nobody to be asked.
            _ => self.one_of("on-error", &["cleanup", "abort", "run-cleanup-provisioner"]),
        }
    }

    /// The spellings of YAML 1.2, as GitHub's own toolkit takes them.
    fn flag(&mut self, name: &str) -> bool {
        match self.text(name).as_str() {
            "true" | "True" | "TRUE" => true,
            "false" | "False" | "FALSE" => false,
            other => {
                self.wrong(name, other, "true or false");
                false
            }
        }
    }

    /// A length of time, in days too.
    fn age(&mut self, name: &str) -> Duration {
        let text = self.text(name);
        age(&text).unwrap_or_else(|| {
            self.wrong(name, &text, "a length of time such as 14d or 36h");
            Duration::ZERO
        })
    }

    fn count(&mut self, name: &str) -> i64 {
        let text = self.text(name);
        match text.as_str() {
            "" => 0,
            digits => digits.parse().ok().filter(|count| *count >= 0).unwrap_or_else(|| {
                self.wrong(name, digits, "a whole number, 0 for no limit,");
                0
            }),
        }
    }

    fn aws(&mut self) -> AwsArgs {
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        let duration = given(self.text("aws-session-duration"));
        let seconds = duration.as_ref().and_then(|text| text.parse().ok()).filter(|s| (900..=43_200).contains(s));
        if let (Some(text), None) = (&duration, seconds) {
            self.wrong("aws-session-duration", text, "a whole number of seconds from 900 to 43200");
        }
        AwsArgs {
            aws_role: given(self.text("aws-role")),
            aws_region: given(self.text("aws-region")),
            aws_session_duration: seconds,
        }
    }

    /// One entry a line, or also several separated by commas; blank ones do not count.
    fn lines(&self, name: &str, commas: bool) -> Vec<String> {
        let text = self.text(name);
        let entries = text.split(|c| c == '\n' || (commas && c == ','));
        entries.map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
    }

    /// Blanks before the name do not count; the value is taken as it is.
    fn vars(&mut self) -> Vec<String> {
        let text = self.given.get("vars").cloned().unwrap_or_default();
        let mut vars = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            match line.split_once('=') {
                Some((name, _)) if !name.trim().is_empty() => vars.push(line.trim_start().to_owned()),
                // The line is not shown: it may be a piece of a secret.
                _ => {
                    let diagnostic = Diagnostic::error(format!("line {} of input \"vars\" has no \"=\"", number + 1));
                    self.diagnostics.push(diagnostic.help("write one variable a line, as name=value"));
                }
            }
        }
        vars
    }
}

#[cfg(test)]
mod tests;
