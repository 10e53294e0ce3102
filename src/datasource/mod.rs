//! Data sources: facts from outside that a template's expressions use.

#[cfg(feature = "aws")]
mod amazon_ami;
#[cfg(feature = "aws")]
mod amazon_parameterstore;
#[cfg(feature = "aws")]
mod amazon_secretsmanager;
mod http;
mod null;

use async_trait::async_trait;

use crate::client::Services;
use crate::eval::fields::Fields;
use crate::secret::Redactor;
use crate::value::{Type, Value};

/// What a data source has found.
#[derive(Debug)]
pub(crate) struct Found {
    /// An object with the outputs of its type.
    pub value: Value,
    /// What is odd about it, without being an error.
    pub warnings: Vec<String>,
}

/// What a data source works with.
pub(crate) struct Reading<'a> {
    pub services: &'a Services,
    /// Secrets are registered here before anything else sees them.
    pub redactor: &'a Redactor,
}

/// A data source with its decoded configuration.
#[async_trait]
pub(crate) trait DataSource: Send + Sync {
    /// Looks; the error's text says what was tried on what.
    async fn read(&self, reading: &Reading<'_>) -> Result<Found, String>;
}

/// Decodes a data block; nothing when errors were added to the fields' diagnostics.
pub(crate) type Decode = fn(&mut Fields<'_>) -> Option<Box<dyn DataSource>>;

/// A type of data sources.
pub(crate) struct Entry {
    pub name: &'static str,
    pub decode: Decode,
    /// Names of the outputs with their types.
    pub outputs: fn() -> Vec<(&'static str, Type)>,
}

/// Every type there is.
pub(crate) const TABLE: &[Entry] = &[
    #[cfg(feature = "aws")]
    amazon_ami::ENTRY,
    #[cfg(feature = "aws")]
    amazon_parameterstore::ENTRY,
    #[cfg(feature = "aws")]
    amazon_secretsmanager::ENTRY,
    http::ENTRY,
    null::ENTRY,
];

impl Entry {
    /// What the outputs are while they are not known.
    pub(crate) fn unknown(&self) -> Value {
        Value::object((self.outputs)().into_iter().map(|(name, ty)| (name.to_owned(), Value::unknown(ty))).collect())
    }
}
