//! Removing previews from registries: those that say themselves whose they are, and nothing that looks like them.

use serde_json::{Value, json};

use crate::preview::{repository, tags};
use crate::support::github::Github;
use crate::support::{Workspace, docker, setting};

/// Pushes an image with a content of its own, of a preview if it is told of which.
fn push(repository: &str, tag: &str, of: Option<&str>) -> String {
    let name = format!("{repository}:{tag}");
    let id = docker(&["create", &setting("FORGE_TEST_BUSYBOX"), "echo", tag]);
    let label = of.map(|of| format!("LABEL forge.pull-request={of}"));
    let mut commit = vec!["commit", "-m", tag];
    commit.extend(label.iter().flat_map(|label| ["-c", label.as_str()]));
    docker(&[&commit[..], &[&id, &name]].concat());
    docker(&["rm", &id]);
    docker(&["push", "-q", &name]);
    name
}

/// Pushes an image that is there under another tag.
fn again(from: &str, repository: &str, tag: &str) {
    let name = format!("{repository}:{tag}");
    docker(&["tag", from, &name]);
    docker(&["push", "-q", &name]);
}

fn forget(repository: &str) {
    let images = docker(&["images", "-q", repository]);
    let mut remove = vec!["rmi", "-f"];
    remove.extend(images.lines());
    docker(&remove);
}

const OURS: Option<&str> = Some("octo/images#7");

