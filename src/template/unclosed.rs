//! Finds the quote, brace or bracket that is never closed: the parser's own error is often far from it, and the
//! parser accepts line breaks inside of quotes, which the language does not.

/// An opener without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unclosed {
    /// `"`, `{`, `[` or `(`.
    pub opener: char,
    /// Byte place of the opener.
    pub at: usize,
    /// Byte place where it should have been closed: a line's end, another closer, the text's end.
    pub until: usize,
}

/// The first opener that is not closed before its line, its surroundings or the text ends.
pub(super) fn unclosed(text: &str) -> Option<Unclosed> {
    let bytes = text.as_bytes();
    // Openers so far; a `"` on top means that we are inside of a quoted template.
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        if let Some(&('"', quote)) = open.last() {
            match byte {
                b'\n' => return Some(Unclosed { opener: '"', at: quote, until: at }),
                b'\\' => at += 1,
                b'"' => {
                    open.pop();
                }
                b'$' | b'%' if rest.get(1) == Some(&byte) && rest.get(2) == Some(&b'{') => at += 2,
                b'$' | b'%' if rest.get(1) == Some(&b'{') => {
                    open.push(('{', at));
                    at += 1;
                }
                _ => {}
            }
            at += 1;
            continue;
        }
        match byte {
            b'"' => open.push(('"', at)),
            b'{' | b'[' | b'(' => open.push((char::from(byte), at)),
            b'}' | b']' | b')' => match open.pop() {
                Some((opener, _)) if closer(opener) == byte => {}
                Some((opener, place)) => return Some(Unclosed { opener, at: place, until: at }),
                // One too many: the parser says so well enough.
                None => return None,
            },
            b'#' => at += line_length(rest),
            b'/' if rest.get(1) == Some(&b'/') => at += line_length(rest),
            b'/' if rest.get(1) == Some(&b'*') => at += text[at..].find("*/").map_or(rest.len(), |end| end + 1),
            b'<' if rest.get(1) == Some(&b'<') => at += heredoc_length(&text[at..]),
            _ => {}
        }
        at += 1;
    }
    open.last().map(|&(opener, at)| Unclosed { opener, at, until: text.trim_end().len() })
}

fn closer(opener: char) -> u8 {
    match opener {
        '{' => b'}',
        '[' => b']',
        '(' => b')',
        _ => b'"',
    }
}

/// Bytes to the line's end, without it.
fn line_length(rest: &[u8]) -> usize {
    rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end.saturating_sub(1))
}

/// Bytes of a heredoc that begins with `<<`, all but the last one; 1 when it is none or does not end.
fn heredoc_length(rest: &str) -> usize {
    let marker = rest.trim_start_matches('<').trim_start_matches('-');
    let marker = marker.lines().next().unwrap_or_default().trim_end();
    let Some(body) = rest.find('\n').filter(|_| !marker.is_empty()) else { return 1 };
    let mut length = body + 1;
    for line in rest[length..].split_inclusive('\n') {
        if line.trim() == marker {
            return length + line.trim_end().len() - 1;
        }
        length += line.len();
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_open() {
        for (text, expected) in [
            ("build {\n", Some(('{', 6, 7))),
            ("a = \"x\nb = 1", Some(('"', 4, 6))),
            ("a = [1,\n}", Some(('[', 4, 8))),
            ("a = f(1", Some(('(', 5, 7))),
            ("a = \"${f(1}\"", Some(('(', 8, 10))),
            ("a = \"${x\"\n", Some(('"', 8, 9))),
            ("build {\n x {\n}\n", Some(('{', 6, 14))),
            ("a = \"\\\" $${ %%{ ${f(\"}\")} %{if x}y%{endif}\"", None),
            ("# \" {\n// (\n/* [ */ a = 1", None),
            ("a = <<EOF\n\" { ( ${x\nEOF\nb = 1", None),
            ("a = <<-EOF\n x \"\n  EOF\nb = [\n1]", None),
            ("a = }", None),
            ("a = \"${\n x\n}\"", None),
        ] {
            let found = unclosed(text).map(|u| (u.opener, u.at, u.until));
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn any_text_is_survived() {
        for text in ["", "<<", "<<\n", "<<-", "/*", "\"\\", "\"$", "\"%{", "#", "é\"é\n", "<<é\né"] {
            unclosed(text);
        }
    }
}
