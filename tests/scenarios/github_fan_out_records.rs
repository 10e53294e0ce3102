//! Records on their way from the jobs of a run to its report: those of strangers, of further attempts, those that the
//! artifact service does not take at once, and none at all.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::action::{output, runner};
use crate::github_fan_out::{cell, job, plan, report};
use crate::github_reports::template;
use crate::support::github::Github;
use crate::support::{Workspace, events};

/// The step that reports what a workflow has left that ran for a fork.
fn of_fork(lab: &Github) -> Workspace {
    let run = json!({
        "action": "completed",
        "workflow_run": {
            "id": 99, "event": "pull_request", "head_sha": lab.at("head"), "head_branch": "change", "conclusion": "failure",
            "head_repository": { "id": 2, "full_name": "mallory/images", "owner": { "login": "mallory" } },
            "repository": { "id": 1, "full_name": "octo/images" }, "pull_requests": [],
        },
    });
    lab.ask("repository", &json!({ "pulls": [{ "number": 8, "head": "change", "head_sha": lab.at("head"), "head_repo": "mallory/images", "base": "main" }] }));
    let workspace = lab.step(runner(""), "workflow_run", &run, 100);
    let workspace = workspace.env("GITHUB_SHA", lab.at("main")).env("GITHUB_REF", "refs/heads/main");
    events::check_out(&workspace, ".", lab.at("main"));
    workspace.env("INPUT_COMMAND", "report").env("INPUT_RECORDS", "records")
}

