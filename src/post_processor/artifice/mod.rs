//! Post-processor `artifice`: replaces the artifact by files that an earlier step has made.

mod glob;

use std::sync::Arc;

use async_trait::async_trait;
use glob::Pattern;

use super::{InPreview, PostProcessError, PostProcessor, Processed};
use crate::client::Services;
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::cleanup::Resource;
use crate::run::output_file::blocking;
use crate::run::preview::Preview;

pub(super) const ID: &str = "packer.post-processor.artifice";

struct Artifice {
    patterns: Vec<Pattern>,
}

pub(super) fn decode(fields: &mut Fields<'_>, _: &Arc<Services>) -> Option<Box<dyn PostProcessor>> {
    Some(Box::new(Artifice::decode(fields)?))
}

impl Artifice {
    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let files = fields.texts("files").unwrap_or_default();
        if files.is_empty() && !fields.is_unknown("files") {
            fields.error_at("files", "option \"files\" is missing", "list the files that are the artifact");
            return None;
        }
        let mut patterns = Vec::with_capacity(files.len());
        for text in &files {
            match Pattern::parse(text) {
                Ok(pattern) => patterns.push(pattern),
                Err(reason) => {
                    fields.error_at("files", format!("\"{text}\" is not a pattern"), reason);
                    return None;
                }
            }
        }
        Some(Self { patterns })
    }
}

#[async_trait]
impl PostProcessor for Artifice {
    fn in_preview(&self, _: &Preview) -> InPreview {
        InPreview::NeedsThoseBefore
    }

    async fn process(&self, input: &Artifact, cx: &BuildContext) -> Result<Processed, PostProcessError> {
        if !input.files.is_empty() {
            let files: Vec<String> = input.files.iter().map(|file| file.display().to_string()).collect();
            cx.say(format!("Discarding files from artifact: {}", files.join(", ")));
        }
        let patterns = self.patterns.clone();
        let search = move |cx: &BuildContext, _: &_| {
            Ok(patterns.iter().flat_map(|pattern| pattern.matches(&cx.run.cwd)).collect::<Vec<_>>())
        };
        let mut artifact = Artifact::new(ID, "", "");
        artifact.files = blocking(cx, search).await?;
        artifact.facts.clone_from(&input.facts);
        artifact.resources = artifact.files.iter().map(|file| Resource::File { path: cx.run.cwd.join(file) }).collect();
        artifact.describe_files();
        let files: Vec<String> = artifact.files.iter().map(|file| file.display().to_string()).collect();
        cx.say(format!("Using these artifact files: {}", files.join(", ")));
        if artifact.files.is_empty() {
            cx.warn("No file matches, so the artifact is empty.");
        }
        Ok(Processed { artifact: Some(artifact), keep_input: true, force_keep: false })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::eval::testing::decode as decode_options;
    use crate::run::testing::{context, texts};
    use crate::value::Value;

    #[tokio::test]
    async fn files_that_match_become_the_artifact() {
        let folder = tempfile::tempdir().unwrap();
        let (cx, receiver) = context(folder.path());
        std::fs::create_dir(folder.path().join("out")).unwrap();
        for name in ["out/b.box", "out/a.box", "out/c.txt"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let options = [("files", Value::strings(["out/*.box", "none*"]))];
        let artifice = decode_options(folder.path(), &options, Artifice::decode).unwrap();
        let mut input = Artifact::new("x", "id", "");
        input.files = vec!["disk".into()];
        let processed = artifice.process(&input, &cx).await.unwrap();
        assert!(processed.keep_input && !processed.force_keep);
        let artifact = processed.artifact.unwrap();
        assert_eq!(artifact.files, [Path::new("out/a.box"), Path::new("out/b.box")]);
        assert_eq!(artifact.resources.len(), 2);
        assert_eq!(artifact.description, "Created artifact from files: out/a.box, out/b.box");
        let said = texts(cx, receiver).await;
        let expected = ["Discarding files from artifact: disk", "Using these artifact files: out/a.box, out/b.box"];
        assert_eq!(said, expected);
        let mistakes = decode_options(folder.path(), &[], Artifice::decode).err().unwrap();
        assert!(mistakes[0].contains("\"files\" is missing"));
    }
}
