//! How the instance is launched and reached, as AWS hears of it: options of which each has a request of its own.

use serde_json::{Value, json};

use crate::support::Workspace;
use crate::support::lab::Lab;

const PLAIN: &str = "communicator = \"none\"\nami_name = \"launch-test\"\n";
const LOGIN: &str = "ami_name = \"launch-test\"\nskip_create_ami = true\n";

/// Parameters whose name ends so, whatever their numbers.
fn values<'a>(form: &'a Value, ending: &str) -> Vec<&'a str> {
    let all = form.as_object().unwrap().iter();
    all.filter(|(name, _)| name.ends_with(ending)).map(|(_, value)| value.as_str().unwrap()).collect()
}

/// Builds, and yields the last request of that name.
#[track_caller]
fn request(lab: &mut Lab, options: &str, action: &str) -> Value {
    lab.reset();
    lab.workspace(options, "").build(&[]);
    lab.parameters(action).pop().unwrap()
}

#[test]
fn what_the_template_leaves_open_is_said_all_the_same() {
    let mut lab = Lab::start();
    let form = request(&mut lab, PLAIN, "RunInstances");
    for (name, value) in [
        ("MetadataOptions.HttpTokens", "optional"),
        ("MetadataOptions.HttpEndpoint", "enabled"),
        ("MetadataOptions.HttpPutResponseHopLimit", "1"),
        ("CapacityReservationSpecification.CapacityReservationPreference", "none"),
        ("EbsOptimized", "false"),
        ("InstanceInitiatedShutdownBehavior", "stop"),
    ] {
        assert_eq!(form[name], value, "{name}: {form:#}");
    }
    // The account's own default.
    assert!(form.get("MetadataOptions.InstanceMetadataTags").is_none(), "{form:#}");
    let options =
        format!("{PLAIN}metadata_options {{\nhttp_endpoint = \"disabled\"\n}}\navailability_zone = \"eu-west-1a\"");
    let form = request(&mut lab, &options, "RunInstances");
    assert_eq!(form["MetadataOptions.HttpEndpoint"], "disabled");
    assert_eq!(form["Placement.AvailabilityZone"], "eu-west-1a");
}

#[test]
fn user_data_comes_from_a_file() {
    let lab = Lab::start();
    let workspace = lab.workspace(&format!("{PLAIN}user_data_file = \"boot.sh\"\nskip_create_ami = true"), "");
    workspace.file("boot.sh", "#!/bin/sh\necho booted\n");
    workspace.build(&[]);
    assert_eq!(lab.parameters("RunInstances")[0]["UserData"], "IyEvYmluL3NoCmVjaG8gYm9vdGVkCg==");
    // As `base64` writes it.
    workspace.file("boot.sh", "IyEvYmluL3NoCmVjaG8g\nYm9vdGVkCg==\n");
    workspace.build(&[]);
    assert_eq!(lab.parameters("RunInstances")[1]["UserData"], "IyEvYmluL3NoCmVjaG8gYm9vdGVkCg==");
}

#[test]
fn a_key_pair_that_is_named_goes_with_the_launch() {
    let mut lab = Lab::start();
    lab.ask("key-pair", &json!("mine"));
    let workspace = lab.workspace(&format!("{PLAIN}ssh_keypair_name = \"mine\"\nskip_create_ami = true"), "");
    workspace.build(&[]);
    assert_eq!(lab.parameters("RunInstances")[0]["KeyName"], "mine");
    // A password beside it does not stand for the pair that the template names.
    let options = format!("{LOGIN}ssh_password = \"none\"\ntemporary_key_pair_name = \"for-this\"");
    assert_eq!(request(&mut lab, &options, "RunInstances")["KeyName"], "for-this");
}

#[test]
fn a_temporary_key_pair_is_of_the_type_that_is_asked_for() {
    let lab = Lab::start();
    let options = format!("{LOGIN}temporary_key_pair_type = \"ed25519\"");
    lab.workspace(&options, "provisioner \"shell\" { inline = [\"echo logged in\"] }").build(&[]).says("logged in");
    assert_eq!(lab.parameters("CreateKeyPair")[0]["KeyType"], "ed25519");
}

/// One request for all types, of which some do not take the word.
#[test]
fn credits_are_asked_for_where_all_types_have_them() {
    let mut lab = Lab::start();
    for (types, expected) in [("[\"t3.micro\", \"m5.large\"]", 0), ("[\"t3.micro\", \"t3.small\"]", 1)] {
        let options = format!("{PLAIN}skip_create_ami = true\nspot_price = \"auto\"\nspot_instance_types = {types}");
        lab.reset();
        let workspace = lab.workspace(&options, "");
        let template = workspace.read("t.pkr.hcl");
        let kept = template.lines().filter(|line| !line.trim_start().starts_with("instance_type"));
        workspace.file("t.pkr.hcl", kept.collect::<Vec<_>>().join("\n"));
        workspace.build(&[]);
        let form = lab.parameters("CreateLaunchTemplate").pop().unwrap();
        assert_eq!(values(&form, ".CpuCredits").len(), expected, "{types}: {form:#}");
        assert_eq!(values(&form, ".InstanceInitiatedShutdownBehavior"), Vec::<&str>::new());
    }
}

