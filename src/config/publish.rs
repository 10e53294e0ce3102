//! `publish`: where an image's releases go, under which names, and who may use them.

use std::time::Duration;

use indexmap::IndexMap;

use super::attestation::{Attestation, attestation};
use super::mistakes::{Mistakes, shown};
use super::reader::{entries, map, text, texts};
use super::tree::{Entry, Node};
use crate::diagnostic::{Diagnostic, Span};

pub(super) const KEYS: [&str; 14] = [
    "repositories",
    "tags",
    "tag-prefix",
    "regions",
    "users",
    "groups",
    "organizations",
    "image-tags",
    "deprecate-after",
    "ssm-parameter",
    "without-record",
    "failed-runs",
    "wait-for-build",
    "attestation",
];

/// A name that a version gives an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    /// `1.2.3`
    Version,
    /// `1.2`
    Minor,
    /// `1`
    Major,
    Latest,
    /// `rc` of `1.2.3-rc.1`
    Channel,
}

impl Name {
    pub(crate) const ALL: [Self; 5] = [Self::Version, Self::Minor, Self::Major, Self::Latest, Self::Channel];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Minor => "minor",
            Self::Major => "major",
            Self::Latest => "latest",
            Self::Channel => "channel",
        }
    }
}

/// What is done when no record tells of the image of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum WithoutRecord {
    #[default]
    Refuse,
    /// Builds it, then publishes that.
    Build,
}

impl WithoutRecord {
    pub(super) const WORDS: [(&str, Self); 2] = [("refuse", Self::Refuse), ("build", Self::Build)];
}

/// What is done with the record of a run that did not end well, such as one whose tests failed after the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FailedRuns {
    #[default]
    Refuse,
    /// Takes its images as if it had.
    Accept,
}

impl FailedRuns {
    pub(super) const WORDS: [(&str, Self); 2] = [("refuse", Self::Refuse), ("accept", Self::Accept)];
}

/// What the file says of publishing an image; what it does not say is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Publish {
    /// Of container images, without tags.
    pub repositories: Option<Vec<String>>,
    pub tags: Option<Vec<Name>>,
    /// What stands before the version in the tags of the repository that are meant for this image.
    pub tag_prefix: Option<String>,
    /// Of machine images in AWS.
    pub regions: Option<Vec<String>>,
    /// Accounts that may use them.
    pub users: Option<Vec<String>>,
    pub groups: Option<Vec<String>>,
    /// ARNs of organizations and of their units.
    pub organizations: Option<Vec<String>>,
    /// Tags of AWS; values may hold `{version}`.
    pub image_tags: IndexMap<String, String>,
    /// In days.
    pub deprecate_after: Option<u32>,
    /// Name of the parameter that has the image's id; `{channel}` in it is each name in turn.
    pub ssm_parameter: Option<String>,
    pub without_record: Option<WithoutRecord>,
    pub failed_runs: Option<FailedRuns>,
    /// How long runs of the commit that have not ended are waited for, while an image lacks its record.
    pub wait_for_build: Option<Duration>,
    pub attestation: Attestation,
}

impl Publish {
    /// This, and what `defaults` says where this is silent.
    pub(super) fn over(self, defaults: &Self) -> Self {
        let defaults = defaults.clone();
        let mut image_tags = defaults.image_tags;
        image_tags.extend(self.image_tags);
        Self {
            repositories: self.repositories.or(defaults.repositories),
            tags: self.tags.or(defaults.tags),
            tag_prefix: self.tag_prefix.or(defaults.tag_prefix),
            regions: self.regions.or(defaults.regions),
            users: self.users.or(defaults.users),
            groups: self.groups.or(defaults.groups),
            organizations: self.organizations.or(defaults.organizations),
            image_tags,
            deprecate_after: self.deprecate_after.or(defaults.deprecate_after),
            ssm_parameter: self.ssm_parameter.or(defaults.ssm_parameter),
            without_record: self.without_record.or(defaults.without_record),
            failed_runs: self.failed_runs.or(defaults.failed_runs),
            wait_for_build: self.wait_for_build.or(defaults.wait_for_build),
            attestation: self.attestation.over(defaults.attestation),
        }
    }

    /// Whether no image could be published as this says.
    pub(super) fn contradicts_itself(&self) -> bool {
        self.without_record == Some(WithoutRecord::Build) && self.attestation.is_required()
    }

