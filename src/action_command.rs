//! `forge action`: inputs become a run, the run becomes outputs and a job summary.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::action::{Inputs, OutputFile, Task};
use crate::app::{self, Process};
use crate::cli::{BuildArgs, OnErrorArg, TemplateArgs};
use crate::client::Services;
use crate::diagnostic::Style;
use crate::engine::Tally;
use crate::exit_code::ExitCode;
use crate::front::{Asked, Front};
use crate::report::{self, RunView};
use crate::run::artifact::Artifact;
use crate::run::event::BuildTitle;
use crate::secret::Redactor;
use crate::workflow_command;

/// Runs the action and yields the exit code of its step.
pub(crate) async fn run(process: &Process, redactor: &Redactor) -> ExitCode {
    let mut done = Done::default();
    let code = act(process, redactor, &mut done).await;
    let result = match code {
        ExitCode::Success => "success",
        _ if done.cancelled => "cancelled",
        _ => "failure",
    };
    match done.publish(result, process) {
        Ok(()) => code,
        Err(error) => {
            fail(&format!("the outputs could not be written, so later steps will not see them: {error}"));
            if code == ExitCode::Success { ExitCode::Failed } else { code }
        }
    }
}

async fn act(process: &Process, redactor: &Redactor, done: &mut Done) -> ExitCode {
    let mut front = Front::empty();
    let Some(inputs) = Inputs::read(&process.environment, &mut front.diagnostics) else {
        front.show(Style::Plain, process, redactor);
        return ExitCode::Failed;
    };
    let process = match moved(process, &inputs.working_directory) {
        Ok(process) => process,
        Err(error) => {
            fail(&format!("input \"working-directory\": {}: {error}", inputs.working_directory.display()));
            return ExitCode::Failed;
        }
    };
    let args = arguments(&inputs);
    let validate = inputs.task == Task::Validate;
    let asked = Asked { warn_undeclared: validate, syntax_only: false, read_data: !validate };
    let services = Services::default();
    if let Err(mistake) = app::take_role(&services, &args.aws, &process, redactor) {
        fail(&mistake);
        return ExitCode::Failed;
    }
    let front = Front::of(services, &args.template, asked, &process, redactor).await;
    if let Some(mistakes) = front.refuse(Style::Plain, &process, redactor) {
        if inputs.summary {
            done.summary = Some(report::mistakes(&mistakes));
        }
        return ExitCode::Failed;
    }
    if validate {
        app::print("The configuration is valid.\n");
        return ExitCode::Success;
    }
    let console = app::console(&args, &process);
    let (tally, view) = app::execute(front, &args, &process, redactor, vec![console]).await;
    done.take(&view, tally, inputs.summary);
    app::exit_code(tally)
}

/// The process in another folder: template, variable files and the options of components are relative to it.
fn moved(process: &Process, folder: &Path) -> std::io::Result<Process> {
    std::env::set_current_dir(process.cwd.join(folder))?;
    Ok(Process { cwd: std::env::current_dir()?, environment: process.environment.clone(), started: process.started })
}

fn arguments(inputs: &Inputs) -> BuildArgs {
    let on_error = match inputs.on_error.as_str() {
        "abort" => OnErrorArg::Abort,
        "run-cleanup-provisioner" => OnErrorArg::RunCleanupProvisioner,
        _ => OnErrorArg::Cleanup,
    };
    BuildArgs {
        template: TemplateArgs {
            template: inputs.template.clone(),
            var: inputs.vars.clone(),
            var_file: inputs.var_files.clone(),
            only: inputs.only.clone(),
            except: inputs.except.clone(),
            ..TemplateArgs::default()
        },
        force: inputs.force,
        on_error,
        parallel_builds: inputs.parallel_builds,
        color: false,
        timestamp_ui: false,
        warn_on_undeclared_var: true,
        machine_readable: false,
        aws: inputs.aws.clone(),
    }
}

