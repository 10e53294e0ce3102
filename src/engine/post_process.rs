//! Post-processors: each sequence starts from the builder's artifact; what is kept and what goes is decided here.
//!
//! Unlike the peer, a failing post-processor never costs the image: the builder's artifact goes only when a first
//! step has succeeded without wanting it kept.

use super::{Workshop, cleanup};
use crate::plan::PostProcessorStep;
use crate::post_processor::{InPreview, PostProcessError, PostProcessor, Processed};
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::cleanup::Releases;
use crate::run::event::{EventKind, Outcome, Phase};

/// What post-processing left.
#[derive(Debug)]
pub(super) struct Done {
    pub outcome: Outcome,
    pub artifacts: Vec<Artifact>,
    pub leftovers: usize,
}

/// One sequence's end: what it adds to the result, and whether the builder's artifact has to stay for it.
#[derive(Debug, Default)]
struct Sequence {
    keeps_first: bool,
    artifacts: Vec<Artifact>,
    error: Option<Outcome>,
}

/// Runs all sequences, one after the other. A failure ends its own sequence only.
pub(super) async fn run(
    sequences: &[Vec<PostProcessorStep>],
    artifact: Artifact,
    cx: &BuildContext,
    shop: &Workshop,
) -> Done {
    if sequences.is_empty() {
        return Done { outcome: Outcome::Succeeded, artifacts: vec![artifact], leftovers: 0 };
    }
    cx.events.send(EventKind::PhaseStarted { phase: Phase::PostProcess });
    let (mut keep, mut leftovers) = (false, 0);
    let (mut results, mut errors, mut cancelled) = (Vec::new(), Vec::new(), false);
    for steps in sequences {
        if cx.cancel.is_stopped() {
            (cancelled, keep) = (true, true);
            break;
        }
        let done = sequence(steps, &artifact, cx, shop, &mut leftovers).await;
        keep |= done.keeps_first;
        results.extend(done.artifacts);
        match done.error {
            Some(Outcome::Failed(error)) => errors.push(error),
            Some(_) => cancelled = true,
            None => {}
        }
    }
    // A post-processor stopped in the middle leaves what it had made so far, such as half an archive.
    leftovers += cleanup::release_all(cx, shop).await;
    if keep {
        results.insert(0, artifact);
    } else {
        leftovers += destroy(&artifact, &results, cx, shop).await;
    }
    cx.events.send(EventKind::PhaseFinished { phase: Phase::PostProcess });
    Done { outcome: outcome(&errors, cancelled), artifacts: without_doubles(results), leftovers }
}

fn outcome(errors: &[String], cancelled: bool) -> Outcome {
    match errors {
        _ if cancelled => Outcome::Cancelled,
        [] => Outcome::Succeeded,
        [error] => Outcome::Failed(format!("Post-processor failed: {error}")),
        errors => {
            let list: String = errors.iter().map(|e| format!("\n* Post-processor failed: {e}")).collect();
            Outcome::Failed(format!("{} errors occurred:{list}", errors.len()))
        }
    }
}

async fn sequence(
    steps: &[PostProcessorStep],
    artifact: &Artifact,
    cx: &BuildContext,
    shop: &Workshop,
    leftovers: &mut usize,
) -> Sequence {
    let mut done = Sequence::default();
    let mut input = artifact.clone();
    let mut held = Held::default();
    for (number, step) in steps.iter().enumerate() {
        let processed = match one(step, &input, &mut held, cx, shop).await {
            Ok(processed) => processed,
            Err(outcome) => {
                done.error = Some(outcome);
                // The input of a failed step stays: the builder's artifact, or what the step before made.
                done.keeps_first |= number == 0;
                if number > 0 {
                    done.artifacts.push(input);
                }
                return done;
            }
        };
        let keep = match step.keep_input {
            Some(false) if processed.force_keep && processed.keep_input => true,
            Some(keep) => keep,
            None => processed.keep_input,
        };
        let Some(output) = processed.artifact else {
            done.keeps_first |= number == 0;
            if number > 0 {
                done.artifacts.push(input);
            }
            return done;
        };
        if number == 0 {
            done.keeps_first |= keep;
        } else if keep {
            done.artifacts.push(input);
        } else {
            *leftovers += destroy(&input, std::slice::from_ref(&output), cx, shop).await;
        }
        input = output;
    }
    done.artifacts.push(input);
    done
}

