//! Mistakes of the user: a clear error with its place, exit code 1, nothing started.

use crate::support::{Ran, Workspace};

const NULL: &str = "source \"null\" \"n\" { communicator = \"none\" }\nbuild { sources = [\"null.n\"] }\n";

fn fails(template: &str, parts: &[&str]) -> Ran {
    let workspace = Workspace::new(template);
    let ran = workspace.fail(&[]);
    for part in parts {
        ran.says(part);
    }
    ran.says_not("panicked").says_not("==>");
    assert_eq!(workspace.journals(), 0);
    ran
}

#[test]
fn templates_that_are_not_there() {
    let workspace = Workspace::new("");
    let ran = workspace.run(&["build", "nowhere"]);
    assert_eq!(ran.code, Some(1));
    ran.says("nowhere cannot be read");
    workspace.fail(&[]).says("holds no template");
    workspace.file("t.txt", "");
    assert_eq!(workspace.run(&["build", "t.txt"]).code, Some(1));
    workspace.file("t.hcl", "");
    workspace.run(&["build", "t.hcl"]).says("rename it so that it ends in .pkr.hcl");
    workspace.file("old.json", "{}");
    workspace.run(&["build", "old.json"]).says("the template has no builders");
}

#[test]
fn unreadable_text() {
    let workspace = Workspace::new("");
    workspace.file("t.pkr.hcl", b"source \xff\xfe");
    workspace.fail(&[]).says("is not UTF-8 text");
    workspace.file("t.pkr.hcl", format!("\u{feff}{}", NULL.replace('\n', "\r\n")));
    workspace.build(&[]);
}

/// As in the peer: blocks, names and types of variables, and no more.
#[test]
fn syntax_only_looks_at_nothing_that_needs_values_or_components() {
    let template = r#"
variable "x" { type = string }
variable "y" {
  default = 5
  validation {
    condition     = var.y > 10
    error_message = "Too small."
  }
}
locals { z = missing(var.x) }
data "acme-image" "d" { a = local.nope }
source "vsphere-iso" "n" { a = var.nope }
build {
  sources = ["source.vsphere-iso.n", "source.none.x"]
  provisioner "acme" { x = missing.y }
}
"#;
    let workspace = Workspace::new(template);
    workspace.run(&["validate", "-syntax-only", "."]).succeeded().says("Syntax-only check passed.");
    workspace.fail(&[]).says("variable \"x\" has no value").says("Too small.");
    workspace.file("t.pkr.hcl", "variable \"x\" {\n  type = number\n  default = \"a\"\n}\nsauce \"x\" {}\n");
    let ran = workspace.run(&["validate", "-syntax-only", "."]);
    assert_eq!(ran.code, Some(1));
    ran.says("has the wrong type").says("unknown block \"sauce\"");
    workspace.file(
        "old.json",
        r#"{"variables": {"a": null, "b": "{{user `none`}}"}, "builders": [{"type": "acme", "x": "{{nope}}"}]}"#,
    );
    workspace.run(&["validate", "-syntax-only", "old.json"]).succeeded();
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let workspace = Workspace::new("");
    std::os::unix::fs::symlink("loop.pkr.hcl", workspace.path().join("loop.pkr.hcl")).unwrap();
    workspace.fail(&[]).says("loop.pkr.hcl cannot be read").says("symbolic links");
    let workspace = Workspace::new("");
    workspace.file("huge.pkr.hcl", vec![b'#'; 17 << 20]);
    workspace.fail(&[]).says("huge.pkr.hcl is larger than 16 MiB");
    for name in ["t.pkr.json", "old.json"] {
        let workspace = Workspace::new("");
        workspace.file(name, b"{\"a\": \"\xff\"}");
        let ran = workspace.run(&["validate", name]);
        assert_eq!(ran.code, Some(1));
        ran.says("is not UTF-8 text");
        workspace.file(name, b"\x00\x01\x02");
        workspace.run(&["validate", name]).says("this is not JSON");
        workspace.file(name, "[".repeat(200_000));
        workspace.run(&["validate", name]).says("this is not JSON").says_not("panicked");
        workspace.file(name, "");
        workspace.run(&["validate", name]).says("the file holds no value");
    }
}

#[test]
fn syntax_errors_name_the_place() {
    fails("source \"null\" \"n\" {\n  communicator = \n}\n", &["syntax error", "t.pkr.hcl:2:"]);
    fails("build {", &["unclosed", "t.pkr.hcl:1:7"]);
}

