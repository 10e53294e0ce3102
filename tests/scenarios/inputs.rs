//! What decides an image: the same digest wherever and whenever, another one for every difference, and on the image.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Image, Ran, Workspace, docker, setting};

const TEMPLATE: &str = r#"
variable "version" { default = "1" }
variable "password" {
  default   = "hunter2hunter2"
  sensitive = true
}
variable "port" {
  type      = number
  default   = 4711
  sensitive = true
}
locals { stamp = formatdate("YYYYMMDDhhmmss", timestamp()) }
source "null" "web" { communicator = "none" }
build {
  sources = ["null.web"]
  provisioner "shell-local" {
    name   = "setup"
    inline = ["echo ${local.stamp} {{timestamp}} {{isotime}} {{uuid}} ${uuidv4()} ${var.version}"]
  }
  provisioner "shell-local" {
    script           = "scripts/setup.sh"
    environment_vars = ["PASSWORD=${var.password}", "PORT=${var.port}", "AT=${path.cwd}/x", "ID=${build.ID}"]
  }
  provisioner "shell-local" { inline = ["curl -u me:${var.password} one", bcrypt("x", 4)] }
}
"#;

fn folder(template: &str) -> Workspace {
    let workspace = Workspace::new(template);
    workspace.file("scripts/setup.sh", "echo setup\n");
    workspace
}

/// The one build of a plan.
#[track_caller]
fn planned(workspace: &Workspace, args: &[&str]) -> Value {
    let ran = workspace.run(&[&["plan", "-json"], args, &["."]].concat());
    ran.succeeded();
    let plan: Value = serde_json::from_str(&ran.stdout).unwrap();
    plan["builds"][0].clone()
}

#[track_caller]
fn digest(workspace: &Workspace, args: &[&str]) -> String {
    let build = planned(workspace, args);
    build["digest"].as_str().unwrap_or_else(|| panic!("no digest: {build:#}")).to_owned()
}

/// A record of one good build as another run left it.
fn record(name: &str, build: &Value) -> String {
    let mut build = build.clone();
    build["name"] = name.into();
    build["state"] = "succeeded".into();
    json!({ "schema": 1, "forge": "0", "run": "r", "builds": [build] }).to_string()
}

