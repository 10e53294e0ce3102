//! When a call to GitHub is made again: what GitHub says of its limits, faults that pass, and calls of which nobody
//! knows whether they had their effect.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use octocrab::{Error, GitHubError};

use super::error::GithubError;

/// Calls in all.
pub(super) const ATTEMPTS: u32 = 4;
pub(super) const PAUSE: Duration = Duration::from_millis(500);
/// Reports are not worth a longer wait; GitHub says a minute where it says nothing else.
const LONGEST: Duration = Duration::from_secs(60);

/// What a call does when it is made twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// The same as once.
    None,
    /// A second thing. It is not repeated unless it surely had no effect; the caller looks first.
    Another,
}

/// Makes the call until GitHub answers it, as often as is useful.
pub(super) async fn patiently<T, F>(effect: Effect, mut call: impl FnMut() -> F) -> Result<T, GithubError>
where
    F: Future<Output = Result<T, Error>>,
{
    for attempt in 1.. {
        let error = match call().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        match pause(&error, effect, attempt) {
            Some(pause) if attempt < ATTEMPTS => {
                tracing::debug!(?pause, attempt, "GitHub is asked again: {}", GithubError::from(error));
                tokio::time::sleep(pause).await;
            }
            _ => return Err(error.into()),
        }
    }
    Err(GithubError::Unreachable("it was never asked".to_owned()))
}

/// How long to wait before the next call, if there is to be one.
fn pause(error: &Error, effect: Effect, attempt: u32) -> Option<Duration> {
    let growing = PAUSE * 2u32.pow(attempt - 1);
    let jittered = growing.mul_f64(0.75 + rand::random::<f64>() / 2.0);
    let source = match error {
        Error::GitHub { source, .. } => source,
        // The same answer would come again.
        Error::Json { .. } | Error::Serde { .. } | Error::Graphql { .. } => return None,
        _ => return (effect == Effect::None || never_sent(error)).then_some(jittered),
    };
    match source.status_code.as_u16() {
        403 | 429 if is_limit(source) => asked_to_wait(source, SystemTime::now()).filter(|pause| *pause <= LONGEST),
        500.. => (effect == Effect::None).then_some(jittered),
        _ => None,
    }
}

/// A 403 is a limit or a refusal; only its headers and text tell.
pub(super) fn is_limit(error: &GitHubError) -> bool {
    let text = error.message.to_ascii_lowercase();
    error.status_code.as_u16() == 429
        || number(error, "retry-after").is_some()
        || number(error, "x-ratelimit-remaining") == Some(0)
        || text.contains("rate limit")
        || text.contains("abuse detection")
}

/// What the headers say; a minute where they say nothing, as GitHub's documentation asks.
fn asked_to_wait(error: &GitHubError, now: SystemTime) -> Option<Duration> {
    if let Some(seconds) = number(error, "retry-after") {
        return Some(Duration::from_secs(seconds));
    }
    if let (Some(0), Some(reset)) = (number(error, "x-ratelimit-remaining"), number(error, "x-ratelimit-reset")) {
        let until = UNIX_EPOCH.checked_add(Duration::from_secs(reset))?;
        return Some(until.duration_since(now).unwrap_or_default() + Duration::from_secs(1));
    }
    Some(LONGEST)
}

fn number(error: &GitHubError, header: &str) -> Option<u64> {
    error.headers.as_ref()?.get(header)?.to_str().ok()?.trim().parse().ok()
}

/// No connection was made, so GitHub knows nothing of the call.
fn never_sent(error: &Error) -> bool {
    let mut source = Some(error as &dyn std::error::Error);
    while let Some(cause) = source {
        if cause.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect) {
            return true;
        }
        source = cause.source();
    }
    false
}
