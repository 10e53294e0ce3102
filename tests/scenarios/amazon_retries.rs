//! What AWS says for a moment only: what was just made is not known everywhere yet, or there is no room at the moment.

use serde_json::{Value, json};

use crate::support::lab::Lab;

const NAME: &str = "ami_name = \"retry-test\"\n";

/// What a temporary profile allows.
pub(crate) const PROFILE: &str = r#"
  temporary_iam_instance_profile_policy_document {
    Version = "2012-10-17"
    Statement {
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = ["*"]
    }
  }
"#;

const IMAGE: &str = r#"
  ami_regions    = ["eu-central-1"]
  ami_users      = ["111122223333"]
  snapshot_users = ["111122223333"]
  deprecate_at   = "2036-01-02T03:04:05Z"
  tags           = { Name = "retry" }
  fast_launch {
    max_parallel_launches = 6
  }
"#;

/// A call, the code that it is answered with, words of the message, and the status.
type Passing = (&'static str, &'static str, &'static str, u16);

const UNKNOWN_PROFILE: &str = "Value (packer-1) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance \
                               Profile name";

/// Answers the first calls of each name so, in order, and then as ever. The build succeeds all the same, and each call was
/// made again.
#[track_caller]
fn passes(lab: &Lab, options: &str, passing: &[Passing]) {
    let mut rules: Vec<Value> = Vec::new();
    for (call, code, message, status) in passing {
        let before = rules.iter().filter(|rule| rule["call"] == *call).count();
        let error = json!({ "code": code, "message": message, "status": status });
        rules.push(json!({ "call": call, "nth": before + 1, "error": error }));
    }
    lab.rules(&json!(rules));
    let ran = lab.workspace(&format!("{NAME}{options}"), "").build(&[]);
    let calls = lab.calls();
    for (call, ..) in passing {
        let (refused, made) = (rules.iter().filter(|rule| rule["call"] == *call).count(), calls.iter());
        let made = made.filter(|made| made == call).count();
        assert!(made > refused, "{call} was made {made} times:\n{}", ran.stdout);
    }
    let left = lab.left();
    assert!(left.iter().all(|text| text.starts_with("image ")), "{left:#?}\n{}", ran.stdout);
}

#[test]
fn what_passes_by_itself_is_tried_again() {
    let mut lab = Lab::start();
    let none = "is not known";
    passes(
        &lab,
        &format!("{PROFILE}{IMAGE}"),
        &[
            ("PutRolePolicy", "NoSuchEntity", none, 404),
            ("AddRoleToInstanceProfile", "NoSuchEntity", none, 404),
            ("AuthorizeSecurityGroupIngress", "InvalidGroup.NotFound", none, 400),
            ("RunInstances", "InvalidParameterValue", UNKNOWN_PROFILE, 400),
            ("RunInstances", "InvalidGroup.NotFound", none, 400),
            ("RunInstances", "InvalidKeyPair.NotFound", none, 400),
            // AWS answers so with the status of a server that fails.
            ("RunInstances", "InsufficientInstanceCapacity", "no room for t3.micro", 500),
            ("DescribeInstances", "InvalidInstanceID.NotFound", none, 400),
            ("CreateImage", "InvalidParameterValue", "Instance i-1 is not in state 'running' or 'stopped'.", 400),
            ("ModifyImageAttribute", "InvalidAMIID.NotFound", none, 400),
            ("ModifyImageAttribute", "InvalidAMIID.Unavailable", none, 400),
            ("ModifySnapshotAttribute", "InvalidSnapshot.NotFound", none, 400),
            ("CreateTags", "InvalidAMIID.NotFound", none, 400),
            ("CreateTags", "InvalidSnapshot.NotFound", none, 400),
            ("EnableImageDeprecation", "InvalidAMIID.NotFound", none, 400),
            ("EnableFastLaunch", "InvalidRequest", "the image is not ready", 400),
        ],
    );
    lab.reset();
    passes(
        &lab,
        &format!("communicator = \"none\"\nspot_price = \"auto\"{PROFILE}"),
        &[
            ("CreateFleet", "InvalidParameterValue", UNKNOWN_PROFILE, 400),
            ("CreateFleet", "InsufficientInstanceCapacity", "no room for t3.micro", 400),
        ],
    );
}

/// A fleet says in a good answer that nothing came of it.
#[test]
fn a_fleet_without_an_instance_is_asked_for_again() {
    let lab = Lab::start();
    let answered = |code: &str| {
        let why = format!("<errorCode>{code}</errorCode><errorMessage>no room for t3.micro</errorMessage>");
        let none = format!("<errorSet><item>{why}</item></errorSet><none>");
        json!([["<fleetInstanceSet>", none], ["</fleetInstanceSet>", "</none>"]])
    };
    let options = format!("{NAME}communicator = \"none\"\nspot_price = \"auto\"");
    let replace = answered("InsufficientInstanceCapacity");
    lab.rules(&json!([{ "call": "CreateFleet", "nth": 1, "replace": replace }]));
    let ran = lab.workspace(&options, "").build(&[]);
    assert_eq!(lab.calls().iter().filter(|call| *call == "CreateFleet").count(), 2, "{}", ran.stdout);
    // The other one is there too, since the lab made it all the same: both go.
    assert_eq!(lab.left().len(), 1, "{:#?}", lab.left());
    // Another reason does not pass.
    let replace = answered("MaxSpotInstanceCountExceeded");
    lab.rules(&json!([{ "call": "CreateFleet", "replace": replace }]));
    let ran = lab.workspace(&options.replace("retry-test", "retry-test-2"), "").fail(&[]);
    ran.says("MaxSpotInstanceCountExceeded: no room for t3.micro");
    assert_eq!(lab.left().len(), 1, "{:#?}", lab.left());
}

/// Many builds of a template share an account, and each call has its own tries all the same: the SDK's clients of a region
/// would share a quota of about a hundred of them.
#[test]
fn builds_that_are_throttled_together_have_all_their_tries() {
    let lab = Lab::start();
    let throttled = json!({ "code": "RequestLimitExceeded", "message": "Request limit exceeded.", "status": 503 });
    lab.rules(&json!([{ "call": "DescribeSubnets", "error": throttled }]));
    let workspace =
        lab.workspace(&format!("{NAME}communicator = \"none\"\nskip_create_ami = true\nmax_retries = 4"), "");
    let (builds, template) = (80, workspace.read("t.pkr.hcl"));
    let named: String = (1..=builds).map(|n| format!("source \"amazon-ebs.web\" {{\nname = \"b{n}\"\n}}\n")).collect();
    workspace.file("t.pkr.hcl", template.replace("sources = [\"source.amazon-ebs.web\"]", &named));
    let ran = workspace.fail(&[]);
    let made = lab.calls().iter().filter(|call| *call == "DescribeSubnets").count();
    assert_eq!(made, 4 * builds, "{}", ran.stdout);
}

/// What is released has more tries than the template gives a build.
#[test]
fn a_release_is_throttled_longer_than_a_build_may_be() {
    let lab = Lab::start();
    let throttled = json!({ "code": "RequestLimitExceeded", "message": "Request limit exceeded.", "status": 503 });
    lab.rules(&json!([{ "call": "TerminateInstances", "nth": 1, "times": 5, "error": throttled }]));
    let options = format!("{NAME}communicator = \"none\"\nskip_create_ami = true\nmax_retries = 1");
    let ran = lab.workspace(&options, "").build(&[]);
    assert_eq!(lab.left(), Vec::<String>::new(), "{}", ran.stdout);
    let made = lab.calls().iter().filter(|call| *call == "TerminateInstances").count();
    assert_eq!(made, 6, "{}", ran.stdout);
}
