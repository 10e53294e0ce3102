//! Provisioner `shell-local`: runs scripts beside forge, not on the machine.

use std::sync::Arc;

use async_trait::async_trait;

use super::{ProvisionError, Provisioner};
use crate::client::Services;
use crate::communicator::Communicator;
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::inputs::Local;
use crate::script::local::{LocalScript, LocalScriptError};

struct ShellLocal(LocalScript);

pub(super) fn decode(fields: &mut Fields<'_>, _: &Arc<Services>) -> Option<Box<dyn Provisioner>> {
    Some(Box::new(ShellLocal(LocalScript::decode(fields, false)?)))
}

#[async_trait]
impl Provisioner for ShellLocal {
    fn needs_machine(&self) -> bool {
        false
    }

    fn locals(&self) -> Vec<Local> {
        self.0.locals()
    }

    async fn provision(&self, _: &dyn Communicator, cx: &BuildContext) -> Result<(), ProvisionError> {
        self.0.run(cx).await.map_err(|error| match error {
            LocalScriptError::Cancelled(cancelled) => cancelled.into(),
            LocalScriptError::Failed(text) => ProvisionError::Failed(text),
        })
    }
}
