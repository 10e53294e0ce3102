//! What is ours goes, what is somebody else's stays: keys, images, volumes, and what is protected.

use serde_json::{Value, json};

use crate::support::Workspace;
use crate::support::lab::Lab;

const PLAIN: &str = "communicator = \"none\"\nami_name = \"own-test\"\n";

/// A template for a partition where images take no tags when they are made.
fn government(lab: &Lab, options: &str) -> Workspace {
    elsewhere(lab, "us-gov-west-1", &format!("{PLAIN}{options}"), "")
}

/// A template for another region.
pub(crate) fn elsewhere(lab: &Lab, region: &str, options: &str, build: &str) -> Workspace {
    let place = lab.ask("furnish", &json!(region));
    let workspace = lab.workspace(options, build);
    let mut template = workspace.read("t.pkr.hcl").replace("\"eu-west-1\"", &format!("{region:?}"));
    for name in ["vpc", "subnet"] {
        template = template.replace(lab.at(name), place[name].as_str().unwrap());
    }
    workspace.file("t.pkr.hcl", template);
    workspace
}

#[track_caller]
fn left(lab: &Lab, expected: &[&str], log: &str) {
    let left = lab.left();
    let fits = left.len() == expected.len() && left.iter().zip(expected).all(|(text, part)| text.contains(part));
    assert!(fits, "expected {expected:?}: {left:#?}\n{log}");
    assert!(!left.concat().contains("forge:"), "{left:#?}");
}

#[test]
fn volumes_stay_only_where_the_template_says_so_and_the_build_succeeds() {
    let mut lab = Lab::start();
    let options = r#"
      launch_block_device_mappings {
        device_name           = "/dev/xvdf"
        volume_size           = 3
        delete_on_termination = false
      }
      launch_block_device_mappings {
        device_name = "/dev/xvdg"
        volume_size = 4
      }
    "#;
    for more in ["", "ami_regions = [\"eu-central-1\"]"] {
        lab.reset();
        let workspace = lab.workspace(&format!("{PLAIN}{options}{more}"), "");
        let ran = workspace.build(&[]);
        let images = 1 + usize::from(!more.is_empty());
        let left = lab.left();
        assert_eq!(left.iter().filter(|text| text.starts_with("volume ")).count(), 1, "{left:#?}\n{}", ran.stdout);
        assert_eq!(left.len(), 1 + images, "{left:#?}");
        assert!(!left.concat().contains("forge:"), "a sweep would take it: {left:#?}");
        // A build that fails has no use for it.
        for call in ["CreateImage", "CopyImage"].iter().take(images) {
            lab.reset();
            let workspace = lab.workspace(&format!("{PLAIN}{options}{more}"), "");
            lab.rules(&json!([{ "call": call, "error": { "code": "UnauthorizedOperation", "message": "no" } }]));
            let ran = workspace.fail(&[]);
            assert_eq!(lab.left(), Vec::<String>::new(), "{call}: {}", ran.stdout);
        }
    }
}

#[test]
fn the_root_that_a_surrogate_replaces_goes() {
    let lab = Lab::start();
    let options = r#"
      use_create_image        = true
      ami_virtualization_type = "hvm"
      launch_block_device_mappings {
        device_name           = "/dev/xvdf"
        volume_size           = 8
        delete_on_termination = true
      }
      launch_block_device_mappings {
        device_name        = "/dev/sda1"
        volume_size        = 8
        omit_from_artifact = true
      }
      launch_block_device_mappings {
        device_name           = "/dev/xvdh"
        volume_size           = 2
        delete_on_termination = false
        omit_from_artifact    = true
      }
      ami_regions = ["eu-central-1"]
      ami_root_device {
        source_device_name    = "/dev/xvdf"
        device_name           = "/dev/sda1"
        delete_on_termination = true
      }
    "#;
    let workspace = lab.workspace(&format!("{PLAIN}{options}"), "");
    workspace.file("t.pkr.hcl", workspace.read("t.pkr.hcl").replace("amazon-ebs", "amazon-ebssurrogate"));
    let ran = workspace.build(&[]);
    left(&lab, &["volume vol-", "image eu-west-1", "image eu-central-1"], &ran.stdout);
}

