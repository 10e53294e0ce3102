//! Keys of a session as STS gives them, and a provider that has new ones made before they end.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::task::AbortHandle;

use crate::secret::Redactor;

/// Keys are renewed so long before they end, or in the last quarter of a shorter life.
const EARLY: Duration = Duration::from_secs(5 * 60);
/// What could not be renewed is tried again after so long, as long as the keys still work.
const AGAIN: Duration = Duration::from_secs(60);

/// New keys are waited for so long, in which a few tries find room; the SDK waits a little longer.
const PATIENCE: Duration = Duration::from_secs(150);

/// Why there are no credentials; the whole text for people.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refused(pub String);

pub(super) fn refused(error: Refused) -> CredentialsError {
    CredentialsError::provider_error(error)
}

/// Keys that end.
#[derive(Clone)]
pub(super) struct Keys {
    id: String,
    secret: String,
    token: String,
    /// By the clock of this machine.
    pub ends: SystemTime,
}

impl Keys {
    /// What was asked for at `asked`, to last for `lasts`; registered as secrets before anybody can use them.
    pub(super) fn of(
        taken: Option<&aws_sdk_sts::types::Credentials>,
        (asked, lasts): (SystemTime, Duration),
        redactor: &Redactor,
    ) -> Result<Self, Refused> {
        let taken = taken.ok_or_else(|| Refused("STS answered without credentials".to_owned()))?;
        redactor.add(taken.secret_access_key());
        redactor.add(taken.session_token());
        let told = SystemTime::try_from(*taken.expiration()).ok();
        Ok(Self {
            id: taken.access_key_id().to_owned(),
            secret: taken.secret_access_key().to_owned(),
            token: taken.session_token().to_owned(),
            ends: end(asked, lasts, told),
        })
    }

    /// For the SDK, which asks for others a little before `until`.
    pub(super) fn until(&self, until: SystemTime) -> Credentials {
        Credentials::new(&self.id, &self.secret, Some(self.token.clone()), Some(until), "forge")
    }

    fn renewed(&self) -> SystemTime {
        let life = self.ends.duration_since(SystemTime::now()).unwrap_or_default();
        self.ends - EARLY.min(life / 4)
    }
}

/// The end that AWS tells is by its clock: one that is behind ours has told the past, one that is ahead a time when AWS
/// takes the keys no more.
fn end(asked: SystemTime, lasts: Duration, told: Option<SystemTime>) -> SystemTime {
    let reckoned = asked + lasts;
    told.filter(|told| *told > asked).map_or(reckoned, |told| told.min(reckoned))
}

/// A provider of what `take` gives, again and again. Where that fails, the keys before are used to their end.
pub(super) fn renewing<F, W>(take: F) -> SharedCredentialsProvider
where
    F: Fn() -> W + Send + Sync + 'static,
    W: Future<Output = Result<Keys, Refused>> + Send + 'static,
{
    let shared = Arc::new((take, Mutex::new(None), Mutex::new(None::<Keys>)));
    SharedCredentialsProvider::new(provide_credentials_fn(move || {
        let shared = Arc::clone(&shared);
        async move {
            let (take, under_way, before) = &*shared;
            // The SDK drops an attempt that takes long, and this with it: the next one joins what is under way.
            let taking = match under_way.lock() {
                Ok(mut slot) => {
                    // What ended when nobody waited for it any more is old.
                    slot.take_if(|(_, task): &mut (Taking, AbortHandle)| task.is_finished());
                    slot.get_or_insert_with(|| begun(take())).0.clone()
                }
                Err(_) => return Err(CredentialsError::unhandled("poisoned")),
            };
            let taken = taking.clone().await;
            if let Ok(mut slot) = under_way.lock()
                && slot.as_ref().is_some_and(|(other, _)| taking.ptr_eq(other))
            {
                *slot = None;
            }
            let mut before = before.lock().map_err(|_| CredentialsError::unhandled("poisoned"))?;
            let now = SystemTime::now();
            match (taken, &*before) {
                (Ok(keys), _) => {
                    let fresh = keys.until(keys.renewed());
                    *before = Some(keys);
                    Ok(fresh)
                }
                (Err(error), Some(keys)) if keys.ends > now => {
                    tracing::warn!(%error, "credentials could not be renewed, those before are used to their end");
                    Ok(keys.until(keys.ends.min(now + AGAIN)))
                }
                (Err(error), _) => Err(refused(error)),
            }
        }
    }))
}

