//! A preview: an image that shows what a pull request would make. It is never published.

use std::collections::BTreeSet;
use std::time::SystemTime;

/// Tag of what a preview makes in AWS: `owner/name#12`.
pub(crate) const PULL_REQUEST_TAG: &str = "forge:pull-request";
/// Label of a container image that says the same.
pub(crate) const PULL_REQUEST_LABEL: &str = "forge.pull-request";
/// Tag of what a preview makes in AWS: when it may be removed (RFC 3339).
pub(crate) const EXPIRES_TAG: &str = "forge:expires";
/// Characters of a commit that tell it from others.
const SHORT: usize = 7;

/// Whose preview a run builds, and until when it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Preview {
    /// `owner/name`.
    pub repository: String,
    pub pull_request: u64,
    /// Of the head commit, in full.
    pub sha: String,
    pub expires: SystemTime,
    /// Whether images go to their registries, under the preview's names.
    pub push: bool,
    /// Repositories of registries that several builds of the run name: each gets a name of its own there.
    pub shared: BTreeSet<String>,
}

impl Preview {
    /// What stands in the place of a tag, and behind the name of an image: `pr-12-0123abc`.
    pub(crate) fn tag(&self) -> String {
        format!("{}{}", tag_prefix(self.pull_request), self.sha.get(..SHORT).unwrap_or(&self.sha))
    }

    /// The tag of the image that the source makes in a registry's repository.
    pub(crate) fn tag_in(&self, repository: &str, source: &str) -> String {
        if !self.shared.contains(repository) {
            return self.tag();
        }
        let plain = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '-' };
        let name: String = source.chars().map(plain).collect();
        format!("{}-{name}", self.tag()).chars().take(128).collect()
    }

    /// The pull request as people and tags write it.
    pub(crate) fn of(&self) -> String {
        pull_request(&self.repository, self.pull_request)
    }
}

/// `owner/name#12`.
pub(crate) fn pull_request(repository: &str, number: u64) -> String {
    format!("{repository}#{number}")
}

/// What all tags of the previews of a pull request begin with.
pub(crate) fn tag_prefix(pull_request: u64) -> String {
    format!("pr-{pull_request}-")
}

/// The pull request that a tag is a preview of. Tags of people may begin alike, so the commit has to be there.
pub(crate) fn of_tag(tag: &str) -> Option<u64> {
    let (number, rest) = tag.strip_prefix("pr-")?.split_once('-')?;
    let sha = rest.split('-').next().unwrap_or_default();
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
    (digits && sha.len() == SHORT && sha.bytes().all(hex)).then(|| number.parse().ok())?
}

#[cfg(test)]
pub(crate) fn example() -> Preview {
    Preview {
        repository: "octo/images".to_owned(),
        pull_request: 7,
        sha: "0123abc4".repeat(5),
        expires: SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_900_000_000),
        push: true,
        shared: BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_tells_its_pull_request() {
        let mut preview = example();
        assert_eq!(preview.tag_in("ghcr.io/octo/web", "app"), "pr-7-0123abc");
        preview.shared.insert("ghcr.io/octo/web".to_owned());
        let shared = preview.tag_in("ghcr.io/octo/web", "app/é");
        assert_eq!(shared, "pr-7-0123abc-app--");
        assert_eq!((of_tag(&preview.tag()), of_tag(&shared)), (Some(7), Some(7)));
        for other in ["pr-7", "pr-7-fix", "pr-7-deadbee1", "pr-x-0123abc", "pr-07-0123abc", "latest", "pr--0123abc"] {
            assert_eq!(of_tag(other), None, "{other}");
        }
        assert!(preview.tag_in("ghcr.io/octo/web", &"x".repeat(300)).len() == 128);
    }
}
