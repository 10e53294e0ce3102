//! Reading a table: groups of options, and components that use them.

use std::collections::HashMap;

use hcl_edit::expr::Expression;
use hcl_edit::structure::{Attribute, Block, Body, Structure};
#[cfg(test)]
use indexmap::IndexMap;

use super::{Component, Components, Nested, Options, Role};
use crate::diagnostic::{Diagnostics, SourceMap};
use crate::eval::types::type_expression;
use crate::value::Type;

type Groups = HashMap<String, Options>;

/// The components of a table. `core` is the text of the table whose groups all others may use. The tables are part of
/// the program: what is wrong with one is left out here and fails the test that reads them all.
pub(super) fn read(plugin: &'static str, text: &str, core: &str) -> Components {
    let mut groups = Groups::new();
    if plugin != "core" {
        for block in blocks(core).iter().filter(|block| block.ident.as_str() == "options") {
            group(block, &mut groups);
        }
    }
    let mut components = Components::new();
    for block in blocks(text) {
        if block.ident.as_str() == "options" {
            group(&block, &mut groups);
        } else if let Some(key) = key(&block) {
            let mut options = options(&block.body, &groups);
            let outputs = options.blocks.shift_remove("output").map(|nested| nested.options).unwrap_or_default();
            components.insert(key, Component { plugin, options, outputs });
        }
    }
    components
}

fn blocks(text: &str) -> Vec<Block> {
    let body: Body = hcl_edit::parser::parse_body(text).unwrap_or_default();
    body.into_iter().filter_map(|structure| structure.into_block().ok()).collect()
}

fn group(block: &Block, groups: &mut Groups) {
    if let Some(name) = block.labels.first() {
        let options = options(&block.body, groups);
        groups.insert(name.as_str().to_owned(), options);
    }
}

fn key(block: &Block) -> Option<(Role, String)> {
    let role = Role::ALL.into_iter().find(|role| role.word() == block.ident.as_str())?;
    Some((role, block.labels.first()?.as_str().to_owned()))
}

fn options(body: &Body, groups: &Groups) -> Options {
    let mut options = Options::default();
    for structure in body {
        match structure {
            Structure::Attribute(attribute) if attribute.key.as_str() == "use" => {
                for name in group_names(attribute) {
                    let Some(group) = groups.get(&name) else { continue };
                    options.attributes.extend(group.attributes.clone());
                    options.blocks.extend(group.blocks.clone());
                }
            }
            Structure::Attribute(attribute) => {
                options.attributes.extend(ty(&attribute.value).map(|ty| (attribute.key.as_str().to_owned(), ty)));
            }
            Structure::Block(block) => {
                let repeated = block.labels.first().is_some_and(|label| label.as_str() == "list");
                let nested = Nested { repeated, options: self::options(&block.body, groups) };
                options.blocks.insert(block.ident.as_str().to_owned(), nested);
            }
        }
    }
    options
}

fn group_names(attribute: &Attribute) -> Vec<String> {
    let items = attribute.value.as_array().into_iter().flatten();
    items.filter_map(|item| Some(item.as_variable()?.as_str().to_owned())).collect()
}

fn ty(expression: &Expression) -> Option<Type> {
    // Places in a table are of no interest.
    let file = SourceMap::new().add("table", String::new());
    type_expression(expression, file, &mut Diagnostics::new())
}

/// Everything in a table that [`read`] would leave out.
#[cfg(test)]
pub(super) fn mistakes(plugin: &str, text: &str, core: &str) -> Vec<String> {
    let Ok(_) = hcl_edit::parser::parse_body(text) else { return vec![format!("{plugin}: no HCL")] };
    let mut known: Vec<String> = blocks(core).iter().filter_map(group_name).collect();
    let mut found = Vec::new();
    for block in blocks(text) {
        let name = format!("{plugin}: {} {:?}", block.ident.as_str(), block.labels.first().map(|l| l.as_str()));
        if block.ident.as_str() != "options" && key(&block).is_none() {
            found.push(format!("{name} is no component"));
        }
        mistakes_in(&name, &block.body, &known, &mut found);
        known.extend(group_name(&block));
    }
    found
}

#[cfg(test)]
fn group_name(block: &Block) -> Option<String> {
    (block.ident.as_str() == "options").then(|| block.labels.first().map(|label| label.as_str().to_owned()))?
}

#[cfg(test)]
fn mistakes_in(name: &str, body: &Body, known: &[String], found: &mut Vec<String>) {
    let mut seen: IndexMap<String, usize> = IndexMap::new();
    for structure in body {
        let word = match structure {
            Structure::Attribute(attribute) => attribute.key.as_str(),
            Structure::Block(block) => block.ident.as_str(),
        };
        *seen.entry(word.to_owned()).or_default() += 1;
        match structure {
            Structure::Attribute(attribute) if word == "use" => {
                let unknown = group_names(attribute).into_iter().filter(|group| !known.contains(group));
                found.extend(unknown.map(|group| format!("{name}: no group {group}")));
            }
            Structure::Attribute(attribute) if ty(&attribute.value).is_none() => {
                found.push(format!("{name}: {word} has no type"));
            }
            Structure::Attribute(_) => {}
            Structure::Block(block) => mistakes_in(&format!("{name}: {word}"), &block.body, known, found),
        }
    }
    found.extend(seen.iter().filter(|(_, count)| **count > 1).map(|(word, _)| format!("{name}: {word} twice")));
}