type Taking = Shared<BoxFuture<'static, Result<Keys, Refused>>>;

/// Goes on whether somebody waits for it or not.
fn begun(take: impl Future<Output = Result<Keys, Refused>> + Send + 'static) -> (Taking, AbortHandle) {
    let taken = tokio::spawn(tokio::time::timeout(PATIENCE, take));
    let task = taken.abort_handle();
    let settled = async {
        match taken.await {
            Ok(Ok(taken)) => taken,
            Ok(Err(_)) => Err(Refused(format!("STS gave no credentials in {} s", PATIENCE.as_secs()))),
            Err(error) => Err(Refused(format!("STS was not asked to the end: {error}"))),
        }
    };
    (settled.boxed().shared(), task)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use aws_credential_types::provider::ProvideCredentials as _;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn keys_end_by_our_clock_whatever_that_of_aws_says() {
        let asked = SystemTime::now();
        let at = |minutes: u64| asked + Duration::from_secs(minutes * 60);
        assert_eq!(end(asked, HOUR, Some(at(60))), at(60));
        assert_eq!(end(asked, HOUR, Some(at(15))), at(15), "the role gives less than was asked for");
        assert_eq!(end(asked, HOUR, Some(at(180))), at(60), "our clock is two hours behind");
        assert_eq!(end(asked, HOUR, Some(asked - HOUR)), at(60), "our clock is two hours ahead");
        assert_eq!(end(asked, HOUR, None), at(60));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_under_way_is_joined_by_the_next_attempt() {
        let asked = Arc::new(AtomicU32::new(0));
        let provider = renewing({
            let asked = Arc::clone(&asked);
            move || {
                asked.fetch_add(1, Ordering::Relaxed);
                std::future::pending()
            }
        });
        let begun = tokio::time::Instant::now();
        let error = loop {
            let attempt = tokio::time::timeout(Duration::from_secs(60), provider.provide_credentials());
            if let Ok(done) = attempt.await {
                break done.unwrap_err();
            }
        };
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("in 150 s"), "{error:?}");
        assert_eq!((asked.load(Ordering::Relaxed), begun.elapsed()), (1, PATIENCE));
    }

    #[tokio::test(start_paused = true)]
    async fn what_ended_when_nobody_waited_is_asked_for_again() {
        let asked = Arc::new(AtomicU32::new(0));
        let provider = renewing({
            let asked = Arc::clone(&asked);
            move || {
                let number = asked.fetch_add(1, Ordering::Relaxed);
                async move {
                    tokio::time::sleep(Duration::from_secs(10)).await;
                    Err(Refused(format!("refusal {number}")))
                }
            }
        });
        let dropped = tokio::time::timeout(Duration::from_secs(1), provider.provide_credentials()).await;
        assert!(dropped.is_err());
        tokio::time::sleep(HOUR).await;
        let error = provider.provide_credentials().await.unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("refusal 1"), "{error:?}");
    }

    #[tokio::test]
    async fn keys_that_cannot_be_renewed_are_used_to_their_end() {
        let asked = Arc::new(AtomicU32::new(0));
        let provider = renewing({
            let asked = Arc::clone(&asked);
            move || {
                let number = asked.fetch_add(1, Ordering::Relaxed);
                async move {
                    let (id, secret, token) = (format!("ASIA{number}"), String::new(), String::new());
                    let ends = SystemTime::now() + Duration::from_millis(300);
                    match number {
                        0 | 2 => Ok(Keys { id, secret, token, ends }),
                        _ => Err(Refused(format!("no answer to {number}"))),
                    }
                }
            }
        });
        let given = async || provider.provide_credentials().await.map(|keys| keys.access_key_id().to_owned());
        assert_eq!(given().await.unwrap(), "ASIA0");
        assert_eq!(given().await.unwrap(), "ASIA0", "not renewed, and still good");
        assert_eq!(given().await.unwrap(), "ASIA2");
        assert_eq!(given().await.unwrap(), "ASIA2");
        tokio::time::sleep(Duration::from_millis(350)).await;
        let error = given().await.unwrap_err();
        assert!(format!("{error:?}").contains("no answer to 4"), "{error:?}");
    }
}
