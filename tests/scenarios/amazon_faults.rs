//! What goes wrong with AWS, what is said about it, and credentials that end before the build does.

use serde_json::json;

use crate::support::Workspace;
use crate::support::lab::Lab;

const NAME: &str = "ami_name = \"fault-test\"\n";
const NO_MACHINE: &str = "communicator = \"none\"\n";

/// Builds, expects a failure that says `parts`, and an account in which nothing is left.
#[track_caller]
fn fails(lab: &Lab, workspace: &Workspace, parts: &[&str]) {
    let ran = workspace.fail(&[]);
    for part in parts {
        ran.says(part);
    }
    let left = lab.left();
    assert!(left.is_empty(), "{left:#?}\n{}", ran.stdout);
    assert_eq!(workspace.journals(), 0);
}

#[test]
fn mistakes_in_the_account_are_said_before_anything_is_created() {
    let lab = Lab::start();
    let no_filter = |options: &str| {
        let workspace = lab.workspace(&format!("{NAME}{NO_MACHINE}"), "");
        let template = workspace.read("t.pkr.hcl");
        let begin = template.find("source_ami_filter").unwrap();
        let end = begin + template[begin..].find("\n  }").unwrap() + 4;
        workspace.file("t.pkr.hcl", format!("{}{options}{}", &template[..begin], &template[end..]));
        workspace
    };
    let filter = |name: &str, more: &str| {
        no_filter(&format!(
            "source_ami_filter {{\nfilters = {{ name = {name:?} }}\nowners = [\"099720109477\"]\n{more}\n}}"
        ))
    };
    fails(&lab, &filter("windows/*", ""), &["no source image was found in eu-west-1", "name = windows/*"]);
    let several = ["3 images in eu-west-1 match", "set most_recent = true", "20260801"];
    fails(&lab, &filter("ubuntu/*", ""), &several);
    fails(&lab, &no_filter("source_ami = \"ami-0123456789abcdef0\""), &["InvalidAMIID.NotFound"]);

    let region = |region: &str| {
        let workspace = lab.workspace(&format!("{NAME}{NO_MACHINE}"), "");
        let template = workspace.read("t.pkr.hcl");
        let template = template.replace("\"eu-west-1\"", &format!("{region:?}"));
        workspace.file("t.pkr.hcl", template.replace("skip_region_validation = true", ""));
        workspace
    };
    let workspace = region("eu-west-1");
    let copies = "ami_regions = [\"eu-nowhere-1\"]\nami_name";
    workspace.file("t.pkr.hcl", workspace.read("t.pkr.hcl").replacen("ami_name", copies, 1));
    fails(&lab, &workspace, &["cannot use eu-nowhere-1", "skip_region_validation"]);
    let workspace = region("eu-nowhere-1");
    let mut command = workspace.command(&["build", "."]);
    let output = command.env_remove("AWS_ENDPOINT_URL").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("there is no AWS region eu-nowhere-1"), "{output:?}");
    fails(&lab, &region("Ireland"), &["\"Ireland\" is not the name of an AWS region"]);
    fails(&lab, &region(""), &["no AWS region is given", "AWS_REGION"]);

    let plain = format!("{NAME}{NO_MACHINE}");
    let workspace = lab.workspace(&plain, "");
    workspace.file("t.pkr.hcl", workspace.read("t.pkr.hcl").replace("t3.micro", "x9.huge"));
    fails(&lab, &workspace, &["InvalidInstanceType", "x9.huge"]);
    let bare = lab.workspace(&plain, "").read("t.pkr.hcl");
    fails(&lab, &lab.endpoint(Workspace::new(&bare)), &["there are no AWS credentials", "the input aws-role"]);

    // The name is taken in a region that the image is to be copied to.
    lab.workspace(&format!("{plain}ami_regions = [\"eu-central-1\"]\nskip_save_build_region = true"), "").build(&[]);
    let ran = lab.workspace(&format!("{plain}ami_regions = [\"eu-central-1\"]"), "").fail(&[]);
    ran.says("an image named \"fault-test\" is already there in eu-central-1").says("force_deregister");
    let calls = lab.calls();
    assert!(!calls[calls.len() - 5..].contains(&"RunInstances".to_owned()), "{calls:?}");
    lab.workspace(
        &format!("{plain}ami_regions = [\"eu-central-1\"]\nforce_deregister = true\nforce_delete_snapshot = true"),
        "",
    )
    .build(&[]);
    assert_eq!(lab.images().as_object().unwrap().len(), 2, "replaced");
}

