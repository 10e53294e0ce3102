//! The one waiter: looks at a state until it is the wanted one, a terminal one, or the time is over.

use std::time::Duration;

use rand::Rng as _;
use tokio::time::{Instant, sleep};

use super::error::AwsError;
use crate::run::cancel::Cancelled;

/// Each look after the second comes so much later than the one before: what is ready is noticed late by at most 0.4 of
/// the time that it took, and a wait of ten times the soonest costs seven calls.
const GROWTH: f64 = 1.4;
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(20);
/// What is not seen for so long is gone: what a call has made shows after seconds.
const MISSING: Duration = Duration::from_secs(2 * 60);
/// How long a wait goes on when no look sees anything, though each has tried as often as it may: what is waited for may be
/// hours of work.
const BLIND: Duration = Duration::from_secs(5 * 60);
/// What one attempt counts for when only their number is given.
const ATTEMPT: Duration = Duration::from_secs(15);

/// How a kind of wait goes when nothing is said of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Before this AWS is hardly ever ready: the second look comes then, as the first, at once, costs little.
    pub soonest: Duration,
    /// How long it is waited for.
    pub budget: Duration,
}

impl Pace {
    pub(crate) const fn of_secs(soonest: u64, budget: u64) -> Self {
        Self { soonest: Duration::from_secs(soonest), budget: Duration::from_secs(budget) }
    }
}

/// What `aws_polling` and the environment say about waiting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Polling {
    /// Fixed pause between looks.
    pub delay: Option<Duration>,
    /// Number of pauses before the wait is given up.
    pub attempts: Option<u32>,
    /// Time for a wait without `attempts` (`AWS_TIMEOUT_SECONDS`).
    pub time: Option<Duration>,
}

impl Polling {
    /// Fills what the template does not say from `AWS_POLL_DELAY_SECONDS`, `AWS_MAX_ATTEMPTS` and, for neither,
    /// `AWS_TIMEOUT_SECONDS`. What is no number is passed over with a line in the log, as in the peer.
    pub(crate) fn or_environment(self, variable: impl Fn(&str) -> Option<String>) -> Self {
        let number = |name: &str| {
            let text = variable(name).filter(|text| !text.is_empty())?;
            let parsed = text.parse::<u32>().ok().filter(|number| *number > 0);
            if parsed.is_none() {
                tracing::warn!(name, text, "not a whole number above 0, passed over");
            }
            parsed
        };
        let seconds = |name| number(name).map(|seconds| Duration::from_secs(seconds.into()));
        Self {
            delay: self.delay.or_else(|| seconds("AWS_POLL_DELAY_SECONDS")),
            attempts: self.attempts.or_else(|| number("AWS_MAX_ATTEMPTS")),
            time: self.time.or_else(|| seconds("AWS_TIMEOUT_SECONDS")),
        }
    }

    /// How long to wait for something that has `usual` by default. Attempts are a true count of pauses, so that a
    /// number written for fixed pauses of 15 s never means less.
    fn budget(self, usual: Duration) -> Duration {
        match (self.attempts, self.time) {
            (Some(attempts), _) => self.delay.unwrap_or(ATTEMPT) * attempts,
            (None, Some(time)) => time,
            (None, None) => usual,
        }
    }

    /// Pause after the look number `looks`, counted from 0: fixed when given, else growing, and a random part more or
    /// less so that builds that started together do not ask together.
    fn pause(self, looks: u32, soonest: Duration) -> Duration {
        if let Some(delay) = self.delay {
            return delay;
        }
        let usual = match looks {
            0 => soonest,
            more => soonest.mul_f64((GROWTH - 1.0) * GROWTH.powf(f64::from(more.min(16) - 1))).min(LONGEST),
        };
        usual.mul_f64(rand::rng().random_range(0.9..1.1))
    }
}

/// What a look saw.
#[derive(Debug)]
pub(crate) enum Look<T> {
    Ready(T),
    /// Goes on; the text is the state for a message.
    Pending(String),
    /// It is not seen: not yet, or not any more.
    Missing,
    /// Never comes; the text says why.
    Failed(String),
}

