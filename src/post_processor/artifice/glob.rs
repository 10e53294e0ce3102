//! File patterns by the peer's rules: `*`, `?` and `[a-z]` within one part of a path; no `**`, no braces.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

/// A path whose parts may be patterns.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// `/` when the pattern starts there, else nothing.
    root: PathBuf,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Name(String),
    Matching(GlobMatcher),
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let root = PathBuf::from(if text.starts_with('/') { "/" } else { "" });
        let parts = text.split('/').filter(|part| !part.is_empty()).map(Part::parse);
        Ok(Self { root, parts: parts.collect::<Result<_, _>>()? })
    }

    /// Paths that exist and match, seen from `folder`, in the order of their names.
    pub(super) fn matches(&self, folder: &Path) -> Vec<PathBuf> {
        let mut found = vec![self.root.clone()];
        for part in &self.parts {
            found = found.into_iter().flat_map(|path| part.below(&path, folder)).collect();
        }
        found
    }
}

impl Part {
    fn parse(text: &str) -> Result<Self, String> {
        if !text.contains(['*', '?', '[', '\\']) {
            return Ok(Self::Name(text.to_owned()));
        }
        // Braces are plain characters to the peer.
        let text = text.replace('{', "[{]").replace('}', "[}]");
        let glob = GlobBuilder::new(&text).literal_separator(true).backslash_escape(true).build();
        Ok(Self::Matching(glob.map_err(|error| error.kind().to_string())?.compile_matcher()))
    }

    /// What of the folder `path` this part means. Folders that cannot be read hold nothing.
    fn below(&self, path: &Path, folder: &Path) -> Vec<PathBuf> {
        let matcher = match self {
            Self::Name(name) => {
                let path = path.join(name);
                let exists = std::fs::symlink_metadata(folder.join(&path)).is_ok();
                return if exists { vec![path] } else { Vec::new() };
            }
            Self::Matching(matcher) => matcher,
        };
        let Ok(listing) = std::fs::read_dir(folder.join(path)) else { return Vec::new() };
        let mut names: Vec<_> = listing.flatten().map(|entry| entry.file_name()).collect();
        names.retain(|name| matcher.is_match(name));
        names.sort();
        names.into_iter().map(|name| path.join(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_the_peer() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("d1/deep")).unwrap();
        std::fs::create_dir_all(folder.path().join("d2")).unwrap();
        for name in ["a{b}", ".dot", "d1/x.img", "d2/x.img", "d1/deep/y.img"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let matches = |text: &str| {
            let found = Pattern::parse(text).unwrap().matches(folder.path());
            found.into_iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
        };
        for (pattern, expected) in [
            ("d*/*.img", "d1/x.img d2/x.img"),
            ("d[^1]/x.img", "d2/x.img"),
            ("d?/deep/y.img", "d1/deep/y.img"),
            ("a{b}", "a{b}"),
            ("a{*", "a{b}"),
            ("*t", ".dot"),
            ("none/*", ""),
            ("d1/x.img", "d1/x.img"),
        ] {
            assert_eq!(matches(pattern), expected, "{pattern}");
        }
        let absolute = format!("{}/d2/*", folder.path().display());
        assert_eq!(matches(&absolute), format!("{}/d2/x.img", folder.path().display()));
        assert!(Pattern::parse("d[1").is_err());
    }
}
