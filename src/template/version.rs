//! Version constraints of `required_version` and `required_plugins`: `>= 1.7, < 2`, `~> 1.2`.

use std::fmt;
use std::str::FromStr;

/// A release version; missing parts count as zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version([u64; 3]);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    /// `~> 1.2` allows 1.x from 1.2 on, `~> 1.2.3` allows 1.2.x from 1.2.3 on.
    Pessimistic,
}

/// Comma-separated conditions, all of which must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Constraint {
    /// Operator, version, number of parts written.
    conditions: Vec<(Operator, Version, usize)>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum VersionError {
    #[error("{0:?} is not a version; versions look like 1.2.3")]
    Version(String),
    #[error("{0:?} names a prerelease, which a constraint cannot match")]
    Prerelease(String),
}

/// Longer spellings first.
const OPERATORS: [(&str, Operator); 7] = [
    (">=", Operator::GreaterEqual),
    ("<=", Operator::LessEqual),
    ("!=", Operator::NotEqual),
    ("~>", Operator::Pessimistic),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
];

fn parse_version(text: &str) -> Result<(Version, usize), VersionError> {
    let bad = || VersionError::Version(text.to_owned());
    let plain = text.strip_prefix('v').unwrap_or(text);
    let plain = plain.split_once('+').map_or(plain, |(plain, _build)| plain);
    if plain.contains('-') {
        return Err(VersionError::Prerelease(text.to_owned()));
    }
    let parts: Vec<u64> = plain.split('.').map(|p| p.parse().map_err(|_| bad())).collect::<Result<_, _>>()?;
    if parts.len() > 3 {
        return Err(bad());
    }
    let mut version = [0; 3];
    version[..parts.len()].copy_from_slice(&parts);
    Ok((Version(version), parts.len()))
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        parse_version(text.trim()).map(|(version, _)| version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0[0], self.0[1], self.0[2])
    }
}

impl FromStr for Constraint {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let condition = |part: &str| {
            let part = part.trim();
            let (operator, rest) = OPERATORS
                .iter()
                .find_map(|(sign, operator)| Some((*operator, part.strip_prefix(sign)?)))
                .unwrap_or((Operator::Equal, part));
            let (version, parts) = parse_version(rest.trim())?;
            Ok((operator, version, parts))
        };
        Ok(Self { conditions: text.split(',').map(condition).collect::<Result<_, _>>()? })
    }
}

impl Constraint {
    pub(super) fn allows(&self, version: Version) -> bool {
        self.conditions.iter().all(|(operator, wanted, parts)| match operator {
            Operator::Equal => version == *wanted,
            Operator::NotEqual => version != *wanted,
            Operator::Greater => version > *wanted,
            Operator::GreaterEqual => version >= *wanted,
            Operator::Less => version < *wanted,
            Operator::LessEqual => version <= *wanted,
            Operator::Pessimistic => {
                let fixed = parts.saturating_sub(1);
                version >= *wanted && version.0[..fixed] == wanted.0[..fixed]
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(constraint: &str, version: &str) -> bool {
        constraint.parse::<Constraint>().unwrap().allows(version.parse().unwrap())
    }

    #[test]
    fn conditions() {
        assert!(allows(">= 1.7.0, < 2.0.0", "1.16.0"));
        assert!(!allows(">= 1.7.0, < 1.9", "1.16.0"));
        assert!(allows("~> 1.2", "1.16.0"));
        assert!(!allows("~> 1.2.0", "1.3.0"));
        assert!(allows("~> 1", "2.0.0"));
        assert!(allows("!= 1.15.9", "1.16.0"));
        assert!(!allows("1.15.9", "1.16.0"));
    }

    #[test]
    fn errors() {
        for text in ["", "x", ">= 1.2.3.4", "1..2"] {
            assert!(matches!(text.parse::<Constraint>(), Err(VersionError::Version(_))), "{text}");
        }
        assert!(matches!(">= 1.2.0-beta".parse::<Constraint>(), Err(VersionError::Prerelease(_))));
    }
}
