//! A template of the old JSON format in the language: what `hcl2_upgrade` writes.
//!
//! Blocks are written as text, then each `{{ }}` in them is replaced by what stands for it, then all of it is laid out
//! as `fmt` does.

mod notes;
mod plugins;
mod transpose;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::catalog::{self, Options, Role};
use crate::eval::duration;
use crate::eval::interpolate::{Interpolation, Legacy, data};
use crate::formatter;
use transpose::{Needed, is_local, is_of_users, transpose, users};
use write::{argument, body, expression, quoted};

/// Options of amazon builders that say how to reach the service: a data source needs them as well.
const ACCESS: [&str; 17] = [
    "access_key",
    "assume_role",
    "aws_polling",
    "custom_endpoint_ec2",
    "decode_authorization_messages",
    "insecure_skip_tls_verify",
    "max_retries",
    "mfa_code",
    "profile",
    "region",
    "secret_key",
    "shared_credentials_file",
    "skip_credential_validation",
    "skip_metadata_api_check",
    "skip_region_validation",
    "token",
    "vault_aws_engine",
];

/// What came of it.
pub(crate) struct Upgraded {
    pub text: String,
    /// Types of builders that nobody knows.
    pub unknown_builders: Vec<String>,
}

/// The names that a builder has: in the old format, and as a source.
struct Builder<'t> {
    old_name: String,
    kind: String,
    name: String,
    options: Map<String, Value>,
    known: Option<&'t Options>,
}

/// Upgrades a template that was read without mistakes. `notes` adds comments for newcomers.
pub(crate) fn upgrade(template: &Map<String, Value>, raw: &str, engine: &Interpolation, notes: bool) -> Upgraded {
    let mut upgrade = Upgrade { engine, needed: Needed::default(), empty: BTreeSet::new(), notes };
    let (variables, locals) = upgrade.variables(template, raw);
    let mut builders = builders(template, engine);
    let images = upgrade.images(&mut builders);
    let sources: String = builders.iter().map(|builder| upgrade.source(builder)).collect();
    let build = upgrade.build(template, &builders);
    let mut text = String::new();
    let mut part = |note: &str, part: &str| {
        if !part.is_empty() {
            text.push_str(if notes { note } else { "" });
            text.push_str(part);
        }
    };
    part(notes::FILE, if notes { "\n" } else { "" });
    part(notes::PACKER, &plugins::packer_block(template));
    part(notes::VARIABLES, &variables);
    part(notes::SECRETS, &upgrade.secrets());
    part(notes::IMAGES, &images);
    part("", &upgrade.needed_locals());
    part(notes::LOCALS, &locals);
    part(notes::SOURCES, &sources);
    part(notes::BUILD, &build);
    let unknown = builders.iter().filter(|builder| plugins::of(&builder.kind).is_none() && builder.known.is_none());
    let unknown_builders = unknown.map(|builder| builder.kind.clone()).collect();
    Upgraded { text: formatter::format(&text), unknown_builders }
}

struct Upgrade<'e> {
    engine: &'e Interpolation,
    needed: Needed,
    /// Variables that are empty unless somebody sets them.
    empty: BTreeSet<String>,
    notes: bool,
}

/// What variables of the template are set to, where that is not for the run to say.
fn set_to(template: &Map<String, Value>, engine: &Interpolation) -> BTreeMap<String, String> {
    let variables = template.get("variables").and_then(Value::as_object).into_iter().flatten();
    let texts = variables.filter_map(|(name, value)| Some((name, value.as_str()?)));
    let mut open: Vec<_> = texts.filter(|(_, text)| is_of_users(engine, text)).collect();
    let mut known = BTreeMap::new();
    // Variables are made of each other, in any order.
    for _ in 0..open.len() {
        let before: BTreeMap<String, String> = known.clone();
        let legacy = Some(Arc::new(Legacy { variables: before.clone(), ..Legacy::default() }));
        let engine = Interpolation { legacy, ..engine.clone() };
        open.retain(|(name, text)| {
            let ready = users(&engine, text).iter().all(|user| before.contains_key(user));
            let value = ready.then(|| engine.render(text, &data([])).ok()).flatten();
            let settled = value.is_some();
            known.extend(value.map(|value| ((*name).clone(), value)));
            !settled
        });
        if known.len() == before.len() {
            break;
        }
    }
    known
}

