//! AWS for one test: `tests/lab/aws.py`, where every instance is a container with a real SSH server.

use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::served::{Nursery, Served};
use super::{Workspace, setting};

/// An AWS of its own. Ends, with its containers, when it is dropped.
pub(crate) struct Lab(Served);

static NURSERY: LazyLock<Nursery> = LazyLock::new(|| {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/aws.py");
    Nursery::start(Command::new(setting("FORGE_TEST_PYTHON")).args([script, &setting("FORGE_TEST_SSHD")]))
});

impl Lab {
    pub(crate) fn start() -> Self {
        Self(NURSERY.serve())
    }

    pub(crate) fn at(&self, name: &str) -> &str {
        self.0.at(name)
    }

    pub(crate) fn number(&self, name: &str) -> i64 {
        self.0.number(name)
    }

    /// Asks at one of the lab's own doors.
    pub(crate) fn ask(&self, door: &str, body: &Value) -> Value {
        self.0.ask(door, body)
    }

    /// What happens to calls: see `due` and `gate` of the lab.
    pub(crate) fn rules(&self, rules: &Value) {
        self.ask("rules", rules);
    }

    /// One more, beside those that are set.
    pub(crate) fn add_rule(&self, rule: &Value) {
        self.ask("add-rule", rule);
    }

    /// Names of the calls so far, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = self.ask("calls", &Value::Null);
        calls.as_array().unwrap().iter().map(|call| call["action"].as_str().unwrap().to_owned()).collect()
    }

    /// The parameters of all calls of that name.
    pub(crate) fn parameters(&self, action: &str) -> Vec<Value> {
        let calls = self.ask("calls", &Value::Null);
        let named = calls.as_array().unwrap().iter().filter(|call| call["action"] == action);
        named.map(|call| call["form"].clone()).collect()
    }

    /// Ids of the keys that calls of that name were signed with.
    pub(crate) fn keys(&self, action: &str) -> Vec<String> {
        let calls = self.ask("calls", &Value::Null);
        let named = calls.as_array().unwrap().iter().filter(|call| call["action"] == action);
        named.map(|call| call["key"].as_str().unwrap().to_owned()).collect()
    }

    /// What is there that a build made, a text each, without what says what an image was made of.
    pub(crate) fn left(&self) -> Vec<String> {
        let left = self.ask("left", &Value::Null);
        let without = |text: &str| {
            let Some((before, tag)) = text.split_once("'forge:inputs': '") else { return text.to_owned() };
            let behind = tag.split_once('\'').map_or("", |(_, behind)| behind);
            match behind.strip_prefix(", ") {
                Some(behind) => format!("{before}{behind}"),
                None => format!("{}{behind}", before.trim_end_matches(", ")),
            }
        };
        left.as_array().unwrap().iter().map(|text| without(text.as_str().unwrap())).collect()
    }

    /// Images of the account, by id, without the tag that says what they were made of, which the peer's do not have.
    pub(crate) fn images(&self) -> Value {
        let mut images = self.tagged_images();
        for image in images.as_object_mut().into_iter().flat_map(|images| images.values_mut()) {
            let of_snapshots = image["snapshot_tags"].as_array().cloned().unwrap_or_default();
            image["tags"] = without_inputs(&image["tags"]);
            if !of_snapshots.is_empty() {
                image["snapshot_tags"] = of_snapshots.iter().map(without_inputs).collect();
            }
        }
        images
    }

    /// With all tags.
    pub(crate) fn tagged_images(&self) -> Value {
        self.ask("images", &Value::Null)
    }

    /// All as it was at the start, with another VPC.
    pub(crate) fn reset(&mut self) {
        self.0.reset();
    }

    /// A folder with an `amazon-ebs` template of `options` in the lab's VPC, and `build` as the body of its build
    /// block.
    pub(crate) fn workspace(&self, options: &str, build: &str) -> Workspace {
        let vpc = format!("vpc_id = {:?}\nsubnet_id = {:?}", self.at("vpc"), self.at("subnet"));
        let template = format!(
            "source \"amazon-ebs\" \"web\" {{\n{BASICS}\n{vpc}\n{options}\n}}\nbuild {{\nsources = [\"source.amazon-ebs.web\"]\n{build}\n}}"
        );
        self.environment(Workspace::new(&template))
    }

    /// What leads a program to the lab, with keys.
    pub(crate) fn environment(&self, workspace: Workspace) -> Workspace {
        self.endpoint(workspace)
            .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "the-secret-access-key")
    }

    /// The same without credentials.
    pub(crate) fn endpoint(&self, workspace: Workspace) -> Workspace {
        let home = workspace.path().to_str().unwrap().to_owned();
        workspace
            .env("AWS_ENDPOINT_URL", self.at("endpoint"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("HOME", home)
    }

    /// What leads a program to the lab in a job of a workflow that may ask for an identity token, without keys.
    pub(crate) fn workflow(&self, workspace: Workspace) -> Workspace {
        self.endpoint(workspace)
            .env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/token?x=1", self.at("endpoint")))
            .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", self.at("token"))
    }

    /// Waits until a call is held by a rule with `hold`.
    pub(crate) fn wait_held(&self) {
        super::wait("a held call", || self.holds());
    }

    /// Runs a build until a call is held, kills it there, and lets the call go on.
    pub(crate) fn kill_when_held(&self, workspace: &Workspace, flags: &[&str]) {
        let run = workspace.start(flags);
        self.wait_held();
        run.signal("KILL");
        run.end();
        self.release();
    }

    pub(crate) fn holds(&self) -> bool {
        self.ask("held", &Value::Null) != json!([])
    }

    pub(crate) fn release(&self) {
        self.ask("release", &Value::Null);
    }
}

fn without_inputs(tags: &Value) -> Value {
    let mut tags = tags.clone();
    if let Some(tags) = tags.as_object_mut() {
        tags.remove("forge:inputs");
    }
    tags
}

/// Options that every template of a test needs.
pub(crate) const BASICS: &str = r#"
  region        = "eu-west-1"
  instance_type = "t3.micro"
  ssh_username  = "ubuntu"
  ssh_interface = "private_ip"
  skip_region_validation = true
  source_ami_filter {
    filters     = { name = "ubuntu/images/*ubuntu-jammy-22.04-amd64-server-*", virtualization-type = "hvm" }
    owners      = ["099720109477"]
    most_recent = true
  }
"#;
