//! The only place with effects: runs the plan's builds under a limit and tells what happens as events.
//!
//! Builders, provisioners and post-processors are known by their traits only. A build that fails does not stop the
//! others; a cancelled run starts no more builds and every running one cleans up.

mod build;
mod cleanup;
mod post_process;
mod provision;
pub(crate) mod sweep;
mod unchanged;

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::{BoxFuture, join_all};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::Services;
use crate::plan::{Plan, PlannedBuild};
use crate::run::cancel::Cancel;
use crate::run::cleanup::CleanupStack;
use crate::run::event::{EventKind, EventSender, Outcome};
use crate::run::inputs::{Hashes, Inputs, Places, Planned};
use crate::run::journal::Journal;
use crate::run::{BuildContext, RunInfo};
use unchanged::Built;
pub(crate) use unchanged::Skip;

/// What happens to a machine when its build fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum OnError {
    /// Release everything.
    #[default]
    Cleanup,
    /// Leave everything as it is; `forge sweep` releases it later.
    Abort,
    /// Ask on the terminal: clean up, abort or try the step again.
    Ask,
    /// Run the error-cleanup provisioner, then leave everything as it is.
    RunCleanupProvisioner,
}

/// Reads a line from the person at the terminal, whom an event has asked.
pub(crate) type Ask = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// How to run.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Builds at the same time; nothing for all of them.
    pub parallel: Option<usize>,
    pub on_error: OnError,
    /// Take the inventory of what becomes an image.
    pub inventory: bool,
    /// Asks for [`OnError::Ask`]; without it the answer is to clean up.
    pub ask: Option<Ask>,
    /// Builds whose image is there already are not run.
    pub skip: Option<Arc<Skip>>,
}

/// What a build needs besides itself.
#[derive(Clone)]
pub(crate) struct Workshop {
    pub settings: Settings,
    pub services: Arc<Services>,
    pub run: Arc<RunInfo>,
    pub events: EventSender,
    pub cancel: Cancel,
    pub journal: Journal,
}

/// How the run ended, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub failed: usize,
    pub cancelled: usize,
    /// Resources that could not be released.
    pub leftovers: usize,
}

/// Inputs on their way: files are read beside everything else.
type Reading = BoxFuture<'static, Inputs>;

/// Runs every build of the plan. Builds start in listing order as places become free.
pub(crate) async fn run(plan: Plan, shop: &Workshop) -> Tally {
    let begun = Instant::now();
    let titles = plan.builds.iter().map(|build| build.title.clone()).collect();
    shop.events.send(EventKind::RunStarted { run: shop.run.id.clone(), builds: titles });
    let places = Arc::new(Semaphore::new(shop.settings.parallel.unwrap_or(Semaphore::MAX_PERMITS)));
    let mut running = JoinSet::new();
    let mut tally = Tally::default();
    let contexts: Vec<BuildContext> =
        plan.builds.iter().enumerate().map(|(number, build)| context(build, number, shop)).collect();
    let readings = readings(&plan, shop);
    let readings = skip(&plan, &contexts, readings, shop).await;
    for ((build, cx), reading) in plan.builds.into_iter().zip(contexts).zip(readings) {
        let Some(reading) = reading else { continue };
        let place = shop.cancel.unless_stopped(Arc::clone(&places).acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            let took = std::time::Duration::ZERO;
            let outcome = Outcome::Cancelled;
            cx.events.send(EventKind::BuildFinished { outcome, took, artifacts: Vec::new() });
            tally.cancelled += 1;
            continue;
        };
        let shop = shop.clone();
        running.spawn(async move {
            let ended = build::run(build, reading, &cx, &shop).await;
            drop(place);
            ended
        });
    }
    while let Some(ended) = running.join_next().await {
        match ended {
            Ok(ended) => {
                tally.failed += usize::from(matches!(ended.outcome, Outcome::Failed(_)));
                tally.cancelled += usize::from(ended.outcome == Outcome::Cancelled);
                tally.leftovers += ended.leftovers;
            }
            // A panic in a component: its build is lost, the journal still knows what it made.
            Err(error) => {
                shop.events.send(EventKind::Error { text: format!("a build ended abnormally: {error}") });
                tally.failed += 1;
            }
        }
    }
    if let Err(error) = shop.journal.finish() {
        shop.events.send(EventKind::Warning { text: error.to_string() });
    }
    shop.events.send(EventKind::RunFinished { took: begun.elapsed() });
    tally
}

fn context(build: &PlannedBuild, number: usize, shop: &Workshop) -> BuildContext {
    let run = match build.in_earnest && shop.run.preview.is_some() {
        true => Arc::new(RunInfo { preview: None, ..(*shop.run).clone() }),
        false => Arc::clone(&shop.run),
    };
    BuildContext {
        run,
        source_name: build.source_name.clone(),
        builder_type: build.title.builder.clone(),
        events: shop.events.for_build(number),
        cancel: shop.cancel.clone(),
        cleanup: CleanupStack::new(shop.journal.clone()),
        digest: None,
    }
}

/// Begins to read the files of all builds, as they are before any of them runs.
fn readings(plan: &Plan, shop: &Workshop) -> Vec<Reading> {
    let (hashes, places) = (Arc::new(Hashes::default()), Arc::new(Places::new(&shop.run.cwd)));
    let read = |build: &PlannedBuild| -> Reading {
        let Some(planned) = build.inputs.clone() else {
            return Box::pin(std::future::ready(Planned::unknown("they were not looked for").read(&places, &hashes)));
        };
        let (hashes, places) = (Arc::clone(&hashes), Arc::clone(&places));
        let reading = tokio::task::spawn_blocking(move || planned.read(&places, &hashes));
        Box::pin(async move {
            reading.await.unwrap_or_else(|error| Inputs { unknown: Some(error.to_string()), ..Inputs::default() })
        })
    };
    plan.builds.iter().map(read).collect()
}

/// Finds the builds that need not run, all side by side, and ends them: nothing is left of their readings.
async fn skip(plan: &Plan, contexts: &[BuildContext], readings: Vec<Reading>, shop: &Workshop) -> Vec<Option<Reading>> {
    let Some(skip) = shop.settings.skip.as_deref().filter(|_| !shop.run.force) else {
        return readings.into_iter().map(Some).collect();
    };
    let looks = plan.builds.iter().zip(contexts).zip(readings).map(|((build, cx), reading)| async move {
        let begun = Instant::now();
        let inputs = reading.await;
        (unchanged::look(build, inputs.clone(), skip, cx, shop).await, inputs, begun.elapsed())
    });
    let looked = join_all(looks).await;
    let mut left = Vec::new();
    for (cx, (looked, inputs, took)) in contexts.iter().zip(looked) {
        left.push(match looked.verdict {
            Ok(artifact) => {
                cx.events.send(EventKind::BuildStarted);
                build::tell_inputs(&looked.inputs, cx);
                let (outcome, artifacts) = (Outcome::Unchanged, vec![artifact]);
                cx.events.send(EventKind::BuildFinished { outcome, took, artifacts });
                None
            }
            // A stopped run has its own words for this.
            Err(_) if shop.cancel.is_stopped() => Some(ready(inputs)),
            Err(Built::For(why)) => {
                cx.say(format!("Building the image anew: {why}"));
                Some(ready(inputs))
            }
            Err(Built::Unsure(why)) => {
                cx.warn(format!("Building the image, since nobody can say whether it is there: {why}"));
                Some(ready(inputs))
            }
        });
    }
    left
}

fn ready(inputs: Inputs) -> Reading {
    Box::pin(std::future::ready(inputs))
}
