//! Data source `amazon-parameterstore`: a parameter of Systems Manager.

use async_trait::async_trait;

use super::{DataSource, Entry, Found, Reading};
use crate::aws::access;
use crate::client::aws::Access;
use crate::eval::fields::Fields;
use crate::value::{Type, Value};

const OUTPUTS: [&str; 3] = ["value", "version", "arn"];

pub(super) const ENTRY: Entry = Entry {
    name: "amazon-parameterstore",
    decode,
    outputs: || OUTPUTS.into_iter().map(|name| (name, Type::String)).collect(),
};

struct Parameter {
    access: Access,
    name: String,
    with_decryption: bool,
}

fn decode(fields: &mut Fields<'_>) -> Option<Box<dyn DataSource>> {
    let before = fields.error_count();
    let access = access::decode(fields);
    access::polling(fields);
    let parameter = Parameter {
        access,
        name: fields.required_text("name").unwrap_or_default(),
        with_decryption: fields.flag("with_decryption").unwrap_or(false),
    };
    (fields.error_count() == before).then(|| Box::new(parameter) as Box<dyn DataSource>)
}

#[async_trait]
impl DataSource for Parameter {
    async fn read(&self, reading: &Reading<'_>) -> Result<Found, String> {
        let aws = reading.services.aws.get(&self.access, reading.redactor).await.map_err(|error| error.to_string())?;
        let found = aws.parameter(&self.name, self.with_decryption).await.map_err(|error| error.to_string())?;
        if self.with_decryption && !found.value.is_empty() {
            reading.redactor.add(&found.value);
        }
        let outputs = [found.value, found.version.to_string(), found.arn];
        let outputs = OUTPUTS.into_iter().zip(outputs).map(|(name, text)| (name.to_owned(), text.as_str().into()));
        // Who asks for decryption asks for a secret.
        let value = Value::object(outputs.collect()).marked(self.with_decryption);
        Ok(Found { value, warnings: Vec::new() })
    }
}
