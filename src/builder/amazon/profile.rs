//! The instance profile: a named one, or a temporary one made from the template's policy document.

use super::account::{Account, owned, unique_name};
use super::config::RunOptions;
use crate::builder::BuilderError;
use crate::client::aws::ec2::types::Tags;
use crate::run::BuildContext;
use crate::run::aws::AwsThing;

/// Lets EC2 hand the role to an instance.
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com"]},"Action":["sts:AssumeRole"]}]}"#;

/// Name of the profile for the launch; empty without one.
///
/// A new profile takes seconds until EC2 knows it: the launch itself is repeated until then.
pub(super) async fn find_or_create(
    account: &Account,
    run: &RunOptions,
    run_tags: &Tags,
    cx: &BuildContext,
) -> Result<String, BuilderError> {
    let iam = account.aws.iam();
    if !run.iam_instance_profile.is_empty() {
        if !run.skip_profile_validation
            && !cx.cancel.unless_stopped(iam.has_profile(&run.iam_instance_profile)).await??
        {
            return Err(BuilderError::Failed(format!(
                "there is no instance profile {:?}; correct iam_instance_profile (it takes the name, not the ARN)",
                run.iam_instance_profile
            )));
        }
        return Ok(run.iam_instance_profile.clone());
    }
    let Some(policy) = &run.temporary_iam_instance_profile_policy_document else { return Ok(String::new()) };
    let name = unique_name("packer-");
    cx.say(format!("Creating temporary instance profile for this instance: {name}"));
    account.acquire(AwsThing::InstanceProfile { name: name.clone() }, cx)?;
    let tags = owned(run_tags.clone(), &name, cx);
    // A sweep by tag finds the role by its profile, so that is there first.
    iam.create_profile(&name, &tags).await?;
    iam.create_role(&name, "Temporary role for Packer", TRUST, &tags).await?;
    // Neither waits for the other, and neither call is abandoned.
    let (policy, member) =
        tokio::join!(iam.put_role_policy(&name, policy, &cx.cancel), iam.add_role(&name, &name, &cx.cancel));
    policy?;
    member?;
    Ok(name)
}
