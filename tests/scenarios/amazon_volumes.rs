//! `amazon-ebsvolume` and `amazon-ebssurrogate` against the lab: what stays, and that nothing else does.

use serde_json::Value;

use crate::support::Workspace;
use crate::support::lab::Lab;
use crate::support::leaks::Leaks;

/// The lab's usual template, of another builder.
fn workspace(lab: &Lab, builder: &str, options: &str, build: &str) -> Workspace {
    let workspace = lab.workspace(options, build);
    let mut template = workspace.read("t.pkr.hcl").replace("amazon-ebs", builder);
    if builder == "amazon-ebsvolume" {
        template = template.replace("skip_region_validation = true", "");
    }
    workspace.file("t.pkr.hcl", template);
    workspace
}

const VOLUMES: &str = r#"
  communicator    = "none"
  run_volume_tags = { Of = "the launch" }
  ebs_volumes {
    device_name     = "/dev/xvdf"
    volume_size     = 10
    volume_type     = "gp3"
    tags            = { Name = "data", From = "{{ .SourceAMI }}" }
    snapshot_volume = true
    snapshot_tags   = { Name = "shot" }
  }
  ebs_volumes {
    device_name           = "/dev/xvdg"
    volume_size           = 5
    delete_on_termination = true
  }
"#;

const SURROGATE: &str = r#"
  communicator            = "none"
  ami_name                = "leak-test"
  ami_virtualization_type = "hvm"
  ami_regions             = ["eu-central-1"]
  tags                    = { Name = "surrogate" }
  run_tags                = { Ends = "of-the-run" }
  launch_block_device_mappings {
    device_name           = "/dev/xvdf"
    volume_size           = 8
    delete_on_termination = true
  }
  launch_block_device_mappings {
    device_name           = "/dev/xvdg"
    volume_size           = 4
    delete_on_termination = true
    omit_from_artifact    = true
  }
  ami_root_device {
    source_device_name = "/dev/xvdf"
    device_name        = "/dev/xvda"
  }
"#;

/// moto's instances have no root device unless it is named.
pub(crate) const CREATE_IMAGE: &str = r#"
  use_create_image = true
  launch_block_device_mappings {
    device_name           = "/dev/sda1"
    volume_size           = 8
    delete_on_termination = true
    omit_from_artifact    = true
  }
"#;

const MANIFEST: &str = "post-processor \"manifest\" {}";

fn artifact(workspace: &Workspace) -> String {
    let manifest: Value = serde_json::from_str(&workspace.read("packer-manifest.json")).unwrap();
    manifest["builds"][0]["artifact_id"].as_str().unwrap().to_owned()
}

#[test]
fn volumes_and_their_snapshots_stay() {
    let lab = Lab::start();
    let workspace = workspace(&lab, "amazon-ebsvolume", VOLUMES, MANIFEST);
    let ran = workspace.build(&[]);
    ran.says("EBS Volumes were created:");
    let id = artifact(&workspace);
    let ids: Vec<&str> = id.split(',').collect();
    assert_eq!(ids.len(), 2, "{id}");
    assert!(ids[0].starts_with("eu-west-1:snap-") && ids[1].starts_with("eu-west-1:vol-"), "{id}");
    let left = lab.left();
    assert_eq!(left.len(), 2, "{left:#?}");
    for id in ids {
        let id = id.trim_start_matches("eu-west-1:");
        assert!(left.iter().any(|text| text.contains(id)), "{id}: {left:#?}");
    }
    assert!(!left.concat().contains("forge:"), "{left:#?}");
    assert!(left.concat().contains("'From': 'ami-0aaaaaaaaaaaa0002'"), "{left:#?}");
    assert!(!left.concat().contains("the launch"), "{left:#?}");
    crate::amazon_ebs::granted(&lab, &["build"]);
}

