//! Values that may be secrets although no variable is declared `sensitive`: a workflow writes
//! `password=${{ secrets.X }}` into the inputs, or gives a step a token by its environment. The runner masks them in the
//! log, which nobody does for what goes to GitHub by its API. Neither may everything be hidden: `main`, `1.0.0`, a region
//! are in half of all lines.

use crate::secret::Redactor;

/// Words in the names of secrets.
const WORDS: [&str; 12] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "API_KEY",
    "APIKEY",
    "PRIVATE_KEY",
    "ACCESS_KEY",
    "ACCOUNT_KEY",
    "CREDENTIAL",
    "AUTH_KEY",
];
/// Ends of the names of what only leads to a secret.
const HARMLESS: [&str; 8] = ["_FILE", "_PATH", "_URL", "_URI", "_NAME", "_ID", "_ARN", "_TYPE"];
/// Characters of the shortest value that is hidden.
const SHORTEST: usize = 8;
/// Characters of the shortest value that is hidden whatever its name is, if it looks random.
const LONG: usize = 24;
/// How keys begin that services give.
const KEYS: [&str; 8] = ["ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "hvs.", "-----BEGIN "];

/// What reports must not show: values of the environment under names of secrets, and those of variables, each given as
/// `name=value`, that have such a name or look like a key.
pub(crate) fn hidden(environment: &[(String, String)], vars: &[String]) -> Redactor {
    let redactor = Redactor::new();
    let given = vars.iter().filter_map(|pair| pair.split_once('=')).filter(|(_, value)| is_key(value));
    let pairs = vars.iter().filter_map(|pair| pair.split_once('='));
    let named = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(pairs);
    for (_, value) in named.filter(|(name, _)| is_secret(name)).chain(given) {
        // Also without the quotes of an expression.
        for value in [value, value.trim().trim_matches('"')] {
            if value.trim().chars().count() >= SHORTEST {
                redactor.add(value);
            }
        }
    }
    redactor
}

fn is_secret(name: &str) -> bool {
    let name = name.trim().to_ascii_uppercase().replace(['-', '.', ' '], "_");
    WORDS.iter().any(|word| name.contains(word)) && !HARMLESS.iter().any(|end| name.ends_with(end))
}

/// Long and random: letters of both kinds and digits that change all the time. Sums, commits, ids, paths and words do
/// not.
fn is_key(value: &str) -> bool {
    let value = value.trim().trim_matches('"');
    if KEYS.iter().any(|start| value.starts_with(start)) {
        return true;
    }
    let kinds: Vec<u8> = value.bytes().filter_map(kind).collect();
    let changes = kinds.windows(2).filter(|pair| pair[0] != pair[1]).count();
    value.len() >= LONG
        && value.bytes().all(|b| kind(b).is_some() || b"+/=_-".contains(&b))
        && (0..3).all(|wanted| kinds.contains(&wanted))
        && changes * 5 >= value.len() * 2
}

fn kind(byte: u8) -> Option<u8> {
    match byte {
        b'a'..=b'z' => Some(0),
        b'A'..=b'Z' => Some(1),
        b'0'..=b'9' => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::MASK;

    fn shown(environment: &[(&str, &str)], vars: &[&str], text: &str) -> String {
        let environment: Vec<_> = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let vars: Vec<_> = vars.iter().map(|pair| (*pair).to_owned()).collect();
        hidden(&environment, &vars).redact(text)
    }

    #[test]
    fn what_has_the_name_of_a_secret_is_hidden() {
        for name in ["DEPLOY_TOKEN", "PKR_VAR_db_password", "INPUT_GITHUB-APP-PRIVATE-KEY", "npm.api-key"] {
            assert_eq!(shown(&[(name, "hunter2hunter2")], &[], "is hunter2hunter2."), format!("is {MASK}."), "{name}");
        }
        assert_eq!(shown(&[], &["password= hunter2hunter2 "], "hunter2hunter2"), MASK);
        assert_eq!(shown(&[], &["secret_key=\"correct horse\""], "correct horse"), MASK);
    }

    #[test]
    fn what_looks_like_a_key_is_hidden_whatever_its_name_is() {
        for key in ["ghp_0123", "wJalrXUtnFEMI7K7MDENGbPxRfiCYz9", "dGhpcyBpcyBhIHNlY3JldCBrZXk0Mg=="] {
            assert_eq!(shown(&[], &[&format!("x={key}")], key), MASK);
        }
    }

    #[test]
    fn trifles_and_names_are_shown() {
        let text = "true 1.0.0 main eu-central-1 registry/app:1.2.3 3484a3fb816e0859fd6e1cea078d76385ff50625 \
                    sha256:9b2e04ad2d3b3a7ea4d3b6b3f7ab7f24ba0b2f3c /home/runner/creds.json short \
                    Windows-Server-2022-Datacenter-Core https://vault.example";
        let vars = [
            "tag=1.0.0",
            "force=true",
            "branch=main",
            "region=eu-central-1",
            "image=registry/app:1.2.3",
            "token=short",
            "sum=3484a3fb816e0859fd6e1cea078d76385ff50625",
            "os=Windows-Server-2022-Datacenter-Core",
        ];
        let environment = [
            ("GOOGLE_CREDENTIALS_FILE", "/home/runner/creds.json"),
            ("VAULT_TOKEN_URL", "https://vault.example"),
            ("PATH", "registry/app:1.2.3"),
        ];
        assert_eq!(shown(&environment, &vars, text), text);
    }
}
