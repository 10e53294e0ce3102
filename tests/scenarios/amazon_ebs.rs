//! `amazon-ebs` against the lab: what is made, what it is like inside, and how it compares with the peer.

use serde_json::{Value, json};

use crate::support::lab::Lab;
use crate::support::policies::granted_but;
use crate::support::{Workspace, docker, setting};

pub(crate) use crate::support::policies::granted;

const WHOLE: &str = r#"
  ami_name        = "web-1"
  ami_description = "from {{ .SourceAMIName }}"
  ami_regions     = ["eu-central-1"]
  ami_users       = ["111122223333"]
  tags            = { Name = "web", Base = "{{ .SourceAMI }}" }
  snapshot_tags   = { Kind = "root" }
  run_tags        = { Team = "images" }
  ssh_clear_authorized_keys = true
"#;

const PROVISION: &str = r#"
  provisioner "shell" {
    inline = ["echo hello from $(whoami) on ${build.SourceAMI}", "echo page | sudo tee /page", "env | sort > /tmp/env", "mkdir /tmp/files"]
  }
  provisioner "file" {
    source      = "files/"
    destination = "/tmp/files"
  }
  provisioner "file" {
    source      = "one"
    destination = "/tmp/one"
  }
  provisioner "shell-local" {
    inline = ["env > here.txt", "echo the secret is the-secret-access-key"]
  }
  post-processor "manifest" {
    custom_data = { source = "${build.SourceAMIName}" }
  }
"#;

fn with_files(workspace: Workspace) -> Workspace {
    workspace.file("files/a/b.txt", "deep");
    workspace.file("files/c.txt", "c");
    workspace.file("one", "one file");
    workspace
}

/// The ids of the manifest's only artifact, by region.
fn ids(workspace: &Workspace) -> Vec<(String, String)> {
    let manifest: Value = serde_json::from_str(&workspace.read("packer-manifest.json")).unwrap();
    let id = manifest["builds"][0]["artifact_id"].as_str().unwrap().to_owned();
    id.split(',').map(|pair| pair.split_once(':').unwrap()).map(|(r, i)| (r.to_owned(), i.to_owned())).collect()
}

#[test]
fn an_image_is_made_copied_shared_and_tagged_and_nothing_else_stays() {
    let lab = Lab::start();
    let workspace = with_files(lab.workspace(WHOLE, PROVISION));
    let ran = workspace.build(&[]);
    ran.says("hello from ubuntu on ami-0aaaaaaaaaaaa0002");
    ran.says("Build 'amazon-ebs.web' finished");
    // Local commands get no credentials, and nothing printed shows them.
    assert!(!workspace.read("here.txt").contains("AWS_SECRET_ACCESS_KEY"), "{}", workspace.read("here.txt"));
    ran.says_not("the-secret-access-key");
    let ids = ids(&workspace);
    let regions: Vec<&str> = ids.iter().map(|(region, _)| region.as_str()).collect();
    assert_eq!(regions, ["eu-central-1", "eu-west-1"]);
    let images = lab.images();
    for (region, id) in &ids {
        let image = &images[id];
        assert_eq!(image["region"], json!(region));
        assert_eq!(image["name"], "web-1");
        assert_eq!(image["description"], "from ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20260801");
        let tags = json!({ "Name": "web", "Base": "ami-0aaaaaaaaaaaa0002", "Team": "images" });
        assert_eq!(image["tags"], tags, "ours are taken off, the instance's stay");
        assert_eq!(image["snapshot_tags"][0]["Kind"], "root");
        assert_eq!(image["permissions"], json!([{ "UserId": "111122223333" }]));
    }
    let left = lab.left();
    assert_eq!(left.len(), 2, "only the images: {left:#?}");
    assert_eq!(workspace.journals(), 0);
    // What is in the image.
    let (_, id) = &ids[1];
    let inside = |command: &str| {
        docker(&["run", "--rm", "--entrypoint", "/bin/sh", &format!("forge-lab/ami:{id}"), "-c", command])
    };
    assert_eq!(inside("cat /page /tmp/files/a/b.txt /tmp/files/c.txt /tmp/one"), "page\ndeepcone file");
    assert_eq!(inside("stat -c %U /tmp/one"), "ubuntu");
    assert_eq!(inside("ls /tmp | grep script_ || true"), "", "scripts are removed");
    assert_eq!(inside("cat /home/ubuntu/.ssh/authorized_keys"), "", "the temporary key is taken out");
    let env = inside("cat /tmp/env");
    assert!(!env.contains("AWS_") && env.contains("PACKER_BUILDER_TYPE=amazon-ebs"), "{env}");
}

