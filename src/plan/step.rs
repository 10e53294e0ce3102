//! Provisioners and post-processors of a build: their core arguments, and their decoding, once at plan time with
//! `build.*` unknown and once more with facts right before they run.

use std::sync::Arc;

use hcl_edit::structure;
use indexmap::IndexMap;

use super::meta::{Meta, POST_PROCESSOR_META, PROVISIONER_META, applies, take_override};
use super::{Context, unexplained};
use crate::builder::Facts;
use crate::catalog::{self, Role};
use crate::client::Services;
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::eval::block::{Attr, Body};
use crate::eval::body::{self, Pending};
use crate::eval::fields::{Fields, UNKNOWN};
use crate::eval::interpolate::Interpolation;
use crate::eval::scope::Scope;
use crate::post_processor::{self, Effect, PostProcessor};
use crate::provisioner::{self, Provisioner};
use crate::run::event::{StepKind, StepTitle};
use crate::run::inputs::Local;
use crate::value::{Number, Type, Value, convert};

/// Keys of `build.*` that every build has. `Port` is a number, the others are texts.
const COMMON_FACTS: [&str; 14] = [
    "ID",
    "Host",
    "Port",
    "User",
    "Password",
    "ConnType",
    "PackerRunUUID",
    "PackerHTTPIP",
    "PackerHTTPPort",
    "PackerHTTPAddr",
    "SSHPublicKey",
    "SSHPrivateKey",
    "SSHPrivateKeyFile",
    "WinRMPassword",
];

/// Facts of some machines that have no key of `build.*` but can be named in late texts.
const LATE_FACTS: [&str; 1] = ["SSHAgentAuth"];

/// The build that a step belongs to.
pub(super) struct Site<'a> {
    pub kind: String,
    /// The source's name in this build: what `override` matches.
    pub local_name: String,
    /// Empty when the build has none.
    pub build_name: String,
    /// The build block's.
    pub body: &'a Arc<structure::Body>,
    pub known_sources: Arc<Vec<String>>,
    /// Nothing when the builder is not known, or could not be decoded.
    pub own_facts: Option<&'a [&'static str]>,
    /// Nothing when the builder itself could not be decoded.
    pub has_machine: Option<bool>,
    pub interpolation: Interpolation,
}

impl Site<'_> {
    /// What `only` and `except` match: `type.name`, in the old format the name alone.
    pub(super) fn source(&self) -> String {
        match self.interpolation.legacy {
            Some(_) => self.local_name.clone(),
            None => format!("{}.{}", self.kind, self.local_name),
        }
    }
}

/// The part that provisioners and post-processors have in common: a block to be decoded again with facts.
#[derive(Debug)]
struct Source {
    owner: String,
    /// The whole build block's, and where the step is in it.
    build: Arc<structure::Body>,
    path: Vec<usize>,
    span: Span,
    scope: Scope,
    /// Nothing when the builder is not known: it may have any.
    own_facts: Option<Vec<&'static str>>,
    overridden: IndexMap<String, Attr>,
    interpolation: Interpolation,
    meta: &'static [&'static str],
}

/// What the inputs of an image take of a step.
#[derive(Debug)]
pub(super) struct Given {
    pub options: Body,
    pub interpolation: Interpolation,
    pub locals: Vec<Local>,
}

#[derive(Debug)]
pub(crate) struct ProvisionerStep {
    pub title: StepTitle,
    pub meta: Meta,
    /// Where inputs are listed.
    pub(super) given: Option<Given>,
    decode: provisioner::Decode,
    source: Source,
}

#[derive(Debug)]
pub(crate) struct PostProcessorStep {
    pub title: StepTitle,
    /// `keep_input_artifact`, when the template says.
    pub keep_input: Option<bool>,
    /// Keys of `build.*` that later steps of the sequence have in addition.
    pub added_facts: &'static [&'static str],
    /// As it is planned, `build.*` being unknown.
    pub effect: Effect,
    /// Repositories of registries in which it names the image, as far as they are known.
    pub repositories: Vec<String>,
    /// Where inputs are listed.
    pub(super) given: Option<Given>,
    decode: post_processor::Decode,
    source: Source,
}

/// The post-processor's `name` as written, or its type: what `-except` matches.
pub(super) fn shown_name(pending: &Pending<'_>) -> String {
    let name = pending.body.get_attribute("name").and_then(|a| a.value.as_str());
    name.or(pending.labels.first().map(String::as_str)).unwrap_or_default().to_owned()
}

