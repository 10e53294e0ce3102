//! Which texts of an event may go into addresses and comparisons.

/// A commit's full name, in lower case. All zeros stand for "no commit" in events about refs that are gone.
pub(in crate::action) fn sha(text: &str) -> Option<String> {
    let full = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (full && text.bytes().any(|byte| byte != b'0')).then(|| text.to_ascii_lowercase())
}

/// `owner/name`. It becomes part of the addresses of requests, so nothing in it may lead elsewhere.
pub(super) fn repository(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.split_once('/').is_some_and(|(owner, name)| {
        self::owner(owner) && (1..=100).contains(&name.len()) && name.chars().all(plain) && name != "." && name != ".."
    })
}

/// The login of a user or organisation. Underscores are in those of managed users.
pub(super) fn owner(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// The base of an API or of pages, without the slash at its end.
pub(super) fn base(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let plain = rest.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '@' | '?' | '#' | '\\' | '"' | '<' | '>'));
    (plain && !rest.is_empty() && !rest.starts_with('/')).then(|| text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits() {
        assert_eq!(sha(&"aB".repeat(20)), Some("ab".repeat(20)));
        assert!(sha(&"1".repeat(64)).is_some());
        for wrong in ["", "main", &"0".repeat(40), &"a".repeat(39), &"a".repeat(41), &"g".repeat(40), &"é".repeat(20)]
        {
            assert_eq!(sha(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn repositories() {
        for good in ["octo-org/images", "a/.github", "mona_corp/x.y-z_1"] {
            assert!(repository(good), "{good:?}");
        }
        for wrong in ["", "a", "a/", "/a", "a/..", "a/.", "a/b/c", "a/b?x", "a/b%2f", "a.b/c", "a/b\n", "\u{202e}a/b"] {
            assert!(!repository(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn bases() {
        assert_eq!(base("https://ghe.example/api/v3/").as_deref(), Some("https://ghe.example/api/v3"));
        assert_eq!(base("http://127.0.0.1:8080").as_deref(), Some("http://127.0.0.1:8080"));
        for wrong in ["", "https://", "https:///x", "ftp://a", "https://a@b", "https://a/?x=", "https://a\n/b", "a.b"] {
            assert_eq!(base(wrong), None, "{wrong:?}");
        }
    }
}
