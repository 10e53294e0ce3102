//! `forge plan`: what would be built, of a template and of all images of `.github/forge.yml`.

use serde_json::Value;

use crate::support::{Ran, Workspace};

const WEB: &str = r#"
variable "tag" { default = "none" }
data "http" "never" { url = "http://127.0.0.1:1/never" }
source "null" "plain" { communicator = "none" }
source "null" "host" {
  ssh_host     = "127.0.0.1"
  ssh_username = "u"
  ssh_password = "p"
}
build {
  name    = "web-${var.tag}"
  sources = ["null.plain", "null.host"]
  provisioner "shell-local" { inline = ["touch started"] }
  provisioner "shell-local" { inline = ["touch started ${data.http.never.body}"] }
  provisioner "shell" {
    name   = "title"
    only   = ["null.host"]
    inline = ["true"]
  }
  error-cleanup-provisioner "shell-local" { inline = ["true"] }
  post-processors {
    post-processor "manifest" {}
    post-processor "checksum" {}
  }
  post-processor "manifest" {}
}
"#;

const FILE: &str = r#"
defaults:
  on: { schedule: skip }
images:
  web:
    template: images/web
    vars: { tag: 1.20 }
    runs-on: { group: big, labels: [x] }
  plain:
    template: images/web/t.pkr.hcl
    only: ["*.null.plain"]
"#;

fn repository() -> Workspace {
    let workspace = Workspace::new("");
    workspace.file("images/web/t.pkr.hcl", WEB);
    workspace.file(".github/forge.yml", FILE);
    workspace
}

#[track_caller]
fn json(ran: &Ran) -> Value {
    ran.succeeded();
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error} in\n{}", ran.stdout))
}

fn texts<'a>(values: &'a Value, key: &str) -> Vec<&'a str> {
    values.as_array().unwrap().iter().map(|value| value[key].as_str().unwrap()).collect()
}

#[test]
fn a_template_is_shown_and_nothing_happens() {
    let workspace = repository();
    let ran = workspace.run(&["plan", "-var", "tag=x", "images/web"]);
    ran.succeeded();
    let rows: Vec<Vec<&str>> =
        ran.stdout.lines().map(|line| line.split("  ").filter(|c| !c.is_empty()).map(str::trim).collect()).collect();
    assert_eq!(rows[0], ["images/web"]);
    assert_eq!(rows[2], ["BUILD", "BUILDER", "PROVISIONERS", "POST-PROCESSORS"]);
    assert_eq!(rows[3], ["web-x.null.plain", "null", "shell-local x2", "manifest > checksum, manifest"]);
    assert_eq!(rows[4][2], "shell-local x2, shell (title)");
    assert_eq!(ran.stdout.lines().last(), Some("2 builds would run."));
    assert!(!workspace.path().join("started").exists() && workspace.journals() == 0);
}

#[test]
fn all_images_of_the_file_are_shown() {
    let workspace = repository();
    let ran = workspace.run(&["plan"]);
    ran.succeeded()
        .says("web (images/web)")
        .says("plain (images/web/t.pkr.hcl)")
        .says("web-1.20.null.host")
        .says("3 builds");
    assert_eq!(workspace.run(&["plan", "-config", ".github/forge.yml"]).stdout, ran.stdout);
    workspace.run(&["plan", "-image", "plain"]).succeeded().says("1 build would").says_not("web (images");
    workspace.run(&["plan", "-image=plain,web"]).succeeded().says("3 builds");
    workspace
        .run(&["plan", "-only", "*.host"])
        .succeeded()
        .says("2 builds")
        .says("web-none.null.host")
        .says_not("warning");
    workspace
        .run(&["plan", "-only", "nope"])
        .succeeded()
        .says("Nothing would be built")
        .says("-only nope: no build has");
    let ran = workspace.run(&["plan", "-image", "wbe"]);
    assert_eq!(ran.code, Some(1));
    ran.says("no image of this name").says("did you mean \"web\"?");
    for args in [
        &["plan", "-config", "none.yml"][..],
        &["plan", "-image", "web", "images/web"],
        &["plan", "-group", "2"],
        &["plan", "-json", "-matrix"],
    ] {
        assert_eq!(workspace.run(args).code, Some(1), "{args:?}");
    }
}

