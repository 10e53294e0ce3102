//! Templates of the old JSON format: built as they are, and upgraded.

use std::process::Command;

use crate::support::{Workspace, setting};

const OLD: &str = r#"{
  "_comment": "an old friend",
  "variables": {
    "greeting": "{{user `word`}} world",
    "word": "{{env `WORD`}}",
    "run": "{{ .Vars }} echo by-hand; {{ .Vars }} sh {{ .Script }}",
    "token": "hunter2-hunter2"
  },
  "sensitive-variables": ["token"],
  "builders": [
    {"type": "null", "name": "two", "communicator": "none"},
    {"type": "null", "communicator": "none"}
  ],
  "provisioners": [
    {"type": "shell-local", "inline": "echo {{user `greeting`}} of {{build_name}},echo {{user `token`}} ${HOME:+home}"},
    {"type": "shell-local", "only": ["two"], "inline": ["echo only two {{build `ConnType`}}"]},
    {
      "type": "shell-local",
      "inline": ["echo plain"],
      "execute_command": ["/bin/sh", "-c", "{{user `run`}}"],
      "override": {"null": {"inline": ["echo overridden"]}}
    }
  ],
  "post-processors": [["manifest", {"type": "shell-local", "inline": ["echo after"]}]]
}"#;

fn old() -> Workspace {
    let workspace = Workspace::new("").env("WORD", "hello");
    workspace.file("old.json", OLD);
    workspace
}

#[test]
fn an_old_template_is_built_unchanged() {
    let workspace = old();
    let ran = workspace.run(&["build", "old.json"]);
    ran.succeeded();
    ran.says("==> null: hello world of null").says("==> two: hello world of two");
    ran.says("==> two: only two none").says_not("==> null: only two");
    ran.says("==> null: by-hand").says("==> null: overridden").says("==> two: plain");
    ran.says("<sensitive> home").says_not("hunter2");
    ran.says("(shell-local): after");
    let only = workspace.run(&["build", "-only=two", "-var", "greeting=bye", "old.json"]);
    only.succeeded().says("==> two: bye of two").says_not("==> null:");
    let manifest: serde_json::Value = serde_json::from_str(&workspace.read("packer-manifest.json")).unwrap();
    assert_eq!(manifest["builds"].as_array().unwrap().len(), 3);
}

#[test]
fn variables_come_from_files_and_flags_and_may_be_undeclared() {
    let workspace = old();
    workspace.file("v.json", r#"{"word": "file", "count": 3}"#);
    let ran = workspace.run(&["build", "-only=null", "-var-file=v.json", "old.json"]);
    ran.succeeded().says("file world of null");
    let ran = workspace.run(&["build", "-only=null", "-var-file=v.json", "-var=word=flag", "old.json"]);
    ran.succeeded().says("flag world of null");
    workspace.file("v.json", "[1]");
    let ran = workspace.run(&["build", "-var-file=v.json", "old.json"]);
    assert_eq!(ran.code, Some(1));
    ran.says("this is not a JSON object").says("v.json:1:1");
}

#[test]
fn an_old_template_may_come_by_standard_input_with_mark_and_carriage_returns() {
    let workspace = old();
    let text = format!("\u{feff}{}", OLD.replace('\n', "\r\n"));
    let file = workspace.file("crlf.json", text);
    let mut command = workspace.command(&["build", "-only=two", "-"]);
    let output = command.stdin(std::fs::File::open(file).unwrap()).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && shown.contains("==> two: hello world of two"), "{shown}");
}

#[test]
fn a_folder_may_mix_both_syntaxes() {
    let workspace = Workspace::new("locals { greeting = \"hello ${var.who}\" }\n");
    workspace.file(
        "b.pkr.json",
        r#"{
  "variable": {"who": {"type": "string", "default": "you"}},
  "source": {"null": {"n": {"communicator": "none"}}},
  "build": {"sources": ["null.n"], "provisioner": {"shell-local": {"inline": ["echo ${local.greeting}"]}}}
}"#,
    );
    workspace.file("x.auto.pkrvars.json", r#"{"who": "me"}"#);
    workspace.build(&[]).says("==> null.n: hello me");
    workspace.file("b.pkr.json", "{\n  \"source\": {\"null\": {\"n\": {\"communicatr\": \"none\"}}}\n}");
    workspace.file("c.pkr.hcl", "build { sources = [\"null.n\"] }\nvariable \"who\" {}\n");
    workspace.fail(&[]).says("b.pkr.json:2:30").says("did you mean \"communicator\"?");
}