#[test]
fn an_instance_that_does_not_come_up_says_why() {
    let mut lab = Lab::start();
    let plain = format!("{NAME}{NO_MACHINE}");
    lab.ask("slow", &json!({ "instance": 6 }));
    let polling = "aws_polling {\ndelay_seconds = 1\nmax_attempts = 1\n}";
    let workspace = lab.workspace(&format!("{plain}{polling}"), "");
    let ran = workspace.fail(&[]);
    ran.says("pending").says("aws_polling");
    // Its end takes its time too: that is waited for, however short the template's own waits are.
    lab.reset();
    lab.rules(&json!([{ "call": "DescribeInstances", "nth": 1, "do": "terminate" }]));
    fails(&lab, &lab.workspace(&plain, ""), &["terminated"]);
    // It ends while its SSH server is waited for, which nothing but its state tells.
    lab.reset();
    lab.ask("slow", &json!({ "instance": 2 }));
    let deaf = format!("{NAME}ssh_port = 2222");
    lab.rules(&json!([{ "call": "DescribeInstances", "nth": 2, "do": "terminate" }]));
    fails(&lab, &lab.workspace(&deaf, ""), &["it is shutting-down", "the end of its console:"]);
    lab.reset();
    lab.rules(&json!([{ "call": "DescribeInstances", "nth": 2, "do": "terminate" }]));
    fails(&lab, &lab.workspace(&deaf, ""), &["is terminated", "the end of its console:"]);
    lab.reset();
    let error = json!({ "code": "InsufficientFreeAddressesInSubnet", "message": "Not enough addresses" });
    lab.rules(&json!([{ "call": "RunInstances", "nth": 1, "error": error }]));
    fails(&lab, &lab.workspace(&plain, ""), &["InsufficientFreeAddressesInSubnet", "Not enough addresses"]);
    lab.reset();
    // An answer that is none of AWS.
    lab.rules(&json!([{ "call": "DescribeImages", "html": 500 }]));
    for attempts in [1, 3] {
        lab.ask("forget-calls", &json!(null));
        // Without an image no other look at images is made beside.
        let options = format!("{plain}max_retries = {attempts}\nskip_create_ami = true");
        fails(&lab, &lab.workspace(&options, ""), &["DescribeImages in eu-west-1", "500"]);
        assert_eq!(lab.calls().iter().filter(|call| *call == "DescribeImages").count(), attempts);
    }
}

/// As a spot instance may at any time: nothing but its state tells.
#[test]
fn an_instance_that_ends_in_the_middle_of_a_step_says_why() {
    let mut lab = Lab::start();
    let reason = json!({ "code": "Server.SpotInstanceTermination", "message": "Spot instance termination" });
    let shell = "provisioner \"shell\" {\ninline = [\"echo begun\", \"sleep 100\"]\nMORE\n}";
    let upload = "provisioner \"file\" {\nsource = \"large\"\ndestination = \"/tmp/large\"\n}";
    for (step, begun) in [
        (shell.replace("MORE", ""), "begun"),
        // A machine that was meant to be away for a moment, and will never be back.
        (shell.replace("MORE", "expect_disconnect = true\nstart_retry_timeout = \"5m\""), "begun"),
        (upload.to_owned(), "Uploading large"),
    ] {
        lab.reset();
        let workspace = lab.workspace(NAME, &step);
        let large = workspace.file("large", "");
        std::fs::File::options().write(true).open(large).unwrap().set_len(8 << 30).unwrap();
        let mut run = workspace.start(&[]);
        run.wait_for(begun);
        std::thread::sleep(std::time::Duration::from_millis(300));
        lab.ask("reclaim", &reason);
        let (code, log) = run.end();
        assert_eq!(code, Some(1), "{log}");
        let why = "ended in the middle of the build: it is terminated (Server.SpotInstanceTermination: Spot instance \
                   termination)";
        assert!(log.contains(why) && log.contains("the end of its console:"), "{step}:\n{log}");
        assert_eq!(lab.left(), Vec::<String>::new(), "{log}");
    }
}

