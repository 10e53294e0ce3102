//! `forge publish`: recorded images get the names of a version.

mod evidence;

use std::path::PathBuf;

use crate::app::{self, Process, print, take_role};
use crate::cli::{PlanArgs, PublishArgs};
use crate::client::Services;
use crate::config::Publish;
use crate::exit_code::ExitCode;
use crate::front::{Asked, Front};
use crate::plan_command::{ASKED, PlannedImage, changes, choose, file, inputs_of};
use crate::publish::{self, Choice, Order, Version, Wanted};
use crate::report::Record;
use crate::report::record::{Build, State};
use crate::report_command;
use crate::secret::Redactor;

/// A template is read for its builds and for what decides each image.
pub(crate) const OF_BUILDS: Asked = Asked { inputs: true, ..ASKED };

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
    let records: Vec<&Record> = records.iter().collect();
    let Choice { mut subjects, missing } = publish::choose(wanted.as_deref(), &records, |_, _| true);
    if let Some(text) = told(&missing) {
        return Err(text);
    }
    for said in all_compared(&subjects, wanted.as_deref().unwrap_or_default()) {
        let text = said.unwrap_or_else(|text| format!("Warning: {text}"));
        print(&redactor.redact(&(text + "\n")));
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
        repository: evidence::publisher(process),
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
        planned.extend(chosen.read(OF_BUILDS, true, &mut front, process, redactor).await);
    }
    match front.refuse(app::style(process, true), process, redactor) {
        Some(_) => Err("nothing was published".to_owned()),
        None => Ok(Some(builds(&planned, process, redactor).await)),
    }
}

/// The builds of what was planned, as records name them, with what they would be built of now.
pub(crate) async fn builds(planned: &[PlannedImage], process: &Process, redactor: &Redactor) -> Vec<Wanted> {
    let mut inputs = inputs_of(planned, process, redactor).await.into_iter();
    let mut wanted = Vec::new();
    for one in planned {
        let settings = one.image.as_ref().map_or_else(Publish::default, |image| image.publish.clone());
        for build in &one.plan.builds {
            let name = &build.title.name;
            let (build, image) = match &one.image {
                Some(image) => (format!("{}/{name}", image.name), image.name.clone()),
                None => (name.clone(), name.clone()),
            };
            let inputs = inputs.next().unwrap_or_default();
            wanted.push(Wanted { build, image, settings: settings.clone(), inputs });
        }
    }
    wanted
}

/// What there is to say of each image that has a build in the template.
pub(crate) fn all_compared(subjects: &[publish::Subject], wanted: &[Wanted]) -> Vec<Result<String, String>> {
    let of = |subject: &publish::Subject| wanted.iter().find(|one| one.build == subject.build.name);
    subjects.iter().filter_map(|subject| compared(subject, of(subject)?)).collect()
}

/// Changes that are shown of one image.
const SHOWN: usize = 8;

/// What to say of a recorded image beside what it would be built of now: a warning where something is another.
fn compared(subject: &publish::Subject, wanted: &Wanted) -> Option<Result<String, String>> {
    let (build, recorded) = (&subject.build.name, subject.build.digest.as_ref()?);
    let Some(now) = wanted.inputs.digest() else {
        let why = wanted.inputs.unknown.as_deref().unwrap_or_default();
        return Some(Ok(format!("{build}: what it would be built of now is not compared with its record: {why}")));
    };
    if now == *recorded {
        return None;
    }
    let mut lines = changes(&subject.build.inputs, &wanted.inputs.list);
    let more = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    if lines.is_empty() {
        lines.push("what it was made of is not in its record, or not all of it".to_owned());
    }
    let text = format!("{build}: the recorded image is published, and built now it would be another one:");
    Some(Err([vec![text], lines].concat().join("\n")))
}

/// What to say of builds without an image, a line each.
pub(crate) fn told(missing: &[Wanted]) -> Option<String> {
    let line = |one: &Wanted| format!("no record has an image of {}", one.build);
    (!missing.is_empty()).then(|| missing.iter().map(line).collect::<Vec<_>>().join("\n"))
}