#[test]
fn of_a_forks_record_only_mistakes_are_told() {
    let lab = Github::start();
    let workspace = of_fork(&lab);
    let record = json!({
        "schema": 1, "forge": "0", "run": "r", "seconds": 1.0,
        "builds": [{ "name": "evil", "builder": "docker", "state": "succeeded", "images": [{ "build": "evil", "builder": "docker", "id": "ami-evil" }] }],
        "notes": [{ "error": true, "summary": "<img src=x> @everyone unknown option",
            "place": { "path": "t.pkr.hcl", "line": 3, "end_line": 3, "column": 1, "end_column": 4 } }],
    });
    workspace.file("records/forge-record.json", record.to_string());
    let ran = workspace.run(&["action"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let comments = lab.comments();
    assert_eq!((comments.len(), comments[0]["issue"].as_u64()), (1, Some(8)), "{comments:#?}");
    let text = lab.comment();
    assert!(text.contains("unknown option") && !text.contains("evil") && !text.contains("<img"), "{text}");
    let check = lab.check("forge / fork");
    assert_eq!(check["conclusion"], "failure");
    assert_eq!(
        (check["head_sha"].as_str(), check["annotations"][0]["start_line"].as_u64()),
        (Some(lab.at("head")), Some(3))
    );
    lab.took_everything();
}

#[test]
fn a_forks_record_makes_no_check_green() {
    let lab = Github::start();
    let workspace = of_fork(&lab);
    let record = json!({
        "schema": 1, "forge": "0", "run": "r", "seconds": 1.0, "inputs": { "templates": ["t"] },
        "builds": [{ "name": "evil", "builder": "docker", "state": "succeeded" }],
        "matrix": { "include": [{ "id": "evil" }] },
    });
    workspace.file("records/forge-record.json", record.to_string());
    workspace.run(&["action"]).succeeded();
    let check = lab.check("forge / fork");
    assert_eq!((lab.checks().len(), check["conclusion"].as_str()), (1, Some("neutral")), "{check:#}");
    assert_eq!(check["output"]["title"], "⚪ No mistakes were told of the fork's template; nothing was built");
    assert!(!check.to_string().contains("evil") && lab.comments().is_empty(), "{check:#}");
    lab.took_everything();
}

#[test]
fn no_record_at_all_is_no_good_report() {
    let lab = Github::start();
    let (_, ran) = report(&lab);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    ran.says("no record to report");
    assert_eq!((lab.checks().len(), lab.comments().len()), (0, 0));
    let workspace = of_fork(&lab);
    std::fs::create_dir(workspace.path().join("records")).unwrap();
    assert_eq!(workspace.run(&["action"]).code, Some(1));
    assert_eq!(lab.checks().len(), 0);
    let folder = Workspace::new("");
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let ran = folder.run(&["report", "empty"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    ran.says("no record");
}

#[test]
fn jobs_that_built_nothing_are_neutral() {
    let lab = Github::start();
    job(&lab, "check").env("INPUT_COMMAND", "validate").run(&["action"]).succeeded();
    let (_, ran) = report(&lab);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let check = lab.check("forge");
    assert_eq!(
        (check["conclusion"].as_str(), &check["output"]["title"]),
        (Some("neutral"), &json!("⚪ Nothing was built"))
    );
}

#[test]
fn without_the_plans_record_the_others_are_not_taken_for_all() {
    let lab = Github::start();
    lab.rules(&json!([{ "path": "CreateArtifact", "nth": 1, "status": 403 }]));
    let matrix = plan(&lab);
    cell(&lab, &matrix["include"][1]).succeeded();
    let (_, ran) = report(&lab);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    ran.says("the record of the plan is missing");
    let workspace = job(&lab, "report").env("INPUT_COMMAND", "report").env("INPUT_EXPECT", matrix.to_string());
    assert_eq!(workspace.run(&["action"]).code, Some(1));
    assert!(lab.comment().contains("40 left no record"), "{}", lab.comment());
}

#[test]
fn jobs_that_differ_by_variables_alone_all_count() {
    let lab = Github::start();
    let run = |index: &str, step: &str, attempt: &str, good: bool| {
        let text = template(&["bad"]);
        let text = if good { text.replace("exit 3", "exit 0") } else { text };
        let workspace = lab.pull_request(runner(&text), 100).env("GITHUB_JOB", "build").env("GITHUB_ACTION", step);
        let workspace = workspace.env("GITHUB_RUN_ATTEMPT", attempt).env("INPUT_CELL", format!("{index}/3"));
        workspace.env("INPUT_COMMAND", "build").env("INPUT_PR-COMMENT", "off").run(&["action"]).code
    };
    for (index, step, good) in [("0", "one", true), ("0", "two", true), ("1", "one", false), ("1", "two", true)] {
        assert_eq!(run(index, step, "1", good), Some(i32::from(!good)));
    }
    assert_eq!(report(&lab).1.code, Some(1));
    assert!(lab.comment().contains("❌ 1 of 4 builds failed"), "{}", lab.comment());
    // Only the job that failed is run again.
    assert_eq!((run("1", "one", "2", true), run("1", "two", "2", true)), (Some(0), Some(0)));
    let workspace = job(&lab, "report").env("INPUT_COMMAND", "report").env("GITHUB_RUN_ATTEMPT", "2");
    workspace.run(&["action"]).succeeded();
    assert!(lab.comment().contains("✅ 4 builds succeeded"), "{}", lab.comment());
    lab.took_everything();
}

#[test]
fn a_report_of_files_prints_no_command_for_the_runner() {
    let record = json!({
        "schema": 1, "forge": "0", "run": "r", "seconds": 1.0,
        "builds": [{ "name": "a", "builder": "docker", "state": "failed", "error": "e", "tail": ["::error::evil", "  ##[error]evil"] }],
    });
    let folder = Workspace::new("").env("GITHUB_ACTIONS", "true");
    folder.file("forge-record.json", record.to_string());
    let ran = folder.run(&["report", "forge-record.json"]);
    assert_eq!(ran.code, Some(1));
    ran.says("error::evil");
    let obeyed = |line: &str| line.trim_start().starts_with("::") || line.contains("##[");
    assert!(!ran.stdout.lines().any(obeyed), "{}", ran.stdout);
}

fn good(lab: &Github) -> Workspace {
    lab.pull_request(runner(&template(&["good"])), 100)
}

#[test]
fn a_record_survives_faults_of_the_artifact_service() {
    for (rule, name) in [
        (
            json!({ "path": "^/blobs/", "method": "PUT", "nth": 1, "times": 2, "status": 500 }),
            "one or two errors of the store",
        ),
        (
            json!({ "path": "^/blobs/", "method": "PUT", "nth": 2, "reset": true, "after": true }),
            "a lost answer of the store",
        ),
        (json!({ "path": "CreateArtifact", "nth": 1, "reset": true, "after": true }), "a lost answer to the creation"),
        (json!({ "path": "FinalizeArtifact", "nth": 1, "reset": true, "after": true }), "a lost answer to the end"),
        (json!({ "path": "^/twirp/", "nth": 1, "times": 2, "status": 503 }), "errors of the service"),
    ] {
        let lab = Github::start();
        lab.rules(&json!([rule]));
        let ran = good(&lab).env("INPUT_PR-COMMENT", "off").run(&["action"]);
        ran.succeeded().says_not("was not kept");
        let kept = lab.artifacts().iter().filter(|artifact| artifact["final"] == true).count();
        assert_eq!(kept, 1, "{name}: {ran:#?}");
        lab.rules(&json!([]));
        report(&lab).1.succeeded();
        assert!(lab.comment().contains("✅ 1 build succeeded"), "{name}: {}", lab.comment());
    }
}

#[test]
fn an_artifact_service_that_never_answers_delays_the_step_by_seconds_only() {
    let lab = Github::start();
    lab.rules(&json!([{ "path": "^/twirp/", "hold": true }, { "path": "/comments", "hold": true }]));
    let workspace = good(&lab);
    let begun = Instant::now();
    let ran = workspace.run(&["action"]);
    let took = begun.elapsed();
    lab.ask("release", &Value::Null);
    // Both were waited for at the same time.
    assert!(took < Duration::from_secs(14), "{took:?}");
    ran.succeeded().says("the record was not kept");
    assert_eq!(output(&workspace, "result"), "success");
    let record: Value = serde_json::from_str(&std::fs::read_to_string(output(&workspace, "record")).unwrap()).unwrap();
    assert_eq!(record["builds"][0]["state"], "succeeded");
}
