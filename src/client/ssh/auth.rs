//! Logging in: every credential in turn until the machine takes one.

use std::sync::Arc;
#[cfg(unix)]
use std::time::Duration;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode as _;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, ssh_key};
use russh::{AgentAuthError, Signer};

use super::handler::Handler;
use super::{Credentials, Hop, Key, SshError};

/// An agent that takes longer to list its keys is passed over. To unlock them may take a person a moment.
#[cfg(unix)]
const AGENT: Duration = Duration::from_secs(20);
/// Rounds of questions after which a machine is not answered any more.
const ROUNDS: usize = 8;

/// Logs in as `hop.user`. The error names what was tried, never a secret.
pub(super) async fn log_in(handle: &mut Handle<Handler>, hop: &Hop) -> Result<(), SshError> {
    let mut tried = Vec::new();
    let outcome = offer_all(handle, &hop.user, &hop.credentials, &mut tried).await;
    match outcome {
        Ok(true) => Ok(()),
        // The machine may hang up after too many keys: that is a refusal too.
        Ok(false) | Err(russh::Error::Disconnect | russh::Error::SendError | russh::Error::RecvError) => {
            let tried = if tried.is_empty() { "nothing to offer".to_owned() } else { tried.join(", ") };
            Err(SshError::Authentication(format!("{} does not let {:?} in (tried: {tried})", hop.host, hop.user)))
        }
        Err(error) => Err(error.into()),
    }
}

async fn offer_all(
    handle: &mut Handle<Handler>,
    user: &str,
    credentials: &Credentials,
    tried: &mut Vec<String>,
) -> Result<bool, russh::Error> {
    let hash = match handle.best_supported_rsa_hash().await? {
        Some(hash) => hash,
        // A machine that does not say which it takes is newer than SHA-1 in all likelihood.
        None => Some(HashAlg::Sha512),
    };
    if credentials.agent && offer_agent(handle, user, hash, tried).await? {
        return Ok(true);
    }
    for key in &credentials.keys {
        if offer_key(handle, user, key, hash, tried).await? {
            return Ok(true);
        }
    }
    if let Some(password) = &credentials.password {
        tried.push("password".to_owned());
        if handle.authenticate_password(user, password).await?.success() {
            return Ok(true);
        }
    }
    if credentials.interactive || credentials.password.is_some() {
        tried.push("keyboard-interactive".to_owned());
        return answer(handle, user, credentials.password.as_deref().unwrap_or_default()).await;
    }
    Ok(false)
}

async fn offer_key(
    handle: &mut Handle<Handler>,
    user: &str,
    key: &Key,
    hash: Option<HashAlg>,
    tried: &mut Vec<String>,
) -> Result<bool, russh::Error> {
    let kind = key.private.algorithm();
    if let Some(certificate) = &key.certificate {
        tried.push(format!("certificate {}", certificate.key_id()));
        let hash = if kind.clone().is_rsa() { hash } else { None };
        let mut signer = OwnKey(Arc::clone(&key.private));
        match handle.authenticate_certificate_with(user, certificate.clone(), hash, &mut signer).await {
            Ok(result) if passed(&result) => return Ok(true),
            Ok(_) => {}
            Err(AgentAuthError::Send(_)) => return Err(russh::Error::SendError),
            Err(AgentAuthError::Key(error)) => return Err(error.into()),
        }
    }
    tried.push(format!("key {} {}", kind.as_str(), key.private.fingerprint(HashAlg::Sha256)));
    let offered = PrivateKeyWithHashAlg::new(key.private.clone(), hash);
    let result = handle.authenticate_publickey(user, offered).await?;
    Ok(passed(&result))
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

fn passed(result: &AuthResult) -> bool {
    matches!(result, AuthResult::Success)
}

/// Every key of the agent that runs here. Without an agent nothing is offered.
#[cfg(unix)]
async fn offer_agent(
    handle: &mut Handle<Handler>,
    user: &str,
    hash: Option<HashAlg>,
    tried: &mut Vec<String>,
) -> Result<bool, russh::Error> {
    let listed = async {
        let mut agent = russh::keys::agent::client::AgentClient::connect_env().await?;
        let identities = agent.request_identities().await?;
        Ok::<_, russh::keys::Error>((agent, identities))
    };
    let (mut agent, identities) = match tokio::time::timeout(AGENT, listed).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tried.push(format!("agent, which does not answer: {error}"));
            return Ok(false);
        }
        Err(_) => {
            tried.push(format!("agent, which does not answer within {} s", AGENT.as_secs()));
            return Ok(false);
        }
    };
    if identities.is_empty() {
        tried.push("agent, which holds no key".to_owned());
    }
    for identity in identities {
        let result = match identity {
            AgentIdentity::PublicKey { key, .. } => {
                tried.push(format!("agent's key {}", key.fingerprint(HashAlg::Sha256)));
                let hash = if key.algorithm().is_rsa() { hash } else { None };
                handle.authenticate_publickey_with(user, key, hash, &mut agent).await
            }
            AgentIdentity::Certificate { certificate, .. } => {
                tried.push(format!("agent's certificate {}", certificate.key_id()));
                let hash = if certificate.algorithm().is_rsa() { hash } else { None };
                handle.authenticate_certificate_with(user, certificate, hash, &mut agent).await
            }
        };
        match result {
            Ok(result) if passed(&result) => return Ok(true),
            Ok(_) => {}
            Err(error) => tried.push(format!("the agent did not sign: {error}")),
        }
        if handle.is_closed() {
            return Err(russh::Error::Disconnect);
        }
    }
    Ok(false)
}

#[cfg(not(unix))]
async fn offer_agent(
    _: &mut Handle<Handler>,
    _: &str,
    _: Option<HashAlg>,
    tried: &mut Vec<String>,
) -> Result<bool, russh::Error> {
    tried.push("agent, which is not supported on this system yet".to_owned());
    Ok(false)
}

/// Answers every question with the password.
async fn answer(handle: &mut Handle<Handler>, user: &str, password: &str) -> Result<bool, russh::Error> {
    let mut said = handle.authenticate_keyboard_interactive_start(user, None).await?;
    for _ in 0..ROUNDS {
        match said {
            KeyboardInteractiveAuthResponse::Success => return Ok(true),
            KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                let answers = prompts.iter().map(|_| password.to_owned()).collect();
                said = handle.authenticate_keyboard_interactive_respond(answers).await?;
            }
        }
    }
    Ok(false)
}
