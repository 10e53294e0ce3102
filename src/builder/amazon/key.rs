//! The key pair that lets us in: made by EC2 for this build, unless the template brings its own way in.

use super::account::{Account, owned, unique_name};
use crate::builder::BuilderError;
use crate::client::aws::ec2::types::{KeyPair, Tags};
use crate::communicator::ssh::SshConfig;
use crate::run::BuildContext;
use crate::run::aws::AwsThing;

/// Key pairs of the same name that are tried one after the other when an answer was lost.
const TRIES: usize = 3;

/// Makes the temporary key pair, or nothing when the template has a key file, an agent, a password or no SSH.
/// The private half is a secret from here on.
pub(super) async fn create(
    account: &Account,
    ssh: Option<&SshConfig>,
    run_tags: &Tags,
    cx: &BuildContext,
) -> Result<Option<KeyPair>, BuilderError> {
    let Some(ssh) = ssh else { return Ok(None) };
    if !ssh.needs_temporary_key() {
        return Ok(None);
    }
    for tried in 1.. {
        let name = match ssh.temporary_key_pair_name.as_str() {
            "" => unique_name("packer_"),
            given => given.to_owned(),
        };
        cx.say(format!("Creating temporary keypair: {name}"));
        let tags = if account.tags_access() { owned(run_tags.clone(), &name, cx) } else { Tags::new() };
        let resource = account.acquire(AwsThing::KeyPair { name: name.clone() }, cx)?;
        match account.ec2.create_key_pair(&name, &ssh.temporary_key_pair_type, &tags).await {
            Ok(pair) => {
                cx.events.redactor().add(&pair.private_key);
                return Ok(Some(pair));
            }
            // Ours by an answer that was lost, when the name is ours: its private half is lost with the answer.
            Err(error) if error.is(&["InvalidKeyPair.Duplicate"]) => {
                if !ssh.temporary_key_pair_name.is_empty() {
                    // Somebody else's: not to be removed.
                    cx.keep(&resource)?;
                    let text = format!("{error}; choose another temporary_key_pair_name, or leave it out");
                    return Err(BuilderError::Failed(text));
                }
                if tried == TRIES {
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}
