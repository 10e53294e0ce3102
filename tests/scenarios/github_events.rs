//! Events other than a pull request's own: on which commit and which pull request the run is reported, and what is done.
//! Then what GitHub has between a run and its reports: pages, limits, proxies.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::action::runner;
use crate::github_reports::{template, texts};
use crate::support::github::Github;
use crate::support::{Workspace, events, wait};

/// A step of such an event, with one good build.
fn step(lab: &Github, event: &str, payload: &Value, sha: &str, reference: &str) -> Workspace {
    let workspace = lab.step(runner(&template(&["good"])), event, payload, 100);
    workspace.env("GITHUB_SHA", sha).env("GITHUB_REF", reference)
}

/// Built, and reported on that commit.
#[track_caller]
fn built_on(lab: &Github, sha: &str) {
    let check = lab.check("forge / null.good");
    assert_eq!((check["head_sha"].as_str(), check["conclusion"].as_str()), (Some(sha), Some("success")));
    lab.took_everything();
}

fn comment_on(lab: &Github, thread: &Value) -> Workspace {
    let payload = json!({ "action": "created", "issue": thread, "comment": { "id": 1, "body": "/forge build" } });
    step(lab, "issue_comment", &payload, lab.at("main"), "refs/heads/main")
}

#[test]
fn a_comment_builds_the_pull_request_it_is_on_if_the_workflow_says_so() {
    let lab = Github::start();
    let workspace = comment_on(&lab, &json!({ "number": 7, "pull_request": { "url": "https://api.github.com/x" } }));
    events::check_out(&workspace, ".", lab.at("head"));
    // The head can be pushed to by then: it is somebody else's until it is approved.
    let refused = workspace.command(&["action"]).env("INPUT_COMMAND", "build").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(lab.calls().is_empty(), "{:#?}", lab.calls());
    let workspace = workspace.env("INPUT_TRUSTED-HEAD", lab.at("head"));
    // Nobody said to build.
    workspace.run(&["action"]).succeeded().says("Nothing to do");
    assert!(lab.checks().is_empty());
    workspace.env("INPUT_COMMAND", "build").run(&["action"]).succeeded();
    built_on(&lab, lab.at("head"));
    let comments = lab.comments();
    assert_eq!((comments.len(), comments[0]["issue"].as_u64()), (1, Some(7)), "{comments:#?}");
}

#[test]
fn a_comment_on_an_issue_is_answered_nowhere() {
    let lab = Github::start();
    lab.ask("repository", &json!({ "issues": [{ "number": 3 }] }));
    let workspace = comment_on(&lab, &json!({ "number": 3 })).env("INPUT_COMMAND", "build");
    events::check_out(&workspace, ".", lab.at("main"));
    workspace.run(&["action"]).succeeded();
    assert!(lab.comments().is_empty());
    built_on(&lab, lab.at("main"));
}

#[test]
fn a_release_is_built_at_its_commit() {
    let lab = Github::start();
    let payload = json!({ "action": "published", "release": { "id": 1, "tag_name": "v1.4.0" } });
    let workspace = step(&lab, "release", &payload, lab.at("head"), "refs/tags/v1.4.0");
    workspace.env("INPUT_COMMAND", "build").run(&["action"]).succeeded();
    built_on(&lab, lab.at("head"));
    assert!(lab.comment().contains("null.good"), "the pull request of that commit");
}

#[test]
fn a_tag_is_built_at_the_commit_and_not_at_its_own_object() {
    let lab = Github::start();
    let payload =
        json!({ "ref": "refs/tags/v1.4.0", "before": "0".repeat(40), "after": "d".repeat(40), "deleted": false });
    let workspace = step(&lab, "push", &payload, lab.at("head"), "refs/tags/v1.4.0");
    workspace.env("INPUT_COMMAND", "build").run(&["action"]).succeeded();
    built_on(&lab, lab.at("head"));
    assert!(lab.comment().contains("null.good"));
}

#[test]
fn a_merge_queue_is_validated_and_built_if_the_workflow_says_so() {
    let lab = Github::start();
    let reference = format!("refs/heads/gh-readonly-queue/main/pr-7-{}", lab.at("main"));
    let group = json!({ "head_sha": lab.at("merge"), "head_ref": reference, "base_sha": lab.at("main"), "base_ref": "refs/heads/main" });
    let payload = json!({ "action": "checks_requested", "merge_group": group });
    let workspace = step(&lab, "merge_group", &payload, lab.at("merge"), &reference);
    workspace.run(&["action"]).succeeded().says("valid").says_not("working");
    assert!(lab.checks().is_empty(), "{:#?}", lab.checks());
    workspace.env("INPUT_COMMAND", "build").run(&["action"]).succeeded();
    built_on(&lab, lab.at("merge"));
    let comments = lab.comments();
    assert!(comments.iter().all(|comment| comment["issue"] == 7), "{comments:#?}");
    assert!(lab.comment().contains("1 build succeeded"), "{comments:#?}");
}

