//! The null builder: no image; provisioners work on a machine that is there already, or beside none.

use std::sync::Arc;

use async_trait::async_trait;

use super::ssh_options::{self, CommunicatorChoice};
use super::{Builder, BuilderError, Facts, Machine};
use crate::client::Services;
use crate::communicator::Communicator;
use crate::communicator::none::NoCommunicator;
use crate::communicator::ssh::{Fixed, Ssh, SshConfig};
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;

const BUILDER_ID: &str = "fnoeding.null";

#[derive(Clone)]
struct Null(CommunicatorChoice);

pub(super) fn decode(fields: &mut Fields<'_>, _: &Arc<Services>) -> Option<Box<dyn Builder>> {
    let before = fields.error_count();
    let choice = ssh_options::decode(fields);
    if let CommunicatorChoice::Ssh(ssh) = &choice {
        check(fields, ssh);
    }
    (fields.error_count() == before).then(|| Box::new(Null(choice)) as Box<dyn Builder>)
}

/// There is nobody who would make a machine or a key for it.
fn check(fields: &mut Fields<'_>, ssh: &SshConfig) {
    if ssh.hop.host.is_empty() {
        let detail = "the machine to log in to; for a build without a machine write communicator = \"none\"";
        fields.error_at("ssh_host", "option \"ssh_host\" is missing", detail);
        return;
    }
    ssh_options::check_user(fields, ssh);
    if ssh.needs_temporary_key() {
        let detail = "set ssh_private_key_file, ssh_password or ssh_agent_auth";
        fields.error_at("ssh_username", "no way to log in is given", detail);
    }
    if ssh.private_key_file.is_some() && ssh.hop.credentials.password.is_some() {
        let summary = "both \"ssh_password\" and \"ssh_private_key_file\"";
        fields.error_at("ssh_password", summary, "one of them");
    }
}

#[async_trait]
impl Builder for Null {
    fn communicator(&self) -> &'static str {
        self.0.name()
    }

    async fn launch(&self, _: &BuildContext) -> Result<Box<dyn Machine>, BuilderError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Machine for Null {
    async fn connect(&self, cx: &BuildContext) -> Result<Arc<dyn Communicator>, BuilderError> {
        match &self.0 {
            CommunicatorChoice::None { .. } => Ok(Arc::new(NoCommunicator)),
            CommunicatorChoice::Ssh(ssh) => {
                let target = Fixed(ssh.hop.host.clone(), ssh.hop.port);
                Ok(Ssh::connect(ssh, &target, None, cx).await?)
            }
        }
    }

    fn facts(&self) -> Facts {
        let mut facts = Facts::from([("ID".to_owned(), "Null".to_owned())]);
        match &self.0 {
            CommunicatorChoice::Ssh(ssh) => {
                facts.insert("Host".to_owned(), ssh.hop.host.clone());
                facts.extend(ssh.facts(None).into_iter().map(|(name, value)| (name.to_owned(), value)));
            }
            CommunicatorChoice::None { .. } => facts.extend(ssh_options::no_connection()),
        }
        facts
    }

    async fn capture(&self, _: &BuildContext) -> Result<Option<Artifact>, BuilderError> {
        let mut artifact = Artifact::new(BUILDER_ID, "Null", "Did not export anything. This is the null builder");
        artifact.facts = self.facts();
        Ok(Some(artifact))
    }
}
