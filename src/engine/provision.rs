//! Provisioners in order: pause, time limit, retries, second decode, and the error-cleanup provisioner.

use super::build::{BuildError, Connected};
use super::{OnError, Workshop};
use crate::builder::Facts;
use crate::communicator::Communicator;
use crate::plan::{PlannedBuild, ProvisionerStep};
use crate::provisioner::ProvisionError;
use crate::run::BuildContext;
use crate::run::cancel::Cancelled;
use crate::run::event::{EventKind, Outcome};

/// Runs the steps until one fails for good.
pub(super) async fn all(
    steps: &[ProvisionerStep],
    on: &Connected,
    cx: &BuildContext,
    shop: &Workshop,
) -> Result<(), BuildError> {
    for step in steps {
        loop {
            match with_retries(step, on.communicator.as_ref(), &on.facts, cx, shop).await {
                Ok(()) => break,
                Err(BuildError::Failed(error)) if step.meta.continue_on_error => {
                    cx.warn(format!("Provisioner failed, going on as continue_on_error says: {error}"));
                    break;
                }
                Err(BuildError::Failed(error)) => match judge(error, cx, shop).await {
                    Verdict::Retry => {}
                    Verdict::Stands(error) => return Err(error),
                },
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// One step with its retries. The first error is the one that counts, as in the peer: later ones are often its
/// consequence.
async fn with_retries(
    step: &ProvisionerStep,
    on: &dyn Communicator,
    facts: &Facts,
    cx: &BuildContext,
    shop: &Workshop,
) -> Result<(), BuildError> {
    let mut first = None;
    let mut left = step.meta.max_retries;
    loop {
        match attempt(step, on, facts, cx, shop).await {
            Err(BuildError::Failed(error)) => {
                if left > 0 {
                    let tries = if left == 1 { "try" } else { "tries" };
                    cx.error(format!("Provisioner failed with {error:?}, retrying with {left} {tries} left"));
                } else if step.meta.max_retries > 0 {
                    cx.error("retry limit reached.");
                }
                let first = first.get_or_insert(error);
                if left == 0 {
                    return Err(BuildError::Failed(std::mem::take(first)));
                }
                left -= 1;
            }
            done => return done,
        }
    }
}

/// One run of one step, as a step of the build's table.
async fn attempt(
    step: &ProvisionerStep,
    on: &dyn Communicator,
    facts: &Facts,
    cx: &BuildContext,
    shop: &Workshop,
) -> Result<(), BuildError> {
    if cx.cancel.is_stopped() {
        return Err(Cancelled.into());
    }
    cx.events.send(EventKind::StepStarted { step: step.title.clone() });
    let done = limited(step, on, facts, cx, shop).await;
    let outcome = match &done {
        Ok(()) => Outcome::Succeeded,
        Err(BuildError::Failed(error) | BuildError::Aborted(error)) => Outcome::Failed(error.clone()),
        Err(BuildError::Cancelled(_)) => Outcome::Cancelled,
    };
    cx.events.send(EventKind::StepFinished { outcome });
    done
}

/// Pauses, then runs the step under its time limit. Unlike the peer, a pause does not switch the limit off.
async fn limited(
    step: &ProvisionerStep,
    on: &dyn Communicator,
    facts: &Facts,
    cx: &BuildContext,
    shop: &Workshop,
) -> Result<(), BuildError> {
    if let Some(pause) = step.meta.pause_before {
        cx.say(format!("Pausing {pause:?} before the next provisioner..."));
        cx.cancel.unless_stopped(tokio::time::sleep(pause)).await?;
    }
    let provisioner = step.decode(facts, &shop.services).map_err(|diagnostics| {
        let mistakes: Vec<String> = diagnostics
            .iter()
            .map(|d| d.detail.as_ref().map_or(d.summary.clone(), |detail| format!("{}: {detail}", d.summary)))
            .collect();
        BuildError::Failed(mistakes.join("; "))
    })?;
    let Some(limit) = step.meta.timeout else {
        return provisioner.provision(on, cx).await.map_err(|error| classify(error, cx));
    };
    cx.say(format!("Setting a {limit:?} timeout for the next provisioner..."));
    let own = BuildContext { cancel: cx.cancel.child(), ..cx.clone() };
    let work = provisioner.provision(on, &own);
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => done.map_err(|error| classify(error, cx)),
        () = tokio::time::sleep(limit) => {
            cx.error("Cancelling provisioner after a timeout...");
            own.cancel.stop.cancel();
            match work.await {
                Ok(()) => Ok(()),
                Err(_) if cx.cancel.is_stopped() => Err(Cancelled.into()),
                Err(_) => Err(BuildError::Failed(format!("the provisioner did not end within {limit:?}"))),
            }
        }
    }
}

/// A step that fails because the run is being stopped was cancelled, whatever it says.
fn classify(error: ProvisionError, cx: &BuildContext) -> BuildError {
    match error {
        ProvisionError::Cancelled(cancelled) => cancelled.into(),
        _ if cx.cancel.is_stopped() => Cancelled.into(),
        other => BuildError::Failed(other.to_string()),
    }
}

/// Runs the build's error-cleanup provisioner after a failure of provisioning or of anything later; not after a
/// failed launch, where there is no machine, nor on a machine that was brought to rest. Its own failure is added to the build's error.
pub(super) async fn error_cleanup(
    build: &PlannedBuild,
    connected: Option<&Connected>,
    error: &mut BuildError,
    cx: &BuildContext,
    shop: &Workshop,
) {
    let (Some(step), Some(on)) = (&build.error_cleanup, connected) else { return };
    if let Some(why) = on.machine.rests() {
        cx.say(format!("The cleanup provisioner does not run: {why}"));
        return;
    }
    cx.say("Provisioning step had errors: Running the cleanup provisioner...");
    if let Err(BuildError::Failed(second)) = with_retries(step, on.communicator.as_ref(), &on.facts, cx, shop).await {
        *error = BuildError::Failed(format!("Cleanup failed: {second}. Original Provisioning error: {error}"));
    }
}

/// What to do after a failed step.
pub(super) enum Verdict {
    /// The error stands.
    Stands(BuildError),
    Retry,
}

/// Asks, under `-on-error=ask`, what to do about the failed step. No answer means: clean up.
pub(super) async fn judge(error: String, cx: &BuildContext, shop: &Workshop) -> Verdict {
    let (OnError::Ask, Some(ask)) = (shop.settings.on_error, &shop.settings.ask) else {
        return Verdict::Stands(BuildError::Failed(error));
    };
    cx.error(error.as_str());
    let text =
        "[c] Clean up and exit, [a] abort without cleanup, or [r] retry step (build may fail even if retry succeeds)?";
    cx.events.send(EventKind::Question { text: text.to_owned() });
    let ask = std::sync::Arc::clone(ask);
    let answer = cx.cancel.unless_stopped(tokio::task::spawn_blocking(move || ask())).await;
    cx.events.send(EventKind::Answered);
    let answer = match answer {
        Ok(Ok(Some(answer))) => answer.trim().to_lowercase(),
        _ => String::new(),
    };
    match answer.as_str() {
        "r" => Verdict::Retry,
        "a" => Verdict::Stands(BuildError::Aborted(error)),
        _ => Verdict::Stands(BuildError::Failed(error)),
    }
}