#[test]
fn a_repeated_key_is_a_warning_and_the_last_one_counts() {
    let template = "locals {\n  tags = {\n    a = \"first\"\n    a = \"last\"\n  }\n}\nsource \"null\" \"n\" { communicator = \"none\" }\nbuild {\n  sources = [\"null.n\"]\n  provisioner \"shell-local\" { inline = [\"echo it is ${local.tags.a}\"] }\n}\n";
    let ran = Workspace::new(template).build(&[]);
    ran.says("warning: key a is set twice").says("t.pkr.hcl:4:5").says("it is last");
}

#[test]
fn all_mistakes_are_shown_at_once() {
    let template = r#"
sauce "null" "n" {}
source "docker" "d" {
  image = "x"
  comit = true
}
build {
  sources = ["docker.d", "docker.e"]
  provisioner "shel" {}
  provisioner "shell" {
    inline = ["x"]
    inlnie = 1
  }
}
"#;
    fails(
        template,
        &[
            "unknown block \"sauce\"",
            "did you mean \"source\"?",
            "unknown option \"comit\"",
            "did you mean \"commit\"?",
            "there is no source \"docker.e\"",
            "unsupported provisioner \"shel\"",
            "unknown option \"inlnie\"",
            "t.pkr.hcl:5:3",
        ],
    );
}

#[test]
fn unknown_functions_and_builders() {
    fails(
        "locals { a = uper(\"x\") }\nsource \"dokcer\" \"d\" {}\nbuild { sources = [\"dokcer.d\"] }",
        &["uper", "did you mean \"upper\"?", "unsupported builder \"dokcer\"", "did you mean \"docker\"?"],
    );
}

#[test]
fn wrong_types_point_at_the_value() {
    fails(
        "source \"docker\" \"d\" {\n  image  = \"x\"\n  commit = \"maybe\"\n}\nbuild { sources = [\"docker.d\"] }",
        &["wrong type of \"commit\"", "t.pkr.hcl:3:12", "a bool is required"],
    );
}

#[test]
fn circles_are_told_with_their_path() {
    fails(
        &format!("locals {{\n  a = local.b\n  b = local.c\n  c = local.a\n}}\n{NULL}"),
        &["locals depend on each other in a circle", "local.a -> local.b -> local.c -> local.a"],
    );
}

#[test]
fn usage_errors_and_unknown_commands_have_the_peers_codes() {
    let workspace = Workspace::new(NULL);
    assert_eq!(workspace.run(&["build", "-nope", "."]).code, Some(1));
    assert_eq!(workspace.run(&["bild", "."]).code, Some(127));
    assert_eq!(workspace.run(&["build", "-on-error=explode", "."]).code, Some(1));
    assert_eq!(workspace.run(&["version"]).code, Some(0));
}

#[test]
fn engine_that_is_not_reachable() {
    let template = "source \"docker\" \"d\" {\n image = \"x\"\n discard = true\n}\nbuild { sources = [\"docker.d\"] }";
    let workspace = Workspace::new(template).env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    workspace.fail(&[]).says("/nowhere/docker.sock").says_not("panicked");
    let workspace = Workspace::new(template).env("DOCKER_HOST", "tcp://127.0.0.1:9");
    workspace.fail(&[]).says("127.0.0.1:9");
}

#[test]
fn base_image_that_is_missing() {
    let registry = crate::support::setting("FORGE_TEST_REGISTRY");
    let template = format!(
        "source \"docker\" \"d\" {{\n image = \"{registry}/forge/none:1\"\n discard = true\n}}\nbuild {{ sources = [\"docker.d\"] }}"
    );
    let workspace = Workspace::new(&template);
    workspace.fail(&[]).says("forge/none:1");
    assert_eq!(workspace.journals(), 0);
}

#[test]
fn scripts_and_uploads_that_are_not_there() {
    let template = r#"
source "docker" "d" {
  image   = "BUSYBOX"
  discard = true
}
build {
  sources = ["docker.d"]
  provisioner "shell" { script = "missing.sh" }
  provisioner "file" {
    source      = "missing.txt"
    destination = "/tmp/x"
  }
}
"#;
    fails(template, &["missing.sh", "missing.txt"]);
}

#[test]
fn provisioners_without_a_machine_are_refused_before_anything_starts() {
    fails(
        "source \"null\" \"n\" { communicator = \"none\" }\nbuild {\n  sources = [\"null.n\"]\n  provisioner \"shell\" { inline = [\"x\"] }\n}",
        &["provisioner \"shell\" needs a machine", "t.pkr.hcl:4:3"],
    );
}