/// What may not be removed is told at once, and holds up nothing else.
#[test]
fn a_permission_that_is_missing_for_the_cleanup_is_named() {
    let lab = Lab::start();
    let error = json!({ "code": "UnauthorizedOperation", "message": "You are not authorized", "status": 403 });
    lab.rules(&json!([
        { "call": "DeleteSecurityGroup", "error": error },
        { "call": "DeleteSnapshot", "times": 2, "error": error },
        { "call": "ModifyImageAttribute", "error": { "code": "InvalidParameter", "message": "no such account" } },
    ]));
    let workspace = lab.workspace(&format!("{NAME}{NO_MACHINE}ami_users = [\"1\"]"), "");
    let ran = workspace.run(&["build", "."]);
    assert_eq!(ran.code, Some(6), "{}", ran.stdout);
    ran.says("Could not release security group").says("the credentials lack the permission ec2:DeleteSecurityGroup");
    assert!(ran.took < std::time::Duration::from_secs(40), "{:?}: {}", ran.took, ran.stdout);
    let left = lab.left();
    assert!(left.len() == 1 && left[0].starts_with("security group "), "the snapshot is gone: {left:#?}");
    lab.rules(&json!([]));
    workspace.run(&["sweep"]).succeeded();
    assert_eq!(lab.left(), Vec::<String>::new());
}

#[test]
fn the_way_in_that_does_not_open_ends_the_build() {
    let mut lab = Lab::start();
    let step = "provisioner \"shell\" { inline = [\"echo never\"] }";
    let options = format!("{NAME}ssh_handshake_attempts = 1");
    let workspace = lab.workspace(&options, step);
    workspace.file("t.pkr.hcl", workspace.read("t.pkr.hcl").replace("\"ubuntu\"", "\"fedora\""));
    fails(&lab, &workspace, &["does not let \"fedora\" in", "check ssh_username"]);
    lab.reset();
    fails(
        &lab,
        &lab.workspace(&format!("{NAME}ssh_port = 2222\nssh_timeout = \"3s\""), step),
        &["timeout waiting for SSH after 3 s", "security group"],
    );
    lab.reset();
    let step = "provisioner \"shell\" { inline = [\"echo before\", \"exit 7\"] }";
    fails(&lab, &lab.workspace(NAME, step), &["before", "exit", "7"]);
}

#[test]
fn images_that_fail_are_removed_in_every_region() {
    let mut lab = Lab::start();
    let plain = format!("{NAME}{NO_MACHINE}");
    let failed = "<imageState>failed</imageState><stateReason><code>Server.InternalError</code>\
                  <message>the snapshot was lost</message></stateReason>";
    let replace = json!([["<imageState>available</imageState>", failed]]);
    lab.rules(&json!([{ "call": "DescribeImages", "nth": 3, "times": 100, "replace": replace }]));
    fails(&lab, &lab.workspace(&plain, ""), &["failed", "the snapshot was lost"]);
    for region in ["eu-central-1", "us-east-1", "us-west-2"] {
        lab.reset();
        lab.rules(&json!([{ "call": "DescribeImages", "region": region, "nth": 2, "times": 100, "replace": replace }]));
        let copies = "ami_regions = [\"eu-central-1\", \"us-east-1\", \"us-west-2\"]";
        fails(&lab, &lab.workspace(&format!("{plain}{copies}"), ""), &["the snapshot was lost", region]);
    }
}

#[test]
fn throttling_and_servers_that_fail_are_waited_out() {
    let mut lab = Lab::start();
    let throttled = json!({ "code": "RequestLimitExceeded", "message": "Request limit exceeded.", "status": 503 });
    let copies = format!("{NAME}{NO_MACHINE}ami_regions = [\"eu-central-1\"]\ntags = {{ a = \"b\" }}");
    for rule in [json!({ "every": 10, "error": throttled }), json!({ "every": 7, "html": 502 })] {
        lab.reset();
        lab.rules(&json!([rule]));
        let workspace = lab.workspace(&copies, "");
        workspace.build(&[]);
        assert_eq!(lab.left().len(), 2, "{:#?}", lab.left());
    }
}

