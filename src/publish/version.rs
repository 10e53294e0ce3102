//! Versions of images: which of two is higher, and which names a new one takes over (semver.org's order).

use std::cmp::Ordering;

use crate::config::Name;

/// What stands for `+` in the names of a registry, which have none: no version has this character, so it is read back.
const BUILD: &str = "_";

/// A version of three numbers, perhaps a pre-release, perhaps with the number of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    numbers: [u64; 3],
    /// `rc`, `1` of `-rc.1`.
    pre: Vec<String>,
    /// What stands after `+`.
    build: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no version: one such as v1.2.3 or 1.2.3-rc.1 is expected")]
pub(crate) struct NoVersion(String);

impl Version {
    /// With or without a `v` in front.
    pub(crate) fn parse(text: &str) -> Result<Self, NoVersion> {
        Self::read(text).ok_or_else(|| NoVersion(text.to_owned()))
    }

    fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('v').unwrap_or(text);
        let (rest, build) = match rest.split_once(['+', '_']) {
            Some((rest, build)) => (rest, Some(build)),
            None => (rest, None),
        };
        let (rest, pre) = match rest.split_once('-') {
            Some((rest, pre)) => (rest, pre.split('.').map(str::to_owned).collect()),
            None => (rest, Vec::new()),
        };
        let numbers: Vec<u64> = rest.split('.').map(number).collect::<Option<_>>()?;
        let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let padded = |word: &String| is_number(word) && word.len() > 1 && word.starts_with('0');
        let good = pre.iter().all(|part| word(part)) && !pre.iter().any(padded);
        let good = good && build.is_none_or(|build| build.split('.').all(word));
        // A registry's names have at most 128 characters.
        let numbers = numbers.try_into().ok().filter(|_| good && text.len() <= 128)?;
        Some(Self { numbers, pre, build: build.map(str::to_owned) })
    }

    /// Whether it comes before a version that people should use.
    pub(crate) fn is_pre(&self) -> bool {
        !self.pre.is_empty()
    }

    /// The name of its pre-releases: `rc` of `-rc.1` and of `-rc1`, `beta` of `-beta`.
    fn channel(&self) -> Option<String> {
        let first = self.pre.first()?.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
        Some(first.to_ascii_lowercase()).filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()))
    }

    /// What the version is called under a name; nothing where it has none of that kind.
    pub(crate) fn named(&self, name: Name) -> Option<String> {
        let [major, minor, _] = self.numbers;
        match name {
            Name::Version => Some(self.to_string().replace('+', BUILD)),
            Name::Channel => self.channel(),
            _ if self.is_pre() => None,
            Name::Minor => Some(format!("{major}.{minor}")),
            Name::Major => Some(major.to_string()),
            Name::Latest => Some("latest".to_owned()),
        }
    }

    /// What the version is called under each of these names.
    pub(crate) fn names(&self, wanted: &[Name]) -> Vec<(Name, String)> {
        wanted.iter().filter_map(|name| Some((*name, self.named(*name)?))).collect()
    }

    /// Whether another version competes for what this one is called.
    pub(crate) fn competes(&self, name: Name, other: &Self) -> bool {
        match name {
            Name::Version => false,
            _ => self.named(name).is_some() && self.named(name) == other.named(name),
        }
    }

    /// The names that it takes of those that are `wanted`: a moving one only from versions that are not higher.
    pub(crate) fn takes(&self, wanted: &[Name], existing: &[Self]) -> Vec<(Name, String)> {
        let beaten = |name: Name| existing.iter().any(|other| self.competes(name, other) && other > self);
        self.names(wanted).into_iter().filter(|(name, _)| !beaten(*name)).collect()
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        if self.is_pre() {
            write!(f, "-{}", self.pre.join("."))?;
        }
        match &self.build {
            Some(build) => write!(f, "+{build}"),
            None => Ok(()),
        }
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.precedence(other))
    }
}

impl Version {
    /// Builds of one version are as high as each other.
    fn precedence(&self, other: &Self) -> Ordering {
        let by_pre = || match (self.is_pre(), other.is_pre()) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            _ => self
                .pre
                .iter()
                .zip(&other.pre)
                .map(|(a, b)| identifier(a, b))
                .find(|order| order.is_ne())
                .unwrap_or_else(|| self.pre.len().cmp(&other.pre.len())),
        };
        self.numbers.cmp(&other.numbers).then_with(by_pre)
    }
}

