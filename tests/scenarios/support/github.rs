//! GitHub for one test: `tests/lab/github.py`, which refuses what GitHub's own description refuses.

use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::served::{Nursery, Served};
use super::{Workspace, events, setting};

/// A GitHub of its own.
pub(crate) struct Github(Served);

static NURSERY: LazyLock<Nursery> = LazyLock::new(|| {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/github.py");
    let mut command = Command::new(setting("FORGE_TEST_PYTHON"));
    Nursery::start(command.arg(script).env("FORGE_TEST_GITHUB_API", setting("FORGE_TEST_GITHUB_API")))
});

impl Github {
    pub(crate) fn start() -> Self {
        Self(NURSERY.serve())
    }

    pub(crate) fn at(&self, name: &str) -> &str {
        self.0.at(name)
    }

    /// Asks at one of the lab's own doors.
    pub(crate) fn ask(&self, door: &str, body: &Value) -> Value {
        self.0.ask(door, body)
    }

    /// A step of a pull request's run. `run` tells its id.
    pub(crate) fn pull_request(&self, workspace: Workspace, run: u64) -> Workspace {
        let event = events::pull_request(self, events::OWN);
        let workspace = self.step(workspace, "pull_request", &event, run);
        workspace
            .env("GITHUB_REF", "refs/pull/7/merge")
            .env("GITHUB_REF_NAME", "7/merge")
            .env("GITHUB_HEAD_REF", "change")
            .env("GITHUB_BASE_REF", "main")
            .env("GITHUB_SHA", self.at("merge"))
    }

    /// What a runner tells a step of any event, of which the repository is a part.
    pub(crate) fn step(&self, workspace: Workspace, event: &str, payload: &Value, run: u64) -> Workspace {
        let mut payload = payload.clone();
        payload["repository"] = events::repository();
        let path = workspace.file(".runner/event.json", payload.to_string());
        workspace
            .env("GITHUB_EVENT_NAME", event)
            .env("GITHUB_EVENT_PATH", path.to_str().unwrap())
            .env("GITHUB_REPOSITORY", events::OWN)
            .env("GITHUB_REPOSITORY_ID", "1")
            .env("GITHUB_RUN_ID", run.to_string())
            .env("GITHUB_RUN_ATTEMPT", "1")
            .env("GITHUB_RUN_NUMBER", "1")
            .env("GITHUB_JOB", "image")
            .env("GITHUB_WORKFLOW", "images")
            .env("GITHUB_ACTOR", "octocat")
            .env("GITHUB_SERVER_URL", "https://github.com")
            .env("GITHUB_API_URL", self.at("endpoint"))
            .env("GITHUB_GRAPHQL_URL", self.at("graphql"))
            .env("ACTIONS_RESULTS_URL", self.at("results"))
            .env("ACTIONS_RUNTIME_TOKEN", self.at("runtime_token"))
            .env("INPUT_GITHUB-TOKEN", self.at("token"))
    }

    pub(crate) fn rules(&self, rules: &Value) {
        self.ask("rules", rules);
    }

    /// Takes permissions from the workflow's token.
    pub(crate) fn permit(&self, permissions: &Value) {
        let token = json!([{ "token": "lab-token", "login": "github-actions[bot]", "permissions": permissions,
            "app": { "id": 15368, "slug": "github-actions", "name": "GitHub Actions" } }]);
        self.ask("tokens", &token);
    }

    fn state(&self, part: &str) -> Vec<Value> {
        let state = self.ask("state", &Value::Null);
        state[part].as_array().unwrap_or_else(|| panic!("no {part} in {state}")).clone()
    }

    pub(crate) fn checks(&self) -> Vec<Value> {
        self.state("check_runs")
    }

    /// The check run of that name; there is only one.
    #[track_caller]
    pub(crate) fn check(&self, name: &str) -> Value {
        let mut found = self.checks();
        let all = format!("{found:#?}");
        found.retain(|check| check["name"] == name);
        assert_eq!(found.len(), 1, "check runs named {name:?} in {all}");
        found.remove(0)
    }

    /// Commit statuses, oldest first.
    pub(crate) fn statuses(&self) -> Vec<Value> {
        self.state("statuses")
    }

    pub(crate) fn comments(&self) -> Vec<Value> {
        self.state("comments")
    }

    /// The only comment there is.
    #[track_caller]
    pub(crate) fn comment(&self) -> String {
        let comments = self.comments();
        assert_eq!(comments.len(), 1, "{comments:#?}");
        comments[0]["body"].as_str().unwrap().to_owned()
    }

    pub(crate) fn artifacts(&self) -> Vec<Value> {
        self.state("artifacts")
    }

    /// Calls of the API, as `METHOD path`.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = self.ask("calls", &Value::Null);
        let text = |call: &Value| format!("{} {}", call["method"].as_str().unwrap(), call["path"].as_str().unwrap());
        calls.as_array().unwrap().iter().map(text).filter(|call| call.contains("/repos/")).collect()
    }

    /// Calls of all of GitHub's interfaces: what is kept of a run by the runner's service is none of them.
    pub(crate) fn requests(&self) -> Vec<String> {
        let calls = self.ask("calls", &Value::Null);
        let text = |call: &Value| format!("{} {}", call["method"].as_str().unwrap(), call["path"].as_str().unwrap());
        let of_github = |call: &String| ["/repos/", "/graphql", "/user", "/app"].iter().any(|part| call.contains(part));
        calls.as_array().unwrap().iter().map(text).filter(of_github).collect()
    }

    /// Nothing was sent that GitHub would have refused for its form.
    #[track_caller]
    pub(crate) fn took_everything(&self) {
        assert_eq!(self.ask("invalid", &Value::Null), json!([]));
    }
}
