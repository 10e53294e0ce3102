//! What happens when GitHub does not let us say a thing: the next channel is taken, one notice tells which permission was
//! missing, and no build fails for it.

use serde_json::{Value, json};

use crate::action::runner;
use crate::github_reports::template;
use crate::support::github::Github;
use crate::support::{Ran, Workspace, events};

fn pull_request(lab: &Github, names: &[&str], run: u64) -> Workspace {
    lab.pull_request(runner(&template(names)), run)
}

fn warnings(ran: &Ran) -> usize {
    ran.stdout.lines().filter(|line| line.starts_with("::warning")).count()
}

#[test]
fn without_checks_and_statuses_the_runner_marks_the_lines() {
    let lab = Github::start();
    lab.permit(&json!({ "actions": "read", "contents": "read", "pull-requests": "write", "metadata": "read" }));
    let ran = pull_request(&lab, &["good", "bad"], 100).run(&["action"]);
    assert_eq!(ran.code, Some(1));
    ran.says("::error file=t.pkr.hcl,line=13").says("`checks: write`").says("`statuses: write`");
    assert_eq!(warnings(&ran), 1, "{}", ran.stdout);
    assert!(lab.checks().is_empty() && lab.statuses().is_empty());
    assert!(lab.comment().contains("null.bad"));
    lab.took_everything();
}

#[test]
fn without_pull_requests_there_is_no_comment() {
    let lab = Github::start();
    lab.permit(
        &json!({ "actions": "read", "contents": "read", "checks": "write", "metadata": "read", "pull-requests": "read" }),
    );
    let workspace = pull_request(&lab, &["good"], 100);
    let ran = workspace.run(&["action"]);
    ran.succeeded().says("`pull-requests: write`");
    assert_eq!(warnings(&ran), 1, "{}", ran.stdout);
    assert_eq!(lab.check("forge / null.good")["conclusion"], "success");
    assert!(lab.comments().is_empty());
    assert!(workspace.read(".runner/GITHUB_STEP_SUMMARY").contains("null.good"));
}

#[test]
fn with_a_token_that_may_only_read_everything_is_in_the_summary() {
    let lab = Github::start();
    lab.permit(&json!({ "contents": "read", "metadata": "read" }));
    let workspace = pull_request(&lab, &["good"], 100);
    workspace.run(&["action"]).succeeded().says("`checks: write`").says("`pull-requests: write`");
    let summary = workspace.read(".runner/GITHUB_STEP_SUMMARY");
    let (shown, unsaid) = summary.split_once("#### Not shown on GitHub\n").unwrap_or_else(|| panic!("{summary}"));
    assert!(shown.contains("null.good"), "{summary}");
    for permission in ["checks: write", "statuses: write", "pull-requests: write"] {
        assert!(unsaid.contains(permission), "{permission} is missing in:\n{summary}");
    }
}

#[test]
fn a_token_that_is_wrong_or_missing_is_no_reason_to_fail() {
    let lab = Github::start();
    let workspace = pull_request(&lab, &["good"], 100).env("INPUT_GITHUB-TOKEN", "nonsense");
    workspace.run(&["action"]).succeeded().says("::warning");
    let workspace = pull_request(&lab, &["good"], 101).env("INPUT_GITHUB-TOKEN", "");
    let ran = workspace.run(&["action"]);
    ran.succeeded();
    assert_eq!(warnings(&ran), 0, "{}", ran.stdout);
    let workspace = pull_request(&lab, &["good"], 102).env("GITHUB_API_URL", "http://127.0.0.1:9");
    workspace.run(&["action"]).succeeded();
    workspace.run(&["sweep"]).succeeded().says("cannot be reached");
}

#[test]
fn locked_and_deleted_pull_requests_have_check_runs_only() {
    for (setting, why) in [
        (json!({ "number": 7, "locked": true }), "pull request 7 is locked"),
        (json!({ "number": 7, "deleted": 404 }), "there is no pull request 7"),
        (json!({ "number": 7, "deleted": 410 }), "pull request 7 was deleted"),
    ] {
        let lab = Github::start();
        let pull = json!({ "head": "change", "head_sha": lab.at("head"), "base": "main" });
        let pull: Value = [pull, setting].iter().flat_map(|part| part.as_object().unwrap().clone()).collect();
        lab.ask("repository", &json!({ "pulls": [pull] }));
        let ran = pull_request(&lab, &["good"], 100).run(&["action"]);
        ran.succeeded().says(why).says_not("pull-requests: write");
        assert_eq!(warnings(&ran), 1, "{why}: {}", ran.stdout);
        assert_eq!(lab.check("forge / null.good")["conclusion"], "success", "{why}");
    }
}

