//! What an image has besides packages: system, services, users, doors, configuration.

use std::collections::BTreeMap;

use super::Change;
use crate::inventory::{ImageConfig, Inventory};
use crate::report::record::Difference;

type Facts = BTreeMap<String, String>;

pub(super) fn compare(old: &Inventory, new: &Inventory, lacks: impl Fn(&str) -> bool, change: &mut Change) {
    let mut compare = |a: Facts, b: Facts| change.contents.extend(differences(a, b));
    if !lacks("system") {
        compare(system(old), system(new));
    }
    if !lacks("services") {
        let facts =
            |list: &[String]| list.iter().map(|name| (format!("service {name}"), "enabled".to_owned())).collect();
        compare(facts(&old.services), facts(&new.services));
    }
    if !lacks("users") {
        compare(users(old), users(new));
    }
    if !lacks("listening") {
        let facts = |list: &[String]| list.iter().map(|door| (format!("door {door}"), "listens".to_owned())).collect();
        compare(facts(&old.listening), facts(&new.listening));
    }
    if let (Some(a), Some(b)) = (&old.image, &new.image) {
        compare(config(a), config(b));
    }
}

fn differences(old: Facts, mut new: Facts) -> Vec<Difference> {
    let mut found = Vec::new();
    for (name, was) in old {
        match new.remove(&name) {
            Some(now) if now == was => {}
            now => found.push(Difference { name, old: Some(was), new: now }),
        }
    }
    found.extend(new.into_iter().map(|(name, now)| Difference { name, old: None, new: Some(now) }));
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn system(inventory: &Inventory) -> Facts {
    let system = &inventory.system;
    let name = if system.name.is_empty() { format!("{} {}", system.id, system.version) } else { system.name.clone() };
    let facts = [("system", name), ("kernel", system.kernel.clone()), ("architecture", system.architecture.clone())];
    let told =
        |(name, value): (&str, String)| Some((name.to_owned(), value)).filter(|(_, value)| !value.trim().is_empty());
    facts.into_iter().filter_map(told).collect()
}

fn users(inventory: &Inventory) -> Facts {
    let fact = |user: &crate::inventory::User| {
        (format!("user {}", user.name), format!("{}, {}, {}", user.id, user.home, user.shell))
    };
    inventory.users.iter().map(fact).collect()
}

fn config(config: &ImageConfig) -> Facts {
    let ImageConfig { entrypoint, command, variables, user, folder, ports, volumes, labels } = config;
    let mut facts = Facts::new();
    let mut add = |name: String, value: String| {
        if !value.is_empty() {
            facts.insert(name, value);
        }
    };
    for (name, list) in [("entrypoint", entrypoint), ("command", command)] {
        // As it is written in a Dockerfile: where one word ends can be seen.
        add(name.to_owned(), if list.is_empty() { String::new() } else { serde_json::json!(list).to_string() });
    }
    add("image user".to_owned(), user.clone());
    add("working folder".to_owned(), folder.clone());
    for (kind, word, list) in
        [("variable", "set", variables), ("port", "exposed", ports), ("volume", "declared", volumes)]
    {
        list.iter().for_each(|name| add(format!("{kind} {name}"), word.to_owned()));
    }
    labels.iter().for_each(|(name, value)| add(format!("label {name}"), value.clone()));
    facts
}
