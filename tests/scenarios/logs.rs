//! Diagnostic logs: apart from the build's output, redacted, in the form that was asked for.

use crate::support::Workspace;

const TEMPLATE: &str = r#"
variable "password" {
  sensitive = true
  default   = "correct-horse"
}
source "docker" "d" {
  image   = "BUSYBOX"
  pull    = false
  discard = true
}
build {
  sources = ["docker.d"]
  provisioner "shell" { inline = ["echo the guest says ${var.password}"] }
}
"#;

#[test]
fn they_are_off_unless_asked_for() {
    let ran = Workspace::new(TEMPLATE).build(&[]);
    assert_eq!(ran.stderr, "");
}

#[test]
fn they_tell_steps_and_requests_on_standard_error() {
    for (name, value) in [("FORGE_LOG", "debug"), ("PACKER_LOG", "1"), ("RUNNER_DEBUG", "1")] {
        let ran = Workspace::new(TEMPLATE).env(name, value).build(&[]);
        for part in ["INFO", "phase started", "Provision", "component=\"shell\"", "/containers/create", "run finished"]
        {
            assert!(ran.stderr.contains(part), "{name}: {part} is missing in:\n{}", ran.stderr);
        }
        assert!(!ran.stdout.contains("phase started"), "{}", ran.stdout);
        ran.says_not("correct-horse").says("the guest says <sensitive>");
    }
    let ran = Workspace::new(TEMPLATE).env("FORGE_LOG", "warn").build(&[]);
    assert_eq!(ran.stderr, "");
}

#[test]
fn they_can_be_json_in_a_file() {
    let workspace = Workspace::new(TEMPLATE).env("FORGE_LOG_FILE", "forge.log").env("FORGE_LOG_FORMAT", "json");
    let ran = workspace.build(&[]);
    assert_eq!(ran.stderr, "");
    let log = workspace.read("forge.log");
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps = lines.iter().filter(|line| line["fields"]["message"] == "step started").count();
    assert_eq!(steps, 1, "{log}");
    assert!(!log.contains("correct-horse"));
}

#[test]
fn a_wrong_setting_is_an_error() {
    for (name, value) in [("FORGE_LOG_FORMAT", "xml"), ("FORGE_LOG_FILE", "/nowhere/x"), ("FORGE_LOG", "a=b=c")] {
        let ran = Workspace::new(TEMPLATE).env("PACKER_LOG", "1").env(name, value).fail(&[]);
        ran.says(name);
    }
}