fn fail(text: &str) {
    app::print(&(workflow_command::command("error", &[("title", Some("forge".to_owned()))], text) + "\n"));
}

/// An entry of the output `images`.
#[derive(Debug, Serialize)]
struct Image {
    build: String,
    builder: String,
    id: String,
    /// Registry host or region.
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    /// Of the first name that was pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// Digest by pushed name.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    digests: std::collections::BTreeMap<String, String>,
}

/// An entry for each region of the artifact, that of the build first; one for an image that is in none.
fn images(title: &BuildTitle, artifact: &Artifact) -> Vec<Image> {
    let image = |id: &str, location: Option<&String>| Image {
        build: title.name.clone(),
        builder: title.builder.clone(),
        id: id.to_owned(),
        location: location.cloned(),
        tags: artifact.tags.clone(),
        digest: artifact.facts.get("Digest").cloned(),
        digests: artifact.digests.clone(),
    };
    if artifact.regions.is_empty() {
        return vec![image(&artifact.id, artifact.location.as_ref())];
    }
    let own = artifact.facts.get("BuildRegion");
    let mut regions: Vec<(&String, &String)> = artifact.regions.iter().collect();
    regions.sort_by_key(|(region, _)| Some(*region) != own);
    regions.into_iter().map(|(region, id)| image(id, Some(region))).collect()
}

/// What the step tells the runner at its end.
#[derive(Debug, Default)]
struct Done {
    images: Vec<Image>,
    manifest: Option<PathBuf>,
    summary: Option<String>,
    cancelled: bool,
}

impl Done {
    fn take(&mut self, view: &RunView, tally: Tally, summary: bool) {
        self.cancelled = tally.cancelled > 0 || view.cancelled.is_some();
        self.manifest.clone_from(&view.manifest);
        self.summary = summary.then(|| report::summary(view));
        for build in &view.builds {
            for artifact in build.artifacts.iter().filter(|artifact| artifact.is_image) {
                self.images.extend(images(&build.title, artifact));
            }
        }
    }

    /// Writes summary and outputs. A summary that cannot be written is a warning; outputs are what later steps need.
    fn publish(&self, result: &str, process: &Process) -> std::io::Result<()> {
        if let (Some(summary), Some(path)) = (&self.summary, process.var("GITHUB_STEP_SUMMARY"))
            && let Err(error) = OutputFile::new(process.cwd.join(path)).append(summary)
        {
            let text = format!("the job summary could not be written: {error}");
            app::print(&(workflow_command::command("warning", &[], &text) + "\n"));
        }
        let Some(path) = process.var("GITHUB_OUTPUT") else { return Ok(()) };
        let file = OutputFile::new(process.cwd.join(path));
        if let Some(first) = self.images.first() {
            file.set("image-id", &first.id)?;
        }
        file.set("images", &serde_json::to_string(&self.images)?)?;
        if let Some(manifest) = &self.manifest {
            file.set("manifest", &manifest.to_string_lossy())?;
        }
        file.set("result", result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;

    #[test]
    fn nothing_is_lost_on_the_way_from_inputs_to_arguments() {
        let environment: Vec<(String, String)> = [
            ("INPUT_TEMPLATE", "images"),
            ("INPUT_VARS", "a=1"),
            ("INPUT_ON-ERROR", "abort"),
            ("INPUT_EXCEPT", "x"),
            ("INPUT_FORCE", "true"),
            ("INPUT_PARALLEL-BUILDS", "2"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        let inputs = Inputs::read(&environment, &mut Diagnostics::new()).unwrap();
        let args = arguments(&inputs);
        assert_eq!(
            (args.template.template.to_str(), args.template.var.as_slice()),
            (Some("images"), &["a=1".to_owned()][..])
        );
        assert_eq!((args.on_error, args.parallel_builds, args.force), (OnErrorArg::Abort, 2, true));
        assert_eq!(args.template.except, ["x"]);
    }
}
