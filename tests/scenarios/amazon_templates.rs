//! Templates as they are found: options of the old format that are left open, and texts that are rendered late.

use serde_json::{Value, json};

use crate::support::lab::Lab;
use crate::support::{Workspace, setting};

/// A builder of the old format with these options besides.
fn old(lab: &Lab, options: &Value) -> Workspace {
    let mut builder = json!({
        "type": "amazon-ebs",
        "region": "eu-west-1",
        "instance_type": "t3.micro",
        "communicator": "none",
        "source_ami_filter": {
            "filters": {"name": "ubuntu/images/*ubuntu-jammy-22.04-amd64-server-*"},
            "owners": "099720109477",
            "most_recent": true
        },
        "vpc_id": lab.at("vpc"),
        "subnet_id": lab.at("subnet"),
        "ami_name": "template-test",
    });
    let all = builder.as_object_mut().unwrap();
    all.extend(options.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.clone())));
    let workspace = lab.environment(Workspace::new(""));
    workspace.file("old.json", json!({"builders": [builder]}).to_string());
    workspace
}

/// Whether a request has a parameter whose name ends so, and its value.
fn value<'a>(form: &'a Value, ending: &str) -> Option<&'a str> {
    let found = form.as_object().unwrap().iter().find(|(name, _)| name.ends_with(ending));
    found.map(|(_, value)| value.as_str().unwrap())
}

#[test]
fn an_empty_text_leaves_a_flag_open() {
    let mut lab = Lab::start();
    let with = |value: Value, zero: Value| {
        json!({
            "associate_public_ip_address": value,
            "ena_support": value,
            "encrypt_boot": zero,
            "ami_regions": "eu-central-1",
            "launch_block_device_mappings": [{
                "device_name": "/dev/sdb", "volume_size": "4", "encrypted": value, "delete_on_termination": "true"
            }],
        })
    };
    old(&lab, &with(json!(""), json!(0))).run(&["build", "old.json"]).succeeded();
    let launch = &lab.parameters("RunInstances")[0];
    assert_eq!(value(launch, "AssociatePublicIpAddress"), None, "{launch:#}");
    assert_eq!(value(launch, ".Encrypted"), None, "{launch:#}");
    assert_eq!(lab.parameters("ModifyInstanceAttribute"), Vec::<Value>::new());
    let copy = &lab.parameters("CopyImage")[0];
    assert_eq!(value(copy, "Encrypted"), None, "{copy:#}");

    lab.reset();
    old(&lab, &with(json!("f"), json!("False"))).run(&["build", "old.json"]).succeeded();
    let launch = &lab.parameters("RunInstances")[0];
    assert_eq!(value(launch, "AssociatePublicIpAddress"), Some("false"), "{launch:#}");
    assert_eq!(value(launch, ".Encrypted"), Some("false"), "{launch:#}");
    assert_eq!(value(&lab.parameters("ModifyInstanceAttribute")[0], "EnaSupport.Value"), Some("false"));
    let copy = &lab.parameters("CopyImage")[0];
    assert_eq!(value(copy, "Encrypted"), Some("false"), "{copy:#}");

    // It is for the snapshot to say whether the key is used.
    let device = json!([{"device_name": "/dev/sdb", "encrypted": "", "kms_key_id": "alias/x"}]);
    old(&lab, &json!({"launch_block_device_mappings": device})).run(&["validate", "old.json"]).succeeded();
}

#[test]
fn a_null_in_a_map_is_an_empty_text() {
    let lab = Lab::start();
    let options = json!({"tags": {"Open": null, "Number": 3, "Flag": true}, "launch_block_device_mappings": "", "ami_block_device_mappings": {}});
    old(&lab, &options).run(&["build", "old.json"]).succeeded();
    let tags = &lab.images().as_object().unwrap().values().next().unwrap()["tags"].clone();
    assert_eq!((&tags["Open"], &tags["Number"], &tags["Flag"]), (&json!(""), &json!("3"), &json!("1")), "{tags:#}");
}

