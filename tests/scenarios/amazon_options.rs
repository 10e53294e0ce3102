//! Options of `amazon-ebs` as AWS hears of them: the lab keeps every request.

use serde_json::{Value, json};

use crate::amazon_retries::PROFILE;
use crate::support::Workspace;
use crate::support::http::{Server, reply};
use crate::support::lab::Lab;

fn workspace(lab: &Lab, options: &str) -> Workspace {
    lab.workspace(
        &format!("communicator = \"none\"\nami_name = \"options-test\"\n{options}"),
        "post-processor \"manifest\" {}",
    )
}

fn artifact(workspace: &Workspace) -> String {
    let manifest: Value = serde_json::from_str(&workspace.read("packer-manifest.json")).unwrap();
    manifest["builds"][0]["artifact_id"].as_str().unwrap().to_owned()
}

#[track_caller]
fn has(form: &Value, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(form.get(name).and_then(Value::as_str), Some(*value), "{name} in {form:#}");
    }
}

/// Whether a parameter has that value, whatever its number in the list.
fn holds(form: &Value, ending: &str, value: &str) -> bool {
    form.as_object().unwrap().iter().any(|(name, found)| name.ends_with(ending) && found == value)
}

#[test]
fn what_the_template_says_of_the_instance_is_asked_for() {
    let lab = Lab::start();
    // moto would look up reservation, licence and key in vain.
    let drop = |name: &str| json!({ "call": "RunInstances", "drop": name });
    lab.rules(&json!([drop("LicenseSpecification.1.LicenseConfigurationArn")]));
    let options = r#"
      capacity_reservation_id  = "cr-0123456789abcdef0"
      enable_unlimited_credits = true
      ebs_optimized            = true
      shutdown_behavior        = "terminate"
      user_data                = "echo hello"
      placement { tenancy = "dedicated" }
      license_specifications {
        license_configuration_request { license_configuration_arn = "arn:aws:license-manager:eu-west-1:1:license-configuration:lic-1" }
      }
      metadata_options {
        http_endpoint               = "enabled"
        http_tokens                 = "required"
        http_put_response_hop_limit = 2
        instance_metadata_tags      = "enabled"
      }
      launch_block_device_mappings {
        device_name = "/dev/sda1"
        volume_size = 20
        volume_type = "gp3"
        throughput  = 250
        iops        = 4000
        encrypted   = true
      }
      run_volume_tag {
        name  = "Of"
        value = "the volume"
      }
    "#;
    workspace(&lab, options).build(&[]);
    let form = &lab.parameters("RunInstances")[0];
    let target = "CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationId";
    has(
        form,
        &[
            (target, "cr-0123456789abcdef0"),
            ("CreditSpecification.CpuCredits", "unlimited"),
            ("EbsOptimized", "true"),
            ("InstanceInitiatedShutdownBehavior", "terminate"),
            ("UserData", "ZWNobyBoZWxsbw=="),
            ("Placement.Tenancy", "dedicated"),
            ("MetadataOptions.HttpTokens", "required"),
            ("MetadataOptions.HttpPutResponseHopLimit", "2"),
            ("MetadataOptions.InstanceMetadataTags", "enabled"),
            ("BlockDeviceMapping.1.Ebs.VolumeType", "gp3"),
            ("BlockDeviceMapping.1.Ebs.Throughput", "250"),
            ("BlockDeviceMapping.1.Ebs.Iops", "4000"),
            ("BlockDeviceMapping.1.Ebs.Encrypted", "true"),
        ],
    );
    // With a reservation the preference is not sent: AWS takes one of the two, and the peer crashes.
    assert!(form.get("CapacityReservationSpecification.CapacityReservationPreference").is_none(), "{form:#}");
    assert!(holds(form, ".Key", "Of") && holds(form, ".Value", "the volume"), "{form:#}");
    assert!(holds(form, "LicenseConfigurationArn", "arn:aws:license-manager:eu-west-1:1:license-configuration:lic-1"));
    assert_eq!(lab.left().len(), 1, "{:#?}", lab.left());
}