    /// The names that a version gives, each of them once.
    pub(crate) fn names(&self) -> Vec<Name> {
        let usual = || Name::ALL.into_iter().filter(|name| *name != Name::Channel).collect();
        self.tags.clone().unwrap_or_else(usual)
    }
}

pub(super) fn publish(node: &Node, mistakes: &mut Mistakes<'_>) -> Publish {
    let mut publish = Publish::default();
    for Entry { key, value, .. } in entries(node, "\"publish\"", &KEYS, mistakes).into_iter().flatten() {
        match key.as_str() {
            "repositories" => {
                let help = "write names such as ghcr.io/org/web, without a tag";
                publish.repositories = list(value, key, (is_repository, "the name of a repository", help), mistakes);
            }
            "tags" => publish.tags = names(value, mistakes),
            "tag-prefix" => publish.tag_prefix = prefix(value, mistakes),
            "regions" => {
                let help = "write names such as eu-west-1";
                publish.regions = list(value, key, (is_region, "a region of AWS", help), mistakes);
            }
            "users" => {
                let help = "write 12 digits, in quotes";
                publish.users = list(value, key, (is_account, "the number of an account", help), mistakes);
            }
            "groups" => {
                publish.groups = list(value, key, (is_group, "a group", "the only one is all"), mistakes);
            }
            "organizations" => {
                let help = "write arn:aws:organizations::ACCOUNT:organization/..., or ou/... for a unit";
                let rule: Rule = (is_organization, "the ARN of an organization", help);
                publish.organizations = list(value, key, rule, mistakes);
            }
            "image-tags" => {
                for entry in map(value, "\"image-tags\"", mistakes).into_iter().flatten() {
                    publish.image_tags.extend(image_tag(entry, mistakes));
                }
            }
            "deprecate-after" => publish.deprecate_after = days(value, mistakes),
            "ssm-parameter" => publish.ssm_parameter = parameter(value, mistakes),
            "attestation" => publish.attestation = attestation(value, mistakes),
            "without-record" => publish.without_record = one_of(value, key, WithoutRecord::WORDS, mistakes),
            "failed-runs" => publish.failed_runs = one_of(value, key, FailedRuns::WORDS, mistakes),
            _ => publish.wait_for_build = length(value, key, mistakes),
        }
    }
    publish
}

/// Whether a word is what is wanted, what that is called, and how to write it.
type Rule = (fn(&str) -> bool, &'static str, &'static str);

fn list(node: &Node, key: &str, (holds, what, help): Rule, mistakes: &mut Mistakes<'_>) -> Option<Vec<String>> {
    let words = texts(node, &format!("\"{key}\""), mistakes)?;
    for (word, span) in words.iter().filter(|(word, _)| !holds(word)) {
        mistakes.push(Diagnostic::error(format!("{} is not {what}", shown(word))).at(*span).help(help));
    }
    Some(words.into_iter().map(|(word, _)| word).collect())
}

fn is_repository(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let part = |part: &str| !part.is_empty() && part.chars().all(plain);
    let (first, rest) = text.split_once('/').unwrap_or(("", text));
    let host = |c: char| c.is_ascii_alphanumeric() || ".:-".contains(c);
    first.chars().all(host) && rest.split('/').all(part)
}

fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number = parts.last().is_some_and(|last| !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()));
    parts.len() >= 3 && number && parts.iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_group(text: &str) -> bool {
    text == "all"
}

fn is_organization(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts[..], ["arn", partition, "organizations", "", account, name]
        if partition.starts_with("aws") && is_account(account) && (name.starts_with("organization/") || name.starts_with("ou/")))
}

