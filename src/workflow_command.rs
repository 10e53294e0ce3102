//! Workflow commands: the lines by which a program talks to the runner of GitHub Actions, and how to keep text that
//! is not ours from being taken for one.

use std::borrow::Cow;

/// Whether a runner reads what this process prints, and obeys the commands in it.
pub(crate) fn obeyed() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// `::name key=value,...::text`. Properties without a value are left out.
pub(crate) fn command(name: &str, properties: &[(&str, Option<String>)], text: &str) -> String {
    let properties: Vec<String> =
        properties.iter().filter_map(|(key, value)| Some(format!("{key}={}", property(value.as_deref()?)))).collect();
    let separator = if properties.is_empty() { "" } else { " " };
    format!("::{name}{separator}{}::{}", properties.join(","), data(text))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The text without anything that the runner would obey: it looks for `::` after leading blanks of a line and for
/// the older `##[` anywhere, and a carriage return ends a line for it too.
pub(crate) fn neutral(text: &str) -> Cow<'_, str> {
    if !text.contains("::") && !text.contains("##[") {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for line in text.split_inclusive(['\n', '\r']) {
        let blanks = line.len() - line.trim_start().len();
        match line[blanks..].strip_prefix("::") {
            Some(rest) => {
                safe.push_str(&line[..blanks]);
                safe.push_str(": :");
                safe.push_str(rest);
            }
            None => safe.push_str(line),
        }
    }
    Cow::Owned(safe.replace("##[", "## ["))
}

/// The same for JSON, whose data stay as they are: no line of it begins with `::`, and a text can be written otherwise.
pub(crate) fn neutral_json(json: &str) -> String {
    json.replace("##[", r"#\u0023[")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_escaped() {
        assert_eq!(command("endgroup", &[], ""), "::endgroup::");
        let properties = [("file", Some("a,b:c".to_owned())), ("line", None), ("title", Some("50%\n".to_owned()))];
        assert_eq!(
            command("error", &properties, "a\r\nb: 1%"),
            "::error file=a%2Cb%3Ac,title=50%25%0A::a%0D%0Ab: 1%25"
        );
    }

    #[test]
    fn nothing_foreign_is_a_command() {
        for (text, safe) in [
            ("::add-mask::a", ": :add-mask::a"),
            ("  \t::Error::x", "  \t: :Error::x"),
            ("a\r::error::x\n::debug::y", "a\r: :error::x\n: :debug::y"),
            ("abc ##[stop-commands]y ##[group]", "abc ## [stop-commands]y ## [group]"),
            (":::set", ": ::set"),
            ("\u{a0}::error::x", "\u{a0}: :error::x"),
            ("std::io", "std::io"),
            ("\u{fffd}###[error]x", "\u{fffd}### [error]x"),
            ("::warning::\r\n\r\n ::ERROR::x", ": :warning::\r\n\r\n : :ERROR::x"),
        ] {
            assert_eq!(neutral(text), safe);
            assert_eq!(neutral(safe), safe);
        }
    }

    #[test]
    fn json_says_the_same_without_a_command() {
        let data = serde_json::json!({ "name": "a ##[error]b ###[", "lines": "::error::x\n::y" });
        let text = neutral_json(&serde_json::to_string_pretty(&data).unwrap());
        assert!(!text.contains("##[") && neutral(&text) == text, "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), data);
    }
}