#[test]
fn instance_stores_are_taken_away_and_tags_left_out() {
    let mut lab = Lab::start();
    let options = format!("{PLAIN}no_ephemeral = true\nskip_ami_run_tags = true\nrun_tags = {{ Team = \"images\" }}");
    for action in ["RunInstances", "CreateImage"] {
        let form = request(&mut lab, &options, action);
        let names = values(&form, ".DeviceName");
        assert!(names.len() == 26 && names.contains(&"xvdca") && names.contains(&"xvdcz"), "{action}: {form:#}");
        assert_eq!(values(&form, ".NoDevice").len(), 26, "{action}: {form:#}");
        assert!(values(&form, ".Ebs.DeleteOnTermination").is_empty(), "{action}: {form:#}");
    }
    assert!(!lab.images().to_string().contains("Team"), "{:#}", lab.images());
}

#[test]
fn an_instance_that_stops_by_itself_is_waited_for() {
    let lab = Lab::start();
    lab.rules(&json!([{ "call": "DescribeInstances", "nth": 3, "do": "stop" }]));
    lab.workspace(&format!("{PLAIN}disable_stop_instance = true"), "").build(&[]);
    assert!(!lab.calls().contains(&"StopInstances".to_owned()));
}

#[test]
fn a_spot_instance_is_launched_as_another_would_be() {
    let mut lab = Lab::start();
    let options = format!(
        r#"{PLAIN}
        spot_price              = "0.05"
        capacity_reservation_id = "cr-0123456789abcdef0"
        placement {{
          host_resource_group_arn = "arn:aws:resource-groups:eu-west-1:1:group/hosts"
        }}
        license_specifications {{
          license_configuration_request {{
            license_configuration_arn = "arn:aws:license-manager:eu-west-1:1:license-configuration:lic-1"
          }}
        }}
        launch_block_device_mappings {{
          device_name = "/dev/xvdb"
          no_device   = true
        }}
        launch_block_device_mappings {{
          device_name  = "/dev/xvdc"
          virtual_name = "ephemeral0"
        }}
        "#
    );
    let fleet = request(&mut lab, &options, "CreateFleet");
    assert_eq!(values(&fleet, ".MaxPrice"), ["0.05"], "{fleet:#}");
    let form = &lab.parameters("CreateLaunchTemplate")[0];
    for (ending, value) in [
        (".CapacityReservationId", "cr-0123456789abcdef0"),
        (".HostResourceGroupArn", "arn:aws:resource-groups:eu-west-1:1:group/hosts"),
        (".LicenseConfigurationArn", "arn:aws:license-manager:eu-west-1:1:license-configuration:lic-1"),
        (".NoDevice", ""),
        (".VirtualName", "ephemeral0"),
    ] {
        assert_eq!(values(form, ending), [value], "{ending}: {form:#}");
    }
    assert!(values(form, "CapacityReservationPreference").is_empty(), "{form:#}");
    // What nobody asked for is not sent beside a spot price, where AWS would refuse it.
    request(&mut lab, &format!("{PLAIN}spot_price = \"auto\""), "CreateFleet");
    let form = &lab.parameters("CreateLaunchTemplate")[0];
    assert!(!form.to_string().contains("CapacityReservation"), "{form:#}");
    assert!(values(&lab.parameters("CreateFleet")[0], ".MaxPrice").is_empty());
}

#[test]
fn the_temporary_group_lets_in_whom_the_template_names() {
    let mut lab = Lab::start();
    let options = format!("{LOGIN}temporary_security_group_source_cidrs = [\"10.0.0.0/8\", \"2001:db8::/32\"]");
    let form = request(&mut lab, &options, "AuthorizeSecurityGroupIngress");
    assert_eq!(values(&form, ".CidrIp"), ["10.0.0.0/8"], "{form:#}");
    assert_eq!(values(&form, ".CidrIpv6"), ["2001:db8::/32"], "{form:#}");
    let own = format!("{options}\ntemporary_security_group_source_public_ip = true");
    let form = request(&mut lab, &own, "AuthorizeSecurityGroupIngress");
    assert_eq!(values(&form, ".CidrIp"), ["10.0.0.0/8"], "the given ones count: {form:#}");
    // Nobody there can be asked which address this machine has.
    lab.reset();
    let workspace = lab.workspace(&format!("{LOGIN}temporary_security_group_source_public_ip = true"), "");
    let ran = workspace.env("HTTPS_PROXY", "http://127.0.0.1:1").fail(&[]);
    ran.says("https://checkip.amazonaws.com").says("set temporary_security_group_source_cidrs instead");
    assert_eq!(lab.left(), Vec::<String>::new());
}

/// In a VPC the public address, if one comes; the private one after three looks in vain.
#[test]
fn the_address_is_the_public_one_or_else_the_private() {
    let mut lab = Lab::start();
    let undecided = |lab: &Lab, options: &str| -> Workspace {
        let workspace = lab.workspace(&format!("{LOGIN}{options}"), "");
        let template = workspace.read("t.pkr.hcl").replace("ssh_interface = \"private_ip\"", "");
        workspace.file("t.pkr.hcl", template);
        workspace
    };
    let private = format!("172.30.{}.", lab.number("part"));
    // moto gives one to none.
    undecided(&lab, "").build(&[]).says(&private);
    let looks = lab.calls().iter().filter(|call| *call == "DescribeInstances").count();
    assert!(looks >= 3, "{looks} looks");
    lab.reset();
    let public = "<ipAddress>127.0.0.1</ipAddress><privateIpAddress>";
    lab.rules(&json!([{ "call": "DescribeInstances", "replace": [["<privateIpAddress>", public]] }]));
    let ran = undecided(&lab, "ssh_timeout = \"2s\"\nssh_port = 2").fail(&[]);
    ran.says("127.0.0.1").says_not(&private);
}
