//! The tree to text. Everything that a template can make grow is bounded: output, loop rounds, work.

use std::borrow::Cow;

use super::data::{Data, Value};
use super::functions::{self, Function, Op};
use super::parse::{Node, Operand, Pipeline, Term};
use super::{Fault, InterpolateError, Interpolation, MAX_ITERATIONS, MAX_OUTPUT, MAX_WORK, no_field, no_fields};

type Rendered<T> = Result<T, InterpolateError>;

/// Renders the tree of `text`.
pub(super) fn render(nodes: &[Node<'_>], text: &str, engine: &Interpolation, data: &Data) -> Rendered<String> {
    let root = Value::from(data);
    let mut renderer = Renderer {
        text,
        engine,
        root: data,
        output: String::new(),
        variables: vec![("$", root.clone())],
        work: 0,
        iterations: 0,
    };
    renderer.walk(&root, nodes)?;
    Ok(renderer.output)
}

struct Renderer<'a> {
    text: &'a str,
    engine: &'a Interpolation,
    root: &'a Data,
    output: String,
    /// Innermost last; blocks cut back to where they began.
    variables: Vec<(&'a str, Value<'a>)>,
    work: usize,
    iterations: usize,
}

/// How a list of nodes ended.
enum Flow {
    Through,
    Break,
    Continue,
}