#[test]
fn a_spot_instance_comes_from_a_fleet_whose_template_goes() {
    let lab = Lab::start();
    let options = r#"
      spot_price          = "auto"
      spot_instance_types = ["t3.micro", "t3.small"]
      spot_tags           = { Kind = "spot" }
      fleet_tags          = { Kind = "fleet" }
      run_tags            = { Team = "images" }
    "#;
    let workspace = workspace(&lab, options);
    let template = workspace.read("t.pkr.hcl").replace("instance_type = \"t3.micro\"", "");
    workspace.file("t.pkr.hcl", template);
    workspace.build(&[]);
    let form = &lab.parameters("CreateFleet")[0];
    has(form, &[("Type", "instant"), ("TargetCapacitySpecification.TotalTargetCapacity", "1")]);
    assert!(holds(form, "InstanceType", "t3.micro") && holds(form, "InstanceType", "t3.small"), "{form:#}");
    assert!(holds(form, ".Value", "fleet"), "{form:#}");
    let template = &lab.parameters("CreateLaunchTemplate")[0];
    assert!(holds(template, "TagSpecification.1.Tag.1.Value", "spot"), "{template:#}");
    let calls = lab.calls();
    assert!(
        calls.contains(&"DeleteLaunchTemplate".to_owned()) && !calls.contains(&"StopInstances".to_owned()),
        "{calls:?}"
    );
    crate::amazon_ebs::granted(&lab, &["build"]);
    assert_eq!(lab.left().len(), 1, "{:#?}", lab.left());
}

#[test]
fn a_network_is_found_by_its_filters() {
    let lab = Lab::start();
    let workspace = workspace(&lab, "associate_public_ip_address = true\nVPC");
    let (vpc, subnet) = (lab.at("vpc").to_owned(), lab.at("subnet").to_owned());
    // Fewer addresses are free in the second one.
    lab.ask("subnet", &json!(format!("172.30.{}.192/28", lab.number("part"))));
    let filters = format!(
        "vpc_filter {{ filters = {{ vpc-id = {vpc:?} }} }}\nsubnet_filter {{\nfilters = {{ vpc-id = {vpc:?} }}\nmost_free = true\n}}\n\
         security_group_filter {{ filters = {{ group-name = \"default\" }} }}"
    );
    let template = workspace.read("t.pkr.hcl").replace("VPC", &filters);
    let template = template.replace(&format!("vpc_id = {vpc:?}"), "").replace(&format!("subnet_id = {subnet:?}"), "");
    workspace.file("t.pkr.hcl", template);
    workspace.build(&[]);
    let form = &lab.parameters("RunInstances")[0];
    has(form, &[("NetworkInterface.1.SubnetId", &subnet), ("NetworkInterface.1.AssociatePublicIpAddress", "true")]);
    let group = form["NetworkInterface.1.SecurityGroupId.1"].as_str().unwrap();
    assert!(group.starts_with("sg-"), "{form:#}");
    assert!(!lab.calls().contains(&"CreateSecurityGroup".to_owned()));
    let template = workspace.read("t.pkr.hcl").replace("vpc-id = ", "\"tag:Nobody\" = ");
    workspace.file("t.pkr.hcl", template);
    workspace.fail(&["-force"]).says("VPC");
}

#[test]
fn a_temporary_profile_is_made_of_its_policy_and_goes() {
    let lab = Lab::start();
    workspace(&lab, PROFILE).build(&[]);
    let policy = lab.parameters("PutRolePolicy")[0]["PolicyDocument"].as_str().unwrap().to_owned();
    let policy: Value = serde_json::from_str(&policy).unwrap();
    let statement = json!([{ "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"] }]);
    assert_eq!(policy, json!({ "Version": "2012-10-17", "Statement": statement }));
    let name = lab.parameters("RunInstances").last().unwrap()["IamInstanceProfile.Name"].clone();
    assert!(name.as_str().unwrap().starts_with("packer-"), "{name}");
    assert_eq!(lab.left().len(), 1, "the image: {:#?}", lab.left());
}

#[test]
fn a_role_is_assumed_on_top_of_the_credentials() {
    let lab = Lab::start();
    let options = r#"
      assume_role {
        role_arn     = "arn:aws:iam::123456789012:role/builder"
        session_name = "nightly"
        external_id  = "agreed"
        tags         = { Team = "images" }
      }
    "#;
    workspace(&lab, options).build(&[]);
    let form = &lab.parameters("AssumeRole")[0];
    has(
        form,
        &[
            ("RoleArn", "arn:aws:iam::123456789012:role/builder"),
            ("RoleSessionName", "nightly"),
            ("ExternalId", "agreed"),
            ("Tags.member.1.Key", "Team"),
        ],
    );
    let keys = lab.ask("calls", &Value::Null);
    assert!(keys.as_array().unwrap().iter().any(|call| call["action"] == "RunInstances"));
    crate::amazon_ebs::granted(&lab, &["assume", "build"]);
}