#[test]
fn mistakes_are_shown_where_they_are_written() {
    let workspace = Workspace::new("");
    let fails = |text: &str, parts: &[&str]| {
        workspace.file("old.json", text);
        let ran = workspace.run(&["validate", "old.json"]);
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        parts.iter().for_each(|part| {
            ran.says(part);
        });
        ran.says_not("panicked");
    };
    fails("{\n  \"builders\": [\n}", &["this is not JSON", "old.json:3:1"]);
    fails("{\"builders\": []}", &["the template has no builders"]);
    fails("{\"builders\": [], \"bilders\": 1}", &["unknown key \"bilders\"", "did you mean \"builders\"?"]);
    fails("{\"builders\": [{\"type\": \"null\", \"type\": \"x\"}]}", &["\"type\" is set twice", "first set here"]);
    fails(
        "{\"builders\": [{\"type\": \"null\",\n  \"communicator\": \"none\",\n  \"comunicator\": \"\"}]}",
        &["unknown option \"comunicator\"", "old.json:3:4", "did you mean \"communicator\"?"],
    );
    fails(
        "{\"variables\": {\"a\": \"{{user `b`}}\", \"b\": \"{{user `a`}}\"}, \"builders\": [{\"type\": \"null\", \"communicator\": \"none\"}]}",
        &["circle", "a -> b -> a"],
    );
    fails(
        "{\"builders\": [{\"type\": \"null\", \"communicator\": \"none\"}], \"provisioners\": [{\"type\": \"shell-local\", \"inline\": [\"echo {{nope}}\"]}]}",
        &["function \"nope\" not defined", "to keep it as text"],
    );
    fails(
        "{\"builders\": [{\"type\": \"null\", \"communicator\": \"none\"}], \"provisioners\": [{\"type\": \"shell-local\", \"inline\": [\"echo {{env `HOME`}}\"]}]}",
        &["the environment can be read in \"variables\" only"],
    );
}

#[test]
fn an_upgraded_template_does_the_same() {
    let workspace = old();
    let ran = workspace.run(&["hcl2_upgrade", "-output-file=new/t.pkr.hcl", "old.json"]);
    ran.succeeded().says("Successfully created new/t.pkr.hcl. Exit 0");
    workspace.run(&["fmt", "-check", "new"]).succeeded();
    let ran = workspace.run(&["build", "-var", "run={{ .Vars }} sh {{ .Script }}", "new"]);
    ran.succeeded().says("==> null.two: hello world of two").says("==> null.two: only two none");
    ran.says("overridden").says("<sensitive> ").says_not("hunter2");
    let ran = workspace.run(&["init", "old.json"]);
    assert_eq!(ran.code, Some(1));
    ran.says("cannot name the plugins it needs");
    let ran = workspace.run(&["hcl2_upgrade", "new/t.pkr.hcl"]);
    assert_eq!(ran.code, Some(1));
    ran.says("is no template of the old JSON format");
}

/// What the builder is called comes from variables; who speaks of it in the template writes the same.
#[test]
fn names_of_builders_may_be_of_variables() {
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/old_names_of_variables.json");
    let workspace = Workspace::new("");
    let ran = workspace.run(&["build", old]);
    ran.succeeded().says("==> web-1: name web-1 web-1").says("==> web-1: overridden").says("==> two: over");
    ran.says_not("==> two: name");
    let manifest: serde_json::Value = serde_json::from_str(&workspace.read("packer-manifest.json")).unwrap();
    assert_eq!((&manifest["builds"][0]["name"], &manifest["builds"][1]), (&"web-1".into(), &serde_json::Value::Null));
    let ran = workspace.run(&["build", "-only=web-2", "-var", "number=2", old]);
    ran.succeeded().says("==> web-2: overridden").says_not("==> two");
    let ran = workspace.run(&["build", "-var", "full=two", old]);
    assert_eq!(ran.code, Some(1));
    ran.says("there are two builders with the name \"two\"");
    workspace.run(&["hcl2_upgrade", "-output-file=new/t.pkr.hcl", old]).succeeded();
    let ran = workspace.run(&["build", "new"]);
    ran.succeeded().says("==> null.web-1: overridden").says("==> null.two: over");
}

