//! Builds whose image is there already, found before anything is launched: by what the image itself says of its inputs,
//! else by the record of an earlier run. Looking never fails a build: what is not known is built.

use std::collections::BTreeMap;

use super::Workshop;
use crate::builder::{BuilderError, Facts, Found};
use crate::plan::{PlannedBuild, PostProcessorStep};
use crate::post_processor::{Effect, PostProcessError, Pushed};
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::inputs::{Difference, Earlier, EarlierImage, Inputs, differences};

/// Stands in names for what only a running build knows.
const UNKNOWN: &str = "<unknown>";

/// That builds may be skipped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Skip {
    /// Builds of an earlier run by their names.
    pub earlier: BTreeMap<String, Earlier>,
    /// Those of the preview before this one.
    pub before: BTreeMap<String, Earlier>,
}

/// What was found of a build.
pub(super) struct Looked {
    /// With the source image.
    pub inputs: Inputs,
    pub verdict: Result<Artifact, Built>,
}

/// Why a build runs.
pub(super) enum Built {
    /// There is no such image.
    For(String),
    /// Nobody can say whether there is one.
    Unsure(String),
}

impl From<BuilderError> for Built {
    fn from(error: BuilderError) -> Self {
        Self::Unsure(error.to_string())
    }
}

impl From<PostProcessError> for Built {
    fn from(error: PostProcessError) -> Self {
        Self::Unsure(error.to_string())
    }
}

/// Looks for the image of a build.
pub(super) async fn look(
    build: &PlannedBuild,
    inputs: Inputs,
    skip: &Skip,
    cx: &BuildContext,
    shop: &Workshop,
) -> Looked {
    let cx = cx.unheard();
    let source = build.builder.source_image(&cx).await.map_err(|error| error.to_string());
    let inputs = inputs.with_source(source);
    let name = &build.title.name;
    // Only where its contents are known can be told what the image changes.
    let before = skip.before.get(name).filter(|before| before.digest.is_some() && before.digest == inputs.digest());
    let verdict = match verdict(build, &inputs, (skip.earlier.get(name), before), &cx, shop).await {
        Err(Built::For(why)) => match of_preview(build, before, &cx, shop).await {
            Ok(Some(artifact)) => Ok(artifact),
            Ok(None) => Err(Built::For(why)),
            Err(unsure) => Err(unsure),
        },
        verdict => verdict,
    };
    Looked { inputs, verdict }
}

async fn verdict(
    build: &PlannedBuild,
    inputs: &Inputs,
    (earlier, before): (Option<&Earlier>, Option<&Earlier>),
    cx: &BuildContext,
    shop: &Workshop,
) -> Result<Artifact, Built> {
    let digest = inputs.digest().ok_or_else(|| {
        let why = inputs.unknown.as_deref().unwrap_or_default();
        Built::Unsure(format!("not all that decides the image is known: {why}"))
    })?;
    // A preview does nothing of what is done beside the image.
    let leaves = |effect: &Effect| match effect {
        Effect::Other => cx.run.preview.is_none(),
        Effect::Remakes => true,
        Effect::Names(_) | Effect::Pushes => false,
    };
    let others = build.sequences.iter().flatten().find(|step| leaves(&step.effect));
    if let Some(step) = others {
        return Err(Built::For(format!("its post-processor {} leaves more than the image", step.title.component)));
    }
    let why = match build.builder.find_image(&digest, cx).await? {
        Found::Image(artifact) => return Ok(*artifact),
        Found::OfPreview(artifact, _) if before.is_some() => return Ok(*artifact),
        Found::OfPreview(_, why) | Found::Nowhere(why) => why,
        Found::ByName => match find_pushed(build, &digest, cx, shop).await? {
            Pushed::Image(artifact) => return Ok(*artifact),
            Pushed::Nowhere(why) => why,
        },
    };
    let Some(earlier) = earlier else { return Err(Built::For(why)) };
    if earlier.digest.as_ref() != Some(&digest) {
        return Err(Built::For(format!("{why}; {}", changed(earlier, inputs))));
    }
    // Of an image that was pushed, only that counts; the last one has all the names.
    let pushed = earlier.images.iter().rfind(|image| !image.digests.is_empty());
    let image = pushed.or(earlier.images.last());
    let image = image.ok_or_else(|| Built::For(format!("{why}; the record has no image either")))?;
    match build.builder.still_has(image, cx).await? {
        true => Ok(recorded(image)),
        false => Err(Built::For(format!("{why}; the image of the record is gone: {}", image.id))),
    }
}

