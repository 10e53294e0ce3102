//! What a call of AWS failed with, for people and for those who decide whether to try again.

use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::keys::Refused;
use crate::run::cancel::Cancelled;
use crate::run::journal::JournalError;

/// Codes of credentials that have ended.
const EXPIRED: [&str; 3] = ["RequestExpired", "ExpiredToken", "ExpiredTokenException"];
/// Codes of services that are not well, which the SDK knows by their HTTP status.
const UNWELL: [&str; 4] = ["InternalError", "InternalFailure", "ServiceUnavailable", "Unavailable"];
const RENEW: &str = "; the credentials ended before the run did, if the clock of this machine is right: take a role \
                     with the input aws-role or --aws-role, whose credentials renew themselves, or ask for a longer \
                     session";

#[derive(Debug, thiserror::Error)]
pub(crate) enum AwsError {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// AWS answered with an error.
    #[error("{call} in {region}: {code}{}{message}{}", if code.is_empty() { "" } else { ": " }, request_shown(request_id))]
    Service { call: &'static str, region: String, code: String, message: String, request_id: String },
    /// No answer came.
    #[error("{call} in {region}: {reason}")]
    Transport { call: &'static str, region: String, reason: String },
    /// A wait that ended badly: a terminal state, or its time was over.
    #[error("{0}")]
    Wait(String),
    #[error("{0}")]
    Credentials(String),
    /// What EC2 does not show now; to ask again at once is of no use.
    #[error("{0}")]
    Unsure(String),
    /// An answer without what it must hold.
    #[error("{0}")]
    Unexpected(String),
}

fn request_shown(id: &str) -> String {
    if id.is_empty() { String::new() } else { format!(" (request id {id})") }
}

impl AwsError {
    /// The code that AWS answered with; empty for everything else.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Service { code, .. } => code,
            _ => "",
        }
    }

    pub(crate) fn is(&self, codes: &[&str]) -> bool {
        !self.code().is_empty() && codes.contains(&self.code())
    }

    /// Whether the same call may succeed a little later: throttled, a service that is not well, no answer of AWS at all.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            Self::Service { code, .. } => {
                code.is_empty()
                    || [THROTTLING_ERRORS, TRANSIENT_ERRORS, &UNWELL].iter().any(|c| c.contains(&code.as_str()))
            }
            _ => false,
        }
    }

    pub(crate) fn message_has(&self, part: &str) -> bool {
        matches!(self, Self::Service { message, .. } if message.to_lowercase().contains(&part.to_lowercase()))
    }

    /// The permission that the credentials lack, by its name in policies, when that is why the call failed. A call that
    /// needs more than its own names another one in its message.
    pub(crate) fn lacks(&self) -> Option<String> {
        let Self::Service { call, message, .. } = self else { return None };
        let named = message.contains("is not authorized to perform: ");
        (self.is(&["UnauthorizedOperation"]) && !named).then(|| format!("ec2:{call}"))
    }

    pub(super) fn of<E>(call: &'static str, region: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let region = region.to_owned();
        let Some(answer) = error.as_service_error() else {
            if let Some(refused) = refused_by(error) {
                return Self::Credentials(refused);
            }
            let reason = causes(error);
            // Each link of the chain of credentials says on a line of its own why it has none.
            if reason.contains("no credentials found in chain") || reason.contains("no providers in chain") {
                return Self::Credentials(format!(
                    "{call} in {region}: there are no AWS credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
                     or AWS_PROFILE, or in a workflow the input aws-role, or run where a role is attached"
                ));
            }
            return Self::Transport { call, region, reason };
        };
        let meta = answer.meta();
        let request_id = meta.extra("aws_request_id").unwrap_or_default().to_owned();
        let code = meta.code().unwrap_or_default().to_owned();
        let message = match meta.message() {
            Some(message) => message.to_owned(),
            None if code.is_empty() => {
                let status = error.raw_response().map(|raw| raw.status().as_u16()).unwrap_or_default();
                format!("the answer is not one of AWS (HTTP status {status}): {}", causes(answer))
            }
            None => "without a message".to_owned(),
        };
        // That one is about an identity token.
        let is_exchange = call == "AssumeRoleWithWebIdentity";
        let advice = if !is_exchange && EXPIRED.contains(&code.as_str()) { RENEW } else { "" };
        Self::Service { call, region, code, message: format!("{message}{advice}"), request_id }
    }
}

/// The words of our own source of credentials, without what the SDK wraps around them.
fn refused_by(error: &dyn std::error::Error) -> Option<String> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(refused) = inner.downcast_ref::<Refused>() {
            return Some(refused.to_string());
        }
        cause = inner.source();
    }
    None
}

/// The texts of an error and its sources, outermost first, each once.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        cause = inner.source();
    }
    texts.join(": ")
}
