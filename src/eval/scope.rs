//! What an expression can name: layers of namespaces (`var.x`, `local.x`) and single names (loop variables).

use std::collections::BTreeMap;
use std::sync::Arc;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, ForExpr, Traversal, TraversalOperator};
use hcl_edit::structure::Body;
use hcl_edit::template::ForDirective;
use hcl_edit::visit::{Visit, visit_expr, visit_traversal};

use super::functions::FunctionContext;
use crate::diagnostic::{FileId, Span};
use crate::value::{Kind, Value};

/// What may be used besides literals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Variables and all functions but `env`.
    Everything,
    /// The default of a variable: the function `env`, nothing else.
    Defaults,
    /// A value from a variable file or the command line: nothing.
    Literals,
}

/// Names and their values. Cheap to clone; a child sees its parents' names.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    layer: Arc<Layer>,
    functions: Arc<FunctionContext>,
    reach: Reach,
}

#[derive(Debug, Clone, Default)]
struct Layer {
    namespaces: BTreeMap<String, BTreeMap<String, Value>>,
    names: BTreeMap<String, Value>,
    parent: Option<Arc<Layer>>,
}

impl Scope {
    pub(crate) fn new(functions: Arc<FunctionContext>) -> Self {
        Self { layer: Arc::default(), functions, reach: Reach::Everything }
    }

    /// For defaults of variables.
    pub(crate) fn for_defaults(functions: Arc<FunctionContext>) -> Self {
        Self { reach: Reach::Defaults, ..Self::new(functions) }
    }

    /// For values of variables from outside the template.
    pub(crate) fn literal(functions: Arc<FunctionContext>) -> Self {
        Self { reach: Reach::Literals, ..Self::new(functions) }
    }

    pub(super) fn reach(&self) -> Reach {
        self.reach
    }

    pub(super) fn functions(&self) -> &Arc<FunctionContext> {
        &self.functions
    }

    /// A scope that sees this one's names and can be added to without touching it.
    pub(crate) fn child(&self) -> Self {
        let layer = Layer { parent: Some(Arc::clone(&self.layer)), ..Layer::default() };
        Self { layer: Arc::new(layer), functions: Arc::clone(&self.functions), reach: self.reach }
    }

    /// Binds a single name: a loop variable, an iterator.
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        Arc::make_mut(&mut self.layer).names.insert(name.to_owned(), value);
    }

    /// Adds `root.name`, beside what the namespace has already. A single name hides the namespace: the iterator of
    /// `dynamic "source"` is what `source` means inside of it.
    pub(crate) fn insert(&mut self, root: &str, name: &str, value: Value) {
        if self.layers().any(|layer| layer.names.contains_key(root)) {
            return;
        }
        let layer = Arc::make_mut(&mut self.layer);
        layer.namespaces.entry(root.to_owned()).or_default().insert(name.to_owned(), value);
    }

    fn layers(&self) -> impl Iterator<Item = &Layer> {
        std::iter::successors(Some(self.layer.as_ref()), |layer| layer.parent.as_deref())
    }

    /// The value of a single name, or of a whole namespace as an object.
    pub(super) fn root(&self, name: &str) -> Option<Value> {
        let mut members = None;
        for layer in self.layers() {
            if let Some(value) = layer.names.get(name) {
                return Some(value.clone());
            }
            if let Some(namespace) = layer.namespaces.get(name) {
                let members = members.get_or_insert_with(BTreeMap::new);
                for (key, value) in namespace {
                    members.entry(key.clone()).or_insert_with(|| value.clone());
                }
            }
        }
        members.map(Value::object)
    }

    /// The outputs of a data source.
    pub(crate) fn data(&self, kind: &str, name: &str) -> Option<Value> {
        match self.member("data", kind)??.kind {
            Kind::Object(sources) => sources.get(name).cloned(),
            _ => None,
        }
    }

    /// `root.name` where `root` is a namespace: `Some(None)` when the namespace lacks the name.
    pub(crate) fn member(&self, root: &str, name: &str) -> Option<Option<Value>> {
        let mut found = None;
        for layer in self.layers() {
            if layer.names.contains_key(root) {
                return found;
            }
            if let Some(namespace) = layer.namespaces.get(root) {
                if let Some(value) = namespace.get(name) {
                    return Some(Some(value.clone()));
                }
                found = Some(None);
            }
        }
        found
    }

    /// Names that can stand at the start of a reference, for messages.
    pub(super) fn roots(&self) -> Vec<String> {
        let mut roots: Vec<String> =
            self.layers().flat_map(|l| l.namespaces.keys().chain(l.names.keys()).cloned()).collect();
        roots.sort();
        roots.dedup();
        roots
    }

    /// Names in a namespace, sorted.
    pub(crate) fn members(&self, root: &str) -> Vec<String> {
        let mut names: Vec<String> =
            self.layers().filter_map(|l| l.namespaces.get(root)).flat_map(|n| n.keys().cloned()).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// A name that an expression uses, with the attribute names that follow it: `local.a.b` is root `local`, steps `a`
/// and `b`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub root: String,
    pub steps: Vec<String>,
    pub span: Span,
}