/// Credentials live fifteen seconds, the build three times as long: it renews them, each time with a new identity token.
#[test]
fn a_build_outlives_the_credentials_of_its_role() {
    let lab = Lab::start();
    lab.ask("lifetime", &json!(15));
    lab.ask("slow", &json!({ "instance": 16, "image": 18 }));
    let step =
        "provisioner \"shell\" { inline = [\"echo working\"] }\nprovisioner \"shell-local\" { inline = [\"env\"] }";
    let template = lab.workspace(NAME, step).read("t.pkr.hcl");
    let workspace = lab.endpoint(Workspace::new(&template));
    let workspace = workspace
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/token?x=1", lab.at("endpoint")))
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", lab.at("token"))
        .env("GITHUB_RUN_ID", "42")
        .env("GITHUB_JOB", "build");
    let ran = workspace.run(&["build", "--aws-role", "arn:aws:iam::123456789012:role/images", "."]);
    ran.succeeded();
    ran.says_not(lab.at("token")).says_not("secret-ASIA").says_not("token-ASIA").says_not("eyJ");
    let exchanges = lab.parameters("AssumeRoleWithWebIdentity");
    assert!(exchanges.len() >= 3, "{} exchanges", exchanges.len());
    let mut tokens: Vec<&str> = exchanges.iter().map(|form| form["WebIdentityToken"].as_str().unwrap()).collect();
    let all = tokens.len();
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), all, "a new token for each");
    assert!(exchanges.iter().all(|form| form["RoleSessionName"] == "forge-42-build"), "{exchanges:?}");
    assert_eq!(lab.left().len(), 1, "{:#?}", lab.left());
}

#[test]
fn a_role_that_is_refused_says_who_asked() {
    let lab = Lab::start();
    let template = lab.workspace(&format!("{NAME}{NO_MACHINE}"), "").read("t.pkr.hcl");
    let role = |arn: &str, signed_in: bool| {
        let mut workspace = lab.endpoint(Workspace::new(&template));
        if signed_in {
            workspace = workspace
                .env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/token?x=1", lab.at("endpoint")))
                .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", lab.at("token"));
        }
        workspace.run(&["build", "--aws-role", arn, "."])
    };
    let ran = role("arn:aws:iam::123456789012:role/refused", true);
    assert_eq!(ran.code, Some(1));
    ran.says("Not authorized to perform sts:AssumeRoleWithWebIdentity");
    ran.says("repo:octo-org/images:ref:refs/heads/main").says("sts.amazonaws.com").says_not("eyJ");
    let ran = role("arn:aws:iam::123456789012:role/images", false);
    ran.says("id-token: write");
    let ran = role("images", true);
    assert_eq!(ran.code, Some(1));
    ran.says("is not the ARN of a role");
}

/// What runners leave that are gone with their journals is found by its tag.
#[test]
fn a_sweep_by_tag_needs_no_journal_and_leaves_young_runs_alone() {
    let lab = Lab::start();
    lab.rules(&json!([{ "call": "CreateImage", "nth": 1, "hold": "after" }]));
    let policy = r#"temporary_iam_instance_profile_policy_document {
      Statement {
        Effect = "Allow"
        Action = ["s3:GetObject"]
        Resource = ["*"]
      }
    }"#;
    let workspace = lab.workspace(&format!("{NAME}{policy}"), "");
    lab.kill_when_held(&workspace, &[]);
    let before = lab.left().len();
    assert!(before >= 6, "{:#?}", lab.left());
    let elsewhere = |arguments: &[&str]| {
        let empty = lab.environment(Workspace::new("")).env("AWS_REGION", "eu-west-1");
        empty.run(&[&["sweep", "--aws", "--aws-regions", "eu-west-1,eu-central-1"], arguments].concat())
    };
    let ran = elsewhere(&[]);
    ran.succeeded().says("things of run").says("began less than 12h ago");
    assert_eq!(lab.left().len(), before, "a run that may still be going keeps its things");
    let ran = elsewhere(&["--older-than", "0s"]);
    ran.succeeded();
    for kind in
        ["instance i-", "image ami-", "key pair key-", "security group sg-", "instance profile and role packer-"]
    {
        ran.says(&format!("removed   {kind}"));
    }
    assert_eq!(lab.left(), Vec::<String>::new());
    elsewhere(&["--older-than", "0s"]).succeeded();
}

