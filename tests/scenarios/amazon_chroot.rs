//! `amazon-chroot` against the lab: the volume is a file behind a loop device of this machine, so mounts are real.
//! It needs root, as the builder does.

use serde_json::{Value, json};

use crate::support::lab::Lab;
use crate::support::leaks::Leaks;
use crate::support::{Workspace, busybox, docker};

const CHROOT: &str = r#"
source "amazon-chroot" "disk" {
  ami_name               = "chroot-test"
  skip_region_validation = true
  command_wrapper        = "env WRAPPED=yes {{.Command}}"
  mount_path             = "MOUNT/{{.Device}}"
  chroot_mounts = [
    ["proc", "proc", "/proc"],
    ["bind", "/dev", "/dev"],
  ]
  source_ami_filter {
    filters     = { name = "ubuntu/images/hvm-ssd/*" }
    owners      = ["099720109477"]
    most_recent = true
  }
  root_volume_tags = { Name = "disk" }
  tags             = { Base = "{{ .SourceAMIName }}" }
  OPTIONS
}
build {
  sources = ["source.amazon-chroot.disk"]
  provisioner "file" {
    source      = "hello.txt"
    destination = "/etc/hello.txt"
  }
  provisioner "file" {
    source      = "tree"
    destination = "/srv"
  }
  provisioner "shell" {
    inline = [
      "test -d /proc/self",
      "grep -v 'of the image' /etc/resolv.conf >/etc/seen",
      "echo device ${build.Device} at ${build.MountPath} wrapped $WRAPPED >/etc/facts",
      "ln -s /etc/hello.txt /etc/link",
    ]
  }
  provisioner "file" {
    source      = "/etc/facts"
    destination = "facts.txt"
    direction   = "download"
  }
  post-processor "manifest" {}
}
"#;

fn chroot(lab: &Lab, options: &str) -> Workspace {
    lab.ask("host", &Value::Null);
    let workspace = Workspace::new("");
    let mount = workspace.path().join("mnt").display().to_string();
    workspace.file("t.pkr.hcl", CHROOT.replace("MOUNT", &mount).replace("OPTIONS", options));
    workspace.file("hello.txt", "hello\n");
    std::fs::create_dir_all(workspace.path().join("tree/sub")).unwrap();
    workspace.file("tree/sub/leaf", "leaf\n");
    let endpoint = lab.at("endpoint").to_owned();
    lab.environment(workspace).env("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint)
}

fn mounts_under(workspace: &Workspace) -> Vec<String> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let under = workspace.path().display().to_string();
    mounts.lines().filter(|line| line.contains(&under)).map(str::to_owned).collect()
}

#[test]
fn an_image_is_made_of_a_volume_mounted_here() {
    let lab = Lab::start();
    let workspace = chroot(&lab, "");
    let ran = workspace.build(&["-sbom", "boms"]);
    ran.says("AMIs were created:");
    // Asked within the volume: this machine's kernel and doors are not the image's.
    ran.says("Taking the inventory...").says_not("Not in the inventory: contents");
    let document = workspace.read("boms/forge-amazon-chroot.disk.cdx.json");
    assert!(document.contains("\"forge:architecture\"") && !document.contains("forge:kernel"), "{document}");
    let images = lab.images();
    let (id, image) = images.as_object().unwrap().iter().next().unwrap();
    assert_eq!(image["tags"]["Base"], "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20260801");
    let look = |path: &str| lab.ask("look", &json!({ "image": id, "path": path }));
    assert_eq!(look("/etc/hello.txt"), "hello\n");
    assert_eq!(look("/srv/sub/leaf"), "leaf\n");
    // The host's file was there while provisioners ran, and the image has its own again.
    assert_ne!(look("/etc/seen"), "");
    assert_eq!(look("/etc/resolv.conf"), "# of the image\n");
    let facts = workspace.read("facts.txt");
    assert!(facts.contains("wrapped yes") && facts.contains("/dev/sd"), "{facts}");
    assert_eq!(lab.left(), vec![format!("image eu-west-1 {id} chroot-test {}", tags(image))]);
    assert!(mounts_under(&workspace).is_empty());
    let manifest: Value = serde_json::from_str(&workspace.read("packer-manifest.json")).unwrap();
    assert_eq!(manifest["builds"][0]["artifact_id"], format!("eu-west-1:{id}"));
    crate::amazon_ebs::granted(&lab, &["build"]);
    let form = &lab.parameters("RegisterImage")[0];
    assert_eq!(form["RootDeviceName"], "/dev/sda1");
    assert_eq!(form["VirtualizationType"], "hvm");
}

