//! What will be built: every selected build with its components decoded, all mistakes collected.
//!
//! Template and scope go in; the engine runs what comes out. Nothing here has an effect on the world.

mod build_block;
mod inputs;
mod meta;
mod outline;
mod select;
mod step;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

pub(crate) use outline::{Outline, outline, references};
pub(crate) use select::Selection;
pub(crate) use step::{PostProcessorStep, ProvisionerStep};

use crate::builder::{self, Builder};
use crate::catalog::{self, Role};
use crate::client::Services;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceMap, Span};
use crate::eval::block::Body;
use crate::eval::body;
use crate::eval::fields::Fields;
use crate::eval::interpolate::{Interpolation, Legacy, data};
use crate::eval::scope::Scope;
use crate::post_processor::Effect;
use crate::run::event::{BuildTitle, StepTitle};
use crate::run::inputs::{Input, Places, Planned};
use crate::template::{PEER_VERSION, Source, Template, without_builders};
use build_block::{BuildBlock, SourceUse};

/// The builds of a run in listing order.
#[derive(Default)]
pub(crate) struct Plan {
    pub builds: Vec<PlannedBuild>,
    /// Full names of all builds of the template, selected or not.
    pub names: Vec<String>,
}

/// One build, ready to run.
pub(crate) struct PlannedBuild {
    pub title: BuildTitle,
    /// The source's own name, whatever the build block calls it.
    pub source_name: String,
    pub builder: Box<dyn Builder>,
    /// Built as ever in a run of previews.
    pub in_earnest: bool,
    pub provisioners: Vec<ProvisionerStep>,
    pub error_cleanup: Option<ProvisionerStep>,
    /// Each sequence starts from the builder's artifact.
    pub sequences: Vec<Vec<PostProcessorStep>>,
    /// What decides the image, where that was asked for.
    pub inputs: Option<Planned>,
}

impl PlannedBuild {
    /// Repositories of registries that the build names its image in.
    pub(crate) fn repositories(&self) -> BTreeSet<&str> {
        self.sequences.iter().flatten().flat_map(|step| &step.repositories).map(String::as_str).collect()
    }

    /// Those that it pushes to.
    pub(crate) fn pushes_to(&self) -> BTreeSet<&str> {
        let pushed = |steps: &&Vec<PostProcessorStep>| steps.iter().any(|step| step.title.component == "docker-push");
        let steps = self.sequences.iter().filter(pushed).flatten();
        steps.flat_map(|step| &step.repositories).map(String::as_str).collect()
    }
}

/// What planning needs besides template and scope.
pub(crate) struct Context<'a> {
    pub sources: &'a SourceMap,
    pub services: &'a Arc<Services>,
    pub cwd: &'a std::path::Path,
    pub started: SystemTime,
    /// In the old format, what its texts see.
    pub legacy: Option<Arc<Legacy>>,
    /// Set where scope and clock are frozen: the inputs of each build are listed then.
    pub frozen: Option<&'a Places>,
}

impl Context<'_> {
    /// What texts of a build of that name, by that builder, see.
    fn interpolation(&self, build_name: Option<String>, build_type: Option<String>) -> Interpolation {
        Interpolation {
            build_name,
            build_type,
            started: self.started,
            cwd: self.cwd.to_owned(),
            version: PEER_VERSION.to_owned(),
            frozen: self.frozen.is_some(),
            legacy: self.legacy.clone(),
        }
    }
}

/// Decodes every build that `selection` lets through. Builds with mistakes are left out; their mistakes are in
/// `diagnostics`.
pub(crate) fn plan(
    template: &Template,
    scope: &Scope,
    selection: &Selection,
    cx: &Context<'_>,
    diagnostics: &mut Diagnostics,
) -> Plan {
    let mut plan = Plan::default();
    if template.legacy.is_some() && template.sources.is_empty() {
        diagnostics.push(without_builders());
    } else if template.builds.is_empty() {
        let diagnostic = Diagnostic::error("the template has no build block");
        diagnostics.push(diagnostic.help("add build { sources = [\"source.TYPE.NAME\"] }"));
    }
    for block in &template.builds {
        let Some(mut block) = BuildBlock::read(block, template, scope, diagnostics) else { continue };
        if cx.legacy.is_some() {
            name_builds(&mut block, cx, diagnostics);
        }
        let known_sources: Arc<Vec<String>> =
            Arc::new(block.sources.iter().map(|used| block.short_name(used)).collect());
        for used in &block.sources {
            let name = block.full_name(used);
            if selection.selects(&name) {
                plan.builds.extend(build(&block, (used, &known_sources), scope, selection, cx, diagnostics));
            }
            plan.names.push(name);
        }
    }
    plan
}

