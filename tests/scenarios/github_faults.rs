//! A GitHub that fails, limits, is slow or loses answers, and runs that are cancelled or killed while they report.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::action::{cancellable, containers_with, entry, runner, saved_state};
use crate::github_reports::template;
use crate::support::github::Github;
use crate::support::{Workspace, wait};

fn pull_request(lab: &Github, names: &[&str], run: u64) -> Workspace {
    lab.pull_request(runner(&template(names)), run)
}

#[test]
fn faults_that_pass_leave_no_trace() {
    let lab = Github::start();
    lab.rules(&json!([
        { "method": "POST", "path": "/check-runs$", "times": 1, "status": 502 },
        { "method": "PATCH", "path": "/check-runs/", "times": 2, "status": 503 },
        { "method": "GET", "path": "/comments$", "times": 1, "reset": true },
        { "method": "POST", "path": "/comments$", "times": 1, "status": 500 },
    ]));
    let ran = pull_request(&lab, &["good", "bad"], 100).run(&["action"]);
    assert_eq!(ran.code, Some(1));
    ran.says_not("::warning");
    assert_eq!(lab.check("forge / null.good")["conclusion"], "success");
    assert_eq!(lab.check("forge / null.bad")["annotations"].as_array().unwrap().len(), 1);
    assert!(lab.comment().contains("null.bad"));
}

