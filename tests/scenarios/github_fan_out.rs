//! Many builds on many runners: a plan, a job for each entry, and one answer.

use serde_json::Value;

use crate::action::{output, runner};
use crate::github_reports::template;
use crate::support::github::Github;
use crate::support::{Ran, Workspace, wait};

fn fifty() -> String {
    let names: Vec<String> = (0..50).map(|n| if n == 7 { "bad7".to_owned() } else { format!("b{n}") }).collect();
    template(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

pub(crate) fn job(lab: &Github, name: &str) -> Workspace {
    lab.pull_request(runner(&fifty()), 100).env("GITHUB_JOB", name)
}

pub(crate) fn plan(lab: &Github) -> Value {
    let workspace = job(lab, "plan").env("INPUT_COMMAND", "plan").env("INPUT_GROUP", "10");
    workspace.run(&["action"]).succeeded();
    let matrix: Value = serde_json::from_str(&output(&workspace, "matrix")).unwrap();
    assert_eq!(output(&workspace, "count"), matrix["include"].as_array().unwrap().len().to_string());
    matrix
}

pub(crate) fn cell(lab: &Github, entry: &Value) -> Ran {
    let workspace = job(lab, "build").env("INPUT_COMMAND", "build").env("INPUT_ENTRY", entry.to_string());
    workspace.run(&["action"])
}

pub(crate) fn report(lab: &Github) -> (Workspace, Ran) {
    let workspace = job(lab, "report").env("INPUT_COMMAND", "report");
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
    let (workspace, ran) = report(&lab);
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
    let (_, ran) = report(&lab);
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
fn what_is_planned_is_in_the_summary_with_its_steps() {
    let lab = Github::start();
    let workspace = job(&lab, "plan").env("INPUT_COMMAND", "plan");
    workspace.run(&["action"]).succeeded();
    let summary = workspace.read(".runner/GITHUB_STEP_SUMMARY");
    for part in
        ["### 📋 50 builds planned\n", "<code>null.b49</code>", "⚪ waiting", "install (shell-local)", "t.pkr.hcl:"]
    {
        assert!(summary.contains(part), "{part} is missing in:\n{summary}");
    }
    assert_eq!((lab.checks().len(), lab.comments().len()), (0, 0), "the jobs have more to say");
    let record: Value = serde_json::from_str(&std::fs::read_to_string(output(&workspace, "record")).unwrap()).unwrap();
    assert_eq!(record["matrix"], serde_json::from_str::<Value>(&output(&workspace, "matrix")).unwrap());
    assert_eq!(record["builds"][0]["state"], "waiting");
    lab.took_everything();
}

#[test]
fn what_was_cancelled_is_told_as_cancelled() {
    let lab = Github::start();
    let slow = template(&["a", "b", "c"]).replace("echo working", "echo working; sleep 60");
    let job = |name: &str| lab.pull_request(runner(&slow), 100).env("GITHUB_JOB", name);
    let planned = job("plan").env("INPUT_COMMAND", "plan");
    planned.run(&["action"]).succeeded();
    let matrix: Value = serde_json::from_str(&output(&planned, "matrix")).unwrap();
    let workspace = job("build").env("INPUT_COMMAND", "build").env("INPUT_ENTRY", matrix["include"][0].to_string());
    let log = std::fs::File::create(workspace.path().join("cancelled.log")).unwrap();
    let mut child = workspace.command(&["action"]).stdout(log).spawn().unwrap();
    wait("the build", || workspace.read("cancelled.log").contains("working"));
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    // One was cancelled in mid-build; two never got a runner.
    let workspace = job("report").env("INPUT_COMMAND", "report").env("INPUT_CANCELLED", "true");
    let ran = workspace.run(&["action"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let comment = lab.comment();
    assert!(comment.contains("### ⚪ Cancelled in ") && comment.contains(": 0 of 3 builds finished"), "{comment}");
    assert!(comment.matches("⚪ cancelled").count() == 3 && !comment.contains("no record"), "{comment}");
    assert_eq!(lab.check("forge")["conclusion"], "cancelled");
    assert_eq!(output(&workspace, "result"), "cancelled");
    lab.took_everything();
}

#[test]
fn a_workflow_that_was_cancelled_before_any_job_ran_is_told_as_cancelled() {
    let lab = Github::start();
    plan(&lab);
    let workspace = job(&lab, "report").env("INPUT_COMMAND", "report").env("INPUT_CANCELLED", "true");
    assert_eq!(workspace.run(&["action"]).code, Some(1));
    assert!(lab.comment().contains("0 of 50 builds finished"), "{}", lab.comment());
    assert_eq!(lab.check("forge")["conclusion"], "cancelled");
}

#[test]
fn labels_of_runners_of_ones_own_are_in_the_matrix() {
    let workspace = Workspace::new("");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/arc/forge.yml");
    workspace.file(".github/forge.yml", std::fs::read(folder).unwrap());
    for image in ["web", "base"] {
        workspace.file(&format!("images/{image}/image.pkr.hcl"), template(&["x"]));
    }
    let matrix: Value = serde_json::from_str(&workspace.run(&["plan", "-matrix"]).succeeded().stdout).unwrap();
    let labels: Vec<&Value> = matrix["include"].as_array().unwrap().iter().map(|entry| &entry["runs-on"]).collect();
    assert_eq!(labels, ["arc-docker", "arc-large"]);
}
