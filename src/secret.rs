//! What must never be shown: registered secrets and the redactor that every event, log line and report passes.

use std::sync::{Arc, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// What stands in place of a secret.
pub(crate) const MASK: &str = "<sensitive>";

/// Shorter texts are not masked: hiding every `a` or `no` of a log protects nothing and makes it unreadable.
const SHORTEST: usize = 3;

/// Replaces registered secrets in text. Cheap to clone; all clones share the list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Redactor {
    state: Arc<RwLock<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Secrets as given, for the runner's own masks.
    given: Vec<String>,
    patterns: Vec<String>,
    matcher: Option<AhoCorasick>,
}

impl Redactor {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Registers a secret: the text, its form with LF line ends, each of its lines, and the forms in which tools
    /// like to print it: base64, URL, JSON and shell escapes.
    pub(crate) fn add(&self, secret: &str) {
        let unix = secret.replace("\r\n", "\n");
        let mut forms: Vec<String> = vec![secret.to_owned(), unix.clone(), unix.trim().to_owned()];
        forms.extend(unix.lines().map(|line| line.trim().to_owned()));
        for plain in [secret, unix.trim()] {
            forms.extend([
                STANDARD.encode(plain),
                STANDARD_NO_PAD.encode(plain),
                URL_SAFE_NO_PAD.encode(plain),
                url_escaped(plain, b""),
                url_escaped(plain, b"!'()*"),
                plain.replace('\'', r#"'"'"'"#),
                plain.replace('\'', r"'\''"),
            ]);
            forms.extend(serde_json::to_string(plain).ok().map(|json| json.trim_matches('"').to_owned()));
        }
        let Ok(mut state) = self.state.write() else { return };
        if secret.len() >= SHORTEST && !state.given.iter().any(|known| known == secret) {
            state.given.push(secret.to_owned());
        }
        let before = state.patterns.len();
        for form in forms {
            if form.trim().len() >= SHORTEST && !state.patterns.contains(&form) {
                state.patterns.push(form);
            }
        }
        if state.patterns.len() > before {
            state.matcher = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&state.patterns).ok();
        }
    }

    /// The text with every registered secret replaced by [`MASK`].
    pub(crate) fn redact(&self, text: &str) -> String {
        let Ok(state) = self.state.read() else { return MASK.to_owned() };
        match &state.matcher {
            Some(matcher) => matcher.replace_all(text, &vec![MASK; state.patterns.len()]),
            None => text.to_owned(),
        }
    }

    /// The last place up to `at` where text can be cut without cutting a secret or a character in two.
    pub(crate) fn place_to_cut(&self, text: &[u8], at: usize) -> usize {
        let Ok(state) = self.state.read() else { return at };
        let matches = state.matcher.iter().flat_map(|matcher| matcher.find_iter(text));
        let split = matches.take_while(|found| found.start() < at).find(|found| found.end() > at);
        let cut = split.map_or(at, |found| found.start());
        // Bytes 10xxxxxx go on with a character; no character has more than three of them.
        let starts = |at: &usize| text.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
        (cut.saturating_sub(3)..=cut).rev().find(starts).unwrap_or(cut)
    }

    /// Secrets as they were given, for `::add-mask::`.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.state.read().map(|state| state.given.clone()).unwrap_or_default()
    }

    /// Bytes in the longest pattern: a text cut in the middle must keep so many back to not split a secret.
    pub(crate) fn longest(&self) -> usize {
        self.state.read().map_or(0, |state| state.patterns.iter().map(String::len).max().unwrap_or(0))
    }
}

/// Percent-encoded but for letters, digits and the marks that nobody escapes; `left` are those that some leave alone.
fn url_escaped(text: &str, left: &[u8]) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b) || left.contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_secret_is_masked() {
        let redactor = Redactor::new();
        redactor.add("p'ss w\"rd\r\nline two");
        for shown in [
            "p'ss w\"rd\r\nline two",
            "p'ss w\"rd",
            "line two",
            "cCdzcyB3InJkDQpsaW5lIHR3bw",
            "p'ss%20w%22rd%0Aline%20two",
            "p%27ss%20w%22rd%0Aline%20two",
            "p'ss w\\\"rd\\nline two",
        ] {
            assert_eq!(redactor.redact(&format!("x {shown} y")), format!("x {MASK} y"), "{shown}");
        }
        assert_eq!(redactor.redact("nothing here"), "nothing here");
    }

    #[test]
    fn trifles_are_not_masked() {
        let redactor = Redactor::new();
        redactor.add("a");
        redactor.add("");
        assert_eq!(redactor.redact("banana"), "banana");
        assert!(redactor.secrets().is_empty());
    }
}
