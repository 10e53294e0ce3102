//! What a text would stumble over when it is rendered later: fields that it will not find, calls that cannot succeed.
//!
//! The tree is walked as it would be rendered, with shapes in place of values: what rendering surely leaves out is not
//! looked at. What depends on values that are not there yet passes.

use std::collections::BTreeMap;

use super::data::{Data, Value};
use super::functions::{self, Function, Op};
use super::parse::{Node, Operand, Pipeline, Term, parse};
use super::{InterpolateError, Interpolation, MAX_ROUNDS, MAX_WORK, no_field, no_fields};
use crate::eval::fields::UNKNOWN;

type Checked<T> = Result<T, InterpolateError>;

/// The dot of calls whose arguments are all written in the text.
static NOTHING: Data = Data::Map(BTreeMap::new());

/// What is known of a value.
#[derive(Debug, Clone)]
enum Shape<'a> {
    /// The fields of the text.
    Root,
    /// One text.
    Text,
    /// Texts under any names.
    Texts,
    /// Nil is also a field that will not be there, where that may be asked.
    Known(Value<'a>),
    /// What `if` will make of the value, and no more.
    Truth(bool),
    Unknown,
}

impl Shape<'_> {
    /// Whether `if` will take it, if that is known.
    fn truth(&self) -> Option<bool> {
        match self {
            Shape::Known(value) if !stands_in(value) => Some(value.is_true()),
            Shape::Truth(truth) => Some(*truth),
            _ => None,
        }
    }
}

/// Whether a part of the value stands for what is not known yet.
fn stands_in(value: &Value<'_>) -> bool {
    matches!(value, Value::Text(text) if text.contains(UNKNOWN))
}

/// Checks `text`, which will see fields as in `seen`; a map in it may have any names.
pub(super) fn check(text: &str, engine: &Interpolation, seen: &BTreeMap<String, Data>) -> Checked<()> {
    again(text, engine, seen, MAX_ROUNDS)
}

/// `rounds`: how often what comes out may be a text with `{{ }}` of its own.
fn again(text: &str, engine: &Interpolation, seen: &BTreeMap<String, Data>, rounds: usize) -> Checked<()> {
    if !text.contains("{{") {
        return Ok(());
    }
    let nodes = parse(text, engine.legacy.is_some())?;
    let mut checker = Checker { text, engine, seen, variables: vec![("$", Shape::Root)], work: 0, rounds };
    checker.walk(&Shape::Root, &nodes)
}

struct Checker<'a> {
    text: &'a str,
    engine: &'a Interpolation,
    seen: &'a BTreeMap<String, Data>,
    /// Innermost last.
    variables: Vec<(&'a str, Shape<'a>)>,
    /// Bytes that calls have gone through.
    work: usize,
    rounds: usize,
}

impl<'a> Checker<'a> {
    fn walk(&mut self, dot: &Shape<'a>, nodes: &'a [Node<'a>]) -> Checked<()> {
        for node in nodes {
            let mark = self.variables.len();
            match node {
                Node::Action(pipeline) => self.action(dot, pipeline)?,
                Node::Choice { with, branches, otherwise } => {
                    self.choice(dot, *with, branches, otherwise)?;
                    self.variables.truncate(mark);
                }
                Node::Range { pipeline, body, otherwise } => {
                    let item = match self.pipeline(dot, pipeline, false)? {
                        Shape::Texts => Shape::Text,
                        _ => Shape::Unknown,
                    };
                    self.forget(body);
                    for name in &pipeline.variables {
                        self.bind(pipeline.declares, name, Shape::Unknown);
                    }
                    self.walk(&item, body)?;
                    self.walk(dot, otherwise)?;
                    self.variables.truncate(mark);
                }
                Node::Text(_) | Node::Break | Node::Continue => {}
            }
        }
        Ok(())
    }

    /// Walks the branch that will be taken, or all that may be.
    fn choice(
        &mut self,
        dot: &Shape<'a>,
        with: bool,
        branches: &'a [(Pipeline<'a>, Vec<Node<'a>>)],
        otherwise: &'a [Node<'a>],
    ) -> Checked<()> {
        for (pipeline, body) in branches {
            let value = self.pipeline(dot, pipeline, true)?;
            let taken = value.truth();
            if taken != Some(false) {
                let mark = self.variables.len();
                self.walk(if with { &value } else { dot }, body)?;
                self.variables.truncate(mark);
            }
            if taken == Some(true) {
                return Ok(());
            }
        }
        self.walk(dot, otherwise)
    }

