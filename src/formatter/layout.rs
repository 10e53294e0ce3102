//! The layout of tokens: indentation by open brackets, one blank or none between neighbours, and columns of `=` and of
//! trailing comments in consecutive lines. The rules, and with them every byte, are those of the peer's formatter.

use unicode_segmentation::UnicodeSegmentation as _;

use crate::lexer::{Kind, Token};

/// A token with the blanks before it.
#[derive(Debug, Clone, Copy)]
struct Cell<'t> {
    token: Token<'t>,
    blanks: usize,
}

/// A line in three parts: what is assigned to, or all of it; `= value`; the comment at its end.
#[derive(Debug, Default)]
struct Line<'t> {
    lead: Vec<Cell<'t>>,
    assign: Vec<Cell<'t>>,
    comment: Vec<Cell<'t>>,
}

/// The text of the tokens in canonical layout.
pub(super) fn write(tokens: &[Token<'_>]) -> String {
    let mut lines = lines(tokens);
    indent(&mut lines);
    lines.iter_mut().for_each(space);
    align(&mut lines);
    let mut text = String::new();
    for cell in lines.iter().flat_map(|line| line.lead.iter().chain(&line.assign).chain(&line.comment)) {
        text.extend(std::iter::repeat_n(' ', cell.blanks));
        text.push_str(cell.token.text);
    }
    text
}

/// Heredocs and what they hold belong to the line that they begin in.
fn lines<'t>(tokens: &[Token<'t>]) -> Vec<Line<'t>> {
    let ends = |token: &Token<'_>| match token.kind {
        Kind::Newline => true,
        Kind::Comment => token.text.ends_with('\n'),
        _ => false,
    };
    let mut heredoc = false;
    let mut lines = Vec::new();
    for tokens in tokens.split_inclusive(ends) {
        let mut line =
            Line { lead: tokens.iter().map(|token| Cell { token: *token, blanks: 0 }).collect(), ..Line::default() };
        if std::mem::take(&mut heredoc) {
            heredoc = !tokens.iter().any(|token| token.kind == Kind::CloseHeredoc);
        } else {
            split(&mut line);
            let last = tokens.iter().rev().find(|token| matches!(token.kind, Kind::OpenHeredoc | Kind::CloseHeredoc));
            heredoc = last.is_some_and(|token| token.kind == Kind::OpenHeredoc);
        }
        lines.push(line);
    }
    lines
}

/// Puts the comment at the end, and an assignment of a whole value, into parts of their own.
fn split(line: &mut Line<'_>) {
    if line.lead.len() > 1 && line.lead.last().is_some_and(|cell| cell.token.kind == Kind::Comment) {
        line.comment = line.lead.split_off(line.lead.len() - 1);
    }
    let equal = line.lead.iter().skip(1).position(|cell| cell.token.kind == Kind::Equal);
    if let Some(at) = equal.map(|at| at + 1)
        && line.lead[at..].iter().map(|cell| brackets(cell.token.kind)).sum::<i64>() == 0
    {
        line.assign = line.lead.split_off(at);
    }
}

/// What a token adds to the open brackets.
fn brackets(kind: Kind) -> i64 {
    match kind {
        Kind::OpenBrace | Kind::OpenBracket | Kind::OpenParen | Kind::Interpolation | Kind::Directive => 1,
        Kind::CloseBrace | Kind::CloseBracket | Kind::CloseParen | Kind::TemplateEnd => -1,
        _ => 0,
    }
}

