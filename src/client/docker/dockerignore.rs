//! `.dockerignore`: what of a folder is not sent to the engine's classic builder.

use std::io;
use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};

/// Patterns in file order: the last one that matches a path, or a folder above it, decides.
#[derive(Debug, Default)]
pub(crate) struct Ignored {
    rules: Vec<(GlobMatcher, bool)>,
}

impl Ignored {
    pub(crate) fn read(dir: &Path) -> io::Result<Self> {
        match std::fs::read_to_string(dir.join(".dockerignore")) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    fn parse(text: &str) -> io::Result<Self> {
        let mut rules = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (pattern, ignored) = match line.strip_prefix('!') {
                Some(rest) => (rest.trim(), false),
                None => (line, true),
            };
            let pattern = pattern.trim_start_matches("./").trim_matches('/');
            if pattern.is_empty() || pattern == "." {
                continue;
            }
            let glob = GlobBuilder::new(pattern).literal_separator(true).build();
            let glob =
                glob.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!(".dockerignore: {error}")))?;
            rules.push((glob.compile_matcher(), ignored));
        }
        Ok(Self { rules })
    }

    pub(crate) fn matches(&self, path: &Path) -> bool {
        let hit = |glob: &GlobMatcher| path.ancestors().any(|part| !part.as_os_str().is_empty() && glob.is_match(part));
        self.rules.iter().rfind(|(glob, _)| hit(glob)).is_some_and(|(_, ignored)| *ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_match_decides() {
        let ignore = Ignored::parse("# all logs\n*.log\nnode_modules/\n**/*.tmp\n/build\n!build/keep\n").unwrap();
        for (path, ignored) in [
            ("a.log", true),
            ("sub/a.log", false),
            ("node_modules/x/y", true),
            ("sub/deep/a.tmp", true),
            ("a.tmp", true),
            ("build/out", true),
            ("build/keep", false),
            ("src/main", false),
        ] {
            assert_eq!(ignore.matches(Path::new(path)), ignored, "{path}");
        }
    }
}