/// The action takes the role of its input, and its outputs name the image of every region.
#[test]
fn the_action_builds_with_the_workflows_identity() {
    let lab = Lab::start();
    let options = format!("{NAME}{NO_MACHINE}\nami_regions = [\"eu-central-1\"]");
    let template = lab.workspace(&options, "").read("t.pkr.hcl").replace("region        = \"eu-west-1\"", "");
    let workspace = lab
        .endpoint(crate::action::runner(&template))
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/token?x=1", lab.at("endpoint")))
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", lab.at("token"))
        .env("INPUT_AWS-ROLE", "arn:aws:iam::123456789012:role/images")
        .env("INPUT_AWS-REGION", "eu-west-1");
    let ran = workspace.run(&["action"]);
    ran.succeeded().says_not("secret-ASIA");
    let images: serde_json::Value = serde_json::from_str(&crate::action::output(&workspace, "images")).unwrap();
    let made = lab.images();
    for (place, region) in ["eu-west-1", "eu-central-1"].into_iter().enumerate() {
        assert_eq!(images[place]["location"], region, "{images}");
        assert_eq!(made[images[place]["id"].as_str().unwrap()]["region"], region);
    }
    assert_eq!(crate::action::output(&workspace, "image-id"), images[0]["id"].as_str().unwrap());
}

/// One thing that cannot be removed holds up none of the others, in no place.
#[test]
fn a_sweep_by_tag_does_what_it_can() {
    let mut lab = Lab::start();
    let two = |lab: &Lab| {
        let one = lab.workspace(&format!("{NAME}{NO_MACHINE}"), "").read("t.pkr.hcl");
        let (source, _) = one.split_once("build {").unwrap();
        let other = source.replace("\"web\"", "\"other\"").replace("fault-test", "fault-test-2");
        let build = "build { sources = [\"source.amazon-ebs.web\", \"source.amazon-ebs.other\"] }";
        lab.environment(Workspace::new(&format!("{source}\n{other}\n{build}")))
    };
    let elsewhere = |lab: &Lab, arguments: &[&str]| {
        let empty = lab.environment(Workspace::new("")).env("AWS_REGION", "eu-west-1");
        empty.run(&[&["sweep", "--aws", "--aws-regions", "eu-west-1,eu-central-1"], arguments].concat())
    };
    let workspace = two(&lab);
    lab.rules(&json!([{ "call": "StopInstances", "nth": 1, "times": 2, "hold": "before" }]));
    let run = workspace.start(&[]);
    crate::support::wait("both instances", || lab.ask("held", &json!(null)).as_array().unwrap().len() == 2);
    run.signal("KILL");
    run.end();
    lab.release();
    std::thread::sleep(std::time::Duration::from_secs(1));
    // Both together are refused, and then the first one.
    let error = json!({ "code": "OperationNotPermitted", "message": "termination protection", "status": 400 });
    lab.rules(&json!([{ "call": "TerminateInstances", "nth": 1, "times": 2, "error": error }]));
    let ran = elsewhere(&lab, &["--older-than", "0s"]);
    assert_eq!(ran.code, Some(6), "{}", ran.stdout);
    ran.says("removed   instance i-").says("termination protection").says("removed   security group");
    assert_eq!(ran.stdout.matches("FAILED    could not remove instance").count(), 1, "{}", ran.stdout);
    lab.rules(&json!([]));
    elsewhere(&lab, &["--older-than", "0s"]).succeeded();
    assert_eq!(lab.left(), Vec::<String>::new());

    // With one run named, others are not spoken of.
    lab.reset();
    lab.rules(&json!([{ "call": "RunInstances", "nth": 1, "hold": "before" }]));
    let policy = "temporary_iam_instance_profile_policy_document {\nStatement {\nEffect = \"Allow\"\nAction = [\"s3:GetObject\"]\nResource = [\"*\"]\n}\n}";
    let workspace = lab.workspace(&format!("{NAME}{NO_MACHINE}{policy}"), "");
    let run = workspace.start(&[]);
    lab.wait_held();
    let ran = elsewhere(&lab, &["--run", "6b04f0bb-99d2-1f35-60e9-e00edde3ed3d"]);
    ran.succeeded().says_not("young");
    run.signal("KILL");
    run.end();
    lab.release();
}
