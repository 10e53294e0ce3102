//! Markdown that holds foreign text: guests, templates and people wrote what stands in it, and none of it may be read
//! as Markdown, HTML, a link, a mention or a reference, nor turn the reading direction of what follows.

use std::fmt::Write as _;
use std::ops::Range;

/// Parts what GitHub would make a link of, which it looks for once entities are resolved. It has no width.
const BLANK: &str = "&#8203;";
/// GitHub makes links of commits whose names have so many digits.
const COMMIT: Range<usize> = 7..41;

/// Text for a line or a cell of a table.
pub(crate) fn escape(text: &str) -> String {
    let text = visible(text);
    let mut breaks = addresses(&text);
    breaks.extend(references(&text));
    safe(&text, &breaks)
}

/// In HTML, where backticks and bars in the text do no harm. GitHub looks for no mentions and references in it, but the
/// Markdown in it is read as everywhere, and so are addresses.
pub(crate) fn code(text: &str) -> String {
    let text = visible(text);
    format!("<code>{}</code>", safe(&text, &addresses(&text)))
}

/// The text with its marks as entities, and blanks at `breaks`.
fn safe(text: &str, breaks: &[usize]) -> String {
    let mut breaks = breaks.to_vec();
    breaks.sort_unstable();
    breaks.dedup();
    let mut breaks = breaks.into_iter().peekable();
    let mut safe = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        if breaks.next_if_eq(&at).is_some() {
            safe.push_str(BLANK);
        }
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\n' | '\t' => safe.push(' '),
            '@' | '#' | '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '!' | '$' => {
                let _ = write!(safe, "&#{};", u32::from(c));
            }
            _ => safe.push(c),
        }
    }
    // A mark may be the last character.
    if breaks.next().is_some() {
        safe.push_str(BLANK);
    }
    safe
}

/// Where to part what Markdown makes links of: `https://`, `www.` and addresses of mail.
fn addresses(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let mut breaks: Vec<usize> = text.match_indices("://").map(|(at, _)| at + 1).collect();
    breaks.extend(text.match_indices('.').map(|(at, _)| at).filter(|at| www_before(bytes, *at)));
    breaks.extend(text.match_indices('@').map(|(at, _)| at + 1).filter(|at| is_host(&bytes[*at..])));
    breaks
}

fn www_before(bytes: &[u8], at: usize) -> bool {
    at >= 3 && bytes[at - 3..at].eq_ignore_ascii_case(b"www")
}

/// Whether a name with a dot in it comes next.
fn is_host(bytes: &[u8]) -> bool {
    let name = bytes.iter().take_while(|b| b.is_ascii_alphanumeric() || b"-_".contains(b)).count();
    name > 0 && bytes.get(name) == Some(&b'.')
}

/// Where to part what GitHub makes links of: `@somebody`, `#1`, `GH-1`, names of commits.
fn references(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let mut breaks = Vec::new();
    let mut at = 0;
    while let Some(first) = bytes.get(at) {
        if !is_word(first) {
            if matches!(first, b'@' | b'#') {
                breaks.push(at + 1);
            }
            at += 1;
            continue;
        }
        let word = bytes[at..].iter().take_while(|b| is_word(b)).count();
        let end = at + word;
        let number = bytes.get(end) == Some(&b'-') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if number && bytes[at..end].eq_ignore_ascii_case(b"gh") {
            breaks.push(end);
        }
        if COMMIT.contains(&word) && bytes[at..end].iter().all(u8::is_ascii_hexdigit) {
            breaks.extend((at..end).step_by(COMMIT.start - 1).skip(1));
        }
        at = end;
    }
    breaks
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
    /// The first rows.
    First,
    /// Verdict, image ids, marker.
    Always,
}

/// Bytes of the row that stands for those that were left out.
const MORE: usize = "| and 4294967295 more |\n".len();

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

    /// At most `bytes` long; `rest` says where the whole is, and stands last if anything was left out.
    pub(crate) fn render(mut self, bytes: usize, rest: &str) -> String {
        let mut size: usize = self.parts.iter().map(|(_, part)| part.len()).sum();
        if size <= bytes {
            return self.parts.into_iter().map(|(_, part)| part).collect();
        }
        let room = bytes.saturating_sub(rest.len() + MORE);
        let mut order: Vec<usize> = (0..self.parts.len()).collect();
        order.sort_by_key(|at| (self.parts[*at].0, std::cmp::Reverse(*at)));
        let mut rows = 0;
        let mut last_row = 0;
        for at in order {
            let (weight, part) = &mut self.parts[at];
            if size <= room || *weight == Weight::Always {
                break;
            }
            size -= part.len();
            part.clear();
            if *weight >= Weight::Row {
                (rows, last_row) = (rows + 1, at);
            }
        }
        if rows > 0 {
            self.parts[last_row].1 = format!("| and {rows} more |\n");
        }
        let text: String = self.parts.into_iter().map(|(_, part)| part).collect();
        shortened(&text, bytes.saturating_sub(rest.len())) + rest
    }
}