/// Sorted by type and name; those without a name of their own are numbered by their places.
fn builders(template: &Map<String, Value>, engine: &Interpolation) -> Vec<Builder<'static>> {
    let legacy = Some(Arc::new(Legacy { variables: set_to(template, engine), ..Legacy::default() }));
    let engine = Interpolation { legacy, ..engine.clone() };
    let mut found: Vec<(String, String, Map<String, Value>)> = Vec::new();
    for builder in items(template, "builders").filter_map(Value::as_object) {
        let kind = text(builder, "type");
        let name = builder.get("name").and_then(Value::as_str).unwrap_or(&kind).to_owned();
        let mut options = builder.clone();
        options.retain(|key, _| key != "type" && key != "name" && !is_core(key));
        found.push((kind, name, options));
    }
    found.sort_by_key(|(kind, name, _)| format!("{kind}{name}"));
    let numbered = found.into_iter().enumerate();
    let named = numbered.map(|(at, (kind, old_name, options))| Builder {
        // Labels are no templates: a name of variables is what they are set to.
        name: match engine.render(&old_name, &data([])) {
            Ok(name) if !name.is_empty() && name != kind => name.trim().replace(' ', "_"),
            _ => format!("autogenerated_{}", at + 1),
        },
        known: catalog::find(Role::Builder, &kind).map(|component| &component.options),
        old_name,
        kind,
        options,
    });
    named.collect()
}

/// What Packer's core tells components of the run: in templates it has no effect, and most of it no name in HCL.
fn is_core(option: &str) -> bool {
    option.starts_with("packer_")
}

