//! The tokens of a template file with nothing lost: comments, line ends and heredocs are tokens as well.
//!
//! Kinds are those of the language's specification; what is no token at all is [`Kind::Invalid`], one character at a
//! time, so that every text can be written again.

/// What a token is, as far as its surroundings depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Newline,
    /// `# ...` and `// ...` end with their line end, `/* ... */` does not.
    Comment,
    Ident,
    Number,
    OpenQuote,
    CloseQuote,
    /// Plain text between quotes or inside of a heredoc.
    Literal,
    /// `<<EOT` with its line end.
    OpenHeredoc,
    /// The closing marker with the blanks before it.
    CloseHeredoc,
    /// `${` or `${~`
    Interpolation,
    /// `%{` or `%{~`
    Directive,
    /// `}` or `~}` of either.
    TemplateEnd,
    OpenBrace,
    CloseBrace,
    OpenBracket,
    CloseBracket,
    OpenParen,
    CloseParen,
    Dot,
    DoubleColon,
    Comma,
    Ellipsis,
    Equal,
    Bang,
    Minus,
    /// `+ * / %`
    Arithmetic,
    /// `== != < <= > >=`
    Comparison,
    /// `&& ||`
    Logic,
    Colon,
    Question,
    FatArrow,
    Invalid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'t> {
    pub kind: Kind,
    pub text: &'t str,
    /// Where it begins, in bytes.
    pub at: usize,
}

/// Where the lexer is; the innermost place is the last.
enum Place<'t> {
    /// An expression inside of a template, with its open braces.
    Template {
        braces: usize,
    },
    Quotes,
    Heredoc {
        marker: &'t str,
    },
}

/// Takes a text apart. Blanks between tokens are left out.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { length: text.len(), rest: text, places: Vec::new(), tokens: Vec::new() };
    while !lexer.rest.is_empty() {
        match lexer.places.last() {
            Some(Place::Quotes) => lexer.quoted(),
            Some(Place::Heredoc { marker }) => {
                let marker = *marker;
                lexer.heredoc(marker);
            }
            Some(Place::Template { .. }) | None => lexer.normal(),
        }
    }
    lexer.tokens
}

/// Texts of several characters, longer ones first.
const SYMBOLS: [(&str, Kind); 33] = [
    ("...", Kind::Ellipsis),
    ("\r\n", Kind::Newline),
    ("==", Kind::Comparison),
    ("!=", Kind::Comparison),
    ("<=", Kind::Comparison),
    (">=", Kind::Comparison),
    ("=>", Kind::FatArrow),
    ("&&", Kind::Logic),
    ("||", Kind::Logic),
    ("::", Kind::DoubleColon),
    ("\n", Kind::Newline),
    ("{", Kind::OpenBrace),
    ("}", Kind::CloseBrace),
    ("[", Kind::OpenBracket),
    ("]", Kind::CloseBracket),
    ("(", Kind::OpenParen),
    (")", Kind::CloseParen),
    (".", Kind::Dot),
    (",", Kind::Comma),
    ("=", Kind::Equal),
    ("!", Kind::Bang),
    ("-", Kind::Minus),
    ("+", Kind::Arithmetic),
    ("*", Kind::Arithmetic),
    ("/", Kind::Arithmetic),
    ("%", Kind::Arithmetic),
    ("<", Kind::Comparison),
    (">", Kind::Comparison),
    (":", Kind::Colon),
    ("?", Kind::Question),
    ("\"", Kind::OpenQuote),
    ("~}", Kind::TemplateEnd),
    ("\u{feff}", Kind::Invalid),
];

struct Lexer<'t> {
    length: usize,
    rest: &'t str,
    places: Vec<Place<'t>>,
    tokens: Vec<Token<'t>>,
}