/// Reports a selection that leaves nothing, and patterns of it that match nothing.
pub(crate) fn check_selection(plan: &Plan, selection: &Selection, diagnostics: &mut Diagnostics) {
    if plan.names.is_empty() {
        return;
    }
    selection.report_unmatched(&plan.names, diagnostics);
    if plan.builds.is_empty() && !diagnostics.has_errors() {
        let diagnostic = Diagnostic::error("no builds to run");
        diagnostics.push(diagnostic.help(format!("-only and -except leave none of: {}", plan.names.join(", "))));
    }
}

/// Names the builds of the old format, where builders' names may be of variables.
fn name_builds(block: &mut BuildBlock<'_>, cx: &Context<'_>, diagnostics: &mut Diagnostics) {
    let engine = cx.interpolation(None, None);
    let mut taken = BTreeSet::new();
    block.sources.retain_mut(|used| {
        let mistake = match engine.render(&used.local_name, &data([])) {
            Ok(name) if taken.insert(name.clone()) => {
                used.local_name = name;
                return true;
            }
            Ok(name) => Diagnostic::error(format!("there are two builders with the name {name:?}"))
                .help("give one of them another \"name\""),
            Err(error) => {
                let summary = format!("the builder's name {:?} cannot be rendered", used.local_name);
                let mut diagnostic = Diagnostic::error(summary).detail(error.message);
                diagnostic.help = error.help;
                diagnostic
            }
        };
        diagnostics.push(mistake.at(used.source.span));
        false
    });
}

