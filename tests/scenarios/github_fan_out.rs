//! Many builds on many runners: a plan, a job for each entry, and one answer.

use serde_json::{Value, json};

use crate::action::{output, runner};
use crate::github_reports::template;
use crate::support::github::Github;
use crate::support::{Ran, Workspace};

fn fifty() -> String {
    let names: Vec<String> = (0..50).map(|n| if n == 7 { "bad7".to_owned() } else { format!("b{n}") }).collect();
    template(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn job(lab: &Github, name: &str) -> Workspace {
    lab.pull_request(runner(&fifty()), 100).env("GITHUB_JOB", name)
}

fn plan(lab: &Github) -> Value {
    let workspace = job(lab, "plan").env("INPUT_COMMAND", "plan").env("INPUT_GROUP", "10");
    workspace.run(&["action"]).succeeded();
    let matrix: Value = serde_json::from_str(&output(&workspace, "matrix")).unwrap();
    assert_eq!(output(&workspace, "count"), matrix["include"].as_array().unwrap().len().to_string());
    matrix
}

fn cell(lab: &Github, entry: &Value) -> Ran {
    let workspace = job(lab, "build").env("INPUT_COMMAND", "build").env("INPUT_ENTRY", entry.to_string());
    workspace.run(&["action"])
}

fn report(lab: &Github, matrix: &Value) -> (Workspace, Ran) {
    let workspace = job(lab, "report").env("INPUT_COMMAND", "report").env("INPUT_EXPECT", matrix.to_string());
    let ran = workspace.run(&["action"]);
    (workspace, ran)
}

#[test]
fn fifty_builds_of_five_jobs_are_one_comment_and_one_summary() {
    let lab = Github::start();
    let matrix = plan(&lab);
    let entries = matrix["include"].as_array().unwrap().clone();
    assert_eq!(entries.len(), 5, "{matrix:#}");
    let failed = entries.iter().filter(|entry| cell(&lab, entry).code != Some(0)).count();
    assert_eq!(failed, 1);
    assert!(lab.comments().is_empty(), "jobs of a matrix do not comment");
    assert_eq!(lab.checks().len(), 50);
    let (workspace, ran) = report(&lab, &matrix);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let comment = lab.comment();
    assert!(comment.contains("❌ 1 of 50 builds failed"), "{comment}");
    assert_eq!(comment.matches("✅ success").count(), 49);
    assert_eq!(lab.check("forge")["conclusion"], "failure");
    let summary = workspace.read(".runner/GITHUB_STEP_SUMMARY");
    assert!(summary.contains("❌ 1 of 50 builds failed") && summary.contains("null.b49"), "{summary}");
    lab.took_everything();
    // The job that failed is run again: its second attempt counts.
    let bad = entries.iter().find(|entry| entry["only"].as_str().unwrap().contains("bad7")).unwrap();
    let healed = fifty().replace("exit 3", "exit 0");
    let workspace = lab.pull_request(runner(&healed), 100).env("GITHUB_JOB", "build").env("GITHUB_RUN_ATTEMPT", "2");
    let workspace = workspace.env("INPUT_COMMAND", "build").env("INPUT_ENTRY", bad.to_string());
    workspace.run(&["action"]).succeeded();
    let workspace = job(&lab, "report").env("INPUT_COMMAND", "report").env("INPUT_EXPECT", matrix.to_string());
    workspace.env("GITHUB_RUN_ATTEMPT", "2").run(&["action"]).succeeded();
    assert!(lab.comment().contains("✅ 50 builds succeeded"), "{}", lab.comment());
}

#[test]
fn a_job_that_left_no_record_is_told() {
    let lab = Github::start();
    let matrix = plan(&lab);
    cell(&lab, &matrix["include"][1]).succeeded();
    let (_, ran) = report(&lab, &matrix);
    assert_eq!(ran.code, Some(1));
    let comment = lab.comment();
    assert!(comment.contains("40 left no record") && comment.contains("❓ no record"), "{comment}");
    lab.took_everything();
}

#[test]
fn records_in_files_are_joined_without_github() {
    let lab = Github::start();
    let matrix = plan(&lab);
    let folder = Workspace::new("");
    for (number, entry) in matrix["include"].as_array().unwrap().iter().enumerate().skip(1) {
        let workspace = job(&lab, "build").env("INPUT_COMMAND", "build").env("INPUT_ENTRY", entry.to_string());
        workspace.run(&["action"]).succeeded();
        let record = std::fs::read(output(&workspace, "record")).unwrap();
        folder.file(&format!("records/{number}/forge-record.json"), record);
    }
    folder.run(&["report", "records"]).succeeded().says("✅ 40 builds succeeded");
    let joined = folder.run(&["report", "-json", "records"]);
    let joined: Value = serde_json::from_str(&joined.succeeded().stdout).unwrap();
    assert_eq!(joined["builds"].as_array().unwrap().len(), 40);
    folder.file("matrix.json", matrix.to_string());
    let ran = folder.run(&["report", "--expect", "matrix.json", "records"]);
    assert_eq!(ran.code, Some(1));
    ran.says("10 left no record");
    for (name, content, said) in [
        ("bad/forge-record.json", "{", "no record of forge"),
        ("newer/forge-record.json", r#"{"schema":99,"forge":"9","run":"r"}"#, "newer"),
    ] {
        folder.file(name, content);
        let ran = folder.run(&["report", name]);
        assert_eq!(ran.code, Some(1));
        ran.says(said);
    }
    assert_eq!(folder.run(&["report", "nowhere"]).code, Some(1));
}

#[test]
fn of_a_forks_record_only_mistakes_are_told() {
    let lab = Github::start();
    let run = json!({
        "action": "completed",
        "workflow_run": {
            "id": 99, "event": "pull_request", "head_sha": lab.at("head"), "head_branch": "change", "conclusion": "failure",
            "head_repository": { "id": 2, "full_name": "mallory/images", "owner": { "login": "mallory" } },
            "repository": { "id": 1, "full_name": "octo/images" }, "pull_requests": [],
        },
        "repository": { "id": 1, "full_name": "octo/images", "default_branch": "main" },
    });
    lab.ask("repository", &json!({ "pulls": [{ "number": 8, "head": "change", "head_sha": lab.at("head"), "head_repo": "mallory/images", "base": "main" }] }));
    let workspace = lab.step(runner(""), "workflow_run", &run, 100);
    let workspace = workspace.env("GITHUB_SHA", lab.at("main")).env("GITHUB_REF", "refs/heads/main");
    workspace.file(".git/HEAD", lab.at("main"));
    workspace.file(".git/objects/x", "");
    workspace.file(".git/refs/x", "");
    let record = json!({
        "schema": 1, "forge": "0", "run": "r", "seconds": 1.0,
        "builds": [{ "name": "evil", "builder": "docker", "state": "succeeded", "images": [{ "build": "evil", "builder": "docker", "id": "ami-evil" }] }],
        "notes": [{ "error": true, "summary": "<img src=x> @everyone unknown option",
            "place": { "path": "t.pkr.hcl", "line": 3, "end_line": 3, "column": 1, "end_column": 4 } }],
    });
    workspace.file("records/forge-record.json", record.to_string());
    let workspace = workspace.env("INPUT_COMMAND", "report").env("INPUT_RECORDS", "records");
    let ran = workspace.run(&["action"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let comments = lab.comments();
    assert_eq!((comments.len(), comments[0]["issue"].as_u64()), (1, Some(8)), "{comments:#?}");
    let text = lab.comment();
    assert!(text.contains("unknown option") && !text.contains("evil") && !text.contains("<img"), "{text}");
    let check = lab.check("forge");
    assert_eq!(
        (check["head_sha"].as_str(), check["annotations"][0]["start_line"].as_u64()),
        (Some(lab.at("head")), Some(3))
    );
    lab.took_everything();
}