#[test]
fn programs_get_the_same_bytes_for_the_same_inputs() {
    let (workspace, elsewhere) = (repository(), repository());
    let ran = workspace.run(&["plan", "-json"]);
    let plan = json(&ran);
    assert_eq!(ran.stdout, elsewhere.run(&["plan", "-json"]).stdout);
    assert!(!ran.stdout.contains(&workspace.path().to_string_lossy().into_owned()));
    assert_eq!(texts(&plan["images"], "name"), ["web", "plain"]);
    assert_eq!(
        (&plan["images"][0]["on"]["schedule"], &plan["images"][0]["on"]["push"]),
        (&"skip".into(), &"build".into())
    );
    assert_eq!(texts(&plan["builds"], "name"), ["web-1.20.null.plain", "web-1.20.null.host", "web-none.null.plain"]);
    assert_eq!(texts(&plan["builds"], "communicator"), ["none", "ssh", "none"]);
    assert_eq!(texts(&plan["builds"], "image"), ["web", "web", "plain"]);
    let host = &plan["builds"][1];
    assert_eq!(texts(&host["provisioners"], "type"), ["shell-local", "shell-local", "shell"]);
    assert_eq!(
        (&host["provisioners"][2]["name"], &host["provisioners"][2]["place"]),
        (&"title".into(), &"images/web/t.pkr.hcl:15".into())
    );
    assert_eq!(host["error_cleanup_provisioner"]["type"], "shell-local");
    assert_eq!(texts(&host["post_processors"][0], "type"), ["manifest", "checksum"]);
    let whole = workspace.path().join("images/web");
    let absolute = workspace.run(&["plan", "-json", "-var", "tag=1.20", &whole.to_string_lossy()]);
    let named = workspace.run(&["plan", "-json", "-var", "tag=1.20", "images/web"]);
    assert_eq!(json(&named)["images"], Value::Array(Vec::new()));
    assert_eq!(absolute.stdout, named.stdout);
}

#[test]
fn each_entry_of_a_matrix_plans_its_own_build() {
    let workspace = repository();
    let ran = workspace.run(&["plan", "-matrix"]);
    assert_eq!(ran.stdout.lines().count(), 1);
    let matrix = json(&ran);
    let entries = matrix["include"].as_array().unwrap();
    assert_eq!(
        texts(&matrix["include"], "id"),
        ["web.web-1.20.null.plain", "web.web-1.20.null.host", "plain.web-none.null.plain"]
    );
    assert_eq!((&entries[0]["runs-on"]["group"], &entries[2]["runs-on"]), (&"big".into(), &"ubuntu-latest".into()));
    for entry in entries {
        let text = |key: &str| entry[key].as_str().unwrap();
        let plan = json(&workspace.run(&["plan", "-json", "-image", text("image"), "-only", text("only")]));
        assert_eq!(texts(&plan["builds"], "name"), [text("build")]);
    }
    let grouped = json(&workspace.run(&["plan", "-matrix", "-group", "2"]));
    assert_eq!(texts(&grouped["include"], "id"), ["web.null.group-1", "plain.web-none.null.plain"]);
    let ran = workspace.run(&["plan", "-matrix", "-only", "nope"]);
    assert_eq!((ran.succeeded().stdout.as_str(), ran.stderr.contains("-only nope")), ("{\"include\":[]}\n", true));
}

#[test]
fn mistakes_of_all_images_are_told_at_once() {
    let workspace = repository();
    workspace.file(
        "images/bad.pkr.hcl",
        "source \"null\" \"a\" { comunicator = \"none\" }\nbuild { sources = [\"null.a\"] }\n",
    );
    let image = "{ template: images/bad.pkr.hcl }";
    workspace.file(".github/forge.yml", format!("images:\n  one: {image}\n  two: {image}\n  none: {{ template: images/none }}\n  lost: {{ template: images/web, only: [x] }}\n  web: {{ template: images/web, vars: {{ tga: 1 }} }}\n"));
    let ran = workspace.run(&["plan"]);
    assert_eq!(ran.code, Some(1));
    ran.says("images/bad.pkr.hcl:1:21").says("did you mean \"communicator\"?");
    ran.says(".github/forge.yml:4:21").says("images/none cannot be read");
    ran.says(".github/forge.yml:5:3").says("no builds to run").says("-var tga").says("nothing was started");
    assert_eq!(ran.stdout.matches("comunicator\"\n").count(), 1, "{}", ran.stdout);
    let ran = workspace.run(&["plan", "-matrix"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.contains("images/none cannot be read"), "{}", ran.stderr);
    let ran = workspace.run(&["plan", "-json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &told["valid"]), (Some(1), &false.into()));
    workspace.file(".github/forge.yml", "images:\n\tweb: 1\n");
    let ran = workspace.run(&["plan"]);
    ran.says(".github/forge.yml:2:").says("YAML takes no tabs");
}

#[test]
fn mistakes_of_the_file_are_annotations() {
    let workspace = repository().env("GITHUB_ACTIONS", "true");
    let folder = workspace.path().to_string_lossy().into_owned();
    let workspace = workspace.env("GITHUB_WORKSPACE", folder);
    workspace.file(".github/forge.yml", "images:\n  web: { templete: x }\n");
    let ran = workspace.run(&["plan"]);
    ran.says("::error file=.github/forge.yml,line=2,endLine=2,col=10,endColumn=18::unknown key \"templete\"");
}

#[test]
fn secrets_stay_out_of_every_form() {
    let template = "variable \"s\" {\n  default   = \"hunter2hunter2\"\n  sensitive = true\n}\nsource \"null\" \"a\" { communicator = \"none\" }\nbuild {\n  name    = \"x${var.s}\"\n  sources = [\"null.a\"]\n}\n";
    let workspace = Workspace::new(template);
    for args in [&["plan"][..], &["plan", "-json"]] {
        workspace.run(args).succeeded().says_not("hunter2").says("null.a");
    }
    let ran = workspace.run(&["plan", "-matrix"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    ran.says_not("hunter2");
    assert!(ran.stderr.contains("holds a secret"), "{}", ran.stderr);
}