#[test]
fn somebody_elses_comment_with_our_marker_is_left_alone() {
    let lab = Github::start();
    pull_request(&lab, &["good"], 100).run(&["action"]).succeeded();
    let ours = lab.comment();
    let lab = Github::start();
    let newer = ours.replace("run=100", "run=99999999999999");
    let helper = json!({ "id": 9, "slug": "helper", "name": "helper" });
    lab.ask(
        "repository",
        &json!({ "comments": [
        { "issue": 7, "body": ours, "author": "mallory" },
        { "issue": 7, "body": newer, "author": "helper[bot]", "app": helper },
    ] }),
    );
    for run in [101, 102] {
        pull_request(&lab, &["good"], run).run(&["action"]).succeeded();
    }
    let comments = lab.comments();
    let bodies: Vec<&str> = comments.iter().map(|comment| comment["body"].as_str().unwrap()).collect();
    assert_eq!((bodies.len(), bodies[0], bodies[1]), (3, ours.as_str(), newer.as_str()), "{comments:#?}");
    assert!(bodies[2].contains("run 102"), "{}", bodies[2]);
    lab.took_everything();
}

#[test]
fn jobs_and_cells_have_comments_of_their_own() {
    let lab = Github::start();
    for (job, cell) in [("web", "0/1"), ("db", "0/1"), ("web", "0/2"), ("web", "1/2"), ("web", "0/1")] {
        let workspace = pull_request(&lab, &["good"], 100).env("GITHUB_JOB", job).env("INPUT_CELL", cell);
        workspace.run(&["action"]).succeeded();
    }
    assert_eq!(lab.comments().len(), 4, "{:#?}", lab.comments());
    lab.took_everything();
}

#[test]
fn comments_are_recreated_appended_or_off() {
    let lab = Github::start();
    for (run, mode) in [(100, "recreate"), (101, "recreate"), (102, "append"), (103, "off")] {
        pull_request(&lab, &["good"], run).env("INPUT_PR-COMMENT", mode).run(&["action"]).succeeded();
    }
    let comments = lab.comments();
    assert_eq!(comments.len(), 3, "{comments:#?}");
    let minimized =
        |at: usize| comments[at]["minimized"].as_bool().unwrap_or_else(|| !comments[at]["minimized"].is_null());
    assert_eq!([minimized(0), minimized(1), minimized(2)], [true, false, false], "{comments:#?}");
    lab.took_everything();
}

#[test]
fn a_push_finds_its_pull_request_and_a_schedule_has_none() {
    let lab = Github::start();
    let push = json!({
        "ref": "refs/heads/change", "after": lab.at("head"), "before": lab.at("main"), "deleted": false,
    });
    let workspace = lab.step(runner(&template(&["good"])), "push", &push, 100);
    let workspace = workspace.env("GITHUB_SHA", lab.at("head")).env("GITHUB_REF", "refs/heads/change");
    let workspace = workspace.env("INPUT_COMMAND", "build");
    workspace.run(&["action"]).succeeded();
    assert_eq!(lab.check("forge / null.good")["head_sha"], lab.at("head"));
    assert!(lab.comment().contains("null.good"));
    let schedule = json!({ "schedule": "0 3 * * *" });
    let workspace = lab.step(runner(&template(&["nightly"])), "schedule", &schedule, 101);
    let workspace = workspace.env("GITHUB_SHA", lab.at("main")).env("GITHUB_REF", "refs/heads/main");
    workspace.run(&["action"]).succeeded();
    assert_eq!(lab.check("forge / null.nightly")["head_sha"], lab.at("main"));
    assert_eq!(lab.comments().len(), 1);
    lab.took_everything();
}

