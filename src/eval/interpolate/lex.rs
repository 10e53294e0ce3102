//! Text to tokens, with Go's rules: trim markers, comments, and spaces that separate operands.

use super::InterpolateError;

/// What counts as space inside actions and for the trim markers.
pub(super) const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Outside of actions.
    Text,
    /// `{{`
    Open,
    /// `}}`
    Close,
    Space,
    /// `:=`
    Declare,
    /// `=`
    Assign,
    Pipe,
    Comma,
    LeftParen,
    RightParen,
    /// A lone `.`
    Dot,
    /// With its dot.
    Field,
    /// With its `$`.
    Variable,
    Identifier,
    Keyword,
    Nil,
    Bool,
    Number,
    Char,
    Quoted,
    Raw,
    End,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'t> {
    pub kind: Kind,
    pub offset: usize,
    pub text: &'t str,
}

const KEYWORDS: [&str; 10] = ["block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"];

/// The tokens of `text`, ending with [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, InterpolateError> {
    let mut lexer = Lexer { text, at: 0, parens: Vec::new(), tokens: Vec::new() };
    lexer.run()?;
    Ok(lexer.tokens)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    /// Where the parentheses were opened.
    parens: Vec<usize>,
    tokens: Vec<Token<'t>>,
}

impl<'t> Lexer<'t> {
    fn run(&mut self) -> Result<(), InterpolateError> {
        let mut trim = false;
        while let Some(found) = self.rest().find("{{") {
            let open = self.at + found;
            let after = &self.text[open + 2..];
            let trims = after.starts_with('-') && after[1..].starts_with(SPACES);
            self.literal(open, trim, trims);
            self.at = open + if trims { 4 } else { 2 };
            if self.rest().starts_with("/*") {
                trim = self.comment(open)?;
            } else {
                self.push(Kind::Open, open);
                trim = self.action(open)?;
            }
        }
        self.literal(self.text.len(), trim, false);
        self.at = self.text.len();
        self.push(Kind::End, self.at);
        Ok(())
    }

    /// The text up to `end`, trimmed at the sides where an action asks for it.
    fn literal(&mut self, end: usize, trim_start: bool, trim_end: bool) {
        let mut text = &self.text[self.at..end];
        let mut offset = self.at;
        if trim_start {
            text = text.trim_start_matches(SPACES);
            offset = end - text.len();
        }
        if trim_end {
            text = text.trim_end_matches(SPACES);
        }
        if !text.is_empty() {
            self.tokens.push(Token { kind: Kind::Text, offset, text });
        }
    }

    /// Returns whether the text behind it is trimmed.
    fn comment(&mut self, open: usize) -> Result<bool, InterpolateError> {
        let Some(length) = self.rest().find("*/") else {
            return Err(error(open, "the comment is not closed, \"*/\" is missing"));
        };
        self.at += length + 2;
        match self.close() {
            Some((length, trims)) => {
                self.at += length;
                Ok(trims)
            }
            None => Err(error(self.at, "only \"}}\" may follow a comment in its action")),
        }
    }