fn build(
    block: &BuildBlock<'_>,
    (used, known_sources): (&SourceUse<'_>, &Arc<Vec<String>>),
    scope: &Scope,
    selection: &Selection,
    cx: &Context<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<PlannedBuild> {
    let errors = diagnostics.error_count();
    let source = used.source;
    let source_name = if cx.legacy.is_some() { &used.local_name } else { &source.name };
    let interpolation = cx.interpolation(Some(source_name.clone()), Some(source.kind.clone()));
    let mut planned = cx.frozen.map(|_| Planned::default());
    let builder = decode_builder(used, scope, &interpolation, cx, &mut planned, diagnostics);
    let site = step::Site {
        kind: source.kind.clone(),
        local_name: used.local_name.clone(),
        build_name: block.name.clone().unwrap_or_default(),
        body: block.body,
        known_sources: Arc::clone(known_sources),
        own_facts: builder.as_ref().map(|b| b.own_facts()),
        has_machine: builder.as_ref().map(|b| b.has_machine()),
        interpolation,
    };
    let mut provisioners = Vec::new();
    for pending in block.provisioners.iter() {
        provisioners.extend(ProvisionerStep::plan(pending, &site, false, cx, diagnostics));
    }
    for (number, step) in provisioners.iter_mut().enumerate() {
        list_step(&mut planned, &format!("provisioner {}", number + 1), &step.title, step.given.take(), cx);
    }
    let error_cleanup = block.error_cleanup.as_ref();
    let error_cleanup = error_cleanup.and_then(|pending| ProvisionerStep::plan(pending, &site, true, cx, diagnostics));
    let mut sequences = Vec::new();
    for sequence in &block.sequences {
        let (mut steps, mut added_facts) = (Vec::new(), Vec::new());
        for pending in sequence {
            // `-except` of a post-processor cuts the rest of its sequence, as in the peer.
            if selection.excludes_post_processor(&step::shown_name(pending)) {
                break;
            }
            if let Some(step) = PostProcessorStep::plan(pending, &site, &added_facts, cx, diagnostics) {
                added_facts.extend(step.added_facts);
                steps.push(step);
            }
        }
        if !steps.is_empty() {
            sequences.push(steps);
        }
    }
    list_naming(&mut planned, &mut sequences, cx);
    let steps = provisioners.iter().map(|step| &step.title).chain(sequences.iter().flatten().map(|step| &step.title));
    let steps = steps.cloned().collect();
    let title = BuildTitle { name: block.full_name(used), builder: source.kind.clone(), steps };
    let build = PlannedBuild {
        title,
        source_name: source_name.clone(),
        builder: builder?,
        in_earnest: false,
        provisioners,
        error_cleanup,
        sequences,
        inputs: planned,
    };
    (diagnostics.error_count() == errors).then_some(build)
}

/// Adds a step's options and files to the inputs.
fn list_step(
    planned: &mut Option<Planned>,
    role: &str,
    title: &StepTitle,
    given: Option<step::Given>,
    cx: &Context<'_>,
) {
    let (Some(planned), Some(given), Some(places)) = (planned.as_mut(), given, cx.frozen) else { return };
    let name = title.name.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default();
    let owner = format!("{role} {}{name}", title.component);
    planned.options.extend(inputs::of(&owner, &given.options, &given.interpolation, places));
    planned.add_locals(given.locals);
}

/// Adds the post-processors that decide what the image is called or make another one of it; what others leave is no
/// image.
fn list_naming(planned: &mut Option<Planned>, sequences: &mut [Vec<PostProcessorStep>], cx: &Context<'_>) {
    let deciding: Vec<&mut PostProcessorStep> =
        sequences.iter_mut().flatten().filter(|step| step.effect != Effect::Other).collect();
    let kinds: Vec<String> = deciding.iter().map(|step| step.title.component.clone()).collect();
    for (at, step) in deciding.into_iter().enumerate() {
        let like = |other: &&String| **other == kinds[at];
        let number = match kinds.iter().filter(like).count() {
            1 => String::new(),
            _ => format!(" {}", kinds[..at].iter().filter(like).count() + 1),
        };
        if let (Some(planned), Effect::Names(names)) = (planned.as_mut(), &step.effect) {
            planned.names.extend(names.iter().cloned());
        }
        list_step(planned, &format!("post-processor{number}"), &step.title, step.given.take(), cx);
    }
}

fn decode_builder(
    used: &SourceUse<'_>,
    scope: &Scope,
    interpolation: &Interpolation,
    cx: &Context<'_>,
    planned: &mut Option<Planned>,
    diagnostics: &mut Diagnostics,
) -> Option<Box<dyn Builder>> {
    let Source { kind, kind_span, .. } = used.source;
    let errors = diagnostics.error_count();
    let inside = |scope: &Scope| {
        let mut scope = scope.child();
        scope.insert("source", "type", kind.as_str().into());
        scope.insert("source", "name", used.local_name.as_str().into());
        scope
    };
    let mut options = body::evaluate(&used.source.body, used.source.span, &inside(scope), diagnostics);
    if let Some(extra) = &used.extra {
        let extra = body::evaluate(extra.body, extra.span, &inside(&extra.scope), diagnostics);
        add(&mut options, extra, diagnostics);
    }
    if diagnostics.error_count() > errors {
        return None;
    }
    let Some((_, decode)) = builder::TABLE.iter().find(|(name, _)| name == kind) else {
        let built: Vec<&str> = builder::TABLE.iter().map(|(name, _)| *name).collect();
        catalog::refuse((Role::Builder, kind, *kind_span), options, &built, interpolation, diagnostics);
        return None;
    };
    if let (Some(planned), Some(places)) = (planned.as_mut(), cx.frozen) {
        planned.options.push(Input::text("builder", kind.as_str()));
        planned.options.extend(inputs::of("builder", &options, interpolation, places));
    }
    let mut fields = Fields::new(format!("builder \"{kind}\""), options, interpolation, diagnostics);
    let builder = decode(&mut fields, cx.services);
    let complete = fields.finish();
    if let (Some(planned), Some(builder)) = (planned, &builder) {
        planned.add_locals(builder.locals());
    }
    if builder.is_none() {
        unexplained("builder", kind, used.source.span, diagnostics);
    }
    builder.filter(|_| complete)
}

/// A component that was refused without a reason would be left out of the run without a word.
fn unexplained(kind: &str, name: &str, place: Span, diagnostics: &mut Diagnostics) {
    if !diagnostics.has_errors() {
        let diagnostic = Diagnostic::error(format!("{kind} \"{name}\" cannot be used with these options")).at(place);
        diagnostics.push(diagnostic.help("this is a defect of forge: please report it with the template"));
    }
}

/// Adds what a `source` block inside `build` says. It may only add: repeating an argument is an error, as in the
/// peer.
fn add(options: &mut Body, extra: Body, diagnostics: &mut Diagnostics) {
    for (name, attr) in extra.attrs {
        if name == "name" {
            continue;
        }
        if let Some(first) = options.attrs.get(&name) {
            let diagnostic = Diagnostic::error(format!("argument \"{name}\" is set twice"))
                .at(attr.name_span)
                .detail("a source block inside build may only add arguments")
                .label(first.name_span, "first set here");
            diagnostics.push(diagnostic);
        } else {
            options.attrs.insert(name, attr);
        }
    }
    options.blocks.extend(extra.blocks);
}
