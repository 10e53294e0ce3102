//! The accounts of a run, each connected once.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::OnceCell;

use super::mfa::Sessions;
use super::{Access, Aws, AwsError, OidcRole, profile};
use crate::run::aws::AwsReach;
use crate::secret::Redactor;

/// Said where the credentials of now do not do for what was made in such a session.
const WITHOUT_CODE: &str = "it was made in a session that a code of an MFA device began, with the profile and role of \
                            the template; a sweep has no code and uses the credentials that it is given, such as keys \
                            of aws sts get-session-token or aws sts assume-role in the environment";

/// Connected accounts, shared by all components of a run.
#[derive(Default)]
pub(crate) struct Accounts {
    /// The role that the action or the command line names.
    role: OnceLock<(OidcRole, Redactor)>,
    /// The region of those that name none, when there is no role.
    region: OnceLock<String>,
    /// Name of the sessions in which templates take roles, when they name none.
    session: OnceLock<String>,
    /// Those that codes of MFA devices began.
    sessions: Sessions,
    /// Each connected beside the others: one that waits for its credentials keeps nobody waiting.
    connections: Mutex<Vec<(Access, Arc<OnceCell<Aws>>)>>,
}

/// Holds keys.
impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Accounts")
    }
}

impl Accounts {
    /// Says which role is taken where the template brings no credentials of its own. The first call counts.
    pub(crate) fn take_role(&self, role: OidcRole, redactor: Redactor) {
        let _ = self.role.set((role, redactor));
    }

    /// Says which region is taken where neither template nor role name one. The first call counts.
    pub(crate) fn default_region(&self, region: String) {
        let _ = self.region.set(region);
    }

    /// Says how sessions are called that the template gives no name. The first call counts.
    pub(crate) fn name_sessions(&self, name: String) {
        let _ = self.session.set(name);
    }

    /// From here on codes of MFA devices may be used.
    pub(crate) fn use_codes(&self) {
        self.sessions.use_codes();
    }

    /// The account that `access` leads to, connected by the first who asks.
    pub(crate) async fn get(&self, access: &Access, redactor: &Redactor) -> Result<Aws, AwsError> {
        let (number, connection) = self.connection(access);
        let connected = connection.get_or_try_init(|| async {
            let mut complete = access.clone();
            if let (true, None, Some(region)) = (access.region.is_empty(), self.role.get(), self.region.get()) {
                complete.region.clone_from(region);
            }
            let role = self.role.get().map(|(role, _)| role);
            let session = self.session.get().map_or("forge", String::as_str);
            Aws::connect(&complete, number, role, (session, &self.sessions), redactor).await
        });
        connected.await.cloned()
    }

    /// The place of a connection, with its number from 1.
    fn connection(&self, access: &Access) -> (u32, Arc<OnceCell<Aws>>) {
        let mut connections = self.connections();
        let at = connections.iter().position(|(known, _)| known == access).unwrap_or(connections.len());
        if at == connections.len() {
            connections.push((access.clone(), Arc::default()));
        }
        (u32::try_from(at + 1).unwrap_or(u32::MAX), Arc::clone(&connections[at].1))
    }

    fn connections(&self) -> MutexGuard<'_, Vec<(Access, Arc<OnceCell<Aws>>)>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account where a resource is: within its run the very connection that made it, since another one may reach
    /// another account in the same way; for a resource of a journal one with the credentials of now.
    pub(crate) async fn by_reach(&self, reach: &AwsReach) -> Result<Aws, AwsError> {
        if reach.connection != 0 {
            let own = usize::try_from(reach.connection - 1).ok().and_then(|at| {
                let connections = self.connections();
                connections.get(at).and_then(|(_, connection)| connection.get().cloned())
            });
            let missing = || AwsError::Unexpected(format!("there is no connection {}", reach.connection));
            return own.ok_or_else(missing);
        }
        let redactor = self.role.get().map(|(_, redactor)| redactor.clone()).unwrap_or_default();
        let mut access = Access::of_reach(reach);
        if !access.profile.is_empty() && profile::check(&access).await.is_err() {
            // Another machine than that of the build: what it has is compared with the account.
            access.profile.clear();
        }
        let own = self.get(&access, &redactor).await.and_then(|aws| {
            let fits = reach.account.is_empty() || aws.account() == reach.account;
            let other = || {
                AwsError::Credentials(format!(
                    "these credentials are of the account {}, and it is in the account {}; sweep with credentials of \
                     that one",
                    aws.account(),
                    reach.account
                ))
            };
            if fits { Ok(aws) } else { Err(other()) }
        });
        own.map_err(|error| match reach.mfa {
            false => error,
            true => AwsError::Credentials(format!("{error}; {WITHOUT_CODE}")),
        })
    }
}