/// The example by both, on the same AWS: the same artifact, tags, sharing and manifest, and no more calls.
#[test]
fn the_peer_makes_the_same_of_the_example() {
    let mut lab = Lab::start();
    let mut seen = Vec::new();
    for peer in [true, false] {
        lab.reset();
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/amazon-ebs");
        let mut template = std::fs::read_to_string(format!("{example}/web.pkr.hcl")).unwrap();
        if peer {
            // Its SDK knows no endpoint variable.
            let endpoint = format!(
                "custom_endpoint_ec2 = {:?}\nskip_metadata_api_check = true\nskip_credential_validation = true",
                lab.at("endpoint")
            );
            template = template.replacen("  region        =", &format!("{endpoint}\n  region ="), 1);
        }
        let workspace = lab
            .environment(Workspace::new(&template))
            .env("PKR_VAR_vpc_id", lab.at("vpc"))
            .env("PKR_VAR_subnet_id", lab.at("subnet"))
            .env("PKR_VAR_ssh_interface", "private_ip")
            .env("PKR_VAR_share_with", "[\"111122223333\"]");
        workspace.file("site/about.html", std::fs::read(format!("{example}/site/about.html")).unwrap());
        let mut ours = workspace.command(&["build", "."]);
        let mut command = match peer {
            false => ours,
            true => {
                let mut packer = std::process::Command::new(setting("FORGE_TEST_PACKER"));
                packer.args(["build", "."]).current_dir(workspace.path()).env_clear();
                packer.envs(ours.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))));
                packer.env("CHECKPOINT_DISABLE", "1").env("HOME", workspace.path());
                ours.env_clear();
                packer
            }
        };
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let mut manifest: Value = serde_json::from_str(&workspace.read("manifest.json")).unwrap();
        let id = manifest["builds"][0]["artifact_id"].as_str().unwrap().to_owned();
        let shape: String = id.chars().map(|c| if c.is_ascii_hexdigit() { 'x' } else { c }).collect();
        manifest["builds"][0]["artifact_id"] = json!(shape);
        manifest["builds"][0]["build_time"] = json!(0);
        manifest["builds"][0]["packer_run_uuid"] = json!("");
        manifest["last_run_uuid"] = json!("");
        let mut images: Vec<Value> = lab.images().as_object().unwrap().values().cloned().collect();
        images.sort_by_key(|image| image["region"].to_string());
        for image in &mut images {
            image["asked"] = Value::Null;
            assert!(image["name"].as_str().unwrap().starts_with("web-1"), "{image}");
            image["name"] = json!("");
        }
        let left = lab.left();
        assert_eq!(left.len(), 2, "{left:#?}");
        let made = id.split(':').next_back().unwrap();
        let page =
            ["run", "--rm", "--entrypoint", "/bin/cat", &format!("forge-lab/ami:{made}"), "/var/www/html/index.html"];
        assert!(docker(&page).contains("Built from ubuntu/images"), "the page is in the image");
        seen.push((manifest, images, lab.calls()));
    }
    let (ours, peers) = (&seen[1], &seen[0]);
    assert_eq!(ours.0, peers.0, "manifest");
    assert_eq!(ours.1, peers.1, "images");
    assert!(ours.2.len() <= peers.2.len(), "{} calls, the peer {}: {:#?}", ours.2.len(), peers.2.len(), ours.2);
}

/// The policies of `docs/aws.md` grant what builds and sweeps call.
#[test]
fn the_documented_policies_grant_the_calls_that_are_made() {
    let lab = Lab::start();
    let everything = r#"
      communicator           = "none"
      ami_name               = "policies"
      ami_regions            = ["eu-central-1"]
      encrypt_boot           = true
      ami_groups             = ["all"]
      snapshot_groups        = ["all"]
      tags                   = { Name = "x" }
      deprecate_at           = "2030-01-01T00:00:00Z"
      ena_support            = true
      imds_support           = "v2.0"
      deregistration_protection {
        enabled = true
      }
      temporary_iam_instance_profile_policy_document {
        Statement {
          Effect   = "Allow"
          Action   = ["s3:GetObject"]
          Resource = ["*"]
        }
      }
    "#;
    let workspace = lab.workspace(everything, "");
    workspace.file("t.pkr.hcl", workspace.read("t.pkr.hcl").replace("skip_region_validation = true", ""));
    workspace.build(&[]);
    granted(&lab, &["build"]);
    lab.ask("forget-calls", &Value::Null);
    workspace.file("t.pkr.hcl", workspace.read("t.pkr.hcl").replace("\"policies\"", "\"policies-again\""));
    lab.rules(&json!([{ "call": "CreateImage", "nth": 1, "hold": "after" }]));
    lab.kill_when_held(&workspace, &["-force"]);
    lab.ask("forget-calls", &Value::Null);
    let swept = lab.environment(Workspace::new("")).env("AWS_REGION", "eu-west-1");
    swept.run(&["sweep", "--aws", "--older-than", "0s", "--aws-regions", "eu-west-1,eu-central-1"]).succeeded();
    granted(&lab, &["sweep"]);
}