impl ProvisionerStep {
    /// Decodes with `build.*` unknown. Nothing when the step is not for this build, or is wrong.
    pub(super) fn plan(
        pending: &Pending<'_>,
        site: &Site<'_>,
        error_cleanup: bool,
        cx: &Context<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let component = pending.labels.first()?.clone();
        let owner = format!("provisioner \"{component}\"");
        let mut source = Source::new(owner, pending, site, &PROVISIONER_META);
        let seen = source.seen(None);
        source.interpolation = source.interpolation(&seen);
        let errors = diagnostics.error_count();
        let (mut meta, options) = source.evaluate(None, diagnostics);
        source.overridden = take_override(&mut meta, site, diagnostics);
        let mut fields = Fields::new(&source.owner, meta, &source.interpolation, diagnostics);
        let name = fields.text("name");
        let applies = applies(&mut fields, site);
        let meta = Meta::decode(&mut fields);
        if !fields.finish() || !applies {
            return None;
        }
        let options = source.overlaid(options);
        let table = provisioner::TABLE;
        let Some((_, decode)) = table.iter().find(|(name, _)| *name == component) else {
            let built: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
            let what = (Role::Provisioner, component.as_str(), pending.span);
            catalog::refuse(what, options, &built, &source.interpolation, diagnostics);
            return None;
        };
        let kept = cx.frozen.map(|_| options.clone());
        let fields = Fields::new(&source.owner, options, &source.interpolation, diagnostics);
        let mut fields = fields.with_facts(source.late(&seen));
        let provisioner = decode(&mut fields, cx.services);
        let complete = fields.finish();
        if let (Some(provisioner), Some(false)) = (&provisioner, site.has_machine)
            && provisioner.needs_machine()
        {
            let summary = format!("provisioner \"{component}\" needs a machine to work on");
            let detail = format!("source \"{}\" has none", site.source());
            let diagnostic = Diagnostic::error(summary).at(pending.span).detail(detail);
            diagnostics.push(diagnostic.help("leave it out for this source with except = [...]"));
        }
        if !complete || diagnostics.error_count() > errors {
            return None;
        }
        let kind = if error_cleanup { StepKind::ErrorCleanupProvisioner } else { StepKind::Provisioner };
        let place = Some(place(cx, pending.span));
        let given = kept.map(|options| source.given(options, provisioner.map(|p| p.locals()).unwrap_or_default()));
        Some(Self { title: StepTitle { kind, component, name, place }, meta, given, decode: *decode, source })
    }

    /// Decodes once more, now with the machine's facts.
    pub(crate) fn decode(&self, facts: &Facts, services: &Arc<Services>) -> Result<Box<dyn Provisioner>, Diagnostics> {
        self.source.decode(facts, |fields| (self.decode)(fields, services))
    }
}

impl PostProcessorStep {
    /// Decodes with `build.*` unknown, with the keys that `earlier` steps add. Nothing when the step is not for this
    /// build, or is wrong.
    pub(super) fn plan(
        pending: &Pending<'_>,
        site: &Site<'_>,
        earlier: &[&'static str],
        cx: &Context<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let component = pending.labels.first()?.clone();
        let owner = format!("post-processor \"{component}\"");
        let mut source = Source::new(owner, pending, site, &POST_PROCESSOR_META);
        source.own_facts.iter_mut().for_each(|facts| facts.extend(earlier));
        let seen = source.seen(None);
        source.interpolation = source.interpolation(&seen);
        let (meta, options) = source.evaluate(None, diagnostics);
        let mut fields = Fields::new(&source.owner, meta, &source.interpolation, diagnostics);
        let name = fields.text("name");
        let applies = applies(&mut fields, site);
        let keep_input = fields.flag("keep_input_artifact");
        if !fields.finish() || !applies {
            return None;
        }
        let table = post_processor::TABLE;
        let Some((_, decode)) = table.iter().find(|(name, _)| *name == component) else {
            let built: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
            let what = (Role::PostProcessor, component.as_str(), pending.span);
            catalog::refuse(what, options, &built, &source.interpolation, diagnostics);
            return None;
        };
        let kept = cx.frozen.map(|_| options.clone());
        let fields = Fields::new(&source.owner, options, &source.interpolation, diagnostics);
        let mut fields = fields.with_facts(source.late(&seen));
        let decoded = decode(&mut fields, cx.services);
        let complete = fields.finish();
        if decoded.is_none() {
            unexplained("post-processor", &component, pending.span, diagnostics);
        }
        let decoded = decoded.filter(|_| complete)?;
        let (added_facts, effect, repositories) = (decoded.added_facts(), decoded.effect(), decoded.repositories());
        let given = kept.map(|options| source.given(options, Vec::new()));
        let place = Some(place(cx, pending.span));
        let title = StepTitle { kind: StepKind::PostProcessor, component, name, place };
        Some(Self { title, keep_input, added_facts, effect, repositories, given, decode: *decode, source })
    }

    /// Decodes once more, now with the artifact's facts.
    pub(crate) fn decode(
        &self,
        facts: &Facts,
        services: &Arc<Services>,
    ) -> Result<Box<dyn PostProcessor>, Diagnostics> {
        self.source.decode(facts, |fields| (self.decode)(fields, services))
    }
}

impl Source {
    fn new(owner: String, pending: &Pending<'_>, site: &Site<'_>, meta: &'static [&'static str]) -> Self {
        let mut scope = pending.scope.child();
        scope.insert("source", "type", site.kind.as_str().into());
        scope.insert("source", "name", site.local_name.as_str().into());
        scope.insert("build", "name", site.build_name.as_str().into());
        Self {
            owner,
            build: Arc::clone(site.body),
            path: pending.path.clone(),
            span: pending.span,
            scope,
            own_facts: site.own_facts.map(<[_]>::to_vec),
            overridden: IndexMap::new(),
            interpolation: site.interpolation.clone(),
            meta,
        }
    }