/// What a preview has held back of a sequence.
#[derive(Debug, Default)]
struct Held {
    some: bool,
    all: bool,
}

impl Held {
    /// Whether the step is not to run.
    fn takes(&mut self, post_processor: &dyn PostProcessor, cx: &BuildContext) -> bool {
        let Some(preview) = &cx.run.preview else { return false };
        let own = post_processor.in_preview(preview);
        self.all |= self.some && own == InPreview::NeedsThoseBefore;
        let held = self.all || own == InPreview::HeldBack;
        self.some |= held;
        held
    }
}

/// Runs one post-processor as a step of the build's table.
async fn one(
    step: &PostProcessorStep,
    input: &Artifact,
    held: &mut Held,
    cx: &BuildContext,
    shop: &Workshop,
) -> Result<Processed, Outcome> {
    let component = &step.title.component;
    let shown = match &step.title.name {
        Some(name) if name != component => format!("{name} (type {component})"),
        _ => component.clone(),
    };
    let decoded = step.decode(&input.facts, &shop.services);
    if let Ok(post_processor) = &decoded
        && held.takes(post_processor.as_ref(), cx)
    {
        cx.hold_back(vec![format!("post-processor {shown}")]);
        return Ok(Processed::passing(input));
    }
    cx.say(format!("Running post-processor: {shown}"));
    cx.events.send(EventKind::StepStarted { step: step.title.clone() });
    let done = match decoded {
        Ok(post_processor) => post_processor.process(input, cx).await,
        Err(diagnostics) => {
            let mistakes: Vec<String> = diagnostics.iter().map(|d| d.summary.clone()).collect();
            Err(PostProcessError::Failed(mistakes.join("; ")))
        }
    };
    let done = done.map_err(|error| match error {
        PostProcessError::Cancelled(_) => Outcome::Cancelled,
        _ if cx.cancel.is_stopped() => Outcome::Cancelled,
        other => Outcome::Failed(other.to_string()),
    });
    let outcome = done.as_ref().err().cloned().unwrap_or(Outcome::Succeeded);
    cx.events.send(EventKind::StepFinished { outcome });
    done
}

/// Releases what only `artifact` holds: resources and files that no kept artifact shares.
async fn destroy(artifact: &Artifact, kept: &[Artifact], cx: &BuildContext, shop: &Workshop) -> usize {
    let mut leftovers = 0;
    for resource in artifact.resources.iter().filter(|r| !kept.iter().any(|k| k.resources.contains(r))) {
        leftovers += usize::from(cleanup::release(resource, &mut Releases::default(), cx, shop).await.is_err());
    }
    leftovers
}

/// Steps that hand their input on would list it twice.
fn without_doubles(artifacts: Vec<Artifact>) -> Vec<Artifact> {
    let mut unique: Vec<Artifact> = Vec::new();
    for artifact in artifacts {
        let same = |a: &Artifact| {
            (&a.builder_id, &a.id, &a.description, &a.files)
                == (&artifact.builder_id, &artifact.id, &artifact.description, &artifact.files)
        };
        match unique.iter_mut().find(|a| same(a)) {
            // The later one knows more: digests, facts.
            Some(known) => *known = artifact,
            None => unique.push(artifact),
        }
    }
    unique
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_listed_once_and_the_richer_one_wins() {
        let plain = Artifact::new("b", "sha256:1", "x");
        let mut rich = plain.clone();
        rich.digests.insert("r:1".to_owned(), "sha256:2".to_owned());
        let other = Artifact::new("b", "sha256:3", "x");
        let list = without_doubles(vec![plain, other.clone(), rich.clone()]);
        assert_eq!(list, [rich, other]);
    }

    #[test]
    fn several_errors_become_a_list() {
        let errors = ["a".to_owned(), "b".to_owned()];
        let Outcome::Failed(text) = outcome(&errors, false) else { panic!() };
        assert_eq!(text, "2 errors occurred:\n* Post-processor failed: a\n* Post-processor failed: b");
        assert_eq!(outcome(&errors, true), Outcome::Cancelled);
    }
}