/// The image that the preview before this one has pushed, under the names of this one.
async fn of_preview(
    build: &PlannedBuild,
    before: Option<&Earlier>,
    cx: &BuildContext,
    shop: &Workshop,
) -> Result<Option<Artifact>, Built> {
    let pushed = before.and_then(|before| before.images.iter().rfind(|image| !image.digests.is_empty()));
    let (mut steps, mut others) = (build.sequences.iter().flatten(), build.sequences.iter().flatten());
    let push = steps.rfind(|step| matches!(step.effect, Effect::Pushes));
    let remakes = others.any(|step| matches!(step.effect, Effect::Remakes));
    let (Some(image), Some(push), false) = (pushed, push, remakes) else { return Ok(None) };
    let Ok(push) = push.decode(&Facts::new(), &shop.services) else { return Ok(None) };
    Ok(push.name_anew(image, cx).await?.map(|image| recorded(&image)))
}

/// The image under the names that its build would push it to.
async fn find_pushed(build: &PlannedBuild, digest: &str, cx: &BuildContext, shop: &Workshop) -> Result<Pushed, Built> {
    let mut found = None;
    for steps in &build.sequences {
        let (names, push) = pushed_names(steps);
        let Some(push) = push else { continue };
        if names.iter().any(|name| name.contains(UNKNOWN)) {
            return Ok(Pushed::Nowhere("its names are known only once it is built".to_owned()));
        }
        // A name that is new every time is in no registry yet.
        let lasting = |name: &String| build.inputs.as_ref().is_some_and(|inputs| inputs.names.contains(name));
        let names: Vec<String> = names.into_iter().filter(lasting).collect();
        if names.is_empty() {
            return Ok(Pushed::Nowhere("each of its names is new every time".to_owned()));
        }
        let Ok(push) = push.decode(&Facts::new(), &shop.services) else {
            return Ok(Pushed::Nowhere("how it is pushed is known only once it is built".to_owned()));
        };
        match push.find_pushed(&names, digest, cx).await? {
            Pushed::Image(artifact) => found = Some(merged(found, *artifact)),
            nowhere @ Pushed::Nowhere(_) => return Ok(nowhere),
        }
    }
    Ok(match found {
        Some(artifact) => Pushed::Image(Box::new(artifact)),
        None => Pushed::Nowhere("it is pushed nowhere".to_owned()),
    })
}

/// The names that a sequence gives before it pushes, and its last push.
fn pushed_names(steps: &[PostProcessorStep]) -> (Vec<String>, Option<&PostProcessorStep>) {
    let (mut names, mut pushed, mut push) = (Vec::new(), Vec::new(), None);
    for step in steps {
        match &step.effect {
            Effect::Names(given) => names.clone_from(given),
            Effect::Pushes => {
                pushed.extend(names.iter().filter(|name| !pushed.contains(*name)).cloned().collect::<Vec<_>>());
                push = Some(step);
            }
            Effect::Remakes | Effect::Other => {}
        }
    }
    (pushed, push)
}

/// One image that two sequences push.
fn merged(first: Option<Artifact>, mut second: Artifact) -> Artifact {
    if let Some(first) = first {
        let mut tags = first.tags;
        tags.extend(second.tags);
        second.tags = tags;
        second.digests.extend(first.digests);
    }
    second
}

/// An image that only a record tells of.
fn recorded(image: &EarlierImage) -> Artifact {
    let mut artifact = Artifact::new("", image.id.as_str(), format!("Unchanged image: {}", image.id));
    artifact.is_image = true;
    artifact.location.clone_from(&image.location);
    artifact.tags.clone_from(&image.tags);
    artifact.digests.clone_from(&image.digests);
    artifact.facts.extend(image.digests.values().next().map(|digest| ("Digest".to_owned(), digest.clone())));
    artifact
}

/// The first thing that is another than in the record.
fn changed(earlier: &Earlier, inputs: &Inputs) -> String {
    if earlier.inputs.is_empty() {
        return "the record does not say what its image was made of".to_owned();
    }
    let differences = differences(&earlier.inputs, &inputs.list);
    let more = match differences.len().saturating_sub(1) {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let first = match differences.first() {
        None => return "the record is of another version of forge".to_owned(),
        Some(Difference::Added(input)) => format!("{} is new", input.name),
        Some(Difference::Removed(input)) => format!("{} is gone", input.name),
        Some(Difference::Changed(_, input)) => format!("{} has changed", input.name),
    };
    format!("since the record, {first}{more}")
}