#[test]
fn an_enterprise_server_and_an_app_are_reported_to() {
    let lab = Github::start();
    let key = tempfile::tempdir().unwrap();
    let (private, public) = (key.path().join("key.pem"), key.path().join("public.pem"));
    let openssl = |args: &[&str]| {
        assert!(
            std::process::Command::new("openssl")
                .args(args)
                .stderr(std::process::Stdio::null())
                .status()
                .unwrap()
                .success()
        )
    };
    openssl(&["genrsa", "-traditional", "-out", private.to_str().unwrap(), "2048"]);
    openssl(&["rsa", "-in", private.to_str().unwrap(), "-pubout", "-out", public.to_str().unwrap()]);
    let public = std::fs::read_to_string(public).unwrap();
    let permissions = json!({ "actions": "read", "checks": "write", "pull_requests": "write", "issues": "write", "contents": "read", "metadata": "read" });
    lab.ask(
        "apps",
        &json!([{ "id": 77, "slug": "forge", "public_key": public,
        "installations": [{ "id": 5, "repositories": ["octo/images"], "permissions": permissions }] }]),
    );
    let workspace = pull_request(&lab, &["good"], 100)
        .env("GITHUB_API_URL", lab.at("enterprise"))
        .env("INPUT_GITHUB-APP-ID", "77")
        .env("INPUT_GITHUB-APP-KEY", std::fs::read_to_string(private).unwrap());
    let ran = workspace.run(&["action"]);
    ran.succeeded();
    let shown = |line: &str| line.contains("BEGIN RSA") && !line.starts_with("::add-mask::");
    assert!(!ran.stdout.lines().chain(ran.stderr.lines()).any(shown), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(warnings(&ran), 0, "{}", ran.stdout);
    assert_eq!(lab.check("forge / null.good")["app"], "forge");
    assert_eq!(lab.comments()[0]["author"], "forge[bot]", "{:#?}", lab.comments());
    lab.took_everything();
}

#[test]
fn of_a_fork_nothing_is_run_and_nobody_is_asked() {
    let lab = Github::start();
    let event = events::pull_request(&lab, events::FORK);
    let text =
        "data \"http\" \"x\" {\n  url = \"http://127.0.0.1:9/\"\n}\nlocals { y = vault(\"secret/data/a\", \"b\") }\n"
            .to_owned()
            + &template(&["good"]).replace("echo working", "touch ran; echo ${data.http.x.body} ${local.y}");
    let workspace = lab.step(runner(&text), "pull_request", &event, 100);
    let workspace = workspace.env("GITHUB_SHA", lab.at("merge")).env("GITHUB_REF", "refs/pull/7/merge");
    for command in ["", "build"] {
        let ran = runner_again(&workspace, command);
        ran.succeeded().says("valid");
        assert!(!workspace.path().join("ran").exists());
    }
    assert!(lab.calls().is_empty(), "{:#?}", lab.calls());
}

fn runner_again(workspace: &Workspace, command: &str) -> Ran {
    let begun = std::time::Instant::now();
    let output = workspace.command(&["action"]).env("INPUT_COMMAND", command).output().unwrap();
    Ran::new(output, begun.elapsed())
}

#[test]
fn code_of_others_beside_secrets_is_refused() {
    let lab = Github::start();
    let event = events::pull_request(&lab, events::FORK);
    let workspace = lab.step(runner(&template(&["good"])), "pull_request_target", &event, 100);
    let workspace = workspace.env("GITHUB_SHA", lab.at("main")).env("GITHUB_REF", "refs/heads/main");
    // The workflow checked out the fork's commit.
    events::check_out(&workspace, ".", lab.at("head"));
    let ran = runner_again(&workspace, "build");
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    ran.says("::error").says("trusted-head");
    // Wherever the template is named.
    events::check_out(&workspace, ".", lab.at("main"));
    events::check_out(&workspace, "pr", lab.at("head"));
    let evil = template(&["good"]).replace("echo working", "touch /tmp/forge-evil-ran");
    workspace.file("pr/t.pkr.hcl", evil);
    workspace.file("pr/.github/forge.yml", "images:\n  a:\n    template: pr/t.pkr.hcl\n");
    workspace.file("images.yml", "images:\n  a:\n    template: pr/t.pkr.hcl\n");
    for (name, value) in [
        ("INPUT_TEMPLATE", "pr/t.pkr.hcl"),
        ("INPUT_CONFIG", "pr/.github/forge.yml"),
        ("INPUT_CONFIG", "images.yml"),
        ("INPUT_ENTRY", r#"{"id":"x","template":"pr/t.pkr.hcl","only":"null.good"}"#),
    ] {
        let output = workspace.command(&["action"]).env("INPUT_COMMAND", "build").env(name, value).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.code() == Some(1) && said.contains("trusted-head"), "{name}={value}: {said}");
    }
    assert!(!std::path::Path::new("/tmp/forge-evil-ran").exists());
    events::check_out(&workspace, ".", lab.at("head"));
    // A maintainer has read that very commit; it is what the check run is about, wherever the branch is by then.
    let moved = json!({ "number": 7, "head": "change", "head_sha": lab.at("merge"), "base": "main" });
    lab.ask("repository", &json!({ "pulls": [moved] }));
    let ran = runner_approved(&workspace, &lab.at("head").to_uppercase());
    ran.succeeded();
    assert_eq!(lab.check("forge / null.good")["head_sha"], lab.at("head"));
}

#[test]
fn a_commit_that_needs_no_approval_is_reported_on_whatever_is_approved() {
    let lab = Github::start();
    let workspace = pull_request(&lab, &["good"], 100);
    events::check_out(&workspace, ".", lab.at("merge"));
    for approved in [lab.at("merge"), lab.at("main"), "nonsense"] {
        runner_approved(&workspace, approved).succeeded();
        assert!(lab.checks().iter().all(|check| check["head_sha"] == lab.at("head")), "{:#?}", lab.checks());
    }
    lab.took_everything();
}

fn runner_approved(workspace: &Workspace, sha: &str) -> Ran {
    let begun = std::time::Instant::now();
    let command = &mut workspace.command(&["action"]);
    let output = command.env("INPUT_TRUSTED-HEAD", sha).env("INPUT_COMMAND", "build").output().unwrap();
    Ran::new(output, begun.elapsed())
}
