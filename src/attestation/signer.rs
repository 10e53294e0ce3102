//! Which workflow may sign: `OWNER/NAME/.github/workflows/FILE`, with a ref or without, as GitHub's `job_workflow_ref` has
//! it and certificates repeat it behind the server's address.

use std::fmt;

use regex::Regex;

/// A workflow, or several by `*` (all but `/`) and `**` (everything).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signer(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignerError {
    #[error("it has an address of a server")]
    Address,
    #[error("it does not begin with OWNER/NAME/.github/workflows/")]
    Place,
    #[error("the workflow's file does not end in .yml or .yaml")]
    File,
    #[error("nothing follows the \"@\"")]
    Reference,
    #[error("it has a character that no workflow has")]
    Character,
}

const FOLDER: &str = ".github/workflows/";

impl Signer {
    pub(crate) fn parse(text: &str) -> Result<Self, SignerError> {
        if text.contains("://") {
            return Err(SignerError::Address);
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || "?[]\\~^:".contains(c)) {
            return Err(SignerError::Character);
        }
        let (workflow, reference) = split(text);
        let parts: Vec<&str> = workflow.splitn(3, '/').collect();
        let file = match parts[..] {
            [owner, name, place] if !owner.is_empty() && !name.is_empty() => place.strip_prefix(FOLDER),
            _ => None,
        };
        match file {
            None | Some("") => Err(SignerError::Place),
            // A workflow is never in a folder below.
            Some(file) if file.contains('/') => Err(SignerError::Place),
            Some(file) if !file.ends_with(".yml") && !file.ends_with(".yaml") && !file.ends_with('*') => {
                Err(SignerError::File)
            }
            Some(_) if reference == Some("") => Err(SignerError::Reference),
            Some(_) => Ok(Self(text.to_owned())),
        }
    }

    /// Every workflow of a repository, `OWNER/NAME`.
    pub(crate) fn any_of(repository: &str) -> Self {
        Self(format!("{repository}/{FOLDER}*"))
    }

    /// Whether this is the workflow of `OWNER/NAME/.github/workflows/FILE@REF`. GitHub takes names of owners and
    /// repositories in any case.
    pub(crate) fn is(&self, workflow: &str) -> bool {
        let (own, own_reference) = split(&self.0);
        let (workflow, reference) = split(workflow);
        let (own_repository, own_file) = own.split_at(own.find(FOLDER).unwrap_or(0));
        let Some(at) = workflow.find(FOLDER) else { return false };
        let (repository, file) = workflow.split_at(at);
        fits(own_repository, repository, true)
            && fits(own_file, file, false)
            && own_reference.is_none_or(|own| reference.is_some_and(|reference| fits(own, reference, false)))
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Workflow and ref; a ref may have an `@` of its own.
fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once('@').map_or((text, None), |(workflow, reference)| (workflow, Some(reference)))
}

fn fits(pattern: &str, text: &str, any_case: bool) -> bool {
    let everything: Vec<String> =
        pattern.split("**").map(|part| part.split('*').map(regex::escape).collect::<Vec<_>>().join("[^/]*")).collect();
    let case = if any_case { "i" } else { "" };
    Regex::new(&format!("^(?s{case}:{})$", everything.join(".*"))).is_ok_and(|regex| regex.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_is_told_from_others() {
        let build = "org/web/.github/workflows/build.yml@refs/heads/main";
        for (signer, fits) in [
            ("org/web/.github/workflows/build.yml", true),
            ("Org/Web/.github/workflows/build.yml@refs/heads/main", true),
            ("org/web/.github/workflows/build.yml@refs/heads/*", true),
            ("org/web/.github/workflows/build.yml@refs/**", true),
            ("org/web/.github/workflows/*", true),
            ("org/*/.github/workflows/build.yml", true),
            ("org/web/.github/workflows/build.yml@refs/*", false),
            ("org/web/.github/workflows/build.yml@refs/heads/mai", false),
            ("org/web/.github/workflows/build.yml@refs/tags/main", false),
            ("org/web/.github/workflows/Build.yml", false),
            ("org/web/.github/workflows/buildXyml.yml", false),
            ("org/web2/.github/workflows/build.yml", false),
            ("web/web/.github/workflows/build.yml", false),
        ] {
            assert_eq!(Signer::parse(signer).unwrap().is(build), fits, "{signer}");
        }
        assert!(Signer::any_of("org/web").is(build) && !Signer::any_of("org/we").is(build));
        let dotted = Signer::parse("org/web/.github/workflows/build.yml").unwrap();
        assert!(!dotted.is("org/web/.github/workflows/build_yml@refs/heads/main"), "a dot is a dot");
        assert!(!dotted.is("evil/org/web/.github/workflows/build.yml@refs/heads/main"));
        assert!(!dotted.is(""));
    }

    #[test]
    fn what_is_no_workflow_is_refused() {
        for (text, error) in [
            ("build.yml", SignerError::Place),
            (".github/workflows/build.yml", SignerError::Place),
            ("org/web/build.yml", SignerError::Place),
            ("org/web/.github/workflows/", SignerError::Place),
            ("org/web/.github/workflows/a/b.yml", SignerError::Place),
            ("org/web/.github/workflows/build", SignerError::File),
            ("org/web/.github/workflows/build.yml@", SignerError::Reference),
            ("https://github.com/org/web/.github/workflows/build.yml", SignerError::Address),
            ("org/web/.github/workflows/build.yml@a b", SignerError::Character),
        ] {
            assert_eq!(Signer::parse(text), Err(error), "{text}");
        }
    }
}
