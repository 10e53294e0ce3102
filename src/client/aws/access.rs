//! How an account is reached, as templates and the action say it: plain data.

use std::collections::BTreeMap;

use crate::run::aws::{AwsReach, AwsRole};

/// How access keys begin that last, and that AWS refuses beside a token.
const OF_USERS: &str = "AKIA";

/// The access options of a component. Empty text means "not set". No `Debug`: it holds keys.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Access {
    pub access_key: String,
    pub secret_key: String,
    pub token: String,
    pub region: String,
    pub profile: String,
    pub shared_credentials_file: String,
    pub custom_endpoint_ec2: String,
    pub skip_credential_validation: bool,
    pub skip_metadata_api_check: bool,
    pub decode_authorization_messages: bool,
    /// Whose certificates nobody checks.
    pub insecure: bool,
    /// Attempts of one call; 0 for the default.
    pub max_retries: u32,
    pub assume_role: Option<AssumeRole>,
    pub vault_engine: Option<VaultEngine>,
    /// What the user's MFA device shows; good for one use.
    pub mfa_code: String,
}

/// The `vault_aws_engine` block: whose keys Vault makes for us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct VaultEngine {
    pub name: String,
    /// With it the keys are of a role, by the engine's `sts` path.
    pub role_arn: String,
    /// Duration in Vault's notation.
    pub ttl: String,
    pub engine_name: String,
}

/// The `assume_role` block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AssumeRole {
    pub role_arn: String,
    pub duration_seconds: Option<i32>,
    pub external_id: String,
    pub policy: String,
    pub policy_arns: Vec<String>,
    pub session_name: String,
    pub tags: BTreeMap<String, String>,
    pub transitive_tag_keys: Vec<String>,
}

impl Access {
    /// The token that goes with the access key: the template's, else that of the environment. Keys of a user have none.
    pub(super) fn session_token(&self, variable: Option<String>) -> Option<String> {
        let given = Some(self.token.clone()).filter(|token| !token.is_empty());
        let variable = variable.filter(|token| !token.is_empty() && !self.access_key.starts_with(OF_USERS));
        given.or(variable)
    }

    pub(crate) fn reach(&self, region: &str) -> AwsReach {
        AwsReach {
            region: region.to_owned(),
            endpoint: self.custom_endpoint_ec2.clone(),
            insecure: self.insecure,
            mfa: !self.mfa_code.is_empty(),
            profile: self.profile.clone(),
            credentials_file: self.shared_credentials_file.clone(),
            role: self.assume_role.as_ref().map(|role| AwsRole {
                arn: role.role_arn.clone(),
                external_id: role.external_id.clone(),
                session_name: role.session_name.clone(),
                tags: role.tags.clone(),
                transitive_tag_keys: role.transitive_tag_keys.clone(),
            }),
            ..AwsReach::default()
        }
    }

    /// The access of a process that was not given the template. What a code of an MFA device gave, profile and role on
    /// top, is out of its reach.
    pub(crate) fn of_reach(reach: &AwsReach) -> Self {
        let without_code;
        let reach = match reach.mfa {
            true => {
                let (profile, credentials_file) = (String::new(), String::new());
                without_code = AwsReach { profile, credentials_file, role: None, ..reach.clone() };
                &without_code
            }
            false => reach,
        };
        Self {
            region: reach.region.clone(),
            custom_endpoint_ec2: reach.endpoint.clone(),
            insecure: reach.insecure,
            profile: reach.profile.clone(),
            shared_credentials_file: reach.credentials_file.clone(),
            // Whose account was not asked for when it was made is not asked now: STS may be out of reach there.
            skip_credential_validation: reach.account.is_empty(),
            assume_role: reach.role.as_ref().map(|role| AssumeRole {
                role_arn: role.arn.clone(),
                external_id: role.external_id.clone(),
                session_name: role.session_name.clone(),
                tags: role.tags.clone(),
                transitive_tag_keys: role.transitive_tag_keys.clone(),
                ..AssumeRole::default()
            }),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_of_the_environment_goes_with_keys_that_need_one() {
        let token = |key: &str, own: &str, variable: &str| {
            let access = Access { access_key: key.to_owned(), token: own.to_owned(), ..Access::default() };
            access.session_token(Some(variable.to_owned())).unwrap_or_default()
        };
        assert_eq!(token("ASIAX", "own", "of-the-environment"), "own");
        assert_eq!(token("ASIAX", "", "of-the-environment"), "of-the-environment");
        assert_eq!(token("test", "", "of-the-environment"), "of-the-environment", "as in the peer");
        assert_eq!(token("AKIAX", "", "of-the-environment"), "", "AWS would refuse it");
        assert_eq!(token("AKIAX", "own", ""), "own");
        assert_eq!(token("ASIAX", "", ""), "");
    }

    #[test]
    fn a_role_is_reached_again_as_it_was() {
        let role = AssumeRole {
            role_arn: "arn:aws:iam::123456789012:role/images".to_owned(),
            external_id: "x".to_owned(),
            session_name: "s".to_owned(),
            tags: BTreeMap::from([("Team".to_owned(), "images".to_owned())]),
            transitive_tag_keys: vec!["Team".to_owned()],
            ..AssumeRole::default()
        };
        let access = Access { assume_role: Some(role.clone()), ..Access::default() };
        let written = serde_json::to_string(&access.reach("eu-west-1")).unwrap();
        assert_eq!(Access::of_reach(&serde_json::from_str(&written).unwrap()).assume_role, Some(role));
        let with_code = Access { profile: "team".to_owned(), mfa_code: "492039".to_owned(), ..access };
        let written = serde_json::to_string(&with_code.reach("eu-west-1")).unwrap();
        assert!(written.contains(r#""mfa":true"#) && !written.contains("492039"), "{written}");
        let again = Access::of_reach(&serde_json::from_str(&written).unwrap());
        assert!(again.assume_role.is_none() && again.profile.is_empty() && again.region == "eu-west-1");
        // As journals were before they held tags.
        let old = r#"{"region":"eu-west-1","role":{"arn":"arn:aws:iam::123456789012:role/images"}}"#;
        let read = Access::of_reach(&serde_json::from_str(old).unwrap()).assume_role.unwrap();
        assert!(read.role_arn.ends_with("/images") && read.tags.is_empty() && read.transitive_tag_keys.is_empty());
    }
}
