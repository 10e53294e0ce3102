//! `-only` and `-except`: globs over the full names of builds.

use globset::{Glob, GlobMatcher};

use crate::diagnostic::{Diagnostic, Diagnostics};

/// Which builds run.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    only: Vec<GlobMatcher>,
    except: Vec<GlobMatcher>,
}

impl Selection {
    /// Patterns as given; `*` matches any characters, dots too.
    pub(crate) fn new(only: &[String], except: &[String], diagnostics: &mut Diagnostics) -> Self {
        let mut compile = |flag: &str, patterns: &[String]| {
            let mut matchers = Vec::new();
            for pattern in patterns {
                match Glob::new(pattern) {
                    Ok(glob) => matchers.push(glob.compile_matcher()),
                    Err(error) => {
                        let summary = format!("-{flag} {pattern:?} is not a pattern: {}", error.kind());
                        diagnostics.push(Diagnostic::error(summary));
                    }
                }
            }
            matchers
        };
        Self { only: compile("only", only), except: compile("except", except) }
    }

    pub(crate) fn selects(&self, name: &str) -> bool {
        (self.only.is_empty() || self.only.iter().any(|glob| glob.is_match(name)))
            && !self.except.iter().any(|glob| glob.is_match(name))
    }

    /// `-except` takes post-processors out too, by name or, when unnamed, by type.
    pub(super) fn excludes_post_processor(&self, name: &str) -> bool {
        self.except.iter().any(|glob| glob.is_match(name))
    }

    /// Warns of `-only` patterns that no build matches: most likely a misspelt name.
    pub(crate) fn report_unmatched(&self, names: &[String], diagnostics: &mut Diagnostics) {
        for glob in &self.only {
            if !names.iter().any(|name| glob.is_match(name)) {
                let pattern = glob.glob().glob();
                let diagnostic = Diagnostic::warning(format!("-only {pattern}: no build has a name like this"));
                diagnostics.push(diagnostic.help(format!("builds of this template: {}", names.join(", "))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_full_names() {
        let list = |items: &[&str]| items.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let mut diagnostics = Diagnostics::new();
        let selection = Selection::new(&list(&["docker.*", "web.*"]), &list(&["*.test"]), &mut diagnostics);
        assert!(selection.selects("docker.nginx"));
        assert!(selection.selects("web.amazon-ebs.x"));
        assert!(!selection.selects("docker.test"));
        assert!(!selection.selects("null.x"));
        selection.report_unmatched(&list(&["docker.nginx"]), &mut diagnostics);
        assert_eq!(diagnostics.iter().count(), 1);
        Selection::new(&list(&["a["]), &[], &mut diagnostics);
        assert!(diagnostics.has_errors());
    }
}