    /// What the body of a loop sets may be anything when a later round begins.
    fn forget(&mut self, nodes: &'a [Node<'a>]) {
        for node in nodes {
            match node {
                Node::Action(pipeline) => self.forget_set(pipeline),
                Node::Choice { branches, otherwise, .. } => {
                    for (pipeline, body) in branches {
                        self.forget_set(pipeline);
                        self.forget(body);
                    }
                    self.forget(otherwise);
                }
                Node::Range { pipeline, body, otherwise } => {
                    self.forget_set(pipeline);
                    self.forget(body);
                    self.forget(otherwise);
                }
                Node::Text(_) | Node::Break | Node::Continue => {}
            }
        }
    }

    fn forget_set(&mut self, pipeline: &'a Pipeline<'a>) {
        if !pipeline.declares {
            for name in &pipeline.variables {
                self.bind(false, name, Shape::Unknown);
            }
        }
    }

    fn action(&mut self, dot: &Shape<'a>, pipeline: &'a Pipeline<'a>) -> Checked<()> {
        let value = self.pipeline(dot, pipeline, false)?;
        // In the old format what comes out is rendered again.
        match value {
            Shape::Known(Value::Text(text)) if self.engine.legacy.is_some() && self.rounds > 0 => {
                again(&text, self.engine, self.seen, self.rounds - 1)
            }
            _ => Ok(()),
        }
    }

    fn pipeline(&mut self, dot: &Shape<'a>, pipeline: &'a Pipeline<'a>, asks: bool) -> Checked<Shape<'a>> {
        let mut value = self.operand(dot, &pipeline.first, None, asks && pipeline.rest.is_empty())?;
        for call in &pipeline.rest {
            value = self.operand(dot, call, Some(value), false)?;
        }
        for name in &pipeline.variables {
            self.bind(pipeline.declares, name, value.clone());
        }
        Ok(value)
    }

    fn bind(&mut self, declares: bool, name: &'a str, value: Shape<'a>) {
        if declares {
            self.variables.push((name, value));
        } else if let Some((_, old)) = self.variables.iter_mut().rev().find(|(known, _)| *known == name) {
            // Set in a block that may not be taken.
            *old = Shape::Unknown;
        }
    }

    fn operand(
        &mut self,
        dot: &Shape<'a>,
        operand: &'a Operand<'a>,
        piped: Option<Shape<'a>>,
        asks: bool,
    ) -> Checked<Shape<'a>> {
        let value = match &operand.term {
            Term::Literal(value) => Shape::Known(value.clone()),
            Term::Dot => dot.clone(),
            Term::Variable(name) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                found.map_or(Shape::Unknown, |(_, shape)| shape.clone())
            }
            Term::Call(function, arguments) => self.call(dot, function, arguments, piped, operand.offset)?,
            Term::Parens(pipeline) => self.pipeline(dot, pipeline, asks && operand.fields.is_empty())?,
        };
        self.fields(value, &operand.fields, asks)
    }

    /// The last of a chain may be missing if `asks`.
    fn fields(&self, mut value: Shape<'a>, fields: &'a [(&'a str, usize)], asks: bool) -> Checked<Shape<'a>> {
        for (position, (name, offset)) in fields.iter().enumerate() {
            value = match value {
                Shape::Root => match self.seen.get(*name) {
                    Some(Data::Map(_)) => Shape::Texts,
                    Some(_) => Shape::Text,
                    None if asks && position + 1 == fields.len() => Shape::Known(Value::Nil),
                    None => return Err(no_field(self.text, name, self.seen.keys(), *offset)),
                },
                Shape::Text => return Err(no_fields(self.text, "a text", name, *offset)),
                Shape::Known(known) if !matches!(known, Value::List(_) | Value::Map(_)) => {
                    return Err(no_fields(self.text, known.describe(), name, *offset));
                }
                _ => Shape::Unknown,
            };
        }
        Ok(value)
    }

    fn call(
        &mut self,
        dot: &Shape<'a>,
        function: Function,
        arguments: &'a [Operand<'a>],
        piped: Option<Shape<'a>>,
        offset: usize,
    ) -> Checked<Shape<'a>> {
        if matches!(function.op, Op::And | Op::Or) {
            return self.junction(dot, function.op == Op::Or, arguments, piped);
        }
        let asks = function.op == Op::Not;
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for argument in arguments {
            values.push(self.operand(dot, argument, None, asks)?);
        }
        values.extend(piped);
        if let (Op::Not, [Shape::Truth(truth)]) = (function.op, &values[..]) {
            return Ok(Shape::Known(Value::Bool(!*truth)));
        }
        let known: Option<Vec<Value<'a>>> = values
            .into_iter()
            .map(|value| match value {
                Shape::Known(value) if !stands_in(&value) => Some(value),
                _ => None,
            })
            .collect();
        let Some(known) = known else { return Ok(Shape::Unknown) };
        if let (Op::Build, [Value::Text(id)]) = (function.op, &known[..])
            && self.seen.contains_key(id.as_ref())
        {
            return Ok(Shape::Text);
        }
        self.work += known.iter().map(Value::weight).sum::<usize>() + 1;
        if self.work > MAX_WORK {
            return Ok(Shape::Unknown);
        }
        let value = functions::call(function, &known, self.engine, &NOTHING).map_err(|fault| fault.at(offset))?;
        self.work += value.weight();
        Ok(Shape::Known(value))
    }

    /// The first argument that surely settles it, or the last; the ones behind it are not walked.
    fn junction(
        &mut self,
        dot: &Shape<'a>,
        settled_by: bool,
        arguments: &'a [Operand<'a>],
        piped: Option<Shape<'a>>,
    ) -> Checked<Shape<'a>> {
        // Whether no argument so far may have settled it.
        let mut open = true;
        let mut last = Shape::Known(Value::Nil);
        for argument in arguments {
            last = self.operand(dot, argument, None, true)?;
            let truth = last.truth();
            if truth == Some(settled_by) {
                return Ok(if open { last } else { Shape::Truth(settled_by) });
            }
            open &= truth.is_some();
        }
        let last = piped.unwrap_or(last);
        if open {
            return Ok(last);
        }
        Ok(if last.truth() == Some(settled_by) { Shape::Truth(settled_by) } else { Shape::Unknown })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::engine;
    use super::super::{Data, Legacy, data};
    use super::*;

    fn seen() -> Data {
        let mut seen = data([("Name", ""), ("ID", ""), ("Path", ""), ("Vars", "")]);
        if let Data::Map(entries) = &mut seen {
            entries.insert("Tags".to_owned(), Data::Map(BTreeMap::new()));
        }
        seen
    }

    fn checked(text: &str, legacy: Option<Legacy>) -> Result<(), String> {
        let engine = Interpolation { legacy: legacy.map(Into::into), ..engine() };
        engine.check_against(text, &seen()).map_err(|error| error.message)
    }

    #[test]
    fn what_may_succeed_passes() {
        for text in [
            "plain",
            "{{ .Name }}-{{ $.ID }}-{{ timestamp }}",
            "{{ .Tags.Any }}{{ index .Tags `a b` }}{{ with .Tags }}{{ .Any }}{{ end }}",
            "{{ range $key, $value := .Tags }}{{ $key }}={{ $value }}{{ . }}{{ end }}",
            "{{ if .Nothing }}{{ .Nothing }}{{ else }}{{ .Name }}{{ end }}",
            "{{ if or .Nothing .Name }}x{{ end }}{{ if not .Nothing }}x{{ end }}",
            "{{ split .Name `-` 7 }}{{ .Name | replace_all `a` `b` | upper }}",
            "{{ build `ID` }}{{ build .Name }}",
            "{{ $x := .Name }}{{ $x = .Tags }}{{ $x.Any }}",
        ] {
            assert_eq!(checked(text, None), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_rendering_leaves_out_is_not_looked_at() {
        for text in [
            r#"{{ if eq build_type "amazon-ebs" }}AMI={{ .SourceAMIName }}{{ end }}{{ .Vars }} {{ .Path }}"#,
            r#"{{ if eq build_type "docker" }}ok{{ else }}{{ .Nonsense }}{{ end }}"#,
            r#"{{ if eq build_type "a" }}{{ .A }}{{ else if eq build_type "docker" }}{{ else if .B.C }}{{ end }}"#,
            "{{ if not .X }}a{{ else }}{{ .X }}{{ end }}",
            "{{ if not (not .X) }}{{ .X }}{{ end }}",
            "{{ if and .X .ID }}{{ .X }}{{ end }}",
            "{{ if and .ID .X }}{{ .X }}{{ end }}",
            "{{ if not (and .ID .X) }}a{{ else }}{{ .X }}{{ end }}",
            "{{ if or .X .Y }}{{ .X }}{{ end }}",
            "{{ if or .ID true }}a{{ else }}{{ .X }}{{ end }}",
            "{{ if and .X .Nope.X }}{{ .X }}{{ end }}",
            "{{ or 1 .Nope.X }}{{ and 0 .Nope.X }}",
            "{{ with .X }}{{ .Y }}{{ else with `a` }}{{ . }}{{ else }}{{ .X }}{{ end }}",
            "{{ if false }}{{ split `a` `b` 3 }}{{ end }}",
            "{{ $on := false }}{{ range .Tags }}{{ if $on }}{{ $.X }}{{ end }}{{ end }}",
        ] {
            assert_eq!(checked(text, None), Ok(()), "{text}");
            assert!(engine().render(text, &seen()).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_rendering_may_enter_is_looked_at() {
        for text in [
            r#"{{ if eq build_type "other" }}ok{{ else }}{{ .Nonsense }}{{ end }}"#,
            r#"{{ if eq build_type "docker" }}{{ .Nonsense }}{{ end }}"#,
            "{{ if .Name }}a{{ else }}{{ .Nonsense }}{{ end }}",
            "{{ if or .Nothing .Name }}{{ .Nonsense }}{{ end }}",
            "{{ if and 1 .Name }}{{ .Nonsense }}{{ end }}",
            "{{ if eq (or .Name `a`) `b` }}{{ .Nonsense }}{{ end }}",
            "{{ if not .Name }}{{ .Nonsense }}{{ end }}",
            // What stands for a text that is not known yet.
            "{{ if eq `<unknown>` `a` }}{{ .Nonsense }}{{ end }}",
            "{{ if `<unknown>` }}a{{ else }}{{ .Nonsense }}{{ end }}",
            // Taken in the second round.
            "{{ $next := false }}{{ range .Tags }}{{ if $next }}{{ $.Nonsense }}{{ end }}{{ $next = true }}{{ end }}",
            // Only the last of a chain may be missing, as in rendering.
            "{{ and .Nonsense.X 1 }}",
        ] {
            assert_eq!(checked(text, None), Err("there is no field \".Nonsense\"".to_owned()), "{text}");
        }
        // Rendering stumbles over the last one too, whatever the values.
        assert!(engine().render("{{ and .Nonsense.X 1 }}", &seen()).is_err());
    }

    #[test]
    fn what_cannot_succeed_is_told() {
        for (text, message) in [
            ("{{ .Nothing }}", "there is no field \".Nothing\""),
            ("{{ .Name.First }}", "a text has no field \"First\""),
            ("{{ with .Name }}{{ .First }}{{ end }}", "a text has no field \"First\""),
            ("{{ with .Name }}{{ $.Nothing }}{{ end }}", "there is no field \".Nothing\""),
            ("{{ if .Name }}{{ .Nothing }}{{ end }}", "there is no field \".Nothing\""),
            ("{{ range .Tags }}{{ .Any }}{{ end }}", "a text has no field \"Any\""),
            ("{{ $x := .Nothing }}", "there is no field \".Nothing\""),
            ("{{ upper .Nothing }}", "there is no field \".Nothing\""),
            ("{{ .Name | replace_all .Nothing `b` }}", "there is no field \".Nothing\""),
            ("{{ build `Nothing` }}", "{{ build \"Nothing\" }} is not known here"),
            ("{{ split `a-b` `-` 7 }}", "\"a-b\" split at \"-\" has no piece 7"),
            ("{{ strftime `%Q` }}", "%Q"),
            ("{{ nonsense }}", "function \"nonsense\" not defined"),
        ] {
            let found = checked(text, None).expect_err(text);
            assert!(found.contains(message), "{text}: {found}");
        }
    }

    #[test]
    fn user_variables_may_hold_templates() {
        let legacy = |text: &str| {
            let variables = BTreeMap::from([("tag".to_owned(), text.to_owned())]);
            Some(Legacy { variables, ..Legacy::default() })
        };
        assert_eq!(checked("a {{ user `tag` }}", legacy("{{ .Name }}")), Ok(()));
        let found = checked("a {{ user `tag` }}", legacy("{{ .Nothing }}"));
        assert_eq!(found, Err("there is no field \".Nothing\"".to_owned()));
        let found = checked("{{ env `HOME` }}", legacy(""));
        assert_eq!(found, Err("the environment can be read in \"variables\" only".to_owned()));
        // Such a text never settles.
        assert_eq!(checked("{{ user `tag` }}", legacy("{{ user `tag` }}")), Ok(()));
    }
}