#[test]
fn a_surrogate_volume_becomes_the_root_of_an_image() {
    let mut lab = Lab::start();
    for more in ["", CREATE_IMAGE] {
        lab.reset();
        let workspace = workspace(&lab, "amazon-ebssurrogate", &format!("{SURROGATE}{more}"), MANIFEST);
        workspace.build(&[]).says("AMIs were created:");
        let id = artifact(&workspace);
        assert!(id.starts_with("eu-central-1:ami-") && id.contains(",eu-west-1:ami-"), "{id}");
        let left = lab.left();
        assert_eq!(left.len(), 2, "{more}: {left:#?}");
        assert!(!left.concat().contains("forge:"), "{left:#?}");
        crate::amazon_ebs::granted(&lab, &["build"]);
        let calls = lab.calls();
        assert_eq!(calls.contains(&"RegisterImage".to_owned()), more.is_empty(), "{calls:?}");
        if more.is_empty() {
            let form = &lab.parameters("RegisterImage")[0];
            assert_eq!(form["RootDeviceName"], "/dev/xvda");
            assert_eq!(form["BlockDeviceMapping.1.DeviceName"], "/dev/xvda");
            assert_eq!(form["BlockDeviceMapping.1.Ebs.DeleteOnTermination"], "true", "as launched: {form}");
            assert!(!form.to_string().contains("of-the-run"), "such an image has no run_tags: {form}");
            assert!(form.get("BlockDeviceMapping.2.DeviceName").is_none(), "one is left out: {form}");
        }
    }
}

fn finished(builder: &str, text: &str) -> bool {
    match builder {
        "amazon-ebsvolume" => text.starts_with("volume ") || text.starts_with("snapshot "),
        _ => text.starts_with("image ") && text.contains("leak-test"),
    }
}

#[test]
fn nothing_stays_of_volumes_and_surrogates_whatever_fails() {
    let mut lab = Lab::start();
    let create_image = format!("{SURROGATE}{CREATE_IMAGE}");
    for (builder, options) in
        [("amazon-ebsvolume", VOLUMES), ("amazon-ebssurrogate", SURROGATE), ("amazon-ebssurrogate", &create_image)]
    {
        let finished = |text: &str| finished(builder, text);
        let template = |lab: &Lab| workspace(lab, builder, options, "");
        Leaks { workspace: &template, finished: &finished, also: &|_| {} }.never(&mut lab);
    }
}

#[test]
fn a_sweep_after_a_kill_removes_volumes_and_surrogates() {
    let mut lab = Lab::start();
    let create_image = format!("{SURROGATE}{CREATE_IMAGE}");
    for (builder, options) in
        [("amazon-ebsvolume", VOLUMES), ("amazon-ebssurrogate", SURROGATE), ("amazon-ebssurrogate", &create_image)]
    {
        let template = |lab: &Lab| workspace(lab, builder, options, "");
        let finished = |text: &str| finished(builder, text);
        Leaks { workspace: &template, finished: &finished, also: &|_| {} }.never_after_a_kill(&mut lab);
    }
}

#[test]
fn mistakes_of_a_surrogate_show_at_their_place() {
    let lab = Lab::start();
    for (from, to, part) in [
        (
            "source_device_name = \"/dev/xvdf\"",
            "source_device_name = \"/dev/xvdx\"",
            "no launch_block_device_mappings block has",
        ),
        ("source_device_name = \"/dev/xvdf\"", "source_device_name = \"/dev/xvdg\"", "is left out of the image"),
        ("ami_virtualization_type = \"hvm\"", "", "\"ami_virtualization_type\" is missing"),
        (
            "ami_virtualization_type = \"hvm\"",
            "ami_virtualization_type = \"hvm\"\nboot_mode = \"efi\"",
            "no value of \"boot_mode\"",
        ),
        (
            "ami_virtualization_type = \"hvm\"",
            "ami_virtualization_type = \"hvm\"\ntpm_support = \"v2.0\"",
            "without a UEFI boot mode",
        ),
    ] {
        let ran = workspace(&lab, "amazon-ebssurrogate", &SURROGATE.replace(from, to), "").run(&["validate", "."]);
        assert_eq!(ran.code, Some(1), "{to}");
        ran.says(part);
    }
}
