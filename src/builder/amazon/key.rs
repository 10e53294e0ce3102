//! The key pair that lets us in: made by EC2 for this build, unless the template brings its own way in.

use super::account::{Account, owned, unique_name};
use crate::builder::BuilderError;
use crate::client::aws::ec2::types::{Filters, KeyPair, KeyPairRef, Tags};
use crate::communicator::ssh::SshConfig;
use crate::run::BuildContext;
use crate::run::aws::{AwsThing, RESOURCE_TAG};

/// Key pairs of the same name that are tried one after the other when an answer was lost.
const TRIES: usize = 3;
/// What EC2 makes when it is not told, said all the same.
const USUAL_TYPE: &str = "rsa";

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
    let given = ssh.temporary_key_pair_name.as_str();
    let kind = if ssh.temporary_key_pair_type.is_empty() { USUAL_TYPE } else { &ssh.temporary_key_pair_type };
    for tried in 1.. {
        let name = if given.is_empty() { unique_name("packer_") } else { given.to_owned() };
        cx.say(format!("Creating temporary keypair: {name}"));
        let tag = if account.tags_access() { unique_name("packer-") } else { String::new() };
        let tags = if tag.is_empty() { Tags::new() } else { owned(run_tags.clone(), &tag, cx) };
        let thing = |id: &str| AwsThing::KeyPair { name: name.clone(), tag: tag.clone(), id: id.to_owned() };
        // A given name says nothing about whose it is: without a tag there is no intent, only a known id.
        let intent = match tag.is_empty() && !given.is_empty() {
            true => None,
            false => Some(account.acquire(thing(""), cx)?),
        };
        match account.ec2.create_key_pair(&name, kind, &tags).await {
            Ok(pair) => {
                cx.events.redactor().add(&pair.private_key);
                account.acquire(thing(&pair.id), cx)?;
                intent.map_or(Ok(()), |intent| cx.keep(&intent))?;
                return Ok(Some(pair));
            }
            // Ours when an answer was lost, and with the answer its private half.
            Err(error) if error.is(&["InvalidKeyPair.Duplicate"]) => {
                let removed = remove_own(account, &tag).await?;
                if !removed && !given.is_empty() {
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

/// Removes the key pair that carries our tag. Whether there was one.
async fn remove_own(account: &Account, tag: &str) -> Result<bool, BuilderError> {
    if tag.is_empty() {
        return Ok(false);
    }
    let filters = Filters::from([(format!("tag:{RESOURCE_TAG}"), vec![tag.to_owned()])]);
    let found = account.ec2.key_pairs(&filters).await?;
    for id in &found {
        account.ec2.delete_key_pair(KeyPairRef::Id(id)).await?;
    }
    Ok(!found.is_empty())
}
