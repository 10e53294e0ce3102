//! Functions that ask a service for a secret. What asking takes is not known here: [`Secrets`] does it.

use std::fmt::Debug;

use super::context::STAND_IN;
use super::{Args, Function, FunctionError, Parameter, Result, TEXT, Takes, fixed};
use crate::value::{Type, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("aws_secretsmanager", &[TEXT, TEXT_OR_NULL], |a| {
        // The empty key is none, as in the peer.
        let key = a.value(1)?.as_str().filter(|key| !key.is_empty());
        ask(a, Question::AwsSecret { name: a.text(0)?.to_owned(), key: key.map(str::to_owned) })
    }),
    fixed("aws_secretsmanager_raw", &[TEXT], |a| ask(a, Question::AwsSecretText { name: a.text(0)?.to_owned() })),
    fixed("consul_key", &[TEXT], |a| ask(a, Question::ConsulKey { key: a.text(0)?.to_owned() })),
    fixed("vault", &[TEXT, TEXT], |a| {
        ask(a, Question::Vault { path: a.text(0)?.to_owned(), key: a.text(1)?.to_owned() })
    }),
];

const TEXT_OR_NULL: Parameter = Parameter { takes: Takes::Text, null: true, parts: false };

/// What a template asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    /// One key of the secret at a path.
    Vault { path: String, key: String },
    /// The value of a key.
    ConsulKey { key: String },
    /// One key of a secret that is a JSON object, the only one if none is named; any other secret as it is.
    AwsSecret { name: String, key: Option<String> },
    /// A secret as it is.
    AwsSecretText { name: String },
}

/// Why there is no answer, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unanswered {
    pub reason: String,
    pub hint: Option<String>,
}

/// Who answers. A call may wait for the network, so an answer is asked for when its value is needed and not before.
pub(crate) trait Secrets: Debug + Send + Sync {
    fn ask(&self, question: Question) -> std::result::Result<String, Unanswered>;
}

/// The answer, sensitive whatever it is; unknown where nobody is to be asked.
fn ask(a: &Args<'_>, question: Question) -> Result<Value> {
    let value = match &a.cx.secrets {
        _ if a.cx.frozen => return Ok(STAND_IN.into()),
        Some(secrets) => secrets.ask(question)?.into(),
        None => Value::unknown(Type::String),
    };
    Ok(value.marked(true))
}

impl From<Unanswered> for FunctionError {
    fn from(Unanswered { reason, hint }: Unanswered) -> Self {
        Self { argument: None, message: reason, hint }
    }
}
