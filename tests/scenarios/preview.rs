//! Previews of pull requests: what goes out under which name, what is held back, what is compared, what is removed.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::action::{output, runner};
use crate::support::github::Github;
use crate::support::{Workspace, docker, setting};

/// A repository of the registry that no other test uses.
pub(crate) fn repository(name: &str) -> String {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("{}/forge-test/preview-{name}-{now}", setting("FORGE_TEST_REGISTRY"))
}

/// Tags of a repository, as the registry tells them.
pub(crate) fn tags(repository: &str) -> Vec<String> {
    let (registry, name) = repository.split_once('/').unwrap();
    let output = std::process::Command::new("curl")
        .args(["-sf", &format!("http://{registry}/v2/{name}/tags/list")])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let list: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let mut tags: Vec<String> =
        list["tags"].as_array().into_iter().flatten().map(|tag| tag.as_str().unwrap().to_owned()).collect();
    tags.sort();
    tags
}

/// An image that is tagged, pushed and told to the world.
pub(crate) fn image(repository: &str, provision: &str) -> String {
    format!(
        r#"
source "docker" "app" {{
  image  = "BUSYBOX"
  commit = true
}}
build {{
  sources = ["docker.app"]
  provisioner "shell" {{
    inline = ["{provision}"]
  }}
  post-processors {{
    post-processor "docker-tag" {{
      repository = "{repository}"
      tags       = ["1", "latest"]
    }}
    post-processor "docker-push" {{}}
    post-processor "shell-local" {{
      name   = "announce"
      inline = ["touch announced"]
    }}
    post-processor "manifest" {{}}
  }}
}}
"#
    )
}

