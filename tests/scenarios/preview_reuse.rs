//! Previews that need not be built: what the base branch has without a record of it, and what the preview before made.

use serde_json::{Value, json};

use crate::action::{output, runner};
use crate::preview::{image, record, repository, tags};
use crate::support::github::Github;
use crate::support::{Workspace, docker, events};

const NEWER: &str = "dddddddddddddddddddddddddddddddddddddddd";

/// A run of a workflow by its id, and the token of its artifacts.
fn run(lab: &Github, run: &Value) -> (u64, String) {
    let made = lab.ask("repository", &json!({ "runs": [run] }));
    let run = &made["runs"][0];
    (run["id"].as_u64().unwrap(), run["runtime_token"].as_str().unwrap().to_owned())
}

fn ends(lab: &Github, run: u64) {
    lab.ask("repository", &json!({ "runs": [{ "id": run, "status": "completed", "conclusion": "success" }] }));
}

/// A push to the base branch, whose run has ended.
fn pushed(lab: &Github, workspace: Workspace) -> Workspace {
    let (id, token) = run(lab, &json!({ "event": "push", "head_branch": "main", "head_sha": lab.at("main") }));
    let push = json!({ "ref": "refs/heads/main", "after": lab.at("main") });
    let workspace = lab.step(workspace, "push", &push, id).env("GITHUB_REF", "refs/heads/main");
    let workspace = workspace.env("GITHUB_SHA", lab.at("main")).env("ACTIONS_RUNTIME_TOKEN", token);
    workspace.run(&["action"]).succeeded();
    ends(lab, id);
    workspace
}

/// A step of a run for the pull request at `head`, which had another head before.
fn previewed(lab: &Github, workspace: Workspace, head: &str, before: Option<&str>) -> (Workspace, u64) {
    let (id, token) = run(lab, &json!({ "event": "pull_request", "head_branch": "change-7", "head_sha": head }));
    let mut event = events::pull_request(lab, events::OWN);
    event["pull_request"]["head"]["sha"] = head.into();
    if let Some(before) = before {
        event["before"] = before.into();
    }
    let workspace = lab.step(workspace, "pull_request", &event, id);
    let workspace = workspace
        .env("GITHUB_REF", "refs/pull/7/merge")
        .env("GITHUB_HEAD_REF", "change")
        .env("GITHUB_BASE_REF", "main")
        .env("GITHUB_SHA", lab.at("merge"))
        .env("ACTIONS_RUNTIME_TOKEN", token);
    (workspace, id)
}

/// Without a record the names of the image in its registry tell.
#[test]
fn an_image_that_is_there_is_found_without_a_record() {
    let lab = Github::start();
    let repository = repository("norecord");
    let text = image(&repository, "echo same > /x");
    pushed(&lab, runner(&text));
    lab.rules(&json!([{ "path": "/actions/", "status": 404 }]));
    let (workspace, _) = previewed(&lab, runner(&text), lab.at("head"), None);
    workspace.run(&["action"]).succeeded().says("is unchanged").says_not("Starting docker container");
    assert_eq!((record(&workspace)["builds"][0]["state"].as_str(), tags(&repository).len()), (Some("unchanged"), 2));
    // Asked for anew, it is built anew.
    let (workspace, _) = previewed(&lab, runner(&text), lab.at("head"), None);
    workspace.env("INPUT_FORCE", "true").run(&["action"]).succeeded().says("Starting docker container");
    for tag in ["1", "latest", &format!("pr-7-{}", &lab.at("head")[..7])] {
        docker(&["rmi", "-f", &format!("{repository}:{tag}")]);
    }
}