impl<'t> Lexer<'t> {
    fn take(&mut self, kind: Kind, length: usize) -> &'t str {
        let at = self.length - self.rest.len();
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        if length > 0 {
            self.tokens.push(Token { kind, text, at });
        }
        text
    }

    fn normal(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        let Some(first) = self.rest.chars().next() else { return };
        if self.rest.starts_with('#') || self.rest.starts_with("//") {
            let length = self.rest.find('\n').map_or(self.rest.len(), |end| end + 1);
            self.take(Kind::Comment, length);
        } else if self.rest.starts_with("/*") {
            let length = self.rest.find("*/").map_or(self.rest.len(), |end| end + 2);
            self.take(Kind::Comment, length);
        } else if first.is_alphabetic() || first == '_' {
            let other = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-'));
            let length = self.rest.find(other).unwrap_or(self.rest.len());
            self.take(Kind::Ident, length);
        } else if first.is_ascii_digit() {
            let length = number(self.rest);
            self.take(Kind::Number, length);
        } else if let Some((length, marker)) = heredoc_start(self.rest) {
            self.take(Kind::OpenHeredoc, length);
            self.places.push(Place::Heredoc { marker });
        } else {
            self.symbol(first);
        }
    }

    fn symbol(&mut self, first: char) {
        let found = SYMBOLS.iter().find(|(symbol, _)| self.rest.starts_with(symbol));
        let inside = match self.places.last_mut() {
            Some(Place::Template { braces }) => Some(braces),
            _ => None,
        };
        let (kind, length) = match (found, inside) {
            (Some((symbol, Kind::OpenBrace)), Some(braces)) => {
                *braces += 1;
                (Kind::OpenBrace, symbol.len())
            }
            (Some((symbol, Kind::CloseBrace | Kind::TemplateEnd)), Some(0)) => {
                self.places.pop();
                (Kind::TemplateEnd, symbol.len())
            }
            (Some((symbol, Kind::CloseBrace)), Some(braces)) => {
                *braces -= 1;
                (Kind::CloseBrace, symbol.len())
            }
            (Some((_, Kind::TemplateEnd)), _) | (None, _) => (Kind::Invalid, first.len_utf8()),
            (Some((symbol, Kind::OpenQuote)), _) => {
                self.places.push(Place::Quotes);
                (Kind::OpenQuote, symbol.len())
            }
            (Some((symbol, kind)), _) => (*kind, symbol.len()),
        };
        self.take(kind, length);
    }

    /// Text up to the closing quote or the next template.
    fn quoted(&mut self) {
        // A backslash escapes one character, itself included.
        let mut skip = false;
        let mut stop = self.rest.len();
        for (at, c) in self.rest.char_indices() {
            if std::mem::take(&mut skip) {
                continue;
            }
            if c == '\\' {
                skip = true;
            } else if c == '"' || self.template_at(at) {
                stop = at;
                break;
            }
        }
        self.take(Kind::Literal, stop);
        if self.rest.starts_with('"') {
            self.places.pop();
            self.take(Kind::CloseQuote, 1);
        } else {
            self.template();
        }
    }

    /// Text up to the closing marker or the next template.
    fn heredoc(&mut self, marker: &str) {
        let mut at = 0;
        // The place may be the middle of a line, behind a template: no marker can stand there.
        let mut line_start = self.tokens.last().is_some_and(|token| token.text.ends_with('\n'));
        while at < self.rest.len() {
            let line = self.rest[at..].split_inclusive('\n').next().unwrap_or_default();
            if line_start && line.trim() == marker {
                self.take(Kind::Literal, at);
                self.places.pop();
                let length = line.trim_end_matches(['\n', '\r']).len();
                self.take(Kind::CloseHeredoc, length);
                return;
            }
            if let Some(template) = (at..at + line.len()).find(|at| self.template_at(*at)) {
                self.take(Kind::Literal, template);
                self.template();
                return;
            }
            at += line.len();
            line_start = true;
        }
        self.take(Kind::Literal, at);
    }

    /// Whether a template begins at a place; `$${` and `%%{` are plain text.
    fn template_at(&self, at: usize) -> bool {
        let bytes = self.rest.as_bytes();
        let sign = bytes.get(at).copied();
        let doubled = at > 0 && bytes.get(at - 1).copied() == sign;
        matches!(sign, Some(b'$' | b'%')) && bytes.get(at + 1) == Some(&b'{') && !doubled
    }

    fn template(&mut self) {
        let kind = match self.rest.as_bytes().first() {
            Some(b'$') => Kind::Interpolation,
            Some(b'%') => Kind::Directive,
            _ => return,
        };
        let length = if self.rest.as_bytes().get(2) == Some(&b'~') { 3 } else { 2 };
        self.take(kind, length);
        self.places.push(Place::Template { braces: 0 });
    }
}

fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    end
}

/// Length with the line end, and the marker, of `<<EOT` or `<<-EOT`.
fn heredoc_start(text: &str) -> Option<(usize, &str)> {
    let after = text.strip_prefix("<<")?;
    let name = after.strip_prefix('-').unwrap_or(after);
    let end = name.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-'))).unwrap_or(name.len());
    let marker = &name[..end];
    let line_end = ["\n", "\r\n"].into_iter().find(|line_end| name[end..].starts_with(line_end))?;
    let starts = marker.starts_with(|c: char| c.is_alphabetic() || c == '_');
    starts.then(|| (text.len() - name.len() + end + line_end.len(), marker))
}
