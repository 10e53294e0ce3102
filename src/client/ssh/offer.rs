//! One credential, and what the machine answers to it.

use std::sync::Arc;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode as _;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg, ssh_key};
use russh::{AgentAuthError, MethodKind, MethodSet, Signer};

use super::Key;
use super::agent::Agent;
use super::handler::Handler;

/// Rounds of questions after which a machine is not answered any more.
const ROUNDS: usize = 8;

/// What an RSA key signs with; nothing is SHA-1.
#[derive(Clone, Copy)]
pub(super) struct Hash {
    pub first: Option<HashAlg>,
    /// Another one, for a machine that refuses the first.
    pub then: Option<Option<HashAlg>>,
}

impl Hash {
    /// For a machine that says which is the best of those it takes, or says nothing.
    pub(super) fn of(said: Option<Option<HashAlg>>) -> Self {
        match said {
            // Servers may know of an algorithm and be told to refuse it.
            Some(Some(best)) => Self { first: Some(best), then: Some(None) },
            Some(None) => Self { first: None, then: None },
            // Servers before OpenSSH 7.2 know SHA-1 alone, and there are some that hang up on all else.
            None => Self { first: None, then: Some(Some(HashAlg::Sha512)) },
        }
    }

    fn next(self) -> Option<Self> {
        self.then.map(|first| Self { first, then: None })
    }
}