#[test]
fn an_image_is_protected_once_nothing_else_can_fail() {
    let mut lab = Lab::start();
    let options = format!(
        "{PLAIN}ami_regions = [\"eu-central-1\"]\nfast_launch {{\nmax_parallel_launches = 6\n}}\n\
         deregistration_protection {{\nenabled = true\n}}"
    );
    lab.rules(&json!([
        { "call": "DescribeFastLaunchImages", "replace": [["<state>enabled<", "<state>enabling-failed<"]] },
    ]));
    let ran = lab.workspace(&options, "").fail(&[]);
    ran.says("enabling-failed");
    left(&lab, &[], &ran.stdout);
    assert!(!lab.calls().contains(&"EnableImageDeregistrationProtection".to_owned()));
    // One region refuses: the protection of the other is taken off again.
    lab.reset();
    let error = json!({ "code": "UnauthorizedOperation", "message": "not here", "status": 403 });
    lab.rules(
        &json!([{ "call": "EnableImageDeregistrationProtection", "region": "eu-central-1", "delay": 1, "error": error }]),
    );
    let ran = lab.workspace(&options, "").fail(&[]);
    left(&lab, &[], &ran.stdout);
    let calls = lab.calls();
    let at = |name: &str| calls.iter().position(|call| call == name).unwrap();
    assert!(at("DeleteTags") < at("EnableImageDeregistrationProtection"), "{calls:?}");
    assert!(calls.contains(&"DisableImageDeregistrationProtection".to_owned()), "{calls:?}");
}

#[test]
fn the_key_pair_is_found_by_its_tag_and_nobody_elses_is_touched() {
    let mut lab = Lab::start();
    let ssh = "ami_name = \"own-test\"\nskip_create_ami = true\nrun_tags = { Team = \"images\" }\n";
    lab.workspace(ssh, "").build(&[]);
    let form = &lab.parameters("CreateKeyPair")[0];
    assert_eq!(form["KeyType"], "rsa", "{form}");
    let tags: Vec<&str> = (1..=3).filter_map(|n| form[format!("TagSpecification.1.Tag.{n}.Key")].as_str()).collect();
    assert_eq!(tags, ["Team", "forge:resource", "forge:run"], "{form}");
    left(&lab, &[], "");

    let named = |name: &str| format!("{ssh}temporary_key_pair_name = {name:?}");
    // A name that looks like an id is a name all the same.
    lab.workspace(&named("key-of-the-build"), "").build(&[]);
    left(&lab, &[], "");
    // An answer that is lost: the pair is ours, its private half is gone.
    lab.rules(&json!([{ "call": "CreateKeyPair", "nth": 1, "reset": "after" }]));
    lab.workspace(&named("mine"), "").build(&[]);
    left(&lab, &[], "");

    for rules in [json!([]), json!([{ "call": "CreateKeyPair", "error": { "code": "UnauthorizedOperation" } }])] {
        lab.reset();
        lab.ask("key-pair", &json!("theirs"));
        lab.rules(&rules);
        lab.workspace(&named("theirs"), "").fail(&[]);
        left(&lab, &["key pair theirs"], "");
    }
    // The same by a sweep, when the program dies in the call.
    lab.reset();
    lab.ask("key-pair", &json!("theirs"));
    lab.rules(&json!([{ "call": "CreateKeyPair", "nth": 1, "hold": "before" }]));
    let workspace = lab.workspace(&named("theirs"), "");
    lab.kill_when_held(&workspace, &[]);
    std::thread::sleep(std::time::Duration::from_secs(1));
    let ran = workspace.run(&["sweep"]);
    ran.succeeded();
    left(&lab, &["key pair theirs"], &ran.stdout);
}

/// Regions of GovCloud and China take no tags in `CreateImage`: images are known by name and time there.
#[test]
fn where_images_have_no_tags_only_our_own_are_removed() {
    let mut lab = Lab::start();
    let copies = "ami_regions = [\"us-gov-east-1\"]\n";
    let old = json!({ "region": "us-gov-east-1", "name": "own-test", "created": "2020-01-01T00:00:00" });
    // The name is taken where the image is copied to.
    lab.ask("image", &old);
    let ran = government(&lab, &format!("{copies}skip_save_build_region = true")).fail(&[]);
    ran.says("is already there in us-gov-east-1");
    left(&lab, &["image us-gov-east-1"], &ran.stdout);
    // It is taken while the build runs.
    lab.reset();
    lab.ask("image", &old);
    lab.rules(
        &json!([{ "call": "DescribeImages", "region": "us-gov-east-1", "nth": 1, "replace": [["item>", "none>"]] }]),
    );
    let ran = government(&lab, copies).fail(&[]);
    ran.says("InvalidAMIName.Duplicate");
    left(&lab, &["image us-gov-east-1"], &ran.stdout);
    lab.reset();
    lab.ask("image", &old);
    let failed = json!({ "code": "UnauthorizedOperation", "message": "no", "status": 403 });
    lab.rules(&json!([
        { "call": "DescribeImages", "region": "us-gov-east-1", "nth": 1, "replace": [["item>", "none>"]] },
        { "call": "CopyImage", "error": failed },
    ]));
    let ran = government(&lab, copies).fail(&[]);
    left(&lab, &["image us-gov-east-1"], &ran.stdout);
    // An answer that is lost is asked for again, and the image is ours.
    for call in ["CreateImage", "CopyImage"] {
        lab.reset();
        lab.rules(&json!([{ "call": call, "nth": 1, "reset": "after" }]));
        let ran = government(&lab, copies).build(&[]);
        left(&lab, &["image us-gov-west-1", "image us-gov-east-1"], &ran.stdout);
    }
    // One that fails later takes it along.
    lab.reset();
    lab.rules(&json!([
        { "call": "CreateImage", "nth": 1, "reset": "after" },
        { "call": "CopyImage", "error": failed },
    ]));
    let ran = government(&lab, copies).fail(&[]);
    left(&lab, &[], &ran.stdout);
}