#[test]
fn a_run_by_hand_is_built_and_has_no_pull_request() {
    let lab = Github::start();
    let payload = json!({ "ref": "refs/heads/change", "inputs": { "x": "y" } });
    step(&lab, "workflow_dispatch", &payload, lab.at("head"), "refs/heads/change").run(&["action"]).succeeded();
    built_on(&lab, lab.at("head"));
    assert!(lab.comments().is_empty());
}

#[test]
fn the_comment_is_found_behind_250_others() {
    let lab = Github::start();
    let others: Vec<Value> = (0..250).map(|n| json!({ "body": format!("comment {n}"), "author": "mona" })).collect();
    lab.ask("repository", &json!({ "comments": others }));
    lab.pull_request(runner(&template(&["good"])), 100).run(&["action"]).succeeded();
    assert_eq!(lab.comments().len(), 251);
    lab.ask("forget-calls", &Value::Null);
    lab.pull_request(runner(&template(&["good"])), 101).run(&["action"]).succeeded();
    let comments = lab.comments();
    assert_eq!(comments.len(), 251, "changed, not written anew");
    assert!(comments[250]["body"].as_str().unwrap().contains("run 101"), "{:#?}", comments[250]);
    let pages =
        lab.calls().iter().filter(|call| call.starts_with("GET") && call.ends_with("/issues/7/comments")).count();
    assert_eq!(pages, 3, "{:#?}", lab.calls());
    lab.took_everything();
}

#[test]
fn a_limit_without_a_time_is_not_hammered() {
    let lab = Github::start();
    lab.rules(&json!([{ "method": "POST", "path": "/check-runs$", "times": 50, "status": 403,
        "message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again." }]));
    let text = template(&["good"]).replace("echo working", "sleep 5");
    let workspace = lab.pull_request(runner(&text), 100);
    let ran = workspace.run(&["action"]);
    ran.succeeded().says("the post step reports the rest");
    assert!(ran.took < Duration::from_secs(30), "{:?}", ran.took);
    // GitHub asks for a minute where it says nothing.
    let calls = lab.calls();
    assert_eq!(calls.iter().filter(|call| call.ends_with("/check-runs")).count(), 1, "{calls:#?}");
    lab.rules(&json!([]));
    workspace.run(&["sweep"]).succeeded().says("reported");
    assert_eq!(lab.check("forge / null.good")["conclusion"], "success");
}

#[test]
fn the_proxy_of_the_environment_is_gone_through() {
    let lab = Github::start();
    // Nobody knows that name: only the proxy, which is the lab itself, leads anywhere.
    let workspace = lab.pull_request(runner(&template(&["good"])), 100);
    let workspace = workspace.env("GITHUB_API_URL", "http://api.nowhere.invalid").env("NO_PROXY", "127.0.0.1");
    let through = workspace.env("HTTP_PROXY", lab.at("endpoint"));
    through.run(&["action"]).succeeded().says_not("::warning");
    assert_eq!(lab.check("forge / null.good")["conclusion"], "success");
    assert!(lab.comment().contains("null.good"));
}

#[test]
fn the_proxy_for_https_is_asked_for_a_tunnel() {
    let lab = Github::start();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let mut text = [0; 512];
        let (mut stream, _) = proxy.accept().unwrap();
        let length = stream.read(&mut text).unwrap();
        stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    });
    let workspace = lab.pull_request(runner(&template(&["good"])), 100).env("HTTPS_PROXY", address);
    let workspace = workspace.env("GITHUB_API_URL", "https://api.nowhere.invalid").env("NO_PROXY", "127.0.0.1");
    let mut child = workspace.command(&["action"]).stdout(Stdio::null()).spawn().unwrap();
    wait("the proxy is asked", || asked.is_finished());
    let asked = asked.join().unwrap();
    assert!(asked.starts_with("CONNECT api.nowhere.invalid:443 "), "{asked}");
    assert!(child.wait().unwrap().success(), "a proxy that fails is no reason to fail");
}

#[test]
fn what_may_be_a_secret_leaves_the_log_and_nothing_else() {
    let lab = Github::start();
    let text = template(&["bad"]).replace("exit 3", "echo $DEPLOY_TOKEN; echo ${var.password} ${var.version}; exit 3");
    let text = "variable \"password\" {}\nvariable \"version\" {}\n".to_owned() + &text;
    let workspace = lab.pull_request(runner(&text), 100);
    let workspace = workspace.env("DEPLOY_TOKEN", "deploy-4711-deploy");
    let workspace = workspace.env("INPUT_VARS", "password=correct horse\nversion=1.20.300");
    let ran = workspace.run(&["action"]);
    assert_eq!(ran.code, Some(1));
    ran.says("deploy-4711-deploy").says("correct horse 1.20.300");
    let check = lab.check("forge / null.bad");
    assert!(texts(&check, "text").contains("<sensitive> 1.20.300"), "{check:#}");
    let record = std::fs::read_to_string(crate::action::output(&workspace, "record")).unwrap();
    let kept = Value::from(lab.artifacts()).to_string();
    let summary = workspace.read(".runner/GITHUB_STEP_SUMMARY");
    for text in [check.to_string(), lab.comment(), record, kept, summary] {
        assert!(text.contains("1.20.300"), "{text}");
        assert!(!text.contains("deploy-4711") && !text.contains("correct horse"), "{text}");
    }
}