/// Every reference of an expression to a name from outside of it: those to its own loop variables do not count.
pub(crate) fn references(expr: &Expression, file: FileId) -> Vec<Reference> {
    let mut finder = Finder { file, found: Vec::new(), bound: Vec::new() };
    finder.visit_expr(expr);
    finder.found
}

/// Every reference in the attributes of a body and of all blocks inside.
pub(crate) fn references_in(body: &Body, file: FileId) -> Vec<Reference> {
    let mut finder = Finder { file, found: Vec::new(), bound: Vec::new() };
    finder.visit_body(body);
    finder.found
}

struct Finder {
    file: FileId,
    found: Vec<Reference>,
    /// Loop variables around the place.
    bound: Vec<String>,
}

impl Finder {
    fn add(&mut self, root: &str, steps: Vec<String>, span: Span) {
        if !self.bound.iter().any(|name| name == root) {
            self.found.push(Reference { root: root.to_owned(), steps, span });
        }
    }

    /// Visits `inside` with the variables of a loop bound.
    fn bind(&mut self, key: Option<&str>, value: &str, inside: impl FnOnce(&mut Self)) {
        let outer = self.bound.len();
        self.bound.extend(key.into_iter().chain([value]).map(str::to_owned));
        inside(self);
        self.bound.truncate(outer);
    }
}

impl Visit for Finder {
    fn visit_for_expr(&mut self, node: &ForExpr) {
        self.visit_expr(&node.intro.collection_expr);
        let key = node.intro.key_var.as_ref().map(|key| key.as_str());
        self.bind(key, node.intro.value_var.as_str(), |me| {
            node.key_expr.iter().for_each(|key| me.visit_expr(key));
            me.visit_expr(&node.value_expr);
            node.cond.iter().for_each(|cond| me.visit_expr(&cond.expr));
        });
    }

    fn visit_for_directive(&mut self, node: &ForDirective) {
        self.visit_expr(&node.for_expr.collection_expr);
        let key = node.for_expr.key_var.as_ref().map(|key| key.as_str());
        self.bind(key, node.for_expr.value_var.as_str(), |me| me.visit_template(&node.for_expr.template));
    }

    fn visit_expr(&mut self, node: &Expression) {
        if let Expression::Variable(name) = node {
            let span = Span::of(self.file, node.span());
            self.add(name.as_str(), Vec::new(), span);
        }
        visit_expr(self, node);
    }

    fn visit_traversal(&mut self, node: &Traversal) {
        let Expression::Variable(root) = &node.expr else { return visit_traversal(self, node) };
        let steps = node.operators.iter().map_while(|operator| match operator.value() {
            TraversalOperator::GetAttr(name) => Some(name.as_str().to_owned()),
            _ => None,
        });
        let span = Span::of(self.file, node.span());
        self.add(root.as_str(), steps.collect(), span);
        for operator in &node.operators {
            if let TraversalOperator::Index(key) = operator.value() {
                self.visit_expr(key);
            }
        }
    }
}