#[test]
fn an_answer_that_is_lost_makes_nothing_twice() {
    let lab = Github::start();
    lab.rules(&json!([
        { "method": "POST", "path": "/check-runs$", "times": 1, "reset": true, "after": true },
        { "method": "PATCH", "path": "/check-runs/", "times": 1, "reset": true, "after": true },
        { "method": "POST", "path": "/comments$", "times": 1, "reset": true, "after": true },
    ]));
    let ran = pull_request(&lab, &["bad"], 100).run(&["action"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(lab.checks().len(), 1, "{:#?}", lab.checks());
    assert_eq!(lab.check("forge / null.bad")["annotations"].as_array().unwrap().len(), 1);
    assert!(lab.comment().contains("null.bad"));
}

#[test]
fn what_github_does_not_take_is_sent_once() {
    for rules in [
        json!([{ "method": "POST", "path": "/check-runs$", "nth": 2, "status": 422, "message": "no" }]),
        json!([{ "method": "PATCH", "path": "/check-runs/", "status": 422, "message": "no" }]),
        json!([{ "method": "PATCH", "path": "/check-runs/", "times": 1, "status": 422, "message": "no" }]),
        json!([{ "method": "POST", "path": "/comments$", "status": 422, "message": "Body is too long" }]),
    ] {
        let lab = Github::start();
        lab.rules(&rules);
        let text = template(&["a", "b", "c"]).replace("echo working", "sleep 1");
        let workspace = lab.pull_request(runner(&text), 100);
        workspace.run(&["action"]).succeeded().says("::warning");
        let calls = lab.calls();
        assert!(calls.len() <= 3 * 3 + 6, "{rules}: {} calls: {calls:#?}", calls.len());
        let good = lab.checks().iter().filter(|check| check["conclusion"] == "success").count();
        let comments = lab.comments().len();
        assert!(good >= 2 || comments == 1, "{rules}: the others are told: {:#?}", lab.checks());
        assert_eq!(workspace.journals(), 0, "{rules}");
    }
}

#[test]
fn builds_of_one_name_are_told_apart() {
    let lab = Github::start();
    let block = "build {\n  sources = [\"null.a\"]\n  provisioner \"shell-local\" { inline = [\"sleep 0.2\"] }\n}\n";
    let text = format!("source \"null\" \"a\" {{\n  communicator = \"none\"\n}}\n{block}{block}");
    lab.pull_request(runner(&text), 100).run(&["action"]).succeeded();
    assert_eq!(lab.check("forge / null.a")["conclusion"], "success");
    assert_eq!(lab.check("forge / null.a (2)")["conclusion"], "success");
    assert!(lab.calls().len() <= 3 * 2 + 6, "{:#?}", lab.calls());
    lab.took_everything();
}

#[test]
fn annotations_of_a_lost_answer_are_not_sent_again() {
    let lab = Github::start();
    lab.rules(&json!([{ "method": "PATCH", "path": "/check-runs/", "nth": 2, "reset": true, "after": true }]));
    let mut text = template(&["good"]);
    for number in 0..239 {
        text += &format!(
            "source \"null\" \"s{number}\" {{\n  comunicator = \"none\"\n}}\nbuild {{\n  sources = [\"null.s{number}\"]\n}}\n"
        );
    }
    let workspace = lab.pull_request(runner(&text), 100);
    assert_eq!(workspace.run(&["action"]).code, Some(1));
    workspace.run(&["sweep"]);
    let check = lab.check("forge / template");
    let marks = check["annotations"].as_array().unwrap();
    let distinct: std::collections::BTreeSet<String> = marks.iter().map(ToString::to_string).collect();
    assert_eq!(marks.len(), distinct.len(), "none is there twice");
    assert!(marks.len() >= 239);
}

#[test]
fn an_older_run_looks_again_before_it_tries_again() {
    let lab = Github::start();
    pull_request(&lab, &["good"], 99).run(&["action"]).succeeded();
    // The older run's first try fails, and the newer run writes before its second.
    lab.rules(&json!([{ "method": "PATCH", "path": "/comments/", "times": 1, "status": 503 }]));
    let older = pull_request(&lab, &["good"], 100);
    let mut child = older.command(&["action"]).stdout(Stdio::null()).spawn().unwrap();
    let tried = |call: &String| call.starts_with("PATCH") && call.contains("/comments/");
    wait("the first try", || lab.calls().iter().any(tried));
    pull_request(&lab, &["good"], 101).run(&["action"]).succeeded();
    assert!(child.wait().unwrap().success());
    older.run(&["sweep"]);
    assert!(lab.comment().contains("run 101"), "{}", lab.comment());
}

#[test]
fn a_mended_template_takes_its_red_check_back() {
    let lab = Github::start();
    let broken = template(&["good"]).replace("communicator", "comunicator");
    assert_eq!(lab.pull_request(runner(&broken), 100).run(&["action"]).code, Some(1));
    assert_eq!(lab.check("forge / template")["conclusion"], "failure");
    let again = pull_request(&lab, &["good"], 100).env("GITHUB_RUN_ATTEMPT", "2");
    again.run(&["action"]).succeeded();
    assert_eq!(lab.check("forge / template")["conclusion"], "success");
    assert_eq!(lab.check("forge / null.good")["conclusion"], "success");
    lab.took_everything();
}

#[test]
fn limits_are_waited_out_as_github_says() {
    let lab = Github::start();
    lab.rules(&json!([
        { "method": "POST", "path": "/check-runs$", "times": 1, "status": 403, "headers": { "retry-after": "1" },
          "message": "You have exceeded a secondary rate limit" },
        { "method": "POST", "path": "/comments$", "times": 1, "status": 429, "headers": { "retry-after": "1" }, "message": "slow down" },
    ]));
    let workspace = pull_request(&lab, &["good"], 100);
    workspace.run(&["action"]).succeeded().says_not("::warning");
    post(&workspace);
    assert_eq!(lab.check("forge / null.good")["conclusion"], "success");
    assert!(lab.comment().contains("null.good"));
    lab.took_everything();
}

/// A limit that lasts longer than a run waits, or of which GitHub does not say how long it lasts: nothing else is asked, and
/// nobody waits.
#[test]
fn a_long_limit_is_left_to_the_post_step() {
    for headers in [json!({ "retry-after": "600" }), json!({})] {
        let lab = Github::start();
        lab.rules(&json!([{ "method": "POST", "path": "/check-runs$", "times": 1, "status": 403, "headers": headers,
            "message": "You have exceeded a secondary rate limit" }]));
        let text = template(&["a", "b", "c"]).replace("echo working", "sleep 1");
        let workspace = lab.pull_request(runner(&text), 100).env("INPUT_COMMAND", "build");
        let ran = workspace.run(&["action"]);
        ran.succeeded().says("the post step reports the rest");
        assert!(ran.took < Duration::from_secs(20), "{:?}", ran.took);
        assert_eq!(lab.requests().len(), 1, "{headers}: {:#?}", lab.requests());
        post(&workspace);
        assert_eq!(lab.checks().iter().filter(|check| check["conclusion"] == "success").count(), 3);
        assert!(lab.comment().contains("✅ 3 builds succeeded"));
        lab.took_everything();
    }
}

/// Runs the post step's sweep.
fn post(workspace: &Workspace) {
    workspace.run(&["sweep"]).succeeded();
    assert_eq!(workspace.journals(), 0);
}

/// Ten builds of a second each beside a GitHub that takes ten for every answer, and how much longer they took than without
/// it.
fn beside_a_slow_github(command: &str) -> (Github, Workspace, Duration) {
    let names: Vec<String> = (0..10).map(|n| format!("b{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let text = template(&names).replace("echo working", "sleep 1");
    let lab = Github::start();
    let of = |run| lab.pull_request(runner(&text), run).env("INPUT_COMMAND", command);
    let alone = of(100).env("INPUT_CHECK-RUN", "false").env("INPUT_PR-COMMENT", "off").env("INPUT_BASELINE", "off");
    let alone = alone.run(&["action"]);
    alone.succeeded();
    lab.rules(&json!([{ "path": "/repos/", "latency_ms": 10_000 }]));
    let workspace = of(101);
    let ran = workspace.run(&["action"]);
    ran.succeeded();
    (lab, workspace, ran.took.saturating_sub(alone.took))
}

#[test]
fn a_slow_github_holds_no_build_up_and_is_told_all_in_the_end() {
    for command in ["build", ""] {
        // The machine may be busy: what counts is how little it can be.
        let mut tries: Vec<_> = Vec::new();
        while tries.len() < 3 && tries.iter().all(|(_, _, longer)| *longer >= Duration::from_secs(2)) {
            tries.push(beside_a_slow_github(command));
        }
        let (lab, workspace, longer) = tries.pop().unwrap();
        assert!(longer < Duration::from_secs(2), "{command:?} took {longer:?} longer");
        lab.rules(&json!([]));
        let ended = std::time::Instant::now();
        post(&workspace);
        // What was under way when the run ended has its effect late.
        std::thread::sleep(Duration::from_secs(11).saturating_sub(ended.elapsed()));
        assert_eq!(lab.checks().len(), 10);
        assert!(lab.checks().iter().all(|check| check["conclusion"] == "success"), "{:#?}", lab.checks());
        assert!(lab.comment().contains("✅ 10 builds succeeded"));
        lab.took_everything();
    }
}

fn long(lab: &Github) -> Workspace {
    let text = template(&["long"]).replace("echo working", "touch started; exec sleep 60");
    lab.pull_request(runner(&text), 100)
}

#[test]
fn a_cancelled_run_says_so() {
    let lab = Github::start();
    let marker = format!("told{}", std::process::id());
    let workspace = lab.pull_request(cancellable(&marker), 100);
    let mut main = entry(&workspace, "main.js", &[]).stdout(Stdio::null()).spawn().unwrap();
    wait("the container", || !containers_with(&marker).is_empty());
    wait("the check run", || !lab.checks().is_empty());
    Command::new("kill").args(["-INT", &main.id().to_string()]).status().unwrap();
    main.wait().unwrap();
    let post = entry(&workspace, "post.js", &saved_state(&workspace)).output().unwrap();
    assert!(post.status.success(), "{}", String::from_utf8_lossy(&post.stdout));
    assert_eq!(containers_with(&marker), "");
    assert_eq!(lab.check("forge / docker.web")["conclusion"], "cancelled");
    let comment = lab.comment();
    assert!(comment.contains("⚪ Cancelled") && comment.contains("docker.web"), "{comment}");
    lab.took_everything();
}

/// Whoever cancels a preview does not wait for what it would have been compared with.
#[test]
fn a_preview_that_is_cancelled_before_its_baseline_is_found_says_so() {
    let lab = Github::start();
    lab.rules(&json!([{ "path": "/actions/", "latency_ms": 30_000 }]));
    let workspace = long(&lab);
    let mut child = workspace.command(&["action"]).stdout(Stdio::null()).spawn().unwrap();
    wait("the check run", || !lab.checks().is_empty() && workspace.path().join("started").exists());
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    workspace.run(&["sweep"]).succeeded();
    assert_eq!(lab.check("forge / null.long")["conclusion"], "cancelled");
    assert!(lab.comment().contains("⚪ Cancelled"), "{}", lab.comment());
    assert_eq!(workspace.journals(), 0);
    lab.took_everything();
}

#[test]
fn the_post_step_completes_what_a_killed_run_began() {
    let lab = Github::start();
    let workspace = long(&lab);
    let mut child = workspace.command(&["action"]).stdout(Stdio::null()).spawn().unwrap();
    wait("the check run", || !lab.checks().is_empty() && workspace.path().join("started").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(lab.check("forge / null.long")["status"], "in_progress");
    workspace.run(&["sweep"]).succeeded().says("reported");
    let check = lab.check("forge / null.long");
    assert_eq!(check["conclusion"], "cancelled", "{check:#}");
    assert!(lab.comment().contains("⚪ Cancelled"));
    assert_eq!(workspace.journals(), 0);
    workspace.run(&["sweep"]).succeeded().says("Nothing to sweep");
    lab.took_everything();
}

#[test]
fn without_a_token_the_sweep_says_what_it_could_not_tell() {
    let lab = Github::start();
    let workspace = long(&lab);
    let mut child = workspace.command(&["action"]).stdout(Stdio::null()).spawn().unwrap();
    wait("the check run", || !lab.checks().is_empty() && workspace.path().join("started").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let output = workspace.command(&["sweep"]).env_remove("INPUT_GITHUB-TOKEN").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("no token of GitHub was given"), "{text}");
    workspace.run(&["sweep"]).succeeded().says("reported");
}

#[test]
fn two_runs_at_once_leave_one_comment() {
    let lab = Github::start();
    // Both have looked before either has written.
    lab.rules(&json!([{ "method": "GET", "path": "/comments$", "times": 2, "latency_ms": 1500 }]));
    let workspaces = [pull_request(&lab, &["good"], 100), pull_request(&lab, &["good"], 101)];
    let children: Vec<_> =
        workspaces.iter().map(|w| w.command(&["action"]).stdout(Stdio::null()).spawn().unwrap()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    workspaces.iter().for_each(|workspace| drop(workspace.run(&["sweep"])));
    assert!(lab.comment().contains("run 101"), "the newer one stays: {}", lab.comment());
    lab.took_everything();
}

#[test]
fn a_log_of_200_megabytes_is_not_reported() {
    let lab = Github::start();
    let text = template(&["loud"])
        .replace("echo working", "head -c 200000000 /dev/zero | tr '\\\\0' 'x' | fold -w 1000; exit 9");
    let workspace = lab.pull_request(runner(&text), 100);
    let output = workspace.command(&["action"]).stdout(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let check = lab.check("forge / null.loud");
    assert_eq!(check["conclusion"], "failure");
    assert!(check["output"]["text"].as_str().unwrap().len() < 65_536);
    lab.took_everything();
}
