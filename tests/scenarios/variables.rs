//! Values of variables, in the peer's precedence and by its parsing rules.

use crate::support::Workspace;

/// Builds with the null builder and prints the variable through a local command.
const TEMPLATE: &str = r#"
variable "word" { default = "default" }
variable "list" {
  type    = list(string)
  default = []
}
source "null" "n" { communicator = "none" }
build {
  sources = ["null.n"]
  provisioner "shell-local" { inline = ["echo word=${var.word} list=${join("+", var.list)}"] }
}
"#;

#[test]
fn later_origins_win() {
    let workspace = Workspace::new(TEMPLATE);
    workspace.build(&[]).says("word=default list=");
    let workspace = workspace.env("PKR_VAR_word", "env");
    workspace.build(&[]).says("word=env list=");
    workspace.file("a.auto.pkrvars.hcl", "word = \"auto\"");
    workspace.build(&[]).says("word=auto");
    workspace.file("plain.pkrvars.hcl", "word = \"file\"\nlist = [\"x\"]");
    workspace.build(&["-var-file=plain.pkrvars.hcl"]).says("word=file list=x");
    workspace.file("v.json", r#"{"word": "json"}"#);
    workspace.build(&["-var-file", "plain.pkrvars.hcl", "-var-file=v.json"]).says("word=json list=x");
    workspace.build(&["-var-file=v.json", "-var", "word=first", "-var", "word=a=b"]).says("word=a=b");
}

#[test]
fn auto_files_are_for_folders_only() {
    let workspace = Workspace::new(TEMPLATE);
    workspace.file("a.auto.pkrvars.hcl", "word = \"auto\"");
    workspace.run(&["build", "t.pkr.hcl"]).succeeded().says("word=default");
}

#[test]
fn texts_are_literal_and_other_types_are_expressions() {
    let workspace = Workspace::new(TEMPLATE).env("PKR_VAR_list", r#"["a", "b"]"#);
    workspace.build(&["-var", "word=[1]"]).says("word=[1] list=a+b");
    workspace.fail(&["-var", "list=nolist"]).says("list");
}

#[test]
fn undeclared_and_unset_are_errors() {
    let workspace = Workspace::new(TEMPLATE);
    workspace.fail(&["-var", "wrod=x"]).says("wrod").says("did you mean \"word\"?");
    workspace.fail(&["-var", "word"]).says("there is no \"=\"");
    workspace.fail(&["-var-file=missing.hcl"]).says("missing.hcl cannot be read");
    Workspace::new(
        "variable \"x\" {}\nsource \"null\" \"n\" { communicator = \"none\" }\nbuild { sources = [\"null.n\"] }",
    )
    .fail(&[])
    .says("variable \"x\" has no value")
    .says("-var x=...");
}

#[test]
fn sensitive_values_never_show() {
    let workspace = Workspace::new(
        r#"
variable "secret" {
  sensitive = true
  default   = "hunter2-hunter2"
}
source "null" "n" { communicator = "none" }
build {
  sources = ["null.n"]
  provisioner "shell-local" { inline = ["echo plain ${var.secret}", "printf %s '${var.secret}' | base64"] }
}
"#,
    );
    let ran = workspace.env("FORGE_LOG", "trace").build(&[]);
    ran.says("plain <sensitive>").says_not("hunter2").says_not("aHVudGVyMi1odW50ZXIy");
}

#[test]
fn validation_rules_hold() {
    let workspace = Workspace::new(
        r#"
variable "size" {
  type    = number
  default = 5
  validation {
    condition     = var.size > 3
    error_message = "The size must be over 3."
  }
}
source "null" "n" { communicator = "none" }
build { sources = ["null.n"] }
"#,
    );
    workspace.run(&["validate", "."]).succeeded().says("The configuration is valid.");
    workspace
        .fail(&["-var", "size=2"])
        .says("invalid value for cmd variable \"size\"")
        .says("The size must be over 3.");
    workspace.fail(&["-var", "size=big"]).says("a number is required");
}

#[test]
fn texts_of_json_files_are_plain() {
    let workspace = Workspace::new(
        "variable \"x\" {}\nvariable \"m\" { type = map(string) }\nsource \"null\" \"n\" { communicator = \"none\" }\nbuild {\n sources = [\"null.n\"]\n provisioner \"shell-local\" {\n env = { X = var.x, M = var.m[\"k\"] }\n inline = [\"echo \\\"x=$X m=$M\\\"\"]\n }\n}",
    );
    workspace.file("v.json", r#"{"x": "p${ss %{off $${a}", "m": {"k": "${nope}", "//": "c"}}"#);
    workspace.build(&["-var-file=v.json"]).says("x=p${ss %{off $${a} m=${nope}");
    workspace.file("v.json", r#"{"x": "a", "#);
    workspace.fail(&["-var-file=v.json"]).says("this is not a JSON object").says("v.json:1:");
}

#[test]
fn sensitive_values_do_not_show_in_mistakes_and_names() {
    for (ty, text) in [("bool", "s3cret"), ("list(string)", "[\"s3cret\""), ("number", "s3cret")] {
        let workspace = Workspace::new(&format!(
            "variable \"x\" {{\n type = {ty}\n sensitive = true\n}}\nsource \"null\" \"n\" {{ communicator = \"none\" }}\nbuild {{ sources = [\"null.n\"] }}\n"
        ));
        workspace.fail(&["-var", &format!("x={text}")]).says_not("s3cret").says("error: ");
        workspace.env("PKR_VAR_x", text).fail(&[]).says_not("s3cret").says("error: ");
    }
    let workspace = Workspace::new(
        "variable \"x\" {\n default = \"s3cret\"\n sensitive = true\n}\nsource \"null\" \"n\" { communicator = \"none\" }\nbuild {\n name = var.x\n source \"null.n\" { name = \"s3cret\" }\n provisioner \"shell-local\" {\n name = var.x\n inline = [\"true\"]\n }\n}\n",
    );
    for args in [&[][..], &["-machine-readable"]] {
        workspace.build(args).says_not("s3cret").says("<sensitive>.null.<sensitive>");
    }
}
