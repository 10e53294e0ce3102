//! The file builder: a file of given contents or a copy of one, as the artifact.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Builder, BuilderError, Facts, Machine};
use crate::client::Services;
use crate::communicator::Communicator;
use crate::communicator::none::NoCommunicator;
use crate::diagnostic::Diagnostic;
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::cleanup::Resource;
use crate::run::inputs::Local;

const BUILDER_ID: &str = "packer.file";

#[derive(Debug, Clone)]
struct File {
    from: From,
    target: PathBuf,
}

#[derive(Debug, Clone)]
enum From {
    Source(PathBuf),
    Content(String),
}

pub(super) fn decode(fields: &mut Fields<'_>, _: &Arc<Services>) -> Option<Box<dyn Builder>> {
    let before = fields.error_count();
    let source = fields.text("source").filter(|path| !path.is_empty());
    let content = fields.text("content").filter(|text| !text.is_empty());
    let target = fields.required_text("target");
    let from = match (source, content) {
        (Some(_), Some(_)) => {
            fields.error_at("content", "both \"source\" and \"content\" are set", "the file comes from one of them");
            return None;
        }
        (Some(source), None) => From::Source(PathBuf::from(source)),
        (None, Some(content)) => From::Content(content),
        // One that is written and wrong is told already.
        (None, None) if fields.error_count() > before => return None,
        (None, None) => {
            let warning = Diagnostic::warning("neither \"source\" nor \"content\" is set: the file will be empty")
                .at(fields.block_span());
            fields.push(warning);
            From::Content(String::new())
        }
    };
    Some(Box::new(File { from, target: PathBuf::from(target?) }))
}

#[async_trait]
impl Builder for File {
    fn locals(&self) -> Vec<Local> {
        match &self.from {
            From::Source(path) => vec![Local::bytes(path)],
            From::Content(_) => Vec::new(),
        }
    }

    fn communicator(&self) -> &'static str {
        "none"
    }

    async fn launch(&self, cx: &BuildContext) -> Result<Box<dyn Machine>, BuilderError> {
        let failed = |action: &str, path: &PathBuf, error: std::io::Error| {
            BuilderError::Failed(format!("could not {action} {}: {error}", path.display()))
        };
        let target = cx.run.cwd.join(&self.target);
        let resource = Resource::File { path: target.clone() };
        // A file that was there before is not ours to remove when the build fails.
        if !target.exists() {
            cx.acquire(resource)?;
        }
        match &self.from {
            From::Source(source) => {
                let source = cx.run.cwd.join(source);
                cx.say(format!("Copying {} to {}", source.display(), target.display()));
                tokio::fs::copy(&source, &target).await.map_err(|error| failed("copy", &source, error))?;
            }
            From::Content(content) => {
                tokio::fs::write(&target, content).await.map_err(|error| failed("write", &target, error))?;
            }
        }
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Machine for File {
    async fn connect(&self, _: &BuildContext) -> Result<Arc<dyn Communicator>, BuilderError> {
        Ok(Arc::new(NoCommunicator))
    }

    fn facts(&self) -> Facts {
        let facts = [("ID", "File"), ("Host", ""), ("Port", "0"), ("User", ""), ("Password", ""), ("ConnType", "none")];
        facts.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    async fn capture(&self, cx: &BuildContext) -> Result<Option<Artifact>, BuilderError> {
        let resource = Resource::File { path: cx.run.cwd.join(&self.target) };
        cx.keep(&resource)?;
        let mut artifact = Artifact::new(BUILDER_ID, "File", format!("Stored file: {}", self.target.display()));
        artifact.files = vec![self.target.clone()];
        artifact.facts = self.facts();
        artifact.resources = vec![resource];
        Ok(Some(artifact))
    }
}
