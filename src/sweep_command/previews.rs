//! Removing previews: of a pull request that is over, or those whose time is over. Registries are asked for tags of the
//! form that only previews have, AWS for its tags; nothing else is touched.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::show;
use crate::app::{Process, print, take_role};
use crate::cli::{PlanArgs, SweepArgs, age};
use crate::client::Services;
use crate::engine::sweep::Swept;
use crate::exit_code::ExitCode;
use crate::front::{Asked, Front};
use crate::plan::PlannedBuild;
use crate::plan_command::choose;
use crate::secret::Redactor;

/// How old an image in a registry is, which carries no date of its end, when it goes.
const OLD: &str = "14d";

/// Which previews are to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    Of {
        /// `owner/name`.
        repository: String,
        pull_request: u64,
    },
    Over {
        /// Of one repository on GitHub only, where things say whose they are.
        repository: Option<String>,
        older_than: Duration,
        /// What says itself when it is over is not asked for its age.
        given: bool,
    },
}

/// Where previews are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// Repositories of registries.
    pub registries: BTreeSet<String>,
    pub aws: bool,
    /// All that the account can use when there are none.
    pub regions: Vec<String>,
}

impl Places {
    /// Adds where the builds leave their previews.
    pub(crate) fn add<'a>(&mut self, builds: impl IntoIterator<Item = &'a PlannedBuild>) {
        for build in builds {
            self.registries.extend(build.pushes_to().into_iter().map(str::to_owned));
            self.aws |= build.title.builder.starts_with("amazon-");
        }
    }
}

/// The command line's way.
pub(super) async fn run(args: &SweepArgs, process: &Process, redactor: &Redactor) -> ExitCode {
    let swept = match swept(args, process, redactor).await {
        Ok(swept) => swept,
        Err(mistake) => {
            print(&format!("Error: {mistake}\n"));
            return ExitCode::Failed;
        }
    };
    if swept.is_empty() {
        print("Nothing to sweep: there is no such preview.\n");
    }
    if show(&swept, redactor) { ExitCode::Leftovers } else { ExitCode::Success }
}

async fn swept(args: &SweepArgs, process: &Process, redactor: &Redactor) -> Result<Vec<Swept>, String> {
    let services = Services::default();
    take_role(&services, &args.aws, process, redactor)?;
    let repository = args.repository.clone().or_else(|| process.var("GITHUB_REPOSITORY").map(str::to_owned));
    let which = match args.pull_request {
        Some(pull_request) => Which::Of {
            repository: repository.ok_or("--repository is missing: owner/name of the pull request on GitHub")?,
            pull_request,
        },
        None => {
            let text = args.older_than.as_deref().unwrap_or(OLD);
            let older_than = age(text).ok_or_else(|| format!("--older-than: {text:?} is no length of time"))?;
            Which::Over { repository: args.repository.clone(), older_than, given: args.older_than.is_some() }
        }
    };
    let mut places = Places {
        registries: args.registry.iter().cloned().collect(),
        aws: args.by_tag,
        regions: args.aws_regions.clone(),
    };
    if args.registry.is_empty() {
        let mut front = Front::empty();
        let plan = PlanArgs { template: args.template.clone(), ..PlanArgs::default() };
        for chosen in choose(&plan, &mut front, process) {
            let read = chosen.read(ASKED, true, &mut front, process, redactor).await;
            places.add(read.iter().flat_map(|image| &image.plan.builds));
        }
        if front.refuse(crate::diagnostic::Style::Plain, process, redactor).is_some() {
            return Err("the templates tell which registries hold previews; name them with --registry".to_owned());
        }
    }
    Ok(remove(&which, &places, &services, redactor).await)
}

/// Data sources are not read for the names of repositories.
const ASKED: Asked =
    Asked { warn_undeclared: false, syntax_only: false, read_data: false, ask_services: true, inputs: false };

/// Removes them, and tells each.
pub(crate) async fn remove(which: &Which, places: &Places, services: &Services, redactor: &Redactor) -> Vec<Swept> {
    let mut swept = in_registries(which, &places.registries, redactor).await;
    if places.aws {
        match in_aws(which, &places.regions, services, redactor).await {
            Ok(found) => swept.extend(found),
            Err(error) => swept.push(Swept::Failed(format!("previews in AWS: {error}"))),
        }
    }
    swept
}

