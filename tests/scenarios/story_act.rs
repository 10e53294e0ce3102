//! The whole story of a change under act, with GitHub's server and a registry behind it: the main branch is built and leaves
//! its record, a pull request shows what it changes, its preview goes when it is closed, and tags publish what was built.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::action::checkout;
use crate::support::act::{Act, example};
use crate::support::events::repository;
use crate::support::github::Github;
use crate::support::pushed::{digest, tags};
use crate::support::{docker, setting};

/// A second image, which the pull request leaves alone.
const OTHER: &str = r#"
source "docker" "other" {
  image  = "BASE"
  pull   = false
  commit = true
}
build {
  sources = ["source.docker.other"]
  post-processors {
    post-processor "docker-tag" {
      repository = "REPOSITORY"
      tags       = ["1.0.0"]
    }
    post-processor "docker-push" {}
  }
}
"#;

/// A repository with its server, whose workflows run under act.
struct Story {
    lab: Github,
    folder: tempfile::TempDir,
}

/// A workflow run of the lab.
struct Run {
    id: u64,
    log: String,
}

impl Story {
    /// Runs a workflow for an event, as a run that GitHub says `about`.
    fn act(&self, workflow: &str, name: &str, event: &Value, about: &Value) -> Run {
        let made = self.lab.ask("repository", &json!({ "runs": [about] }));
        let run = &made["runs"][0];
        let (id, token) = (run["id"].as_u64().unwrap(), run["runtime_token"].as_str().unwrap().to_owned());
        let act = Act { lab: &self.lab, folder: self.folder.path() };
        let log = act.run(workflow, (name, event), (id, &token)).log;
        Run { id, log }
    }

    /// A push to the main branch, whose run ends well.
    fn push(&self, sha: &str) -> Run {
        let event = json!({ "ref": "refs/heads/main", "after": sha, "repository": repository() });
        let run = self.act(
            "preview.yml",
            "push",
            &event,
            &json!({ "event": "push", "head_branch": "main", "head_sha": sha }),
        );
        let ended = json!({ "id": run.id, "status": "completed", "conclusion": "success" });
        self.lab.ask("repository", &json!({ "runs": [ended] }));
        run
    }

    fn tag(&self, tag: &str, sha: &str) -> Run {
        let release = json!({ "tag_name": tag, "body": "by a person" });
        let refs = json!({ format!("tags/{tag}"): sha });
        self.lab.ask("repository", &json!({ "refs": refs, "releases": [release] }));
        let event = json!({ "ref": format!("refs/tags/{tag}"), "after": sha, "repository": repository() });
        self.act("publish.yml", "push", &event, &json!({ "event": "push", "head_sha": sha }))
    }

    fn pull_request(&self, action: &str) -> Run {
        let (lab, repository) = (&self.lab, repository());
        let event = json!({
            "action": action, "number": 7,
            "pull_request": { "number": 7, "merged": action == "closed",
                "head": { "sha": lab.at("head"), "ref": "change-7", "repo": repository },
                "base": { "sha": lab.at("main"), "ref": "main", "repo": repository } },
            "repository": repository,
        });
        self.act("preview.yml", "pull_request", &event, &json!({}))
    }

