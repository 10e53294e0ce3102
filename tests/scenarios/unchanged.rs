//! Builds whose image is there already are not run; what is not known is built.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::action::{output, runner};
use crate::inputs::unique;
use crate::support::http::{Reply, Request, Server, reply};
use crate::support::{Image, Workspace, docker, setting};

/// What images say of themselves, by repository.
type Labels = Arc<Mutex<HashMap<String, String>>>;

/// A registry that has an image with a label for each repository that is named, and `base`.
struct Fake {
    server: Server,
    labels: Labels,
}

impl Fake {
    fn new() -> Self {
        Self::with(|_| None)
    }

    /// `first` may answer in its place.
    fn with(first: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let labels = Labels::default();
        let known = Arc::clone(&labels);
        let server = Server::new(move |request| Some(first(request).unwrap_or_else(|| answer(request, &known))));
        Self { server, labels }
    }

    fn asked(&self, part: &str) -> usize {
        self.server.asked().iter().filter(|request| request.target.contains(part)).count()
    }
}

fn answer(request: &Request, labels: &Labels) -> Reply {
    let path: Vec<&str> = request.target.trim_start_matches("/v2/").split('/').collect();
    let [repository, kind, _] = path[..] else { return reply(404, "{}") };
    let label = match repository {
        "base" => String::new(),
        other => match labels.lock().unwrap().get(other) {
            Some(label) => label.clone(),
            None => return reply(404, "{}"),
        },
    };
    let (manifest, config) = made(&label);
    reply(200, if kind == "blobs" { config } else { manifest })
}

