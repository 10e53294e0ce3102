//! The null builder: no machine and no image, only provisioners that work beside one and post-processors.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Builder, BuilderError, Facts, Machine, SSH_OPTIONS};
use crate::client::Services;
use crate::communicator::Communicator;
use crate::communicator::none::NoCommunicator;
use crate::diagnostic::Diagnostic;
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;

const BUILDER_ID: &str = "fnoeding.null";
const NO_SSH: &str = "only communicator = \"none\" is there yet for this builder";

struct Null;

pub(super) fn decode(fields: &mut Fields<'_>, _: &Arc<Services>) -> Option<Box<dyn Builder>> {
    let communicator = fields.text("communicator");
    fields.unsupported(SSH_OPTIONS, NO_SSH);
    fields.unsupported(&["pause_before_connecting"], NO_SSH);
    match communicator.as_deref() {
        Some("none") => return Some(Box::new(Null)),
        // The peer's default.
        None | Some("" | "ssh") => {
            let diagnostic = Diagnostic::error("communicator \"ssh\" is not supported yet")
                .at(fields.span_of("communicator").unwrap_or(fields.block_span()))
                .detail("it is the default of the null builder")
                .help("for a build without a machine write communicator = \"none\"");
            fields.push(diagnostic);
        }
        Some("winrm") => fields.error_at("communicator", "communicator \"winrm\" is not supported yet", "use \"none\""),
        Some(other) => {
            let diagnostic = Diagnostic::error(format!("unknown communicator {other:?}"))
                .at_some(fields.span_of("communicator"))
                .detail("not one of none, ssh, winrm")
                .suggest(other, ["none", "ssh", "winrm"]);
            fields.push(diagnostic);
        }
    }
    None
}

#[async_trait]
impl Builder for Null {
    fn has_machine(&self) -> bool {
        false
    }

    async fn launch(&self, _: &BuildContext) -> Result<Box<dyn Machine>, BuilderError> {
        Ok(Box::new(Null))
    }
}

#[async_trait]
impl Machine for Null {
    async fn connect(&self, _: &BuildContext) -> Result<Arc<dyn Communicator>, BuilderError> {
        Ok(Arc::new(NoCommunicator))
    }

    fn facts(&self) -> Facts {
        let facts = [("ID", "Null"), ("Host", ""), ("Port", "0"), ("User", ""), ("Password", ""), ("ConnType", "none")];
        facts.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    async fn capture(&self, _: &BuildContext) -> Result<Option<Artifact>, BuilderError> {
        let mut artifact = Artifact::new(BUILDER_ID, "Null", "Did not export anything. This is the null builder");
        artifact.facts = self.facts();
        Ok(Some(artifact))
    }
}
