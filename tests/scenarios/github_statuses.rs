//! Where check runs are refused: commit statuses tell of the builds, at most two for each.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::action::runner;
use crate::github_reports::template;
use crate::support::github::Github;
use crate::support::{Workspace, wait};

fn without_checks() -> Github {
    let lab = Github::start();
    lab.permit(&json!({ "contents": "read", "pull-requests": "write", "statuses": "write", "actions": "read", "metadata": "read" }));
    lab
}

/// State and description of all statuses of that context, oldest first.
fn told(lab: &Github, context: &str) -> Vec<(String, String)> {
    let text = |status: &Value, name: &str| status[name].as_str().unwrap().to_owned();
    let found = lab.statuses();
    let named = found.iter().filter(|status| status["context"] == context);
    named.map(|status| (text(status, "state"), text(status, "description"))).collect()
}

#[track_caller]
fn last(lab: &Github, context: &str) -> (String, String) {
    let all = told(lab, context);
    all.last().unwrap_or_else(|| panic!("no status {context:?} in {:#?}", lab.statuses())).clone()
}

#[test]
fn without_check_runs_a_status_tells_of_each_build() {
    let lab = without_checks();
    let ran = lab.pull_request(runner(&template(&["good", "bad"])), 100).run(&["action"]);
    assert_eq!(ran.code, Some(1));
    assert!(lab.checks().is_empty());
    assert_eq!(last(&lab, "forge / null.good").0, "success");
    let (state, description) = last(&lab, "forge / null.bad");
    assert!(state == "failure" && description.starts_with("shell-local failed after "), "{state} {description}");
    for status in lab.statuses() {
        assert_eq!(status["sha"], lab.at("head"), "the commit that people look at");
        assert!(status["target_url"].as_str().unwrap().contains("/runs/100"), "{status:#}");
    }
    // A status marks no line: the runner does.
    ran.says("::error file=t.pkr.hcl,line=13").says("`checks: write`").says_not("`statuses: write`");
    assert_eq!(ran.stdout.lines().filter(|line| line.starts_with("::warning")).count(), 1, "{}", ran.stdout);
    assert!(lab.comment().contains("null.bad"));
    let calls = lab.calls();
    let of = |end: &str| calls.iter().filter(|call| call.contains(end)).count();
    assert!(of("/check-runs") == 1 && of("/statuses/") <= 4, "{calls:#?}");
    lab.took_everything();
}

#[test]
fn a_build_is_pending_until_it_ends_or_is_killed() {
    let lab = without_checks();
    let text = template(&["long"]).replace("echo working", "touch started; exec sleep 60");
    let workspace = lab.pull_request(runner(&text), 100);
    let mut child = workspace.command(&["action"]).stdout(Stdio::null()).spawn().unwrap();
    wait("the status", || !lab.statuses().is_empty() && workspace.path().join("started").exists());
    assert_eq!(last(&lab, "forge / null.long").0, "pending");
    child.kill().unwrap();
    child.wait().unwrap();
    workspace.run(&["sweep"]).succeeded();
    let states: Vec<String> = told(&lab, "forge / null.long").into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, ["pending", "error"]);
    assert_eq!(workspace.journals(), 0);
    lab.took_everything();
}

#[test]
fn one_check_run_that_github_does_not_take_becomes_a_status() {
    let lab = Github::start();
    lab.rules(&json!([{ "method": "POST", "path": "/check-runs$", "nth": 2, "status": 422, "message": "no" }]));
    let text = template(&["a", "b", "c"]).replace("echo working", "sleep 1");
    lab.pull_request(runner(&text), 100).run(&["action"]).succeeded().says("could not be brought up to date");
    assert_eq!(lab.checks().len(), 2, "{:#?}", lab.checks());
    let statuses = lab.statuses();
    let context = statuses[0]["context"].as_str().unwrap();
    assert!(lab.checks().iter().all(|check| check["name"] != context), "{statuses:#?}");
    assert_eq!(last(&lab, context).0, "success");
    lab.took_everything();
}