/// What only the old format takes is written as what it stands for.
#[cfg(feature = "aws")]
#[test]
fn loose_values_are_upgraded_to_what_they_mean() {
    let loose = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/old_amazon_loose_types.json");
    let workspace = Workspace::new("");
    workspace.run(&["hcl2_upgrade", "-output-file=t.pkr.hcl", loose]).succeeded();
    let text = workspace.read("t.pkr.hcl");
    for line in [
        "  ami_groups             = [\"all\"]\n",
        "  ena_support            = true\n",
        "  force_delete_snapshot  = false\n",
        "    A = \"1\"\n    B = \"1\"\n    C = \"1.5\"\n    D = \"\"\n    E = \"\"\n",
        "    a = \"b\"\n    c = \"d\"\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    assert!(!text.contains("encrypted"), "{text}");
    workspace.run(&["validate", "."]).succeeded();
    let nodes = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/old_amazon_nodes.json");
    workspace.run(&["hcl2_upgrade", "-output-file=t.pkr.hcl", nodes]).succeeded();
    let text = workspace.read("t.pkr.hcl");
    assert!(text.contains(r#"= "${var.encrypted}" == "" ? null : "${var.encrypted}""#), "{text}");
    assert!(text.contains(r#"= compact(split(",", "${var.ami_regions}"))"#), "{text}");
    workspace.run(&["validate", "."]).succeeded();
    let set = ["validate", "-var=encrypted=true", "-var=ami_regions=eu-west-1,eu-west-2", "."];
    workspace.run(&set).succeeded();

    // The environment may have nothing for a variable.
    let builder = r#"{"type": "amazon-ebs", "region": "eu-west-1", "source_ami": "ami-1", "instance_type": "t3.micro",
        "ssh_username": "u", "ami_name": "of-env", "ena_support": "{{user `e`}}", "ami_regions": "{{user `e`}}"}"#;
    let variables = "{\"e\": \"{{ env `NOBODY_SETS_THIS` }}\"}";
    workspace.file("env.json", format!("{{\"variables\": {variables}, \"builders\": [{builder}]}}"));
    workspace.run(&["hcl2_upgrade", "-output-file=t.pkr.hcl", "env.json"]).succeeded();
    workspace.run(&["validate", "."]).succeeded();
}

#[test]
fn builders_that_nobody_knows_are_upgraded_by_guess_and_said() {
    let workspace = Workspace::new("");
    workspace
        .file("old.json", r#"{"builders": [{"type": "acme", "a": {"b": "c"}, "d": {"e": [1]}, "f": [{"g": 1}]}]}"#);
    let ran = workspace.run(&["hcl2_upgrade", "old.json"]);
    assert_eq!(ran.code, Some(1));
    ran.says("acme").says("Successfully created old.json.pkr.hcl. Exit 1");
    let text = workspace.read("old.json.pkr.hcl");
    assert!(text.contains("  a = {\n    b = \"c\"\n  }\n  d {\n    e = [1]\n  }\n  f {\n    g = 1\n  }\n"), "{text}");
}

/// A template with every old option that a fixer knows, by the peer and by forge.
#[test]
fn fix_prints_what_the_peer_prints() {
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/fix/old.json");
    let workspace = Workspace::new("");
    let ours = workspace.run(&["fix", "-validate=false", old]);
    ours.succeeded();
    let mut packer = Command::new(setting("FORGE_TEST_PACKER"));
    let theirs = packer.args(["fix", "-validate=false", old]).env("CHECKPOINT_DISABLE", "1").output().unwrap();
    assert!(theirs.status.success());
    assert_eq!(ours.stdout, String::from_utf8(theirs.stdout).unwrap());
    let before = std::fs::read_to_string(old).unwrap();
    assert_ne!(
        serde_json::from_str::<serde_json::Value>(&before).unwrap(),
        serde_json::from_str::<serde_json::Value>(&ours.stdout).unwrap()
    );
}

#[test]
fn fix_refuses_what_it_cannot_read() {
    let workspace = Workspace::new("");
    for (text, said) in [
        ("{\n  \"builders\": [,]\n}", "old.json:2:16"),
        ("[]", "this is no template of the old JSON format"),
        ("{\"builders\": []}", "the template has no builders"),
    ] {
        workspace.file("old.json", text);
        let ran = workspace.run(&["fix", "old.json"]);
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        ran.says(said);
    }
    workspace.file("old.json", r#"{"builders": [{"type": "vmware", "iso_md5": "x"}]}"#);
    let fixed = workspace.run(&["fix", "old.json"]);
    fixed.succeeded().says("\"vmware-iso\"").says("\"md5:x\"");
    let ran = workspace.run(&["fix", "t.pkr.hcl"]);
    assert_eq!(ran.code, Some(1));
}
