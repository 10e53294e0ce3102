//! The whole story of a change of a machine image, by the steps of a workflow: the main branch is built and leaves its
//! record, a pull request shows what it changes, its preview goes when it is closed, and tags publish what was built.

use serde_json::{Value, json};

use crate::action::runner;
use crate::support::github::Github;
use crate::support::lab::Lab;
use crate::support::{Ran, events};

const CONFIG: &str = "
images:
  web:
    template: t.pkr.hcl
    publish:
      regions: [eu-west-1, eu-central-1]
      ssm-parameter: /forge/{image}/{channel}
";

/// Packages as Python has them: a folder each.
fn provisioner(packages: &[&str]) -> String {
    let folder = "/usr/local/lib/python3.11/dist-packages";
    let made: Vec<String> =
        packages.iter().map(|name| format!("\"sudo mkdir -p {folder}/{name}-1.0.dist-info\"")).collect();
    format!("provisioner \"shell\" {{\n inline = [{}]\n}}", made.join(", "))
}

struct Story {
    aws: Lab,
    github: Github,
}

impl Story {
    /// Runs the action for an event, as a run that GitHub says `about`; yields its id too.
    fn step(&self, packages: &[&str], event: (&str, &Value), vars: [(&str, &str); 3], about: &Value) -> (Ran, u64) {
        let made = self.github.ask("repository", &json!({ "runs": [about] }));
        let run = &made["runs"][0];
        let id = run["id"].as_u64().unwrap();
        let options = "ami_name = \"web-{{timestamp}}\"";
        let template = self.aws.workspace(options, &provisioner(packages)).read("t.pkr.hcl");
        let workspace = self.aws.environment(runner(&template)).env("AWS_REGION", "eu-west-1");
        workspace.file(".github/forge.yml", CONFIG);
        let mut workspace = self.github.step(workspace, event.0, event.1, id);
        for (name, value) in vars {
            workspace = workspace.env(name, value);
        }
        let ran = workspace.env("ACTIONS_RUNTIME_TOKEN", run["runtime_token"].as_str().unwrap()).run(&["action"]);
        (ran, id)
    }

    fn push(&self, packages: &[&str], sha: &str) {
        let payload = json!({ "ref": "refs/heads/main", "after": sha });
        let vars = [("GITHUB_REF", "refs/heads/main"), ("GITHUB_REF_NAME", "main"), ("GITHUB_SHA", sha)];
        let about = json!({ "event": "push", "head_branch": "main", "head_sha": sha });
        let (ran, id) = self.step(packages, ("push", &payload), vars, &about);
        ran.succeeded();
        let ended = json!({ "id": id, "status": "completed", "conclusion": "success" });
        self.github.ask("repository", &json!({ "runs": [ended] }));
    }

    fn pull_request(&self, packages: &[&str], action: &str) -> Ran {
        let mut payload = events::pull_request(&self.github, events::OWN);
        payload["action"] = json!(action);
        let merge = self.github.at("merge");
        let vars = [("GITHUB_REF", "refs/pull/7/merge"), ("GITHUB_BASE_REF", "main"), ("GITHUB_SHA", merge)];
        self.step(packages, ("pull_request", &payload), vars, &json!({})).0
    }

    fn tag(&self, tag: &str, sha: &str) -> Ran {
        let refs = json!({ format!("tags/{tag}"): sha });
        self.github.ask("repository", &json!({ "refs": refs, "releases": [{ "tag_name": tag, "body": "" }] }));
        let reference = format!("refs/tags/{tag}");
        let payload = json!({ "ref": reference, "after": sha, "deleted": false });
        let vars = [("GITHUB_REF", reference.as_str()), ("GITHUB_REF_NAME", tag), ("GITHUB_SHA", sha)];
        self.step(&["flask"], ("push", &payload), vars, &json!({ "event": "push", "head_sha": sha })).0
    }

    /// Ids of the images of a region, the youngest last.
    fn images(&self, region: &str) -> Vec<String> {
        let images = self.aws.images();
        let mut found: Vec<(String, String)> = images
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, image)| image["region"] == region)
            .map(|(id, image)| (image["name"].as_str().unwrap().to_owned(), id.clone()))
            .collect();
        found.sort();
        found.into_iter().map(|(_, id)| id).collect()
    }

    fn parameter(&self, region: &str, name: &str) -> Option<String> {
        let found = self.aws.ask("parameters", &Value::Null)[region][format!("/forge/web/{name}")][0].clone();
        found.as_str().map(str::to_owned)
    }
}

#[test]
fn a_change_of_a_machine_image_is_shown_merged_and_published() {
    let story = Story { aws: Lab::start(), github: Github::start() };
    let (before, merged) = (story.github.at("main"), story.github.at("head"));
    story.push(&["flask"], before);
    let old = story.images("eu-west-1");
    assert_eq!(old.len(), 1);

    // One package more, and nothing else.
    story.pull_request(&["flask", "tree"], "synchronize").succeeded();
    let with_preview = story.images("eu-west-1");
    assert_eq!(with_preview.len(), 2);
    let preview = with_preview.iter().find(|id| !old.contains(id)).unwrap();
    assert_eq!(story.aws.images()[preview]["tags"]["forge:pull-request"], "octo/images#7");
    let comment = story.github.comment();
    assert!(comment.contains(preview.as_str()) && comment.contains("1 package added"), "{comment}");
    assert!(comment.contains("tree") && !comment.contains("flask</code>"), "{comment}");
    assert!(comment.contains(&format!("images of commit <code>{}</code>", &before[..7])), "{comment}");

    // The same again is not built: what is there has all of it.
    let launched = story.aws.calls().iter().filter(|call| *call == "RunInstances").count();
    story.pull_request(&["flask"], "synchronize").succeeded().says("unchanged");
    assert_eq!(story.aws.calls().iter().filter(|call| *call == "RunInstances").count(), launched);

    // It is merged: the preview goes, the main branch is built.
    story.pull_request(&["flask", "tree"], "closed").succeeded().says(&format!("removed   image {preview}"));
    assert_eq!(story.images("eu-west-1"), old);
    story.push(&["flask", "tree"], merged);
    let all = story.images("eu-west-1");
    let new = all.iter().find(|id| !old.contains(id)).unwrap();

    // What was built gets the names of the version in all regions, and nothing is built.
    let launched = story.aws.calls().iter().filter(|call| *call == "RunInstances").count();
    story.tag("v1.2.3", merged).succeeded();
    assert_eq!(story.images("eu-west-1"), all);
    let copies = story.images("eu-central-1");
    assert_eq!(copies.len(), 1);
    for name in ["1.2.3", "1.2", "1", "latest"] {
        assert_eq!(story.parameter("eu-west-1", name).as_ref(), Some(new), "{name}");
        assert_eq!(story.parameter("eu-central-1", name).as_ref(), copies.first(), "{name}");
    }
    let state = story.github.ask("state", &Value::Null);
    assert!(state["releases"][0]["body"].as_str().unwrap().contains(new.as_str()), "{}", state["releases"]);

    // A version of the past leaves what belongs to the later one.
    story.tag("v1.1.9", before).succeeded();
    for (name, image) in [("1.1.9", &old[0]), ("1.1", &old[0]), ("1", new), ("latest", new)] {
        assert_eq!(story.parameter("eu-west-1", name).as_ref(), Some(image), "{name}");
    }
    assert_eq!(story.aws.calls().iter().filter(|call| *call == "RunInstances").count(), launched);
    story.github.took_everything();
}
