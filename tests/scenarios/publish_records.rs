//! Which record a tag publishes: how its run ended, runs that have not ended yet, and what it would be built of now.

use serde_json::{Value, json};

use crate::publish_github::{TEMPLATE, built, pushed, refused, tagged};
use crate::support::github::Github;
use crate::support::pushed::{Pushed, digest, tags};
use crate::support::{Workspace, wait};

/// The step with a file of one image, `web`, that says this of publishing.
fn with_settings(lab: &Github, settings: &str) -> Workspace {
    let workspace = tagged(lab, "v1.0.0").env("INPUT_TEMPLATE", "");
    let config = format!("images:\n  web:\n    template: t.pkr.hcl\n    publish: {{ {settings} }}\n");
    workspace.file(".github/forge.yml", config);
    workspace
}

#[test]
fn what_a_test_has_refused_is_not_published() {
    let lab = Github::start();
    let image = pushed("refused");
    let failed = json!({ "conclusion": "failure" });
    built(&lab, lab.at("main"), &[image.build("docker.app"), image.build("web/docker.app")], &failed, &json!({}));
    refused(&tagged(&lab, "v1.0.0"))
        .says("the image of docker.app is of run")
        .says("which ended with \"failure\"")
        .says_not("no record has an image");
    // Nor is it built again, to be published without the test.
    refused(&with_settings(&lab, "without-record: build"))
        .says("the image of web/docker.app is of run")
        .says_not("it is built");
    assert!(tags(&image.repository).is_empty());
    let accepted = with_settings(&lab, "failed-runs: accept");
    accepted.run(&["action"]).succeeded();
    assert_eq!(digest(&image.repository, "1.0.0").as_ref(), Some(&image.digest));

    // Its failed jobs ran again, and well.
    let other = pushed("again");
    let run = json!({ "conclusion": "failure", "head_sha": lab.at("head"), "id": 7_000_001 });
    built(&lab, lab.at("head"), &[other.build("docker.app")], &run, &json!({}));
    let head = || tagged(&lab, "v2.0.0").env("GITHUB_SHA", lab.at("head"));
    refused(&head()).says("run 7000001");
    lab.ask("repository", &json!({ "runs": [{ "id": 7_000_001, "conclusion": "success" }] }));
    head().run(&["action"]).succeeded();
    assert_eq!(digest(&other.repository, "2.0.0").as_ref(), Some(&other.digest));
    lab.took_everything();
}

#[test]
fn runs_that_build_the_commit_are_waited_for() {
    let lab = Github::start();
    let image = pushed("waited");
    let going = json!({ "status": "in_progress", "conclusion": null, "id": 7_000_002 });
    built(&lab, lab.at("main"), &[image.build("web/docker.app")], &going, &json!({}));
    // That of another tag publishes, and may wait for this one.
    let of_tag = json!({ "event": "push", "head_sha": lab.at("main"), "head_branch": "v0.9.0", "status": "queued" });
    lab.ask("repository", &json!({ "refs": { "tags/v0.9.0": lab.at("main") }, "runs": [of_tag] }));
    let asked = |status: i64| {
        let calls = lab.ask("calls", &Value::Null);
        let of_runs = |call: &&Value| {
            call["path"].as_str().unwrap().ends_with("/actions/runs") && call["query"]["head_sha"].is_string()
        };
        calls.as_array().unwrap().iter().filter(of_runs).filter(|call| call["status"] == status).count()
    };
    let late = with_settings(&lab, "without-record: build, wait-for-build: 1s");
    late.file("t.pkr.hcl", TEMPLATE.replace("commit = true", "discard = true").replace("BUSYBOX", "127.0.0.1:1/none"));
    refused(&late).says("Waiting up to 1 min").says("run 7000002 of .github/workflows/images.yml (in_progress)");
    lab.ask("forget-calls", &Value::Null);
    let workspace = with_settings(&lab, "without-record: build");
    let ran = std::thread::scope(|scope| {
        let publishing = scope.spawn(|| workspace.run(&["action"]));
        wait("two looks whose answer was the same", || asked(304) >= 2);
        lab.ask(
            "repository",
            &json!({ "runs": [{ "id": 7_000_002, "status": "completed", "conclusion": "success" }] }),
        );
        publishing.join().unwrap()
    });
    ran.succeeded().says("Waiting up to 30 min for what builds commit").says_not("it is built").says_not("v0.9.0");
    assert_eq!(ran.stdout.matches("Waiting up to").count(), 1, "{}", ran.stdout);
    assert_eq!(digest(&image.repository, "1.0.0").as_ref(), Some(&image.digest));

    // Nothing but that of the other tag: nobody waits.
    let ran = refused(&tagged(&lab, "v1.1.0").env("GITHUB_SHA", lab.at("head")));
    ran.says_not("Waiting").says("no run of a workflow on a push of commit");
    lab.took_everything();
}