fn items<'t>(template: &'t Map<String, Value>, name: &str) -> impl Iterator<Item = &'t Value> {
    template.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text(object: &Map<String, Value>, name: &str) -> String {
    object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl Upgrade<'_> {
    /// Variables, and those that have to be locals.
    fn variables(&mut self, template: &Map<String, Value>, raw: &str) -> (String, String) {
        let mut variables: BTreeMap<String, Option<String>> = BTreeMap::new();
        for (name, value) in template.get("variables").and_then(Value::as_object).into_iter().flatten() {
            let default = match value {
                Value::String(text) => Some(text.clone()),
                Value::Bool(flag) => Some(if *flag { "1" } else { "0" }.to_owned()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            };
            variables.insert(name.clone(), default);
        }
        for name in users(self.engine, raw) {
            variables.entry(name).or_insert(None);
        }
        // What is asked of the environment may be empty as well.
        let may_be_empty =
            |default: &str| default.is_empty() || default.trim_start_matches("{{").trim().starts_with("env ");
        let empty = variables.iter().filter(|(_, default)| default.as_deref().is_some_and(may_be_empty));
        self.empty = empty.map(|(name, _)| name.clone()).collect();
        let sensitive: BTreeSet<&str> = items(template, "sensitive-variables").filter_map(Value::as_str).collect();
        let local = |default: &Option<String>| default.as_deref().is_some_and(|text| is_local(self.engine, text));
        let (locals, inputs): (Vec<_>, Vec<_>) = variables.into_iter().partition(|(_, default)| local(default));
        self.needed.locals = locals.iter().map(|(name, _)| name.clone()).collect();
        let mut written = String::new();
        for (name, default) in inputs {
            let mut block = format!("\nvariable {} {{\ntype = string\n", quoted(&name));
            if let Some(default) = default {
                argument(&mut block, "default", &Value::String(default));
            }
            block.push_str(if sensitive.contains(name.as_str()) { "sensitive = true\n}\n" } else { "}\n" });
            written.push_str(&transpose(self.engine, &block, &mut self.needed));
        }
        let (mut secret, mut plain) = (String::new(), String::new());
        for (name, default) in locals {
            let value = expression(&Value::String(default.unwrap_or_default()));
            if sensitive.contains(name.as_str()) {
                let block = format!("\nlocal {} {{\nsensitive = true\nexpression = {value}\n}}\n", quoted(&name));
                secret.push_str(&transpose(self.engine, &block, &mut self.needed));
            } else {
                let _ = writeln!(plain, "{name} = {value}");
            }
        }
        if !plain.is_empty() {
            plain = transpose(self.engine, &format!("\nlocals {{\n{plain}}}\n"), &mut self.needed);
        }
        (written, secret + &plain)
    }

    /// Whether the text is nothing but a variable that may be empty.
    fn may_be_empty(&self, text: &str) -> bool {
        let action = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        let name = action.and_then(|action| action.trim().strip_prefix("user"));
        name.is_some_and(|name| self.empty.contains(name.trim().trim_matches(['`', '"'])))
    }

    /// Data sources in place of the image filters of amazon builders.
    fn images(&mut self, builders: &mut [Builder<'_>]) -> String {
        let mut filters: Vec<Map<String, Value>> = Vec::new();
        let mut written = String::new();
        let options = catalog::find(Role::Data, "amazon-ami").map(|component| &component.options);
        for builder in builders.iter_mut().filter(|builder| builder.kind.starts_with("amazon-")) {
            let Some(Value::Object(mut filter)) = builder.options.remove("source_ami_filter") else { continue };
            let access =
                ACCESS.iter().filter_map(|name| Some(((*name).to_owned(), builder.options.get(*name)?.clone())));
            filter.extend(access);
            let at = filters.iter().position(|known| *known == filter).unwrap_or_else(|| {
                let mut block = format!("\ndata \"amazon-ami\" \"autogenerated_{}\" {{\n", filters.len() + 1);
                body(&mut block, &filter, options, &|text| self.may_be_empty(text));
                written.push_str(&transpose(self.engine, &(block + "}\n"), &mut self.needed));
                filters.push(filter);
                filters.len() - 1
            });
            builder.options.insert("source_ami".to_owned(), Value::String(image_mark(at + 1)));
        }
        written
    }

    fn source(&mut self, builder: &Builder<'_>) -> String {
        let mut block = format!("\nsource {} {} {{\n", quoted(&builder.kind), quoted(&builder.name));
        body(&mut block, &builder.options, builder.known, &|text| self.may_be_empty(text));
        let mut text = transpose(self.engine, &(block + "}\n"), &mut self.needed);
        if let Some(Value::String(mark)) = builder.options.get("source_ami") {
            let number = mark.trim_matches(|c: char| !c.is_ascii_digit());
            text = text.replace(&image_mark_of(number), &format!("${{data.amazon-ami.autogenerated_{number}.id}}"));
        }
        text
    }

    fn build(&mut self, template: &Map<String, Value>, builders: &[Builder<'_>]) -> String {
        let mut block = format!("{}build {{\n", if self.notes { "" } else { "\n" });
        let description = text(template, "description");
        if !description.is_empty() {
            let _ = writeln!(block, "description = {}\n", quoted(&description));
        }
        let sources = builders.iter().map(|builder| quoted(&format!("source.{}.{}", builder.kind, builder.name)));
        let _ = writeln!(block, "sources = [{}]\n", sources.collect::<Vec<_>>().join(", "));
        for provisioner in items(template, "provisioners") {
            block.push_str(&self.step("provisioner", Role::Provisioner, provisioner, builders));
            block.push('\n');
        }
        if let Some(cleanup) = template.get("error-cleanup-provisioner").filter(|cleanup| !cleanup.is_null()) {
            block.push_str(&self.step("error-cleanup-provisioner", Role::Provisioner, cleanup, builders));
            block.push('\n');
        }
        for sequence in items(template, "post-processors") {
            match sequence {
                Value::Array(steps) if steps.len() > 1 => {
                    let steps =
                        steps.iter().map(|step| self.step("post-processor", Role::PostProcessor, step, builders));
                    let _ = writeln!(block, "post-processors {{\n{}}}", steps.collect::<String>());
                }
                Value::Array(steps) => {
                    let steps =
                        steps.iter().map(|step| self.step("post-processor", Role::PostProcessor, step, builders));
                    block.extend(steps);
                }
                step => block.push_str(&self.step("post-processor", Role::PostProcessor, step, builders)),
            }
        }
        block + "}\n"
    }

    /// A provisioner or post-processor.
    fn step(&mut self, block: &str, role: Role, step: &Value, builders: &[Builder<'_>]) -> String {
        let mut options = step.as_object().cloned().unwrap_or_default();
        let kind = step.as_str().map_or_else(|| text(&options, "type"), str::to_owned);
        options.retain(|key, _| key != "type" && !is_core(key));
        if options.get("name").and_then(Value::as_str) == Some(&kind) {
            options.remove("name");
        }
        for list in ["only", "except"] {
            let names = options.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
            for name in names {
                let builder = name.as_str().and_then(|name| builders.iter().find(|builder| builder.old_name == name));
                if let Some(Builder { kind, name: new, .. }) = builder {
                    *name = Value::String(format!("{kind}.{new}"));
                }
            }
        }
        let overrides = options.remove("override");
        for time in ["timeout", "pause_before"] {
            let written = options.get(time).and_then(Value::as_str).and_then(|text| duration::parse(text).ok());
            if let Some(written) = written {
                options.insert(time.to_owned(), Value::String(go_duration(written)));
            }
        }
        if let Some(Value::Number(retries)) = options.get("max_retries") {
            let retries = retries.to_string();
            options.insert("max_retries".to_owned(), Value::String(retries));
        }
        let mut written = format!("{block} {} {{\n", quoted(&kind));
        if let Some(keep) = options.remove("keep_input_artifact") {
            argument(&mut written, "keep_input_artifact", &keep);
        }
        let known = catalog::find(role, &kind).map(|component| &component.options);
        body(&mut written, &options, known, &|text| self.may_be_empty(text));
        if let Some(Value::Object(overrides)) = overrides {
            let renamed = overrides.into_iter().map(|(name, options)| {
                let builder = builders.iter().find(|builder| builder.old_name == name);
                (builder.map_or(name, |builder| builder.name.clone()), options)
            });
            argument(&mut written, "override", &Value::Object(renamed.collect()));
        }
        transpose(self.engine, &(written + "}\n"), &mut self.needed)
    }

    fn secrets(&self) -> String {
        let mut text = String::new();
        for (at, (name, key)) in self.needed.secrets.iter().enumerate() {
            let _ = writeln!(text, "\ndata \"amazon-secretsmanager\" \"autogenerated_{}\" {{", at + 1);
            for (argument, value) in key.iter().map(|key| ("key", key)).chain([("name", name)]) {
                let _ = writeln!(text, "{argument} = {}", quoted(value));
            }
            text.push_str("}\n");
        }
        text
    }

    /// What replaces functions of the old format.
    fn needed_locals(&self) -> String {
        let mut text = String::new();
        if self.needed.timestamp {
            text.push_str(if self.notes { "\n# \"timestamp\" template function replacement\n" } else { "\n" });
            text.push_str("locals { timestamp = regex_replace(timestamp(), \"[- TZ:]\", \"\") }\n");
        }
        for (used, word) in [(self.needed.isotime, "isotime"), (self.needed.strftime, "strftime")] {
            if used {
                let _ = writeln!(
                    text,
                    "# The \"legacy_{word}\" function has been provided for backwards compatability, but we recommend \
                     switching to the timestamp and formatdate functions."
                );
            }
        }
        text
    }
}

/// Stands for a data source until `{{ }}` have been replaced.
fn image_mark(number: usize) -> String {
    image_mark_of(&number.to_string())
}

fn image_mark_of(number: &str) -> String {
    format!("<amazon-ami {number}>")
}

/// As Go writes it: `1h0m0s`, `1.5s`, `200ms`.
fn go_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let fraction = |unit: u128, name: &str| {
        let rest = format!("{:0width$}", nanos % unit, width = unit.ilog10() as usize);
        let rest = rest.trim_end_matches('0');
        let point = if rest.is_empty() { "" } else { "." };
        (nanos / unit, format!("{point}{rest}{name}"))
    };
    if nanos == 0 {
        return "0s".to_owned();
    }
    for (unit, name) in [(1_000, "µs"), (1_000_000, "ms")] {
        if nanos < unit * 1_000 {
            let (whole, rest) = if nanos < 1_000 { (nanos, "ns".to_owned()) } else { fraction(unit, name) };
            return format!("{whole}{rest}");
        }
    }
    let (seconds, rest) = fraction(1_000_000_000, "s");
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}{rest}"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}{rest}"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}{rest}"),
    }
}