/// What an image shows of what it was made of, and what its snapshots do.
fn hide(parts: &[&str]) -> Value {
    let rules = parts.iter().map(|part| {
        let call = if *part == "description" { "DescribeSnapshots" } else { "DescribeImages" };
        let (open, close) = ((format!("<{part}>"), "<hidden>"), (format!("</{part}>"), "</hidden>"));
        json!({ "call": call, "replace": [[open.0, open.1], [close.0, close.1]] })
    });
    rules.collect()
}

/// A build that dies in CreateImage leaves a name and a time, and another run may take the name meanwhile.
#[test]
fn a_sweep_without_tags_removes_what_is_proven_to_be_its_own() {
    let mut lab = Lab::start();
    let error = json!({ "code": "InternalError", "message": "lost", "status": 500 });
    let killed = |lab: &Lab, rule: Value| {
        lab.rules(&json!([rule]));
        let workspace = government(lab, "");
        lab.kill_when_held(&workspace, &[]);
        lab.rules(&json!([]));
        workspace
    };
    // The call never arrived; another run makes an image of that name.
    let dead = killed(&lab, json!({ "call": "CreateImage", "nth": 1, "hold": "before", "error": error }));
    let other = government(&lab, "");
    let ran = other.build(&[]);
    let image = &["image us-gov-west-1"];
    let count = |lab: &Lab| lab.left().iter().filter(|text| text.contains(image[0])).count();
    assert_eq!(count(&lab), 1, "{:#?}\n{}", lab.left(), ran.stdout);
    // Nothing shows whose it is.
    lab.rules(&hide(&["sourceInstanceId", "description"]));
    let ran = dead.run(&["sweep"]);
    assert_eq!(ran.code, Some(6), "{ran:#?}");
    ran.says("may be what this run made, or another one's").says("FAILED").says_not("removed   image");
    left(&lab, image, &ran.stdout);
    assert_eq!(dead.journals(), 1, "{ran:#?}");
    // Its snapshots do.
    lab.rules(&hide(&["sourceInstanceId"]));
    let ran = dead.run(&["sweep"]);
    ran.succeeded();
    ran.says("gone      image \"own-test\"");
    left(&lab, image, &ran.stdout);
    assert_eq!(dead.journals(), 0);
    // The image itself does.
    lab.reset();
    let dead = killed(&lab, json!({ "call": "CreateImage", "nth": 1, "hold": "before", "error": error }));
    government(&lab, "").build(&[]);
    let ran = dead.run(&["sweep"]);
    ran.succeeded();
    left(&lab, image, &ran.stdout);

    // The call arrived: the image is the dead run's own, whatever shows it.
    for hidden in [&[][..], &["sourceInstanceId"]] {
        lab.reset();
        let dead = killed(&lab, json!({ "call": "CreateImage", "nth": 1, "hold": "after" }));
        lab.rules(&hide(hidden));
        let ran = dead.run(&["sweep"]);
        ran.succeeded();
        ran.says("removed   image \"own-test\"");
        left(&lab, &[], &ran.stdout);
        assert_eq!(dead.journals(), 0);
    }
}

/// Somebody takes the name between the look at it and CreateImage.
#[test]
fn an_image_of_another_that_took_the_name_just_now_is_not_taken_for_our_own() {
    let lab = Lab::start();
    lab.rules(&json!([{ "call": "CreateImage", "nth": 1, "hold": "before" }]));
    let workspace = government(&lab, "ami_users = [\"111122223333\"]");
    let run = workspace.start(&[]);
    lab.wait_held();
    let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S").to_string();
    lab.ask("image", &json!({ "region": "us-gov-west-1", "name": "own-test", "created": now }));
    lab.release();
    let (code, log) = run.end();
    assert!(log.contains("InvalidAMIName.Duplicate"), "{log}");
    // Of such an image EC2 shows no origin: it stays, and so does the journal, which says so.
    assert_eq!(code, Some(6), "{log}");
    assert!(log.contains("may be what this run made, or another one's"), "{log}");
    left(&lab, &["image us-gov-west-1"], &log);
    assert!(!log.contains("Modifying attributes"), "{log}");
}

