//! Keys that an object literal sets more than once: the language lets the last one count, the parser refuses them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use crate::lexer::{Kind, Token, tokens};

/// An item of an object that a later one replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Repeated {
    /// The key as written.
    pub name: String,
    /// The earlier item with its comma, in bytes.
    pub item: Range<usize>,
    /// Where the later item begins.
    pub last: usize,
}

/// An open bracket, quote, heredoc or template on the way through the tokens.
enum Open<'t> {
    Object(Object<'t>),
    Other,
}

#[derive(Default)]
struct Object<'t> {
    /// The key that is being read, with where it begins.
    key: Vec<Token<'t>>,
    /// Whether the key is complete and the value is being read.
    value: bool,
    /// By key: the last item with it.
    items: HashMap<String, Range<usize>>,
    /// The item that is being read: its key and beginning.
    current: Option<(String, usize)>,
}

/// All repeated items of a text, in the order in which the later ones end.
pub(super) fn repeated_keys(text: &str) -> Vec<Repeated> {
    let mut found = Vec::new();
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut before: Option<Token<'_>> = None;
    let mut tokens = tokens(text).into_iter().peekable();
    while let Some(token) = tokens.next() {
        let end = token.at + token.text.len();
        match token.kind {
            Kind::OpenBrace => {
                note(&mut open, token);
                let next = tokens.peek().map(|next| (next.kind, next.text));
                let object = in_expression(before) && next != Some((Kind::Ident, "for"));
                open.push(if object { Open::Object(Object::default()) } else { Open::Other });
            }
            Kind::OpenBracket
            | Kind::OpenParen
            | Kind::OpenQuote
            | Kind::OpenHeredoc
            | Kind::Interpolation
            | Kind::Directive => {
                note(&mut open, token);
                open.push(Open::Other);
            }
            Kind::CloseBrace
            | Kind::CloseBracket
            | Kind::CloseParen
            | Kind::CloseQuote
            | Kind::CloseHeredoc
            | Kind::TemplateEnd => {
                if let Some(Open::Object(mut object)) = open.pop() {
                    object.finish(token.at, &mut found);
                }
                note(&mut open, token);
            }
            kind => match open.last_mut() {
                Some(Open::Object(object)) => match kind {
                    Kind::Newline => object.finish(token.at, &mut found),
                    Kind::Comma => object.finish(end, &mut found),
                    Kind::Comment if token.text.ends_with('\n') => object.finish(token.at, &mut found),
                    Kind::Comment => {}
                    Kind::Equal | Kind::Colon if !object.value => object.named(),
                    _ => object.take(token),
                },
                _ => note(&mut open, token),
            },
        }
        if token.kind != Kind::Newline && token.kind != Kind::Comment {
            before = Some(token);
        }
    }
    found
}

/// Everything inside of a key belongs to the key.
fn note<'t>(open: &mut [Open<'t>], token: Token<'t>) {
    if let Some(Open::Object(object)) = open.iter_mut().rev().find(|open| matches!(open, Open::Object(_))) {
        object.take(token);
    }
}

/// Whether a brace after such a token opens an object, not a block.
fn in_expression(before: Option<Token<'_>>) -> bool {
    match before {
        None => false,
        Some(token) => match token.kind {
            Kind::Ident => token.text == "in",
            Kind::CloseQuote | Kind::CloseBrace | Kind::Literal => false,
            _ => true,
        },
    }
}

impl<'t> Object<'t> {
    fn take(&mut self, token: Token<'t>) {
        if !self.value {
            self.key.push(token);
        }
    }

    /// The `=` or `:` behind a key.
    fn named(&mut self) {
        self.value = true;
        let name: String = self.key.iter().map(|token| token.text).collect();
        // A key in quotes is the same as one without.
        let bare = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
        let name = bare.filter(|bare| !bare.contains(['$', '%', '\\'])).map(str::to_owned).unwrap_or(name);
        self.current = self.key.first().map(|first| (name, first.at));
    }

    /// The end of an item.
    fn finish(&mut self, end: usize, found: &mut Vec<Repeated>) {
        if let Some((name, start)) = self.current.take()
            && let Some(item) = self.items.insert(name.clone(), start..end)
        {
            found.push(Repeated { name, item, last: start });
        }
        self.key.clear();
        self.value = false;
    }
}

/// The text with blanks in place of the items that do not count; every place stays where it is.
pub(super) fn blank<'t>(text: &'t str, repeated: &[Repeated]) -> Cow<'t, str> {
    if repeated.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut bytes = text.as_bytes().to_vec();
    for repeated in repeated {
        for byte in bytes.get_mut(repeated.item.clone()).into_iter().flatten().filter(|byte| !b"\r\n".contains(byte)) {
            *byte = b' ';
        }
    }
    // Whole characters become blanks, so this is text as before.
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blanked(text: &str) -> String {
        blank(text, &repeated_keys(text)).into_owned()
    }

    #[test]
    fn the_last_item_of_a_key_stays() {
        for (text, expected) in [
            ("a = { x = 1, y = 2, x = 3 }", "a = {        y = 2, x = 3 }"),
            ("a = {\n  x = 1 # é\n  \"x\" = 2\n}\n", "a = {\n        # é\n  \"x\" = 2\n}\n"),
            ("a = { x = { x = 1 }, y = [{ x = 1 }] }", "a = { x = { x = 1 }, y = [{ x = 1 }] }"),
            ("a = { (k) = 1, (k) = 2 }", "a = {          (k) = 2 }"),
            ("a = [{ x : 1, x : 2 }, { x = 3 }]", "a = [{        x : 2 }, { x = 3 }]"),
            ("a = { x = <<EOT\n{ y = 1, y = 2 }\nEOT\n x = 1 }", "a = {          \n                \n   \n x = 1 }"),
            ("a = { for k, v in b : k => v }", "a = { for k, v in b : k => v }"),
            ("x { y = 1 }\nx { y = 2 }", "x { y = 1 }\nx { y = 2 }"),
            ("x \"l\" {\n  tags = {\n    a = 1\n  }\n  a = 1\n}", "x \"l\" {\n  tags = {\n    a = 1\n  }\n  a = 1\n}"),
            ("a = { x = b ? 1 : 2, y = 1, x = 3 }", "a = {                y = 1, x = 3 }"),
            ("a = { x = 1, x = 2, x = 3 }", "a = {               x = 3 }"),
            ("a = { \"${b}\" = 1, \"${c}\" = 2 }", "a = { \"${b}\" = 1, \"${c}\" = 2 }"),
        ] {
            assert_eq!(blanked(text), expected, "{text}");
        }
    }
}
