//! The agent that runs here, which holds keys and signs with them.

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::{AgentClient, AgentStream};

/// A connection to it.
pub(super) type Agent = AgentClient<Box<dyn AgentStream + Send + Unpin>>;

/// An agent that takes longer to list its keys is passed over. To unlock them may take a person a moment.
#[cfg(unix)]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// Every key and certificate of the agent. Why there is none goes to `tried`.
#[cfg(unix)]
pub(super) async fn listed(tried: &mut Vec<String>) -> (Option<Agent>, Vec<AgentIdentity>) {
    let asked = async {
        let mut agent = AgentClient::connect_env().await?.dynamic();
        let identities = agent.request_identities().await?;
        Ok::<_, russh::keys::Error>((agent, identities))
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok((agent, identities))) => {
            if identities.is_empty() {
                tried.push("agent, which holds no key".to_owned());
            }
            return (Some(agent), identities);
        }
        Ok(Err(error)) => tried.push(format!("agent, which does not answer: {error}")),
        Err(_) => tried.push(format!("agent, which does not answer within {} s", PATIENCE.as_secs())),
    }
    (None, Vec::new())
}

#[cfg(not(unix))]
pub(super) async fn listed(tried: &mut Vec<String>) -> (Option<Agent>, Vec<AgentIdentity>) {
    tried.push("agent, which is not supported on this system yet".to_owned());
    (None, Vec::new())
}
