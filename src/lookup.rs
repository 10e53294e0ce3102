//! Answers to what templates ask of services: one thread with a runtime of its own asks them, so that evaluation can
//! wait for it wherever it runs. Each secret is read once in the life of the process and registered with the redactor.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Handle, RuntimeFlavor};

use crate::client::consul::Consul;
#[cfg(feature = "aws")]
use crate::client::secrets_manager::{self, SecretsManager};
use crate::client::vault::{Secret, Vault};
use crate::client::web::{ServiceError, Variables};
use crate::eval::functions::{Question, Secrets, Unanswered};
use crate::secret::Redactor;

/// Stack of the thread that asks, in bytes: an SDK's requests are deep in programs that are not optimised.
const STACK: usize = 8 << 20;

/// Who we are to the services. Not registered when shorter than [`SHORTEST`].
const CREDENTIALS: [&str; 5] =
    ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "CONSUL_HTTP_AUTH", "CONSUL_HTTP_TOKEN", "VAULT_TOKEN"];
/// Servers for development have tokens such as `root`: a word that logs are full of, and no secret.
const SHORTEST: usize = 8;

/// Asks services. The thread begins with the first question and ends with this.
#[derive(Debug)]
pub(crate) struct Lookup {
    variables: Variables,
    redactor: Redactor,
    /// Where questions go, once there was one.
    desk: Mutex<Option<Sender<Asked>>>,
}

type Reply = Result<String, ServiceError>;

struct Asked {
    question: Question,
    reply: Sender<Reply>,
}

impl Lookup {
    pub(crate) fn new(environment: &[(String, String)], redactor: &Redactor) -> Self {
        let variables = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Self { variables, redactor: redactor.clone(), desk: Mutex::default() }
    }

    fn desk(&self) -> std::io::Result<Sender<Asked>> {
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = &*desk {
            return Ok(sender.clone());
        }
        let (sender, questions) = channel();
        let clerk = Clerk::new(&self.variables, &self.redactor);
        let thread = std::thread::Builder::new().name("lookup".to_owned()).stack_size(STACK);
        thread.spawn(move || clerk.work(&questions))?;
        Ok(desk.insert(sender).clone())
    }
}

impl Secrets for Lookup {
    fn ask(&self, question: Question) -> Result<String, Unanswered> {
        let failed = |reason: String| Unanswered { reason, hint: None };
        let desk = self.desk().map_err(|error| failed(format!("no service can be asked: {error}")))?;
        let (reply, answer) = channel();
        // Nobody answers once the thread has ended, which it does not while this lives.
        let wait = || desk.send(Asked { question, reply }).ok().and_then(|()| answer.recv().ok());
        let answer = match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
            // The other tasks of this thread go on elsewhere.
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
            _ => wait(),
        };
        let answer = answer.ok_or_else(|| failed("the thread that asks services has ended".to_owned()))?;
        answer.map_err(|error| Unanswered { reason: error.reason, hint: error.hint })
    }
}

/// Works on the thread: clients made when they are needed, and all answers so far. Failures are kept too, since the
/// same secret may be asked for many times and each failure may have taken half a minute.
struct Clerk {
    variables: Variables,
    redactor: Redactor,
    vault: Option<Result<Vault, ServiceError>>,
    consul: Option<Result<Consul, ServiceError>>,
    #[cfg(feature = "aws")]
    aws: Option<Result<SecretsManager, ServiceError>>,
    paths: HashMap<String, Result<Secret, ServiceError>>,
    keys: HashMap<String, Reply>,
    #[cfg(feature = "aws")]
    names: HashMap<String, Reply>,
}

impl Clerk {
    fn new(variables: &Variables, redactor: &Redactor) -> Self {
        for credential in CREDENTIALS.iter().filter_map(|name| variables.text(name)) {
            // A login is a name and a password.
            let secret = credential.split_once(':').map_or(credential, |(_, password)| password);
            if secret.len() >= SHORTEST {
                redactor.add(secret);
            }
        }
        Self {
            variables: variables.clone(),
            redactor: redactor.clone(),
            vault: None,
            consul: None,
            #[cfg(feature = "aws")]
            aws: None,
            paths: HashMap::new(),
            keys: HashMap::new(),
            #[cfg(feature = "aws")]
            names: HashMap::new(),
        }
    }

    /// Answers until nobody is left who could ask.
    fn work(mut self, questions: &Receiver<Asked>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        for Asked { question, reply } in questions {
            let answer = match &runtime {
                Ok(runtime) => runtime.block_on(self.answer(&question)),
                Err(error) => Err(ServiceError::new(format!("no service can be asked: {error}"))),
            };
            if let Ok(secret) = &answer {
                self.redactor.add(secret);
            }
            // Who asked may be gone.
            let _ = reply.send(answer);
        }
    }

    async fn answer(&mut self, question: &Question) -> Reply {
        match question {
            Question::Vault { path, key } => self.at_path(path).await?.text(key),
            Question::ConsulKey { key } => self.of_key(key).await,
            #[cfg(feature = "aws")]
            Question::AwsSecret { name, key } => {
                secrets_manager::pick(name, &self.of_name(name).await?, key.as_deref())
            }
            #[cfg(feature = "aws")]
            Question::AwsSecretText { name } => self.of_name(name).await,
            #[cfg(not(feature = "aws"))]
            Question::AwsSecret { .. } | Question::AwsSecretText { .. } => {
                Err(ServiceError::new("this program was built without the feature \"aws\""))
            }
        }
    }

    async fn at_path(&mut self, path: &str) -> Result<Secret, ServiceError> {
        if let Some(known) = self.paths.get(path) {
            return known.clone();
        }
        let found = match self.vault.get_or_insert_with(|| Vault::new(&self.variables)) {
            Ok(vault) => vault.read(path).await,
            Err(error) => Err(error.clone()),
        };
        self.paths.insert(path.to_owned(), found.clone());
        found
    }

    async fn of_key(&mut self, key: &str) -> Reply {
        if let Some(known) = self.keys.get(key) {
            return known.clone();
        }
        let found = match self.consul.get_or_insert_with(|| Consul::new(&self.variables)) {
            Ok(consul) => consul.read(key).await,
            Err(error) => Err(error.clone()),
        };
        self.keys.insert(key.to_owned(), found.clone());
        found
    }
}

#[cfg(feature = "aws")]
impl Clerk {
    async fn of_name(&mut self, name: &str) -> Reply {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        let aws = match self.aws.take() {
            Some(aws) => aws,
            None => SecretsManager::connect().await,
        };
        let found = match self.aws.insert(aws) {
            Ok(aws) => aws.read(name).await,
            Err(error) => Err(error.clone()),
        };
        if let Ok(text) = &found {
            secrets_manager::texts(text).iter().for_each(|text| self.redactor.add(text));
        }
        self.names.insert(name.to_owned(), found.clone());
        found
    }
}
