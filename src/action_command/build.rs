//! The builds of the action as one run, told on GitHub as they go, beside the record that previews are compared with.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::baseline::Looking;
use super::outputs::{self, Done};
use super::patience::Patience;
use super::preview::Late;
use super::reporting::Reporting;
use super::requests::SHORT;
use super::{Step, tasks};
use crate::app::{self, Around};
use crate::engine::Skip;
use crate::exit_code::ExitCode;
use crate::front::Front;
use crate::report::Record;
use crate::sweep_command;

/// Runs the plan of `front`. `looking` is the search for what the builds are compared with, where there is one.
pub(super) async fn run(
    front: Front,
    (mut around, mut looking): (Around, Option<Looking>),
    reporting: Reporting,
    step: &Step<'_>,
    done: &mut Done,
) -> ExitCode {
    let Step { inputs, process, redactor, .. } = step;
    let args = tasks::build_arguments(inputs);
    let begun = Instant::now();
    let (reporters, delivery) = reporting.start(app::console_of_action(&args, process), process, redactor);
    if let Some(preview) = &mut around.preview {
        preview.shared = app::shared_repositories(&front.plan.builds);
    }
    let (sender, mut missed) = oneshot::channel();
    // Which builds need not run, and what has changed, is known by it too; without it all of them do.
    let mut patience = Patience::default();
    let found = match &mut looking {
        Some(looking) => {
            let names = front.plan.builds.iter().map(|build| build.title.name.clone()).collect();
            looking.soon(names, &mut patience).await
        }
        None => None,
    };
    looking.take_if(|_| found.is_some());
    let told = found.flatten();
    // A preview is about what a pull request changes.
    let skips = around.preview.is_some() || inputs.skip_unchanged;
    let comparison = &reporting.comparison;
    let skip = skips.then(|| Arc::new(Skip { earlier: comparison.earlier(), before: comparison.before() }));
    around.last = looking.map(|looking| -> BoxFuture<'static, ()> {
        Box::pin(async move { drop(sender.send(looking.at_last().await)) })
    });
    let late = around.preview.as_ref().and_then(|preview| Late::of(preview, inputs, step.trigger, &front));
    let services = Arc::clone(&front.services);
    let (tally, view) = app::execute(front, (&args, skip), around, process, redactor, reporters).await;
    if let Some(missed) = told.or_else(|| missed.try_recv().ok().flatten()) {
        reporting.notice(missed);
    }
    done.cancelled = tally.cancelled > 0 || view.cancelled.is_some();
    done.manifest.clone_from(&view.manifest);
    let record = Record::of(&view, &reporting.about());
    // What later steps read is written whatever GitHub does; the record before all else.
    let keeping = done.write_record(&record, process, redactor);
    // Whoever cancels a run grants it no time for questions, and hardly anybody closes in so short a time.
    let late = late.filter(|_| !done.cancelled && begun.elapsed() >= SHORT);
    let removed = async {
        match late {
            Some(late) => late.remove(&services, redactor, patience).await,
            None => None,
        }
    };
    let (marked, (), swept) = tokio::join!(reporting.finish(delivery, patience), outputs::keep(keeping), removed);
    let left = swept.is_some_and(|swept| {
        reporting.notice("the pull request was closed while this ran: its previews are removed".to_owned());
        sweep_command::show(&swept, redactor)
    });
    done.take(record, inputs, marked.as_ref());
    match app::exit_code(tally) {
        ExitCode::Success if left => ExitCode::Leftovers,
        code => code,
    }
}