/// As the lab prints them.
fn tags(image: &Value) -> String {
    format!("{{'Base': '{}'}}", image["tags"]["Base"].as_str().unwrap())
}

#[test]
fn an_image_from_scratch_is_what_the_commands_make() {
    let lab = Lab::start();
    let options = r#"
      from_scratch            = true
      root_volume_size        = 1
      ami_virtualization_type = "hvm"
      root_device_name        = "xvda"
      mount_partition         = "0"
      pre_mount_commands      = ["/sbin/mke2fs -q -t ext4 {{.Device}}"]
      post_mount_commands     = ["tar -xf rootfs.tar -C {{.MountPath}}", "mkdir -p {{.MountPath}}/proc {{.MountPath}}/dev"]
      ami_block_device_mappings {
        device_name           = "xvda"
        delete_on_termination = true
        volume_type           = "gp3"
      }
    "#;
    let workspace = chroot(&lab, options);
    let template = workspace.read("t.pkr.hcl").replace("grep -v 'of the image' /etc/resolv.conf >/etc/seen", "true");
    let template = template.replace("tags             = { Base = \"{{ .SourceAMIName }}\" }", "");
    workspace.file("t.pkr.hcl", template);
    let container = docker(&["create", &busybox(), "true"]);
    docker(&["export", "-o", workspace.path().join("rootfs.tar").to_str().unwrap(), container.trim()]);
    docker(&["rm", container.trim()]);
    // There is no source image to warn about when the filter is away too.
    workspace.build(&[]).says("the source image is not used");
    let images = lab.images();
    let id = images.as_object().unwrap().keys().next().unwrap();
    assert_eq!(lab.ask("look", &json!({ "image": id, "path": "/etc/hello.txt" })), "hello\n");
    let form = &lab.parameters("CreateVolume")[0];
    assert_eq!((form["VolumeType"].as_str(), form["Size"].as_str()), (Some("gp2"), Some("1")));
    assert_eq!(lab.left().len(), 1, "{:?}", lab.left());
}

#[test]
fn the_device_its_mount_and_copied_files_are_those_of_the_template() {
    let lab = Lab::start();
    let workspace = chroot(&lab, "OPTIONS");
    let at = |name: &str| workspace.path().join(name).display().to_string();
    // As on Nitro, where the kernel gives the disk a name of its own.
    for (name, device) in [("nvme1n1", "/dev/sdp"), ("nvme1n1p1", "/dev/sdp1")] {
        std::os::unix::fs::symlink(device, at(name)).unwrap();
    }
    let options = format!(
        r#"
      device_path         = "/dev/sdp"
      nvme_device_path    = "{}"
      mount_options       = ["noatime", "nodiratime"]
      copy_files          = ["/etc/hosts"]
      root_volume_encrypt_boot = false
      post_mount_commands = ["grep {{{{.MountPath}}}} /proc/mounts >{}"]
    "#,
        at("nvme1n1"),
        at("mounted"),
    );
    let template = workspace.read("t.pkr.hcl").replace("OPTIONS", &options);
    let template = template.replace("grep -v 'of the image' /etc/resolv.conf >/etc/seen", "cp /etc/hosts /etc/seen");
    workspace.file("t.pkr.hcl", template);
    workspace.build(&[]);
    assert_eq!(lab.parameters("AttachVolume")[0]["Device"], "/dev/sdp");
    assert_eq!(lab.parameters("CreateVolume")[0].get("Encrypted"), None, "as the source image is");
    assert!(workspace.read("facts.txt").contains(&at("nvme1n1")), "{}", workspace.read("facts.txt"));
    let mounted = workspace.read("mounted");
    assert!(mounted.contains("noatime") && mounted.contains("nodiratime"), "{mounted}");
    let images = lab.images();
    let id = images.as_object().unwrap().keys().next().unwrap();
    let seen = lab.ask("look", &json!({ "image": id, "path": "/etc/seen" }));
    assert_eq!(seen, std::fs::read_to_string("/etc/hosts").unwrap());
    assert_ne!(lab.ask("look", &json!({ "image": id, "path": "/etc/hosts" })), seen, "it is the image's own again");
}

