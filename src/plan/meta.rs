//! Core arguments of provisioners and post-processors, which the components never see: when, how often, for whom.

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;

use super::step::Site;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::eval::block::{Attr, Body};
use crate::eval::fields::Fields;
use crate::eval::interpolate::data;
use crate::value::{Kind, Value};

/// Arguments of every provisioner that the component never sees.
pub(super) const PROVISIONER_META: [&str; 8] =
    ["name", "only", "except", "override", "pause_before", "timeout", "max_retries", "continue_on_error"];
pub(super) const POST_PROCESSOR_META: [&str; 4] = ["name", "only", "except", "keep_input_artifact"];

/// Core arguments of a provisioner.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meta {
    pub pause_before: Option<Duration>,
    pub timeout: Option<Duration>,
    /// Attempts after the first.
    pub max_retries: u32,
    pub continue_on_error: bool,
}

impl Meta {
    pub(super) fn decode(fields: &mut Fields<'_>) -> Self {
        Self {
            pause_before: fields.duration("pause_before").filter(|d| !d.is_zero()),
            timeout: fields.duration("timeout").filter(|d| !d.is_zero()),
            max_retries: retries(fields),
            continue_on_error: fields.flag("continue_on_error").unwrap_or(false),
        }
    }
}

fn retries(fields: &mut Fields<'_>) -> u32 {
    let retries = fields.integer("max_retries").unwrap_or(0);
    u32::try_from(retries).unwrap_or_else(|_| {
        fields.error_at("max_retries", "\"max_retries\" is out of range", "it is at least 0");
        0
    })
}

/// Whether `only` and `except` let the step run for this source. Names that match no source of the build are warned
/// of: the peer never says why such a step does not run.
pub(super) fn applies(fields: &mut Fields<'_>, site: &Site<'_>) -> bool {
    let (only, except) = (fields.texts("only"), fields.texts("except"));
    if only.is_some() && except.is_some() {
        fields.error_at("except", "\"only\" and \"except\" exclude each other", "give one of them");
    }
    for (option, names) in [("only", &only), ("except", &except)] {
        for name in names.iter().flatten().filter(|name| !site.known_sources.contains(name)) {
            let span = fields.span_of(option).unwrap_or(fields.block_span());
            let known = site.known_sources.iter().map(String::as_str);
            let diagnostic = match &site.interpolation.legacy {
                Some(_) => Diagnostic::error(format!("\"{option}\" names \"{name}\", which is no builder")),
                None => Diagnostic::warning(format!("\"{option}\" names \"{name}\", which is no source of this build")),
            };
            let diagnostic = diagnostic.at(span);
            let diagnostic = match name.strip_prefix("source.") {
                Some(short) => diagnostic.help(format!("write \"{short}\"")),
                None => diagnostic
                    .detail(format!("sources of this build: {}", site.known_sources.join(", ")))
                    .suggest(name, known),
            };
            fields.push(diagnostic);
        }
    }
    only.is_none_or(|names| names.is_empty() || names.contains(&site.source()))
        && !except.is_some_and(|names| names.contains(&site.source()))
}

/// The arguments that `override` sets for this source.
pub(super) fn take_override(meta: &mut Body, site: &Site<'_>, diagnostics: &mut Diagnostics) -> IndexMap<String, Attr> {
    let Some(attr) = meta.attrs.shift_remove("override") else { return IndexMap::new() };
    let (Kind::Object(sources) | Kind::Map(_, sources)) = &attr.value.kind else {
        if !attr.value.is_null() && !attr.value.is_unknown() {
            let diagnostic = Diagnostic::error("\"override\" must be an object").at(attr.value_span);
            diagnostics.push(diagnostic.help("write override = { SOURCE = { argument = value } }"));
        }
        return IndexMap::new();
    };
    let legacy = site.interpolation.legacy.is_some();
    let written = |name: &String| match legacy {
        true => site.interpolation.render(name, &data([])).unwrap_or_else(|_| name.clone()),
        false => name.clone(),
    };
    let sources: BTreeMap<String, &Value> = sources.iter().map(|(name, value)| (written(name), value)).collect();
    let names = site.known_sources.iter();
    let known: Vec<&str> = match legacy {
        true => names.map(String::as_str).collect(),
        false => names.filter_map(|name| Some(name.split_once('.')?.1)).collect(),
    };
    for name in sources.keys().filter(|name| !known.contains(&name.as_str())) {
        let mut diagnostic = match legacy {
            true => Diagnostic::error(format!("\"override\" names \"{name}\", which is no builder")),
            false => Diagnostic::warning(format!("\"override\" names \"{name}\", which is no source of this build")),
        };
        diagnostic = diagnostic.at(attr.value_span);
        diagnostics.push(diagnostic.detail(format!("names without type are expected: {}", known.join(", "))));
    }
    let Some(arguments) = sources.get(&site.local_name) else { return IndexMap::new() };
    let (Kind::Object(arguments) | Kind::Map(_, arguments)) = &arguments.kind else {
        let summary = format!("the override for \"{}\" must be an object", site.local_name);
        diagnostics.push(Diagnostic::error(summary).at(attr.value_span));
        return IndexMap::new();
    };
    let attr = |value: &Value| Attr { value: value.clone(), name_span: attr.name_span, value_span: attr.value_span };
    arguments.iter().map(|(name, value)| (name.clone(), attr(value))).collect()
}
