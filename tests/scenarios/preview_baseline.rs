//! What a preview is compared with: the last record of the base branch, and every way in which there is none.

use std::time::Duration;

use serde_json::{Value, json};

use crate::action::{output, runner};
use crate::github_reports::template;
use crate::support::Workspace;
use crate::support::github::Github;

/// Calls that look for a record.
fn looks(lab: &Github) -> Vec<String> {
    lab.calls().into_iter().filter(|call| call.contains("/actions/")).collect()
}

/// A record of a run of the base branch, as its job kept it.
fn kept(run: u64, state: &str) -> Value {
    json!({
        "schema": 1, "forge": "0.1.0", "run": "baseline-run", "started": "2026-11-01T10:00:00Z", "seconds": 9.5,
        "workflow": { "repository": "octo/images", "event": "push", "sha": "a".repeat(40), "workflow": "images", "job": "image",
            "run_id": run, "attempt": 1, "url": format!("https://github.com/octo/images/actions/runs/{run}/attempts/1") },
        "inputs": { "templates": ["."] },
        "builds": [{ "name": "null.good", "builder": "null", "state": state, "seconds": 9.0 }],
    })
}

/// A run by its id, with what GitHub says more of it and the text of its record.
type Given = (u64, Value, Option<String>);

/// Runs on the base branch, the last one first in time.
fn runs(lab: &Github, given: &[Given]) {
    for (id, more, record) in given {
        let mut run = json!({ "id": id, "event": "push", "status": "completed", "conclusion": "success", "head_branch": "main", "head_sha": lab.at("main") });
        run.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        lab.ask("repository", &json!({ "runs": [run] }));
        if let Some(text) = record {
            let expired = more.get("expired").is_some();
            let artifact = json!({ "run": id, "name": "forge-record-image-1-0123abcd", "files": { "forge-record.json": text }, "expired": expired });
            lab.ask("repository", &json!({ "artifacts": [artifact] }));
        }
    }
}

fn preview(lab: &Github) -> Workspace {
    lab.pull_request(runner(&template(&["good"])), 100)
}

/// What the preview says of its only build's change.
fn change(workspace: &Workspace) -> Value {
    let record: Value = serde_json::from_str(&std::fs::read_to_string(output(workspace, "record")).unwrap()).unwrap();
    record["builds"][0]["change"].clone()
}

#[test]
fn a_preview_is_compared_with_the_last_record_of_the_base_branch() {
    let lab = Github::start();
    runs(
        &lab,
        &[
            (41, json!({}), Some(kept(41, "succeeded").to_string())),
            (42, json!({}), Some(kept(42, "succeeded").to_string())),
            // Of another workflow, and of no build that succeeded.
            (43, json!({ "path": ".github/workflows/lint.yml" }), None),
            (44, json!({ "conclusion": "failure" }), Some(kept(44, "failed").to_string())),
            (45, json!({ "event": "schedule" }), Some(kept(45, "succeeded").to_string())),
            (46, json!({ "status": "in_progress", "conclusion": null }), Some(kept(46, "succeeded").to_string())),
        ],
    );
    let workspace =
        preview(&lab).env("GITHUB_WORKFLOW_REF", "octo/images/.github/workflows/images.yml@refs/pull/7/merge");
    workspace.run(&["action"]).succeeded();
    let change = change(&workspace);
    assert_eq!(change["baseline"]["url"], "https://github.com/octo/images/actions/runs/42/attempts/1", "{change:#}");
    assert_eq!(
        (&change["baseline"]["run"], change["baseline"]["sha"].as_str()),
        (&json!("baseline-run"), Some(lab.at("main")))
    );
    assert_eq!(change["seconds"][0], 9.0);
    assert!(looks(&lab).len() <= 6, "{:#?}", looks(&lab));
    lab.took_everything();
}