#[test]
fn credentials_of_the_workflow_are_not_copied() {
    let lab = Lab::start();
    let workspace = chroot(&lab, "copy_files = [\"link\"]");
    workspace.file("gha-creds-0a1b.json", "{}");
    std::os::unix::fs::symlink("gha-creds-0a1b.json", workspace.path().join("link")).unwrap();
    let ran = workspace.run(&["build", "."]);
    assert_eq!(ran.code, Some(1));
    ran.says("gha-creds-0a1b.json holds credentials of the workflow").says("take it out of the list");
    assert_eq!((lab.left(), lab.calls()), (Vec::new(), Vec::<String>::new()), "before anything was asked or made");
}

#[test]
fn nothing_stays_mounted_or_attached_whatever_fails() {
    let finished = |text: &str| text.starts_with("image eu-west-1 ") && text.contains("chroot-test");
    let unmounted = |workspace: &Workspace| assert_eq!(mounts_under(workspace), Vec::<String>::new());
    let leaks = Leaks { workspace: &|lab| chroot(lab, ""), finished: &finished, also: &unmounted };
    leaks.never(&mut Lab::start());
}

#[test]
fn what_was_mounted_by_a_killed_build_is_swept() {
    let lab = Lab::start();
    let workspace = chroot(&lab, "");
    let template = workspace.read("t.pkr.hcl").replace("test -d /proc/self", "sleep 60");
    workspace.file("t.pkr.hcl", template);
    let running = workspace.start(&[]);
    crate::support::wait("the provisioner", || mounts_under(&workspace).len() == 3);
    running.signal("KILL");
    running.end();
    assert!(!mounts_under(&workspace).is_empty());
    let ran = workspace.run(&["sweep"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(mounts_under(&workspace).is_empty(), "{:#?}", mounts_under(&workspace));
    assert_eq!(lab.left(), Vec::<String>::new(), "{}", ran.stdout);
}

#[test]
fn without_an_instance_the_builder_says_so() {
    let lab = Lab::start();
    let workspace = chroot(&lab, "").env("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1");
    let ran = workspace.run(&["build", "."]);
    assert_eq!(ran.code, Some(1));
    ran.says("this builder runs on an EC2 instance");
    let ran = chroot(&lab, "region = \"us-east-1\"").run(&["build", "."]);
    ran.says("a volume can only be attached in its own region");
}

#[test]
fn mistakes_show_at_their_place() {
    let lab = Lab::start();
    for (options, part) in [
        ("from_scratch = true", "\"root_volume_size\" is missing"),
        ("root_device_name = \"xvda\"", "\"ami_block_device_mappings\" is missing beside its other half"),
        ("root_volume_kms_key_id = \"alias/x\"\nroot_volume_encrypt_boot = false", "no use without encryption"),
        ("root_volume_kms_key_id = \"x\"", "\"x\" is not the name of a key"),
        (
            "root_device_name = \"xvda\"\nami_block_device_mappings {\ndevice_name = \"xvda\"\n}",
            "\"root_volume_size\" is missing",
        ),
        ("post_mount_commands = [\"ls {{.MountPath}} {{.Nowhere}}\"]", "there is no field \".Nowhere\""),
        ("device_path = \"xvdf\"", "not the path of a device"),
        ("chroot_mounts = [[\"proc\", \"proc\"]]", "an entry is a list of three"),
    ] {
        let workspace = chroot(&lab, options);
        let template = workspace.read("t.pkr.hcl");
        if options.starts_with("chroot_mounts") {
            let start = template.find("  chroot_mounts = [\n").unwrap();
            let end = template[start..].find("  ]\n").unwrap() + start + 4;
            workspace.file("t.pkr.hcl", format!("{}{}", &template[..start], &template[end..]));
        }
        let ran = workspace.run(&["validate", "."]);
        assert_eq!(ran.code, Some(1), "{options}: {}{}", ran.stdout, ran.stderr);
        ran.says(part);
    }
}

/// The machine lives on, and so would a volume that is attached to it.
#[test]
fn an_attached_volume_of_a_lost_runner_is_swept_by_its_tag() {
    let lab = Lab::start();
    let workspace = chroot(&lab, "");
    lab.rules(&json!([{ "call": "AttachVolume", "nth": 1, "hold": "after" }]));
    let running = workspace.start(&[]);
    lab.wait_held();
    running.signal("KILL");
    running.end();
    lab.release();
    std::fs::remove_dir_all(workspace.state()).unwrap();
    let elsewhere = lab.environment(Workspace::new("")).env("AWS_REGION", "eu-west-1");
    let ran = elsewhere.run(&["sweep", "--aws", "--aws-regions", "eu-west-1", "--older-than", "0s"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    ran.says("removed   volume vol-");
    assert_eq!(lab.left(), Vec::<String>::new(), "{}", ran.stdout);
}