    /// Returns whether the text behind it is trimmed.
    fn action(&mut self, open: usize) -> Result<bool, InterpolateError> {
        loop {
            let start = self.at;
            if let Some((length, trims)) = self.close() {
                if let Some(paren) = self.parens.pop() {
                    return Err(error(paren, "\"(\" is not closed"));
                }
                self.at += length;
                self.push(Kind::Close, start);
                return Ok(trims);
            }
            let Some(c) = self.rest().chars().next() else {
                return Err(error(open, "\"{{\" is not closed, \"}}\" is missing"));
            };
            self.at += c.len_utf8();
            let kind = match c {
                c if SPACES.contains(&c) => {
                    while self.rest().starts_with(SPACES) && self.close().is_none() {
                        self.at += 1;
                    }
                    Kind::Space
                }
                '=' => Kind::Assign,
                ':' if self.rest().starts_with('=') => {
                    self.at += 1;
                    Kind::Declare
                }
                '|' => Kind::Pipe,
                ',' => Kind::Comma,
                '(' => {
                    self.parens.push(start);
                    Kind::LeftParen
                }
                ')' => {
                    if self.parens.pop().is_none() {
                        return Err(error(start, "\")\" closes nothing"));
                    }
                    Kind::RightParen
                }
                '"' => self.delimited(start, '"', Kind::Quoted)?,
                '\'' => self.delimited(start, '\'', Kind::Char)?,
                '`' => {
                    let Some(length) = self.rest().find('`') else {
                        return Err(error(start, "the raw string is not closed, \"`\" is missing"));
                    };
                    self.at += length + 1;
                    Kind::Raw
                }
                '.' if !self.rest().starts_with(|c: char| c.is_ascii_digit()) => {
                    if self.word() == 0 {
                        Kind::Dot
                    } else {
                        Kind::Field
                    }
                }
                '$' => {
                    self.word();
                    Kind::Variable
                }
                '.' | '+' | '-' | '0'..='9' => self.number(),
                c if is_word(c) => {
                    self.word();
                    match &self.text[start..self.at] {
                        "true" | "false" => Kind::Bool,
                        "nil" => Kind::Nil,
                        word if KEYWORDS.contains(&word) => Kind::Keyword,
                        _ => Kind::Identifier,
                    }
                }
                other => return Err(error(start, format!("unexpected {other:?} in an action"))),
            };
            if matches!(kind, Kind::Dot | Kind::Field | Kind::Variable | Kind::Identifier | Kind::Keyword) {
                self.terminated()?;
            }
            self.push(kind, start);
        }
    }

    /// The length of the closing delimiter here and whether it trims what follows.
    fn close(&self) -> Option<(usize, bool)> {
        let rest = self.rest();
        if rest.starts_with("}}") {
            return Some((2, false));
        }
        (rest.starts_with(SPACES) && rest[1..].starts_with("-}}")).then_some((4, true))
    }

    /// Goes to the end of a word and returns its length.
    fn word(&mut self) -> usize {
        let length = self.rest().find(|c| !is_word(c)).unwrap_or(self.rest().len());
        self.at += length;
        length
    }

    /// A name ends where something else can begin.
    fn terminated(&self) -> Result<(), InterpolateError> {
        let rest = self.rest();
        match rest.chars().next() {
            Some(c) if !SPACES.contains(&c) && !".,|:)(".contains(c) && !rest.starts_with("}}") => {
                Err(error(self.at, format!("unexpected {c:?} after a name")))
            }
            _ => Ok(()),
        }
    }

    /// A quoted text or character; its escapes are read later.
    fn delimited(&mut self, start: usize, quote: char, kind: Kind) -> Result<Kind, InterpolateError> {
        let mut escaped = false;
        for (i, c) in self.rest().char_indices() {
            match c {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                c if c == quote => {
                    self.at += i + 1;
                    return Ok(kind);
                }
                _ => {}
            }
        }
        let what = if kind == Kind::Char { "character" } else { "string" };
        Err(error(start, format!("the quoted {what} is not closed")))
    }

    /// Takes all that looks like a number; whether it is one shows when it is read.
    fn number(&mut self) -> Kind {
        let mut last = ' ';
        let end = self.rest().find(|c: char| {
            let ends = !(is_word(c) || c == '.' || (matches!(c, '+' | '-') && matches!(last, 'e' | 'E')));
            last = c;
            ends
        });
        self.at += end.unwrap_or(self.rest().len());
        Kind::Number
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn push(&mut self, kind: Kind, start: usize) {
        self.tokens.push(Token { kind, offset: start, text: &self.text[start..self.at] });
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn error(offset: usize, message: impl Into<String>) -> InterpolateError {
    InterpolateError { offset, message: message.into(), help: None, missing: None }
}
