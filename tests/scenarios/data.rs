//! Data sources: read when a selected build needs them, part of one graph with the locals.

use crate::support::{Workspace, setting};

/// Nobody listens there.
const CLOSED: &str = "http://127.0.0.1:9/x";

fn builds(data: &str, first: &str, second: &str) -> Workspace {
    Workspace::new(&format!(
        "{data}\nsource \"null\" \"a\" {{ communicator = \"none\" }}\nsource \"null\" \"b\" {{ communicator = \"none\" }}\nbuild {{\n  sources = [\"null.a\"]\n  provisioner \"shell-local\" {{ inline = [\"echo 'first {first}'\"] }}\n}}\nbuild {{\n  sources = [\"null.b\"]\n  provisioner \"shell-local\" {{ inline = [\"echo 'second {second}'\"] }}\n}}\n"
    ))
}

#[test]
fn a_web_server_answers() {
    let registry = setting("FORGE_TEST_REGISTRY");
    let data = format!(
        r#"
data "http" "catalog" {{
  url             = "http://{registry}/v2/_catalog"
  request_headers = {{ Accept = "application/json" }}
}}
data "http" "head" {{
  url    = "http://{registry}/v2/"
  method = "HEAD"
}}
locals {{ names = jsondecode(data.http.catalog.body).repositories }}
"#
    );
    let workspace = builds(
        &data,
        "${contains(local.names, \\\"forge/busybox\\\")} ${data.http.catalog.url}",
        "${data.http.head.request_headers[\\\"Docker-Distribution-Api-Version\\\"]}",
    );
    let text = workspace.read("t.pkr.hcl").replace("\\\"", "\"");
    workspace.file("t.pkr.hcl", text);
    let ran = workspace.build(&[]);
    ran.says(&format!("first true http://{registry}/v2/_catalog")).says("second registry/2.0");
}

#[test]
fn data_and_locals_are_one_graph() {
    let data = r#"
data "null" "late" { input = local.middle }
locals {
  last   = upper(data.null.late.output)
  middle = "${data.null.early.output}-m"
}
data "null" "early" { input = "x" }
"#;
    let ran = builds(data, "${local.last}", "${data.null.early.output}").build(&[]);
    ran.says("first X-M").says("second x");
    let circle = "data \"null\" \"a\" { input = local.b }\nlocals { b = data.null.a.output }\n";
    let ran = builds(circle, "", "").fail(&[]);
    ran.says("depend on each other in a circle").says("local.b -> data.null.a -> local.b").says("t.pkr.hcl:1:");
    let ran = builds("", "${data.null.nope.output}", "").fail(&[]);
    ran.says("t.pkr.hcl:");
    let twice = "data \"null\" \"a\" { input = \"1\" }\ndata \"null\" \"a\" { input = \"2\" }\n";
    builds(twice, "", "").fail(&[]).says("data \"null\" \"a\" is declared twice");
}

#[test]
fn only_what_a_selected_build_needs_is_read() {
    let data = format!("data \"http\" \"far\" {{ url = \"{CLOSED}\" }}\nlocals {{ far = data.http.far.body }}\n");
    let workspace = builds(&data, "here", "${local.far}");
    workspace.build(&["-only=null.a"]).says("first here");
    let ran = workspace.fail(&[]);
    ran.says("data source \"http\" \"far\" could not be read").says(CLOSED).says("t.pkr.hcl:1:1").says_not("==>");
}

#[test]
fn validate_reads_nothing_unless_asked() {
    let data = format!("data \"http\" \"far\" {{ url = \"{CLOSED}\" }}\n");
    let workspace = builds(&data, "${data.http.far.body}", "");
    workspace.run(&["validate", "."]).succeeded();
    let ran = workspace.run(&["validate", "-evaluate-datasources", "."]);
    assert_eq!(ran.code, Some(1));
    ran.says("could not be read");
    let wrong = builds("data \"http\" \"far\" { urll = \"x\" }\n", "${data.http.far.body}", "");
    let ran = wrong.run(&["validate", "."]);
    assert_eq!(ran.code, Some(1));
    ran.says("\"urll\"").says("did you mean \"url\"");
}

#[test]
fn refusals_and_unknown_types_are_errors() {
    let missing = format!("data \"http\" \"x\" {{ url = \"http://{}/v2/no/such\" }}\n", setting("FORGE_TEST_REGISTRY"));
    builds(&missing, "${data.http.x.body}", "").fail(&[]).says("the server answered 404");
    let unknown =
        builds("data \"googlecompute-image\" \"x\" { filters = \"x\" }\n", "${data.googlecompute-image.x.id}", "");
    unknown.fail(&[]).says("data source \"googlecompute-image\" is not supported by forge yet");
    unknown.run(&["validate", "-syntax-only", "."]).succeeded();
}
