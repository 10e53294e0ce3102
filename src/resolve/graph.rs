//! The order in which locals and data sources are evaluated: each after those it uses.

use std::collections::HashMap;

use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::eval::scope::{Reference, references, references_in};
use crate::template::Template;

/// A local or a data source, by its place in the template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Node {
    Local(usize),
    Data(usize),
}

/// Locals and data sources of a template by name, with what each uses.
pub(crate) struct Graph<'t> {
    template: &'t Template,
    locals: HashMap<&'t str, usize>,
    data: HashMap<(&'t str, &'t str), usize>,
}

/// State of a node on the way through the graph.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Untouched,
    /// On the current path.
    Open,
    Done,
}

impl<'t> Graph<'t> {
    pub(crate) fn new(template: &'t Template) -> Self {
        let locals = template.locals.iter().enumerate().map(|(at, local)| (local.name.as_str(), at)).collect();
        let data = template.data.iter().enumerate();
        let data = data.map(|(at, data)| ((data.kind.as_str(), data.name.as_str()), at)).collect();
        Self { template, locals, data }
    }

    /// What a reference stands for; nothing when it is no local or data source, or one that is not there.
    fn node(&self, reference: &Reference) -> Option<Node> {
        match (reference.root.as_str(), &reference.steps[..]) {
            ("local", [name, ..]) => self.locals.get(name.as_str()).copied().map(Node::Local),
            ("data", [kind, name, ..]) => self.data.get(&(kind.as_str(), name.as_str())).copied().map(Node::Data),
            _ => None,
        }
    }

    fn uses(&self, node: Node) -> Vec<(Node, Span)> {
        let references = match node {
            Node::Local(at) => {
                let value = &self.template.locals[at].value;
                references(&value.node, value.file)
            }
            Node::Data(at) => references_in(&self.template.data[at].body, self.template.data[at].span.file),
        };
        references.iter().filter_map(|reference| Some((self.node(reference)?, reference.span))).collect()
    }

    fn name(&self, node: Node) -> String {
        match node {
            Node::Local(at) => format!("local.{}", self.template.locals[at].name),
            Node::Data(at) => format!("data.{}.{}", self.template.data[at].kind, self.template.data[at].name),
        }
    }

    /// All that the references reach, directly or through others.
    pub(crate) fn reached(&self, from: &[Reference]) -> Vec<Node> {
        let mut open: Vec<Node> = from.iter().filter_map(|reference| self.node(reference)).collect();
        let mut reached = std::collections::BTreeSet::new();
        while let Some(node) = open.pop() {
            if reached.insert(node) {
                open.extend(self.uses(node).into_iter().map(|(used, _)| used));
            }
        }
        reached.into_iter().collect()
    }

    /// Every node after those it uses; a circle is reported with its path. Iterative: chains may be thousands long.
    pub(crate) fn order(&self, diagnostics: &mut Diagnostics) -> Vec<Node> {
        let locals = (0..self.template.locals.len()).map(Node::Local);
        let all: Vec<Node> = locals.chain((0..self.template.data.len()).map(Node::Data)).collect();
        let mut state: HashMap<Node, Visit> = HashMap::with_capacity(all.len());
        let mut order = Vec::with_capacity(all.len());
        for start in all {
            if state.get(&start).is_some_and(|visit| *visit != Visit::Untouched) {
                continue;
            }
            state.insert(start, Visit::Open);
            let mut path = vec![(start, self.uses(start), 0)];
            while let Some((current, uses, next)) = path.last_mut() {
                let Some((used, place)) = uses.get(*next).copied() else {
                    state.insert(*current, Visit::Done);
                    order.push(*current);
                    path.pop();
                    continue;
                };
                *next += 1;
                match state.get(&used).copied().unwrap_or(Visit::Untouched) {
                    Visit::Done => {}
                    Visit::Untouched => {
                        state.insert(used, Visit::Open);
                        path.push((used, self.uses(used), 0));
                    }
                    Visit::Open => {
                        let from = path.iter().position(|(node, ..)| *node == used).unwrap_or(0);
                        let mut names: Vec<String> = path[from..].iter().map(|(node, ..)| self.name(*node)).collect();
                        names.push(self.name(used));
                        let data = names.iter().any(|name| name.starts_with("data."));
                        let what = if data { "locals and data sources" } else { "locals" };
                        let diagnostic = Diagnostic::error(format!("{what} depend on each other in a circle"));
                        diagnostics.push(diagnostic.at(place).detail(names.join(" -> ")));
                    }
                }
            }
        }
        order
    }
}