#[test]
fn vault_makes_the_keys() {
    let lab = Lab::start();
    let keys = |request: &crate::support::http::Request| {
        let token = if request.target.contains("/sts/") { "\"the-vault-token\"" } else { "null" };
        let keys = format!(
            "\"access_key\": \"AKIAFROMVAULT\", \"secret_key\": \"made-by-vault\", \"security_token\": {token}"
        );
        Some(reply(200, format!("{{\"data\": {{{keys}}}}}")))
    };
    let vault = Server::new(keys);
    // Keys that were just made are not known yet.
    let unknown = json!({ "code": "AuthFailure", "message": "AWS was not able to validate", "status": 401 });
    lab.rules(&json!([{ "call": "DescribeRegions", "times": 2, "error": unknown }]));
    for (more, path) in [
        ("", "/v1/aws/creds/builder"),
        ("role_arn = \"arn:aws:iam::1:role/r\"\nttl = \"1h\"\nengine_name = \"cloud\"", "/v1/cloud/sts/builder"),
    ] {
        let options = format!("vault_aws_engine {{\nname = \"builder\"\n{more}\n}}\nskip_create_ami = true");
        let workspace = workspace(&lab, &options)
            .env("VAULT_ADDR", format!("http://{}", vault.address))
            .env("VAULT_TOKEN", "hvs.token");
        workspace.build(&[]).says_not("made-by-vault");
        assert_eq!(vault.asked().last().unwrap().target, path);
    }
    let ran = workspace(&lab, "vault_aws_engine { name = \"builder\" }").fail(&[]);
    ran.says("vault_aws_engine: VAULT_TOKEN is not set");
}

#[test]
fn an_image_gets_all_that_the_template_says_of_it() {
    let lab = Lab::start();
    let options = r#"
      ami_org_arns      = ["arn:aws:organizations::1:organization/o-1"]
      ami_ou_arns       = ["arn:aws:organizations::1:ou/o-1/ou-1"]
      ami_groups        = ["all"]
      ami_product_codes = ["abc"]
      snapshot_users    = ["111122223333"]
      snapshot_groups   = ["all"]
      imds_support      = "v2.0"
      deprecate_at      = "2036-01-02T03:04:05Z"
      ena_support       = true
      sriov_support     = true
      deregistration_protection { with_cooldown = true }
      fast_launch {
        max_parallel_launches = 7
        target_resource_count = 3
      }
    "#;
    // moto knows no sharing with organisations, and no product codes.
    let fine = json!({ "call": "ModifyImageAttribute", "fine": ["OrganizationArn.1", "OrganizationalUnitArn.1", "ProductCode.1"] });
    let fine_ena = json!({ "call": "ModifyInstanceAttribute", "fine": ["SriovNetSupport.Value", "EnaSupport.Value"] });
    lab.rules(&json!([fine, fine_ena]));
    workspace(&lab, options).build(&[]);
    let changes = lab.parameters("ModifyImageAttribute");
    for (ending, value) in [
        ("OrganizationArn.1", "arn:aws:organizations::1:organization/o-1"),
        ("OrganizationalUnitArn.1", "arn:aws:organizations::1:ou/o-1/ou-1"),
        ("UserGroup.1", "all"),
        ("ProductCode.1", "abc"),
        ("ImdsSupport.Value", "v2.0"),
    ] {
        assert!(changes.iter().any(|form| holds(form, ending, value)), "{ending}: {changes:#?}");
    }
    let shared = lab.parameters("ModifySnapshotAttribute");
    assert!(shared.iter().any(|form| holds(form, "UserId.1", "111122223333")), "{shared:#?}");
    assert!(shared.iter().any(|form| holds(form, "UserGroup.1", "all")), "{shared:#?}");
    let instance = lab.parameters("ModifyInstanceAttribute");
    assert!(instance.iter().any(|form| holds(form, "EnaSupport.Value", "true")), "{instance:#?}");
    assert!(instance.iter().any(|form| holds(form, "SriovNetSupport.Value", "simple")), "{instance:#?}");
    let images = lab.images();
    let asked = &images.as_object().unwrap().values().next().unwrap()["asked"];
    assert_eq!(asked["EnableImageDeprecation"]["DeprecateAt"], "2036-01-02T03:04:05Z");
    assert_eq!(asked["EnableImageDeregistrationProtection"]["WithCooldown"], "true");
    assert_eq!(asked["EnableFastLaunch"]["MaxParallelLaunches"], "7");
    assert_eq!(asked["EnableFastLaunch"]["SnapshotConfiguration.TargetResourceCount"], "3");
}