#[test]
fn a_check_run_ends_whatever_github_does_not_take_of_its_report() {
    let lab = Github::start();
    let refuse = |times: u64| {
        lab.rules(
            &json!([{ "method": "PATCH", "path": "/check-runs/", "times": times, "status": 422, "message": "no" }]),
        );
    };
    refuse(1);
    let text = template(&["bad"]).replace("echo working", "sleep 3");
    let ran = lab.pull_request(runner(&text), 100).run(&["action"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let check = lab.check("forge / null.bad");
    assert_eq!((check["status"].as_str(), check["conclusion"].as_str()), (Some("completed"), Some("failure")));
    assert!(check["output"]["summary"].as_str().unwrap().contains("GitHub did not take the rest"), "{check:#}");
    ran.says("could not be brought up to date");
    assert_eq!((marked(&ran), lab.statuses()), (1, Vec::new()), "{}", ran.stdout);
    // What was refused while the build went on is made good at its end.
    refuse(1);
    let text = template(&["good"])
        .replace("echo working", "sleep 16")
        .replace("  provisioner", "  post-processor \"shell-local\" {\n    inline = [\"sleep 3\"]\n  }\n  provisioner");
    let ran = lab.pull_request(runner(&text), 101).env("INPUT_COMMAND", "build").run(&["action"]);
    ran.succeeded().says_not("could not be brought up to date");
    let check = lab.check("forge / null.good");
    assert_eq!((check["status"].as_str(), check["conclusion"].as_str()), (Some("completed"), Some("success")));
    assert!(check["output"]["summary"].as_str().unwrap().contains("install (shell-local)"), "{check:#}");
    assert_eq!(lab.calls().iter().filter(|call| call.starts_with("PATCH") && call.contains("/check-runs/")).count(), 4);
    lab.took_everything();
}

/// How many lines of templates the runner marks for builds that failed.
fn marked(ran: &crate::support::Ran) -> usize {
    ran.stdout.lines().filter(|line| line.starts_with("::error file=t.pkr.hcl,line=")).count()
}

#[test]
fn a_failed_build_without_a_check_run_is_marked_by_the_runner() {
    for (rule, without) in [
        (json!({ "nth": 2, "status": 422 }), 1),
        // Taken from the token after the first.
        (json!({ "nth": 2, "times": 100, "status": 403 }), 2),
    ] {
        let lab = Github::start();
        let mut rules = json!([{ "method": "POST", "path": "/check-runs$", "message": "no" }]);
        rules[0].as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
        lab.rules(&rules);
        let ran = lab.pull_request(runner(&template(&["bad1", "bad2", "bad3"])), 100).run(&["action"]);
        assert_eq!(ran.code, Some(1));
        assert_eq!(
            lab.checks().iter().filter(|check| !check["annotations"].as_array().unwrap().is_empty()).count(),
            3 - without
        );
        assert_eq!(marked(&ran), without, "{rule}: {}", ran.stdout);
        lab.took_everything();
    }
}

#[test]
fn what_the_post_step_cannot_mark_by_a_check_run_it_has_the_runner_mark() {
    let lab = Github::start();
    lab.rules(&json!([{ "path": "/repos/", "latency_ms": 10_000 }]));
    let of = |run| lab.pull_request(runner(&template(&["bad", "good"])), run);
    let workspace = of(100);
    let ran = workspace.run(&["action"]);
    ran.says("the post step reports the rest");
    assert_eq!(marked(&ran), 0, "a check run may mark it yet: {}", ran.stdout);
    lab.rules(&json!([]));
    lab.permit(&json!({ "contents": "read", "pull-requests": "write", "actions": "read" }));
    let swept = workspace.run(&["sweep"]);
    swept.succeeded().says("`checks: write`");
    assert_eq!(marked(&swept), 1, "{}", swept.stdout);
    // Without a token nobody else can.
    lab.rules(&json!([{ "path": "/repos/", "latency_ms": 10_000 }]));
    let workspace = of(101);
    workspace.run(&["action"]).says("the post step reports the rest");
    let swept = workspace.env("INPUT_GITHUB-TOKEN", "").run(&["sweep"]);
    assert_eq!(marked(&swept), 1, "{}", swept.stdout);
}

#[test]
fn what_github_takes_of_no_build_closes_the_channel() {
    let lab = Github::start();
    let no = |path: &str| json!({ "method": "POST", "path": path, "status": 422, "message": "no" });
    let names: Vec<String> = (0..10).map(|n| format!("b{n}")).collect();
    let text = template(&names.iter().map(String::as_str).collect::<Vec<_>>()).replace("echo working", "sleep 3");
    let run = |run, rules: Value| {
        lab.rules(&rules);
        lab.ask("forget-calls", &Value::Null);
        let ran = lab.pull_request(runner(&text), run).env("INPUT_COMMAND", "build").run(&["action"]);
        ran.succeeded();
        let warnings = ran.stdout.lines().filter(|line| line.starts_with("::warning")).count();
        assert_eq!(warnings, 1, "{}", ran.stdout);
        let calls = lab.calls();
        let of = |end: &str| calls.iter().filter(|call| call.starts_with("POST") && call.contains(end)).count();
        (of("/check-runs"), of("/statuses/"))
    };
    let (checks, statuses) = run(100, json!([no("/check-runs$")]));
    assert!(checks == 1 && (10..=20).contains(&statuses), "{checks} {statuses}");
    assert_eq!(last(&lab, "forge / null.b9").0, "success");
    assert_eq!(run(101, json!([no("/check-runs$"), no("/statuses/")])), (1, 1));
}

#[test]
fn a_mended_template_takes_its_red_status_back() {
    let lab = without_checks();
    let broken = template(&["good"]).replace("communicator", "comunicator");
    assert_eq!(lab.pull_request(runner(&broken), 100).run(&["action"]).code, Some(1));
    assert_eq!(last(&lab, "forge / template").0, "failure");
    let again = lab.pull_request(runner(&template(&["good"])), 100).env("GITHUB_RUN_ATTEMPT", "2");
    again.run(&["action"]).succeeded();
    assert_eq!(
        (last(&lab, "forge / template").0, last(&lab, "forge / null.good").0),
        ("success".into(), "success".into())
    );
    lab.took_everything();
}

#[test]
fn what_is_hidden_is_as_good_as_forbidden() {
    let hidden = |what: &str| json!({ "method": "POST", "path": what, "status": 404, "message": "Not Found" });
    let lab = Github::start();
    lab.rules(&json!([hidden("/check-runs$")]));
    let ran = lab.pull_request(runner(&template(&["good"])), 100).run(&["action"]);
    ran.succeeded().says("`checks: write`");
    assert_eq!(last(&lab, "forge / null.good").0, "success");
    lab.rules(&json!([hidden("/check-runs$"), hidden("/statuses/")]));
    lab.ask("forget-calls", &Value::Null);
    let ran = lab.pull_request(runner(&template(&["a", "b", "c"])), 101).run(&["action"]);
    ran.succeeded().says("`checks: write`").says("`statuses: write`");
    assert_eq!(ran.stdout.lines().filter(|line| line.starts_with("::warning")).count(), 1, "{}", ran.stdout);
    let refused = |call: &&String| call.contains("/check-runs") || call.contains("/statuses/");
    assert_eq!(lab.calls().iter().filter(refused).count(), 2, "each is asked once: {:#?}", lab.calls());
}

#[test]
fn faults_that_pass_are_no_reason_for_a_status() {
    let lab = Github::start();
    lab.rules(&json!([{ "method": "POST", "path": "/check-runs$", "status": 502 }]));
    let workspace = lab.pull_request(runner(&template(&["good"])), 100);
    workspace.run(&["action"]).succeeded();
    assert!(lab.statuses().is_empty(), "{:#?}", lab.statuses());
    lab.rules(&json!([]));
    workspace.run(&["sweep"]).succeeded();
    assert_eq!(lab.check("forge / null.good")["conclusion"], "success");
}

#[test]
fn a_status_shows_no_secret_and_two_builds_are_two_statuses() {
    let lab = without_checks();
    let text = template(&["bad", "BAD"]).replace("echo working", "exit 3");
    let text = text.replace("\"install\"", "\"install deploy-4711-deploy\"");
    let workspace = lab.pull_request(runner(&text), 100).env("DEPLOY_TOKEN", "deploy-4711-deploy");
    assert_eq!(workspace.run(&["action"]).code, Some(1));
    let contexts: std::collections::BTreeSet<String> =
        lab.statuses().iter().map(|status| status["context"].as_str().unwrap().to_lowercase()).collect();
    // GitHub takes contexts that differ by capitals for one.
    assert_eq!(contexts.into_iter().collect::<Vec<_>>(), ["forge / null.bad", "forge / null.bad (2)"]);
    let description = last(&lab, "forge / null.bad").1;
    assert!(description.starts_with("install <sensitive>"), "{description}");
    assert!(!Value::from(lab.statuses()).to_string().contains("deploy-4711"));
    lab.took_everything();
}

fn many(lab: &Github) -> Workspace {
    let names: Vec<String> = (0..205).map(|n| if n == 204 { "bad".to_owned() } else { format!("b{n}") }).collect();
    let text = template(&names.iter().map(String::as_str).collect::<Vec<_>>());
    lab.pull_request(runner(&text), 100).env("INPUT_PARALLEL-BUILDS", "8")
}

#[test]
fn more_builds_than_check_runs_are_told_of() {
    let lab = Github::start();
    let workspace = many(&lab);
    let ran = workspace.run(&["action"]);
    assert_eq!(ran.code, Some(1));
    ran.says("a run has 200 check runs at most: 5 of its 205 builds");
    assert_eq!(marked(&ran), 1, "the one that failed has none: {}", ran.stdout);
    assert_eq!(ran.stdout.lines().filter(|line| line.starts_with("::warning")).count(), 1);
    let summary = workspace.read(".runner/GITHUB_STEP_SUMMARY");
    assert!(summary.contains("5 of its 205 builds"), "{summary}");
    workspace.run(&["sweep"]).succeeded();
    assert_eq!(lab.checks().len(), 200);
    assert!(lab.comment().contains("❌ 1 of 205 builds failed"));
    lab.took_everything();
}
