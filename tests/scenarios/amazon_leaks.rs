//! Whatever call fails, and wherever a run is told to stop or dies: nothing of it stays in the account.

use serde_json::json;

use crate::support::lab::Lab;
use crate::support::leaks::Leaks;
use crate::support::{Workspace, docker};

/// Everything that a build creates: key pair, security group, profile and role, instance, an image for the time
/// being, encrypted copies in two regions.
const ALL: &str = r#"
  communicator  = "none"
  ami_name      = "leak-test"
  ami_regions   = ["eu-central-1"]
  encrypt_boot  = true
  ami_groups    = ["all"]
  tags          = { Name = "leak" }
  run_tags      = { Team = "images" }
  deprecate_at  = "2030-01-01T00:00:00Z"
  deregistration_protection {
    enabled = true
  }
  temporary_iam_instance_profile_policy_document {
    Version = "2012-10-17"
    Statement {
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = ["*"]
    }
  }
"#;

/// The same with a machine behind it that is logged in to.
const WITH_SSH: &str = r#"
  ami_name    = "leak-test"
  ami_regions = ["eu-central-1"]
"#;

fn finished(text: &str) -> bool {
    text.starts_with("image ") && text.contains("leak-test")
}

fn sweep(workspace: &Workspace) -> String {
    let ran = workspace.run(&["sweep"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    ran.stdout
}

/// The number of calls of a build that succeeds.
fn calls(lab: &mut Lab, options: &str) -> usize {
    lab.reset();
    lab.workspace(options, "").build(&[]);
    lab.calls().len()
}

/// Only the images of a build that succeeded may be there: finished ones, without our tags.
#[track_caller]
fn nothing_stays(lab: &Lab, succeeded: bool, when: &str, log: &str) {
    let left = lab.left();
    let finished = |text: &String| text.starts_with("image ") && text.contains("leak-test") && !text.contains("forge:");
    let wrong: Vec<&String> = left.iter().filter(|text| !(succeeded && finished(text))).collect();
    assert!(wrong.is_empty(), "{when}: left {wrong:#?}\n{log}");
}

#[test]
fn a_call_that_fails_leaves_nothing() {
    let mut lab = Lab::start();
    let all = calls(&mut lab, ALL);
    assert!(all >= 40, "{all} calls");
    for n in 1..=all {
        lab.reset();
        let error = json!({ "code": "UnauthorizedOperation", "message": "You are not authorized", "status": 403 });
        lab.rules(&json!([{ "nth": n, "error": error }]));
        let workspace = lab.workspace(ALL, "");
        let ran = workspace.run(&["build", "."]);
        let call = lab.calls()[n - 1].clone();
        nothing_stays(&lab, ran.code == Some(0), &format!("call {n}, {call}"), &ran.stdout);
        assert_eq!(workspace.journals(), 0, "call {n}, {call}: {}", ran.stdout);
        if ran.code != Some(0) {
            assert!(ran.stdout.contains("UnauthorizedOperation"), "call {n}, {call}: {}", ran.stdout);
        }
    }
}

/// The call reaches AWS and its answer is lost: the thing is there although nobody was told of it.
#[test]
fn an_answer_that_is_lost_leaves_nothing() {
    let mut lab = Lab::start();
    let all = calls(&mut lab, ALL);
    for n in 1..=all {
        lab.reset();
        lab.rules(&json!([{ "nth": n, "reset": "after" }]));
        let workspace = lab.workspace(ALL, "");
        let ran = workspace.run(&["build", "."]);
        let call = lab.calls()[n - 1].clone();
        nothing_stays(&lab, ran.code == Some(0), &format!("call {n}, {call}"), &ran.stdout);
        assert_eq!(ran.code, Some(0), "a lost answer is asked for again: call {n}, {call}: {}", ran.stdout);
    }
}

#[test]
fn a_run_that_is_told_to_stop_in_any_call_leaves_nothing() {
    let mut lab = Lab::start();
    let all = calls(&mut lab, ALL);
    for n in 1..=all {
        lab.reset();
        lab.rules(&json!([{ "nth": n, "hold": "before" }]));
        let workspace = lab.workspace(ALL, "");
        let run = workspace.start(&[]);
        lab.wait_held();
        run.signal("INT");
        std::thread::sleep(std::time::Duration::from_millis(50));
        lab.release();
        let (code, log) = run.end();
        let call = lab.calls()[n - 1].clone();
        nothing_stays(&lab, code == Some(0), &format!("call {n}, {call}"), &log);
        assert_eq!(workspace.journals(), 0, "call {n}, {call}: {log}");
    }
}

#[test]
fn a_sweep_after_a_kill_removes_everything_and_says_so() {
    let mut lab = Lab::start();
    // What a call leaves behind when the program dies while it waits for the answer.
    for (call, things) in [
        ("CreateKeyPair", &["key pair packer_"][..]),
        ("AuthorizeSecurityGroupIngress", &["key pair packer_", "security group packer_"]),
        ("RunInstances", &["key pair packer_", "security group packer_", "instance packer-"]),
        ("CreateImage", &["key pair packer_", "security group packer_", "instance i-", "image \"leak-test\""]),
        ("CopyImage", &["key pair packer_", "security group packer_", "instance i-", "image ami-"]),
        ("ModifyImageAttribute", &["instance i-", "image ami-", "in eu-central-1"]),
        ("DeleteTags", &["instance i-", "image ami-", "in eu-central-1"]),
    ] {
        lab.reset();
        lab.rules(&json!([{ "call": call, "nth": 1, "hold": "after" }]));
        let workspace = lab.workspace(&format!("{WITH_SSH}\nami_users = [\"111122223333\"]"), "");
        lab.kill_when_held(&workspace, &[]);
        // A key pair that is being made side by side is there a moment later.
        std::thread::sleep(std::time::Duration::from_secs(1));
        assert!(!lab.left().is_empty(), "{call}: something must be there to sweep");
        let said = sweep(&workspace);
        nothing_stays(&lab, false, call, &said);
        for thing in things {
            assert!(said.contains(thing), "{call}: {thing:?} is not said:\n{said}");
        }
        assert_eq!(workspace.journals(), 0);
    }
}

/// Between calls: while a machine is waited for, and while it is worked on.
#[test]
fn a_sweep_after_a_kill_in_a_step_removes_everything_and_says_so() {
    let mut lab = Lab::start();
    let deaf = format!("{WITH_SSH}ssh_port = 2222");
    let shell = "provisioner \"shell\" { inline = [\"echo begun\", \"sleep 100\"] }";
    let upload = "provisioner \"file\" {\nsource = \"large\"\ndestination = \"/tmp/large\"\n}";
    for (options, step, begun) in [
        (deaf.as_str(), "", "Waiting for SSH to become available..."),
        (WITH_SSH, shell, "begun"),
        (WITH_SSH, upload, "Uploading large"),
    ] {
        lab.reset();
        let workspace = lab.workspace(options, step);
        let large = workspace.file("large", "");
        std::fs::File::options().write(true).open(large).unwrap().set_len(8 << 30).unwrap();
        let mut run = workspace.start(&[]);
        run.wait_for(begun);
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(!run.ended(), "{begun}: {}", run.log());
        run.signal("KILL");
        run.end();
        let said = sweep(&workspace);
        nothing_stays(&lab, false, begun, &said);
        for thing in ["key pair packer_", "security group packer_", "instance i-"] {
            assert!(said.contains(thing), "{begun}: {thing:?} is not said:\n{said}");
        }
        assert_eq!(workspace.journals(), 0);
    }
}

/// The way in of a machine that is logged in to: key pair, group, rule, and their end.
#[test]
fn nothing_stays_of_the_way_in_whatever_fails() {
    let template = |lab: &Lab| lab.workspace(WITH_SSH, "");
    Leaks { workspace: &template, finished: &finished, also: &|_| {} }.never_in(&mut Lab::start(), |call| {
        call.contains("KeyPair") || call.contains("SecurityGroup") || call == "StopInstances"
    });
}

/// A spot instance whose image is shared with its snapshots, starts fast and is protected.
const SPOT: &str = r#"
      communicator   = "none"
      ami_name       = "leak-test"
      spot_price     = "auto"
      snapshot_users = ["111122223333"]
      fast_launch {
        max_parallel_launches = 6
      }
      deregistration_protection {
        enabled = true
      }
"#;

#[test]
fn nothing_stays_of_a_spot_instance_whatever_fails() {
    let template = |lab: &Lab| lab.workspace(SPOT, "");
    Leaks { workspace: &template, finished: &finished, also: &|_| {} }.never(&mut Lab::start());
}

/// Beside a spot instance: one with a volume that is to outlive the build.
#[test]
fn a_sweep_after_a_kill_in_any_call_leaves_nothing() {
    let kept = r#"
      communicator = "none"
      ami_name     = "leak-test"
      launch_block_device_mappings {
        device_name           = "/dev/xvdk"
        volume_size           = 4
        delete_on_termination = false
      }
    "#;
    let mut lab = Lab::start();
    for options in [SPOT, kept] {
        let template = |lab: &Lab| lab.workspace(options, "");
        let finished = |text: &str| finished(text) || (text.starts_with("volume ") && options == kept);
        Leaks { workspace: &template, finished: &finished, also: &|_| {} }.never_after_a_kill(&mut lab);
    }
}

/// What somebody had before has lost its image and is to go with it.
#[test]
fn snapshots_of_a_replaced_image_go_after_a_kill_too() {
    let lab = Lab::start();
    let options = "communicator = \"none\"\nami_name = \"leak-test\"\n\
                   force_deregister = true\nforce_delete_snapshot = true\n";
    lab.workspace(options, "").build(&[]);
    lab.rules(&json!([{ "call": "DeregisterImage", "nth": 1, "hold": "after" }]));
    let workspace = lab.workspace(options, "");
    lab.kill_when_held(&workspace, &[]);
    assert!(lab.left().iter().any(|text| text.starts_with("snapshot ")), "{:#?}", lab.left());
    sweep(&workspace);
    assert_eq!(lab.left(), Vec::<String>::new());
}

/// The signal comes while a provisioner's command runs on the machine.
#[test]
fn a_stop_during_a_command_ends_it_and_leaves_nothing() {
    let lab = Lab::start();
    let workspace = lab.workspace(WITH_SSH, "provisioner \"shell\" { inline = [\"echo begun\", \"sleep 100\"] }");
    let mut run = workspace.start(&[]);
    run.wait_for("begun");
    run.signal("INT");
    let (code, log) = run.end();
    assert_eq!(code, Some(1), "{log}");
    nothing_stays(&lab, false, "during a command", &log);
    let label = format!("label=forge-lab={}", lab.number("part"));
    crate::support::wait("the machine to be gone", || docker(&["ps", "-q", "--filter", &label]).is_empty());
}

/// As long as an image is not ready, EC2 tells it without its snapshots, and they may be seen late.
#[test]
fn a_stop_while_an_image_is_pending_leaves_no_snapshot() {
    let mut lab = Lab::start();
    let plain = "communicator = \"none\"\nami_name = \"leak-test\"\n";
    let copies = format!("{plain}ami_regions = [\"eu-central-1\"]\n");
    let encrypted = format!("{plain}encrypt_boot = true\n");
    let surrogate = format!(
        "{plain}ami_virtualization_type = \"hvm\"\nlaunch_block_device_mappings {{\ndevice_name = \"/dev/xvdf\"\nvolume_size = 8\n\
         delete_on_termination = true\n}}\nami_root_device {{\nsource_device_name = \"/dev/xvdf\"\ndevice_name = \"/dev/sda1\"\n\
         delete_on_termination = true\n}}\n"
    );
    let late = json!({ "call": "DescribeSnapshots", "nth": 1, "times": 2, "replace": [["item>", "none>"]] });
    for (options, call, more) in [
        (plain, "CreateImage", json!({})),
        (plain, "CreateImage", late),
        (&copies, "CopyImage", json!({})),
        (&encrypted, "CopyImage", json!({})),
        (&surrogate, "RegisterImage", json!({})),
    ] {
        lab.reset();
        lab.rules(&json!([{ "call": call, "state": "pending" }]));
        let workspace = lab.workspace(options, "");
        if call == "RegisterImage" {
            workspace.file("t.pkr.hcl", workspace.read("t.pkr.hcl").replace("amazon-ebs", "amazon-ebssurrogate"));
        }
        let run = workspace.start(&[]);
        crate::support::wait("the image", || lab.calls().iter().any(|made| made == call));
        std::thread::sleep(std::time::Duration::from_millis(500));
        if more["call"].is_string() {
            lab.add_rule(&more);
        }
        run.signal("INT");
        let (code, log) = run.end();
        assert_eq!(code, Some(1), "{log}");
        nothing_stays(&lab, false, call, &log);
        assert_eq!(workspace.journals(), 0, "{log}");
    }
}

/// Snapshots that are not seen at all may still come: the journal keeps the image, and a sweep looks again.
#[test]
fn snapshots_that_do_not_show_keep_the_journal() {
    let lab = Lab::start();
    let hidden = json!({ "call": "DescribeSnapshots", "replace": [["item>", "none>"]] });
    lab.rules(&json!([{ "call": "CreateImage", "state": "pending" }, hidden]));
    let workspace = lab.workspace("communicator = \"none\"\nami_name = \"leak-test\"\n", "");
    let mut run = workspace.start(&[]);
    run.wait_for("Waiting for AMI to become ready...");
    run.signal("INT");
    let (code, log) = run.end();
    assert_eq!(code, Some(6), "{log}");
    assert!(log.contains("of its 1 snapshot(s) 0 are seen so far"), "{log}");
    assert!(lab.left().iter().all(|text| text.starts_with("snapshot ")), "{:#?}", lab.left());
    assert_eq!(workspace.journals(), 1);
    lab.rules(&json!([]));
    let said = sweep(&workspace);
    assert!(said.contains("removed   image ami-"), "{said}");
    nothing_stays(&lab, false, "late", &said);
    assert_eq!(workspace.journals(), 0);
}

/// Without a journal: the role is found by its profile, at whatever call the process died.
#[test]
fn a_sweep_by_tag_finds_half_a_profile() {
    let mut lab = Lab::start();
    for call in ["CreateInstanceProfile", "CreateRole", "PutRolePolicy"] {
        lab.reset();
        lab.rules(&json!([{ "call": call, "nth": 1, "hold": "after" }]));
        let profile = crate::amazon_retries::PROFILE;
        let options = format!("communicator = \"none\"\nami_name = \"leak-test\"{profile}");
        let workspace = lab.workspace(&options, "");
        lab.kill_when_held(&workspace, &[]);
        // What was asked for side by side is there a moment later.
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(!lab.left().is_empty(), "{call}");
        let elsewhere = lab.environment(Workspace::new("")).env("AWS_REGION", "eu-west-1");
        elsewhere.run(&["sweep", "--aws", "--aws-regions", "eu-west-1", "--older-than", "0s"]).succeeded();
        assert_eq!(lab.left(), Vec::<String>::new(), "{call}");
    }
}