#[test]
fn encrypted_copies_replace_the_image_they_are_made_of() {
    let mut lab = Lab::start();
    let options = r#"
      encrypt_boot = true
      kms_key_id   = "alias/images"
      ami_regions  = ["eu-central-1"]
      region_kms_key_ids = { eu-central-1 = "alias/elsewhere" }
      snapshot_copy_duration_minutes = 15
    "#;
    let made = workspace(&lab, options);
    made.build(&[]);
    let copies = lab.parameters("CopyImage");
    assert_eq!(copies.len(), 2, "{copies:#?}");
    for key in ["alias/images", "alias/elsewhere"] {
        let copy = copies.iter().find(|form| form["KmsKeyId"] == key).unwrap();
        has(copy, &[("Encrypted", "true"), ("Name", "options-test"), ("SnapshotCopyCompletionDurationMinutes", "15")]);
    }
    assert_eq!(lab.left().len(), 2, "{:#?}", lab.left());
    assert!(artifact(&made).contains(",eu-west-1:ami-"));

    // Without the build region its image is not in the artifact, where the peer lists one that is gone.
    lab.reset();
    let made = workspace(&lab, "skip_save_build_region = true\nami_regions = [\"eu-central-1\", \"us-east-1\"]");
    made.build(&[]);
    let id = artifact(&made);
    assert!(id.starts_with("eu-central-1:ami-") && id.contains(",us-east-1:ami-") && !id.contains("eu-west-1"), "{id}");
    assert_eq!(lab.left().len(), 2, "{:#?}", lab.left());
}

#[test]
fn an_image_that_would_stay_nowhere_is_a_mistake() {
    let lab = Lab::start();
    for options in [
        "skip_save_build_region = true",
        "skip_save_build_region = true\nami_regions = [\"eu-west-1\"]",
        "skip_save_build_region = true\nencrypt_boot = true",
    ] {
        let ran = workspace(&lab, options).run(&["validate", "."]);
        assert_eq!(ran.code, Some(1), "{options}: {}", ran.stdout);
        ran.says("the image would stay in no region").says("skip_save_build_region = true").says("t.pkr.hcl:");
    }
    // Which region it is made in, and where it goes, may come later.
    let late = "variable \"regions\" { default = [\"eu-west-1\"] }\nvariable \"region\" { default = \"\" }\n";
    let made =
        workspace(&lab, "skip_save_build_region = true\nami_regions = var.regions").env("AWS_REGION", "eu-west-1");
    let template = made.read("t.pkr.hcl").replace("region        = \"eu-west-1\"", "region = var.region");
    made.file("t.pkr.hcl", format!("{late}{template}"));
    made.run(&["validate", "."]).succeeded();
    let ran = made.fail(&[]);
    ran.says("the image would stay in no region").says("takes it out of eu-west-1");
    assert!(!lab.calls().contains(&"RunInstances".to_owned()), "{:?}", lab.calls());
    made.run(&["validate", "-var", "region=us-east-1", "."]).succeeded();
}

#[test]
fn what_cannot_be_a_region_or_a_price_is_a_mistake() {
    let lab = Lab::start();
    for (options, said) in [
        ("ami_regions = [\"eu-central-1\", \"\"]", "\"ami_regions\" has an empty name in it"),
        ("spot_price = \"NaN\"", "\"spot_price\" \"NaN\" is not a price"),
        ("spot_price = \"-1\"", "\"spot_price\" \"-1\" is not a price"),
        ("spot_price = \"inf\"", "\"spot_price\" \"inf\" is not a price"),
        ("spot_price = \"cheap\"", "\"spot_price\" \"cheap\" is not a price"),
    ] {
        let ran = workspace(&lab, options).run(&["validate", "."]);
        assert_eq!(ran.code, Some(1), "{options}: {}", ran.stdout);
        ran.says(said).says("t.pkr.hcl:");
    }
    for price in ["0", "auto", "0.01"] {
        workspace(&lab, &format!("spot_price = {price:?}")).run(&["validate", "."]).succeeded();
    }
}