/// Numbers by their value and before words.
fn identifier(a: &str, b: &str) -> Ordering {
    match (is_number(a), is_number(b)) {
        (true, true) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.cmp(b),
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn number(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && is_number(text) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

/// The versions among names of tags.
pub(crate) fn versions<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Version> {
    names.into_iter().filter_map(|name| Version::parse(name).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names that a version takes, given the others.
    fn taken(new: &str, existing: &[&str]) -> String {
        let taken = Version::parse(new).unwrap().takes(&Name::ALL, &versions(existing.iter().copied()));
        taken.into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_version_takes_a_name_from_lower_ones_only() {
        for (new, existing, names) in [
            ("1.2.3", &[][..], "1.2.3 1.2 1 latest"),
            ("v1.2.3", &["v1.2.2", "1.1.0", "nightly", "1.2", "latest"], "1.2.3 1.2 1 latest"),
            ("1.2.3", &["1.2.3"], "1.2.3 1.2 1 latest"),
            // Backports.
            ("1.4.9", &["2.0.0"], "1.4.9 1.4 1"),
            ("1.1.9", &["1.2.3"], "1.1.9 1.1"),
            ("1.2.2", &["1.2.3"], "1.2.2"),
            ("1.4.9", &["2.0.0", "1.5.0"], "1.4.9 1.4"),
            ("1.4.10", &["1.4.9"], "1.4.10 1.4 1 latest"),
            ("10.0.0", &["9.9.9"], "10.0.0 10.0 10 latest"),
            ("0.3.0", &["0.2.9"], "0.3.0 0.3 0 latest"),
            // Pre-releases move their own channel, and do not count for the others.
            ("2.0.0-rc.1", &["1.9.0"], "2.0.0-rc.1 rc"),
            ("2.0.0-rc.2", &["2.0.0-rc.10"], "2.0.0-rc.2"),
            ("2.0.0-rc.11", &["2.0.0-rc.2", "3.0.0-beta.1", "2.0.0"], "2.0.0-rc.11 rc"),
            ("2.0.0-rc1", &[], "2.0.0-rc1 rc"),
            ("2.0.0-1", &[], "2.0.0-1"),
            ("1.9.1", &["2.0.0-rc.1"], "1.9.1 1.9 1 latest"),
            ("2.0.0", &["2.0.0-rc.1"], "2.0.0 2.0 2 latest"),
            // Builds: a plus is no character of a tag.
            ("1.2.3+build.5", &["1.2.3+build.4"], "1.2.3_build.5 1.2 1 latest"),
            ("1.2.3+build.4", &["1.2.3+build.5"], "1.2.3_build.4 1.2 1 latest"),
            ("1.2.2", &["1.2.3_build.5"], "1.2.2"),
            ("1.2.3-rc.1+x", &[], "1.2.3-rc.1_x rc"),
        ] {
            assert_eq!(taken(new, existing), names, "{new} beside {existing:?}");
        }
        let only = Version::parse("1.2.3").unwrap().takes(&[Name::Latest], &[]);
        assert_eq!(only, [(Name::Latest, "latest".to_owned())]);
    }

    #[test]
    fn the_order_of_semver() {
        let order = [
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1",
            "1.10.0",
            "2.0.0",
        ];
        let versions = versions(order);
        assert_eq!(versions.len(), order.len());
        for pair in versions.windows(2) {
            assert!(pair[0] < pair[1], "{} is not below {}", pair[0], pair[1]);
        }
        assert_eq!(versions[9].precedence(&Version::parse("v1.0.0-rc.1+7").unwrap()), Ordering::Equal);
    }

    #[test]
    fn names_that_are_no_versions() {
        for text in [
            "",
            "v",
            "latest",
            "1",
            "1.2",
            "1.2.3.4",
            "v1.2.x",
            "01.2.3",
            "1.2.3-",
            "1.2.3-01",
            "1.2.3+",
            "1.2.3-a..b",
            "V1.2.3",
            "vv1.2.3",
            "1.2.3 ",
            "1.2.3-é",
            "-1.2.3",
            "1.2.99999999999999999999",
            "release-1.2.3",
            "1.2.3+a_b",
        ] {
            let error = Version::parse(text).unwrap_err().to_string();
            assert!(error.contains("is no version"), "{error}");
        }
    }
}
