//! Old names and habits in templates of the old JSON format, brought up to date: what `fix` does.
//!
//! Each fixer is a row: whom it concerns, and what it changes. What a fixer does not understand it leaves alone.

mod special;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

/// A component's members, its type among them.
type Members = Map<String, Value>;

/// Whom a fixer concerns.
enum Whom {
    /// Builders of one of these types; one that ends in `*` stands for all that begin so.
    Builders(&'static [&'static str]),
    Provisioners(&'static [&'static str]),
    PostProcessors(&'static [&'static str]),
}

/// What a fixer changes.
enum Change {
    /// Old name, new name and kind of value. One that is set under its new name already is dropped.
    Rename(&'static [(&'static str, &'static str, Of)]),
    /// The same, where the old one wins.
    Replace(&'static [(&'static str, &'static str, Of)]),
    Drop(&'static [&'static str]),
    /// The type itself, with what `override` of provisioners calls it.
    Type(&'static str),
    Special(fn(&mut Members)),
}

/// What a value must be for its option to be renamed: another one is a mistake that a person has to see.
#[derive(Clone, Copy)]
enum Of {
    Any,
    Text,
    Flag,
}

impl Of {
    fn is(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Text => value.is_string(),
            Self::Flag => value.is_boolean(),
        }
    }
}

struct Fixer {
    name: &'static str,
    whom: Whom,
    change: Change,
}

const fn builders(name: &'static str, types: &'static [&'static str], change: Change) -> Fixer {
    Fixer { name, whom: Whom::Builders(types), change }
}

const ALL: &[&str] = &["*"];
const AMAZON: &[&str] = &["amazon-*"];

/// All fixers in the peer's order; one concerns two kinds of components.
const FIXERS: [Fixer; 35] = [
    builders("iso-md5", ALL, Change::Special(special::iso_md5)),
    builders("createtime", ALL, Change::Special(special::create_time)),
    builders("virtualbox-gaattach", &["virtualbox"], Change::Special(special::guest_additions)),
    Fixer {
        name: "pp-vagrant-override",
        whom: Whom::PostProcessors(&["vagrant"]),
        change: Change::Special(special::vagrant_override),
    },
    builders("virtualbox-rename", &["virtualbox"], Change::Type("virtualbox-iso")),
    builders("vmware-rename", &["vmware"], Change::Type("vmware-iso")),
    builders("parallels-headless", &["parallels-iso", "parallels-pvm"], Change::Drop(&["headless"])),
    builders("parallels-deprecations", &["parallels-iso", "parallels-pvm"], Change::Special(special::parallels)),
    builders("sshkeypath", ALL, Change::Rename(&[("ssh_key_path", "ssh_private_key_file", Of::Text)])),
    builders(
        "sshdisableagent",
        ALL,
        Change::Rename(&[("ssh_disable_agent", "ssh_disable_agent_forwarding", Of::Flag)]),
    ),
    builders("scaleway-access-key", &["scaleway"], Change::Rename(&[("access_key", "organization_id", Of::Text)])),
    Fixer {
        name: "manifest-filename",
        whom: Whom::PostProcessors(&["manifest"]),
        change: Change::Replace(&[("filename", "output", Of::Text)]),
    },
    builders(
        "amazon-shutdown_behavior",
        AMAZON,
        Change::Replace(&[("shutdown_behaviour", "shutdown_behavior", Of::Any)]),
    ),
    builders(
        "amazon-enhanced-networking",
        AMAZON,
        Change::Replace(&[("enhanced_networking", "ena_support", Of::Flag)]),
    ),
    builders("amazon-private-ip", AMAZON, Change::Special(special::private_ip)),
    builders("amazon-temp-sec-cidrs", AMAZON, Change::Special(special::source_cidr)),
    builders("docker-email", &["docker"], Change::Drop(&["login_email"])),
    Fixer {
        name: "docker-email",
        whom: Whom::PostProcessors(&["docker-push"]),
        change: Change::Drop(&["login_email"]),
    },
    Fixer {
        name: "docker-tag-tags",
        whom: Whom::PostProcessors(&["docker-tag"]),
        change: Change::Special(special::docker_tags),
    },
    Fixer {
        name: "powershell-escapes",
        whom: Whom::Provisioners(&["powershell"]),
        change: Change::Special(special::powershell_escapes),
    },
    builders("vmware-compaction", &["vmware-iso"], Change::Special(special::compaction)),
    builders("hyperv-deprecations", &["hyperv-iso"], Change::Drop(&["vhd_temp_path"])),
    builders(
        "hyperv-vmxc-typo",
        &["hyperv-vmcx"],
        Change::Replace(&[("clone_from_vmxc_path", "clone_from_vmcx_path", Of::Any)]),
    ),
    builders(
        "hyperv-cpu-and-ram",
        &["hyperv-vmcx", "hyperv-iso"],
        Change::Replace(&[("cpu", "cpus", Of::Any), ("ram_size", "memory", Of::Any)]),
    ),
    builders("clean-image-name", ALL, Change::Special(special::clean_name)),
    builders("spot-price-auto-product", AMAZON, Change::Drop(&["spot_price_auto_product"])),
    builders("qemu-disk-size", &["qemu"], Change::Special(special::disk_size)),
    Fixer {
        name: "galaxy-command",
        whom: Whom::Provisioners(&["ansible-local"]),
        change: Change::Rename(&[("galaxycommand", "galaxy_command", Of::Any)]),
    },
    builders(
        "comm-config",
        &["virtualbox*"],
        Change::Rename(&[
            ("ssh_host_port_min", "host_port_min", Of::Any),
            ("ssh_host_port_max", "host_port_max", Of::Any),
            ("ssh_skip_nat_mapping", "skip_nat_mapping", Of::Flag),
        ]),
    ),
    builders("ssh-wait-timeout", ALL, Change::Rename(&[("ssh_wait_timeout", "ssh_timeout", Of::Text)])),
    builders("vsphere-iso-net-disk", &["vsphere-iso"], Change::Special(special::network_and_disk)),
    builders("iso-checksum-type-and-url", ALL, Change::Special(special::checksum_type)),
    builders(
        "qemu-host-port",
        &["qemu"],
        Change::Replace(&[
            ("ssh_host_port_min", "host_port_min", Of::Any),
            ("ssh_host_port_max", "host_port_max", Of::Any),
        ]),
    ),
    builders("azure-exclude_from_latest", &["azure-chroot"], Change::Special(special::exclude_from_latest)),
    builders("proxmox-type", &["proxmox"], Change::Type("proxmox-iso")),
];

/// Applies every fixer; the names of those that changed something.
pub(crate) fn fix(template: &mut Members) -> Vec<&'static str> {
    let mut changed = Vec::new();
    for fixer in &FIXERS {
        let before = template.clone();
        let (list, types) = match fixer.whom {
            Whom::Builders(types) => ("builders", types),
            Whom::Provisioners(types) => ("provisioners", types),
            Whom::PostProcessors(types) => ("post-processors", types),
        };
        let mut renamed = Vec::new();
        each(template, list, &mut |members| {
            let kind = members.get("type").and_then(Value::as_str).unwrap_or_default();
            let concerned = types.iter().any(|of| match of.strip_suffix('*') {
                Some(start) => kind.starts_with(start),
                None => kind == *of,
            });
            if concerned {
                if let (Change::Type(new), false) = (&fixer.change, members.contains_key("name")) {
                    renamed.push((kind.to_owned(), *new));
                }
                apply(&fixer.change, members);
            }
        });
        for (old, new) in renamed {
            for list in ["provisioners", "post-processors"] {
                each(template, list, &mut |members| refer(members, &old, new));
            }
        }
        if *template != before {
            changed.push(fixer.name);
        }
    }
    changed
}

/// Visits the components of a list, those in sequences of post-processors too.
fn each(template: &mut Members, list: &str, visit: &mut dyn FnMut(&mut Members)) {
    for component in template.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
        match component {
            Value::Object(members) => visit(members),
            Value::Array(steps) => steps.iter_mut().filter_map(Value::as_object_mut).for_each(&mut *visit),
            _ => {}
        }
    }
}

fn apply(change: &Change, members: &mut Members) {
    match change {
        Change::Drop(names) => names.iter().for_each(|name| drop(members.remove(*name))),
        Change::Rename(names) | Change::Replace(names) => {
            let old_wins = matches!(change, Change::Replace(_));
            for (old, new, of) in *names {
                if !members.get(*old).is_some_and(|value| of.is(value)) {
                    // Left for a person, unless the new name says it already.
                    if !old_wins && members.contains_key(*new) {
                        members.remove(*old);
                    }
                } else if let Some(value) = members.remove(*old)
                    && (old_wins || !members.contains_key(*new))
                {
                    members.insert((*new).to_owned(), value);
                }
            }
        }
        Change::Type(new) => drop(members.insert("type".to_owned(), Value::from(*new))),
        Change::Special(special) => special(members),
    }
}

/// A builder without a name goes by its type: so do those who refer to it.
fn refer(step: &mut Members, old: &str, new: &str) {
    if let Some(overrides) = step.get_mut("override").and_then(Value::as_object_mut)
        && let Some(value) = overrides.remove(old)
    {
        overrides.insert(new.to_owned(), value);
    }
    for list in ["only", "except"] {
        for name in step.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if name == old {
                *name = Value::from(new);
            }
        }
    }
}
