//! Logging in: one credential after the other of the kinds that the machine still wants, until it wants no more.

use russh::client::Handle;
use russh::keys::agent::AgentIdentity;
use russh::{MethodKind, MethodSet};

use super::agent;
use super::handler::Handler;
use super::offer::{Answer, Hash, Offer, Sent};
use super::{Credentials, Hop, SshError};

/// Logs in as `hop.user`. The error names what was tried, never a secret.
pub(super) async fn log_in(handle: &mut Handle<Handler>, hop: &Hop) -> Result<(), SshError> {
    let mut login = Login { handle, user: &hop.user, wanted: None, partly: false, tried: Vec::new() };
    match login.run(&hop.credentials).await {
        Ok(true) => Ok(()),
        // The machine may hang up after too many keys: that is a refusal too.
        Ok(false) | Err(russh::Error::Disconnect | russh::Error::SendError | russh::Error::RecvError) => {
            let text = format!("{} does not let {:?} in ({})", hop.host, hop.user, login.story());
            Err(SshError::Authentication(text))
        }
        Err(error) => Err(error.into()),
    }
}

struct Login<'a> {
    handle: &'a mut Handle<Handler>,
    user: &'a str,
    /// Kinds with which the machine would go on, as it said last.
    wanted: Option<MethodSet>,
    /// The machine took a credential, and wants one more.
    partly: bool,
    tried: Vec<String>,
}

impl Login<'_> {
    async fn run(&mut self, credentials: &Credentials) -> Result<bool, russh::Error> {
        // To ask costs a round trip. With keys alone there is nothing to choose; a password is offered in two ways, and
        // one that the machine does not take would count as a failure.
        if credentials.answers().is_some() {
            let said = self.handle.authenticate_none(self.user).await?;
            if self.hears(&said.into()) {
                return Ok(true);
            }
        }
        let hash = self.hash(credentials).await?;
        let (mut agent, listed) = match credentials.agent {
            true => agent::listed(&mut self.tried).await,
            false => (None, Vec::new()),
        };
        let mut offers = offers(credentials, &listed, hash);
        while let Some(next) = offers.iter().position(|offer| self.wants(offer.kind())) {
            let offer = offers.remove(next);
            self.tried.push(offer.name());
            let answer = match offer.send(self.handle, self.user, agent.as_mut()).await? {
                Sent::Answered(answer) => answer,
                Sent::Unsigned(why) => {
                    self.tried.push(format!("the agent did not sign: {why}"));
                    continue;
                }
            };
            if self.hears(&answer) {
                return Ok(true);
            }
            if self.handle.is_closed() {
                self.tried.push("then it hung up".to_owned());
                return Ok(false);
            }
            match answer {
                Answer::Partly(_) => offers.extend(offer.again()),
                // After everything else, since refusals are counted.
                _ => offers.extend(offer.otherwise()),
            }
        }
        Ok(false)
    }

    async fn hash(&self, credentials: &Credentials) -> Result<Hash, russh::Error> {
        // A machine that says nothing of it is waited for.
        let counts = credentials.agent || credentials.keys.iter().any(|key| key.private.algorithm().is_rsa());
        Ok(Hash::of(if counts { self.handle.best_supported_rsa_hash().await? } else { None }))
    }

    fn wants(&self, kind: MethodKind) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.contains(&kind))
    }

    /// Remembers what the machine wants now. Whether it lets us in.
    fn hears(&mut self, answer: &Answer) -> bool {
        match answer {
            Answer::In => true,
            Answer::Partly(wanted) => {
                self.partly = true;
                self.wanted = Some(wanted.clone());
                false
            }
            Answer::Refused(wanted) => {
                self.wanted = Some(wanted.clone());
                false
            }
        }
    }

    fn story(&self) -> String {
        let tried = if self.tried.is_empty() { "nothing to offer".to_owned() } else { self.tried.join(", ") };
        let wanted: Vec<&str> = self.wanted.iter().flat_map(|wanted| wanted.iter()).map(Into::into).collect();
        match (wanted.join(", "), self.partly) {
            (wanted, _) if wanted.is_empty() => format!("tried: {tried}"),
            (wanted, true) => format!("tried: {tried}; after what it took, it wants {wanted}"),
            (wanted, false) => format!("tried: {tried}; it takes {wanted}"),
        }
    }
}

/// All that is there, in the order in which it is offered.
fn offers<'a>(credentials: &'a Credentials, listed: &'a [AgentIdentity], hash: Hash) -> Vec<Offer<'a>> {
    let listed = listed.iter().map(|identity| Offer::Listed(identity, hash));
    let keys = credentials.keys.iter().flat_map(|key| {
        let certified = key.certificate.as_ref().map(|certificate| Offer::Certified(key, certificate, hash));
        certified.into_iter().chain([Offer::Key(key, hash)])
    });
    let password = credentials.password.as_deref().map(Offer::Password);
    let secrets = password.into_iter().chain(credentials.answers().map(Offer::Answers));
    match credentials.password_first {
        true => secrets.chain(keys).chain(listed).collect(),
        false => listed.chain(keys).chain(secrets).collect(),
    }
}