/// Looks, at once and then again and again, until what is waited for is there. `what` completes "waiting for ...".
pub(crate) async fn wait<T, F>(
    what: &str,
    polling: Polling,
    pace: Pace,
    stopped: &tokio_util::sync::CancellationToken,
    mut look: impl FnMut() -> F,
) -> Result<T, AwsError>
where
    F: Future<Output = Result<Look<T>, AwsError>>,
{
    let budget = polling.budget(pace.budget);
    let begun = Instant::now();
    let (mut blind, mut missing) = (None, None);
    for looks in 0.. {
        let seen = tokio::select! {
            biased;
            () = stopped.cancelled() => return Err(Cancelled.into()),
            seen = look() => seen,
        };
        let state = match seen {
            Ok(Look::Ready(ready)) => return Ok(ready),
            Ok(Look::Failed(reason)) => return Err(AwsError::Wait(format!("waiting for {what} failed: {reason}"))),
            Ok(Look::Missing) if lasts(&mut missing) >= MISSING => {
                return Err(AwsError::Wait(format!("waiting for {what} failed: it is not there, or not any more")));
            }
            Ok(Look::Missing) => {
                blind = None;
                "not visible".to_owned()
            }
            Ok(Look::Pending(state)) => {
                (blind, missing) = (None, None);
                state
            }
            Err(error) if error.is_transient() && lasts(&mut blind) < BLIND => {
                tracing::warn!(what, %error, "the state is unknown, and asked for again");
                format!("unknown ({error})")
            }
            Err(error) => return Err(error),
        };
        let left = budget.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Err(AwsError::Wait(format!(
                "waiting for {what} took longer than {} s, it is still {state}; raise max_attempts in aws_polling if it \
                 needs more time",
                budget.as_secs()
            )));
        }
        tokio::select! {
            biased;
            () = stopped.cancelled() => return Err(Cancelled.into()),
            () = sleep(polling.pause(looks, pace.soonest).min(left)) => {}
        }
    }
    Err(AwsError::Wait(format!("waiting for {what} was given up")))
}