/// A name that people gave to the very image, tags of the form that other tools give too, previews of another pull request
/// and of another repository on GitHub stay, where a registry removes whole images only.
#[test]
fn nothing_but_previews_is_removed_from_a_registry() {
    let repository = repository("sweep");
    let first = push(&repository, "pr-7-aaaaaaa", OURS);
    again(&first, &repository, "pr-7-bbbbbbb");
    let second = push(&repository, "pr-7-ccccccc", OURS);
    again(&second, &repository, "1.0");
    push(&repository, "pr-77-aaaaaaa", Some("octo/images#77"));
    push(&repository, "pr-7-ddddddd", Some("octo/others#7"));
    push(&repository, "pr-7-abc1234", None);
    push(&repository, "pr-7-fix", None);
    let workspace = Workspace::new("");
    let sweep = ["sweep", "--pull-request", "7", "--repository", "octo/images", "--registry", &repository];
    let ran = workspace.run(&sweep);
    assert_eq!(ran.code, Some(6), "{ran:#?}");
    ran.says(&format!("removed   image {repository}:pr-7-aaaaaaa"))
        .says(&format!("removed   image {repository}:pr-7-bbbbbbb"));
    ran.says(&format!("FAILED    could not remove image {repository}:pr-7-ccccccc: 1.0 is the same image"));
    ran.says(&format!("left      pr-7-abc1234 in {repository}: the image does not say whose preview it is"));
    assert_eq!(tags(&repository), ["1.0", "pr-7-abc1234", "pr-7-ccccccc", "pr-7-ddddddd", "pr-7-fix", "pr-77-aaaaaaa"]);
    // By age: none is so old, then all are.
    let by_age = |age: &str, whose: &[&str]| {
        let sweep = ["sweep", "--previews", "--older-than", age, "--registry", &repository];
        workspace.run(&[&sweep[..], whose].concat())
    };
    let own = ["--repository", "octo/images"];
    by_age("14d", &own).succeeded().says("left ").says_not("removed");
    by_age("0", &own).says(&format!("removed   image {repository}:pr-77-aaaaaaa"));
    assert_eq!(tags(&repository), ["1.0", "pr-7-abc1234", "pr-7-ccccccc", "pr-7-ddddddd", "pr-7-fix"]);
    // Those of others only when they are meant.
    let ran = by_age("0", &[]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    ran.says("--repository owner/name").says("--all-repositories");
    by_age("0", &["--all-repositories"]).says(&format!("removed   image {repository}:pr-7-ddddddd"));
    assert_eq!(tags(&repository), ["1.0", "pr-7-abc1234", "pr-7-ccccccc", "pr-7-fix"]);
    forget(&repository);
}

/// What is asked of `ghcr.io` and `api.github.com`: the lab is both.
fn on_github(lab: &Github) -> Workspace {
    let place = lab.ask("proxy", &Value::Null);
    Workspace::new("")
        .env("HTTPS_PROXY", place["proxy"].as_str().unwrap())
        .env("SSL_CERT_FILE", place["authority"].as_str().unwrap())
        .env("GITHUB_TOKEN", lab.at("token"))
        .env("GITHUB_REPOSITORY", "octo/images")
}

fn ids(packages: &Value) -> Vec<u64> {
    let versions = packages[0]["versions"].as_array().unwrap();
    versions.iter().map(|version| version["id"].as_u64().unwrap()).collect()
}

#[test]
fn previews_in_githubs_registry_go_by_githubs_own_interface() {
    let lab = Github::start();
    let repository = repository("ghcr/web");
    let first = push(&repository, "pr-7-aaaaaaa", OURS);
    again(&first, &repository, "pr-7-bbbbbbb");
    let second = push(&repository, "pr-7-ccccccc", OURS);
    again(&second, &repository, "1.0");
    push(&repository, "pr-7-abc1234", None);
    let (_, path) = repository.split_once('/').unwrap();
    let (owner, package) = path.split_once('/').unwrap();
    let versions = json!([
        { "id": 1, "tags": ["pr-7-bbbbbbb", "pr-7-aaaaaaa"] }, { "id": 2, "tags": ["1.0", "pr-7-ccccccc"] },
        { "id": 3, "tags": ["pr-7-abc1234"] }, { "id": 4, "tags": [] },
    ]);
    let given = |kind: &str, versions: &Value| {
        lab.ask("packages", &json!([{ "owner": owner, "kind": kind, "name": package, "versions": versions }]))
    };
    given("orgs", &versions);
    let shown = format!("ghcr.io/{path}");
    let workspace = on_github(&lab);
    let sweep = || workspace.run(&["sweep", "--pull-request", "7", "--registry", &shown]);
    lab.permit(&json!({ "contents": "read" }));
    let ran = sweep();
    assert_eq!(ran.code, Some(6), "{ran:#?}");
    ran.says("packages: write");
    // What a token may not see is not there, as GitHub says it.
    lab.permit(&json!({ "packages": "write" }));
    lab.rules(&json!([{ "path": "/packages/", "status": 404, "message": "Not Found" }]));
    let ran = sweep();
    assert_eq!(ran.code, Some(6), "{ran:#?}");
    ran.says(&format!("could not remove image {shown}:pr-7-aaaaaaa: ")).says("packages: write").says_not("removed  ");
    lab.rules(&json!([]));
    let ran = sweep();
    assert_eq!(ran.code, Some(6), "{ran:#?}");
    ran.says(&format!("removed   image {shown}:pr-7-aaaaaaa")).says(&format!("removed   image {shown}:pr-7-bbbbbbb"));
    ran.says(&format!("could not remove image {shown}:pr-7-ccccccc: 1.0 is the same image"));
    ran.says(&format!("left      pr-7-abc1234 in {shown}"));
    assert_eq!(ids(&lab.ask("packages", &Value::Null)), [2, 3, 4]);
    // That of a person, of which GitHub keeps the last version.
    lab.ask("reset", &Value::Null);
    let mut versions = vec![
        json!({ "id": 1, "tags": ["pr-7-aaaaaaa", "pr-7-bbbbbbb"] }),
        json!({ "id": 2, "tags": ["pr-7-ccccccc"] }),
    ];
    versions.extend((10..90).map(|id| json!({ "id": id, "tags": [] })));
    given("users", &json!(versions));
    let ran = sweep();
    ran.succeeded().says(&format!("removed   image {shown}:pr-7-ccccccc"));
    ran.says(&format!("left      image {shown}:pr-7-aaaaaaa: GitHub keeps the last version of a package"));
    // The registry of this test has it still.
    let ran = sweep();
    assert_eq!(ran.code, Some(6), "{ran:#?}");
    ran.says(&format!("could not remove image {shown}:pr-7-ccccccc: ")).says("no version of the package with that tag");
    lab.took_everything();
    forget(&repository);
}
