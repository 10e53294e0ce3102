//! Options that are one thing in one request each: what the template says is what AWS is asked for.

use serde_json::{Value, json};

use crate::support::Workspace;
use crate::support::lab::Lab;

const PLAIN: &str = "communicator = \"none\"\nami_name = \"request-test\"\n";

/// Parameters whose name ends so, whatever their numbers.
fn values<'a>(form: &'a Value, ending: &str) -> Vec<&'a str> {
    let all = form.as_object().unwrap().iter();
    all.filter(|(name, _)| name.ends_with(ending)).map(|(_, value)| value.as_str().unwrap()).collect()
}

pub(crate) fn surrogate(lab: &Lab, options: &str) -> Workspace {
    let workspace = lab.workspace(&format!("{PLAIN}{SURROGATE}{options}"), "");
    workspace.file("t.pkr.hcl", workspace.read("t.pkr.hcl").replace("amazon-ebs", "amazon-ebssurrogate"));
    workspace
}

const SURROGATE: &str = r#"
  ami_virtualization_type = "hvm"
  launch_block_device_mappings {
    device_name           = "/dev/xvdf"
    volume_size           = 8
    delete_on_termination = true
  }
  ami_root_device {
    source_device_name = "/dev/xvdf"
    device_name        = "/dev/xvda"
  }
"#;

/// How its template is made, the options, the request, and what that has of the parameters with these endings.
type Case<'a> = (&'a dyn Fn(&Lab, &str) -> Workspace, &'a str, &'a str, &'a [(&'a str, &'a [&'a str])]);

#[test]
fn every_option_is_what_its_request_says() {
    let mut lab = Lab::start();
    let ebs = |lab: &Lab, options: &str| lab.workspace(&format!("{PLAIN}{options}"), "");
    let hosts = "arn:aws:resource-groups:eu-west-1:1:group/reserved";
    let with_enclave = |lab: &Lab, options: &str| {
        // A type that can have an enclave.
        let workspace = ebs(lab, options);
        workspace.file("t.pkr.hcl", workspace.read("t.pkr.hcl").replace("t3.micro", "m5.xlarge"));
        workspace
    };
    let cases: [Case<'_>; 11] = [
        (
            &ebs,
            "placement {\nhost_id = \"h-0123456789abcdef0\"\ntenancy = \"host\"\n}",
            "RunInstances",
            &[("Placement.HostId", &["h-0123456789abcdef0"]), ("Placement.Tenancy", &["host"])],
        ),
        (
            &ebs,
            "capacity_reservation_preference = \"open\"",
            "RunInstances",
            &[(".CapacityReservationPreference", &["open"]), (".CapacityReservationResourceGroupArn", &[])],
        ),
        (
            &ebs,
            "capacity_reservation_group_arn = \"arn:aws:resource-groups:eu-west-1:1:group/reserved\"",
            "RunInstances",
            &[(".CapacityReservationResourceGroupArn", &[hosts]), (".CapacityReservationPreference", &[])],
        ),
        (
            &ebs,
            "spot_price = \"auto\"\nspot_allocation_strategy = \"price-capacity-optimized\"",
            "CreateFleet",
            &[("SpotOptions.AllocationStrategy", &["price-capacity-optimized"])],
        ),
        // Only the names of instance stores mean anything to EC2: any other device is a disk.
        (
            &ebs,
            "spot_price = \"auto\"\nlaunch_block_device_mappings {\ndevice_name = \"/dev/xvdb\"\nvirtual_name = \"data\"\n\
             volume_size = 3\ndelete_on_termination = true\n}",
            "CreateLaunchTemplate",
            &[(".VirtualName", &[]), (".Ebs.VolumeSize", &["3"]), (".Ebs.DeleteOnTermination", &["true"])],
        ),
        (
            &ebs,
            "ami_block_device_mappings {\ndevice_name = \"/dev/xvdb\"\nvirtual_name = \"data\"\nvolume_size = 3\n}",
            "CreateImage",
            &[(".VirtualName", &[]), (".Ebs.VolumeSize", &["3"])],
        ),
        (&with_enclave, "enable_nitro_enclave = true", "RunInstances", &[("EnclaveOptions.Enabled", &["true"])]),
        (
            &ebs,
            "spot_price = \"auto\"\nfleet_tag {\nkey = \"Fleet\"\nvalue = \"ours\"\n}",
            "CreateFleet",
            &[("TagSpecification.1.Tag.1.Key", &["Fleet"]), ("TagSpecification.1.Tag.1.Value", &["ours"])],
        ),
        (
            &ebs,
            "spot_price = \"auto\"\nspot_tag {\nkey = \"Spot\"\nvalue = \"ours\"\n}",
            "CreateLaunchTemplate",
            &[("TagSpecification.1.Tag.1.Key", &["forge:resource", "Spot"])],
        ),
        (
            &ebs,
            "assume_role {\nrole_arn = \"arn:aws:iam::123456789012:role/builder\"\nduration_seconds = 1800\n\
             policy_arns = [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"]\n}",
            "AssumeRole",
            &[("DurationSeconds", &["1800"]), ("PolicyArns.member.1.arn", &["arn:aws:iam::aws:policy/ReadOnlyAccess"])],
        ),
        (
            &surrogate,
            "snapshot_description = \"of the night\"",
            "CreateSnapshot",
            &[("Description", &["of the night"])],
        ),
    ];
    for (make, options, action, expected) in cases {
        lab.reset();
        make(&lab, options).build(&[]);
        let form = lab.parameters(action).pop().unwrap();
        for (ending, expected) in expected {
            assert_eq!(values(&form, ending), *expected, "{ending} of {action} for {options}: {form:#}");
        }
        assert_eq!(lab.left().len(), 1, "{options}: {:#?}", lab.left());
    }
    lab.reset();
    let options =
        "ami_architecture = \"arm64\"\nboot_mode = \"uefi\"\nuefi_data = \"dWVmaQ==\"\ntpm_support = \"v2.0\"";
    surrogate(&lab, options).build(&[]);
    let form = &lab.parameters("RegisterImage")[0];
    for (name, value) in
        [("Architecture", "arm64"), ("BootMode", "uefi"), ("UefiData", "dWVmaQ=="), ("TpmSupport", "v2.0")]
    {
        assert_eq!(form[name], value, "{name}: {form:#}");
    }
}

