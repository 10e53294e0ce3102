//! A tag or a release publishes what was built of its commit: the record is found, the release is told.

use serde_json::{Value, json};

use crate::action::runner;
use crate::support::github::Github;
use crate::support::pushed::{Pushed, delete, digest, record, repository, tags};
use crate::support::{Ran, Workspace, setting};

pub(crate) const TEMPLATE: &str = r#"
source "docker" "app" {
  image  = "BUSYBOX"
  pull   = false
  commit = true
}
build { sources = ["docker.app"] }
"#;

pub(crate) fn pushed(name: &str) -> Pushed {
    Pushed::new(&repository(&setting("FORGE_TEST_REGISTRY"), name), 1000, &[])
}

/// A step of the run that a pushed tag has started.
pub(crate) fn tagged(lab: &Github, tag: &str) -> Workspace {
    let payload = json!({ "ref": format!("refs/tags/{tag}"), "deleted": false,
        "repository": { "id": 1, "full_name": "octo/images", "default_branch": "main" } });
    let workspace = lab.step(runner(TEMPLATE), "push", &payload, 100).env("INPUT_TEMPLATE", "t.pkr.hcl");
    workspace.env("GITHUB_REF", format!("refs/tags/{tag}")).env("GITHUB_SHA", lab.at("main"))
}

/// A run on a push of that commit, which has left a record of the builds; yields the number of the artifact.
pub(crate) fn built(lab: &Github, sha: &str, builds: &[Value], run: &Value, more: &Value) -> Value {
    let mut about = json!({ "event": "push", "head_sha": sha, "head_branch": "main", "status": "completed", "conclusion": "success" });
    merge(&mut about, run);
    let id = lab.ask("repository", &json!({ "runs": [about] }))["runs"][0]["id"].clone();
    let mut kept = record(builds);
    kept["workflow"] = json!({ "repository": "octo/images", "event": "push", "sha": sha, "workflow": "images",
        "job": "image", "run_id": id, "attempt": 1, "url": "https://github.com/octo/images/actions/runs/1" });
    let mut artifact =
        json!({ "run": id, "name": "forge-record-image-1-abcd", "files": { "forge-record.json": kept.to_string() } });
    merge(&mut artifact, more);
    lab.ask("repository", &json!({ "artifacts": [artifact] }))["artifacts"][0].clone()
}

fn merge(into: &mut Value, from: &Value) {
    for (key, value) in from.as_object().into_iter().flatten() {
        into[key] = value.clone();
    }
}

pub(crate) fn releases(lab: &Github) -> Vec<Value> {
    lab.ask("state", &Value::Null)["releases"].as_array().unwrap().clone()
}

pub(crate) fn release(lab: &Github, about: &Value) {
    lab.ask("repository", &json!({ "refs": { "tags/v1.2.3": lab.at("main") }, "releases": [about] }));
}

fn output(workspace: &Workspace, name: &str) -> String {
    let text = workspace.read(".runner/GITHUB_OUTPUT");
    let (_, rest) = text.split_once(&format!("{name}<<")).unwrap_or_else(|| panic!("no {name} in {text}"));
    rest.lines().nth(1).unwrap().to_owned()
}

