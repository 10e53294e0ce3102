//! `forge sweep`: what earlier runs left, by their journals, and in AWS by tag.

mod github_registry;
mod previews;
#[cfg(feature = "docker")]
mod registries;

pub(crate) use github_registry::OnGithub;
pub(crate) use previews::{Places, Which, remove};

use std::time::Duration;

use crate::app::{Process, print, print_commands, take_role, with_causes};
use crate::cli::SweepArgs;
use crate::client::Services;
use crate::client::github::Identity;
use crate::engine::sweep::{Swept, sweep};
use crate::exit_code::ExitCode;
use crate::report::github::deliver_left;
use crate::secret::Redactor;

/// Runs that began less than so long ago may still be going.
const YOUNG: &str = "12h";

/// What GitHub is told has this long, seen from the sweep's start. After a cancellation the runner ends the job in five
/// minutes less fifteen seconds, of which the main step takes ten and the wait for a build that goes on 215.
const AFTER_WAITING: Duration = Duration::from_secs(55);
/// Where the build had ended before the post step began, which then has waited for nothing.
const AFTER_END: Duration = Duration::from_secs(200);
/// However long the sweep itself took.
const AT_LEAST: Duration = Duration::from_secs(10);

/// Sweeps and reports a line each: what was removed, what was gone, and what could not be removed and why.
pub(crate) async fn run(args: &SweepArgs, process: &Process, redactor: &Redactor) -> ExitCode {
    if args.previews || args.pull_request.is_some() {
        return previews::run(args, process, redactor).await;
    }
    let services = Services::default();
    if let Err(mistake) = take_role(&services, &args.aws, process, redactor) {
        print(&format!("Error: {mistake}\n"));
        return ExitCode::Failed;
    }
    let folder = args.state.clone().unwrap_or_else(|| process.state_folder());
    let mut swept = match sweep(&folder, &services).await {
        Ok(swept) => swept,
        Err(error) => {
            print(&format!("Error: {}\n", with_causes(&error)));
            return ExitCode::Failed;
        }
    };
    if args.by_tag {
        match by_tag(args, &services, redactor).await {
            Ok(more) => swept.extend(more),
            Err(error) => swept.push(Swept::Failed(error)),
        }
    }
    let failed = show(&swept, redactor);
    let reported = deliver_left(&folder, identity(process).as_ref(), redactor, patience(process)).await;
    reported.lines.iter().for_each(|line| print(&redactor.redact(&format!("{line}\n"))));
    if process.on_actions() {
        print_commands(&redactor.redact(&reported.marks));
    }
    if swept.is_empty() && reported.lines.is_empty() {
        let aws = if args.by_tag { ", and nothing in AWS carries the tag forge:run" } else { "" };
        print(&format!("Nothing to sweep: no run left anything open in {}{aws}.\n", folder.display()));
    }
    if failed { ExitCode::Leftovers } else { ExitCode::Success }
}

/// A line for each. Whether something is still there that should not be.
pub(crate) fn show(swept: &[Swept], redactor: &Redactor) -> bool {
    let mut failed = false;
    for line in swept {
        failed |= matches!(line, Swept::Failed(_));
        print(&redactor.redact(&match line {
            Swept::Alive(run) => format!("running   {run}: its run is still going, left alone\n"),
            Swept::Young(things) => format!("young     {things}\n"),
            Swept::Removed(resource) => format!("removed   {resource}\n"),
            Swept::Absent(resource) => format!("gone      {resource}\n"),
            Swept::Left(thing) => format!("left      {thing}\n"),
            Swept::Failed(error) => format!("FAILED    {error}\n"),
        }));
    }
    failed
}

/// How long GitHub may take. The launcher's state tells its post step whether the main step has seen the build end.
fn patience(process: &Process) -> Duration {
    let waited = process.on_actions() && process.var("STATE_finished").is_none();
    let limit = if waited { AFTER_WAITING } else { AFTER_END };
    limit.saturating_sub(process.started.elapsed().unwrap_or_default()).max(AT_LEAST)
}

/// Who tells GitHub what a run could not: as in the action's inputs, which its post step has too.
fn identity(process: &Process) -> Option<Identity> {
    let app = process.var("INPUT_GITHUB-APP-ID").and_then(|id| id.trim().parse().ok());
    if let (Some(id), Some(key)) = (app, process.var("INPUT_GITHUB-APP-KEY")) {
        return Some(Identity::App { id, key: key.to_owned() });
    }
    let token = process.var("INPUT_GITHUB-TOKEN").or_else(|| process.var("GITHUB_TOKEN"));
    token.map(|token| Identity::Token(token.trim().to_owned()))
}

#[cfg(feature = "aws")]
async fn by_tag(args: &SweepArgs, services: &Services, redactor: &Redactor) -> Result<Vec<Swept>, String> {
    use crate::client::aws::{Access, Wanted};
    let young = args.older_than.as_deref().unwrap_or(YOUNG);
    let older_than = crate::eval::duration::parse(young);
    let older_than = older_than.map_err(|error| format!("--older-than: {error}"))?;
    let region = args.aws_regions.first().filter(|_| args.aws.aws_region.is_none()).cloned().unwrap_or_default();
    let access = Access { region, ..Access::default() };
    let aws = services.aws.get(&access, redactor).await.map_err(|error| error.to_string())?;
    let wanted = Wanted {
        regions: args.aws_regions.clone(),
        run: args.run.clone(),
        older_than,
        buckets: args.aws_buckets.clone(),
    };
    let found = aws.sweep(&wanted).await.map_err(|error| error.to_string())?;
    Ok(found.into_iter().map(|found| line(found, young)).collect())
}

/// `young` is the age that a run must have.
#[cfg(feature = "aws")]
fn line(found: crate::client::aws::Found, young: &str) -> Swept {
    use crate::client::aws::Found;
    match found {
        Found::Removed(thing) => Swept::Removed(thing),
        Found::Young(run, things) => Swept::Young(format!(
            "{things} things of run {run}, which began less than {young} ago and may still be going: left alone"
        )),
        Found::Failed(thing, reason) => Swept::Failed(format!("could not remove {thing}: {reason}")),
    }
}

#[cfg(not(feature = "aws"))]
async fn by_tag(_: &SweepArgs, _: &Services, _: &Redactor) -> Result<Vec<Swept>, String> {
    Err("--aws: this program was built without the feature \"aws\"".to_owned())
}