/// A line that opens brackets indents the next ones by two blanks, however many it opens.
fn indent(lines: &mut [Line<'_>]) {
    let mut open: Vec<i64> = Vec::new();
    for line in lines {
        let before_heredoc = |cells: &[Cell<'_>]| -> i64 {
            let end = cells.iter().position(|cell| cell.token.kind == Kind::OpenHeredoc).unwrap_or(cells.len());
            cells[..end].iter().map(|cell| brackets(cell.token.kind)).sum()
        };
        let change = before_heredoc(&line.lead) + before_heredoc(&line.assign);
        let Some(first) = line.lead.first_mut() else { continue };
        if first.token.kind == Kind::Newline {
            continue;
        }
        let mut closed = -change;
        while closed > 0 {
            match open.last_mut() {
                Some(last) if *last > closed => {
                    *last -= closed;
                    closed = 0;
                }
                Some(last) => {
                    closed -= *last;
                    open.pop();
                }
                None => closed = 0,
            }
        }
        first.blanks = 2 * open.len();
        if change > 0 {
            open.push(change);
        }
    }
}

fn space(line: &mut Line<'_>) {
    for cells in [&mut line.lead, &mut line.assign] {
        for at in 1..cells.len() {
            let before = at.checked_sub(2).map(|before| cells[before].token.kind);
            let blank = blank_between(before, &cells[at - 1].token, cells[at].token.kind);
            cells[at].blanks = usize::from(blank);
        }
    }
    if let Some(equal) = line.assign.first_mut() {
        equal.blanks = 1;
    }
}

/// Whether a blank stands between two tokens; `before` is what stands before the first.
fn blank_between(before: Option<Kind>, token: &Token<'_>, after: Kind) -> bool {
    let kind = token.kind;
    let loop_in = token.text == "in" && kind == Kind::Ident && before == Some(Kind::Ident);
    let ends_value = matches!(kind, Kind::Ident | Kind::Number) || brackets(kind) < 0;
    match (kind, after) {
        (_, Kind::Newline)
        | (Kind::Ident, Kind::OpenParen | Kind::DoubleColon)
        | (Kind::DoubleColon, Kind::Ident)
        | (Kind::Dot, _)
        | (_, Kind::Dot | Kind::Comma | Kind::Ellipsis) => false,
        (Kind::Comma, _) => true,
        (Kind::Literal | Kind::OpenQuote | Kind::OpenHeredoc, _) => false,
        (_, Kind::Literal | Kind::CloseQuote | Kind::CloseHeredoc) => false,
        // `for x in [a]`: an index of a name `in` is not meant.
        _ if loop_in => true,
        (_, Kind::OpenBracket) if ends_value => false,
        (Kind::Bang, _) => false,
        (Kind::Minus, _) => !negates(before),
        (Kind::OpenBrace, Kind::CloseBrace) => false,
        (Kind::OpenBrace, _) | (_, Kind::CloseBrace) => true,
        (Kind::Interpolation | Kind::Directive, Kind::OpenBrace) | (Kind::CloseBrace, Kind::TemplateEnd) => true,
        (Kind::TemplateEnd, Kind::Interpolation | Kind::Directive) => false,
        _ => brackets(kind) <= 0 && brackets(after) >= 0,
    }
}

/// Whether a minus behind such a token is a sign.
fn negates(before: Option<Kind>) -> bool {
    use Kind::{
        Arithmetic, Bang, Colon, Comma, Comparison, Equal, Logic, Minus, OpenBrace, OpenBracket, OpenParen, Question,
    };
    match before {
        None => true,
        Some(kind) => matches!(
            kind,
            OpenParen
                | OpenBrace
                | OpenBracket
                | Equal
                | Colon
                | Comma
                | Question
                | Arithmetic
                | Minus
                | Comparison
                | Logic
                | Bang
        ),
    }
}

/// Columns of a line's part, counted in characters as people see them.
fn width(cells: &[Cell<'_>]) -> usize {
    cells.iter().map(|cell| cell.blanks + cell.token.text.graphemes(true).count()).sum()
}

/// First the `=` of consecutive assignments, which moves the comments, then the comments.
fn align(lines: &mut [Line<'_>]) {
    for chain in lines.chunk_by_mut(|a, b| a.assign.is_empty() == b.assign.is_empty()) {
        let widest = chain.iter().map(|line| width(&line.lead)).max().unwrap_or(0);
        for line in chain {
            let missing = widest - width(&line.lead);
            if let Some(equal) = line.assign.first_mut() {
                equal.blanks = missing + 1;
            }
        }
    }
    let before_comment = |line: &Line<'_>| width(&line.lead) + width(&line.assign);
    for chain in lines.chunk_by_mut(|a, b| a.comment.is_empty() == b.comment.is_empty()) {
        let widest = chain.iter().map(before_comment).max().unwrap_or(0);
        for line in chain {
            let missing = widest - before_comment(line);
            if let Some(comment) = line.comment.first_mut() {
                comment.blanks = missing + 1;
            }
        }
    }
}