#[test]
fn given_groups_are_taken_and_stay() {
    let lab = Lab::start();
    let groups = [lab.ask("group", &json!("ssh")), lab.ask("group", &json!("web"))];
    let list = json!(groups);
    lab.workspace(&format!("{PLAIN}security_group_ids = {list}"), "").build(&[]);
    let form = &lab.parameters("RunInstances")[0];
    assert_eq!(values(form, "SecurityGroupId.1"), [groups[0].as_str().unwrap()], "{form:#}");
    assert_eq!(values(form, "SecurityGroupId.2"), [groups[1].as_str().unwrap()], "{form:#}");
    assert!(!lab.calls().contains(&"CreateSecurityGroup".to_owned()));
    let (one, rest) = (format!("security_group_id = {}", groups[1]), "skip_create_ami = true");
    lab.workspace(&format!("{PLAIN}{one}\n{rest}"), "").build(&[]);
    assert_eq!(values(&lab.parameters("RunInstances")[1], "SecurityGroupId.1"), [groups[1].as_str().unwrap()]);
    let left = lab.left();
    assert_eq!(left.iter().filter(|text| text.starts_with("security group ")).count(), 2, "{left:#?}");
    let ran = lab.workspace(&format!("{PLAIN}security_group_ids = [\"sg-0123456789abcdef0\"]"), "").fail(&["-force"]);
    ran.says("InvalidGroup.NotFound").says("sg-0123456789abcdef0");
}

#[test]
fn each_region_starts_fast_by_its_own_launch_template() {
    let lab = Lab::start();
    let options = r#"
      ami_regions = ["eu-central-1", "us-east-1"]
      fast_launch {
        max_parallel_launches = 8
        template_id           = "TEMPLATE"
        region_launch_templates {
          region           = "eu-central-1"
          template_name    = "of-frankfurt"
          template_version = 3
        }
        region_launch_templates {
          region             = "us-east-1"
          enable_fast_launch = false
        }
      }
    "#;
    let missing = options.replace("TEMPLATE", "lt-0123456789abcdef0");
    lab.workspace(&format!("{PLAIN}{missing}"), "").fail(&[]).says("lt-0123456789abcdef0");
    assert!(!lab.calls().contains(&"RunInstances".to_owned()), "{:?}", lab.calls());
    let template = lab.ask("template", &json!("home"));
    let template = template.as_str().unwrap();
    lab.workspace(&format!("{PLAIN}{}", options.replace("TEMPLATE", template)), "").build(&[]);
    let images = lab.images();
    let asked = |region: &str| {
        let image = images.as_object().unwrap().values().find(|image| image["region"] == region).unwrap();
        image["asked"]["EnableFastLaunch"].clone()
    };
    let home = asked("eu-west-1");
    assert_eq!(home["LaunchTemplate.LaunchTemplateId"], template, "{home:#}");
    assert_eq!(home["LaunchTemplate.Version"], "1", "the latest: {home:#}");
    let away = asked("eu-central-1");
    assert_eq!(away["LaunchTemplate.LaunchTemplateName"], "of-frankfurt", "{away:#}");
    assert_eq!(away["LaunchTemplate.Version"], "3", "{away:#}");
    assert_eq!((&home["MaxParallelLaunches"], &away["MaxParallelLaunches"]), (&json!("8"), &json!("8")));
    assert_eq!(asked("us-east-1"), Value::Null);
}

