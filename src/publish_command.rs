//! `forge publish`: recorded images get the names of a version.

mod evidence;

use std::path::PathBuf;

use crate::app::{self, Process, print, take_role};
use crate::cli::{PlanArgs, PublishArgs};
use crate::client::Services;
use crate::config::Publish;
use crate::exit_code::ExitCode;
use crate::front::Front;
use crate::plan_command::{ASKED, PlannedImage, choose, file};
use crate::publish::{self, Choice, Order, Version, Wanted};
use crate::report::record::{Build, State};
use crate::report_command;
use crate::secret::Redactor;

/// Publishes and says each thing that it does.
pub(crate) async fn run(args: &PublishArgs, process: &Process, redactor: &Redactor) -> ExitCode {
    match try_run(args, process, redactor).await {
        Ok(builds) if builds.iter().all(|build| build.state == State::Succeeded) => ExitCode::Success,
        Ok(_) => ExitCode::Failed,
        Err(error) => {
            error.lines().for_each(|line| print(&redactor.redact(&format!("Error: {line}\n"))));
            ExitCode::Failed
        }
    }
}

async fn try_run(args: &PublishArgs, process: &Process, redactor: &Redactor) -> Result<Vec<Build>, String> {
    let version = Version::parse(&args.version).map_err(|error| error.to_string())?;
    let services = Services::default();
    take_role(&services, &args.aws, process, redactor)?;
    let paths: Vec<PathBuf> = args.record.iter().map(|path| process.cwd.join(path)).collect();
    let records = report_command::read(&paths)?;
    let wanted = wanted(args, process, redactor).await?;
    let Choice { mut subjects, missing } = publish::choose(wanted.as_deref(), &records);
    if let Some(text) = told(&missing) {
        return Err(text);
    }
    if subjects.is_empty() {
        return Err("no build in what was named has an image".to_owned());
    }
    for subject in &mut subjects {
        if !args.repository.is_empty() {
            subject.settings.repositories = Some(args.repository.clone());
        }
        if !args.region.is_empty() {
            subject.settings.regions = Some(args.region.clone());
        }
        evidence::settle(&args.attestation, &mut subject.settings.attestation);
    }
    let others = publish::versions(args.beside.iter().map(String::as_str));
    let order = Order {
        version,
        others,
        force: args.force,
        dry: args.dry_run,
        repository: evidence::repository(&args.attestation, process),
        evidence: evidence::evidence(&args.attestation, &subjects, process, redactor).await?,
    };
    Ok(publish_all(&subjects, &order, &services, redactor).await)
}

/// Publishes, with a line for each thing.
pub(crate) async fn publish_all(
    subjects: &[publish::Subject],
    order: &Order,
    services: &Services,
    redactor: &Redactor,
) -> Vec<Build> {
    if order.dry {
        print("Nothing is changed; this is what would be done:\n");
    }
    publish::publish(subjects, order, services, redactor, |subject, did| {
        print(&redactor.redact(&format!("{}: {did}\n", subject.build.name)));
    })
    .await
}

/// The builds that are meant; nothing where neither a template nor a file of images says so.
async fn wanted(args: &PublishArgs, process: &Process, redactor: &Redactor) -> Result<Option<Vec<Wanted>>, String> {
    let plan = PlanArgs { which: args.which.clone(), ..PlanArgs::default() };
    if plan.which.template.is_none() && file(&plan.which, &process.cwd).is_none() {
        return Ok(None);
    }
    let mut front = Front::empty();
    let mut planned = Vec::new();
    for chosen in choose(&plan, &mut front, process) {
        planned.extend(chosen.read(ASKED, true, &mut front, process, redactor).await);
    }
    match front.refuse(app::style(process, true), process, redactor) {
        Some(_) => Err("nothing was published".to_owned()),
        None => Ok(Some(builds(&planned))),
    }
}

/// The builds of what was planned, as records name them.
pub(crate) fn builds(planned: &[PlannedImage]) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for one in planned {
        let settings = one.image.as_ref().map_or_else(Publish::default, |image| image.publish.clone());
        for build in &one.plan.builds {
            let name = &build.title.name;
            let (build, image) = match &one.image {
                Some(image) => (format!("{}/{name}", image.name), image.name.clone()),
                None => (name.clone(), name.clone()),
            };
            wanted.push(Wanted { build, image, settings: settings.clone() });
        }
    }
    wanted
}

/// What to say of builds without an image, a line each.
pub(crate) fn told(missing: &[Wanted]) -> Option<String> {
    let line = |one: &Wanted| format!("no record has an image of {}", one.build);
    (!missing.is_empty()).then(|| missing.iter().map(line).collect::<Vec<_>>().join("\n"))
}
