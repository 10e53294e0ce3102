//! Provisioner `sleep`: waits, silently, for as long as the template says.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{ProvisionError, Provisioner};
use crate::client::Services;
use crate::communicator::Communicator;
use crate::eval::fields::Fields;
use crate::run::BuildContext;

struct Sleep {
    duration: Duration,
}

pub(super) fn decode(fields: &mut Fields<'_>, _: &Arc<Services>) -> Option<Box<dyn Provisioner>> {
    Some(Box::new(Sleep { duration: fields.duration("duration").unwrap_or_default() }))
}

#[async_trait]
impl Provisioner for Sleep {
    fn needs_machine(&self) -> bool {
        false
    }

    async fn provision(&self, _: &dyn Communicator, cx: &BuildContext) -> Result<(), ProvisionError> {
        Ok(cx.cancel.unless_stopped(tokio::time::sleep(self.duration)).await?)
    }
}