pub(super) enum Offer<'a> {
    /// The agent's.
    Listed(&'a AgentIdentity, Hash),
    Certified(&'a Key, &'a Certificate, Hash),
    Key(&'a Key, Hash),
    Password(&'a str),
    /// Every question is answered with it.
    Answers(&'a str),
}

pub(super) enum Answer {
    In,
    /// Taken, and one of these is wanted besides.
    Partly(MethodSet),
    /// One of these may do.
    Refused(MethodSet),
}

impl Answer {
    fn no(wanted: MethodSet, partly: bool) -> Self {
        if partly { Self::Partly(wanted) } else { Self::Refused(wanted) }
    }
}

impl From<AuthResult> for Answer {
    fn from(result: AuthResult) -> Self {
        match result {
            AuthResult::Success => Self::In,
            AuthResult::Failure { remaining_methods, partial_success } => Self::no(remaining_methods, partial_success),
        }
    }
}

/// What came of an offer.
pub(super) enum Sent {
    Answered(Answer),
    /// The agent did not sign, and says why.
    Unsigned(String),
}

impl Offer<'_> {
    pub(super) fn kind(&self) -> MethodKind {
        match self {
            Self::Listed(..) | Self::Certified(..) | Self::Key(..) => MethodKind::PublicKey,
            Self::Password(_) => MethodKind::Password,
            Self::Answers(_) => MethodKind::KeyboardInteractive,
        }
    }

    /// For the list of what was tried.
    pub(super) fn name(&self) -> String {
        let what = match self {
            Self::Listed(AgentIdentity::PublicKey { key, .. }, _) => {
                format!("agent's key {}", key.fingerprint(HashAlg::Sha256))
            }
            Self::Listed(AgentIdentity::Certificate { certificate, .. }, _) => {
                format!("agent's certificate {}", certificate.key_id())
            }
            Self::Certified(_, certificate, _) => format!("certificate {}", certificate.key_id()),
            Self::Key(key, _) => {
                format!("key {} {}", key.private.algorithm().as_str(), key.private.fingerprint(HashAlg::Sha256))
            }
            Self::Password(_) => "password".to_owned(),
            Self::Answers(_) => "keyboard-interactive".to_owned(),
        };
        match self.signs() {
            Some(Hash { first: None, .. }) => format!("{what} with SHA-1"),
            _ => what,
        }
    }

    /// How it signs, if it is an RSA key.
    fn signs(&self) -> Option<Hash> {
        let (algorithm, hash) = match self {
            Self::Listed(identity, hash) => (identity.public_key().algorithm(), *hash),
            Self::Certified(key, _, hash) | Self::Key(key, hash) => (key.private.algorithm(), *hash),
            Self::Password(_) | Self::Answers(_) => return None,
        };
        algorithm.is_rsa().then_some(hash)
    }

    /// The same RSA key signing in another way, if there is one left.
    pub(super) fn otherwise(self) -> Option<Self> {
        let next = self.signs()?.next()?;
        match self {
            Self::Listed(identity, _) => Some(Self::Listed(identity, next)),
            Self::Certified(key, certificate, _) => Some(Self::Certified(key, certificate, next)),
            Self::Key(key, _) => Some(Self::Key(key, next)),
            Self::Password(_) | Self::Answers(_) => None,
        }
    }

    /// What is left of one that was taken: a machine takes a key once, and may ask for a password more often.
    pub(super) fn again(self) -> Option<Self> {
        matches!(self, Self::Password(_) | Self::Answers(_)).then_some(self)
    }

    pub(super) async fn send(
        &self,
        handle: &mut Handle<Handler>,
        user: &str,
        agent: Option<&mut Agent>,
    ) -> Result<Sent, russh::Error> {
        let answer = match self {
            Self::Listed(identity, hash) => {
                let Some(agent) = agent else { return Ok(Sent::Unsigned("it is gone".to_owned())) };
                let signed = match (*identity).clone() {
                    AgentIdentity::PublicKey { key, .. } => {
                        let hash = hash.first.filter(|_| key.algorithm().is_rsa());
                        handle.authenticate_publickey_with(user, key, hash, agent).await
                    }
                    AgentIdentity::Certificate { certificate, .. } => {
                        let hash = hash.first.filter(|_| certificate.algorithm().is_rsa());
                        handle.authenticate_certificate_with(user, certificate, hash, agent).await
                    }
                };
                match signed {
                    Ok(result) => result.into(),
                    Err(AgentAuthError::Send(_)) => return Err(russh::Error::SendError),
                    Err(error) => return Ok(Sent::Unsigned(error.to_string())),
                }
            }
            Self::Certified(key, certificate, hash) => {
                let hash = hash.first.filter(|_| key.private.algorithm().is_rsa());
                let mut signer = OwnKey(Arc::clone(&key.private));
                match handle.authenticate_certificate_with(user, (*certificate).clone(), hash, &mut signer).await {
                    Ok(result) => result.into(),
                    Err(AgentAuthError::Send(_)) => return Err(russh::Error::SendError),
                    Err(AgentAuthError::Key(error)) => return Err(error.into()),
                }
            }
            Self::Key(key, hash) => {
                let offered = PrivateKeyWithHashAlg::new(Arc::clone(&key.private), hash.first);
                handle.authenticate_publickey(user, offered).await?.into()
            }
            Self::Password(password) => handle.authenticate_password(user, *password).await?.into(),
            Self::Answers(password) => answer(handle, user, password).await?,
        };
        Ok(Sent::Answered(answer))
    }
}

/// Answers every question with the password.
async fn answer(handle: &mut Handle<Handler>, user: &str, password: &str) -> Result<Answer, russh::Error> {
    let mut said = handle.authenticate_keyboard_interactive_start(user, None).await?;
    for _ in 0..ROUNDS {
        match said {
            KeyboardInteractiveAuthResponse::Success => return Ok(Answer::In),
            KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success } => {
                return Ok(Answer::no(remaining_methods, partial_success));
            }
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                let answers = prompts.iter().map(|_| password.to_owned()).collect();
                said = handle.authenticate_keyboard_interactive_respond(answers).await?;
            }
        }
    }
    // It is in the middle of a method, and waits for no other one.
    Ok(Answer::Refused(MethodSet::empty()))
}

/// Signs for a certificate with our own key. The library's call for that names RSA certificates by their SHA-1 form,
/// which no current machine takes; only its call for foreign signers lets us say the hash.
struct OwnKey(Arc<PrivateKey>);

impl Signer for OwnKey {
    type Error = AgentAuthError;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        mut data: Vec<u8>,
    ) -> Result<Vec<u8>, Self::Error> {
        let signed = match self.0.key_data() {
            KeypairData::Rsa(pair) => (pair, hash).try_sign(&data),
            other => other.try_sign(&data),
        };
        let signature = signed.map_err(|error| key_error(ssh_key::Error::from(error)))?;
        let mut encoded = Vec::new();
        signature.encode(&mut encoded).map_err(key_error)?;
        encoded.encode(&mut data).map_err(key_error)?;
        Ok(data)
    }
}

fn key_error(error: impl Into<russh::keys::Error>) -> AgentAuthError {
    AgentAuthError::Key(error.into())
}
