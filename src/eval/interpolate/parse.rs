//! Tokens to a tree. Names of functions and variables, and numbers of arguments, are checked here, so that
//! `check` and `render` report the same mistakes.

use super::data::Value;
use super::functions::{self, Function};
use super::lex::{self, Kind, Token};
use super::{Fault, InterpolateError, MAX_DEPTH, escape_help, literal};

#[derive(Debug)]
pub(super) enum Node<'t> {
    Text(&'t str),
    Action(Pipeline<'t>),
    /// `if` and `with`: the first branch whose pipeline is true.
    Choice {
        /// Whether the dot becomes the value of the pipeline.
        with: bool,
        branches: Vec<(Pipeline<'t>, Vec<Node<'t>>)>,
        otherwise: Vec<Node<'t>>,
    },
    Range {
        pipeline: Pipeline<'t>,
        body: Vec<Node<'t>>,
        otherwise: Vec<Node<'t>>,
    },
    Break,
    Continue,
}

#[derive(Debug)]
pub(super) struct Pipeline<'t> {
    /// Two only in `range $i, $v :=`.
    pub variables: Vec<&'t str>,
    /// Whether it is `:=`, not `=`.
    pub declares: bool,
    pub first: Operand<'t>,
    /// Each takes the value before it as its last argument.
    pub rest: Vec<Operand<'t>>,
}

#[derive(Debug)]
pub(super) struct Operand<'t> {
    pub offset: usize,
    pub term: Term<'t>,
    /// Names with their places.
    pub fields: Vec<(&'t str, usize)>,
}

