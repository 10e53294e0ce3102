//! Data source `amazon-secretsmanager`: a secret, or one key of it.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{DataSource, Entry, Found, Reading};
use crate::aws::access;
use crate::client::aws::Access;
use crate::eval::fields::Fields;
use crate::value::{Type, Value};

const OUTPUTS: [&str; 4] = ["value", "secret_string", "secret_binary", "version_id"];

pub(super) const ENTRY: Entry = Entry {
    name: "amazon-secretsmanager",
    decode,
    outputs: || OUTPUTS.into_iter().map(|name| (name, Type::String)).collect(),
};

struct Secret {
    access: Access,
    name: String,
    key: String,
    version_id: String,
    version_stage: String,
}

fn decode(fields: &mut Fields<'_>) -> Option<Box<dyn DataSource>> {
    let before = fields.error_count();
    let access = access::decode(fields);
    access::polling(fields);
    let secret = Secret {
        access,
        name: fields.required_text("name").unwrap_or_default(),
        key: fields.text("key").unwrap_or_default(),
        version_id: fields.text("version_id").unwrap_or_default(),
        version_stage: fields.text("version_stage").unwrap_or_default(),
    };
    (fields.error_count() == before).then(|| Box::new(secret) as Box<dyn DataSource>)
}

#[async_trait]
impl DataSource for Secret {
    async fn read(&self, reading: &Reading<'_>) -> Result<Found, String> {
        let aws = reading.services.aws.get(&self.access, reading.redactor).await.map_err(|error| error.to_string())?;
        let secret = aws.secret(&self.name, &self.version_id, &self.version_stage).await;
        let secret = secret.map_err(|error| error.to_string())?;
        let text = secret.text.unwrap_or_default();
        let binary = secret
            .binary
            .map(|bytes| String::from_utf8(bytes).unwrap_or_else(|error| STANDARD.encode(error.as_bytes())));
        let binary = binary.unwrap_or_default();
        let (value, warning) = pick(&text, &self.key);
        // What is public, such as a user's name, is told as a secret too: nobody here knows which part is which.
        for hidden in [&text, &binary, &value].into_iter().filter(|hidden| !hidden.is_empty()) {
            reading.redactor.add(hidden);
        }
        let outputs = [value, text, binary, secret.version_id];
        let outputs = OUTPUTS.into_iter().zip(outputs).map(|(name, text)| (name.to_owned(), text.as_str().into()));
        let value = Value::object(outputs.collect()).marked(true);
        Ok(Found { value, warnings: warning.map(|why| format!("secret {:?}: {why}", self.name)).into_iter().collect() })
    }
}

/// The value of a key, or of the first one. What is no JSON object is taken whole.
fn pick(text: &str, key: &str) -> (String, Option<String>) {
    let Ok(serde_json::Value::Object(entries)) = serde_json::from_str(text) else { return (text.to_owned(), None) };
    let found = match key {
        "" => entries.iter().next().map(|(_, value)| value),
        key => entries.get(key),
    };
    let several = (key.is_empty() && entries.len() > 1)
        .then(|| format!("it has {} keys and none is asked for: the first one is taken; set key", entries.len()));
    match found {
        Some(serde_json::Value::String(text)) => (text.clone(), several),
        Some(serde_json::Value::Number(number)) => (number.to_string(), several),
        Some(_) => (String::new(), Some("the key holds neither a text nor a number".to_owned())),
        None => (String::new(), Some(format!("it has no key {key:?}"))),
    }
}
