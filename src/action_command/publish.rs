//! The command `publish` of the action: the images that were built of a tag's commit get the names of its version.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::awaited::{self, Awaited};
use super::past::{Finder, Past, short};
use super::release::{self, File, Trouble};
use super::reporting::Reporting;
use super::tasks::{Job, Task};
use super::{Done, Step, fail, outputs, run_jobs, warn};
use crate::action::Trigger;
use crate::app;
use crate::client::Services;
use crate::client::github::{GithubError, Repository};
use crate::config::{EventClass, WithoutRecord};
use crate::diagnostic::Style;
use crate::exit_code::ExitCode;
use crate::front::Front;
use crate::publish::{self, Evidence, Order, Source, Version, Wanted};
use crate::publish_command::{self, OF_BUILDS};
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
    // What the tasks of the builds are is decided when it is known what was built before.
    let (rest, jobs): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| job.task != Task::Publish);
    let (version, jobs) = meant(&tag, jobs)?;
    let prefixes: BTreeSet<String> = jobs.iter().map(|job| prefix(job).to_owned()).collect();
    // Before anything is published: what cannot be read is a mistake in the workflow.
    let given = given(step)?;
    let github = connect(&reporting, step).await?;
    let wanted = wanted(&jobs, &services, step).await?;
    if let (Some(github), Some(trigger)) = (&github, trigger) {
        check_tag(github, trigger, step).await?;
    }
    let mut known = tags(github.as_ref()).await.unwrap_or_else(|error| {
        warn(&format!(
            "the tags of the repository could not be read, so a run of another tag may be waited for: {error}"
        ));
        Vec::new()
    });
    known.push(tag.clone());
    let mut past = past((github.as_ref(), &known), trigger, step, &wanted).await?;
    let mut choice = past.choose(&wanted);
    // What a test has refused is not built again to be published without it.
    let builds = |one: &Wanted| {
        one.settings.without_record == Some(WithoutRecord::Build)
            && !one.settings.attestation.is_required()
            && past.failed(one).is_none()
    };
    let (builds, refused): (Vec<Wanted>, Vec<Wanted>) = choice.missing.drain(..).partition(builds);
    if !refused.is_empty() {
        let failed = refused.iter().filter_map(|one| Some((one, past.failed(one)?)));
        let mut lines: Vec<String> = failed.map(|(one, (run, ended))| refusal(&one.build, run, ended)).collect();
        let others: Vec<Wanted> = refused.iter().filter(|one| past.failed(one).is_none()).cloned().collect();
        lines.extend(publish_command::told(&others));
        let commit = trigger.and_then(Trigger::commit).unwrap_or_default();
        lines.extend(step.inputs.records.is_empty().then(|| past.told(commit)));
        return Err(lines.join("\n"));
    }
    past.told_elsewhere(&choice.subjects).iter().for_each(|line| app::print(&format!("{line}\n")));
    for said in publish_command::all_compared(&choice.subjects, &wanted) {
        match said {
            Ok(text) => app::print(&step.redactor.redact(&format!("{text}\n"))),
            Err(text) => warn(&step.redactor.redact(&text)),
        }
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
            past.add(record.clone())?;
            // What has a record stays what was tested.
            let built = past.choose(&builds);
            if let Some(told) = publish_command::told(&built.missing) {
                return Err(told);
            }
            choice.subjects.extend(built.subjects);
        }
    }
    // Waiting and building take their time: there may be more by now.
    let tags = tags(github.as_ref()).await.unwrap_or_else(|error| {
        warn(&format!("the tags of the repository could not be read, so only those of images count: {error}"));
        Vec::new()
    });
    let own = tags.iter().flat_map(|tag| prefixes.iter().filter_map(|prefix| tag.strip_prefix(prefix.as_str())));
    let others = publish::versions(own);
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
        let mut files = past.assets(&choice.subjects);
        files.extend(past.sboms(&choice.subjects));
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
    done.take(record, step.inputs, None);
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

/// What stands before the version in the tags of a job's image.
fn prefix(job: &Job) -> &str {
    job.chosen.image.as_ref().and_then(|image| image.publish.tag_prefix.as_deref()).unwrap_or_default()
}

/// The version that a tag gives, and the jobs whose images it is meant for.
fn meant(tag: &str, jobs: Vec<Job>) -> Result<(Version, Vec<Job>), String> {
    let version = |job: &Job| tag.strip_prefix(prefix(job)).and_then(|rest| Version::parse(rest).ok());
    let found = jobs.iter().find_map(version);
    let Some(found) = found else {
        let mut prefixes: Vec<&str> = jobs.iter().map(prefix).filter(|prefix| !prefix.is_empty()).collect();
        prefixes.dedup();
        let mistake = Version::parse(tag).err().map(|error| error.to_string());
        return Err(match (mistake, prefixes.join(", ")) {
            (Some(mistake), prefixes) if prefixes.is_empty() => mistake,
            (mistake, prefixes) => {
                let mistake = mistake.unwrap_or_else(|| format!("{tag:?} is meant for no image"));
                format!("{mistake}. Tags of the images begin with: {prefixes} (\"tag-prefix\")")
            }
        });
    };
    Ok((found.clone(), jobs.into_iter().filter(|job| version(job).as_ref() == Some(&found)).collect()))
}

