//! Keys that HashiCorp Vault's AWS engine makes for us.

use aws_sdk_ec2::config::Credentials;

use super::error::AwsError;
use super::retry::USUAL;
use super::{Aws, VaultEngine};
use crate::client::vault::Vault;
use crate::client::web::{ServiceError, Variables};
use crate::run::cancel::Cancel;
use crate::secret::Redactor;

/// Asks the Vault of the environment, and hides what it gives before anything else happens.
pub(super) async fn keys(engine: &VaultEngine, redactor: &Redactor) -> Result<Credentials, AwsError> {
    let failed = |error: ServiceError| {
        let hint = error.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        AwsError::Credentials(format!("vault_aws_engine: {}{hint}", error.reason))
    };
    let all: Vec<(String, String)> = std::env::vars().collect();
    let variables: Variables = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let vault = Vault::new(&variables).map_err(failed)?;
    let secret = match engine.role_arn.as_str() {
        "" => vault.read(&format!("{}/creds/{}", engine.engine_name, engine.name)).await,
        role => {
            let mut json = serde_json::json!({ "role_arn": role });
            if !engine.ttl.is_empty() {
                json["ttl"] = engine.ttl.clone().into();
            }
            vault.write(&format!("{}/sts/{}", engine.engine_name, engine.name), &json.to_string()).await
        }
    };
    let secret = secret.map_err(failed)?;
    let (key, hidden) = (secret.text("access_key").map_err(failed)?, secret.text("secret_key").map_err(failed)?);
    // Null for a user of its own.
    let token = secret.text("security_token").ok().filter(|token| !token.is_empty());
    for text in token.iter().chain(Some(&hidden)) {
        redactor.add(text);
    }
    Ok(Credentials::new(key, hidden, token, None, "vault"))
}

/// Waits until AWS knows the keys: a user that was just made is known everywhere within seconds.
pub(super) async fn wait_until_known(aws: &Aws) -> Result<(), AwsError> {
    let unknown = |error: &AwsError| error.is(&["AuthFailure", "InvalidClientTokenId"]);
    let ec2 = aws.ec2();
    USUAL.run(&Cancel::default(), unknown, || ec2.regions()).await.map(drop)
}