/// The lab's machine answers at one address, which is told to be of each kind in turn, and of no other.
#[test]
fn the_address_is_the_one_that_the_template_asks_for() {
    let mut lab = Lab::start();
    for (interface, element) in [
        ("public_ip", "ipAddress"),
        ("public_dns", "dnsName"),
        ("private_dns", "privateDnsName"),
        ("ipv6", "ipv6Address"),
    ] {
        lab.reset();
        let tags = |name: &str| [format!("<{name}>"), format!("</{name}>")];
        let ([from, from_end], [to, to_end]) = (tags("privateIpAddress"), tags(element));
        // What moto says of the same kind is put aside first.
        let [own, own_end] = tags(element);
        let aside = [[own, "<put-aside>".to_owned()], [own_end, "</put-aside>".to_owned()]];
        lab.rules(&json!([{ "replace": [aside[0], aside[1], [from, to], [from_end, to_end]] }]));
        let options = "ami_name = \"request-test\"\nskip_create_ami = true\nssh_timeout = \"20s\"";
        let workspace = lab.workspace(options, "provisioner \"shell\" { inline = [\"echo at ${build.Host}\"] }");
        let template = workspace.read("t.pkr.hcl").replace("\"private_ip\"", &format!("{interface:?}"));
        workspace.file("t.pkr.hcl", template);
        workspace.build(&[]).says(&format!("at 172.30.{}.", lab.number("part")));
        let rule = &lab.parameters("AuthorizeSecurityGroupIngress")[0];
        let (v4, v6): (&[&str], &[&str]) = if interface == "ipv6" { (&[], &["::/0"]) } else { (&["0.0.0.0/0"], &[]) };
        assert_eq!((values(rule, ".CidrIp"), values(rule, ".CidrIpv6")), (v4.to_vec(), v6.to_vec()), "{rule:#}");
        assert_eq!(lab.left(), Vec::<String>::new());
    }
}

/// What is only known to fail once the source image is known.
#[test]
fn what_an_image_cannot_get_is_refused_before_the_launch() {
    let lab = Lab::start();
    let fifty: String = (0..48).map(|n| format!("t{n} = \"x\"\n")).collect();
    for (options, part) in [
        ("tags = { x = \"{{ .SourceAMITags.Nope }}\" }".to_owned(), "Nope"),
        ("snapshot_tags = { x = \"{{ .SourceAMITags.Nope }}\" }".to_owned(), "Nope"),
        ("ami_description = \"{{ .SourceAMITags.Nope }}\"".to_owned(), "Nope"),
        (format!("tags = {{\n{fifty}}}\nrun_tags = {{ More = \"x\" }}"), "EC2 takes 50"),
    ] {
        lab.workspace(&format!("{PLAIN}{options}"), "").fail(&[]).says(part);
        assert!(!lab.calls().contains(&"RunInstances".to_owned()), "{options}");
    }
}

#[test]
fn empty_keys_and_old_ids_are_taken_and_spaces_in_regions_told() {
    let lab = Lab::start();
    for options in [
        "ami_regions = [\"us-east-1\"]\nregion_kms_key_ids = { us-east-1 = \"\" }",
        "encrypt_boot = true\nkms_key_id = \"1234abcd\"",
        "encrypt_boot = true\nkms_key_id = \"mrk-1234-abcd\"",
        "launch_block_device_mappings {\ndevice_name = \"/dev/xvdb\"\nvolume_type = \"io2\"\niops = 100000\n}",
    ] {
        lab.workspace(&format!("{PLAIN}{options}"), "").run(&["validate", "."]).succeeded();
    }
    let ran = lab.workspace(&format!("{PLAIN}ami_regions = [\" us-east-1\"]"), "").run(&["validate", "."]);
    ran.says("\" us-east-1\" is not the name of a region");
}

#[test]
fn a_device_is_filled_from_a_snapshot_and_a_deprecated_source_is_found() {
    let lab = Lab::start();
    let snapshot = lab.ask("snapshot", &json!("golden data"));
    let device = format!("device_name = \"/dev/xvdb\"\nsnapshot_id = {snapshot}\ndelete_on_termination = true");
    let options = format!("{PLAIN}skip_create_ami = true\nlaunch_block_device_mappings {{\n{device}\n}}");
    let workspace = lab.workspace(&options, "");
    let template = workspace.read("t.pkr.hcl");
    workspace.file("t.pkr.hcl", template.replace("most_recent", "include_deprecated = true\nmost_recent"));
    workspace.build(&[]);
    let form = &lab.parameters("RunInstances")[0];
    assert_eq!(values(form, ".Ebs.SnapshotId"), [snapshot.as_str().unwrap()], "{form:#}");
    let looks = lab.parameters("DescribeImages");
    assert!(looks.iter().any(|form| form["IncludeDeprecated"] == "true"), "{looks:#?}");
}
