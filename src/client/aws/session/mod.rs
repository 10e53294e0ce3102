//! Session Manager: a stream of bytes to a port of an instance that nobody can reach from outside.
//!
//! The protocol of the data channel is spoken here rather than by the vendor's program, which would have to be
//! installed on every runner, opens a port on it that everybody there can use, and outlives us when we die.

mod channel;
mod message;

use aws_config::retry::RetryConfig;
use aws_sdk_ssm::types::{SessionFilter, SessionFilterKey, SessionState};
use tokio::io::DuplexStream;

use super::error::AwsError;
use super::release::twice;
use super::{Aws, without_quota};

/// Forwards one port; the same document as the peer's, so that the same policies allow it.
const DOCUMENT: &str = "AWS-StartPortForwardingSession";

/// A session that was started.
pub(crate) struct StartedSession {
    pub id: String,
    url: String,
    token: String,
}

impl StartedSession {
    /// Opens the stream to the port. The error says why there is none.
    pub(crate) async fn open(&self) -> Result<DuplexStream, String> {
        channel::open(&self.url, &self.token).await
    }
}

impl Aws {
    fn ssm(&self, region: &str) -> aws_sdk_ssm::Client {
        let settings = aws_sdk_ssm::config::Builder::from(&self.config_in(region)).retry_partition(without_quota());
        aws_sdk_ssm::Client::from_conf(settings.build())
    }

    /// Starts a session with `reason`, by which it is found again. The call is made once: there is no token that would
    /// keep a repeated one from starting a second session.
    pub(crate) async fn start_session(
        &self,
        instance: &str,
        port: u16,
        reason: &str,
    ) -> Result<StartedSession, AwsError> {
        let request = self
            .ssm(self.region())
            .start_session()
            .target(instance)
            .document_name(DOCUMENT)
            .reason(reason)
            .parameters("portNumber", vec![port.to_string()]);
        let once = aws_sdk_ssm::config::Builder::default().retry_config(RetryConfig::disabled());
        let started = request.customize().config_override(once).send().await;
        let started = started.map_err(|error| AwsError::of("StartSession", self.region(), &error))?;
        let (Some(id), Some(url), Some(token)) = (started.session_id, started.stream_url, started.token_value) else {
            return Err(AwsError::Unexpected("StartSession: an answer without a session".to_owned()));
        };
        Ok(StartedSession { id, url, token })
    }

    /// Ends the session `id`, or without one those that were started with `reason`.
    pub(super) async fn end_session(&self, region: &str, id: &str, reason: &str) -> Result<bool, AwsError> {
        let ids = match id {
            "" => twice(|| self.sessions_for(region, reason)).await?,
            id => vec![id.to_owned()],
        };
        for id in &ids {
            let done = self.ssm(region).terminate_session().session_id(id).send().await;
            match done.map_err(|error| AwsError::of("TerminateSession", region, &error)) {
                Err(error) if error.is(&["DoesNotExistException"]) => {}
                done => drop(done?),
            }
        }
        Ok(!ids.is_empty())
    }

    async fn sessions_for(&self, region: &str, reason: &str) -> Result<Vec<String>, AwsError> {
        let unexpected =
            |error: aws_smithy_types::error::operation::BuildError| AwsError::Unexpected(error.to_string());
        let connected = SessionFilter::builder().key(SessionFilterKey::Status).value("Connected").build();
        let request = self.ssm(region).describe_sessions().state(SessionState::Active);
        let mut pages = request.filters(connected.map_err(unexpected)?).into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(session) = pages.next().await {
            let session = session.map_err(|error| AwsError::of("DescribeSessions", region, &error))?;
            if session.reason.as_deref() == Some(reason) {
                found.extend(session.session_id);
            }
        }
        Ok(found)
    }

    /// Lets the key log in for the next minute, on an instance that was launched without it.
    pub(crate) async fn lend_key(
        &self,
        instance: &str,
        zone: &str,
        user: &str,
        public_key: &str,
    ) -> Result<(), AwsError> {
        let client = aws_sdk_ec2instanceconnect::Client::new(&self.config_in(self.region()));
        let request = client.send_ssh_public_key().instance_id(instance).instance_os_user(user);
        let request = request.ssh_public_key(public_key).set_availability_zone(super::ec2::text(zone));
        let done = request.send().await;
        done.map(drop).map_err(|error| AwsError::of("SendSSHPublicKey", self.region(), &error))
    }
}