#[test]
fn two_clones_have_the_same_digest_at_any_time() {
    let (first, second) = (folder(TEMPLATE), folder(TEMPLATE));
    let ran = first.run(&["plan", "-json", "."]);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let again = second.run(&["plan", "-json", "."]);
    assert_eq!(ran.stdout, again.stdout);
    assert!(digest(&first, &[]).starts_with("sha256:"));
    let build = planned(&first, &[]);
    let value = |name: &str| {
        let input = build["inputs"].as_array().unwrap().iter().find(|input| input["name"] == name);
        input.unwrap_or_else(|| panic!("{name} in {build:#}"))["value"].as_str().unwrap_or("none").to_owned()
    };
    let nil = "00000000-0000-0000-0000-000000000000";
    let frozen = format!("[\"echo 19700101000000 0 1970-01-01T00:00:00Z {nil} {nil} 1\"]");
    assert_eq!(value("provisioner 1 shell-local \"setup\": inline"), frozen);
    let variables = r#"["PASSWORD=<sensitive>","<sensitive>","AT=<cwd>/x","<unknown>"]"#;
    assert_eq!(value("provisioner 2 shell-local: environment_vars"), variables);
    assert!(value("provisioner 3 shell-local: inline").starts_with(r#"["curl -u me:<sensitive> one","$2a$04$"#));
    assert!(value("file scripts/setup.sh").starts_with("sha256:"));
    first.run(&["plan", "-explain", "."]).succeeded().says("null.web: sha256:").says("file scripts/setup.sh");
    first.run(&["plan", "-explain", "."]).says_not("hunter2");
}

#[test]
fn secrets_are_no_part_of_the_digest_and_all_else_is() {
    let workspace = folder(TEMPLATE);
    let before = digest(&workspace, &[]);
    for same in [&["-var", "password=other-password"][..], &["-var", "port=1"], &["-var", "version=1"]] {
        assert_eq!(digest(&workspace, same), before, "{same:?}");
    }
    assert_ne!(digest(&workspace, &["-var", "version=2"]), before);
    workspace.file("scripts/setup.sh", "echo other\n");
    assert_ne!(digest(&workspace, &[]), before);
    workspace.file("scripts/setup.sh", "echo setup\n");
    assert_eq!(digest(&workspace, &[]), before);
    // The rest of a text with a secret in it still counts.
    workspace.file("t.pkr.hcl", TEMPLATE.replace("} one\"", "} two\""));
    assert_ne!(digest(&workspace, &[]), before);
    // How it is written does not.
    workspace.file("t.pkr.hcl", format!("# A comment.\n{}", TEMPLATE.replace("default = \"1\"", "default =   1")));
    assert_eq!(digest(&workspace, &[]), before);
}

#[test]
fn a_tree_counts_with_its_modes_and_links() {
    let template = "source \"docker\" \"d\" {\n image = \"IMAGE\"\n commit = true\n}\nbuild {\n sources = [\"docker.d\"]\n \
                    provisioner \"file\" {\n source = \"files/\"\n destination = \"/opt\"\n }\n}";
    let pinned = format!("debian@sha256:{}", "a".repeat(64));
    let workspace = folder(&template.replace("IMAGE", &pinned));
    let at = |name: &str| workspace.path().join(name);
    workspace.file("files/deep/a", "a");
    workspace.file("files/b", "b");
    symlink("b", at("files/l")).unwrap();
    let changes: [&dyn Fn(); 5] = [
        &|| drop(workspace.file("files/deep/a", "A")),
        &|| fs::set_permissions(at("files/b"), fs::Permissions::from_mode(0o755)).unwrap(),
        &|| {
            fs::remove_file(at("files/l")).unwrap();
            symlink("deep", at("files/l")).unwrap();
        },
        &|| fs::rename(at("files/b"), at("files/c")).unwrap(),
        &|| fs::create_dir(at("files/empty")).unwrap(),
    ];
    let mut seen = vec![digest(&workspace, &[])];
    for (number, change) in changes.iter().enumerate() {
        change();
        let next = digest(&workspace, &[]);
        assert!(!seen.contains(&next), "change {number}");
        seen.push(next);
    }
    workspace.file("record.json", record("docker.d", &planned(&workspace, &[])));
    workspace.file("files/b", "back");
    workspace
        .run(&["plan", "-explain", "-baseline", "record.json", "."])
        .succeeded()
        .says("docker.d: 1 input has changed")
        .says("~ folder files: sha256:");
}

#[test]
fn what_has_changed_since_a_record_is_told() {
    let workspace = folder(TEMPLATE);
    let explain = |args: &[&str]| -> Ran {
        workspace.run(&[&["plan", "-explain", "-baseline", "record.json"], args, &["."]].concat())
    };
    workspace.file("record.json", record("null.web", &planned(&workspace, &[])));
    explain(&[]).succeeded().says("null.web: unchanged");
    workspace.file("scripts/setup.sh", "exit 0");
    let ran = explain(&["-var", "version=2"]);
    ran.succeeded().says("null.web: 2 inputs have changed").says("~ file scripts/setup.sh: sha256:");
    ran.says(" 1\"]\n").says("-> [\"echo 19700101000000").says(" 2\"]\n");
    workspace.file("t.pkr.hcl", TEMPLATE.replace("name   = \"setup\"", ""));
    explain(&[]).says("+ provisioner 1 shell-local: inline").says("- provisioner 1 shell-local \"setup\": inline");
    // Names as the joined record of several images has them, records of another time, and no records.
    workspace.file("record.json", record("web/null.web", &planned(&workspace, &[])));
    explain(&[]).says("null.web: unchanged");
    workspace.file("record.json", record("null.other", &json!({ "builder": "null" })));
    explain(&[]).succeeded().says("null.web: not in the record");
    workspace.file("record.json", record("null.web", &json!({ "builder": "null" })));
    explain(&[]).succeeded().says("null.web: the record does not say what its image was made of");
    for (text, part) in
        [("{", "it is no record of forge"), ("{\"schema\": 99, \"forge\": \"9\", \"run\": \"r\"}", "newer")]
    {
        workspace.file("record.json", text);
        let ran = explain(&[]);
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        ran.says("-baseline record.json").says(part);
    }
}

#[test]
fn what_cannot_be_read_or_asked_leaves_no_digest_and_says_why() {
    let workspace = folder(TEMPLATE);
    fs::remove_file(workspace.path().join("scripts/setup.sh")).unwrap();
    let ran = workspace.run(&["plan", "-json", "."]);
    assert_eq!(ran.code, Some(1));
    ran.says("bad script");
    docker_free_fifo(&workspace.path().join("scripts/setup.sh"));
    let build = planned(&workspace, &[]);
    assert_eq!(build["digest"], Value::Null);
    assert_eq!(build["unknown_inputs"], "scripts/setup.sh cannot be read: it is no regular file");
    let workspace = Workspace::new(
        "source \"docker\" \"d\" {\n image = \"127.0.0.1:1/none:1\"\n commit = true\n}\nbuild { sources = [\"docker.d\"] }",
    );
    let build = planned(&workspace, &[]);
    let why = build["unknown_inputs"].as_str().unwrap();
    assert!(build["digest"].is_null() && why.contains("127.0.0.1:1") && why.starts_with("the source image"), "{why}");
    workspace.run(&["plan", "-explain", "."]).succeeded().says("docker.d: not known: the source image");
    // A data source that does not answer is no reason to fail either.
    let workspace = Workspace::new(
        "data \"http\" \"x\" { url = \"http://127.0.0.1:1/\" }\nsource \"null\" \"n\" { communicator = \"none\" }\nbuild {\n \
         sources = [\"null.n\"]\n provisioner \"shell-local\" { inline = [data.http.x.body] }\n}",
    );
    let why = planned(&workspace, &[])["unknown_inputs"].as_str().unwrap().to_owned();
    assert!(why.starts_with("data source \"http\" \"x\" could not be read"), "{why}");
    workspace.run(&["plan", "."]).succeeded().says("1 build would run");
}

fn docker_free_fifo(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn an_image_says_what_it_was_made_of_as_the_plan_does() {
    let registry = setting("FORGE_TEST_REGISTRY");
    let base = format!("{registry}/forge/inputs-base:{}", unique());
    docker(&["tag", &crate::support::busybox(), &base]);
    docker(&["push", "-q", &base]);
    let template = |pull: bool| {
        format!(
            "source \"docker\" \"d\" {{\n image = {base:?}\n pull = {pull}\n commit = true\n changes = [\"ENV A=b\"]\n}}\nbuild {{\n \
             sources = [\"docker.d\"]\n provisioner \"shell\" {{ script = \"scripts/setup.sh\" }}\n}}"
        )
    };
    for pull in [true, false] {
        let workspace = folder(&template(pull));
        let planned = planned(&workspace, &[]);
        let image = workspace.build(&[]).image();
        assert_eq!(image.inspect("{{index .Config.Labels \"forge.inputs\"}}"), planned["digest"].as_str().unwrap());
        let source = planned["inputs"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(source["name"], "source image");
        assert!(
            docker(&["image", "inspect", "--format", "{{.RepoDigests}}", &base])
                .contains(source["value"].as_str().unwrap())
        );
        // What is made of it and does not know all of its inputs does not pass for it.
        let name = format!("forge-inputs-child:{}", unique());
        docker(&["tag", &image.0, &name]);
        workspace.file("Dockerfile", format!("FROM {name}\n"));
        workspace.file(
            "t.pkr.hcl",
            "source \"docker\" \"d\" {\n build {\n path = \"Dockerfile\"\n pull = false\n }\n commit = true\n}\nbuild { sources = [\"docker.d\"] }",
        );
        let child = workspace.build(&[]).image();
        assert_eq!(child.inspect("{{index .Config.Labels \"forge.inputs\"}}"), "");
        drop(Image(name));
    }
    drop(Image(base));
}

pub(crate) fn unique() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// The page of the documentation shows what is really printed, but for the digests.
#[test]
fn the_example_of_the_documentation_runs() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/inputs.md")).unwrap();
    let block = |language: &str| {
        let fence = format!("```{language}\n");
        page.split(&fence).nth(1).unwrap().split("```").next().unwrap().to_owned()
    };
    let workspace = Workspace::new(&block("hcl"));
    workspace.file("setup.sh", "echo setup\n");
    let lines = block("sh");
    let explain = lines.lines().next().unwrap().strip_prefix("forge ").unwrap();
    let ran = workspace.run(&explain.split(' ').collect::<Vec<_>>());
    let bare = |text: &str| -> Vec<String> {
        let words = |line: &str| {
            line.split_whitespace().filter(|word| !word.starts_with("sha256:")).collect::<Vec<_>>().join(" ")
        };
        text.lines().map(words).filter(|line| !line.is_empty()).collect()
    };
    assert_eq!(bare(&ran.succeeded().stdout), bare(&block("text")));
    assert!(lines.contains("forge plan -json . > plan.json"));
}