/// A preview looks, and the first call that would create something is refused it.
#[test]
fn a_preview_needs_to_look_only() {
    let lab = Lab::start();
    let options = format!(
        "communicator = \"none\"\nami_name = \"preview\"\nami_regions = [\"eu-central-1\"]\n\
         associate_public_ip_address = true\niam_instance_profile = \"builder\"\n\
         security_group_filter {{\nfilters = {{ vpc-id = {:?} }}\n}}",
        lab.at("vpc")
    );
    let workspace = lab.workspace(&options, "");
    let template = workspace.read("t.pkr.hcl").replace("skip_region_validation = true", "");
    let template = template.replace(
        &format!("subnet_id = {:?}", lab.at("subnet")),
        "subnet_filter {\nfilters = { state = \"available\" }\n}",
    );
    workspace.file("t.pkr.hcl", template);
    let refused = json!({ "code": "UnauthorizedOperation", "message": "not by a preview", "status": 403 });
    lab.rules(&json!([{ "call": "RunInstances", "error": refused }]));
    lab.ask("profile", &json!("builder"));
    workspace.fail(&[]).says("not by a preview");
    let calls = lab.calls();
    let looks: Vec<&String> = calls.iter().filter(|call| *call != "RunInstances").collect();
    assert!(
        looks.len() >= 7 && looks.iter().all(|call| call.starts_with("Describe") || call.starts_with("Get")),
        "{calls:?}"
    );
    granted_but(&lab, &["preview"], &["RunInstances", "TerminateInstances", "DescribeInstances", "DescribeVolumes"]);
}

/// Nothing is asked of AWS to check a template.
#[test]
fn templates_are_checked_without_an_account() {
    let old = r#"{
      "variables": { "regions": "eu-central-1,us-east-1" },
      "builders": [{
        "type": "amazon-ebs", "region": "eu-west-1", "instance_type": "t2.micro", "ssh_username": "ubuntu",
        "source_ami_filter": { "filters": { "name": "ubuntu/*" }, "owners": "099720109477", "most_recent": "true" },
        "ami_name": "x-{{timestamp}}", "ami_regions": "{{user `regions`}}", "tags": { "Base": "{{ .SourceAMI }}" },
        "launch_block_device_mappings": [{ "device_name": "/dev/sda1", "volume_size": "20", "volume_type": "gp2" }],
        "ssh_timeout": "10m", "ssh_agent_auth": false
      }],
      "provisioners": [{ "type": "shell", "inline": ["true"] }]
    }"#;
    let workspace = Workspace::new("");
    workspace.file("old.json", old);
    workspace.run(&["validate", "old.json"]).succeeded();
    let wrong = r#"
      source "amazon-ebs" "x" {
        region                  = "eu-west-1"
        ami_name                = "a*"
        instance_typ            = "t3.micro"
        temporary_key_pair_type = "ecdsa"
        kms_key_id              = "zzz"
        ssh_interface           = "session_manager"
        fast_launch {
          template_version = 3
        }
        launch_block_device_mappings {
          device_name = "/dev/sda1"
          volume_type = "gp3"
          iops        = 10
        }
      }
      build { sources = ["source.amazon-ebs.x"] }
    "#;
    let ran = Workspace::new(wrong).run(&["validate", "."]);
    assert_eq!(ran.code, Some(1));
    for part in [
        "'*' is not among letters",
        "did you mean \"instance_type\"?",
        "EC2 makes no key pairs of type \"ecdsa\"",
        "set encrypt_boot = true",
        "Session Manager needs an instance profile",
        "\"template_version\" of no template",
        "3000 to 16000 for gp3",
        "neither \"source_ami\" nor \"source_ami_filter\"",
        "option \"ssh_username\" is missing",
        "t.pkr.hcl:5:",
    ] {
        ran.says(part);
    }
}