/// What a run left counts no more once its jobs run again, also while another image is waited for.
#[test]
fn an_attempt_that_ends_well_while_others_are_waited_for_counts() {
    let lab = Github::start();
    let (web, other) = (pushed("anew"), pushed("slow"));
    let failed = json!({ "conclusion": "failure", "id": 7_000_003 });
    built(&lab, lab.at("main"), &[web.build("web/docker.app")], &failed, &json!({}));
    let going = json!({ "status": "in_progress", "conclusion": null, "id": 7_000_004 });
    built(&lab, lab.at("main"), &[other.build("other/docker.app")], &going, &json!({}));
    // The tags cannot be read: a run of this very tag is not waited for, whatever is known.
    let own = json!({ "event": "push", "head_sha": lab.at("main"), "head_branch": "v1.0.0", "status": "queued" });
    lab.ask("repository", &json!({ "runs": [own] }));
    lab.rules(&json!([{ "method": "GET", "path": "/git/matching-refs/tags", "status": 403, "message": "no" }]));
    let workspace = with_settings(&lab, "tags: [version]");
    let config = workspace.read(".github/forge.yml");
    workspace.file(".github/forge.yml", format!("{config}  other: {{ template: t.pkr.hcl }}\n"));
    let ended = |id: u64, attempt: u64| {
        let run = json!({ "id": id, "status": "completed", "conclusion": "success", "run_attempt": attempt });
        lab.ask("repository", &json!({ "runs": [run] }));
    };
    let looks = || lab.calls().iter().filter(|call| call.contains("/actions/runs") && call.starts_with("GET")).count();
    let ran = std::thread::scope(|scope| {
        let publishing = scope.spawn(|| workspace.run(&["action"]));
        wait("a look at both", || looks() >= 4);
        ended(7_000_003, 2);
        ended(7_000_004, 1);
        publishing.join().unwrap()
    });
    ran.succeeded().says("the tags of the repository could not be read").says("run 7000004");
    ran.says_not("(queued)");
    assert_eq!(digest(&web.repository, "1.0.0").as_ref(), Some(&web.digest));
    assert_eq!(digest(&other.repository, "1.0.0").as_ref(), Some(&other.digest));
}

/// What the template of the step is made of, and the digest of it.
pub(crate) fn inputs(workspace: &Workspace) -> (String, Value) {
    let ran = workspace.run(&["plan", "-json", "t.pkr.hcl"]);
    ran.succeeded();
    let plan: Value = serde_json::from_str(&ran.stdout).unwrap();
    let build = &plan["builds"][0];
    (build["digest"].as_str().unwrap_or_else(|| panic!("no digest in {plan:#}")).to_owned(), build["inputs"].clone())
}

pub(crate) fn recorded(image: &Pushed, name: &str, digest: &str, inputs: &Value) -> Value {
    let mut build = image.build(name);
    build["digest"] = json!(digest);
    build["inputs"] = inputs.clone();
    build
}

#[test]
fn a_commit_without_a_record_gets_an_earlier_image_of_the_same_inputs() {
    let lab = Github::start();
    let (known, all) = inputs(&tagged(&lab, "v1.0.0"));
    let image = Pushed::new(&pushed("alike").repository, 1000, &[("forge.inputs", &known)]);
    let other = pushed("unlike");
    let of_head = |build: Value, run: Value| built(&lab, lab.at("head"), &[build], &run, &json!({}));
    of_head(recorded(&other, "docker.app", "sha256:ffff", &all), json!({}));
    of_head(recorded(&other, "docker.app", &known, &all), json!({ "conclusion": "failure" }));
    of_head(recorded(&other, "docker.app", &known, &all), json!({ "head_branch": "topic" }));
    of_head(recorded(&other, "docker.other", &known, &all), json!({}));
    refused(&tagged(&lab, "v1.0.0")).says("no record has an image of docker.app");
    of_head(recorded(&image, "docker.app", &known, &all), json!({}));
    let ran = tagged(&lab, "v1.0.0").run(&["action"]);
    ran.succeeded().says(&format!("that of commit {} is taken, which run", &lab.at("head")[..12]));
    assert_eq!(digest(&image.repository, "1.0.0").as_ref(), Some(&image.digest));
    assert!(tags(&other.repository).is_empty());
    // What a run of the commit could not build is not made up for by what was before.
    let third = "c".repeat(40);
    let mut broken = recorded(&other, "docker.app", &known, &all);
    (broken["state"], broken["images"]) = (json!("failed"), json!([]));
    built(&lab, &third, &[broken], &json!({ "conclusion": "failure" }), &json!({}));
    refused(&tagged(&lab, "v1.0.1").env("GITHUB_SHA", &third)).says("no record has an image of docker.app");
    // It is looked for by few requests, however many runs there are.
    for _ in 0..45 {
        of_head(recorded(&other, "docker.app", "sha256:ffff", &all), json!({}));
    }
    lab.ask("forget-calls", &Value::Null);
    refused(&tagged(&lab, "v1.0.1")).says("no record has an image of docker.app");
    assert!(lab.calls().len() < 50, "{:#?}", lab.calls());
    lab.took_everything();
}

#[test]
fn what_differs_from_the_record_of_the_commit_is_told() {
    let lab = Github::start();
    let (known, all) = inputs(&tagged(&lab, "v1.0.0"));
    let image = pushed("differs");
    let mut older = all.clone();
    let changed = older.as_array_mut().unwrap().iter_mut().find(|input| input["name"] == "builder: image").unwrap();
    (changed["value"], changed["digest"]) = (json!("debian:1"), json!("00"));
    let (of_now, of_then) =
        (recorded(&image, "docker.app", &known, &all), recorded(&image, "docker.app", "sha256:0", &older));
    built(&lab, lab.at("main"), &[of_then], &json!({}), &json!({}));
    let ran = tagged(&lab, "v1.0.0").run(&["action"]);
    ran.succeeded()
        .says("::warning")
        .says("docker.app: the recorded image is published, and built now it would be another one")
        .says("~ builder: image: debian:1 -> ");
    built(&lab, lab.at("head"), &[of_now], &json!({}), &json!({}));
    let head = || tagged(&lab, "v1.0.1").env("GITHUB_SHA", lab.at("head"));
    head().run(&["action"]).succeeded().says_not("built now").says_not("not compared");
    // What only a build can know.
    let unknown = head();
    unknown
        .file("t.pkr.hcl", TEMPLATE.replace("BUSYBOX", "127.0.0.1:1/none").replace("pull   = false", "pull   = true"));
    unknown.run(&["action"]).succeeded().says("what it would be built of now is not compared with its record");
    lab.took_everything();
}
