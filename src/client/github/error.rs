//! What GitHub's refusals mean to a caller, and the permission that was missing.

use octocrab::Error;

/// Why GitHub did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GithubError {
    #[error("GitHub refuses the token: {0}")]
    Unauthorized(String),
    /// Not a limit of rates: the token may not do this.
    #[error("GitHub forbids it: {0}")]
    Forbidden(String),
    /// Nobody but those who may write to the repository talks on this pull request.
    #[error("it is locked: {0}")]
    Locked(String),
    #[error("not found on GitHub, or hidden from this token: {0}")]
    Missing(String),
    #[error("deleted on GitHub: {0}")]
    Gone(String),
    #[error("GitHub and forge do not understand each other: {0}")]
    Invalid(String),
    #[error("GitHub's limit of requests is reached: {0}")]
    Limited(String),
    #[error("GitHub fails: {0}")]
    Failing(String),
    #[error("GitHub cannot be reached: {0}")]
    Unreachable(String),
    #[error("{0}")]
    Settings(String),
}

impl GithubError {
    /// Whether the same call will be refused again, whenever it is made.
    pub(crate) fn is_final(&self) -> bool {
        !matches!(self, Self::Limited(_) | Self::Failing(_) | Self::Unreachable(_))
    }
}

impl From<Error> for GithubError {
    fn from(error: Error) -> Self {
        let source = match &error {
            Error::GitHub { source, .. } => source,
            Error::Json { .. } | Error::Serde { .. } => {
                return Self::Invalid(format!("its answer: {}", causes(&error)));
            }
            Error::Graphql { .. } => return Self::Invalid(causes(&error)),
            _ => return Self::Unreachable(causes(&error)),
        };
        let mut text = source.message.trim().to_owned();
        for entry in source.errors.iter().flatten() {
            let said = entry.get("message").and_then(|message| message.as_str()).map(str::to_owned);
            text.push_str(&format!("; {}", said.unwrap_or_else(|| entry.to_string())));
        }
        // A page of a proxy in between is no text for a line.
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();
        match source.status_code.as_u16() {
            401 => Self::Unauthorized(text),
            403 | 429 if super::retry::is_limit(source) => Self::Limited(text),
            403 if text.to_ascii_lowercase().contains("is locked") => Self::Locked(text),
            403 => Self::Forbidden(text),
            404 => Self::Missing(text),
            410 => Self::Gone(text),
            500.. => Self::Failing(format!("{} {text}", source.status_code.as_u16())),
            _ => Self::Invalid(text),
        }
    }
}

/// The innermost causes: octocrab's own texts name its layers and print a backtrace.
fn causes(error: &Error) -> String {
    let mut texts = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        texts.push(cause.to_string());
        source = cause.source();
    }
    match texts.len() {
        0 => error.to_string().lines().next().unwrap_or_default().to_owned(),
        count => texts.split_off(count.saturating_sub(2)).join(": "),
    }
}