    fn given(&self, options: Body, locals: Vec<Local>) -> Given {
        Given { options, interpolation: self.interpolation.clone(), locals }
    }

    /// The keys of `build.*` as texts, those of builders that are not known left out; with stand-ins at plan time.
    fn seen(&self, facts: Option<&Facts>) -> Facts {
        let keys = COMMON_FACTS.iter().chain(&LATE_FACTS).chain(self.own_facts.iter().flatten());
        let text = |key: &str| {
            let fact = convert(&fact(key, facts), &Type::String).unwrap_or_else(|_| "".into());
            fact.as_str().unwrap_or(UNKNOWN).to_owned()
        };
        let mut seen: Facts = keys.map(|key| ((*key).to_owned(), text(key))).collect();
        seen.extend(facts.cloned().unwrap_or_default());
        seen
    }

    /// What texts see when the step runs.
    fn interpolation(&self, seen: &Facts) -> Interpolation {
        let mut interpolation = self.interpolation.clone();
        if let Some(legacy) = &mut interpolation.legacy {
            Arc::make_mut(legacy).facts.clone_from(seen);
        }
        interpolation
    }

    /// `seen` where it is all that a late text can see.
    fn late<'f>(&self, seen: &'f Facts) -> Option<&'f Facts> {
        self.own_facts.is_some().then_some(seen)
    }

    /// Core arguments and the component's own options, with `facts` as `build.*` or all of it unknown.
    fn evaluate(&self, facts: Option<&Facts>, diagnostics: &mut Diagnostics) -> (Body, Body) {
        let mut scope = self.scope.child();
        if self.own_facts.is_none() {
            scope.set("build", Value::unknown(Type::Any));
        }
        for key in COMMON_FACTS.iter().chain(self.own_facts.iter().flatten()) {
            scope.insert("build", key, fact(key, facts));
        }
        for (key, text) in facts.into_iter().flatten().filter(|(key, _)| !COMMON_FACTS.contains(&key.as_str())) {
            scope.insert("build", key, text.as_str().into());
        }
        let mut options = match body::inside(&self.build, &self.path) {
            Some(body) => body::evaluate(body, self.span, &scope, diagnostics),
            None => Body::new(self.span),
        };
        let mut meta = Body::new(self.span);
        for name in self.meta {
            if let Some(attr) = options.attrs.shift_remove(*name) {
                meta.attrs.insert((*name).to_owned(), attr);
            }
        }
        (meta, options)
    }

    /// The options with those of `override` in place of the written ones.
    fn overlaid(&self, mut options: Body) -> Body {
        options.attrs.extend(self.overridden.clone());
        options
    }

    fn decode<T>(&self, facts: &Facts, decode: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Result<T, Diagnostics> {
        let mut diagnostics = Diagnostics::new();
        let (_, options) = self.evaluate(Some(facts), &mut diagnostics);
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        let seen = self.seen(Some(facts));
        let interpolation = self.interpolation(&seen);
        let fields = Fields::new(&self.owner, self.overlaid(options), &interpolation, &mut diagnostics);
        let mut fields = fields.with_facts(self.late(&seen));
        let decoded = decode(&mut fields);
        let complete = fields.finish();
        match decoded {
            Some(decoded) if complete => Ok(decoded),
            _ => Err(diagnostics),
        }
    }
}

/// The value of `build.KEY`. What a builder does not have is a text that says so, as in the peer.
fn fact(key: &str, facts: Option<&Facts>) -> Value {
    let Some(facts) = facts else {
        return Value::unknown(if key == "Port" { Type::Number } else { Type::String });
    };
    match (key, facts.get(key)) {
        ("Port", Some(port)) => Number::parse(port).unwrap_or_else(|| 0.into()).into(),
        ("Port", None) => 0.into(),
        (_, Some(text)) => text.as_str().into(),
        ("ID", None) => "ERR_ID_NOT_IMPLEMENTED_BY_BUILDER".into(),
        ("PackerHTTPIP", None) => "ERR_HTTP_IP_NOT_IMPLEMENTED_BY_BUILDER".into(),
        ("PackerHTTPPort", None) => "ERR_HTTP_PORT_NOT_IMPLEMENTED_BY_BUILDER".into(),
        ("PackerHTTPAddr", None) => "ERR_HTTP_ADDR_NOT_IMPLEMENTED_BY_BUILDER".into(),
        (_, None) => "".into(),
    }
}

fn place(cx: &Context<'_>, span: Span) -> String {
    format!("{}:{}", cx.sources.path(span.file).display(), cx.sources.position(span).line)
}
