//! SSH over Session Manager: a session for every connection, journalled before it is started.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::account::{Account, unique_name};
use crate::builder::BuilderError;
use crate::client::aws::AwsError;
use crate::client::ssh::{Dial, Key, SshError, Stream};
use crate::run::BuildContext;
use crate::run::aws::AwsThing;
use crate::run::cleanup::Resource;

/// Codes that pass by themselves. Throttling and failures of the service were tried again for long already, and may
/// pass all the same.
const NOT_YET: [&str; 8] = [
    "TargetNotConnected",
    "EC2InstanceNotFoundException",
    "EC2InstanceStateInvalidException",
    "EC2InstanceUnavailableException",
    "InternalServerError",
    "ServiceException",
    "ThrottlingException",
    "RequestLimitExceeded",
];

/// The way to one instance.
pub(super) struct SessionWay {
    account: Account,
    instance: String,
    /// The template's own key, which the instance was launched without, and for whom it is lent.
    lent: Option<Lent>,
    cx: BuildContext,
    /// The session of the connection before, which ended with it.
    last: Mutex<Option<Resource>>,
}

pub(super) struct Lent {
    pub zone: String,
    pub user: String,
    pub key: Key,
}

impl SessionWay {
    /// Waits for `pause`, in which the agent on the instance may register.
    pub(super) async fn new(
        account: &Account,
        instance: &str,
        lent: Option<Lent>,
        pause: Duration,
        cx: &BuildContext,
    ) -> Result<Self, BuilderError> {
        if !pause.is_zero() {
            cx.say(format!("Waiting {} s for the SSM agent...", pause.as_secs_f64()));
            cx.cancel.unless_stopped(tokio::time::sleep(pause)).await?;
        }
        cx.say("Connecting through Session Manager...");
        let (account, cx) = (account.clone(), cx.clone());
        Ok(Self { account, instance: instance.to_owned(), lent, cx, last: Mutex::new(None) })
    }

    /// Starts a session. AWS refuses it until the agent has registered, which the caller takes for a machine that does
    /// not answer yet.
    async fn start(&self, port: u16) -> Result<Box<dyn Stream>, SshError> {
        let (account, cx) = (&self.account, &self.cx);
        let mut last = self.last.lock().await;
        if let Some(ended) = last.take() {
            self.end(&ended).await;
        }
        let reason = unique_name("forge-");
        let thing = AwsThing::Session { reason: reason.clone(), id: String::new() };
        let intent = account.acquire(thing, cx).map_err(|error| closed(&error))?;
        let session = match account.aws.start_session(&self.instance, port, &reason).await {
            Ok(session) => session,
            Err(error) => {
                // Nothing was started: AWS itself said so.
                if !error.code().is_empty() {
                    cx.keep(&intent).map_err(|error| closed(&error))?;
                }
                return Err(refused(&error));
            }
        };
        let thing = AwsThing::Session { reason, id: session.id.clone() };
        let resource = account.acquire(thing, cx).map_err(|error| closed(&error))?;
        cx.keep(&intent).map_err(|error| closed(&error))?;
        *last = Some(resource);
        drop(last);
        let stream = session.open().await.map_err(|why| SshError::Unreachable(format!("Session Manager: {why}")))?;
        Ok(Box::new(stream))
    }

    /// Ends a session whose connection is gone. What fails stays on the stack and is tried again at the end.
    async fn end(&self, session: &Resource) {
        let Resource::Aws { reach, thing } = session else { return };
        if self.account.aws.release(&reach.region, thing).await.is_ok() {
            let _ = self.cx.keep(session);
        }
    }
}

/// What ends the attempts to connect.
fn closed(error: &dyn std::fmt::Display) -> SshError {
    SshError::Local { path: "Session Manager".to_owned(), source: std::io::Error::other(error.to_string()) }
}

/// A machine whose agent has not registered, or that EC2 does not know to run yet, is one that does not answer yet; so
/// is one that cannot be asked about at the moment. What else AWS refuses, it refuses for ever.
fn refused(error: &AwsError) -> SshError {
    let passes = matches!(error, AwsError::Transport { .. }) || error.is(&NOT_YET);
    if passes { SshError::Unreachable(error.to_string()) } else { closed(error) }
}

#[async_trait]
impl Dial for SessionWay {
    async fn dial(&self, port: u16) -> Result<Box<dyn Stream>, SshError> {
        if let Some(lent) = &self.lent {
            let done = self.account.aws.lend_key(&self.instance, &lent.zone, &lent.user, &lent.key.public_line()).await;
            done.map_err(|error| refused(&error))?;
        }
        self.start(port).await
    }
}