#[derive(Debug)]
pub(super) enum Term<'t> {
    Literal(Value<'t>),
    Dot,
    Variable(&'t str),
    Call(Function, Vec<Operand<'t>>),
    Parens(Box<Pipeline<'t>>),
}

type Parsed<T> = Result<T, InterpolateError>;

/// The tree of a text; `legacy` texts know a few functions more.
pub(super) fn parse(text: &str, legacy: bool) -> Parsed<Vec<Node<'_>>> {
    let tokens = lex::tokens(text).map_err(|error| {
        let help = escape_help(text, error.offset);
        InterpolateError { help: Some(help), ..error }
    })?;
    let mut parser = Parser { text, legacy, tokens, at: 0, variables: vec!["$"], depth: 0, loops: 0 };
    let (nodes, end) = parser.nodes()?;
    match end.kind {
        Kind::End => Ok(nodes),
        _ => Err(Fault::new(format!("\"{}\" belongs to no block", end.text)).at(end.offset)),
    }
}

struct Parser<'t> {
    text: &'t str,
    legacy: bool,
    /// Never empty: the last is [`Kind::End`].
    tokens: Vec<Token<'t>>,
    at: usize,
    variables: Vec<&'t str>,
    depth: usize,
    loops: usize,
}

impl<'t> Parser<'t> {
    /// Reads up to an `end` or `else`, or to the end of the text, and takes that too.
    fn nodes(&mut self) -> Parsed<(Vec<Node<'t>>, Token<'t>)> {
        let mut nodes = Vec::new();
        loop {
            let token = self.next();
            match token.kind {
                Kind::Text => nodes.push(Node::Text(token.text)),
                Kind::End => return Ok((nodes, token)),
                _ => {
                    let first = self.peek_word();
                    if first.kind == Kind::Keyword {
                        self.next_word();
                        if matches!(first.text, "end" | "else") {
                            return Ok((nodes, first));
                        }
                        nodes.push(self.block(first)?);
                    } else {
                        nodes.push(Node::Action(self.pipeline(Kind::Close, false)?));
                    }
                }
            }
        }
    }

    fn block(&mut self, keyword: Token<'t>) -> Parsed<Node<'t>> {
        self.enter(keyword.offset)?;
        let mark = self.variables.len();
        let node = match keyword.text {
            "if" | "with" => self.choice(keyword)?,
            "range" => self.range(keyword)?,
            "break" | "continue" => {
                self.expect_close()?;
                if self.loops == 0 {
                    return Err(Fault::new(format!("\"{}\" outside of a \"range\"", keyword.text)).at(keyword.offset));
                }
                if keyword.text == "break" { Node::Break } else { Node::Continue }
            }
            other => {
                let fault = Fault::new(format!("\"{other}\" is not available here"));
                return Err(fault.help("every option is a template of its own").at(keyword.offset));
            }
        };
        self.variables.truncate(mark);
        self.depth -= 1;
        Ok(node)
    }

    fn choice(&mut self, keyword: Token<'t>) -> Parsed<Node<'t>> {
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        loop {
            let pipeline = self.pipeline(Kind::Close, false)?;
            let (body, end) = self.body(keyword)?;
            branches.push((pipeline, body));
            if end.text == "else" {
                let next = self.peek_word();
                if next.kind == Kind::Keyword && next.text == keyword.text {
                    self.next_word();
                    continue;
                }
                otherwise = self.otherwise(keyword)?;
            } else {
                self.expect_close()?;
            }
            return Ok(Node::Choice { with: keyword.text == "with", branches, otherwise });
        }
    }

    fn range(&mut self, keyword: Token<'t>) -> Parsed<Node<'t>> {
        let pipeline = self.pipeline(Kind::Close, true)?;
        self.loops += 1;
        let (body, end) = self.body(keyword)?;
        self.loops -= 1;
        let otherwise = if end.text == "else" {
            self.otherwise(keyword)?
        } else {
            self.expect_close()?;
            Vec::new()
        };
        Ok(Node::Range { pipeline, body, otherwise })
    }

    /// The nodes of a block and its `end` or `else`; what they declare ends with them.
    fn body(&mut self, keyword: Token<'t>) -> Parsed<(Vec<Node<'t>>, Token<'t>)> {
        let mark = self.variables.len();
        let (nodes, end) = self.nodes()?;
        self.variables.truncate(mark);
        if end.kind == Kind::End {
            let fault = Fault::new(format!("\"{}\" is not closed, {{{{ end }}}} is missing", keyword.text));
            return Err(fault.at(keyword.offset));
        }
        Ok((nodes, end))
    }

    fn otherwise(&mut self, keyword: Token<'t>) -> Parsed<Vec<Node<'t>>> {
        self.expect_close()?;
        let (nodes, end) = self.body(keyword)?;
        if end.text == "else" {
            return Err(Fault::new("a second \"else\" in the same block").at(end.offset));
        }
        self.expect_close()?;
        Ok(nodes)
    }

    /// Reads up to `end`, a closing delimiter or parenthesis, and takes that too.
    fn pipeline(&mut self, end: Kind, in_range: bool) -> Parsed<Pipeline<'t>> {
        let start = self.peek_word().offset;
        let (variables, declares) = self.targets(in_range)?;
        let mut commands = Vec::new();
        loop {
            let token = self.peek_word();
            if token.kind == end && !commands.is_empty() {
                return Err(Fault::new("nothing follows \"|\"").at(token.offset));
            }
            if token.kind == end {
                return Err(Fault::new("a value is missing").at(start));
            }
            commands.push(self.command(!commands.is_empty())?);
            let token = self.next_word();
            if token.kind == end {
                break;
            }
            if token.kind != Kind::Pipe {
                return Err(self.unexpected(token));
            }
        }
        // Declared behind the value, so that `$x := $x` means an outer one.
        if declares {
            self.variables.extend(&variables);
        } else if let Some(unknown) = variables.iter().find(|name| !self.variables.contains(name)) {
            return Err(Fault::new(format!("undefined variable \"{unknown}\"")).at(start));
        }
        let rest = commands.split_off(1);
        match commands.pop() {
            Some(first) => Ok(Pipeline { variables, declares, first, rest }),
            None => Err(Fault::new("a value is missing").at(start)),
        }
    }

    /// `$x :=`, `$x =`, in a `range` also `$i, $v :=`.
    fn targets(&mut self, in_range: bool) -> Parsed<(Vec<&'t str>, bool)> {
        let start = self.at;
        let mut names = Vec::new();
        while self.peek_word().kind == Kind::Variable {
            let name = self.next_word();
            names.push(name.text);
            let token = self.next_word();
            match token.kind {
                Kind::Declare | Kind::Assign => return Ok((names, token.kind == Kind::Declare)),
                Kind::Comma if in_range && names.len() == 1 => {}
                Kind::Comma => return Err(Fault::new("too many variables").at(token.offset)),
                _ => break,
            }
        }
        if names.len() > 1 {
            let token = self.peek_word();
            return Err(self.unexpected(token));
        }
        self.at = start;
        Ok((Vec::new(), false))
    }

    fn command(&mut self, piped: bool) -> Parsed<Operand<'t>> {
        let token = self.peek_word();
        if token.kind == Kind::Identifier {
            self.next_word();
            let function = functions::lookup(token.text, self.legacy).map_err(|fault| self.name_error(fault, token))?;
            // A field right behind the name takes the function's result, so arguments cannot follow.
            let fields = self.fields();
            let mut arguments = Vec::new();
            while self.space() && self.starts_operand() {
                arguments.push(self.operand()?);
            }
            if !fields.is_empty() && (piped || !arguments.is_empty()) {
                return Err(Fault::new(format!("a field of \"{}\" takes no arguments", token.text)).at(token.offset));
            }
            function.accepts(arguments.len() + usize::from(piped)).map_err(|fault| fault.at(token.offset))?;
            return Ok(Operand { offset: token.offset, term: Term::Call(function, arguments), fields });
        }
        let operand = self.operand()?;
        if piped || (self.space() && self.starts_operand()) {
            let fault = Fault::new(format!("\"{}\" is not a function and takes no arguments", token.text));
            return Err(fault.at(token.offset));
        }
        if token.kind == Kind::Nil {
            return Err(Fault::new("nil alone has no text").at(token.offset));
        }
        Ok(operand)
    }

    fn operand(&mut self) -> Parsed<Operand<'t>> {
        let token = self.next_word();
        let literal =
            |value: Result<Value<'t>, Fault>| value.map(Term::Literal).map_err(|fault| fault.at(token.offset));
        let term = match token.kind {
            Kind::Dot => Term::Dot,
            Kind::Field => {
                self.at -= 1;
                Term::Dot
            }
            Kind::Variable if self.variables.contains(&token.text) => Term::Variable(token.text),
            Kind::Variable => {
                return Err(Fault::new(format!("undefined variable \"{}\"", token.text)).at(token.offset));
            }
            Kind::Nil => Term::Literal(Value::Nil),
            Kind::Bool => Term::Literal(Value::Bool(token.text == "true")),
            Kind::Number => literal(literal::number(token.text))?,
            Kind::Char => literal(literal::character(token.text).map(Value::Number))?,
            Kind::Quoted => literal(literal::quoted(token.text).map(Value::from))?,
            Kind::Raw => literal(Ok(Value::from(literal::raw(token.text))))?,
            Kind::Identifier => {
                let function =
                    functions::lookup(token.text, self.legacy).map_err(|fault| self.name_error(fault, token))?;
                function.accepts(0).map_err(|fault| fault.at(token.offset))?;
                Term::Call(function, Vec::new())
            }
            Kind::LeftParen => {
                self.enter(token.offset)?;
                let pipeline = self.pipeline(Kind::RightParen, false)?;
                self.depth -= 1;
                Term::Parens(Box::new(pipeline))
            }
            _ => return Err(self.unexpected(token)),
        };
        let fields = self.fields();
        if !fields.is_empty() && matches!(term, Term::Literal(_)) {
            return Err(Fault::new(format!("\"{}\" has no fields", token.text)).at(token.offset));
        }
        Ok(Operand { offset: token.offset, term, fields })
    }

    /// Fields without a space before them: `.A.B`, `$x.A`, `(...).A`.
    fn fields(&mut self) -> Vec<(&'t str, usize)> {
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            let token = self.next();
            fields.push((&token.text[1..], token.offset));
        }
        fields
    }

    fn starts_operand(&self) -> bool {
        !matches!(self.peek().kind, Kind::Close | Kind::RightParen | Kind::Pipe)
    }

    fn enter(&mut self, offset: usize) -> Parsed<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault::new(format!("nested deeper than {MAX_DEPTH} levels")).at(offset));
        }
        Ok(())
    }

    fn expect_close(&mut self) -> Parsed<()> {
        let token = self.next_word();
        if token.kind == Kind::Close { Ok(()) } else { Err(self.unexpected(token)) }
    }

    fn unexpected(&self, token: Token<'t>) -> InterpolateError {
        let what = match token.kind {
            Kind::End => "the end of the text".to_owned(),
            _ => format!("\"{}\"", token.text),
        };
        InterpolateError {
            offset: token.offset,
            message: format!("unexpected {what} in an action"),
            help: Some(escape_help(self.text, token.offset)),
            missing: None,
        }
    }

    /// An unknown name is often a template of another tool, so the help ends with how to pass it on.
    fn name_error(&self, fault: Fault, token: Token<'t>) -> InterpolateError {
        let escape = escape_help(self.text, token.offset);
        let help = fault.help.as_ref().map_or(escape.clone(), |help| format!("{help}; {escape}"));
        fault.help(help).at(token.offset)
    }

    fn peek(&self) -> Token<'t> {
        self.tokens.get(self.at).copied().unwrap_or(Token { kind: Kind::End, offset: self.text.len(), text: "" })
    }

    fn next(&mut self) -> Token<'t> {
        let token = self.peek();
        self.at += 1;
        token
    }

    /// Skips a space and tells whether there was one.
    fn space(&mut self) -> bool {
        let space = self.peek().kind == Kind::Space;
        self.at += usize::from(space);
        space
    }

    fn peek_word(&mut self) -> Token<'t> {
        self.space();
        self.peek()
    }

    fn next_word(&mut self) -> Token<'t> {
        self.space();
        self.next()
    }
}