/// For how long something has been so, counted from the first look that found it.
fn lasts(since: &mut Option<Instant>) -> Duration {
    since.get_or_insert_with(Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio_util::sync::CancellationToken;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const PACE: Pace = Pace::of_secs(10, 3600);

    async fn waited(polling: Polling, pace: Pace, ready_after: Duration) -> (Result<(), String>, u32, Duration) {
        let begun = Instant::now();
        let looks = Cell::new(0);
        let look = || {
            looks.set(looks.get() + 1);
            let ready = begun.elapsed() >= ready_after;
            async move { Ok(if ready { Look::Ready(()) } else { Look::Pending("pending".to_owned()) }) }
        };
        let done = wait("a thing", polling, pace, &CancellationToken::new(), look).await;
        (done.map_err(|error| error.to_string()), looks.get(), begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn looks_at_once_then_ever_more_rarely() {
        let (done, looks, _) = waited(Polling::default(), PACE, Duration::ZERO).await;
        assert_eq!((done, looks), (Ok(()), 1));
        let (_, looks, took) = waited(Polling::default(), PACE, Duration::from_secs(1)).await;
        assert!(looks == 2 && took <= Duration::from_secs(11), "{looks} looks, {took:?}");
        let (done, looks, took) = waited(Polling::default(), PACE, Duration::from_secs(30)).await;
        assert_eq!(done, Ok(()));
        assert!((4..=6).contains(&looks), "{looks} looks in 30 s");
        assert!(took < Duration::from_secs(45), "{took:?}");
        let (_, looks, _) = waited(Polling::default(), PACE, Duration::from_secs(600)).await;
        assert!((30..=40).contains(&looks), "{looks} looks in 10 minutes");
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_count_pauses_and_an_end_says_what_it_was() {
        let polling = Polling { attempts: Some(240), ..Polling::default() };
        let (done, ..) = waited(polling, Pace::of_secs(10, 60), Duration::from_secs(59 * 60)).await;
        assert_eq!(done, Ok(()), "240 attempts are an hour");
        let polling = Polling { delay: Some(Duration::from_secs(3)), attempts: Some(4), time: None };
        let (done, looks, took) = waited(polling, PACE, HOUR).await;
        let error = done.unwrap_err();
        assert!(error.contains("a thing took longer than 12 s, it is still pending"), "{error}");
        assert_eq!((looks, took), (5, Duration::from_secs(12)));
    }

    #[tokio::test(start_paused = true)]
    async fn looks_that_see_nothing_are_made_again_for_a_while() {
        let error = |code: &str| AwsError::Service {
            call: "DescribeImages",
            region: "eu-west-1".to_owned(),
            code: code.to_owned(),
            message: "by the test".to_owned(),
            request_id: String::new(),
        };
        for (code, blind, takes) in [
            ("RequestLimitExceeded", 240, Ok(240)),
            ("Unavailable", HOUR.as_secs(), Err(300)),
            ("UnauthorizedOperation", HOUR.as_secs(), Err(0)),
        ] {
            let begun = Instant::now();
            let look = || {
                let seen =
                    if begun.elapsed() < Duration::from_secs(blind) { Err(error(code)) } else { Ok(Look::Ready(())) };
                std::future::ready(seen)
            };
            let done = wait("a thing", Polling::default(), PACE, &CancellationToken::new(), look).await;
            let took = begun.elapsed().as_secs();
            match takes {
                Ok(least) => assert!(done.is_ok() && (least..least + 22).contains(&took), "{code}: {done:?}, {took} s"),
                Err(least) => {
                    assert_eq!(done.unwrap_err().code(), code);
                    assert!((least..least + 22).contains(&took), "{code}: {took} s");
                }
            }
        }
    }

    /// Rare looks do not make one bad look a long time.
    #[tokio::test(start_paused = true)]
    async fn one_look_that_sees_nothing_is_forgiven_whatever_the_pause() {
        let looks = Cell::new(0);
        let look = || {
            looks.set(looks.get() + 1);
            std::future::ready(match looks.get() {
                1 | 3 | 5 => Ok(Look::Pending("pending".to_owned())),
                2 => Ok(Look::Missing),
                4 => Err(AwsError::Transport { call: "X", region: String::new(), reason: "no way".to_owned() }),
                _ => Ok(Look::Ready(())),
            })
        };
        let polling = Polling { delay: Some(Duration::from_secs(600)), ..Polling::default() };
        let pace = Pace::of_secs(10, 36_000);
        wait("a thing", polling, pace, &CancellationToken::new(), look).await.unwrap();
        assert_eq!(looks.get(), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn what_somebody_removed_is_not_waited_for() {
        let begun = Instant::now();
        let look = || {
            let there = begun.elapsed() < Duration::from_secs(600);
            std::future::ready(Ok(if there { Look::<()>::Pending("pending".to_owned()) } else { Look::Missing }))
        };
        let done = wait("a thing", Polling::default(), PACE, &CancellationToken::new(), look).await;
        let error = done.unwrap_err().to_string();
        assert!(error.contains("not there, or not any more"), "{error}");
        assert!((700..780).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_it_in_the_middle() {
        let stopped = CancellationToken::new();
        let (look, begun) = (|| async { Ok(Look::<()>::Pending("x".to_owned())) }, Instant::now());
        let polling = Polling::default();
        let waiting = wait("a thing", polling, PACE, &stopped, look);
        let (done, ()) = tokio::join!(waiting, async {
            sleep(Duration::from_secs(42)).await;
            stopped.cancel();
        });
        assert!(matches!(done, Err(AwsError::Cancelled(_))));
        assert_eq!(begun.elapsed(), Duration::from_secs(42));
    }

    #[test]
    fn the_environment_fills_what_the_template_leaves() {
        let variables = |name: &str| match name {
            "AWS_POLL_DELAY_SECONDS" => Some("7".to_owned()),
            "AWS_MAX_ATTEMPTS" => Some("many".to_owned()),
            "AWS_TIMEOUT_SECONDS" => Some("90".to_owned()),
            _ => None,
        };
        let polling = Polling::default().or_environment(variables);
        assert_eq!(polling.delay, Some(Duration::from_secs(7)));
        assert_eq!(polling.budget(HOUR), Duration::from_secs(90));
        let template = Polling { attempts: Some(2), ..Polling::default() };
        assert_eq!(template.or_environment(variables).budget(HOUR), Duration::from_secs(14));
    }
}