/// What a run made says so: a sweep finds it by its tag alone.
#[test]
fn everything_that_can_carry_it_has_the_tag_of_the_run() {
    let mut lab = Lab::start();
    let specified = |form: &Value, prefix: &str| {
        let kinds = (1..=6).filter_map(|n| form[format!("{prefix}.{n}.ResourceType")].as_str());
        let mut kinds: Vec<String> = kinds.map(str::to_owned).collect();
        kinds.sort_unstable();
        kinds
    };
    let ran = lab.workspace(&format!("{PLAIN}ami_regions = [\"eu-central-1\"]"), "").build(&[]);
    let copy = &lab.parameters("CopyImage")[0];
    assert_eq!(specified(copy, "TagSpecification"), ["snapshot"], "{copy:#}");
    assert!(copy["TagSpecification.1.Tag.2.Key"] == "forge:run", "{copy:#}");
    left(&lab, &["image eu-west-1", "image eu-central-1"], &ran.stdout);
    let images = lab.images();
    assert!(!images.to_string().contains("forge:"), "their snapshots have lost it: {images:#}");
    lab.reset();
    lab.workspace(&format!("{PLAIN}spot_price = \"auto\""), "").build(&[]);
    let fleet = &lab.parameters("CreateFleet")[0];
    assert_eq!(specified(fleet, "TagSpecification"), ["fleet", "instance", "volume"], "{fleet:#}");
    let template = &lab.parameters("CreateLaunchTemplate")[0];
    assert_eq!(
        specified(template, "LaunchTemplateData.TagSpecification"),
        ["instance", "network-interface", "volume"],
        "{template:#}"
    );
}

/// A device of the image that is filled from a snapshot of somebody's own.
#[test]
fn a_snapshot_that_the_template_names_stays_whatever_becomes_of_the_image() {
    let mut lab = Lab::start();
    let by_tag = ["sweep", "--aws", "--aws-regions", "eu-west-1", "--older-than", "0s"];
    let error = json!({ "code": "UnauthorizedOperation", "message": "You are not authorized", "status": 403 });
    for (rule, sweep) in [
        (json!({ "call": "none" }), None),
        (json!({ "call": "ModifyImageAttribute", "error": error }), None),
        (json!({ "call": "DeleteTags", "nth": 1, "hold": "after" }), Some(&["sweep"][..])),
        (json!({ "call": "CreateTags", "nth": 1, "hold": "after" }), Some(&by_tag)),
    ] {
        lab.reset();
        let theirs = lab.ask("snapshot", &json!("golden data"));
        let theirs = theirs.as_str().unwrap();
        // moto keeps one device of an image.
        let device =
            format!("<item><deviceName>/dev/xvdz</deviceName><ebs><snapshotId>{theirs}</snapshotId></ebs></item>");
        let (end, more) = ("</blockDeviceMapping>", device + "</blockDeviceMapping>");
        lab.rules(&json!([{ "call": "DescribeImages", "replace": [[end, more]] }, &rule]));
        let options = format!(
            "{PLAIN}ami_users = [\"111122223333\"]\ntags = {{ Name = \"x\" }}\n\
             force_deregister = var.replaces\nforce_delete_snapshot = var.replaces\n\
             ami_block_device_mappings {{\ndevice_name = \"/dev/xvdz\"\nsnapshot_id = \"{theirs}\"\n}}"
        );
        let workspace = lab.workspace(&options, "").env("AWS_REGION", "eu-west-1");
        workspace.file("replaces.pkr.hcl", "variable \"replaces\" {\n  default = false\n}\n");
        match sweep {
            None if rule["call"] == "none" => {
                // Of the image that is replaced, and of the one that takes its place.
                for _ in 0..2 {
                    workspace.build(&["-var", "replaces=true"]);
                }
                let left = lab.left();
                let kinds =
                    ["image ", "snapshot "].map(|kind| left.iter().filter(|text| text.starts_with(kind)).count());
                assert!(kinds == [1, 1] && left.iter().any(|text| text.contains(theirs)), "{left:#?}");
                continue;
            }
            None => drop(workspace.fail(&[])),
            Some(sweep) => {
                lab.kill_when_held(&workspace, &[]);
                assert!(lab.left().iter().any(|text| text.starts_with("image ")), "{:#?}", lab.left());
                workspace.run(sweep).succeeded();
            }
        }
        let left = lab.left();
        let is_theirs = |text: &String| text.contains(theirs) && text.ends_with("{}");
        assert!(left.len() == 1 && left.iter().all(is_theirs), "{sweep:?}: {left:#?}");
    }
}