#[test]
fn whatever_there_is_instead_of_a_record_costs_the_comparison_only() {
    let good = |run: u64| Some(kept(run, "succeeded").to_string());
    let of_form =
        |schema: u64| Some(kept(50, "succeeded").to_string().replace("\"schema\":1", &format!("\"schema\":{schema}")));
    let cases: Vec<(Vec<Given>, &str)> = vec![
        (vec![], "no push to main has been built yet"),
        (vec![(50, json!({}), None)], "the last runs on main have left no record"),
        (vec![(50, json!({ "expired": true }), good(50))], "the record of run 50 on main has expired"),
        (vec![(50, json!({}), Some("{".to_owned()))], "it is no record of forge"),
        (vec![(50, json!({}), of_form(0))], "its form 0 is not the one of this forge"),
        (vec![(50, json!({}), of_form(9))], "its form 9 is newer"),
        (vec![(50, json!({}), good(49))], "it is that of another run"),
        // A fork's branch has the name of ours, and its artifact that of a record.
        (vec![(50, json!({ "head_repo": "mallory/images" }), good(50))], "no push to main has been built yet"),
        (vec![(50, json!({ "event": "pull_request" }), good(50))], "no push to main has been built yet"),
        (vec![(50, json!({ "head_branch": "change-7" }), good(50))], "no push to main has been built yet"),
    ];
    let lab = Github::start();
    for (given, why) in cases {
        lab.ask("reset", &Value::Null);
        runs(&lab, &given);
        let workspace = preview(&lab).env("ACTIONS_RUNTIME_TOKEN", "");
        workspace.run(&["action"]).succeeded();
        let change = change(&workspace);
        assert!(change["unknown"][0].as_str().unwrap_or_default().contains(why), "{why} is missing in {change:#}");
        assert!(looks(&lab).len() <= 6, "{:#?}", looks(&lab));
        lab.took_everything();
    }
}

fn preview_of(lab: &Github, builds: usize, run: u64) -> Workspace {
    let names: Vec<String> = (0..builds).map(|n| if n == 0 { "good".to_owned() } else { format!("b{n}") }).collect();
    lab.pull_request(runner(&template(&names.iter().map(String::as_str).collect::<Vec<_>>())), run)
}

#[test]
fn many_runs_without_a_record_cost_few_requests() {
    let lab = Github::start();
    let given: Vec<_> = (50..80).map(|run| (run, json!({}), None)).collect();
    runs(&lab, &given);
    // One list of runs, and artifacts while a record could still be read.
    for (builds, most) in [(1, 3), (2, 4), (12, 5)] {
        lab.ask("forget-calls", &Value::Null);
        preview_of(&lab, builds, 100).run(&["action"]).succeeded();
        assert_eq!(looks(&lab).len(), most, "{builds} builds: {:#?}", looks(&lab));
    }
}

/// With its post step, whatever there is to compare with and whatever it may do.
#[test]
fn a_preview_makes_three_calls_for_each_build_and_six_more() {
    let no_record: Vec<_> = (50..80).map(|run| (run, json!({}), None)).collect();
    let a_record = vec![(80, json!({}), Some(kept(80, "succeeded").to_string()))];
    let all = json!({ "checks": "write", "pull-requests": "write", "statuses": "write", "actions": "read", "contents": "read" });
    let no_checks = json!({ "pull-requests": "write", "statuses": "write", "actions": "read", "contents": "read" });
    let only_read = json!({ "actions": "read", "contents": "read" });
    let mut seen = Vec::new();
    for (given, compared) in [(&no_record, false), (&a_record, true)] {
        for permitted in [&all, &no_checks, &only_read] {
            let lab = Github::start();
            lab.permit(permitted);
            runs(&lab, given);
            for (run, attempt, builds) in
                [(100, "1", 1), (101, "1", 1), (101, "2", 1), (102, "1", 2), (102, "2", 2), (103, "1", 4)]
            {
                lab.ask("forget-calls", &Value::Null);
                let workspace = preview_of(&lab, builds, run).env("GITHUB_RUN_ATTEMPT", attempt);
                workspace.run(&["action"]).succeeded();
                workspace.run(&["sweep"]).succeeded();
                let requests = lab.requests();
                seen.push((compared, permitted["checks"] == "write", builds, attempt, requests.len()));
                assert!(requests.len() <= 3 * builds + 6, "{seen:?}: {requests:#?}");
                assert_eq!(change(&workspace)["baseline"]["run"] == "baseline-run", compared, "{builds} builds");
            }
        }
    }
}

/// Other workflows run on every push too; those of this one are asked for alone.
#[test]
fn the_runs_of_other_workflows_hide_no_record() {
    let lab = Github::start();
    let lint = || json!({ "path": ".github/workflows/lint.yml" });
    let mut given: Vec<Given> = vec![(41, json!({}), Some(kept(41, "succeeded").to_string()))];
    given.extend((50..110).map(|run| (run, lint(), None)));
    runs(&lab, &given);
    let of = |file: &str| {
        let workspace = preview(&lab);
        workspace.env("GITHUB_WORKFLOW_REF", format!("octo/images/.github/workflows/{file}@refs/pull/7/merge"))
    };
    let workspace = of("images.yml");
    workspace.run(&["action"]).succeeded();
    assert_eq!(change(&workspace)["baseline"]["url"], "https://github.com/octo/images/actions/runs/41/attempts/1");
    assert_eq!(looks(&lab).len(), 3, "runs, artifacts, the record: {:#?}", looks(&lab));
    // What builds on a push may be another workflow than what previews.
    runs(&lab, &[(120, json!({}), Some(kept(120, "succeeded").to_string()))]);
    lab.ask("forget-calls", &Value::Null);
    let workspace = of("preview.yml");
    workspace.run(&["action"]).succeeded();
    assert_eq!(change(&workspace)["baseline"]["url"], "https://github.com/octo/images/actions/runs/120/attempts/1");
    assert_eq!(looks(&lab).len(), 4, "{:#?}", looks(&lab));
    lab.took_everything();
}

