//! `forge action`: inputs and event become a run, the run becomes reports, a record and outputs.

mod awaited;
mod baseline;
mod build;
mod join;
mod kept;
mod outputs;
mod past;
mod patience;
mod preview;
mod publish;
mod release;
mod reporting;
mod requests;
mod search;
mod tasks;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::action::{self, Inputs, Trigger, Trust};
use crate::app::{self, Around, Process};
use crate::client::Services;
use crate::config::EventClass;
use crate::diagnostic::Style;
use crate::exit_code::ExitCode;
use crate::front::Front;
use crate::plan::{Plan, Selection, check_selection};
use crate::plan_command::{matrix_line, table};
use crate::report::Matrix;
use crate::secret::Redactor;
use crate::sweep_command;
use crate::workflow_command;

use outputs::Done;
use reporting::Reporting;
use tasks::{Job, Task};

/// Runs the action and yields the exit code of its step.
pub(crate) async fn run(process: &Process, redactor: &Redactor) -> ExitCode {
    let mut done = Done::default();
    done.masked.push(redactor.clone());
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
    let trigger = match action::read(|name| process.var(name).map(str::to_owned)) {
        Ok(trigger) => {
            trigger.warnings.iter().for_each(|text| warn(text));
            Some(trigger)
        }
        Err(error) if error.is_harmless() => None,
        Err(error) => {
            fail(&error.to_string());
            return ExitCode::Failed;
        }
    };
    let mut places = Places { process: &process, trigger: trigger.as_ref(), approved: inputs.trusted_head.as_deref() };
    let first = inputs.config.iter().chain(&inputs.template).map(PathBuf::as_path);
    let trust = match places.judge(first.chain([Path::new(".")]).take(1)) {
        Ok(trust) => trust,
        Err(refusal) => {
            fail(&refusal);
            return ExitCode::Failed;
        }
    };
    let services = Services::default();
    if let Err(mistake) = app::take_role(&services, &inputs.aws, &process, redactor) {
        fail(&mistake);
        return ExitCode::Failed;
    }
    let mut reporting = Reporting::new(&inputs, trigger.as_ref(), &trust, &process, done.notices.clone());
    done.masked.push(reporting.hidden.clone());
    if inputs.command == Some(action::Command::Report) {
        return join::run(&inputs, reporting, &process, redactor, done).await;
    }
    let mut front = Front { services: Arc::new(services), marks_lines: false, ..Front::empty() };
    let jobs = tasks::jobs(&inputs, trigger.as_ref(), &trust, &mut front, &process);
    let files = jobs.iter().flat_map(|job| {
        let args = &job.chosen.args;
        args.var_file.iter().chain([&args.template]).map(PathBuf::as_path)
    });
    if let Err(refusal) = places.judge(files.chain(inputs.config.as_deref())) {
        fail(&refusal);
        return ExitCode::Failed;
    }
    let built = jobs.first().map_or(Path::new("."), |job| &job.chosen.args.template);
    let built = places.commit(built);
    let approved = built.as_deref().is_some_and(|commit| places.approves(commit));
    reporting.checked_out(built, approved);
    if jobs.is_empty() && !front.diagnostics.has_errors() {
        app::print("Nothing to do for this event.\n");
        return ExitCode::Success;
    }
    reporting.about_jobs(&jobs);
    let step = Step { inputs: &inputs, trigger: trigger.as_ref(), process: &process, redactor };
    if jobs.iter().any(|job| job.task == Task::Publish) {
        if front.refuse(Style::Plain, &process, redactor).is_some() {
            return ExitCode::Failed;
        }
        return publish::run(jobs, front.services, reporting, trigger.as_ref(), &step, done).await;
    }
    run_jobs(jobs, front, reporting, &step, done).await
}

/// Whose code the files are that the run is about.
struct Places<'a> {
    process: &'a Process,
    trigger: Option<&'a Trigger>,
    approved: Option<&'a str>,
}

impl Places<'_> {
    /// Whether all of the files may meet the run's secrets; the text of the refusal if not.
    fn judge<'p>(&mut self, files: impl Iterator<Item = &'p Path>) -> Result<Trust, String> {
        let Some(trigger) = self.trigger else { return Ok(Trust::Own) };
        let mut judged = Trust::Own;
        for file in files {
            match action::trust(trigger, &action::commit(&self.folder(file)), self.approved) {
                Trust::Refused { reason, help } => return Err(format!("{}: {reason}\n{help}", file.display())),
                trust => judged = trust,
            }
        }
        Ok(judged)
    }

    /// The commit that is checked out around a file.
    fn commit(&self, file: &Path) -> Option<String> {
        action::commit(&self.folder(file)).ok()
    }

    /// Whether a maintainer has named the commit of others.
    fn approves(&self, commit: &str) -> bool {
        self.trigger.is_some_and(|trigger| action::is_approved(trigger, commit, self.approved))
    }

    fn folder(&self, file: &Path) -> PathBuf {
        let path = self.process.cwd.join(file);
        if path.is_dir() { path } else { path.parent().map(Path::to_owned).unwrap_or(path) }
    }
}

