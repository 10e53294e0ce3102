//! Fixers that do more than give an option another name.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::Members;

static CREATE_TIME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\{\{\s*\.CreateTime\s*\}\}").ok());
static CLEAN_NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"clean_(image|ami)_name").ok());

fn text<'m>(members: &'m Members, name: &str) -> Option<&'m str> {
    members.get(name).and_then(Value::as_str)
}

fn set(members: &mut Members, name: &str, value: impl Into<Value>) {
    members.insert(name.to_owned(), value.into());
}

fn replace_in(members: &mut Members, name: &str, pattern: Option<&Regex>, by: &str) {
    if let (Some(text), Some(pattern)) = (text(members, name), pattern) {
        let replaced = pattern.replace_all(text, by).into_owned();
        set(members, name, replaced);
    }
}

pub(super) fn iso_md5(builder: &mut Members) {
    if let Some(checksum) = text(builder, "iso_md5").map(str::to_owned) {
        builder.remove("iso_md5");
        set(builder, "iso_checksum", checksum);
        set(builder, "iso_checksum_type", "md5");
    }
}

pub(super) fn create_time(builder: &mut Members) {
    for name in ["ami_name", "bundle_prefix", "snapshot_name"] {
        replace_in(builder, name, CREATE_TIME.as_ref(), "{{timestamp}}");
    }
}

pub(super) fn guest_additions(builder: &mut Members) {
    if let Some(Value::Bool(attach)) = builder.get("guest_additions_attach") {
        let mode = if *attach { "attach" } else { "upload" };
        builder.remove("guest_additions_attach");
        set(builder, "guest_additions_mode", mode);
    }
}

pub(super) fn vagrant_override(step: &mut Members) {
    let known = ["aws", "digitalocean", "virtualbox", "vmware"];
    let overrides = known.into_iter().filter_map(|name| Some((name.to_owned(), step.remove(name)?)));
    let overrides: Members = overrides.collect();
    if !overrides.is_empty() {
        set(step, "override", overrides);
    }
}

pub(super) fn parallels(builder: &mut Members) {
    builder.remove("parallels_tools_host_path");
    if let Some(system) = builder.remove("guest_os_distribution") {
        set(builder, "guest_os_type", system);
    }
}

pub(super) fn private_ip(builder: &mut Members) {
    if builder.contains_key("ssh_interface") {
        return;
    }
    let private = match builder.get("ssh_private_ip") {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => match text.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
            "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
            _ => return,
        },
        _ => return,
    };
    builder.remove("ssh_private_ip");
    set(builder, "ssh_interface", if private { "private_ip" } else { "public_ip" });
}

pub(super) fn source_cidr(builder: &mut Members) {
    let name = "temporary_security_group_source_cidr";
    if let Some(range) = text(builder, name).map(str::to_owned) {
        builder.remove(name);
        set(builder, "temporary_security_group_source_cidrs", vec![Value::from(range)]);
    }
}

/// `tag` and `tags` together, each a list or a text with commas, without doubles.
pub(super) fn docker_tags(step: &mut Members) {
    let mut tags: Vec<Value> = Vec::new();
    for name in ["tag", "tags"] {
        let given: Vec<Value> = match step.remove(name) {
            Some(Value::Array(items)) => items,
            Some(Value::String(text)) => text.split(',').map(|tag| Value::from(tag.trim())).collect(),
            _ => Vec::new(),
        };
        for tag in given {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
    }
    set(step, "tags", tags);
}

pub(super) fn powershell_escapes(provisioner: &mut Members) {
    for name in ["elevated_user", "elevated_password"] {
        if let Some(escaped) = text(provisioner, name) {
            let plain = unescaped(escaped);
            set(provisioner, name, plain);
        }
    }
    let variables = provisioner.get_mut("environment_vars").and_then(Value::as_array_mut);
    if let Some(variables) = variables.filter(|variables| variables.iter().all(Value::is_string)) {
        for variable in variables {
            *variable = Value::from(unescaped(variable.as_str().unwrap_or_default()));
        }
    }
}

/// Without the backtick before what PowerShell would take for its own.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('`', Some('$' | '"' | '`' | '\'')) => out.extend(rest.next()),
            (c, _) => out.push(c),
        }
    }
    out
}

pub(super) fn compaction(builder: &mut Members) {
    if text(builder, "remote_type") != Some("esx5") {
        return;
    }
    match builder.get("disk_type_id") {
        None => set(builder, "disk_type_id", "zeroedthick"),
        Some(Value::String(kind)) if kind != "thin" => {}
        Some(_) => return,
    }
    if matches!(builder.get("skip_compaction"), None | Some(Value::Bool(_))) {
        set(builder, "skip_compaction", true);
    }
}

/// In every text of the builder, however deep.
pub(super) fn clean_name(builder: &mut Members) {
    builder.values_mut().for_each(clean_in);
}

fn clean_in(value: &mut Value) {
    match (value, CLEAN_NAME.as_ref()) {
        (Value::String(text), Some(pattern)) => *text = pattern.replace_all(text, "clean_resource_name").into_owned(),
        (Value::Array(items), _) => items.iter_mut().for_each(clean_in),
        (Value::Object(members), _) => members.values_mut().for_each(clean_in),
        _ => {}
    }
}

pub(super) fn disk_size(builder: &mut Members) {
    if let Some(size) = builder.get("disk_size").and_then(Value::as_f64) {
        set(builder, "disk_size", format!("{size:.0}M"));
    }
}

pub(super) fn network_and_disk(builder: &mut Members) {
    let network = [("network", "network"), ("networkCard", "network_card"), ("network_card", "network_card")];
    gather(builder, &network, "network_adapters");
    let disk = ["disk_size", "disk_thin_provisioned", "disk_eagerly_scrub"].map(|name| (name, name));
    gather(builder, &disk, "storage");
}

/// Moves options into a new first entry of a list.
fn gather(builder: &mut Members, options: &[(&str, &str)], list: &str) {
    let moved = options.iter().filter_map(|(old, new)| Some(((*new).to_owned(), builder.remove(*old)?)));
    let entry: Members = moved.collect();
    if entry.is_empty() {
        return;
    }
    let mut entries = vec![Value::Object(entry)];
    if let Some(Value::Array(more)) = builder.remove(list) {
        entries.extend(more);
    }
    set(builder, list, entries);
}

pub(super) fn checksum_type(builder: &mut Members) {
    let mut take = |name: &str| match builder.remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    let (url, kind) = (take("iso_checksum_url"), take("iso_checksum_type"));
    let checksum = text(builder, "iso_checksum").unwrap_or_default().to_owned();
    if !url.is_empty() {
        set(builder, "iso_checksum", format!("file:{url}"));
    } else if !checksum.is_empty() && !kind.is_empty() {
        set(builder, "iso_checksum", format!("{kind}:{checksum}"));
    }
}

pub(super) fn exclude_from_latest(builder: &mut Members) {
    if let Some(Value::Object(destination)) = builder.get_mut("shared_image_destination")
        && let Some(value) = destination.remove("exlude_from_latest")
    {
        set(destination, "exclude_from_latest", value);
    }
}