pub(crate) fn record(workspace: &Workspace) -> Value {
    let path = output(workspace, "record");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The same pull request, merged: the run is one of the base branch.
fn closed(lab: &Github, workspace: Workspace) -> Workspace {
    let event = json!({
        "action": "closed", "number": 7,
        "pull_request": { "number": 7, "merged": true,
            "head": { "sha": lab.at("head"), "ref": "change", "repo": { "id": 1, "full_name": "octo/images" } },
            "base": { "sha": lab.at("main"), "ref": "main", "repo": { "id": 1, "full_name": "octo/images" } } },
        "repository": { "id": 1, "full_name": "octo/images", "default_branch": "main" },
    });
    let workspace = lab.step(workspace, "pull_request", &event, 101);
    workspace
        .env("GITHUB_REF", "refs/heads/main")
        .env("GITHUB_REF_NAME", "main")
        .env("GITHUB_HEAD_REF", "change")
        .env("GITHUB_BASE_REF", "main")
        .env("GITHUB_SHA", lab.at("merge"))
}

#[test]
fn a_preview_goes_out_under_its_own_name_and_goes_when_its_pull_request_does() {
    let lab = Github::start();
    let repository = repository("own");
    let workspace = lab.pull_request(runner(&image(&repository, "echo hello > /hello")), 100);
    workspace.run(&["action"]).succeeded().says("Preview of octo/images#7, held back: post-processor announce");
    let tag = format!("pr-7-{}", &lab.at("head")[..7]);
    assert_eq!(tags(&repository), [tag.as_str()]);
    assert!(!workspace.path().join("announced").exists());
    assert!(workspace.path().join("packer-manifest.json").exists(), "a file of the runner's own is no publishing");
    let record = record(&workspace);
    let build = &record["builds"][0];
    let (first, second) = (format!("{repository}:1"), format!("{repository}:latest"));
    assert_eq!(build["held_back"], json!([first, second, "post-processor announce (type shell-local)"]));
    let name = format!("{repository}:{tag}");
    assert_eq!(build["images"].as_array().unwrap().last().unwrap()["id"], json!(name), "{build:#}");
    assert!(lab.comment().contains(&name), "{}", lab.comment());
    assert!(docker(&["images", "-q", &first]).is_empty(), "no name of the template's own is given here either");
    // Once more for the same commit, then it is over.
    workspace.run(&["action"]).succeeded();
    assert_eq!(tags(&repository), [tag.as_str()]);
    docker(&["rmi", "-f", &name]);
    let workspace = closed(&lab, runner(&image(&repository, "exit 1")));
    workspace.run(&["action"]).succeeded().says(&format!("removed   image {name}")).says_not("Pulling");
    assert!(tags(&repository).is_empty());
    workspace.run(&["action"]).succeeded().says("There is no preview to remove");
    // Whoever says what a pull request is says it of its end too.
    let asked = workspace.command(&["action"]).env("INPUT_COMMAND", "preview").output().unwrap();
    assert!(String::from_utf8_lossy(&asked.stdout).contains("There is no preview to remove"), "{asked:?}");
    lab.took_everything();
}

/// The run for its end has looked before the preview was there.
#[test]
fn a_preview_whose_pull_request_is_over_by_its_end_does_not_stay() {
    let lab = Github::start();
    let repository = repository("late");
    let workspace = lab.pull_request(runner(&image(&repository, "echo hello > /hello")), 100);
    workspace.run(&["action"]).succeeded().says_not("removed");
    let asks = |lab: &Github| lab.calls().iter().filter(|call| *call == "GET /repos/octo/images/pulls/7").count();
    // Nobody closes in so short a time.
    assert_eq!((tags(&repository).len(), asks(&lab)), (1, 0));
    let workspace = lab.pull_request(runner(&image(&repository, "sleep 15; echo hello > /hello")), 100);
    lab.ask("repository", &json!({ "pulls": [{ "number": 7, "state": "closed" }] }));
    let name = format!("{repository}:pr-7-{}", &lab.at("head")[..7]);
    let ran = workspace.run(&["action"]);
    ran.succeeded().says("was closed while this ran").says(&format!("removed   image {name}"));
    assert!(tags(&repository).is_empty());
    assert!(workspace.read(".runner/GITHUB_STEP_SUMMARY").contains("was closed while this ran"));
    // A GitHub that does not say so changes nothing.
    lab.rules(&json!([{ "path": "/pulls/7$", "status": 403 }]));
    workspace.run(&["action"]).succeeded();
    assert_eq!((tags(&repository).len(), asks(&lab)), (1, 2));
    docker(&["rmi", "-f", &name]);
    lab.took_everything();
}

#[test]
fn a_build_that_is_asked_for_is_no_preview() {
    let lab = Github::start();
    let repository = repository("build");
    let workspace = lab.pull_request(runner(&image(&repository, "echo hello > /hello")), 100);
    workspace.command(&["action"]).env("INPUT_COMMAND", "build").output().unwrap();
    assert_eq!(tags(&repository), ["1", "latest"]);
    assert!(workspace.path().join("announced").exists());
    assert!(record(&workspace)["builds"][0].get("held_back").is_none());
    docker(&["rmi", "-f", &format!("{repository}:1"), &format!("{repository}:latest")]);
}

#[test]
fn without_pushing_nothing_leaves_the_runner() {
    let lab = Github::start();
    let repository = repository("stays");
    let workspace = lab.pull_request(runner(&image(&repository, "echo hello > /hello")), 100);
    let workspace = workspace.env("INPUT_PREVIEW-PUSH", "false");
    workspace.run(&["action"]).succeeded();
    assert!(tags(&repository).is_empty());
    let record = record(&workspace);
    let held = record["builds"][0]["held_back"].to_string();
    assert!(held.contains("post-processor docker-push") && held.contains("announce"), "{held}");
    docker(&["rmi", "-f", &format!("{repository}:pr-7-{}", &lab.at("head")[..7])]);
}

#[test]
fn a_preview_that_fails_is_told_as_any_build_and_leaves_nothing() {
    let lab = Github::start();
    let repository = repository("fails");
    let workspace = lab.pull_request(runner(&image(&repository, "echo out of luck; exit 3")), 100);
    let ran = workspace.run(&["action"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let check = lab.check("forge / docker.app");
    assert_eq!(check["conclusion"], "failure");
    assert!(lab.comment().contains("out of luck"), "{}", lab.comment());
    assert!(tags(&repository).is_empty() && docker(&["images", "-q", &repository]).is_empty());
    assert_eq!(workspace.journals(), 0);
    lab.took_everything();
}

#[test]
fn a_preview_is_that_of_a_pull_request() {
    let lab = Github::start();
    let payload = json!({ "repository": { "id": 1, "full_name": "octo/images", "default_branch": "main" } });
    let workspace = lab.step(runner(&image("example.invalid/a", "true")), "workflow_dispatch", &payload, 100);
    let workspace = workspace.env("GITHUB_SHA", lab.at("main")).env("GITHUB_REF", "refs/heads/main");
    let workspace = workspace.env("INPUT_COMMAND", "preview");
    let ran = workspace.run(&["action"]);
    assert_eq!(ran.code, Some(1));
    ran.says("a preview is that of a pull request").says_not("Pulling");
}

#[test]
fn two_images_of_one_repository_do_not_take_each_others_name() {
    let lab = Github::start();
    let repository = repository("shared");
    let two = image(&repository, "echo $RANDOM > /x").replace("\"docker.app\"]", "\"docker.app\", \"docker.b\"]");
    let two = two.replacen(
        "source \"docker\"",
        "source \"docker\" \"b\" {\n  image = \"BUSYBOX\"\n  commit = true\n}\nsource \"docker\"",
        1,
    );
    let workspace = lab.pull_request(runner(&two), 100);
    workspace.run(&["action"]).succeeded();
    let tag = format!("pr-7-{}", &lab.at("head")[..7]);
    assert_eq!(tags(&repository), [format!("{tag}-app"), format!("{tag}-b")]);
    let names: Vec<String> = tags(&repository).iter().map(|tag| format!("{repository}:{tag}")).collect();
    closed(&lab, runner(&two)).run(&["action"]).succeeded();
    assert!(tags(&repository).is_empty());
    names.iter().for_each(|name| drop(docker(&["rmi", "-f", name])));
}

#[test]
fn downgrades_and_users_are_told_in_the_comment_and_in_the_check_run() {
    let lab = Github::start();
    let text = |script: &str| crate::inventory::template(&setting("FORGE_TEST_BASE_IMAGE"), &[script]);
    let first = lab.pull_request(runner(&text("useradd -u 1234 -m -s /bin/bash deploy")), 100);
    let first = first.env("INPUT_BASELINE", "off");
    let ran = first.run(&["action"]);
    let _image = ran.succeeded().image();
    let mut old = record(&first);
    let packages = old["builds"][0]["inventory"]["packages"].as_array_mut().unwrap();
    packages.iter_mut().find(|package| package["name"] == "bash").unwrap()["version"] = "99-1".into();
    let script = "useradd -u 1234 -m -s /bin/sh deploy; useradd -u 1300 -m other";
    let second = lab.pull_request(runner(&text(script)), 101).env("INPUT_BASELINE", "old");
    second.file("old/forge-record.json", old.to_string());
    let ran = second.run(&["action"]);
    let _image = ran.succeeded().image();
    let check = lab.checks().into_iter().rfind(|check| check["name"] == "forge / docker.web").unwrap();
    for text in [lab.comment(), check["output"].to_string()] {
        for part in ["99-1", "*downgraded*", "user deploy", "1234, /home/deploy, /bin/sh", "user other"] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        assert!(text.contains("1 package downgraded"), "{text}");
    }
    lab.took_everything();
}

/// What the base branch has already is not built again, although its post-processors would do more than push.
#[test]
fn only_what_a_pull_request_changes_is_built() {
    let lab = Github::start();
    let (same, other) = (repository("same"), repository("other"));
    let two = |text: &str| {
        let first = image(&same, "echo same > /x").replace("docker.app", "docker.same");
        let second = image(&other, &format!("echo {text} > /x")).replace("docker.app", "docker.other");
        let named = |text: String, name: &str| text.replace("\"docker\" \"app\"", &format!("\"docker\" \"{name}\""));
        named(first, "same") + &named(second, "other")
    };
    let github = json!({ "id": 1, "full_name": "octo/images", "default_branch": "main" });
    let made = lab.ask(
        "repository",
        &json!({ "runs": [{ "event": "push", "head_branch": "main", "head_sha": lab.at("main") }] }),
    );
    let (id, token) = (made["runs"][0]["id"].as_u64().unwrap(), made["runs"][0]["runtime_token"].as_str().unwrap());
    let push = json!({ "ref": "refs/heads/main", "after": lab.at("main"), "repository": github });
    let workspace = lab.step(runner(&two("before")), "push", &push, id).env("GITHUB_REF", "refs/heads/main");
    let workspace = workspace.env("GITHUB_SHA", lab.at("main")).env("ACTIONS_RUNTIME_TOKEN", token);
    workspace.run(&["action"]).succeeded();
    lab.ask("repository", &json!({ "runs": [{ "id": id, "status": "completed", "conclusion": "success" }] }));
    let workspace = lab.pull_request(runner(&two("after")), 100);
    let ran = workspace.run(&["action"]);
    ran.succeeded();
    let record = record(&workspace);
    let states: Vec<_> = record["builds"].as_array().unwrap().iter().map(|build| &build["state"]).collect();
    assert_eq!(states, ["unchanged", "succeeded"], "{record:#}\n{}", ran.stdout);
    assert_eq!(tags(&same), ["1", "latest"]);
    assert_eq!(tags(&other), ["1", "latest", &format!("pr-7-{}", &lab.at("head")[..7])]);
    let changed = record["builds"][1]["change"]["inputs"].to_string();
    assert!(changed.contains("after"), "{record:#}");
    lab.took_everything();
    for (repository, tag) in [(&same, "1"), (&same, "latest"), (&other, "1"), (&other, "latest")] {
        docker(&["rmi", "-f", &format!("{repository}:{tag}")]);
    }
    docker(&["rmi", "-f", &format!("{other}:pr-7-{}", &lab.at("head")[..7])]);
}
