//! What decides the images of a plan: files are read, registries and clouds are asked for source images. Nothing of it
//! fails a plan.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::PlannedImage;
use crate::app::Process;
use crate::plan::PlannedBuild;
use crate::run::cancel::Cancel;
use crate::run::cleanup::CleanupStack;
use crate::run::inputs::{Hashes, Inputs, Places, Planned};
use crate::run::journal::Journal;
use crate::run::{BuildContext, RunInfo, event, id};
use crate::secret::Redactor;

/// Whoever has not said by then which image a name stands for is not waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The inputs of every build, in the order of the plan.
pub(crate) async fn of(planned: &[PlannedImage], process: &Process, redactor: &Redactor) -> Vec<Inputs> {
    let (hashes, places) = (Arc::new(Hashes::default()), Arc::new(Places::new(&process.cwd)));
    let run =
        RunInfo { id: id::time_ordered(), force: false, cleans_up: true, cwd: process.cwd.clone(), preview: None };
    // Nobody hears what is said, and nothing is ever written to the journal.
    let cx = BuildContext {
        cleanup: CleanupStack::new(Journal::new(&process.state_folder(), &run.id)),
        run: Arc::new(run),
        source_name: String::new(),
        builder_type: String::new(),
        events: event::channel(redactor.clone()).0,
        cancel: Cancel::default(),
        digest: None,
    };
    let builds = planned.iter().flat_map(|image| &image.plan.builds);
    let work = builds.map(|build| one(build, Arc::clone(&hashes), Arc::clone(&places), &cx));
    let mut all = join_all(work).await;
    for inputs in &mut all {
        let texts = inputs.list.iter_mut().filter_map(|input| input.value.as_mut()).chain(&mut inputs.unknown);
        texts.for_each(|text| *text = redactor.redact(text));
    }
    all
}

async fn one(build: &PlannedBuild, hashes: Arc<Hashes>, places: Arc<Places>, cx: &BuildContext) -> Inputs {
    let planned = build.inputs.clone().unwrap_or_else(|| Planned::unknown("they were not looked for"));
    let read = tokio::task::spawn_blocking(move || planned.read(&places, &hashes));
    let asked = tokio::time::timeout(PATIENCE, build.builder.source_image(cx));
    let (read, asked) = tokio::join!(read, asked);
    let source = match asked {
        Ok(source) => source.map_err(|error| format!("the source image: {error}")),
        Err(_) => Err(format!("the source image: no answer in {} s", PATIENCE.as_secs())),
    };
    let read = read.unwrap_or_else(|error| Inputs { unknown: Some(error.to_string()), ..Inputs::default() });
    read.with_source(source)
}