/// What the step was started with.
struct Step<'a> {
    inputs: &'a Inputs,
    trigger: Option<&'a Trigger>,
    process: &'a Process,
    redactor: &'a Redactor,
}

/// Plans every job, tells all mistakes, and runs what is to be built as one run.
async fn run_jobs(
    jobs: Vec<Job>,
    mut front: Front,
    mut reporting: Reporting,
    step: &Step<'_>,
    done: &mut Done,
) -> ExitCode {
    let Step { inputs, trigger, process, redactor } = step;
    let (mut build, mut planned) = (Plan::default(), Vec::new());
    let own = inputs.only.is_empty() && inputs.except.is_empty() && inputs.entry.is_none();
    let builds = jobs.iter().any(Job::builds);
    let mut around = Around::default();
    let mut looking = None;
    if jobs.iter().any(|job| job.task == Task::Preview) {
        around.preview = preview::of_event(inputs, *trigger);
        if around.preview.is_none() {
            fail("a preview is that of a pull request, and the event names none: run it on the event pull_request");
            return ExitCode::Failed;
        }
    }
    // What a push does not build anew is told as it was, so that the next pull request has it to compare with.
    let pushed = trigger.is_some_and(|trigger| trigger.class == Some(EventClass::Push));
    if around.preview.is_some() || builds && pushed && inputs.skip_unchanged {
        let (comparison, task) = baseline::begin(inputs, *trigger, process, redactor);
        reporting.comparison = comparison;
        looking = Some(task);
    }
    let mut sweeping = preview::places(inputs, *trigger);
    let sweeps = jobs.iter().any(|job| job.task == Task::Sweep);
    for job in jobs {
        let (task, asked, image) = (job.task, job.asked(), job.image().map(str::to_owned));
        let Some(read) = job.chosen.read(asked, own, &mut front, process, redactor).await else { continue };
        match task {
            Task::Build | Task::Preview => {
                build.names.extend(read.plan.names);
                build.builds.extend(read.plan.builds.into_iter().map(|mut build| {
                    if let Some(image) = &image {
                        build.title.name = format!("{image}/{}", build.title.name);
                    }
                    build.in_earnest = task == Task::Build;
                    build
                }));
            }
            Task::Plan => planned.push(read),
            Task::Sweep => sweeping.add(&read.plan.builds),
            Task::Validate | Task::Publish => {}
        }
    }
    if builds {
        let selection = Selection::new(&inputs.only, &inputs.except, &mut front.diagnostics);
        check_selection(&build, &selection, &mut front.diagnostics);
    }
    if inputs.command == Some(action::Command::Plan) {
        let line = matrix_line(&planned, inputs.group, &mut front, redactor);
        done.matrix = Some(line.trim().to_owned());
    }
    reporting.notes = front.notes(process, redactor);
    let wrong = front.refuse(Style::Plain, process, redactor).is_some();
    if sweeps && !wrong && !builds {
        let Some(which) = preview::over(inputs, *trigger) else {
            fail("the event names no pull request whose previews are to be removed");
            return ExitCode::Failed;
        };
        let swept = sweep_command::remove(&which, &sweeping, &front.services, redactor).await;
        if swept.is_empty() {
            app::print("There is no preview to remove.\n");
        }
        return if sweep_command::show(&swept, redactor) { ExitCode::Leftovers } else { ExitCode::Success };
    }
    // That of some of the templates would pass for that of all; and its names may be what is wrong.
    done.matrix.take_if(|_| wrong);
    if wrong || !builds {
        if !wrong && planned.is_empty() {
            app::print("The configuration is valid.\n");
        } else if !wrong {
            app::print(&redactor.redact(&table(&planned)));
        }
        let titles = if wrong { Vec::new() } else { tasks::titles(&planned, redactor) };
        let mut record = reporting.record_of_plan(titles, process.started);
        record.matrix = done.matrix.as_deref().and_then(|matrix| Matrix::read(matrix).ok());
        let keeping = done.write_record(&record, process, redactor);
        let (marked, ()) = tokio::join!(reporting.tell(&record, process, redactor), outputs::keep(keeping));
        done.take(record, inputs, marked.as_ref());
        return if wrong { ExitCode::Failed } else { ExitCode::Success };
    }
    let front = Front { plan: build, services: front.services, ..Front::empty() };
    build::run(front, (around, looking), reporting, step, done).await
}

/// The process in another folder: template, variable files and the options of components are relative to it.
fn moved(process: &Process, folder: &Path) -> std::io::Result<Process> {
    std::env::set_current_dir(process.cwd.join(folder))?;
    Ok(Process { cwd: std::env::current_dir()?, environment: process.environment.clone(), started: process.started })
}

fn fail(text: &str) {
    app::print_commands(&(workflow_command::command("error", &[("title", Some("forge".to_owned()))], text) + "\n"));
}

fn warn(text: &str) {
    app::print_commands(&(workflow_command::command("warning", &[("title", Some("forge".to_owned()))], text) + "\n"));
}