#[test]
fn a_copy_that_fails_takes_the_other_regions_with_it() {
    let mut lab = Lab::start();
    for rule in [
        json!({ "call": "CopyImage", "region": "us-east-1", "error": { "code": "ResourceLimitExceeded", "message": "too many copies" } }),
        json!({ "call": "DescribeImages", "region": "us-east-1", "times": 99, "replace": [["<imageState>available", "<imageState>failed"]] }),
    ] {
        lab.reset();
        lab.rules(&json!([rule]));
        let ran = workspace(&lab, "ami_regions = [\"eu-central-1\", \"us-east-1\", \"us-west-2\"]").fail(&[]);
        ran.says("us-east-1");
        assert_eq!(lab.left(), Vec::<String>::new(), "{}", ran.stdout);
    }
}

#[test]
fn an_image_that_is_waited_for_in_vain_goes() {
    let lab = Lab::start();
    lab.ask("slow", &json!({ "image": 600 }));
    let ran = workspace(&lab, "aws_polling {\ndelay_seconds = 1\nmax_attempts = 2\n}").fail(&[]);
    ran.says("waiting for");
    assert_eq!(lab.left(), Vec::<String>::new(), "{}", ran.stdout);
}

#[test]
fn an_image_of_the_same_name_makes_room_when_asked() {
    let lab = Lab::start();
    let before = workspace(&lab, "ami_regions = [\"eu-central-1\"]");
    before.build(&[]);
    let old = artifact(&before);
    before.fail(&[]).says("is already there in");
    let after =
        workspace(&lab, "ami_regions = [\"eu-central-1\"]\nforce_deregister = true\nforce_delete_snapshot = true");
    after.build(&[]);
    assert_ne!(artifact(&after), old);
    let left = lab.left();
    assert!(left.len() == 2 && left.iter().all(|text| text.starts_with("image ")), "{left:#?}");
    assert!(lab.parameters("DeleteSnapshot").len() >= 2);
}

/// Protection is somebody's decision: replacing by name does not undo it, and says so while nothing has been made.
#[test]
fn a_protected_image_makes_no_room() {
    let lab = Lab::start();
    let regions = "ami_regions = [\"eu-central-1\"]";
    workspace(&lab, regions).build(&[]);
    let images = lab.images();
    let away = images.as_object().unwrap().iter().find(|(_, image)| image["region"] == "eu-central-1").unwrap().0;
    lab.ask("protect", &json!({ "image": away, "with_cooldown": true }));
    lab.ask("forget-calls", &Value::Null);
    let again = workspace(&lab, regions);
    let ran = again.fail(&["-force"]);
    ran.says(&format!("{away} in eu-central-1")).says("protected from deregistration").says("24 hours");
    ran.says(&format!("disable-image-deregistration-protection --region eu-central-1 --image-id {away}"));
    let calls = lab.calls();
    assert!(!calls.iter().any(|call| call == "RunInstances" || call == "DeregisterImage"), "{calls:?}");
    // Protected while the build runs: then no image goes.
    lab.ask("unprotect", &json!(away));
    lab.rules(&json!([{ "call": "StopInstances", "nth": 1, "hold": "after" }]));
    let run = again.start(&["-force"]);
    lab.wait_held();
    lab.ask("protect", &json!({ "image": away, "with_cooldown": false }));
    lab.release();
    let (code, log) = run.end();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("protected from deregistration"), "{log}");
    assert_eq!(lab.images(), images, "{log}");
    lab.ask("unprotect", &json!(away));
    again.build(&["-force"]);
    let made = lab.images();
    assert!(made.as_object().unwrap().len() == 2 && made.get(away).is_none(), "{made:#}");
}

#[test]
fn a_certificate_is_checked_unless_the_template_says_not_to() {
    let lab = Lab::start();
    let endpoint = format!("custom_endpoint_ec2 = {:?}\nmax_retries = 1", lab.at("unsigned"));
    workspace(&lab, &endpoint).fail(&[]).says("certificate");
    workspace(&lab, &format!("{endpoint}\ninsecure_skip_tls_verify = true")).build(&[]);
    assert_eq!(lab.left().len(), 1, "{:#?}", lab.left());
}

#[test]
fn the_proxy_of_the_environment_is_gone_through() {
    let lab = Lab::start();
    // Nobody knows that name: only the proxy, which is the lab itself, leads anywhere.
    let options = "max_retries = 1";
    let workspace = workspace(&lab, options).env("AWS_ENDPOINT_URL", "http://ec2.nowhere.invalid");
    // Several things are looked for at once; whose keys these are is asked before any of them.
    workspace.fail(&[]).says("GetCallerIdentity").says("dns error");
    let through = workspace.env("HTTP_PROXY", lab.at("endpoint"));
    through.build(&[]);
    assert!(!lab.calls().is_empty());
}