fn names(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Vec<Name>> {
    let words = texts(node, "\"tags\"", mistakes)?;
    let known = Name::ALL.map(Name::word);
    let mut names = Vec::new();
    for (word, span) in &words {
        match Name::ALL.into_iter().find(|name| name.word() == word) {
            Some(name) if names.contains(&name) => {}
            Some(name) => names.push(name),
            None => mistakes.unknown(format!("unknown tag {}", shown(word)), (word, *span), &known),
        }
    }
    if words.is_empty() {
        mistakes.push(Diagnostic::error("\"tags\" is empty").at(node.span).help("leave it out for the usual ones"));
    }
    Some(names)
}

fn image_tag(Entry { key, key_span, value }: &Entry, mistakes: &mut Mistakes<'_>) -> Option<(String, String)> {
    let reserved = ["aws:", "forge:"].iter().find(|prefix| key.to_ascii_lowercase().starts_with(**prefix));
    if let Some(prefix) = reserved {
        let diagnostic = Diagnostic::error(format!("{} cannot be set here", shown(key))).at(*key_span);
        mistakes.push(diagnostic.detail(format!("names that begin with {prefix} have a meaning of their own")));
    }
    let text = text(value, &format!("the tag {}", shown(key)), mistakes)?;
    braces(&text, &["{version}", "{image}"], value.span, mistakes);
    Some((key.clone(), text))
}

fn days(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<u32> {
    let word = text(node, "\"deprecate-after\"", mistakes)?;
    let days = word.strip_suffix('d').and_then(|days| days.parse().ok()).filter(|days| (1..=3650).contains(days));
    if days.is_none() {
        let diagnostic = Diagnostic::error(format!("{} is not a number of days", shown(&word))).at(node.span);
        mistakes.push(diagnostic.help("write 90d, for 90 days; up to 3650d"));
    }
    days
}

fn parameter(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let name = text(node, "\"ssm-parameter\"", mistakes)?;
    let bare = name.replace("{channel}", "x").replace("{image}", "x");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if !bare.contains(['{', '}']) && (!bare.starts_with('/') || bare.len() > 1000 || !bare.chars().all(plain)) {
        let diagnostic = Diagnostic::error(format!("{} cannot be the name of a parameter", shown(&name)));
        let detail = "it begins with \"/\" and has letters, digits, \"/\", \".\", \"_\" and \"-\"";
        mistakes.push(diagnostic.at(node.span).detail(detail).help("write a name such as /forge/web/{channel}"));
    }
    braces(&name, &["{channel}", "{image}"], node.span, mistakes);
    Some(name)
}

/// Reports what stands in braces and is not known.
fn braces(text: &str, known: &[&str], span: Span, mistakes: &mut Mistakes<'_>) {
    let rest = known.iter().fold(text.to_owned(), |text, known| text.replace(known, ""));
    if rest.contains(['{', '}']) {
        let diagnostic = Diagnostic::error(format!("{} has braces without a meaning", shown(text))).at(span);
        mistakes.push(diagnostic.detail(format!("known are {}", known.join(" and "))));
    }
}

/// What precedes the version in a tag: one with which GitHub knows a tag.
fn prefix(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let word = text(node, "\"tag-prefix\"", mistakes)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-@".contains(c);
    if word.is_empty() || !word.chars().all(plain) {
        let diagnostic = Diagnostic::error(format!("{} cannot begin a tag", shown(&word))).at(node.span);
        mistakes.push(diagnostic.help("write what stands before the version, such as web- of web-v1.2.3"));
    }
    Some(word)
}

/// `45s`, `30m`, `2h`.
fn length(node: &Node, key: &str, mistakes: &mut Mistakes<'_>) -> Option<Duration> {
    let word = text(node, &format!("\"{key}\""), mistakes)?;
    let units = [('s', 1), ('m', 60), ('h', 60 * 60)];
    let unit = units.into_iter().find(|(letter, _)| word.ends_with(*letter));
    let length = unit.and_then(|(letter, seconds)| {
        let number = word.strip_suffix(letter)?;
        let plain = (1..=4).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        Some(Duration::from_secs(number.parse::<u64>().ok().filter(|_| plain)? * seconds))
    });
    if length.is_none() {
        let diagnostic = Diagnostic::error(format!("{} is not a length of time", shown(&word))).at(node.span);
        mistakes.push(diagnostic.help("write 45s, 30m or 2h"));
    }
    length
}

fn one_of<T: Copy, const N: usize>(
    node: &Node,
    key: &str,
    known: [(&'static str, T); N],
    mistakes: &mut Mistakes<'_>,
) -> Option<T> {
    let word = text(node, &format!("\"{key}\""), mistakes)?;
    let found = known.iter().find(|(name, _)| *name == word);
    if found.is_none() {
        let summary = format!("\"{key}\" is {}", shown(&word));
        mistakes.unknown(summary, (&word, node.span), &known.map(|(name, _)| name));
    }
    found.map(|(_, value)| *value)
}
