//! AWS Secrets Manager: the current version of a secret, with the region and the credentials that AWS's own chain of
//! environment, files and machine roles gives.

use aws_config::BehaviorVersion;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use serde_json::{Map, Value};

use super::vault::kind;
use super::web::{PATIENCE, ServiceError};

pub(crate) struct SecretsManager {
    client: Client,
    region: String,
}

impl SecretsManager {
    /// Looks for a region and settings. Credentials are looked for with the first request.
    pub(crate) async fn connect() -> Result<Self, ServiceError> {
        let patience = TimeoutConfig::builder().operation_timeout(PATIENCE).build();
        let config = aws_config::defaults(BehaviorVersion::latest()).timeout_config(patience).load().await;
        let Some(region) = config.region().map(ToString::to_string) else {
            return Err(ServiceError::new("no AWS region is given")
                .hint("set AWS_REGION, or \"region\" of your profile in ~/.aws/config"));
        };
        Ok(Self { client: Client::new(&config), region })
    }

    /// The text of a secret, by its name or ARN.
    pub(crate) async fn read(&self, name: &str) -> Result<String, ServiceError> {
        let request = self.client.get_secret_value().secret_id(name).version_stage("AWSCURRENT");
        match request.send().await {
            Ok(found) => found
                .secret_string
                .ok_or_else(|| ServiceError::new(format!("secret {name:?} in {} is binary, not a text", self.region))),
            Err(error) => Err(self.refused(name, &error)),
        }
    }

    fn refused<E, R>(&self, name: &str, error: &SdkError<E, R>) -> ServiceError
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
        R: std::fmt::Debug,
    {
        let region = &self.region;
        let Some(answer) = error.as_service_error() else {
            let reason = causes(error);
            // Each link of the chain says on a line of its own why it has none.
            let absent = reason.contains("no credentials found in chain");
            let reason = if absent { "there are no AWS credentials" } else { &reason };
            let failed = ServiceError::new(format!("secret {name:?} in {region} could not be asked for: {reason}"));
            return if absent {
                failed.hint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run with a role")
            } else {
                failed
            };
        };
        let code = answer.code().unwrap_or("error");
        let words = answer.message().unwrap_or("without a message");
        let failed = ServiceError::new(format!("AWS answered {code} for secret {name:?} in {region}: {words}"));
        match code {
            "ResourceNotFoundException" => failed.hint("check the name, the region and the account"),
            "AccessDeniedException" => {
                failed.hint("the role needs secretsmanager:GetSecretValue, and kms:Decrypt for a key of your own")
            }
            _ => failed,
        }
    }
}

/// The causes of an error, outermost first.
fn causes(error: &dyn std::error::Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !texts.contains(&text) {
            texts.push(text);
        }
        cause = inner.source();
    }
    texts.join(": ")
}

/// One value of a secret that is a JSON object: of `key`, or the only one. What is no JSON is taken as it is.
pub(crate) fn pick(name: &str, text: &str, key: Option<&str>) -> Result<String, ServiceError> {
    let Ok(json) = serde_json::from_str::<Value>(text) else { return Ok(text.to_owned()) };
    let raw = "use aws_secretsmanager_raw(name) for the whole text";
    let Value::Object(entries) = json else {
        let error = format!("secret {name:?} is JSON, but {}, not an object", kind(&json));
        return Err(ServiceError::new(error).hint(raw));
    };
    let keys = || entries.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let (key, value) = match key {
        Some(key) => (key, entries.get(key)),
        None => match entries.iter().next() {
            Some((key, value)) if entries.len() == 1 => (key.as_str(), Some(value)),
            Some(_) => {
                let error = format!("secret {name:?} has several keys, and none is asked for");
                return Err(ServiceError::new(error).hint(format!("ask for one of: {}", keys())));
            }
            None => return Err(ServiceError::new(format!("secret {name:?} has no keys")).hint(raw)),
        },
    };
    match value {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(plain(number)),
        Some(other) => {
            let error = format!("key {key:?} of secret {name:?} holds {}, not a text or number", kind(other));
            Err(ServiceError::new(error).hint("use jsondecode(aws_secretsmanager_raw(name)) for what is inside"))
        }
        None => {
            let error = ServiceError::new(format!("secret {name:?} has no key {key:?}"));
            Err(error.hint(format!("it has: {}", keys())))
        }
    }
}

/// Without an exponent.
fn plain(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => float.to_string(),
        _ => number.to_string(),
    }
}

/// Every text in a secret that is a JSON object: what becomes of it must not be shown either.
pub(crate) fn texts(text: &str) -> Vec<String> {
    let entries = serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
    entries.values().filter_map(|value| Some(value.as_str()?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_objects_are_taken_apart_and_all_else_is_kept() {
        let one = r#"{"password": "p"}"#;
        let several = r#"{"user": "u", "port": 5432, "part": 1.5, "big": 1e21, "on": true}"#;
        for (text, key, expected) in [
            ("plain", None, "plain"),
            ("plain", Some("key"), "plain"),
            ("{not json", None, "{not json"),
            (one, None, "p"),
            (one, Some("password"), "p"),
            (several, Some("user"), "u"),
            (several, Some("port"), "5432"),
            (several, Some("part"), "1.5"),
            (several, Some("big"), "1000000000000000000000"),
        ] {
            assert_eq!(pick("s", text, key).as_deref().ok(), Some(expected), "{text} {key:?}");
        }
        for (text, key, reason) in [
            (several, None, "secret \"s\" has several keys, and none is asked for"),
            (several, Some("on"), "key \"on\" of secret \"s\" holds a truth value, not a text or number"),
            (one, Some("x"), "secret \"s\" has no key \"x\""),
            ("{}", None, "secret \"s\" has no keys"),
            ("12345", None, "secret \"s\" is JSON, but a number, not an object"),
            ("[1]", Some("x"), "secret \"s\" is JSON, but a list, not an object"),
        ] {
            assert_eq!(pick("s", text, key).map_err(|error| error.reason), Err(reason.to_owned()), "{text} {key:?}");
        }
        assert_eq!(texts(several), ["u"]);
        assert!(texts("\"quoted\"").is_empty());
    }
}
