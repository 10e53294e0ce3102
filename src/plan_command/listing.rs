//! The plan as one JSON document: the same bytes for the same inputs, so no times and no folders of this machine.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::{PlannedImage, below};
use crate::config::{EventClass, Image};
use crate::plan::PlannedBuild;
use crate::run::event::StepTitle;
use crate::run::inputs::{Input, Inputs};

#[derive(Serialize)]
struct Listing<'a> {
    format_version: &'static str,
    /// Those of the repository's file; none for a template that was named.
    images: Vec<ListedImage<'a>>,
    builds: Vec<ListedBuild<'a>>,
}

#[derive(Serialize)]
struct ListedImage<'a> {
    name: &'a str,
    template: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    runs_on: Option<&'a serde_json::Value>,
    /// What is done on each class of events.
    on: BTreeMap<&'static str, &'static str>,
}

#[derive(Serialize)]
struct ListedBuild<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    template: String,
    builder: &'a str,
    communicator: &'static str,
    provisioners: Vec<Step<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_cleanup_provisioner: Option<Step<'a>>,
    /// Each sequence starts from the builder's artifact.
    post_processors: Vec<Vec<Step<'a>>>,
    /// Over all inputs; null where they are not all known.
    digest: Option<String>,
    /// Why there is no digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_inputs: Option<&'a str>,
    inputs: &'a [Input],
}

#[derive(Serialize)]
struct Step<'a> {
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    /// `file:line` of its block.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

pub(super) fn json(planned: &[PlannedImage], inputs: &[Inputs], cwd: &Path) -> String {
    let builds = planned.iter().flat_map(|image| image.plan.builds.iter().map(move |build| (image, build)));
    let listing = Listing {
        format_version: "1.0",
        images: planned.iter().filter_map(|planned| Some(image(planned.image.as_ref()?))).collect(),
        builds: builds.zip(inputs).map(|((image, of), inputs)| build(image, of, inputs, cwd)).collect(),
    };
    serde_json::to_string_pretty(&listing).unwrap_or_default() + "\n"
}

fn image(image: &Image) -> ListedImage<'_> {
    ListedImage {
        name: &image.name,
        template: image.template.to_string_lossy().into_owned(),
        runs_on: image.runs_on.as_ref(),
        on: EventClass::ALL.into_iter().map(|event| (event.name(), image.on(event).name())).collect(),
    }
}

fn build<'a>(planned: &'a PlannedImage, build: &'a PlannedBuild, inputs: &'a Inputs, cwd: &Path) -> ListedBuild<'a> {
    let step = |title: &'a StepTitle| Step {
        r#type: &title.component,
        name: title.name.as_deref(),
        place: title.place.as_ref().map(|place| below(Path::new(place), cwd).to_string_lossy().into_owned()),
    };
    let sequence = |steps: &'a Vec<_>| steps.iter().map(|s: &crate::plan::PostProcessorStep| step(&s.title)).collect();
    ListedBuild {
        name: &build.title.name,
        image: planned.image.as_ref().map(|image| image.name.as_str()),
        template: planned.template.to_string_lossy().into_owned(),
        builder: &build.title.builder,
        communicator: build.builder.communicator(),
        provisioners: build.provisioners.iter().map(|s| step(&s.title)).collect(),
        error_cleanup_provisioner: build.error_cleanup.as_ref().map(|s| step(&s.title)),
        post_processors: build.sequences.iter().map(sequence).collect(),
        digest: inputs.digest(),
        unknown_inputs: inputs.unknown.as_deref(),
        inputs: &inputs.list,
    }
}