/// One of two images failed in the last run of the base branch: the run before has it.
#[test]
fn what_the_last_run_lacks_an_older_one_has() {
    let two = |run: u64, good: &str, also: &str| {
        let mut record = kept(run, good);
        let mut build = record["builds"][0].clone();
        build["name"] = "null.also".into();
        build["state"] = also.into();
        record["builds"].as_array_mut().unwrap().push(build);
        Some(record.to_string())
    };
    let lab = Github::start();
    runs(&lab, &[(41, json!({}), two(41, "succeeded", "succeeded")), (42, json!({}), two(42, "failed", "succeeded"))]);
    let workspace = lab.pull_request(runner(&template(&["good", "also"])), 100);
    workspace.run(&["action"]).succeeded();
    let record: Value = serde_json::from_str(&std::fs::read_to_string(output(&workspace, "record")).unwrap()).unwrap();
    for build in record["builds"].as_array().unwrap() {
        let run = if build["name"] == "null.good" { 41 } else { 42 };
        let url = format!("https://github.com/octo/images/actions/runs/{run}/attempts/1");
        assert_eq!(build["change"]["baseline"]["url"], json!(url), "{build:#}");
    }
    assert_eq!(looks(&lab).len(), 5, "{:#?}", looks(&lab));
    lab.took_everything();
}

