//! What the action is to do: the images of `.github/forge.yml` or the template of the inputs, and what the event means
//! for each.

use crate::action::{Command, Inputs, Trigger, Trust};
use crate::app::Process;
use crate::cli::{BuildArgs, OnErrorArg, PlanArgs, TemplateArgs, WhichArgs};
use crate::config::{Do, EventClass};
use crate::front::{Asked, Front};
use crate::plan_command::{Chosen, PlannedImage, choose};
use crate::run::event::BuildTitle;
use crate::secret::Redactor;

/// What is done with a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    Build,
    /// Built, and not published.
    Preview,
    /// Previews of it are removed.
    Sweep,
    Validate,
    Plan,
    /// What was built before gets the names of a version.
    Publish,
}

/// One template and what is done with it.
pub(super) struct Job {
    pub chosen: Chosen,
    pub task: Task,
    /// Nothing of the template's own is run, and nothing that needs a secret.
    pub untrusted: bool,
}

impl Job {
    pub(super) fn asked(&self) -> Asked {
        Asked {
            warn_undeclared: true,
            syntax_only: false,
            read_data: self.builds() && !self.untrusted,
            ask_services: !self.untrusted,
            inputs: self.builds() && !self.untrusted,
        }
    }

    pub(super) fn builds(&self) -> bool {
        matches!(self.task, Task::Build | Task::Preview)
    }

    pub(super) fn image(&self) -> Option<&str> {
        self.chosen.image.as_ref().map(|image| image.name.as_str())
    }
}

/// The jobs of this run; mistakes of inputs and file are in `front`.
pub(super) fn jobs(
    inputs: &Inputs,
    trigger: Option<&Trigger>,
    trust: &Trust,
    front: &mut Front,
    process: &Process,
) -> Vec<Job> {
    let class = trigger.map(|trigger| trigger.class);
    let untrusted = *trust == Trust::Fork;
    let mut jobs = Vec::new();
    for chosen in choose(&arguments(inputs), front, process) {
        let by_event = class.map(|class| by_event(class, &chosen));
        let over = trigger.is_some_and(|trigger| trigger.closed);
        let task = match (inputs.command, by_event) {
            (None, Some(Do::Preview)) | (Some(Command::Preview), _) if over => Some(Task::Sweep),
            (None, Some(_)) if over => None,
            // A matrix is of what the event is to build.
            (Some(Command::Plan), Some(event))
                if chosen.image.is_some() && !matches!(event, Do::Build | Do::Preview) =>
            {
                Some(Task::Validate)
            }
            (Some(Command::Plan | Command::Report), _) | (None, Some(Do::Plan)) => Some(Task::Plan),
            (Some(Command::Publish), _) | (None, Some(Do::Publish)) => Some(Task::Publish),
            (Some(Command::Validate), _) | (None, Some(Do::Validate)) => Some(Task::Validate),
            (Some(Command::Build), _) | (None, Some(Do::Build) | None) => Some(Task::Build),
            (Some(Command::Preview), _) | (None, Some(Do::Preview)) => Some(Task::Preview),
            (Some(Command::Sweep), _) => Some(Task::Sweep),
            (None, Some(Do::Skip)) => None,
        };
        let task = match task {
            Some(Task::Build | Task::Preview | Task::Sweep | Task::Plan | Task::Publish) if untrusted => {
                Some(Task::Validate)
            }
            task => task,
        };
        jobs.extend(task.map(|task| Job { chosen, task, untrusted }));
    }
    if untrusted && matches!(inputs.command, Some(Command::Build | Command::Preview)) {
        super::warn(
            "this pull request comes from a fork: its template is validated, and nothing of it is run. A maintainer can \
             build it after a review, see docs/github.md",
        );
    }
    jobs
}

/// What the file says of the event, else what it means by itself; nothing is done where there is no class.
fn by_event(class: Option<EventClass>, chosen: &Chosen) -> Do {
    let Some(class) = class else { return Do::Skip };
    chosen.image.as_ref().map_or_else(|| class.default(), |image| image.on(class))
}