/// A second push to the pull request that does not touch the image: it gets the new name, is told with what it changes of
/// the base branch, and goes with the pull request.
#[test]
fn what_the_preview_before_made_is_not_made_again() {
    let lab = Github::start();
    let repository = repository("again");
    let text = image(&repository, "echo after > /x");
    // A shorter build is not worth the requests.
    pushed(&lab, runner(&image(&repository, "sleep 15; echo before > /x")));
    let (first, id) = previewed(&lab, runner(&text), lab.at("head"), None);
    first.run(&["action"]).succeeded();
    ends(&lab, id);
    lab.ask("forget-calls", &Value::Null);
    let (second, id) = previewed(&lab, runner(&text), NEWER, Some(lab.at("head")));
    second.run(&["action"]).succeeded().says("is unchanged").says_not("Starting docker container");
    ends(&lab, id);
    let (old, new) = (format!("pr-7-{}", &lab.at("head")[..7]), format!("pr-7-{}", &NEWER[..7]));
    assert_eq!(tags(&repository), ["1", "latest", &old, &new]);
    let (was, now) = (record(&first), record(&second));
    let (was, now) = (&was["builds"][0], &now["builds"][0]);
    assert_eq!((now["state"].as_str(), &now["digest"]), (Some("unchanged"), &was["digest"]), "{now:#}");
    assert_eq!(now["images"][0]["id"], json!(format!("{repository}:{new}")));
    assert_eq!(now["change"]["inputs"], was["change"]["inputs"]);
    assert_eq!((&now["inventory"], &now["size"]), (&was["inventory"], &was["size"]));
    assert!(lab.comment().contains(&format!("{repository}:{new}")), "{}", lab.comment());
    assert!(lab.comment().contains("What changes in the images"), "{}", lab.comment());
    let looks: Vec<String> = lab.calls().into_iter().filter(|call| call.contains("/actions/")).collect();
    assert!(looks.len() <= 6, "{looks:#?}");
    // The image that was named anew has no preview of its own before it: what it was named after is gone.
    let third = &"e".repeat(40);
    docker(&["rmi", "-f", &format!("{repository}:{old}")]);
    let sweep = ["sweep", "--pull-request", "7", "--repository", "octo/images", "--registry", &repository];
    second.run(&sweep).succeeded();
    assert_eq!(tags(&repository), ["1", "latest"]);
    let (workspace, _) = previewed(&lab, runner(&text), third, Some(NEWER));
    workspace.run(&["action"]).succeeded().says("Starting docker container");
    assert_eq!(tags(&repository), ["1", "latest", &format!("pr-7-{}", &third[..7])]);
    for tag in ["1", "latest", &format!("pr-7-{}", &third[..7])] {
        docker(&["rmi", "-f", &format!("{repository}:{tag}")]);
    }
    lab.took_everything();
}

/// A run of short builds makes three calls for each of them and six more, also after a push to the pull request.
#[test]
fn what_is_built_in_no_time_is_not_looked_for_in_the_preview_before() {
    let lab = Github::start();
    let repository = repository("quick");
    let text = image(&repository, "echo after > /x");
    pushed(&lab, runner(&image(&repository, "echo before > /x")));
    let (first, id) = previewed(&lab, runner(&text), lab.at("head"), None);
    first.run(&["action"]).succeeded();
    ends(&lab, id);
    lab.ask("forget-calls", &Value::Null);
    let (second, _) = previewed(&lab, runner(&text), NEWER, Some(lab.at("head")));
    second.run(&["action"]).succeeded().says("Starting docker container");
    let calls: Vec<String> = lab.calls().into_iter().filter(|call| call.contains(" /repos/")).collect();
    assert!(calls.len() <= 3 + 6, "{calls:#?}");
    for tag in ["1", "latest", &format!("pr-7-{}", &lab.at("head")[..7]), &format!("pr-7-{}", &NEWER[..7])] {
        docker(&["rmi", "-f", &format!("{repository}:{tag}")]);
    }
    lab.took_everything();
}

/// The jobs of a large matrix share GitHub's requests of an hour.
#[test]
fn a_job_of_a_large_matrix_asks_for_the_base_branch_alone() {
    let lab = Github::start();
    let repository = repository("large");
    let asked = |jobs: u64| {
        lab.ask("forget-calls", &Value::Null);
        // A shorter run does not ask whether the pull request is still open.
        let text = image(&repository, "sleep 16; echo $RANDOM > /x");
        let (workspace, _) = previewed(&lab, runner(&text), NEWER, Some(lab.at("head")));
        workspace.env("INPUT_CELL", format!("0/{jobs}")).run(&["action"]).succeeded();
        let calls = lab.calls();
        let of = |part: &str| calls.iter().filter(|call| call.contains(part)).count();
        (of("/actions/runs"), of("/pulls/7"))
    };
    assert_eq!((asked(60), asked(61)), ((2, 1), (1, 0)));
    docker(&["rmi", "-f", &format!("{repository}:pr-7-{}", &NEWER[..7])]);
    lab.took_everything();
}

#[cfg(feature = "aws")]
#[test]
fn a_machine_image_of_the_preview_before_is_the_result() {
    use crate::support::lab::Lab;
    let (lab, aws) = (Github::start(), Lab::start());
    let text = aws.workspace("communicator = \"none\"\nami_name = \"web-1\"", "").read("t.pkr.hcl");
    let (first, id) = previewed(&lab, aws.environment(runner(&text)), lab.at("head"), None);
    first.run(&["action"]).succeeded();
    ends(&lab, id);
    let made = output(&first, "image-id");
    let (second, _) = previewed(&lab, aws.environment(runner(&text)), NEWER, Some(lab.at("head")));
    second.run(&["action"]).succeeded().says("is unchanged");
    assert_eq!(output(&second, "image-id"), made);
    assert_eq!(aws.images().as_object().unwrap().len(), 1, "{:#}", aws.images());
    // Whoever does not know what was there before makes its own.
    let (third, _) = previewed(&lab, aws.environment(runner(&text)), NEWER, None);
    third.run(&["action"]).succeeded().says_not("is unchanged");
}