/// The first lines of a text, with the ends of what was begun in them.
fn shortened(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let mut short = String::new();
    let (mut fence, mut folds) = (String::new(), 0usize);
    let ends = |fence: &str, folds: usize| {
        let fence = if fence.is_empty() { String::new() } else { format!("{fence}\n") };
        fence + &"\n</details>\n".repeat(folds)
    };
    for line in text.split_inclusive('\n') {
        let (mut fence_then, mut folds_then) = (fence.clone(), folds);
        let ticks = line.len() - line.trim_start_matches('`').len();
        if fence.is_empty() && ticks >= 3 {
            fence_then = "`".repeat(ticks);
        } else if !fence.is_empty() && ticks >= fence.len() && line.trim_end().len() == ticks {
            fence_then.clear();
        } else if fence.is_empty() {
            folds_then = (folds + line.matches("<details>").count()).saturating_sub(line.matches("</details>").count());
        }
        if short.len() + line.len() + ends(&fence_then, folds_then).len() > bytes {
            break;
        }
        short.push_str(line);
        (fence, folds) = (fence_then, folds_then);
    }
    short + &ends(&fence, folds)
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
            ("![x](http://y)", "&#33;&#91;x&#93;(http:&#8203;//y)"),
            ("see WWW.evil.example", "see WWW&#8203;.evil.example"),
            ("ftp://x mailto:a@b.c", "ftp:&#8203;//x mailto:a&#64;&#8203;b.c"),
            ("GH-26 high-5 gh-x (gh-7)", "GH&#8203;-26 high-5 gh-x (gh&#8203;-7)"),
            ("at 6113728 of", "at 611372&#8203;8 of"),
            ("octo/images@6113728f27ae82", "octo/images&#64;&#8203;611372&#8203;8f27ae&#8203;82"),
            ("613728 vol-61137g8 ami", "613728 vol-61137g8 ami"),
            ("at @", "at &#64;&#8203;"),
            ("a\u{85}b", "a\u{fffd}b"),
        ] {
            assert_eq!(escape(text), safe);
        }
        assert_eq!(code("a@b`"), "<code>a&#64;b&#96;</code>");
        assert_eq!(code("x@sha256:6113728 #1 GH-1"), "<code>x&#64;sha256:6113728 &#35;1 GH-1</code>");
        assert_eq!(code("http://a www.b c@d.e"), "<code>http:&#8203;//a www&#8203;.b c&#64;&#8203;d.e</code>");
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
        assert_eq!(page().render(30 + MORE, "more\n"), "verdict\nrow1\nrow2\ndetail\nextra\n");
        let page = |extra: usize| {
            let mut page = page();
            page.add(Weight::Extra, "x".repeat(extra));
            page
        };
        assert_eq!(page(99).render(30 + MORE, "more\n"), "verdict\nrow1\nrow2\ndetail\nmore\n");
        assert_eq!(page(99).render(18 + MORE, "more\n"), "verdict\nrow1\n| and 1 more |\nmore\n");
        assert_eq!(page(99).render(13 + MORE, "more\n"), "verdict\n| and 2 more |\nmore\n");
        assert_eq!(page(99).render(14, "more\n"), "verdict\nmore\n");
    }

    #[test]
    fn the_last_resort_leaves_whole_markdown() {
        let text = "verdict\n<details><summary>x</summary>\n\n````text\n```\nlong\nlonger\n````\n\n</details>\nend\n";
        for bytes in 60..text.len() {
            let short = shortened(text, bytes);
            assert!(short.len() <= bytes && short.starts_with("verdict\n"), "{bytes}: {short}");
            assert_eq!(short.matches("<details>").count(), short.matches("</details>").count(), "{bytes}: {short}");
            assert_eq!(short.matches("````").count() % 2, 0, "{bytes}: {short}");
        }
        assert_eq!(shortened(text, text.len()), text);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("äöü", 6), "äöü");
        assert_eq!(cut("äöüß", 6), "ä…");
    }
}