fn refusal(build: &str, run: u64, ended: &str) -> String {
    format!(
        "the image of {build} is of run {run}, which ended with \"{ended}\": what has failed is not published. Run its \
         failed jobs again, or set \"failed-runs\" to \"accept\""
    )
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
        repository: trigger.map(|trigger| trigger.repository.clone()),
        commit: trigger.and_then(Trigger::commit).map(str::to_owned),
        folder: step.process.cwd.clone(),
    }
}

/// Names of the repository's tags.
async fn tags(github: Option<&Repository>) -> Result<Vec<String>, GithubError> {
    match github {
        Some(github) => github.tags().await,
        None => Ok(Vec::new()),
    }
}

/// Whether the version that was given by hand is that of the run's commit, wherever records come from.
async fn check_tag(github: &Repository, trigger: &Trigger, step: &Step<'_>) -> Result<(), String> {
    let (Some(version), Some(commit)) = (&step.inputs.version, trigger.commit()) else { return Ok(()) };
    let tagged = github.commit_of_tag(version).await.map_err(|error| format!("the tag {version}: {error}"))?;
    match tagged.filter(|tagged| tagged != commit) {
        Some(tagged) => Err(format!(
            "{version} is a tag of commit {}, and this run is of {}: run the workflow on the tag",
            short(&tagged),
            short(commit)
        )),
        None => Ok(()),
    }
}

/// The builds that the jobs mean. Templates are read for their names, and for what decides the images.
async fn wanted(jobs: &[Job], services: &Arc<Services>, step: &Step<'_>) -> Result<Vec<Wanted>, String> {
    let mut front = Front { services: Arc::clone(services), marks_lines: true, ..Front::empty() };
    let mut planned = Vec::new();
    for job in jobs {
        let chosen = job.chosen.clone();
        planned.extend(chosen.read(OF_BUILDS, true, &mut front, step.process, step.redactor).await);
    }
    match front.refuse(Style::Plain, step.process, step.redactor) {
        Some(_) => Err("nothing was published: a template has mistakes".to_owned()),
        None => Ok(publish_command::builds(&planned, step.process, step.redactor).await),
    }
}

/// The records: from where the input says, else from what the runs of the commit have kept. GitHub comes with the names of
/// its tags.
async fn past(
    (github, tags): (Option<&Repository>, &[String]),
    trigger: Option<&Trigger>,
    step: &Step<'_>,
    wanted: &[Wanted],
) -> Result<Past, String> {
    let mut past = Past::default();
    if !step.inputs.records.is_empty() {
        let paths: Vec<_> = step.inputs.records.iter().map(|path| step.process.cwd.join(path)).collect();
        report_command::read(&paths)?.into_iter().try_for_each(|record| past.add(record))?;
        return Ok(past);
    }
    let (Some(github), Some(trigger)) = (github, trigger) else {
        return Err(
            "there is no token to look for records with: give the input \"github-token\", or name files in the \
                    input \"records\""
                .to_owned(),
        );
    };
    let Some(commit) = trigger.commit() else {
        return Err("the event does not tell the commit to publish".to_owned());
    };
    let finder = Finder { github, repository: &trigger.repository, commit, own: trigger.run.id };
    let mut awaited = Awaited::new();
    loop {
        let going = awaited::building(finder.of_commit(&mut past).await?, tags);
        let mut missing = past.choose(wanted).missing;
        missing.retain(|one| past.failed(one).is_none());
        if missing.is_empty() {
            return Ok(past);
        }
        let limit = missing.iter().map(|one| one.settings.wait_for_build.unwrap_or(awaited::USUAL)).max();
        if !going.is_empty() && awaited.moment(limit.unwrap_or_default(), commit, &going).await {
            continue;
        }
        past.unused.extend(going.iter().map(|run| format!("{} has not ended yet", awaited::name(run))));
        if let Some(branch) = &trigger.default_branch {
            finder.alike(branch, &missing, &mut past).await?;
        }
        let unknown = |one: &Wanted| Some(format!("{}: {}", one.build, one.inputs.unknown.as_deref()?));
        let left = past.choose(&missing).missing;
        past.unused.extend(left.iter().filter_map(unknown).map(|text| {
            format!("no earlier image of the same inputs is looked for, since these are not all known: {text}")
        }));
        return Ok(past);
    }
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
