//! Markdown that holds foreign text: guests, templates and people wrote what stands in it, and none of it may be read
//! as Markdown, HTML, a mention or a reference, nor turn the reading direction of what follows.

use std::fmt::Write as _;

/// Text for a line or a cell of a table.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\n' | '\t' => safe.push(' '),
            // GitHub looks for mentions and references once entities are resolved; a blank of no width parts them.
            '@' | '#' => {
                let _ = write!(safe, "&#{};&#8203;", u32::from(c));
            }
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '!' | '$' => {
                let _ = write!(safe, "&#{};", u32::from(c));
            }
            _ => safe.push(c),
        }
    }
    safe
}

/// In HTML, where backticks and bars in the text do no harm.
pub(crate) fn code(text: &str) -> String {
    let text = escape(text).replace("&#8203;", "");
    format!("<code>{text}</code>")
}

/// A block that shows the text as it is: its fence is longer than any row of backticks inside.
pub(crate) fn fenced(text: &str) -> String {
    let text = visible(text);
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    format!("\n{fence}text\n{text}\n{fence}\n")
}

/// A part that is folded away; blank lines let Markdown begin again inside of HTML.
pub(crate) fn folded(title: &str, body: &str) -> String {
    format!("\n<details><summary>{title}</summary>\n\n{}\n\n</details>\n", body.trim())
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Without terminal colours; other control characters, and those that turn the reading direction, show as what they
/// are not.
fn visible(text: &str) -> String {
    let plain = anstream::adapter::strip_str(text).to_string();
    let unwanted = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    plain.replace("\r\n", "\n").chars().map(|c| if unwanted(c) { '\u{fffd}' } else { c }).collect()
}

/// Up to so many bytes of the text, whole characters, with a mark where it was cut.
pub(crate) fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let mut end = bytes.saturating_sub("…".len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// How much a part matters when not all of them fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Output of guests, the plan, the chart.
    Extra,
    /// Errors in full.
    Detail,
    /// Rows of the table beyond the first.
    Row,
    /// Verdict, image ids, marker.
    Always,
}

/// A text of parts that each are whole Markdown. What does not fit is left out, the lightest first, the last first.
#[derive(Debug, Default)]
pub(crate) struct Page {
    parts: Vec<(Weight, String)>,
}

impl Page {
    pub(crate) fn add(&mut self, weight: Weight, part: impl Into<String>) {
        let part = part.into();
        if !part.is_empty() {
            self.parts.push((weight, part));
        }
    }

    /// At most `bytes` long, unless what is always there is longer; `rest` says where the whole is, and stands last
    /// but for the marker if anything was left out.
    pub(crate) fn render(mut self, bytes: usize, rest: &str) -> String {
        let mut size: usize = self.parts.iter().map(|(_, part)| part.len()).sum();
        let fits = size <= bytes;
        while !fits && size + rest.len() > bytes {
            let lightest = self.parts.iter().enumerate().rev().min_by_key(|(_, (weight, _))| *weight);
            let Some((at, _)) = lightest.filter(|(_, (weight, _))| *weight < Weight::Always) else { break };
            size -= self.parts.remove(at).1.len();
        }
        let mut text: String = self.parts.into_iter().map(|(_, part)| part).collect();
        if !fits {
            text.push_str(rest);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_only_text() {
        assert_eq!(escape("a|b\r\n<i>"), "a&#124;b &lt;i&gt;");
        for (text, safe) in [
            ("@everyone", "&#64;&#8203;everyone"),
            ("#1 org/x#2", "&#35;&#8203;1 org/x&#35;&#8203;2"),
            ("\u{1b}[31mred\u{1b}[0m \u{202e}gnp.exe", "red \u{fffd}gnp.exe"),
            ("![x](http://y)", "&#33;&#91;x&#93;(http://y)"),
            ("a\u{85}b", "a\u{fffd}b"),
        ] {
            assert_eq!(escape(text), safe);
        }
        assert_eq!(code("a@b`"), "<code>a&#64;b&#96;</code>");
        assert_eq!(fenced("a````b"), "\n`````text\na````b\n`````\n");
    }

    #[test]
    fn the_lightest_goes_first_and_what_must_stay_stays() {
        let page = || {
            let mut page = Page::default();
            page.add(Weight::Always, "verdict\n");
            page.add(Weight::Row, "row1\n");
            page.add(Weight::Row, "row2\n");
            page.add(Weight::Detail, "detail\n");
            page.add(Weight::Extra, "extra\n");
            page
        };
        assert_eq!(page().render(100, "more\n"), "verdict\nrow1\nrow2\ndetail\nextra\n");
        assert_eq!(page().render(31, "more\n"), "verdict\nrow1\nrow2\ndetail\nextra\n");
        assert_eq!(page().render(30, "more\n"), "verdict\nrow1\nrow2\ndetail\nmore\n");
        assert_eq!(page().render(20, "more\n"), "verdict\nrow1\nmore\n");
        assert_eq!(page().render(1, "more\n"), "verdict\nmore\n");
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("äöü", 6), "äöü");
        assert_eq!(cut("äöüß", 6), "ä…");
    }
}
