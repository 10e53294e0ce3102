//! Attributes, indexes and splats: `a.b`, `a["b"]`, `a[0]`, `a[*].b`, `a.*.b`.

use hcl_edit::Decorated;
use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, Traversal, TraversalOperator};

use super::expression::{Evaluated, Evaluator};
use crate::diagnostic::{Diagnostic, Span};
use crate::value::{Kind, Type, Value, convert};

type Operators = [Decorated<TraversalOperator>];

impl Evaluator<'_> {
    pub(super) fn traversal(&mut self, traversal: &Traversal) -> Evaluated {
        let mut operators = &traversal.operators[..];
        let place = self.span(&traversal.expr);
        let base = match (&traversal.expr, operators) {
            // A member of a namespace is looked up without copying the namespace.
            (Expression::Variable(root), [first, rest @ ..])
                if let TraversalOperator::GetAttr(name) = first.value()
                    && let Some(member) = self.scope.member(root.as_str(), name.as_str()) =>
            {
                operators = rest;
                let place = Span::of(self.file, first.span());
                member.map_or_else(|| self.no_member(root.as_str(), name.as_str(), place), Ok)?
            }
            (expr, _) => self.expression(expr)?,
        };
        self.steps(base, place, operators)
    }

    fn no_member(&mut self, root: &str, name: &str, place: Span) -> Evaluated {
        let members = self.scope.members(root);
        let what = match root {
            "var" => format!("there is no variable \"{name}\""),
            "local" => format!("there is no local \"{name}\""),
            _ => format!("there is no {root}.{name}"),
        };
        let diagnostic = Diagnostic::error(what).at(place);
        self.fail(match root {
            "var" | "local" => {
                diagnostic.detail("not declared in this template").suggest(name, members.iter().map(String::as_str))
            }
            _ => diagnostic
                .detail(format!("known here: {}", members.join(", ")))
                .suggest(name, members.iter().map(String::as_str)),
        })
    }

    fn steps(&mut self, mut value: Value, place: Span, operators: &Operators) -> Evaluated {
        for (at, operator) in operators.iter().enumerate() {
            let span = Span::of(self.file, operator.span());
            value = match operator.value() {
                TraversalOperator::GetAttr(name) => self.attribute(&value, name.as_str(), span)?,
                TraversalOperator::Index(key) => {
                    let place = self.span(key);
                    let key = self.expression(key)?;
                    self.index(&value, &key, place)?
                }
                TraversalOperator::LegacyIndex(index) => {
                    let index = i64::try_from(*index.value()).unwrap_or(i64::MAX);
                    self.index(&value, &index.into(), span)?
                }
                TraversalOperator::FullSplat(_) => return self.splat(&value, place, &operators[at + 1..]),
                TraversalOperator::AttrSplat(_) => {
                    // Only `.name` and `.0` belong to the elements, as in old versions of the language.
                    let rest = &operators[at + 1..];
                    let dotted = |o: &&Decorated<TraversalOperator>| {
                        matches!(o.value(), TraversalOperator::GetAttr(_) | TraversalOperator::LegacyIndex(_))
                    };
                    let own = rest.iter().take_while(dotted).count();
                    let list = self.splat(&value, place, &rest[..own])?;
                    return self.steps(list, place, &rest[own..]);
                }
            };
        }
        Ok(value)
    }

    /// Each element's `operators`; null gives no element, a single value gives itself.
    fn splat(&mut self, value: &Value, place: Span, operators: &Operators) -> Evaluated {
        let items = match &value.kind {
            Kind::Unknown(_) => return Ok(Value::unknown(Type::Any).marked(value.sensitive)),
            Kind::Null(_) => Vec::new(),
            Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) => items.to_vec(),
            _ => vec![value.clone()],
        };
        let items: Result<Vec<Value>, _> = items.into_iter().map(|item| self.steps(item, place, operators)).collect();
        let items = items?;
        let uniform =
            matches!(value.kind, Kind::List(..) | Kind::Set(..)) && items.windows(2).all(|w| w[0].ty() == w[1].ty());
        let result = match items.first().map(Value::ty) {
            Some(element) if uniform => Value::list(element, items),
            _ => Value::tuple(items),
        };
        Ok(result.marked(value.sensitive))
    }

    fn attribute(&mut self, value: &Value, name: &str, place: Span) -> Evaluated {
        let found = match &value.kind {
            Kind::Object(entries) | Kind::Map(_, entries) => match entries.get(name) {
                Some(found) => found.clone(),
                None => {
                    let keys: Vec<&str> = entries.keys().map(String::as_str).collect();
                    let diagnostic = Diagnostic::error(format!("there is no attribute \"{name}\"")).at(place);
                    let known =
                        if keys.is_empty() { "it has none".to_owned() } else { format!("it has: {}", keys.join(", ")) };
                    return self.fail(diagnostic.detail(known).suggest(name, keys));
                }
            },
            Kind::Unknown(Type::Object(attributes)) => match attributes.get(name) {
                Some(attribute) => Value::unknown(attribute.ty.clone()),
                None => return self.fail(Diagnostic::error(format!("there is no attribute \"{name}\"")).at(place)),
            },
            Kind::Unknown(Type::Map(element)) => Value::unknown((**element).clone()),
            Kind::Unknown(Type::Any) => Value::unknown(Type::Any),
            Kind::Null(_) => {
                let diagnostic = Diagnostic::error(format!("a null value has no attribute \"{name}\"")).at(place);
                return self.fail(diagnostic);
            }
            _ => {
                let diagnostic = Diagnostic::error(format!("there is no attribute \"{name}\"")).at(place);
                let diagnostic = diagnostic.detail(format!("the value is a {}", value.ty()));
                return self.fail(match value.kind {
                    Kind::List(..) | Kind::Tuple(_) => {
                        diagnostic.help("choose an element with [0], or all of them with [*]")
                    }
                    _ => diagnostic,
                });
            }
        };
        Ok(found.marked(value.sensitive))
    }

    fn index(&mut self, value: &Value, key: &Value, place: Span) -> Evaluated {
        let marked = value.sensitive || key.sensitive;
        let found = match &value.kind {
            Kind::List(_, items) | Kind::Tuple(items) => {
                let Some(index) = self.key(key, &Type::Number, place)? else {
                    return Ok(Value::unknown(Type::Any).marked(marked));
                };
                let Kind::Number(number) = &index.kind else { return Ok(Value::unknown(Type::Any).marked(marked)) };
                let position = number.to_i64().and_then(|n| usize::try_from(n).ok());
                match position.and_then(|n| items.get(n)) {
                    Some(item) => item.clone(),
                    None => {
                        let diagnostic = Diagnostic::error("there is no element with this index").at(place);
                        let detail = match items.len() {
                            0 => "there are no elements".to_owned(),
                            n => format!("it is {number}; whole numbers from 0 to {} are possible", n - 1),
                        };
                        return self.fail(diagnostic.detail(detail));
                    }
                }
            }
            Kind::Map(..) | Kind::Object(_) => match self.key(key, &Type::String, place)? {
                Some(key) => return Ok(self.attribute(value, key.as_str().unwrap_or_default(), place)?.marked(marked)),
                None => Value::unknown(Type::Any),
            },
            Kind::Unknown(Type::List(element) | Type::Set(element) | Type::Map(element)) => {
                Value::unknown((**element).clone())
            }
            Kind::Unknown(Type::Any | Type::Tuple(_) | Type::Object(_)) => Value::unknown(Type::Any),
            Kind::Null(_) => return self.fail(Diagnostic::error("a null value has no elements").at(place)),
            _ => {
                let diagnostic = Diagnostic::error("this value has no elements").at(place);
                return self.fail(diagnostic.detail(format!("it is a {}", value.ty())));
            }
        };
        Ok(found.marked(marked))
    }

    /// The key converted; nothing when unknown.
    fn key(&mut self, key: &Value, ty: &Type, place: Span) -> Result<Option<Value>, super::expression::Reported> {
        if key.is_null() {
            return self.fail(Diagnostic::error("an index is null").at(place).detail(format!("a {ty} is required")));
        }
        match convert(key, ty) {
            Ok(key) if key.is_unknown() => Ok(None),
            Ok(key) => Ok(Some(key)),
            Err(error) => self.fail(Diagnostic::error("wrong type of index").at(place).detail(error.to_string())),
        }
    }
}