#[test]
fn validate_can_answer_in_json() {
    let template = "variable \"a\" { default = 1 }\nvariable \"a\" { default = 2 }\nsource \"null\" \"n\" { comunicator = \"none\" }\nbuild { sources = [\"null.n\"] }\n";
    let workspace = Workspace::new(template);
    let ran = workspace.run(&["validate", "-json", "."]);
    assert_eq!(ran.code, Some(1));
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((report["valid"].as_bool(), report["error_count"].as_u64()), (Some(false), Some(3)), "{report:#}");
    let found = report["diagnostics"].as_array().unwrap();
    let twice = found.iter().find(|d| d["summary"].as_str().unwrap().contains("twice")).unwrap();
    let start = &twice["range"]["start"];
    assert_eq!((twice["range"]["filename"].as_str(), start["line"].as_u64()), (Some("t.pkr.hcl"), Some(2)));
    assert_eq!((start["column"].as_u64(), start["byte"].as_u64()), (Some(1), Some(29)));
    assert_eq!(twice["related"][0]["range"]["start"]["line"], 1);
    let unknown = found.iter().find(|d| d["summary"].as_str().unwrap().contains("comunicator")).unwrap();
    assert!(unknown["help"].as_str().unwrap().contains("communicator"), "{unknown:#}");
    let ran = Workspace::new(NULL).run(&["validate", "-json", "."]);
    assert_eq!(ran.code, Some(0));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&ran.stdout).unwrap()["valid"], true);
}

#[test]
fn annotations_on_actions() {
    let workspace =
        Workspace::new("source \"null\" \"n\" {\n  comunicator = \"none\"\n}\nbuild { sources = [\"null.n\"] }")
            .env("GITHUB_ACTIONS", "true");
    workspace
        .fail(&[])
        .says("::error file=t.pkr.hcl,line=2,endLine=2,col=3,endColumn=14::unknown option \"comunicator\"");
}

/// Texts that are rendered while a build runs are checked before it does, with the fields that they will see.
#[test]
fn late_texts_are_checked_with_their_fields() {
    let null = "source \"null\" \"n\" {\n  communicator = \"none\"\n}\n";
    let docker = |options: &str| format!("source \"docker\" \"n\" {{\nimage = \"x\"\ndiscard = true\n{options}\n}}\n");
    let build =
        |source: &str, kind: &str, step: &str| format!("{source}build {{\n  sources = [\"{kind}.n\"]\n  {step}\n}}\n");
    let shell =
        |command: &str| format!("provisioner \"shell\" {{\ninline = [\"true\"]\nexecute_command = {command}\n}}");
    let local = |command: &str| {
        format!("provisioner \"shell-local\" {{\ninline = [\"true\"]\nexecute_command = [{command}]\n}}")
    };
    let post = |kind: &str, option: &str| format!("post-processor \"{kind}\" {{\n{option}\n}}");
    for (template, option, known) in [
        (build(&docker("run_command = [\"-d\", \"{{.Nope}}\"]"), "docker", ""), "run_command", "known here: .Image;"),
        (build(&docker(""), "docker", &shell("\"{{.Vars}} {{.Nope}}\"")), "execute_command", ".Path, "),
        (build(null, "null", &local("\"{{if .Vars}}{{.Nope}}{{end}}\"")), "execute_command", ".Script, "),
        (build(null, "null", &post("compress", "output = \"{{.Nope}}.zip\"")), "output", ".BuilderType, "),
        (build(null, "null", &post("checksum", "output = \"{{.Nope}}\"")), "output", ".ChecksumType, "),
        (build(null, "null", &post("manifest", "custom_data = { x = \"{{.Nope}}\" }")), "custom_data", ".ID, "),
    ] {
        let ran = fails(&template, &["there is no field \".Nope\"", option, known, "t.pkr.hcl:"]);
        ran.says("to keep it as text");
        Workspace::new(&template.replace(".Nope", " timestamp ")).run(&["validate", "."]).succeeded();
    }
    let template = build(null, "null", &local("\"{{ split `a` `-` 3 }}\""));
    fails(&template, &["execute_command", "\"a\" split at \"-\" has no piece 3"]);
    let template = build(null, "null", &local("\"{{ user `a` }}\""));
    fails(&template, &["there are no user variables in HCL", "write `${var.a}`"]);
}
