//! IAM, as far as a temporary instance profile needs it.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_iam::Client;
use aws_sdk_iam::types::Tag;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

use super::error::AwsError;
use super::retry::Retry;
use super::without_quota;
use crate::run::cancel::Cancel;

const MISSING: [&str; 1] = ["NoSuchEntity"];
const TAKEN: [&str; 1] = ["EntityAlreadyExists"];
/// Profile and role are visible to each other within seconds.
const VISIBLE: Retry = Retry { tries: 8, first: Duration::from_millis(250), longest: Duration::from_secs(8) };

/// Tags by key.
type Tags = std::collections::BTreeMap<String, String>;

#[derive(Clone)]
pub(crate) struct Iam {
    client: Client,
    region: String,
}

impl Iam {
    pub(super) fn new(config: &SdkConfig, region: &str) -> Self {
        let settings = aws_sdk_iam::config::Builder::from(config).retry_partition(without_quota());
        Self { client: Client::from_conf(settings.build()), region: region.to_owned() }
    }

    fn answer<T, E>(&self, call: &'static str, answer: Result<T, SdkError<E, HttpResponse>>) -> Result<T, AwsError>
    where
        E: std::error::Error + aws_smithy_types::error::metadata::ProvideErrorMetadata + 'static,
    {
        answer.map_err(|error| AwsError::of(call, &self.region, &error))
    }

    /// Whether there is an instance profile of that name.
    pub(crate) async fn has_profile(&self, name: &str) -> Result<bool, AwsError> {
        let request = self.client.get_instance_profile().instance_profile_name(name);
        found(self.answer("GetInstanceProfile", request.send().await).map(drop))
    }

    pub(crate) async fn create_profile(&self, name: &str, tags: &Tags) -> Result<(), AwsError> {
        let request = self.client.create_instance_profile().instance_profile_name(name).set_tags(sdk_tags(tags)?);
        made(self.answer("CreateInstanceProfile", request.send().await).map(drop))
    }

    /// `trust`: JSON that says who may take the role.
    pub(crate) async fn create_role(
        &self,
        name: &str,
        description: &str,
        trust: &str,
        tags: &Tags,
    ) -> Result<(), AwsError> {
        let request = self
            .client
            .create_role()
            .role_name(name)
            .description(description)
            .assume_role_policy_document(trust)
            .set_tags(sdk_tags(tags)?);
        made(self.answer("CreateRole", request.send().await).map(drop))
    }

    /// Gives the role a policy of its own, with the role's name. `policy`: JSON.
    pub(crate) async fn put_role_policy(&self, role: &str, policy: &str, cancel: &Cancel) -> Result<(), AwsError> {
        let request = self.client.put_role_policy().role_name(role).policy_name(role).policy_document(policy);
        let done = VISIBLE.run(
            cancel,
            |error| error.is(&MISSING),
            || async { self.answer("PutRolePolicy", request.clone().send().await) },
        );
        done.await.map(drop)
    }

    pub(crate) async fn add_role(&self, profile: &str, role: &str, cancel: &Cancel) -> Result<(), AwsError> {
        let request = self.client.add_role_to_instance_profile().instance_profile_name(profile).role_name(role);
        let done = VISIBLE.run(
            cancel,
            |error| error.is(&MISSING),
            || async { self.answer("AddRoleToInstanceProfile", request.clone().send().await) },
        );
        match done.await {
            // The answer to an earlier try was lost: a profile takes one role.
            Err(error) if error.is(&["LimitExceeded"]) => Ok(()),
            done => done.map(drop),
        }
    }

    /// Removes an instance profile with the role and the policy of the same name, as much of it as there is. Every
    /// part is tried, whatever becomes of the others; the first failure is told.
    pub(crate) async fn delete_profile_with_role(&self, name: &str) -> Result<bool, AwsError> {
        let client = &self.client;
        let member = client.remove_role_from_instance_profile().instance_profile_name(name).role_name(name);
        let member = found(self.answer("RemoveRoleFromInstanceProfile", member.send().await).map(drop));
        let policy = client.delete_role_policy().role_name(name).policy_name(name);
        let policy = found(self.answer("DeleteRolePolicy", policy.send().await).map(drop));
        let role = found(self.answer("DeleteRole", client.delete_role().role_name(name).send().await).map(drop));
        let profile = client.delete_instance_profile().instance_profile_name(name);
        let profile = found(self.answer("DeleteInstanceProfile", profile.send().await).map(drop));
        Ok(member? | policy? | role? | profile?)
    }

    /// Names of our temporary roles and profiles: those with the peer's prefix and a run's tag.
    pub(crate) async fn tagged(&self, key: &str) -> Result<Vec<(String, String)>, AwsError> {
        let mut all = Vec::new();
        let mut marker = None;
        loop {
            let request = self.client.list_instance_profiles().set_marker(marker);
            let page = self.answer("ListInstanceProfiles", request.send().await)?;
            for profile in page.instance_profiles {
                let name = profile.instance_profile_name;
                if !name.starts_with("packer-") {
                    continue;
                }
                // The list leaves tags out.
                let request = self.client.get_instance_profile().instance_profile_name(&name);
                let found = self.answer("GetInstanceProfile", request.send().await)?.instance_profile;
                let tags = found.map(|profile| profile.tags).unwrap_or_default();
                if let Some(tag) = tags.into_iter().flatten().find(|tag| tag.key == key) {
                    all.push((name, tag.value));
                }
            }
            marker = page.marker.filter(|_| page.is_truncated);
            if marker.is_none() {
                return Ok(all);
            }
        }
    }
}

fn sdk_tags(tags: &Tags) -> Result<Option<Vec<Tag>>, AwsError> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let all = tags.iter().map(tag).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|error| AwsError::Unexpected(error.to_string()))?;
    Ok(Some(all).filter(|all| !all.is_empty()))
}

/// Our names are nobody else's: what is there already was made by a try whose answer was lost.
fn made(done: Result<(), AwsError>) -> Result<(), AwsError> {
    match done {
        Err(error) if error.is(&TAKEN) => Ok(()),
        done => done,
    }
}

fn found(done: Result<(), AwsError>) -> Result<bool, AwsError> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.is(&MISSING) => Ok(false),
        Err(error) => Err(error),
    }
}
