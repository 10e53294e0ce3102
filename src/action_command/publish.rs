//! The command `publish` of the action: the images that were built of a tag's commit get the names of its version.

use std::sync::Arc;

use super::past::{self, Past};
use super::release::{self, File, Trouble};
use super::reporting::Reporting;
use super::tasks::{Job, Task};
use super::{Done, Step, fail, outputs, run_jobs, warn};
use crate::action::{Head, Trigger};
use crate::app;
use crate::client::Services;
use crate::client::github::Repository;
use crate::config::{EventClass, WithoutRecord};
use crate::diagnostic::Style;
use crate::exit_code::ExitCode;
use crate::front::Front;
use crate::plan_command::ASKED;
use crate::publish::{self, Evidence, Order, Source, Version, Wanted};
use crate::publish_command;
use crate::report::Record;
use crate::report::record::State;
use crate::report_command;

/// Publishes what the jobs name. `services` know who asks of AWS.
pub(super) async fn run(
    jobs: Vec<Job>,
    services: Arc<Services>,
    reporting: Reporting,
    trigger: Option<&Trigger>,
    step: &Step<'_>,
    done: &mut Done,
) -> ExitCode {
    match try_run(jobs, services, reporting, trigger, step, done).await {
        Ok(code) => code,
        Err(error) => {
            fail(&step.redactor.redact(&error));
            ExitCode::Failed
        }
    }
}

async fn try_run(
    jobs: Vec<Job>,
    services: Arc<Services>,
    mut reporting: Reporting,
    trigger: Option<&Trigger>,
    step: &Step<'_>,
    done: &mut Done,
) -> Result<ExitCode, String> {
    let tag = tag(step, trigger)?;
    let version = Version::parse(&tag).map_err(|error| error.to_string())?;
    // Before anything is published: what cannot be read is a mistake in the workflow.
    let given = given(step)?;
    let github = connect(&reporting, step).await?;
    // What the tasks of the builds are is decided when it is known what was built before.
    let (rest, jobs): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| job.task != Task::Publish);
    let wanted = wanted(&jobs, &services, step).await?;
    let mut past = past(github.as_ref(), trigger, step).await?;
    let mut choice = publish::choose(Some(&wanted), &past.records);
    let (builds, refused): (Vec<Wanted>, Vec<Wanted>) = choice.missing.drain(..).partition(|one| {
        one.settings.without_record == Some(WithoutRecord::Build) && !one.settings.attestation.is_required()
    });
    if let Some(told) = publish_command::told(&refused) {
        let commit = trigger.and_then(commit).unwrap_or_default();
        return Err(if step.inputs.records.is_empty() { format!("{told}\n{}", past.told(&commit)) } else { told });
    }
    past.unused.iter().for_each(|text| warn(text));
    let about = reporting.about();
    let workflow = reporting.workflow();
    let mut to_do = rest;
    let images: Vec<&str> = builds.iter().map(|one| one.image.as_str()).collect();
    to_do.extend(jobs.into_iter().filter(|job| images.contains(&job.image().unwrap_or_default())).map(|job| {
        app::print(&format!("No record has an image of {}: it is built.\n", job.image().unwrap_or_default()));
        Job { task: Task::Build, ..job }
    }));
    let mut before = None;
    if !to_do.is_empty() {
        reporting.about_jobs(&to_do);
        let front = Front { services: Arc::clone(&services), marks_lines: false, ..Front::empty() };
        let code = Box::pin(run_jobs(to_do, front, reporting, step, done)).await;
        if code != ExitCode::Success {
            return Ok(code);
        }
        before = done.record().cloned();
        if let Some(record) = &before {
            past.add(record.clone(), serde_json::to_vec_pretty(record).map_err(|error| error.to_string())?);
            // What has a record stays what was tested.
            let built = publish::choose(Some(&builds), std::slice::from_ref(record));
            if let Some(told) = publish_command::told(&built.missing) {
                return Err(told);
            }
            choice.subjects.extend(built.subjects);
        }
    }
    let others = match &github {
        Some(github) => github.tags().await.unwrap_or_else(|error| {
            warn(&format!("the tags of the repository could not be read, so only those of images count: {error}"));
            Vec::new()
        }),
        None => Vec::new(),
    };
    let others = publish::versions(others.iter().map(String::as_str));
    let order = Order {
        version,
        others,
        force: step.inputs.force,
        dry: false,
        repository: trigger.map(|trigger| trigger.repository.clone()),
        evidence: evidence(github.as_ref(), trigger, step),
    };
    let published = publish_command::publish_all(&choice.subjects, &order, &services, step.redactor).await;
    let mut record = Record {
        schema: crate::report::record::SCHEMA,
        forge: about.forge,
        run: crate::run::id::time_ordered(),
        started: Some(crate::report::record::Stamp(step.process.started)),
        seconds: Some(step.process.started.elapsed().unwrap_or_default().as_secs_f64()),
        workflow,
        inputs: about.inputs,
        builds: published,
        published: Some(tag.clone()),
        ..Record::default()
    };
    let good = record.builds.iter().all(|build| build.state == State::Succeeded);
    let keeping = done.write_record(&record, step.process, step.redactor);
    outputs::keep(keeping).await;
    let mut code = if good { ExitCode::Success } else { ExitCode::Failed };
    for build in record.builds.iter().filter(|build| build.state != State::Succeeded) {
        fail(&step.redactor.redact(&format!("{}: {}", build.name, build.error.as_deref().unwrap_or("failed"))));
    }
    // A table of half of the images would pass for that of all.
    if let (Some(github), true) = (&github, good) {
        let mut files = past.assets();
        files.extend(past.sboms());
        files.extend(given);
        let (lines, trouble) = release::update(github, &tag, &record, &files).await;
        lines.iter().for_each(|line| app::print(&step.redactor.redact(&format!("{line}\n"))));
        match trouble {
            Some(Trouble::Permission(text)) => {
                warn(&text);
                done.notices.extend([text]);
            }
            Some(Trouble::Failed(text)) => {
                fail(&text);
                code = ExitCode::Failed;
            }
            None => {}
        }
    }
    // Outputs tell of both.
    if let Some(before) = before {
        let known: Vec<&String> = record.builds.iter().map(|build| &build.name).collect();
        let others: Vec<_> = before.builds.iter().filter(|build| !known.contains(&&build.name)).cloned().collect();
        record.builds.extend(others);
    }
    done.take(record, step.inputs, true);
    Ok(code)
}