/// Each option that is rendered when the source image is known, with a field that there is and one that is not.
#[test]
fn late_texts_are_checked_before_anything_is_called() {
    let lab = Lab::start();
    let template = |option: &str, text: &str| match option {
        "ami_description" => format!("ami_description = {text:?}"),
        "tag" | "run_tag" | "snapshot_tag" => format!("{option} {{\nkey = \"x\"\nvalue = {text:?}\n}}"),
        "keys of tags" => format!("tags = {{ {text:?} = \"x\" }}"),
        "spot_tags" | "fleet_tags" => format!("spot_price = \"auto\"\n{option} = {{ x = {text:?} }}"),
        map => format!("{map} = {{ x = {text:?} }}"),
    };
    let options = [
        "ami_description",
        "tags",
        "tag",
        "keys of tags",
        "snapshot_tags",
        "snapshot_tag",
        "run_tags",
        "run_tag",
        "run_volume_tags",
        "spot_tags",
        "fleet_tags",
    ];
    for option in options {
        let plain = "communicator = \"none\"\nami_name = \"template-test\"\n";
        let with = |text: &str| lab.workspace(&format!("{plain}{}", template(option, text)), "");
        with("{{ .SourceAMIName }} {{ .SourceAMITags.Any }} {{ timestamp }}").run(&["validate", "."]).succeeded();
        let ran = with("{{ .Nonsense }}").fail(&[]);
        ran.says("there is no field \".Nonsense\"").says("known here: .BuildRegion, .SourceAMI, ").says("t.pkr.hcl:");
        let named = if option.ends_with("tag") { "value" } else { option.rsplit(' ').next().unwrap() };
        ran.says(&format!("the {{{{ }}}} in {named:?} cannot be rendered"));
    }
    old(&lab, &json!({"tags": {"x": "{{ .Nonsense }}"}})).run(&["build", "old.json"]).says("\".Nonsense\"");
    assert_eq!(lab.calls(), Vec::<String>::new());
}

#[test]
fn a_step_shared_by_builders_may_ask_which_one_it_is() {
    let lab = Lab::start();
    let workspace = old(&lab, &json!({"communicator": "ssh", "ssh_username": "ubuntu"}));
    let one: Value = serde_json::from_str(&workspace.read("old.json")).unwrap();
    let with = |name: &str, otherwise: &str| {
        let mut template = one.clone();
        template["builders"][0]["ami_name"] = name.into();
        template["builders"].as_array_mut().unwrap().push(json!({"type": "docker", "image": "x", "discard": true}));
        let choice = format!(
            "{{{{ if eq build_type `amazon-ebs` }}}}AMI={{{{ .SourceAMIName }}}} {{{{ else }}}}{otherwise}{{{{ end }}}}"
        );
        let command = format!("{choice}{{{{ .Vars }}}} {{{{ .Path }}}}");
        template["provisioners"] = json!([{"type": "shell", "inline": ["true"], "execute_command": command}]);
        workspace.file("old.json", template.to_string());
        workspace.run(&["validate", "old.json"])
    };
    with("template-test", "").succeeded();
    // Of docker's, which have no such field.
    with("template-test", "{{ .SourceAMI }}").failed().says("there is no field \".SourceAMI\"");
    // A builder with a mistake of its own says nothing of the fields that its steps see.
    with("x", "").failed().says("\"ami_name\" is too short or too long").says("1 error;").says_not("there is no field");
}

/// Variable files of generators hold null for what is not set.
#[test]
fn the_template_of_the_kubernetes_nodes_is_read_as_the_peer_reads_it() {
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/old_amazon_nodes.json");
    let workspace = Workspace::new("");
    workspace.file("null.json", r#"{"user_data_file": null, "ami_users": null, "associate_public_ip_address": null}"#);
    let arguments = ["validate", "-var-file=null.json", template];
    workspace.run(&arguments).succeeded();
    let mut packer = std::process::Command::new(setting("FORGE_TEST_PACKER"));
    packer.args(arguments).current_dir(workspace.path()).env("CHECKPOINT_DISABLE", "1");
    assert!(packer.output().unwrap().status.success());
}