    /// Commits what was changed.
    fn commit(&self) -> String {
        let git = |args: &[&str]| {
            let output = Command::new("git").args(args).current_dir(self.folder.path()).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        git(&["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qam", "change", "--allow-empty"]);
        git(&["rev-parse", "HEAD"])
    }

    fn check_out(&self, commit: &str) {
        let done = Command::new("git").args(["checkout", "-q", commit]).current_dir(self.folder.path()).status();
        assert!(done.unwrap().success());
    }

    fn change(&self, file: &str, old: &str, new: &str) {
        let path = self.folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{text}");
        std::fs::write(&path, text.replace(old, new)).unwrap();
    }

    /// The record that a run has kept.
    fn record(&self, run: &Run) -> Value {
        let kept = self.lab.artifacts();
        let of_run = |artifact: &&Value| artifact["run"].as_u64() == Some(run.id);
        let kept = kept.iter().find(of_run).unwrap_or_else(|| panic!("no record of run {}\n{}", run.id, run.log));
        let text = kept["files"]["forge-record.json"]["text"].as_str().expect("a short record");
        serde_json::from_str(text).unwrap()
    }
}

/// The texts that the pictures of the documents are made of, for whoever makes them (`script/picture`).
fn keep(name: &str, text: &str) {
    if let Some(folder) = std::env::var_os("FORGE_PICTURES") {
        std::fs::write(Path::new(&folder).join(name), text).unwrap();
    }
}

#[test]
fn a_change_is_shown_merged_and_published() {
    let lab = Github::start();
    let folder = tempfile::tempdir().unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let named = |name: &str| format!("{}/forge-test/{name}-{now}", setting("FORGE_TEST_REGISTRY"));
    let (nginx, other, base) = (named("story-nginx"), named("story-other"), setting("FORGE_TEST_BASE_IMAGE"));
    let images = format!(
        "images:\n  nginx:\n    template: examples/nginx\n    vars:\n      repository: {nginx:?}\n      base_image: {base:?}\n  \
         other:\n    template: images/other.pkr.hcl\n"
    );
    let files = [
        (".github/forge.yml", images),
        (".github/workflows/preview.yml", example("preview.yml")),
        (".github/workflows/publish.yml", example("publish.yml")),
        ("images/other.pkr.hcl", OTHER.replace("BASE", &base).replace("REPOSITORY", &other)),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    checkout(folder.path(), "octo/images", &files);
    let story = Story { lab, folder };
    let lab = &story.lab;

    // The main branch.
    let before = story.commit();
    let first = story.push(&before);
    assert_eq!((tags(&nginx), tags(&other)), (vec!["1.0.0".to_owned()], vec!["1.0.0".to_owned()]), "{}", first.log);
    let old = digest(&nginx, "1.0.0");

    // A package more, and another page.
    story.change("examples/nginx/nginx.pkr.hcl", "nginx-light\"", "nginx-light tree\"");
    story.change("examples/nginx/site/index.html", "</h1>", "</h1><!-- changed -->");
    let preview = story.pull_request("synchronize");
    let tag = format!("pr-7-{}", &lab.at("head")[..7]);
    assert_eq!(tags(&nginx), ["1.0.0", &tag], "{}", preview.log);
    assert_eq!(tags(&other), ["1.0.0"], "only what is changed is built: {}", preview.log);
    let comment = lab.comment();
    assert!(comment.contains(&format!("{nginx}:{tag}")), "{comment}\n{}", preview.log);
    keep("preview.md", &comment);
    let record = story.record(&preview);
    let builds = record["builds"].as_array().unwrap();
    let build = |name: &str| builds.iter().find(|build| build["name"].as_str().unwrap().starts_with(name)).unwrap();
    assert_eq!((&build("nginx/")["state"], &build("other/")["state"]), (&json!("succeeded"), &json!("unchanged")));
    let change = &build("nginx/")["change"];
    let address = change["baseline"]["url"].as_str().unwrap_or_default();
    assert!(address.contains(&format!("/runs/{}/", first.id)), "{change:#}");
    let names = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&change["added"]), ["tree"], "{change:#}");
    assert!(
        change["removed"].is_null() && change["upgraded"].is_null() && change["downgraded"].is_null(),
        "{change:#}"
    );
    let inputs = names(&change["inputs"]);
    assert!(
        inputs.len() == 2 && inputs.iter().any(|name| name.contains("site")),
        "the page and the command: {inputs:?}"
    );
    assert!(comment.contains("1 package added") && comment.contains("tree"), "{comment}");

    // It is merged: the preview goes, the main branch is built.
    let closed = story.pull_request("closed");
    assert_eq!(tags(&nginx), ["1.0.0"], "{}", closed.log);
    let merged = story.commit();
    let second = story.push(&merged);
    let new = digest(&nginx, "1.0.0");
    assert!(new.is_some() && new != old, "{}", second.log);

    // What was built gets the names of the version, and the release tells it.
    let published = story.tag("v1.2.3", &merged);
    assert_eq!(tags(&nginx), ["1", "1.0.0", "1.2", "1.2.3", "latest"], "{}", published.log);
    for name in ["1.2.3", "1.2", "1", "latest"] {
        assert_eq!(digest(&nginx, name), new, "{name}");
    }
    let notes = |tag: &str| {
        let state = lab.ask("state", &Value::Null);
        let release = state["releases"].as_array().unwrap().iter().find(|one| one["tag_name"] == tag).cloned();
        release.unwrap()["body"].as_str().unwrap().to_owned()
    };
    assert!(notes("v1.2.3").starts_with("by a person") && notes("v1.2.3").contains(new.as_deref().unwrap()));

    keep("publish.md", &notes("v1.2.3"));

    // A version of the past leaves what belongs to the later one.
    story.check_out(&before);
    let backport = story.tag("v1.1.9", &before);
    assert_eq!((digest(&nginx, "1.1.9"), digest(&nginx, "1.1")), (old.clone(), old), "{}", backport.log);
    assert_eq!((digest(&nginx, "latest"), digest(&nginx, "1")), (new.clone(), new));
    lab.took_everything();
    for image in [format!("{nginx}:{tag}"), format!("{nginx}:1.0.0"), format!("{other}:1.0.0")] {
        docker(&["rmi", "-f", &image]);
    }
}
