//! The whole story of a change under act, with GitHub's server behind it: the main branch is built and leaves its record,
//! a pull request shows what it changes, and its preview goes when it is closed.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::action::checkout;
use crate::support::github::Github;
use crate::support::{docker, setting};

/// The example workflow, with this checkout as the action and the lab's token.
fn workflow() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/workflows/preview.yml");
    let text = std::fs::read_to_string(path).unwrap();
    let own = text.lines().find(|line| line.contains("uses: org/forge-action")).unwrap();
    let with = "      - uses: ./\n        with:\n          binary-path: ${{ vars.FORGE_BINARY }}\n          github-token: ${{ secrets.GITHUB_TOKEN }}";
    text.replace(own, with)
}

/// A workflow run of the lab.
struct Run {
    id: u64,
    token: String,
}

fn run_of(lab: &Github, run: &Value) -> Run {
    let made = lab.ask("repository", &json!({ "runs": [run] }));
    let run = &made["runs"][0];
    Run { id: run["id"].as_u64().unwrap(), token: run["runtime_token"].as_str().unwrap().to_owned() }
}

fn act(lab: &Github, folder: &Path, name: &str, event: &Value, run: &Run) -> String {
    let file = folder.join(".git/event.json");
    std::fs::write(&file, event.to_string()).unwrap();
    let output = Command::new(setting("FORGE_TEST_ACT"))
        .args([name, "-W", ".github/workflows/preview.yml", "-P", "ubuntu-latest=-self-hosted"])
        .args(["--no-cache-server", "--pull=false", "-e", file.to_str().unwrap()])
        .args(["--var", &format!("FORGE_BINARY={}", env!("CARGO_BIN_EXE_forge"))])
        .args(["-s", &format!("GITHUB_TOKEN={}", lab.at("token"))])
        .args(["--env", &format!("GITHUB_API_URL={}", lab.at("endpoint"))])
        .args(["--env", &format!("GITHUB_RUN_ID={}", run.id)])
        .args(["--env", &format!("ACTIONS_RESULTS_URL={}", lab.at("results"))])
        .args(["--env", &format!("ACTIONS_RUNTIME_TOKEN={}", run.token)])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn tags(repository: &str) -> Value {
    let (registry, name) = repository.split_once('/').unwrap();
    let address = format!("http://{registry}/v2/{name}/tags/list");
    let output = Command::new("curl").args(["-s", &address]).output().unwrap();
    let list: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    list["tags"].clone()
}

#[test]
fn a_change_is_shown_before_it_is_merged() {
    let lab = Github::start();
    let folder = tempfile::tempdir().unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let repository = format!("{}/forge-test/preview-act-{now}", setting("FORGE_TEST_REGISTRY"));
    let base = setting("FORGE_TEST_BASE_IMAGE");
    let images = format!(
        "images:\n  nginx:\n    template: examples/nginx\n    vars:\n      repository: {repository:?}\n      base_image: {base:?}\n"
    );
    checkout(
        folder.path(),
        "octo/images",
        &[(".github/forge.yml", &images), (".github/workflows/preview.yml", &workflow())],
    );
    let github = json!({ "id": 1, "full_name": "octo/images", "default_branch": "main" });
    // The main branch.
    let event = json!({ "ref": "refs/heads/main", "after": lab.at("main"), "repository": github });
    let main = json!({ "event": "push", "head_branch": "main", "head_sha": lab.at("main") });
    let run = run_of(&lab, &main);
    let log = act(&lab, folder.path(), "push", &event, &run);
    assert_eq!(tags(&repository), json!(["1.0.0"]), "{log}");
    lab.ask("repository", &json!({ "runs": [{ "id": run.id, "status": "completed", "conclusion": "success" }] }));
    let first = run.id;
    // A package more, and another page.
    let template = folder.path().join("examples/nginx/nginx.pkr.hcl");
    let text = std::fs::read_to_string(&template).unwrap();
    std::fs::write(&template, text.replace("nginx-light\"", "nginx-light tree\"")).unwrap();
    let page = folder.path().join("examples/nginx/site/index.html");
    let text = std::fs::read_to_string(&page).unwrap();
    std::fs::write(&page, format!("{text}<!-- changed -->\n")).unwrap();
    let pull = |action: &str| {
        json!({
            "action": action, "number": 7,
            "pull_request": { "number": 7, "merged": action == "closed",
                "head": { "sha": lab.at("head"), "ref": "change-7", "repo": github },
                "base": { "sha": lab.at("main"), "ref": "main", "repo": github } },
            "repository": github,
        })
    };
    let run = run_of(&lab, &json!({}));
    let log = act(&lab, folder.path(), "pull_request", &pull("synchronize"), &run);
    let tag = format!("pr-7-{}", &lab.at("head")[..7]);
    assert_eq!(tags(&repository), json!(["1.0.0", tag]), "{log}");
    let comment = lab.comment();
    assert!(comment.contains(&format!("{repository}:{tag}")), "{comment}\n{log}");
    let kept = lab.artifacts();
    let of_run = |artifact: &&Value| artifact["run"].as_u64() == Some(run.id);
    let kept = kept.iter().find(of_run).unwrap_or_else(|| panic!("no record of run {}\n{log}", run.id));
    let record: Value =
        serde_json::from_str(kept["files"]["forge-record.json"]["text"].as_str().expect("a short record")).unwrap();
    let change = &record["builds"][0]["change"];
    let address = change["baseline"]["url"].as_str().unwrap_or_default();
    assert!(address.contains(&format!("/runs/{first}/")), "{change:#}");
    let added: Vec<&str> =
        change["added"].as_array().into_iter().flatten().filter_map(|package| package["name"].as_str()).collect();
    assert_eq!(added, ["tree"], "{change:#}");
    assert!(comment.contains("1 package added") && comment.contains("tree"), "{comment}");
    // It is merged.
    let run = run_of(&lab, &json!({}));
    let log = act(&lab, folder.path(), "pull_request", &pull("closed"), &run);
    assert_eq!(tags(&repository), json!(["1.0.0"]), "{log}");
    lab.took_everything();
    docker(&["rmi", "-f", &format!("{repository}:{tag}"), &format!("{repository}:1.0.0")]);
}