/// The base branch is built by a job for each image and a report that joins them; what that keeps is read alone.
#[test]
fn the_joined_record_of_a_matrix_takes_one_request() {
    let lab = Github::start();
    let names: Vec<String> = (0..6).map(|number| format!("b{number}")).collect();
    let text = template(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let made = lab.ask(
        "repository",
        &json!({ "runs": [{ "event": "push", "head_branch": "main", "head_sha": lab.at("main") }] }),
    );
    let (run, token) = (made["runs"][0]["id"].as_u64().unwrap(), made["runs"][0]["runtime_token"].as_str().unwrap());
    let push = json!({ "ref": "refs/heads/main", "after": lab.at("main") });
    let job = |name: &str| {
        let workspace = lab.step(runner(&text), "push", &push, run).env("GITHUB_REF", "refs/heads/main");
        let workspace = workspace.env("GITHUB_SHA", lab.at("main")).env("ACTIONS_RUNTIME_TOKEN", token);
        workspace.env("GITHUB_JOB", name)
    };
    let entries: Vec<Value> =
        names.iter().map(|name| json!({ "id": name, "template": ".", "only": format!("null.{name}") })).collect();
    for entry in &entries {
        job("build").env("INPUT_ENTRY", entry.to_string()).run(&["action"]).succeeded();
    }
    let expect = json!({ "include": entries }).to_string();
    job("report").env("INPUT_COMMAND", "report").env("INPUT_EXPECT", &expect).run(&["action"]).succeeded();
    // Once more, as when a job is run again: it does not take its own record for one of a job.
    let again = job("report").env("INPUT_COMMAND", "report").env("INPUT_EXPECT", &expect);
    again.run(&["action"]).succeeded().says("Joining 6 records");
    lab.ask("repository", &json!({ "runs": [{ "id": run, "status": "completed", "conclusion": "success" }] }));
    lab.ask("forget-calls", &Value::Null);
    let workspace = lab.pull_request(runner(&text), 100);
    workspace.run(&["action"]).succeeded();
    let record: Value = serde_json::from_str(&std::fs::read_to_string(output(&workspace, "record")).unwrap()).unwrap();
    let url = format!("https://github.com/octo/images/actions/runs/{run}/attempts/1");
    let builds = record["builds"].as_array().unwrap();
    assert_eq!(builds.len(), 6);
    for build in builds {
        assert_eq!(build["change"]["baseline"]["url"], json!(url), "{build:#}");
        assert!(build["change"]["seconds"].is_array() || build["change"]["unknown"].is_array(), "{build:#}");
        assert!(!build["change"].to_string().contains("a new image"), "{build:#}");
    }
    assert_eq!(looks(&lab).len(), 3, "{:#?}", looks(&lab));
    lab.took_everything();
}

#[test]
fn a_missing_permission_is_named() {
    let lab = Github::start();
    lab.permit(&json!({ "checks": "write", "pull_requests": "write", "issues": "write", "contents": "read" }));
    let workspace = preview(&lab);
    let ran = workspace.run(&["action"]);
    ran.succeeded().says("actions: read");
    assert!(workspace.read(".runner/GITHUB_STEP_SUMMARY").contains("actions: read"));
    assert_eq!(lab.check("forge / null.good")["conclusion"], "success");
}

#[test]
fn a_file_can_be_compared_with_and_nothing_too() {
    let lab = Github::start();
    let workspace = preview(&lab);
    workspace.file("old/forge-record.json", kept(1, "succeeded").to_string());
    let workspace = workspace.env("INPUT_BASELINE", "old");
    workspace.run(&["action"]).succeeded();
    assert_eq!(change(&workspace)["baseline"]["run"], "baseline-run");
    let workspace = preview(&lab).env("INPUT_BASELINE", "off");
    workspace.run(&["action"]).succeeded();
    assert!(change(&workspace)["unknown"][0].as_str().unwrap().contains("\"off\""));
    let workspace = preview(&lab).env("INPUT_BASELINE", "nowhere.json");
    workspace.run(&["action"]).succeeded().says("nowhere.json");
    assert!(looks(&lab).is_empty(), "{:#?}", looks(&lab));
}

/// The end of the run is told once, with what has changed, as long as GitHub answers.
#[test]
fn a_slow_search_is_waited_for_so_that_the_end_is_told_with_it() {
    let lab = Github::start();
    runs(&lab, &[(50, json!({}), Some(kept(50, "succeeded").to_string()))]);
    lab.rules(&json!([{ "path": "/actions/", "latency_ms": 600 }]));
    let workspace = preview(&lab);
    let ran = workspace.run(&["action"]);
    ran.succeeded();
    assert_eq!(change(&workspace)["baseline"]["run"], "baseline-run");
    // One that does not answer at all holds nothing up, and is told of.
    lab.rules(&json!([{ "path": "/actions/", "latency_ms": 8000 }]));
    let workspace = preview(&lab);
    let ran = workspace.run(&["action"]);
    ran.succeeded().says("GitHub has not told in time what the base branch has");
    assert!(ran.took < Duration::from_secs(7), "{:?}", ran.took);
    assert!(change(&workspace)["unknown"][0].as_str().unwrap().contains("not told in time"));
    lab.took_everything();
}

/// Nobody declared it `sensitive`, so neither its old nor its new value is told, and no digest by which a short one could
/// be guessed.
#[test]
fn what_may_be_a_secret_is_in_no_comparison() {
    let text = "variable \"password\" {}\nvariable \"size\" {}\nsource \"null\" \"good\" {\n  communicator = \"none\"\n}\n\
                build {\n  sources = [\"null.good\"]\n  provisioner \"shell-local\" {\n    \
                environment_vars = [\"P=${var.password}\", \"S=${var.size}\"]\n    inline = [\"true\"]\n  }\n}\n";
    let lab = Github::start();
    let run = |number, password: &str, size: &str, baseline: &str| {
        let workspace = lab.pull_request(runner(text), number).env("INPUT_BASELINE", baseline);
        workspace.env("INPUT_VARS", format!("password={password}\nsize={size}"))
    };
    let first = run(100, "correct horse one", "1", "off");
    first.run(&["action"]).succeeded();
    let record = std::fs::read_to_string(output(&first, "record")).unwrap();
    let second = run(101, "correct horse two", "2", "old");
    second.file("old/forge-record.json", &record);
    second.run(&["action"]).succeeded();
    let record = record + &std::fs::read_to_string(output(&second, "record")).unwrap();
    let summary = second.read(".runner/GITHUB_STEP_SUMMARY");
    assert!(summary.contains("Compared with"), "{summary}");
    for text in [record, summary, lab.comment(), json!(lab.checks()).to_string()] {
        assert!(!text.contains("correct horse"), "{text}");
    }
    let record: Value = serde_json::from_str(&std::fs::read_to_string(output(&second, "record")).unwrap()).unwrap();
    let inputs = record["builds"][0]["inputs"].as_array().unwrap();
    let held = inputs.iter().find(|input| input["name"].as_str().unwrap().ends_with("environment_vars")).unwrap();
    assert!(held["digest"].is_null() && held["value"].as_str().unwrap().contains("S="), "{held}");
}