/// Manifest and configuration of an image with that label.
fn made(label: &str) -> (String, String) {
    let whole = json!({ "config": { "Labels": { "forge.inputs": label } } }).to_string();
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let config = json!({ "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&whole), "size": whole.len() });
    (json!({ "schemaVersion": 2, "mediaType": kind, "config": config, "layers": [] }).to_string(), whole)
}

fn digest(text: &str) -> String {
    format!("sha256:{:x}", Sha256::digest(text))
}

/// Docker sources by name, each tagged and pushed by the name of its own.
fn template(registry: &str, names: &[&str], tag: &str) -> String {
    let sources = names
        .iter()
        .map(|name| format!("source \"docker\" {name:?} {{\n image = \"{registry}/base:1\"\n commit = true\n}}\n"));
    let list: Vec<String> = names.iter().map(|name| format!("\"docker.{name}\"")).collect();
    format!(
        "{}build {{\n sources = [{}]\n provisioner \"shell\" {{ inline = [\"echo hi\"] }}\n post-processors {{\n post-processor \
         \"docker-tag\" {{\n repository = \"{registry}/${{source.name}}\"\n tags = [{tag}]\n }}\n post-processor \"docker-push\" {{}}\n }}\n}}",
        sources.collect::<String>(),
        list.join(", ")
    )
}

/// Digests of the plan by name of the source.
fn digests(workspace: &Workspace) -> HashMap<String, String> {
    let ran = workspace.run(&["plan", "-json", "."]);
    let plan: Value = serde_json::from_str(&ran.succeeded().stdout).unwrap();
    let builds = plan["builds"].as_array().unwrap().iter();
    let pair = |build: &Value| {
        let name = build["name"].as_str().unwrap().trim_start_matches("docker.").to_owned();
        (name, build["digest"].as_str().unwrap_or_else(|| panic!("no digest: {build:#}")).to_owned())
    };
    builds.map(pair).collect()
}

#[test]
fn twenty_unchanged_images_take_few_questions() {
    let fake = Fake::new();
    let names: Vec<String> = (0..20).map(|number| format!("n{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let workspace = Workspace::new(&template(&fake.server.address, &names, "\"1\", \"t-{{timestamp}}\""));
    *fake.labels.lock().unwrap() = digests(&workspace);
    let before = fake.server.asked().len();
    let ran = workspace.build(&["-skip-unchanged"]);
    for name in &names {
        ran.says(&format!("Build 'docker.{name}' is unchanged: {}/{name}:1", fake.server.address));
    }
    let asked = fake.server.asked().len() - before;
    assert!(asked <= 3 * names.len(), "{asked} requests");
    // What they have in common is asked once a run.
    assert!(fake.asked("/base/") <= 2 * 2, "{}", fake.asked("/base/"));
    assert_eq!(workspace.journals(), 0);
}

#[test]
fn what_is_not_found_or_not_known_is_built() {
    let cases: [(&str, &str); 5] = [
        ("gone", "n0:1 is not in its registry"),
        ("other", "n0:1 was made of other inputs"),
        ("silent", "n0:1 does not say what it was made of"),
        ("denied", "nobody can say whether it is there"),
        ("broken", "nobody can say whether it is there"),
    ];
    for (case, part) in cases {
        let fake = Fake::with(move |request| match case {
            "denied" if request.target.contains("/n0/") => Some(reply(403, "{}")),
            "broken" if request.target.contains("/n0/") => Some(reply(500, "{}")),
            _ => None,
        });
        let label = match case {
            "other" => format!("sha256:{}", "b".repeat(64)),
            _ => String::new(),
        };
        if case != "gone" {
            fake.labels.lock().unwrap().insert("n0".to_owned(), label);
        }
        let workspace = Workspace::new(&template(&fake.server.address, &["n0"], "\"1\""));
        // Its base is in no engine's reach: that it is pulled says that it was built.
        workspace.fail(&["-skip-unchanged"]).says(part).says("Pulling Docker image").says_not("is unchanged");
    }
}

#[test]
fn a_build_that_leaves_more_than_an_image_or_new_names_only_is_run() {
    let fake = Fake::new();
    let with = |old: &str, new: &str| {
        let workspace = Workspace::new(&template(&fake.server.address, &["n0"], "\"1\"").replace(old, new));
        *fake.labels.lock().unwrap() = digests(&workspace);
        workspace
    };
    with("\"docker-push\" {}", "\"docker-push\" {}\n post-processor \"manifest\" {}")
        .fail(&["-skip-unchanged"])
        .says("its post-processor manifest leaves more than the image");
    with("tags = [\"1\"]", "tags = [\"{{timestamp}}\"]")
        .fail(&["-skip-unchanged"])
        .says("each of its names is new every time");
    with("post-processor \"docker-push\" {}", "").fail(&["-skip-unchanged"]).says("it is pushed nowhere");
    // Asked for anew, it is built anew.
    with("", "").fail(&["-skip-unchanged", "-force"]).says("Pulling Docker image").says_not("is unchanged");
    with("", "").build(&["-skip-unchanged"]).says("is unchanged");
}

/// A record of the workspace's only build, with the images that it made.
fn with_record(workspace: &Workspace, images: &Value) {
    let ran = workspace.run(&["plan", "-json", "."]);
    let plan: Value = serde_json::from_str(&ran.succeeded().stdout).unwrap();
    let mut build = plan["builds"][0].clone();
    build["state"] = "succeeded".into();
    build["images"] = images.clone();
    let record = json!({ "schema": 1, "forge": "0", "run": "r", "builds": [build] });
    workspace.file("record.json", record.to_string());
}

const WITH_RECORD: [&str; 3] = ["-skip-unchanged", "-baseline", "record.json"];

#[test]
fn a_record_says_what_has_changed() {
    let fake = Fake::new();
    let workspace = Workspace::new(&template(&fake.server.address, &["n0"], "\"1\""));
    with_record(&workspace, &json!([]));
    workspace.file("t.pkr.hcl", template(&fake.server.address, &["n0"], "\"1\"").replace("echo hi", "echo ho"));
    workspace
        .fail(&WITH_RECORD)
        .says("n0:1 is not in its registry; since the record, provisioner 1 shell: inline has changed");
    workspace.file("record.json", "{}");
    workspace.fail(&WITH_RECORD).says("-baseline record.json").says_not("Pulling");
    assert_eq!(workspace.run(&["build", "-baseline", "record.json", "."]).code, Some(1));
}

/// Its names are new every time, so that only the record tells where it is.
#[test]
fn the_image_of_a_record_is_the_result_as_long_as_it_is_there() {
    let fake = Fake::new();
    fake.labels.lock().unwrap().insert("n0".to_owned(), String::new());
    let digest = digest(&made("").0);
    let workspace = Workspace::new(&template(&fake.server.address, &["n0"], "\"t-{{timestamp}}\""));
    let name = format!("{}/n0:t-1", fake.server.address);
    let image = json!({ "build": "docker.n0", "builder": "docker", "id": name, "location": fake.server.address,
        "tags": [name], "digest": digest, "digests": { &name: digest } });
    with_record(&workspace, &json!([image]));
    let ran = workspace.build(&WITH_RECORD);
    ran.says(&format!("Build 'docker.n0' is unchanged: {name}")).says_not("Pulling");
    fake.labels.lock().unwrap().clear();
    let gone = format!("each of its names is new every time; the image of the record is gone: {name}");
    workspace.fail(&WITH_RECORD).says(&gone).says("Pulling Docker image");
}

#[test]
fn an_image_that_was_pushed_is_found_and_a_change_is_built() {
    let registry = setting("FORGE_TEST_REGISTRY");
    let repository = format!("{registry}/forge/unchanged-{}", unique());
    let template = format!(
        "source \"docker\" \"d\" {{\n image = \"BUSYBOX\"\n pull = false\n commit = true\n}}\nbuild {{\n sources = [\"docker.d\"]\n provisioner \"shell\" {{ \
         script = \"s.sh\" }}\n post-processors {{\n post-processor \"docker-tag\" {{\n repository = {repository:?}\n tags = [\"1\", \"latest\"]\n \
         }}\n post-processor \"docker-push\" {{}}\n }}\n}}"
    );
    let workspace = Workspace::new(&template);
    workspace.file("s.sh", "echo one > /one");
    let first = workspace.build(&["-skip-unchanged"]);
    first.says(&format!("Building the image anew: {repository}:1 is not in its registry"));
    let image = first.image();
    let digest = first.stdout.split("Digest: ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let second = workspace.build(&["-skip-unchanged"]);
    second.says(&format!("Build 'docker.d' is unchanged: {repository}:latest")).says_not("Starting docker container");
    second.says(&format!("Unchanged Docker image: {repository}:1 {repository}:latest"));
    // One of its names now stands for something else.
    docker(&["tag", &crate::support::busybox(), &format!("{repository}:latest")]);
    docker(&["push", "-q", &format!("{repository}:latest")]);
    let third = workspace.build(&["-skip-unchanged"]);
    third.says(&format!("{repository}:latest does not say what it was made of"));
    drop(third.image());
    workspace.file("s.sh", "echo two > /one");
    let fourth = workspace.build(&["-skip-unchanged"]);
    fourth.says("was made of other inputs");
    drop((fourth.image(), image));
    assert!(digest.starts_with("sha256:"), "{digest}");
    for tag in ["1", "latest"] {
        drop(Image(format!("{repository}:{tag}")));
    }
}

#[test]
fn the_action_says_unchanged_and_gives_the_image() {
    let fake = Fake::new();
    let workspace = runner(&template(&fake.server.address, &["n0"], "\"1\"")).env("INPUT_SKIP-UNCHANGED", "true");
    let digests = digests(&workspace);
    (*fake.labels.lock().unwrap()).clone_from(&digests);
    workspace.run(&["action"]).succeeded().says("is unchanged");
    let images: Value = serde_json::from_str(&output(&workspace, "images")).unwrap();
    let name = format!("{}/n0:1", fake.server.address);
    assert_eq!((images[0]["id"].as_str(), images[0]["tags"][0].as_str()), (Some(name.as_str()), Some(name.as_str())));
    assert!(images[0]["digests"][&name].as_str().unwrap().starts_with("sha256:"), "{images:#}");
    assert_eq!(output(&workspace, "result"), "success");
    let summary = workspace.read(".runner/GITHUB_STEP_SUMMARY");
    assert!(summary.contains("1 build unchanged") && summary.contains("➖ unchanged"), "{summary}");
    let record: Value = serde_json::from_str(&std::fs::read_to_string(output(&workspace, "record")).unwrap()).unwrap();
    let build = &record["builds"][0];
    assert_eq!(
        (build["state"].as_str(), build["digest"].as_str()),
        (Some("unchanged"), digests.get("n0").map(String::as_str))
    );
    assert!(build["inputs"].as_array().unwrap().len() > 5, "{build:#}");
}