/// The version's tag: that of the event, or the one that is given.
fn tag(step: &Step<'_>, trigger: Option<&Trigger>) -> Result<String, String> {
    if let Some(version) = &step.inputs.version {
        return Ok(version.clone());
    }
    let of_event = trigger.filter(|trigger| matches!(trigger.class, Some(EventClass::Tag | EventClass::Release)));
    of_event.map(|trigger| trigger.ref_name.clone()).ok_or_else(|| {
        "there is nothing to tell which version to publish: start the workflow by a tag or a release, or give the input \
         \"version\""
            .to_owned()
    })
}

fn commit(trigger: &Trigger) -> Option<String> {
    match &trigger.head {
        Head::Sha(sha) => Some(sha.clone()),
        Head::OfPull(_) | Head::Unknown => None,
    }
}

/// Nothing outside of GitHub, or without a token.
async fn connect(reporting: &Reporting, step: &Step<'_>) -> Result<Option<Repository>, String> {
    let Some(address) = reporting.address() else { return Ok(None) };
    let Some(identity) = step.inputs.identity.clone() else { return Ok(None) };
    let connected = Repository::connect(address, identity, step.redactor).await;
    connected.map(Some).map_err(|error| error.to_string())
}

/// Where attestations are looked for. The run is of the commit that has the version.
fn evidence(github: Option<&Repository>, trigger: Option<&Trigger>, step: &Step<'_>) -> Evidence {
    let nowhere = "there is no token to look for them with: give the input \"github-token\"";
    Evidence {
        source: match github {
            Some(github) => Source::Github(Box::new(github.clone())),
            None => Source::Nowhere(nowhere.to_owned()),
        },
        server: step.process.var("GITHUB_SERVER_URL").unwrap_or("https://github.com").to_owned(),
        commit: trigger.and_then(commit),
        folder: step.process.cwd.clone(),
    }
}

/// The builds that the jobs mean. Templates are read for their names alone.
async fn wanted(jobs: &[Job], services: &Arc<Services>, step: &Step<'_>) -> Result<Vec<Wanted>, String> {
    let mut front = Front { services: Arc::clone(services), marks_lines: true, ..Front::empty() };
    let mut planned = Vec::new();
    for job in jobs {
        let chosen = job.chosen.clone();
        planned.extend(chosen.read(ASKED, true, &mut front, step.process, step.redactor).await);
    }
    match front.refuse(Style::Plain, step.process, step.redactor) {
        Some(_) => Err("nothing was published: a template has mistakes".to_owned()),
        None => Ok(publish_command::builds(&planned)),
    }
}

/// The records: from where the input says, else from what the runs of the commit have kept.
async fn past(github: Option<&Repository>, trigger: Option<&Trigger>, step: &Step<'_>) -> Result<Past, String> {
    if !step.inputs.records.is_empty() {
        let mut past = Past::default();
        let paths: Vec<_> = step.inputs.records.iter().map(|path| step.process.cwd.join(path)).collect();
        for record in report_command::read(&paths)? {
            let bytes = serde_json::to_vec_pretty(&record).map_err(|error| error.to_string())?;
            past.add(record, bytes);
        }
        return Ok(past);
    }
    let (Some(github), Some(trigger)) = (github, trigger) else {
        return Err(
            "there is no token to look for records with: give the input \"github-token\", or name files in the \
                    input \"records\""
                .to_owned(),
        );
    };
    let Some(commit) = commit(trigger) else {
        return Err("the event does not tell the commit to publish".to_owned());
    };
    if let Some(version) = &step.inputs.version {
        let tagged = github.commit_of_tag(version).await.map_err(|error| format!("the tag {version}: {error}"))?;
        if let Some(tagged) = tagged.filter(|tagged| *tagged != commit) {
            return Err(format!(
                "{version} is a tag of commit {}, and this run is of {}: run the workflow on the tag",
                tagged.get(..12).unwrap_or(&tagged),
                commit.get(..12).unwrap_or(&commit)
            ));
        }
    }
    past::look(github, &trigger.repository, &commit, trigger.run.id).await
}

/// Files of the input, for the release.
fn given(step: &Step<'_>) -> Result<Vec<File>, String> {
    let read = |path: &std::path::PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let content = std::fs::read(step.process.cwd.join(path));
        content.map(|content| File { name, content }).map_err(|error| format!("{}: {error}", path.display()))
    };
    step.inputs.assets.iter().map(read).collect()
}
