//! Whose a comment is, which run's text stays when runs write at the same time, and what looking again costs.

use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::action::runner;
use crate::github_reports::template;
use crate::support::github::Github;
use crate::support::{Workspace, wait};

fn pull_request(lab: &Github, run: u64) -> Workspace {
    lab.pull_request(runner(&template(&["good"])), run)
}

/// Statuses of the answers to such calls of any of GitHub's interfaces.
fn answers(lab: &Github, method: &str, end: &str) -> Vec<u64> {
    let calls = lab.ask("calls", &Value::Null);
    let such = |call: &&Value| call["method"] == method && call["path"].as_str().unwrap().ends_with(end);
    calls.as_array().unwrap().iter().filter(such).map(|call| call["status"].as_u64().unwrap_or(0)).collect()
}

/// There is a comment; an older run has looked, and its change is on its way while a newer run may look, write and end.
fn held_back(lab: &Github) -> (Workspace, Child, Workspace) {
    pull_request(lab, 99).run(&["action"]).succeeded();
    lab.rules(&json!([{ "method": "PATCH", "path": "/comments/", "times": 1, "hold": true }]));
    let (older, newer) = (pull_request(lab, 100), pull_request(lab, 101));
    let child = older.command(&["action"]).stdout(Stdio::null()).spawn().unwrap();
    wait("the older run's change", || lab.ask("held", &Value::Null) != json!([]));
    (older, child, newer)
}

#[test]
fn an_older_runs_change_that_lands_late_is_written_over_by_the_post_step() {
    let lab = Github::start();
    let (older, mut child, newer) = held_back(&lab);
    newer.run(&["action"]).succeeded().says_not("::warning");
    assert!(lab.comment().contains("run 101"), "{}", lab.comment());
    lab.ask("release", &Value::Null);
    assert!(child.wait().unwrap().success());
    wait("the older run's text", || lab.comment().contains("run 100"));
    newer.run(&["sweep"]).succeeded().says("again: an older run had written over its comment");
    assert!(lab.comment().contains("run 101"), "{}", lab.comment());
    older.run(&["sweep"]).succeeded();
    assert!(lab.comment().contains("run 101"), "{}", lab.comment());
    assert_eq!((older.journals(), newer.journals()), (0, 0));
    lab.took_everything();
}

/// The newer run has ended, its post step too, and its text is in the comment's history alone.
#[test]
fn an_older_run_that_lands_on_a_newer_ones_text_puts_it_back() {
    for history in [true, false] {
        let lab = Github::start();
        let (older, mut child, newer) = held_back(&lab);
        newer.run(&["action"]).succeeded();
        newer.run(&["sweep"]).succeeded();
        assert!(lab.comment().contains("run 101"), "{}", lab.comment());
        lab.ask("release", &Value::Null);
        assert!(child.wait().unwrap().success());
        wait("the older run's text", || lab.comment().contains("run 100"));
        if !history {
            lab.rules(&json!([{ "path": "/graphql$", "status": 403, "message": "no" }]));
        }
        let swept = older.run(&["sweep"]);
        swept.succeeded();
        // Where GitHub does not tell what was there, the next run corrects it.
        assert_eq!(swept.stdout.contains("a newer run again"), history, "{}", swept.stdout);
        assert!(lab.comment().contains(if history { "run 101" } else { "run 100" }), "{}", lab.comment());
        assert_eq!((older.journals(), newer.journals()), (0, 0));
        lab.took_everything();
    }
}

#[test]
fn the_post_step_leaves_a_newer_runs_comment_alone() {
    let lab = Github::start();
    let workspaces = [99, 100, 101].map(|run| pull_request(&lab, run));
    workspaces.iter().for_each(|workspace| drop(workspace.run(&["action"])));
    lab.ask("forget-calls", &Value::Null);
    workspaces.iter().for_each(|workspace| drop(workspace.run(&["sweep"])));
    assert!(lab.comment().contains("run 101"), "{}", lab.comment());
    // One look each; the first run's comment was nobody's before.
    assert_eq!(lab.requests(), ["POST /graphql", "POST /graphql"]);
    lab.took_everything();
}

#[test]
fn what_has_not_changed_costs_no_request() {
    let lab = Github::start();
    pull_request(&lab, 100).run(&["action"]).succeeded();
    lab.ask("forget-calls", &Value::Null);
    // The comments are looked at before each try, and have not changed in between.
    lab.rules(&json!([{ "method": "PATCH", "path": "/comments/", "times": 1, "status": 503 }]));
    let workspace = pull_request(&lab, 101);
    workspace.run(&["action"]).succeeded();
    workspace.run(&["sweep"]).succeeded();
    let looked = answers(&lab, "GET", "/issues/7/comments");
    assert_eq!(looked.get(..2), Some(&[200, 304][..]), "GitHub does not count the second: {looked:?}");
    assert!(lab.comment().contains("run 101"), "what the cache holds is taken for what is there: {}", lab.comment());
}

#[test]
fn an_app_whose_token_was_given_finds_its_comment_again() {
    let lab = Github::start();
    let app = json!({ "id": 77, "slug": "forge", "name": "forge" });
    let permissions = json!({ "contents": "read", "pull-requests": "write", "actions": "read", "metadata": "read" });
    lab.ask("tokens", &json!([{ "token": "ghs_app", "login": "forge[bot]", "app": app, "permissions": permissions }]));
    let run = |number| {
        let workspace = pull_request(&lab, number).env("INPUT_GITHUB-TOKEN", "ghs_app").env("INPUT_CHECK-RUN", "false");
        workspace.run(&["action"]).succeeded().says_not("::warning");
        workspace
    };
    run(100);
    // Others can write our marker: a person of the App's name, and another workflow.
    let ours = lab.comment();
    for (author, by) in
        [("forge", Value::Null), ("github-actions[bot]", json!({ "id": 15368, "slug": "github-actions" }))]
    {
        lab.ask("repository", &json!({ "comments": [{ "issue": 7, "body": ours, "author": author, "app": by }] }));
    }
    lab.ask("forget-calls", &Value::Null);
    let workspace = run(101);
    assert_eq!(answers(&lab, "POST", "/graphql"), [200], "it is asked once who we are");
    workspace.run(&["sweep"]).succeeded();
    let comments = lab.comments();
    let bodies: Vec<&str> = comments.iter().map(|comment| comment["body"].as_str().unwrap()).collect();
    assert_eq!((bodies.len(), bodies[1], bodies[2]), (3, ours.as_str(), ours.as_str()), "{comments:#?}");
    assert!(bodies[0].contains("run 101"), "{}", bodies[0]);
    lab.took_everything();
}

#[test]
fn a_persons_token_finds_its_comment_again() {
    let lab = Github::start();
    lab.ask("tokens", &json!([{ "token": "ghp_robot", "login": "robot", "app": null }]));
    let run = |number, checks: &str| {
        let workspace = pull_request(&lab, number).env("INPUT_GITHUB-TOKEN", "ghp_robot").env("INPUT_COMMAND", "build");
        lab.ask("forget-calls", &Value::Null);
        workspace.env("INPUT_CHECK-RUN", checks).run(&["action"]).succeeded();
        assert!(lab.comment().contains(&format!("run {number}")), "{}", lab.comment());
        answers(&lab, "GET", "/user").len()
    };
    assert_eq!((run(100, "true"), run(101, "true")), (0, 0), "whoever set the status is who we are");
    assert_eq!(run(102, "false"), 1, "and is asked for where there is none");
    assert_eq!(lab.comments()[0]["author"], "robot");
    lab.took_everything();
}
