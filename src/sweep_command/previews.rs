//! Removing previews: of a pull request that is over, or those whose time is over. Images say themselves whose preview
//! they are; nothing else is touched.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::{OnGithub, identity, show};
use crate::app::{Process, print, take_role};
use crate::cli::{PlanArgs, SweepArgs, WhichArgs, age};
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
        /// Of one repository on GitHub only, `owner/name`.
        repository: Option<String>,
        older_than: Duration,
        /// What says itself when it is over is not asked for its age.
        given: bool,
    },
}

impl Which {
    /// Whether previews of a pull request of that number may be meant.
    pub(super) fn may_be_of(&self, number: u64) -> bool {
        match self {
            Self::Of { pull_request, .. } => *pull_request == number,
            Self::Over { .. } => true,
        }
    }

    /// Whether an image goes that says whose preview it is (`owner/name#12`), made at that time. `number` is that of its
    /// tag.
    pub(super) fn takes(&self, of: &str, number: u64, made: Option<SystemTime>) -> bool {
        let Some((whose, of_number)) = of.rsplit_once('#') else { return false };
        let own = |repository: &str| whose.eq_ignore_ascii_case(repository);
        of_number == number.to_string()
            && match self {
                Self::Of { repository, pull_request } => own(repository) && *pull_request == number,
                Self::Over { repository, older_than, .. } => {
                    let past = made.and_then(|at| SystemTime::now().duration_since(at).ok());
                    repository.as_deref().is_none_or(own) && past.is_some_and(|past| past >= *older_than)
                }
            }
    }
}

/// Where previews are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// Repositories of registries.
    pub registries: BTreeSet<String>,
    /// For GitHub's own registry.
    pub github: Option<OnGithub>,
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
    let github = on_github(repository.clone(), process);
    let which = match args.pull_request {
        Some(pull_request) => Which::Of {
            repository: repository.ok_or("--repository is missing: owner/name of the pull request on GitHub")?,
            pull_request,
        },
        None => {
            let text = args.older_than.as_deref().unwrap_or(OLD);
            let older_than = age(text).ok_or_else(|| format!("--older-than: {text:?} is no length of time"))?;
            let repository = repository.filter(|_| !args.all_repositories);
            if repository.is_none() && !args.all_repositories {
                return Err("whose previews are to go is not known: name the repository on GitHub with --repository \
                            owner/name, or mean those of all with --all-repositories"
                    .to_owned());
            }
            Which::Over { repository, older_than, given: args.older_than.is_some() }
        }
    };
    let mut places = Places {
        registries: args.registry.iter().cloned().collect(),
        github,
        aws: args.by_tag,
        regions: args.aws_regions.clone(),
    };
    if args.registry.is_empty() {
        let mut front = Front::empty();
        let plan = PlanArgs {
            which: WhichArgs { template: args.template.clone(), ..WhichArgs::default() },
            ..PlanArgs::default()
        };
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

/// GitHub as the environment names it, where there is a token.
fn on_github(repository: Option<String>, process: &Process) -> Option<OnGithub> {
    let api = process.var("GITHUB_API_URL").filter(|api| !api.is_empty()).unwrap_or("https://api.github.com");
    identity(process).map(|identity| OnGithub { api: api.trim_end_matches('/').to_owned(), identity, repository })
}

/// Data sources are not read for the names of repositories.
const ASKED: Asked =
    Asked { warn_undeclared: false, syntax_only: false, read_data: false, ask_services: true, inputs: false };

/// Removes them, and tells each.
pub(crate) async fn remove(which: &Which, places: &Places, services: &Services, redactor: &Redactor) -> Vec<Swept> {
    let mut swept = in_registries(which, places, redactor).await;
    if places.aws {
        match in_aws(which, &places.regions, services, redactor).await {
            Ok(found) => swept.extend(found),
            Err(error) => swept.push(Swept::Failed(format!("previews in AWS: {error}"))),
        }
    }
    swept
}

#[cfg(feature = "docker")]
async fn in_registries(which: &Which, places: &Places, redactor: &Redactor) -> Vec<Swept> {
    super::registries::sweep(which, places, redactor).await
}

#[cfg(not(feature = "docker"))]
async fn in_registries(_: &Which, places: &Places, _: &Redactor) -> Vec<Swept> {
    let failed =
        |name: &String| Swept::Failed(format!("{name}: this program was built without the feature \"docker\""));
    places.registries.iter().map(failed).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_goes_by_what_it_says_itself() {
        let of = Which::Of { repository: "octo/images".to_owned(), pull_request: 7 };
        let day = Duration::from_secs(86400);
        let over = |repository: Option<&str>| Which::Over {
            repository: repository.map(str::to_owned),
            older_than: day,
            given: false,
        };
        let (old, young) = (SystemTime::now() - 2 * day, SystemTime::now());
        for (which, said, number, made, goes) in [
            (of.clone(), "octo/images#7", 7, None, true),
            // GitHub's names have no case.
            (of.clone(), "Octo/Images#7", 7, None, true),
            (of.clone(), "octo/others#7", 7, None, false),
            (of.clone(), "octo/images#77", 7, None, false),
            (of, "octo/images", 7, None, false),
            (over(Some("octo/images")), "octo/images#7", 7, Some(old), true),
            (over(Some("octo/images")), "octo/images#7", 7, Some(young), false),
            (over(Some("octo/images")), "octo/images#7", 7, None, false),
            (over(Some("octo/images")), "octo/others#7", 7, Some(old), false),
            (over(Some("octo/images")), "octo/images#7", 8, Some(old), false),
            (over(None), "octo/others#7", 7, Some(old), true),
        ] {
            assert_eq!(which.takes(said, number, made), goes, "{which:?} {said} {number}");
        }
    }
}
