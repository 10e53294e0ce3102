//! `amazon-ebs` against the lab: what is made, what it is like inside, and how it compares with the peer.

use serde_json::{Value, json};

use crate::support::lab::Lab;
use crate::support::{Workspace, docker, setting};

const WHOLE: &str = r#"
  ami_name        = "web-1"
  ami_description = "from {{ .SourceAMIName }}"
  ami_regions     = ["eu-central-1"]
  ami_users       = ["111122223333"]
  tags            = { Name = "web", Base = "{{ .SourceAMI }}" }
  snapshot_tags   = { Kind = "root" }
  run_tags        = { Team = "images" }
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
    let env = inside("cat /tmp/env");
    assert!(!env.contains("AWS_") && env.contains("PACKER_BUILDER_TYPE=amazon-ebs"), "{env}");
}

/// The same template by both, on the same AWS: the same artifact, tags, sharing and manifest, and no more calls.
#[test]
fn the_peer_makes_the_same_of_the_same_template() {
    let mut lab = Lab::start();
    let mut seen = Vec::new();
    for peer in [true, false] {
        lab.reset();
        // The peer's old release takes tags of the run off the image, so there are none.
        let options = WHOLE.replace("run_tags        = { Team = \"images\" }", "");
        let workspace = with_files(lab.workspace(&options, PROVISION));
        if peer {
            let mut command = workspace.command(&["build", "."]);
            let mut packer = std::process::Command::new(setting("FORGE_TEST_PACKER"));
            packer.args(["build", "."]).current_dir(workspace.path()).env_clear().envs(
                command.get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect::<Vec<_>>(),
            );
            packer.env("CHECKPOINT_DISABLE", "1").env("HOME", workspace.path());
            // The peer's SDK knows no endpoint variable.
            let template = workspace.read("t.pkr.hcl");
            let endpoint = format!("custom_endpoint_ec2 = {:?}\nskip_metadata_api_check = true", lab.at("endpoint"));
            let template = template.replacen("region        =", &format!("{endpoint}\nregion ="), 1);
            workspace.file("t.pkr.hcl", template);
            let output = packer.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            command.stdin(std::process::Stdio::null());
        } else {
            workspace.build(&[]);
        }
        let mut manifest: Value = serde_json::from_str(&workspace.read("packer-manifest.json")).unwrap();
        let shape = manifest["builds"][0]["artifact_id"].as_str().unwrap();
        let shape: String = shape.chars().map(|c| if c.is_ascii_hexdigit() { 'x' } else { c }).collect();
        manifest["builds"][0]["artifact_id"] = json!(shape);
        manifest["builds"][0]["build_time"] = json!(0);
        manifest["builds"][0]["packer_run_uuid"] = json!("");
        manifest["last_run_uuid"] = json!("");
        let mut images: Vec<Value> = lab.images().as_object().unwrap().values().cloned().collect();
        images.sort_by_key(|image| image["region"].to_string());
        for image in &mut images {
            image["asked"] = Value::Null;
        }
        seen.push((manifest, images, lab.calls()));
    }
    let (ours, peers) = (&seen[1], &seen[0]);
    assert_eq!(ours.0, peers.0, "manifest");
    assert_eq!(ours.1, peers.1, "images");
    assert!(ours.2.len() <= peers.2.len(), "{} calls, the peer {}: {:#?}", ours.2.len(), peers.2.len(), ours.2);
}
