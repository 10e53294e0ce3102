//! Post-processor `shell-local`: runs scripts beside forge and hands its input on.

use std::sync::Arc;

use async_trait::async_trait;

use super::{PostProcessError, PostProcessor, Processed};
use crate::client::Services;
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::script::local::{LocalScript, LocalScriptError};

struct ShellLocal(LocalScript);

pub(super) fn decode(fields: &mut Fields<'_>, _: &Arc<Services>) -> Option<Box<dyn PostProcessor>> {
    Some(Box::new(ShellLocal(LocalScript::decode(fields, true)?)))
}

#[async_trait]
impl PostProcessor for ShellLocal {
    async fn process(&self, input: &Artifact, cx: &BuildContext) -> Result<Processed, PostProcessError> {
        match self.0.run(cx).await {
            Ok(()) => Ok(Processed::passing(input)),
            Err(LocalScriptError::Cancelled(cancelled)) => Err(cancelled.into()),
            Err(LocalScriptError::Failed(text)) => Err(PostProcessError::Failed(text)),
        }
    }
}