#[test]
fn a_tag_publishes_what_was_built_of_its_commit_and_tells_its_release() {
    let lab = Github::start();
    let image = pushed("story");
    let app = &image.repository;
    release(&lab, &json!({ "tag_name": "v1.2.3", "body": "# News\n\nwritten by a person" }));
    let mut build = image.build("docker.app");
    build["inventory"] = json!({});
    built(&lab, lab.at("main"), &[build], &json!({}), &json!({}));
    // What looks like it and is not: of another commit, of a fork, of another event, by another run.
    let other = pushed("other");
    for (sha, run, name) in [
        (lab.at("head"), json!({}), "of another commit"),
        (lab.at("main"), json!({ "head_repo": "stranger/images" }), "of a fork"),
        (lab.at("main"), json!({ "event": "pull_request" }), "of a pull request"),
        (lab.at("main"), json!({ "status": "in_progress", "conclusion": null }), "still going"),
    ] {
        let mut wrong = other.build("docker.app");
        wrong["error"] = json!(name);
        built(&lab, sha, &[wrong], &run, &json!({}));
    }
    let workspace = tagged(&lab, "v1.2.3");
    workspace.file("web.cdx.json", r#"{"bomFormat":"CycloneDX"}"#);
    let workspace = workspace.env("INPUT_ASSETS", "web.cdx.json");
    let ran = workspace.run(&["action"]);
    ran.succeeded().says(&format!("docker.app: published {app}:latest"));
    lab.took_everything();
    assert_eq!(tags(app), ["1", "1.2", "1.2.3", "latest"]);
    assert_eq!(digest(app, "latest"), Some(image.digest.clone()));
    let released = releases(&lab).remove(0);
    let notes = released["body"].as_str().unwrap();
    assert!(notes.starts_with("# News\n\nwritten by a person\n\n<!-- forge:images -->\n| Image |"), "{notes}");
    assert!(notes.contains(&format!("<code>{app}:1.2.3</code>")) && notes.contains(&image.digest), "{notes}");
    let asset = |released: &Value, name: &str| {
        released["assets"].as_array().unwrap().iter().find(|asset| asset["name"] == name).cloned().unwrap()
    };
    assert!(asset(&released, "forge-record.json")["text"].as_str().unwrap().contains(&image.digest));
    assert!(asset(&released, "forge-docker.app.cdx.json")["text"].as_str().unwrap().contains("CycloneDX"));
    assert_eq!(asset(&released, "web.cdx.json")["text"], r#"{"bomFormat":"CycloneDX"}"#);
    let images: Value = serde_json::from_str(&output(&workspace, "images")).unwrap();
    assert_eq!(images[0]["digests"][format!("{app}:1.2.3")], image.digest.as_str());
    let summary = workspace.read(".runner/GITHUB_STEP_SUMMARY");
    assert!(summary.contains("✅ Published v1.2.3: 1 image") && summary.contains("#### Published"), "{summary}");
    assert!(summary.contains(&format!("<code>{app}:latest</code>")), "{summary}");
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(output(&workspace, "record")).unwrap()).unwrap();
    assert_eq!((&kept["published"], &kept["builds"][0]["state"]), (&json!("v1.2.3"), &json!("succeeded")));

    // Once more, by the event of the release: the same result, and nothing is written.
    let payload = json!({ "action": "published", "release": { "id": 1, "tag_name": "v1.2.3" },
        "repository": { "id": 1, "full_name": "octo/images", "default_branch": "main" } });
    let again = lab.step(tagged(&lab, "v1.2.3"), "release", &payload, 101);
    again.file("web.cdx.json", r#"{"bomFormat":"CycloneDX"}"#);
    let again = again.env("INPUT_ASSETS", "web.cdx.json");
    let before = releases(&lab);
    again.run(&["action"]).succeeded().says("already").says_not("published ").says("is among the assets already");
    assert_eq!(releases(&lab), before);
    // A lower version that the repository has by its tags alone counts too.
    lab.ask("repository", &json!({ "refs": { "tags/v3.0.0": lab.at("main"), "tags/v2.0.0": lab.at("main") } }));
    let ran = tagged(&lab, "v2.0.0").run(&["action"]);
    ran.succeeded().says("latest: 3.0.0 is higher than 2.0.0").says("the tag v2.0.0 has no release");
    lab.took_everything();
}

/// Whoever gives a version by hand does not give it to another commit than its tag has.
#[test]
fn a_version_is_of_the_commit_of_its_tag() {
    let lab = Github::start();
    let image = pushed("dispatch");
    let mut unchanged = image.build("docker.app");
    unchanged["state"] = json!("unchanged");
    built(&lab, lab.at("main"), &[unchanged], &json!({}), &json!({}));
    let dispatched = || {
        let workspace = lab.step(runner(TEMPLATE), "workflow_dispatch", &json!({ "ref": "refs/heads/main" }), 100);
        let workspace = workspace.env("GITHUB_REF", "refs/heads/main").env("GITHUB_SHA", lab.at("main"));
        let workspace = workspace.env("INPUT_TEMPLATE", "t.pkr.hcl").env("INPUT_COMMAND", "publish");
        workspace.env("INPUT_VERSION", "v1.2.3")
    };
    lab.ask("repository", &json!({ "refs": { "tags/v1.2.3": lab.at("head") } }));
    let told =
        format!("v1.2.3 is a tag of commit {}, and this run is of {}", &lab.at("head")[..12], &lab.at("main")[..12]);
    refused(&dispatched()).says(&told).says("run the workflow on the tag");
    // Wherever the record comes from.
    let named = dispatched().env("INPUT_RECORDS", "records");
    named.file("records/forge-record.json", record(&[image.build("docker.app")]).to_string());
    refused(&named).says(&told);
    assert!(tags(&image.repository).is_empty());
    lab.ask("repository", &json!({ "refs": { "tags/v1.2.3": lab.at("main") } }));
    dispatched().run(&["action"]).succeeded();
    assert_eq!(digest(&image.repository, "1.2.3").as_ref(), Some(&image.digest), "of a run that did not build it anew");
    lab.took_everything();
}

/// The step's end where nothing could be published.
pub(crate) fn refused(workspace: &Workspace) -> Ran {
    let ran = workspace.run(&["action"]);
    ran.failed();
    ran
}

#[test]
fn without_a_record_nothing_is_published_and_where_was_looked_is_told() {
    let lab = Github::start();
    let image = pushed("missing");
    let build = image.build("docker.app");
    refused(&tagged(&lab, "nightly")).says("\"nightly\" is no version");
    let nothing = refused(&tagged(&lab, "v1.0.0"));
    nothing.says("no record has an image of docker.app").says("no run of a workflow on a push of commit");
    let expired = json!({ "expired": true });
    built(&lab, lab.at("main"), std::slice::from_ref(&build), &json!({}), &expired);
    refused(&tagged(&lab, "v1.0.0"))
        .says("forge-record-image-1-abcd of run")
        .says("has expired: build the commit again");
    let newer = json!({ "schema": 99, "forge": "9.0.0", "run": "x" }).to_string();
    built(&lab, lab.at("main"), &[], &json!({}), &json!({ "files": { "forge-record.json": newer } }));
    refused(&tagged(&lab, "v1.0.0")).says("its form 99 is newer than this forge knows");
    built(&lab, lab.at("main"), &[image.build("docker.other")], &json!({}), &json!({}));
    refused(&tagged(&lab, "v1.0.0")).says("no record has an image of docker.app");
    lab.permit(&json!({ "contents": "read" }));
    refused(&tagged(&lab, "v1.0.0")).says("actions: read");
    lab.permit(&json!({ "contents": "write", "actions": "read" }));
    assert!(tags(&image.repository).is_empty());

    // The image itself is gone.
    built(&lab, lab.at("main"), &[build], &json!({}), &json!({}));
    delete(&image.repository, &image.digest);
    refused(&tagged(&lab, "v1.0.0")).says("the recorded image is gone");
    let summary = tagged(&lab, "v1.0.0");
    refused(&summary);
    assert!(summary.read(".runner/GITHUB_STEP_SUMMARY").contains("❌ 1 of 1 image not published as v1.0.0"));
    lab.took_everything();
}

#[test]
fn where_the_file_says_so_a_missing_image_is_built_and_then_published() {
    let lab = Github::start();
    let app = repository(&setting("FORGE_TEST_REGISTRY"), "late");
    let build = format!(
        "build {{\n  sources = [\"docker.app\"]\n  post-processors {{\n    post-processor \"docker-tag\" {{\n      repository = \"{app}\"\n      \
         tags       = [\"built\"]\n    }}\n    post-processor \"docker-push\" {{}}\n  }}\n}}"
    );
    let template = TEMPLATE.replace("build { sources = [\"docker.app\"] }", &build);
    let config = "images:\n  web:\n    template: t.pkr.hcl\n    publish: { without-record: build }\n";
    let workspace = tagged(&lab, "v1.0.0").env("INPUT_TEMPLATE", "");
    workspace.file("t.pkr.hcl", template.replace("BUSYBOX", &crate::support::busybox()));
    workspace.file(".github/forge.yml", config);
    let ran = workspace.run(&["action"]);
    ran.succeeded().says("No record has an image of web: it is built.").says(&format!("published {app}:1.0.0"));
    assert_eq!(tags(&app), ["1", "1.0", "1.0.0", "latest"]);
    let images: Value = serde_json::from_str(&output(&workspace, "images")).unwrap();
    assert_eq!(images.as_array().unwrap().len(), 1, "{images}");
}

#[test]
fn releases_that_are_fixed_half_uploaded_deleted_or_out_of_reach() {
    let lab = Github::start();
    let image = pushed("release");
    built(&lab, lab.at("main"), &[image.build("docker.app")], &json!({}), &json!({}));
    let go = || tagged(&lab, "v1.2.3").run(&["action"]);

    // No permission: the images are published, and what was missing is said once.
    release(&lab, &json!({ "tag_name": "v1.2.3", "body": "old" }));
    lab.permit(&json!({ "contents": "read", "actions": "read" }));
    go().succeeded().says("`contents: write`");
    assert_eq!(tags(&image.repository).len(), 4);
    lab.permit(&json!({ "contents": "write", "actions": "read" }));

    // An upload that broke off leaves a name that is taken.
    lab.rules(&json!([{ "method": "POST", "path": "/assets", "nth": 1, "times": 1, "after": true, "starter": true, "status": 502 }]));
    go().succeeded().says("forge-record.json: is among the assets now");
    let assets = releases(&lab)[0]["assets"].as_array().unwrap().clone();
    assert_eq!((assets.len(), &assets[0]["state"]), (1, &json!("uploaded")));

    // It goes while its notes are written.
    lab.rules(&json!([{ "method": "PATCH", "path": "/releases/", "status": 404, "message": "Not Found" }]));
    let changed = tagged(&lab, "v1.2.3").env("INPUT_FORCE", "true");
    lab.ask("repository", &json!({}));
    // Another text, so that there is something to write.
    let other = Pushed::new(&repository(&setting("FORGE_TEST_REGISTRY"), "deleted"), 1000, &[]);
    changed.file("records/forge-record.json", record(&[other.build("docker.app")]).to_string());
    let ran = changed.env("INPUT_RECORDS", "records").run(&["action"]);
    ran.failed().says("the release v1.2.3 was deleted meanwhile; the images are published, and stay so");
    assert_eq!(digest(&other.repository, "1.2.3"), Some(other.digest.clone()));
    lab.rules(&json!([]));
    lab.took_everything();
}

#[test]
fn an_immutable_release_gets_its_notes_and_a_draft_gets_everything() {
    let lab = Github::start();
    let image = pushed("immutable");
    built(&lab, lab.at("main"), &[image.build("docker.app")], &json!({}), &json!({}));
    lab.ask("repository", &json!({ "immutable_releases": true }));
    release(&lab, &json!({ "tag_name": "v1.2.3", "body": "fixed" }));
    tagged(&lab, "v1.2.3").run(&["action"]).succeeded().says("is immutable: it gets no files");
    let fixed = releases(&lab).remove(0);
    assert!(fixed["body"].as_str().unwrap().starts_with("fixed\n\n<!-- forge:images -->"), "{fixed}");
    assert_eq!(fixed["assets"], json!([]));
    lab.ask(
        "repository",
        &json!({ "refs": { "tags/v1.3.0": lab.at("main") }, "releases": [{ "tag_name": "v1.3.0", "draft": true }] }),
    );
    tagged(&lab, "v1.3.0").run(&["action"]).succeeded().says("the notes of the draft v1.3.0 now have the images");
    let draft = releases(&lab).remove(1);
    assert_eq!((&draft["draft"], draft["assets"].as_array().unwrap().len()), (&json!(true), 1), "{draft}");
    lab.took_everything();
}