/// Which templates are meant.
fn arguments(inputs: &Inputs) -> PlanArgs {
    let entry = inputs.entry.clone().unwrap_or_default();
    let only: Vec<String> = entry.only.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let by_image = entry.image.is_some();
    PlanArgs {
        which: WhichArgs {
            template: entry.template.filter(|_| !by_image).map(Into::into).or_else(|| inputs.template.clone()),
            config: inputs.config.clone(),
            image: entry.image.map_or_else(|| inputs.images.clone(), |image| vec![image]),
            var: inputs.vars.clone(),
            var_file: inputs.var_files.clone(),
        },
        only: if only.is_empty() { inputs.only.clone() } else { only },
        except: inputs.except.clone(),
        ..PlanArgs::default()
    }
}

/// What is planned, by the names that its builds have in the jobs of a matrix. A title passes no event, so secrets are
/// taken out here.
pub(super) fn titles(planned: &[PlannedImage], redactor: &Redactor) -> Vec<BuildTitle> {
    let mut titles = Vec::new();
    for image in planned {
        for build in &image.plan.builds {
            let mut title = build.title.clone();
            if let Some(image) = &image.image {
                title.name = format!("{}/{}", image.name, title.name);
            }
            title.name = redactor.redact(&title.name);
            title.steps.iter_mut().flat_map(|step| &mut step.name).for_each(|name| *name = redactor.redact(name));
            titles.push(title);
        }
    }
    titles
}

/// How what is built is built: the rest of the inputs as the flags of a build.
pub(super) fn build_arguments(inputs: &Inputs) -> BuildArgs {
    let on_error = match inputs.on_error.as_str() {
        "abort" => OnErrorArg::Abort,
        "run-cleanup-provisioner" => OnErrorArg::RunCleanupProvisioner,
        _ => OnErrorArg::Cleanup,
    };
    BuildArgs {
        template: TemplateArgs::default(),
        force: inputs.force,
        on_error,
        parallel_builds: inputs.parallel_builds,
        color: false,
        timestamp_ui: false,
        warn_on_undeclared_var: true,
        machine_readable: false,
        preview: None,
        inventory: Some(inputs.inventory),
        sbom: None,
        skip_unchanged: inputs.skip_unchanged,
        baseline: None,
        aws: inputs.aws.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;

    fn inputs(given: &[(&str, &str)]) -> Inputs {
        let environment: Vec<_> = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Inputs::read(&environment, &mut Diagnostics::new()).unwrap()
    }

    #[test]
    fn nothing_is_lost_on_the_way_from_inputs_to_arguments() {
        let inputs = inputs(&[
            ("INPUT_TEMPLATE", "images"),
            ("INPUT_VARS", "a=1"),
            ("INPUT_ON-ERROR", "abort"),
            ("INPUT_EXCEPT", "x"),
            ("INPUT_FORCE", "true"),
            ("INPUT_PARALLEL-BUILDS", "2"),
        ]);
        let args = arguments(&inputs);
        assert_eq!(args.which.template.as_deref().and_then(std::path::Path::to_str), Some("images"));
        assert_eq!(
            (args.which.var.as_slice(), args.except.as_slice()),
            (&["a=1".to_owned()][..], &["x".to_owned()][..])
        );
        let args = build_arguments(&inputs);
        assert_eq!((args.on_error, args.parallel_builds, args.force), (OnErrorArg::Abort, 2, true));
    }

    #[test]
    fn an_entry_of_a_matrix_says_which_builds_are_meant() {
        let entry = r#"{"id":"w","image":"web","template":"images/web","only":"a,b"}"#;
        let args = arguments(&inputs(&[("INPUT_ENTRY", entry), ("INPUT_ONLY", "x")]));
        assert_eq!(
            (args.which.image, args.only, args.which.template),
            (vec!["web".to_owned()], vec!["a".to_owned(), "b".to_owned()], None)
        );
        let args = arguments(&inputs(&[("INPUT_ENTRY", r#"{"id":"w","template":"t","only":"a"}"#)]));
        assert_eq!(args.which.template.as_deref().and_then(std::path::Path::to_str), Some("t"));
    }
}