#[cfg(feature = "docker")]
async fn in_registries(which: &Which, names: &BTreeSet<String>, redactor: &Redactor) -> Vec<Swept> {
    use crate::client::registry::{Registries, Repository};
    let mut swept = Vec::new();
    if names.is_empty() {
        return swept;
    }
    let registries = match Registries::new(redactor) {
        Ok(registries) => registries,
        Err(error) => return vec![Swept::Failed(error)],
    };
    for name in names {
        let found = match Repository::parse(name) {
            Ok(repository) => in_registry(which, &registries, &repository).await,
            Err(error) => Err(error),
        };
        match found {
            Ok(found) => swept.extend(found),
            Err(error) => swept.push(Swept::Failed(format!("previews in {name}: {error}"))),
        }
    }
    swept
}

#[cfg(feature = "docker")]
async fn in_registry(
    which: &Which,
    registries: &crate::client::registry::Registries,
    repository: &crate::client::registry::Repository,
) -> Result<Vec<Swept>, crate::client::registry::RegistryError> {
    use crate::client::registry::Untagged;
    use crate::run::preview::of_tag;
    let tags = registries.tags(repository).await?;
    let mut going = BTreeSet::new();
    for tag in tags {
        let Some(number) = of_tag(&tag) else { continue };
        let goes = match which {
            Which::Of { pull_request, .. } => number == *pull_request,
            Which::Over { older_than, .. } => is_old(registries, repository, &tag, *older_than).await?,
        };
        if goes {
            going.insert(tag);
        }
    }
    let (mut swept, mut gone) = (Vec::new(), false);
    for tag in &going {
        let shown = format!("image {repository}:{tag}");
        swept.push(match registries.delete(repository, tag, &going).await {
            Ok(Untagged::Removed) => {
                gone = true;
                Swept::Removed(shown)
            }
            // With another preview's tag of the same image.
            Ok(Untagged::Absent) if gone => Swept::Removed(shown),
            Ok(Untagged::Absent) => Swept::Absent(shown),
            Ok(Untagged::Shared(other)) => Swept::Failed(format!(
                "could not remove {shown}: {other} is the same image, and this registry removes whole images only"
            )),
            Err(error) => Swept::Failed(format!("could not remove {shown}: {error}{}", advice(&repository.registry))),
        });
    }
    Ok(swept)
}

/// What to do where a registry deletes in a way of its own.
#[cfg(feature = "docker")]
fn advice(registry: &str) -> &'static str {
    match registry {
        "ghcr.io" => {
            "; GitHub's registry deletes by GitHub's own interface only: see \"GitHub's registry\" in docs/preview.md"
        }
        _ => "",
    }
}

/// By the time at which the image says that it was made; one that says none stays.
#[cfg(feature = "docker")]
async fn is_old(
    registries: &crate::client::registry::Registries,
    repository: &crate::client::registry::Repository,
    tag: &str,
    older_than: Duration,
) -> Result<bool, crate::client::registry::RegistryError> {
    let Some(manifest) = registries.manifest(repository, tag).await? else { return Ok(false) };
    let created = registries.created(repository, &manifest).await?;
    let created = created.and_then(|at| chrono::DateTime::parse_from_rfc3339(&at).ok());
    Ok(created.is_some_and(|at| {
        let at: SystemTime = at.with_timezone(&chrono::Utc).into();
        SystemTime::now().duration_since(at).is_ok_and(|past| past >= older_than)
    }))
}

#[cfg(not(feature = "docker"))]
async fn in_registries(_: &Which, names: &BTreeSet<String>, _: &Redactor) -> Vec<Swept> {
    let failed =
        |name: &String| Swept::Failed(format!("{name}: this program was built without the feature \"docker\""));
    names.iter().map(failed).collect()
}

#[cfg(feature = "aws")]
async fn in_aws(
    which: &Which,
    regions: &[String],
    services: &Services,
    redactor: &Redactor,
) -> Result<Vec<Swept>, String> {
    use crate::client::aws::{Access, Previews};
    use crate::run::preview::pull_request;
    let wanted = match which {
        Which::Of { repository, pull_request: number } => Previews::Of(pull_request(repository, *number)),
        Which::Over { repository, older_than, given } => {
            Previews::Expired { repository: repository.clone(), older_than: given.then_some(*older_than) }
        }
    };
    let access = Access { region: regions.first().cloned().unwrap_or_default(), ..Access::default() };
    let aws = services.aws.get(&access, redactor).await.map_err(|error| error.to_string())?;
    let found = aws.sweep_previews(regions, &wanted).await.map_err(|error| error.to_string())?;
    Ok(found.into_iter().map(|found| super::line(found, "")).collect())
}

#[cfg(not(feature = "aws"))]
async fn in_aws(_: &Which, _: &[String], _: &Services, _: &Redactor) -> Result<Vec<Swept>, String> {
    Err("this program was built without the feature \"aws\"".to_owned())
}
