//! One build from launch to released, on one page.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{OnError, Reading, Workshop, cleanup, post_process, provision};
use crate::builder::{BuilderError, Facts, Machine, Makes};
use crate::communicator::Communicator;
use crate::inventory::{self, Inventory};
use crate::plan::PlannedBuild;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::cancel::Cancelled;
use crate::run::event::{EventKind, Outcome, Phase};
use crate::run::inputs::Inputs;

/// How a build ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub outcome: Outcome,
    pub leftovers: usize,
}

/// Why a build did not get its artifact.
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    #[error("{0}")]
    Failed(String),
    /// Failed, and the person asked wants everything left as it is.
    #[error("{0}")]
    Aborted(String),
}

impl From<BuilderError> for BuildError {
    fn from(error: BuilderError) -> Self {
        match error {
            BuilderError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// A machine that provisioners can work on.
pub(super) struct Connected {
    pub machine: Box<dyn Machine>,
    pub communicator: Arc<dyn Communicator>,
    pub facts: Facts,
}

/// A call that creates something is not abandoned at once when the run is told twice to stop: most are answered soon.
const LAST_CALL: Duration = Duration::from_secs(5);

async fn given_up(cx: &BuildContext) {
    cx.cancel.kill.cancelled().await;
    tokio::time::sleep(LAST_CALL).await;
}

/// Runs one build and tells how it ended. On every path the machine is released, unless `-on-error` says otherwise.
pub(super) async fn run(build: PlannedBuild, reading: Reading, cx: &BuildContext, shop: &Workshop) -> Ended {
    let begun = Instant::now();
    cx.events.send(EventKind::BuildStarted);
    let mut connected = None;
    let mut made = tokio::select! {
        biased;
        made = make(&build, reading, &mut connected, cx, shop) => made,
        // What is being created is in the journal.
        () = given_up(cx) => Err(Cancelled.into()),
    };
    let mut kept = false;
    if let Err(error) = &mut made {
        let on_error = shop.settings.on_error;
        kept = matches!(on_error, OnError::Abort | OnError::RunCleanupProvisioner)
            || matches!(error, BuildError::Aborted(_));
        if on_error != OnError::Abort && matches!(error, BuildError::Failed(_)) {
            provision::error_cleanup(&build, connected.as_ref(), error, cx, shop).await;
        }
    }
    drop(connected);
    let mut leftovers = 0;
    if kept {
        cx.error("The build is aborted; what it created stays. Run `forge sweep` to release it.");
    } else {
        cx.events.send(EventKind::PhaseStarted { phase: Phase::Cleanup });
        leftovers = cleanup::release_all(cx, shop).await;
        cx.events.send(EventKind::PhaseFinished { phase: Phase::Cleanup });
    }
    let (outcome, artifacts) = match made {
        Ok(Some(artifact)) => {
            let done = post_process::run(&build.sequences, artifact, cx, shop).await;
            leftovers += done.leftovers;
            (done.outcome, done.artifacts)
        }
        Ok(None) => (Outcome::Succeeded, Vec::new()),
        Err(BuildError::Cancelled(_)) => (Outcome::Cancelled, Vec::new()),
        Err(BuildError::Failed(error) | BuildError::Aborted(error)) => (Outcome::Failed(error), Vec::new()),
    };
    cx.events.send(EventKind::BuildFinished { outcome: outcome.clone(), took: begun.elapsed(), artifacts });
    Ended { outcome, leftovers }
}

/// Launch, connect, provision, capture. `connected` is filled as soon as there is a machine to work on, so that the
/// error-cleanup provisioner can reach it after any later failure.
async fn make(
    build: &PlannedBuild,
    reading: Reading,
    connected: &mut Option<Connected>,
    cx: &BuildContext,
    shop: &Workshop,
) -> Result<Option<Artifact>, BuildError> {
    let machine = stage(Phase::Launch, cx, shop, || async { Ok(build.builder.launch(cx).await?) }).await?;
    let communicator = stage(Phase::Connect, cx, shop, || async { Ok(machine.connect(cx).await?) }).await?;
    let mut facts = machine.facts();
    facts.insert("PackerRunUUID".to_owned(), shop.run.id.clone());
    tell_source(&facts, cx);
    let connected = connected.insert(Connected { machine, communicator, facts });
    let mut provisioned = Ok(());
    if !build.provisioners.is_empty() {
        cx.events.send(EventKind::PhaseStarted { phase: Phase::Provision });
        provisioned = provision::all(&build.provisioners, connected, cx, shop).await;
        cx.events.send(EventKind::PhaseFinished { phase: Phase::Provision });
    }
    // Large files may still be read.
    let inputs = reading.await.with_source(connected.machine.source_image());
    tell_inputs(&inputs, cx);
    provisioned?;
    let inventory = if shop.settings.inventory { take_inventory(build, connected, cx).await? } else { None };
    let machine = &connected.machine;
    let own = BuildContext { digest: inputs.digest(), ..cx.clone() };
    let mut artifact = stage(Phase::Capture, cx, shop, || async { Ok(machine.capture(&own).await?) }).await?;
    if let Some(artifact) = &mut artifact {
        artifact.facts.entry("PackerRunUUID".to_owned()).or_insert_with(|| shop.run.id.clone());
        tell_contents(artifact, inventory, cx);
    }
    Ok(artifact)
}

/// Looks at what is about to become an image. Whatever goes wrong in it, the build goes on.
async fn take_inventory(
    build: &PlannedBuild,
    connected: &Connected,
    cx: &BuildContext,
) -> Result<Option<Inventory>, Cancelled> {
    let inventory = match build.builder.makes() {
        Makes::Nothing => return Ok(None),
        Makes::ImageOfOther => Inventory::unknown("the image is made of another disk than the machine's own"),
        Makes::ImageOfItself => {
            inventory::take(connected.communicator.as_ref(), build.builder.communicator(), cx).await?
        }
    };
    Ok(Some(inventory))
}

fn tell_contents(artifact: &Artifact, inventory: Option<Inventory>, cx: &BuildContext) {
    let inventory = inventory.map(|mut inventory| {
        inventory.image = artifact.config.as_deref().cloned();
        Box::new(inventory)
    });
    if artifact.size.is_some() || inventory.is_some() {
        cx.events.send(EventKind::Contents { size: artifact.size, inventory });
    }
}

pub(super) fn tell_inputs(inputs: &Inputs, cx: &BuildContext) {
    let (digest, unknown) = (inputs.digest(), inputs.unknown.clone());
    cx.events.send(EventKind::Inputs { digest, unknown, inputs: inputs.list.clone() });
}

/// Facts that say what a machine was made of, the most telling first, each with the one that names it for people.
const SOURCES: [(&str, &str); 3] =
    [("SourceAMI", "SourceAMIName"), ("SourceImageDigest", ""), ("SourceImageSha256", "")];

fn tell_source(facts: &Facts, cx: &BuildContext) {
    let known = |key: &str| facts.get(key).filter(|text| !text.is_empty()).cloned();
    if let Some((id, name)) = SOURCES.iter().find_map(|(id, name)| Some((known(id)?, known(name)))) {
        cx.events.send(EventKind::Source { id, name });
    }
}

/// Runs one phase, again when the person asked with `-on-error=ask` wants so.
async fn stage<T, F>(
    phase: Phase,
    cx: &BuildContext,
    shop: &Workshop,
    mut work: impl FnMut() -> F,
) -> Result<T, BuildError>
where
    F: Future<Output = Result<T, BuildError>>,
{
    loop {
        if cx.cancel.is_stopped() {
            return Err(Cancelled.into());
        }
        cx.events.send(EventKind::PhaseStarted { phase });
        let done = work().await;
        cx.events.send(EventKind::PhaseFinished { phase });
        match done {
            Err(BuildError::Failed(error)) => match provision::judge(error, cx, shop).await {
                provision::Verdict::Retry => {}
                provision::Verdict::Stands(error) => return Err(error),
            },
            done => return done,
        }
    }
}
