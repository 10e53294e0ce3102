//! What cannot be released is told at once and stays in the journal, and so does what it holds.

use std::time::Duration;

use serde_json::json;

use crate::support::lab::Lab;

const PLAIN: &str = "communicator = \"none\"\nami_name = \"cleanup-test\"\n";

#[test]
fn what_an_instance_that_stays_holds_is_not_waited_for() {
    let lab = Lab::start();
    let error = json!({ "code": "UnauthorizedOperation", "message": "You are not authorized", "status": 403 });
    lab.rules(&json!([{ "call": "TerminateInstances", "error": error }]));
    let workspace = lab.workspace(&format!("{PLAIN}skip_create_ami = true"), "");
    let ran = workspace.run(&["build", "."]);
    assert_eq!(ran.code, Some(6), "{}", ran.stdout);
    ran.says("Could not release instance i-").says("the credentials lack the permission ec2:TerminateInstances");
    ran.says("it cannot go before the instance i-");
    assert!(ran.took < Duration::from_secs(40), "{:?}: {}", ran.took, ran.stdout);
    let left = lab.left();
    let is = |kind: &str| left.iter().any(|text| text.starts_with(kind));
    assert!(is("instance ") && is("security group "), "{left:#?}");
    // A sweep does not wait for it either, by its journal or by tags.
    for args in [&["sweep"][..], &["sweep", "--aws", "--aws-regions", "eu-west-1", "--older-than", "0s"]] {
        let ran = workspace.run(args);
        assert_eq!(ran.code, Some(6), "{}", ran.stdout);
        assert!(ran.took < Duration::from_secs(60), "{:?}: {}", ran.took, ran.stdout);
    }
    assert_eq!(workspace.journals(), 1);
    lab.rules(&json!([]));
    workspace.run(&["sweep"]).succeeded();
    assert_eq!(lab.left(), Vec::<String>::new());
    assert_eq!(workspace.journals(), 0);
}

/// Keys of a session that ends before the build does, and that nobody renews.
#[test]
fn keys_that_end_in_the_middle_leave_the_journal_and_advice() {
    let lab = Lab::start();
    lab.rules(&json!([{ "call": "StopInstances", "hold": "before" }]));
    let workspace = lab.workspace(PLAIN, "");
    let run = workspace.start(&[]);
    lab.wait_held();
    lab.ask("expire", &json!("AKIAEXAMPLE"));
    lab.release();
    let (code, log) = run.end();
    assert_eq!(code, Some(6), "{log}");
    assert!(log.contains("RequestExpired"), "{log}");
    assert!(log.contains("take a role with the input aws-role"), "{log}");
    assert_eq!(workspace.journals(), 1);
    assert!(!lab.left().is_empty());
    let swept = workspace.command(&["sweep"]).env("AWS_ACCESS_KEY_ID", "AKIANEW").output().unwrap();
    assert!(swept.status.success(), "{swept:?}");
    assert_eq!(lab.left(), Vec::<String>::new());
    assert_eq!(workspace.journals(), 0);
}

/// The instance ends while its image is copied, and is stopped for the image before that.
#[test]
fn no_cleanup_provisioner_runs_on_a_machine_that_was_brought_to_rest() {
    let mut lab = Lab::start();
    let error = json!({ "code": "UnauthorizedOperation", "message": "not here", "status": 403 });
    let step = "provisioner \"shell\" { inline = [\"echo working\"] }\n\
                error-cleanup-provisioner \"shell\" { inline = [\"echo cleaning\"] }";
    for (call, why) in [
        ("CopyImage", "the instance was ended once its image was there"),
        ("CreateImage", "the instance was stopped for its disks to be captured"),
    ] {
        lab.reset();
        lab.rules(&json!([{ "call": call, "error": error }]));
        let options = "ami_name = \"cleanup-test\"\nami_regions = [\"eu-central-1\"]";
        let ran = lab.workspace(options, step).fail(&[]);
        ran.says("working").says(&format!("The cleanup provisioner does not run: {why}")).says("not here");
        ran.says_not("in the middle of the build").says_not("Cleanup failed").says_not("cleaning");
        assert_eq!(lab.left(), Vec::<String>::new(), "{}", ran.stdout);
    }
}

/// Calls do not see at once what others have made.
#[test]
fn what_does_not_show_at_once_is_released_all_the_same() {
    let lab = Lab::start();
    let unseen = |call: &str, code: &str, nth: u32| json!({ "call": call, "nth": nth, "times": 2, "error": { "code": code, "message": "does not exist", "status": 400 } });
    let refused = json!({ "code": "UnauthorizedOperation", "message": "You are not authorized", "status": 403 });
    lab.rules(&json!([
        { "call": "ModifyImageAttribute", "error": refused },
        // The source image, the name, and the wait.
        unseen("DescribeImages", "InvalidAMIID.NotFound", 4),
        unseen("TerminateInstances", "InvalidInstanceID.NotFound", 1),
        unseen("DeleteKeyPair", "InvalidKeyPair.NotFound", 1),
        unseen("DeleteSecurityGroup", "InvalidGroup.NotFound", 1),
    ]));
    let workspace = lab.workspace("ami_name = \"cleanup-test\"\nami_users = [\"111122223333\"]", "");
    let ran = workspace.run(&["build", "."]);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    assert_eq!(lab.left(), Vec::<String>::new(), "{}", ran.stdout);
    assert_eq!(lab.calls().iter().filter(|call| *call == "TerminateInstances").count(), 3);
}

/// What is being made is not waited for when somebody insists: the journal has it.
#[test]
fn a_second_signal_ends_a_call_that_is_not_answered() {
    let lab = Lab::start();
    lab.rules(&json!([{ "call": "RunInstances", "nth": 1, "hold": "before" }]));
    let workspace = lab.workspace(&format!("{PLAIN}skip_create_ami = true"), "");
    let mut run = workspace.start(&[]);
    lab.wait_held();
    run.signal("INT");
    std::thread::sleep(Duration::from_secs(1));
    assert!(!run.ended(), "the first signal waits for what is being made: {}", run.log());
    let second = std::time::Instant::now();
    run.signal("INT");
    crate::support::wait("the end", || run.ended());
    let (code, log) = run.end();
    assert!(second.elapsed() < Duration::from_secs(20), "{:?}", second.elapsed());
    assert_eq!((code, workspace.journals()), (Some(6), 1), "{log}");
    lab.release();
    std::thread::sleep(Duration::from_secs(1));
    workspace.run(&["sweep"]).succeeded();
    assert_eq!(lab.left(), Vec::<String>::new());
}

/// A snapshot that another image has too is no reason to fail once the old image is gone.
#[test]
fn a_snapshot_that_is_used_elsewhere_stays_when_its_image_is_replaced() {
    let lab = Lab::start();
    lab.workspace(PLAIN, "").build(&[]);
    let error = json!({ "code": "InvalidSnapshot.InUse", "message": "in use by ami-1", "status": 400 });
    lab.rules(&json!([{ "call": "DeleteSnapshot", "error": error }]));
    let ran = lab.workspace(&format!("{PLAIN}force_deregister = true\nforce_delete_snapshot = true"), "").build(&[]);
    ran.says("stays: DeleteSnapshot in eu-west-1: InvalidSnapshot.InUse");
}
