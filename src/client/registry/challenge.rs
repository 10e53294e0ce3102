//! What a registry asks for before it answers: the header `WWW-Authenticate` of a 401.

/// How a registry wants to be told who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password with every request.
    Basic,
    /// A token of a server of its own.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

impl Challenge {
    /// Of one header; it may name several schemes, and a token goes before a password.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (mut found, mut rest) = (None, header.trim());
        while !rest.is_empty() {
            let (scheme, tail) = rest.split_once(' ').unwrap_or((rest, ""));
            let (parameters, tail) = parameters(tail);
            let get = |name: &str| {
                let same = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
                parameters.iter().find(same).map(|(_, value)| value.clone())
            };
            if scheme.eq_ignore_ascii_case("bearer") {
                return Some(Self::Bearer { realm: get("realm")?, service: get("service"), scope: get("scope") });
            }
            if scheme.eq_ignore_ascii_case("basic") {
                found = Some(Self::Basic);
            }
            rest = tail;
        }
        found
    }
}

/// `key="value", ...` up to the next scheme, and what follows.
fn parameters(text: &str) -> (Vec<(String, String)>, &str) {
    let (mut found, mut rest) = (Vec::new(), text.trim_start());
    loop {
        let name_end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c))).unwrap_or(rest.len());
        let (name, tail) = rest.split_at(name_end);
        let Some(tail) = tail.trim_start().strip_prefix('=').filter(|_| !name.is_empty()) else { return (found, rest) };
        let (value, tail) = value(tail.trim_start());
        found.push((name.to_owned(), value));
        rest = tail.trim_start().strip_prefix(',').unwrap_or(tail).trim_start();
    }
}

/// A quoted text, with `\` before what is meant as it is, or a word.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (word, rest) = text.split_at(text.find([',', ' ']).unwrap_or(text.len()));
        return (word.to_owned(), rest);
    };
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return (value, &quoted[at + 1..]),
            _ => {
                value.push(c);
                escaped = false;
            }
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_and_their_parameters() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.to_owned(),
                service: service.map(str::to_owned),
                scope: scope.map(str::to_owned),
            })
        };
        for (header, expected) in [
            (
                r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:o/a:pull,push""#,
                bearer("https://ghcr.io/token", Some("ghcr.io"), Some("repository:o/a:pull,push")),
            ),
            (r#"bearer Realm=https://x/t , service = "a \"b\"""#, bearer("https://x/t", Some("a \"b\""), None)),
            (r#"Basic realm="r", Bearer realm="https://x""#, bearer("https://x", None, None)),
            (r#"Basic realm="Registry Realm""#, Some(Challenge::Basic)),
            ("Basic", Some(Challenge::Basic)),
            ("Negotiate", None),
            ("Bearer service=\"x\"", None),
            ("", None),
            ("Bearer realm=\"unclosed", bearer("unclosed", None, None)),
        ] {
            assert_eq!(Challenge::parse(header), expected, "{header}");
        }
    }
}
