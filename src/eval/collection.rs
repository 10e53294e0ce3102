//! Objects and `for` expressions.

use std::collections::BTreeMap;

use hcl_edit::expr::{Expression, ForExpr, Object, ObjectKey};

use super::expression::{Evaluated, Evaluator, Reported};
use crate::diagnostic::{Diagnostic, Span};
use crate::value::{Kind, Type, Value, convert};

/// Elements that one `for` may make, so that nested ones cannot fill the memory.
const MOST: usize = 1 << 20;

impl Evaluator<'_> {
    pub(super) fn object(&mut self, object: &Object) -> Evaluated {
        let (mut attributes, mut unknown, mut sensitive) = (BTreeMap::new(), false, false);
        for (key, value) in object {
            let name = match key {
                ObjectKey::Ident(name) => Some(name.as_str().to_owned()),
                ObjectKey::Expression(expr @ Expression::Traversal(_)) => {
                    let diagnostic = Diagnostic::error("this key could be a name or a reference").at(self.span(expr));
                    return self.fail(diagnostic.help("write it in parentheses for its value, in quotes for its name"));
                }
                ObjectKey::Expression(expr) => {
                    let key = self.expression(expr)?;
                    sensitive |= key.sensitive;
                    let place = self.span(expr);
                    self.object_key(&key, place)?
                }
            };
            let value = self.expression(value.expr())?;
            match name {
                Some(name) => drop(attributes.insert(name, value)),
                None => unknown = true,
            }
        }
        let object = if unknown { Value::unknown(Type::Any) } else { Value::object(attributes) };
        Ok(object.marked(sensitive))
    }

    /// A key as text; nothing when unknown.
    fn object_key(&mut self, key: &Value, place: Span) -> Result<Option<String>, Reported> {
        match convert(key, &Type::String) {
            Ok(key) if key.is_unknown() => Ok(None),
            Ok(key) => match key.as_str() {
                Some(name) => Ok(Some(name.to_owned())),
                None => self.fail(Diagnostic::error("a key is null").at(place).detail("a text is required")),
            },
            Err(error) => self.fail(Diagnostic::error("a key must be a text").at(place).detail(error.to_string())),
        }
    }

    /// Keys and values of a collection in order; nothing when it is unknown.
    pub(super) fn elements(&mut self, value: &Value, place: Span) -> Result<Option<Vec<(Value, Value)>>, Reported> {
        let mark = |item: &Value| item.clone().marked(value.sensitive);
        match &value.kind {
            Kind::Unknown(_) => Ok(None),
            Kind::List(_, items) | Kind::Tuple(items) => {
                let keys = (0_i64..).map(Value::from);
                Ok(Some(keys.zip(items.iter().map(mark)).collect()))
            }
            Kind::Set(_, items) => Ok(Some(items.iter().map(|item| (mark(item), mark(item))).collect())),
            Kind::Map(_, entries) | Kind::Object(entries) => {
                Ok(Some(entries.iter().map(|(key, item)| (key.as_str().into(), mark(item))).collect()))
            }
            Kind::Null(_) => {
                self.fail(Diagnostic::error("cannot go through null").at(place).detail("a collection is required"))
            }
            _ => {
                let diagnostic = Diagnostic::error("cannot go through this value").at(place);
                self.fail(
                    diagnostic.detail(format!("a list, set, map or object is required, this is a {}", value.ty())),
                )
            }
        }
    }

    pub(super) fn for_expr(&mut self, node: &ForExpr) -> Evaluated {
        let place = self.span(&node.intro.collection_expr);
        let collection = self.expression(&node.intro.collection_expr)?;
        let Some(elements) = self.elements(&collection, place)? else {
            return Ok(Value::unknown(Type::Any).marked(collection.sensitive));
        };
        let mut result = ForResult::default();
        for (key, value) in elements {
            let mut scope = self.scope.child();
            if let Some(name) = &node.intro.key_var {
                scope.set(name.as_str(), key);
            }
            scope.set(node.intro.value_var.as_str(), value);
            let mut inner = self.within(&scope);
            if let Some(condition) = &node.cond {
                let place = inner.span(&condition.expr);
                let flag = inner.expression(&condition.expr)?;
                result.sensitive |= flag.sensitive;
                match inner.truth(&flag, place)? {
                    Some(true) => {}
                    Some(false) => continue,
                    None => {
                        result.unknown = true;
                        continue;
                    }
                }
            }
            inner.for_element(node, &mut result)?;
            if result.count > MOST {
                return self.fail(Diagnostic::error(format!("this makes more than {MOST} elements")).at(place));
            }
        }
        let value = match (&node.key_expr, result.unknown) {
            (_, true) => Value::unknown(Type::Any),
            (None, _) => Value::tuple(result.items),
            (Some(_), _) if node.grouping => {
                Value::object(result.groups.into_iter().map(|(key, items)| (key, Value::tuple(items))).collect())
            }
            (Some(_), _) => Value::object(result.entries),
        };
        Ok(value.marked(collection.sensitive || result.sensitive))
    }

    fn for_element(&mut self, node: &ForExpr, result: &mut ForResult) -> Result<(), Reported> {
        result.count += 1;
        let Some(key_expr) = &node.key_expr else {
            result.items.push(self.expression(&node.value_expr)?);
            return Ok(());
        };
        let place = self.span(key_expr);
        let key = self.expression(key_expr)?;
        result.sensitive |= key.sensitive;
        let name = self.object_key(&key, place)?;
        let value = self.expression(&node.value_expr)?;
        match name {
            None => result.unknown = true,
            Some(name) if node.grouping => result.groups.entry(name).or_default().push(value),
            Some(name) if result.entries.contains_key(&name) => return self.twice(key_expr, &name),
            Some(name) => drop(result.entries.insert(name, value)),
        }
        Ok(())
    }

    fn twice<T>(&mut self, key: &Expression, name: &str) -> Result<T, Reported> {
        let diagnostic = Diagnostic::error(format!("the key \"{name}\" comes up twice")).at(self.span(key));
        self.fail(diagnostic.help("write ... after the value to collect the values of equal keys in lists"))
    }
}

/// What a `for` has made so far.
#[derive(Default)]
struct ForResult {
    items: Vec<Value>,
    entries: BTreeMap<String, Value>,
    groups: BTreeMap<String, Vec<Value>>,
    count: usize,
    unknown: bool,
    sensitive: bool,
}
