//! `-on-error=ask`: a step that is tried again goes on with what is done.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::amazon_requests::surrogate;
use crate::support::lab::Lab;
use crate::support::{Ran, Workspace};

const OPTIONS: &str = r#"
  communicator = "none"
  ami_name     = "ask-test"
  ami_regions  = ["eu-central-1", "us-east-1"]
  ami_users    = ["111122223333"]
  tags         = { Name = "ask" }
"#;

/// Builds at a terminal where `answers` are typed.
fn asked(workspace: &Workspace, answers: &str) -> Ran {
    let begun = std::time::Instant::now();
    let forge = workspace.command(&[]);
    let line = format!("{} build -on-error=ask .", forge.get_program().to_str().unwrap());
    let mut terminal = Command::new("script");
    terminal.args(["-q", "-e", "-c", &line, "/dev/null"]).env_clear().current_dir(workspace.path());
    terminal.envs(forge.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut child = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut typed = child.stdin.take().unwrap();
    typed.write_all(answers.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(typed);
    Ran::new(output, begun.elapsed())
}

#[track_caller]
fn count(lab: &Lab, call: &str, expected: usize, ran: &Ran) {
    let made = lab.calls().iter().filter(|made| *made == call).count();
    assert_eq!(made, expected, "{call}:\n{}", ran.stdout);
}

#[test]
fn a_retry_repeats_nothing_that_is_done() {
    let mut lab = Lab::start();
    let error = json!({ "code": "UnauthorizedOperation", "message": "not yet", "status": 403 });
    for (call, region) in [
        ("CreateImage", "eu-west-1"),
        ("CopyImage", "us-east-1"),
        ("ModifyImageAttribute", "eu-central-1"),
        ("CreateTags", "us-east-1"),
        ("DeleteTags", "eu-west-1"),
    ] {
        lab.reset();
        lab.rules(&json!([{ "call": call, "region": region, "nth": 1, "error": error }]));
        let workspace = lab.workspace(OPTIONS, "");
        let ran = asked(&workspace, "r\n");
        ran.succeeded();
        ran.says("[r] retry step");
        assert_eq!(ran.stdout.matches("[r] retry step").count(), 1, "{call}: {}", ran.stdout);
        count(&lab, "RunInstances", 1, &ran);
        count(&lab, "StopInstances", 1, &ran);
        count(&lab, "CreateImage", 1 + usize::from(call == "CreateImage"), &ran);
        count(&lab, "CopyImage", 2 + usize::from(call == "CopyImage"), &ran);
        count(&lab, "ModifyImageAttribute", 3 + usize::from(call == "ModifyImageAttribute"), &ran);
        let left = lab.left();
        assert!(left.len() == 3 && left.iter().all(|text| text.starts_with("image ")), "{call}: {left:#?}");
        assert!(!left.concat().contains("forge:run"), "{call}: {left:#?}");
        assert_eq!(workspace.journals(), 0, "{call}");
    }
}

/// One that was begun is waited for again. One that has failed makes room for another.
#[test]
fn an_image_that_did_not_become_ready_is_waited_for_again_or_made_anew() {
    let mut lab = Lab::start();
    let replace = json!([["<imageState>available</imageState>", "<imageState>failed</imageState>"]]);
    for (times, images) in [(1, 1), (2, 2)] {
        lab.reset();
        lab.rules(&json!([{ "call": "DescribeImages", "nth": 3, "times": times, "replace": replace }]));
        let workspace = lab.workspace("communicator = \"none\"\nami_name = \"ask-test\"", "");
        let ran = asked(&workspace, "r\n");
        ran.succeeded();
        ran.says("Waiting again for AMI ami-");
        count(&lab, "CreateImage", images, &ran);
        let left = lab.left();
        assert!(left.len() == 1 && left[0].starts_with("image "), "{left:#?}\n{}", ran.stdout);
    }
}

/// Snapshots of volumes, and the image that is registered of them.
#[test]
fn a_retry_registers_an_image_of_the_snapshots_that_are_there() {
    let lab = Lab::start();
    let error = json!({ "code": "UnauthorizedOperation", "message": "not yet", "status": 403 });
    lab.rules(&json!([{ "call": "RegisterImage", "nth": 1, "error": error }]));
    let ran = asked(&surrogate(&lab, ""), "r\n");
    ran.succeeded();
    count(&lab, "CreateSnapshot", 1, &ran);
    count(&lab, "RegisterImage", 2, &ran);
    let left = lab.left();
    assert!(left.len() == 1 && left[0].starts_with("image "), "{left:#?}\n{}", ran.stdout);
}

/// Roots are swapped at any state of the volumes.
#[test]
fn a_retry_swaps_roots_from_where_it_failed() {
    let mut lab = Lab::start();
    let error = json!({ "code": "UnauthorizedOperation", "message": "not yet", "status": 403 });
    for (call, nth) in
        [("DetachVolume", 2), ("AttachVolume", 1), ("DescribeVolumes", 2), ("ModifyInstanceAttribute", 1)]
    {
        lab.reset();
        lab.rules(&json!([{ "call": call, "nth": nth, "error": error }]));
        let ran = asked(&surrogate(&lab, crate::amazon_volumes::CREATE_IMAGE), "r\n");
        ran.succeeded();
        assert_eq!(ran.stdout.matches("[r] retry step").count(), 1, "{call}: {}", ran.stdout);
        count(&lab, "CreateImage", 1, &ran);
        let left = lab.left();
        assert!(left.len() == 1 && left[0].starts_with("image "), "{call}: {left:#?}\n{}", ran.stdout);
    }
}