impl<'a> Renderer<'a> {
    fn walk(&mut self, dot: &Value<'a>, nodes: &'a [Node<'a>]) -> Rendered<Flow> {
        for node in nodes {
            let flow = match node {
                Node::Text(text) => {
                    self.write(text, 0)?;
                    Flow::Through
                }
                Node::Action(pipeline) => {
                    self.action(dot, pipeline)?;
                    Flow::Through
                }
                Node::Choice { with, branches, otherwise } => {
                    let mark = self.variables.len();
                    let flow = self.choice(dot, *with, branches, otherwise)?;
                    self.variables.truncate(mark);
                    flow
                }
                Node::Range { pipeline, body, otherwise } => {
                    let mark = self.variables.len();
                    let flow = self.range(dot, pipeline, body, otherwise)?;
                    self.variables.truncate(mark);
                    flow
                }
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if !matches!(flow, Flow::Through) {
                return Ok(flow);
            }
        }
        Ok(Flow::Through)
    }

    fn action(&mut self, dot: &Value<'a>, pipeline: &'a Pipeline<'a>) -> Rendered<()> {
        let value = self.pipeline(dot, pipeline, false)?;
        if !pipeline.variables.is_empty() {
            return Ok(());
        }
        let offset = pipeline.first.offset;
        match value {
            Value::Nil => Err(Fault::new("the action has no value, so no text").at(offset)),
            Value::Text(text) => self.write(&text, offset),
            other => self.write(&other.to_string(), offset),
        }
    }

    fn choice(
        &mut self,
        dot: &Value<'a>,
        with: bool,
        branches: &'a [(Pipeline<'a>, Vec<Node<'a>>)],
        otherwise: &'a [Node<'a>],
    ) -> Rendered<Flow> {
        for (pipeline, body) in branches {
            let value = self.pipeline(dot, pipeline, true)?;
            if value.is_true() {
                return self.walk(if with { &value } else { dot }, body);
            }
        }
        self.walk(dot, otherwise)
    }

    fn range(
        &mut self,
        dot: &Value<'a>,
        pipeline: &'a Pipeline<'a>,
        body: &'a [Node<'a>],
        otherwise: &'a [Node<'a>],
    ) -> Rendered<Flow> {
        let offset = pipeline.first.offset;
        let over = self.pipeline(dot, pipeline, false)?;
        let items: Box<dyn Iterator<Item = (Value<'a>, Value<'a>)> + 'a> = match over {
            Value::List(items) => Box::new((0..).map(Value::Number).zip(items.iter().map(Value::from))),
            Value::Map(entries) => {
                Box::new(entries.iter().map(|(key, item)| (Value::Text(Cow::Borrowed(key)), Value::from(item))))
            }
            Value::Number(_) if pipeline.variables.len() > 1 => {
                return Err(Fault::new("a range over a number has one variable").at(offset));
            }
            Value::Number(count) => Box::new((0..count).map(|i| (Value::Nil, Value::Number(i)))),
            Value::Nil => Box::new(std::iter::empty()),
            other => return Err(Fault::new(format!("range cannot go over {}", other.describe())).at(offset)),
        };
        let mark = self.variables.len();
        let mut empty = true;
        for (key, item) in items {
            empty = false;
            self.iterations += 1;
            if self.iterations > MAX_ITERATIONS {
                return Err(Fault::new(format!("more than {MAX_ITERATIONS} rounds of range")).at(offset));
            }
            match pipeline.variables.as_slice() {
                [] => {}
                [only] => self.bind(pipeline.declares, only, item.clone()),
                [first, second, ..] => {
                    self.bind(pipeline.declares, first, key);
                    self.bind(pipeline.declares, second, item.clone());
                }
            }
            let flow = self.walk(&item, body)?;
            self.variables.truncate(mark);
            if matches!(flow, Flow::Break) {
                break;
            }
        }
        if empty { self.walk(dot, otherwise) } else { Ok(Flow::Through) }
    }

    /// The value of a pipeline, bound to its variables if it has any. With `asks`, the value is only asked for being
    /// there, so a missing field is nil.
    fn pipeline(&mut self, dot: &Value<'a>, pipeline: &'a Pipeline<'a>, asks: bool) -> Rendered<Value<'a>> {
        let mut value = self.operand(dot, &pipeline.first, None, asks && pipeline.rest.is_empty())?;
        for call in &pipeline.rest {
            value = self.operand(dot, call, Some(value), false)?;
        }
        for name in &pipeline.variables {
            self.bind(pipeline.declares, name, value.clone());
        }
        Ok(value)
    }

    fn operand(
        &mut self,
        dot: &Value<'a>,
        operand: &'a Operand<'a>,
        piped: Option<Value<'a>>,
        asks: bool,
    ) -> Rendered<Value<'a>> {
        let value = match &operand.term {
            Term::Literal(Value::Text(text)) => Value::Text(Cow::Borrowed(text)),
            Term::Literal(value) => value.clone(),
            Term::Dot => dot.clone(),
            Term::Variable(name) => self.variable(name),
            Term::Call(function, arguments) => self.call(dot, function, arguments, piped, operand.offset)?,
            Term::Parens(pipeline) => self.pipeline(dot, pipeline, asks && operand.fields.is_empty())?,
        };
        let copied = if let Value::Text(text) = &value { text.len() } else { 0 };
        self.spend(copied, operand.offset)?;
        self.fields(value, &operand.fields, asks)
    }

    fn variable(&self, name: &str) -> Value<'a> {
        let found = self.variables.iter().rev().find(|(known, _)| *known == name);
        found.map_or(Value::Nil, |(_, value)| value.clone())
    }

    fn bind(&mut self, declares: bool, name: &'a str, value: Value<'a>) {
        if declares {
            self.variables.push((name, value));
        } else if let Some((_, old)) = self.variables.iter_mut().rev().find(|(known, _)| *known == name) {
            *old = value;
        }
    }

    fn call(
        &mut self,
        dot: &Value<'a>,
        function: Function,
        arguments: &'a [Operand<'a>],
        piped: Option<Value<'a>>,
        offset: usize,
    ) -> Rendered<Value<'a>> {
        if matches!(function.op, Op::And | Op::Or) {
            return self.junction(dot, function.op == Op::Or, arguments, piped);
        }
        let asks = function.op == Op::Not;
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for argument in arguments {
            values.push(self.operand(dot, argument, None, asks)?);
        }
        values.extend(piped);
        self.spend(values.iter().map(Value::weight).sum(), offset)?;
        functions::call(function, &values, self.engine, self.root).map_err(|fault| fault.at(offset))
    }

    /// The first argument that settles it, or the last; the ones behind it are not evaluated.
    fn junction(
        &mut self,
        dot: &Value<'a>,
        settled_by: bool,
        arguments: &'a [Operand<'a>],
        piped: Option<Value<'a>>,
    ) -> Rendered<Value<'a>> {
        let mut value = Value::Nil;
        for argument in arguments {
            value = self.operand(dot, argument, None, true)?;
            if value.is_true() == settled_by {
                return Ok(value);
            }
        }
        Ok(piped.unwrap_or(value))
    }

    /// The last of a chain may be missing if `asks`.
    fn fields(&self, mut value: Value<'a>, fields: &'a [(&'a str, usize)], asks: bool) -> Rendered<Value<'a>> {
        for (position, (name, offset)) in fields.iter().enumerate() {
            value = match value {
                Value::Map(entries) => match entries.get(*name) {
                    Some(item) => Value::from(item),
                    None if asks && position + 1 == fields.len() => Value::Nil,
                    None => return Err(no_field(self.text, name, entries.keys(), *offset)),
                },
                other => return Err(no_fields(self.text, other.describe(), name, *offset)),
            };
        }
        Ok(value)
    }

    fn write(&mut self, text: &str, offset: usize) -> Rendered<()> {
        self.spend(text.len(), offset)?;
        if self.output.len() + text.len() > MAX_OUTPUT {
            return Err(Fault::new(format!("the rendered text is longer than {MAX_OUTPUT} bytes")).at(offset));
        }
        self.output.push_str(text);
        Ok(())
    }

    fn spend(&mut self, bytes: usize, offset: usize) -> Rendered<()> {
        self.work += bytes + 1;
        if bytes > MAX_OUTPUT || self.work > MAX_WORK {
            return Err(Fault::new("rendering takes too much work").at(offset));
        }
        Ok(())
    }
}
