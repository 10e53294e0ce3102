//! The only place with effects: runs the plan's builds under a limit and tells what happens as events.
//!
//! Builders, provisioners and post-processors are known by their traits only. A build that fails does not stop the
//! others; a cancelled run starts no more builds and every running one cleans up.

mod build;
mod cleanup;
mod post_process;
mod provision;
pub(crate) mod sweep;

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::Services;
use crate::plan::Plan;
use crate::run::cancel::Cancel;
use crate::run::cleanup::CleanupStack;
use crate::run::event::{EventKind, EventSender, Outcome};
use crate::run::journal::Journal;
use crate::run::{BuildContext, RunInfo};

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

/// Runs every build of the plan. Builds start in listing order as places become free.
pub(crate) async fn run(plan: Plan, shop: &Workshop) -> Tally {
    let begun = Instant::now();
    let titles = plan.builds.iter().map(|build| build.title.clone()).collect();
    shop.events.send(EventKind::RunStarted { run: shop.run.id.clone(), builds: titles });
    let places = Arc::new(Semaphore::new(shop.settings.parallel.unwrap_or(Semaphore::MAX_PERMITS)));
    let mut running = JoinSet::new();
    let mut tally = Tally::default();
    for (number, build) in plan.builds.into_iter().enumerate() {
        let place = shop.cancel.unless_stopped(Arc::clone(&places).acquire_owned()).await;
        let events = shop.events.for_build(number);
        let Ok(Ok(place)) = place else {
            let took = std::time::Duration::ZERO;
            events.send(EventKind::BuildFinished { outcome: Outcome::Cancelled, took, artifacts: Vec::new() });
            tally.cancelled += 1;
            continue;
        };
        let cx = BuildContext {
            run: Arc::clone(&shop.run),
            source_name: build.source_name.clone(),
            builder_type: build.title.builder.clone(),
            events,
            cancel: shop.cancel.clone(),
            cleanup: CleanupStack::new(shop.journal.clone()),
        };
        let shop = shop.clone();
        running.spawn(async move {
            let ended = build::run(build, &cx, &shop).await;
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
