//! Pull requests of forks: nothing of them is run, nobody is asked for a secret, and what is wrong with them is told by a
//! second workflow.

use serde_json::{Value, json};

use crate::action::{checkout, runner};
use crate::github_reports::template;
use crate::support::act::{Act, example};
use crate::support::github::Github;
use crate::support::http::{Server, reply};
use crate::support::{Workspace, events};

/// A step of a fork's pull request, or of the repository's own, beside services that would answer.
fn beside_services(lab: &Github, server: &Server, from: &str, text: &str) -> Workspace {
    let event = events::pull_request(lab, from);
    let workspace = lab.step(runner(text), "pull_request", &event, 100);
    let workspace = workspace.env("GITHUB_SHA", lab.at("merge")).env("GITHUB_REF", "refs/pull/7/merge");
    let address = format!("http://{}", server.address);
    workspace
        .env("VAULT_ADDR", &address)
        .env("VAULT_TOKEN", "hvs.a-token-that-is-long")
        .env("CONSUL_HTTP_ADDR", &server.address)
        .env("AWS_ENDPOINT_URL", address)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "the-secret-access-key")
        .env("AWS_REGION", "eu-west-1")
}

/// Ways to have a service asked, by the text that gives `local.x`.
fn asking(server: &Server) -> Vec<String> {
    let data = |kind: &str, options: &str, output: &str| {
        format!("data \"{kind}\" \"d\" {{\n  {options}\n}}\nlocals {{ x = data.{kind}.d.{output} }}\n")
    };
    let url = format!("url = \"http://{}/data\"", server.address);
    let mut ways = vec![
        "locals { x = vault(\"secret/data/a\", \"b\") }\n".to_owned(),
        "locals { x = consul_key(\"a\") }\n".to_owned(),
        data("http", &url, "body"),
    ];
    if cfg!(feature = "aws") {
        ways.push("locals { x = aws_secretsmanager(\"a\", \"b\") }\n".to_owned());
        ways.push(data("amazon-secretsmanager", "name = \"a\"\n  region = \"eu-west-1\"", "value"));
        ways.push(data("amazon-parameterstore", "name = \"a\"\n  region = \"eu-west-1\"", "value"));
        let filters = "filters = { name = \"a\" }\n  owners = [\"self\"]\n  region = \"eu-west-1\"";
        ways.push(data("amazon-ami", filters, "id"));
    }
    ways
}

#[test]
fn no_service_is_asked_for_a_secret() {
    let lab = Github::start();
    let server = Server::new(|_| Some(reply(404, r#"{"errors":[]}"#)));
    for way in asking(&server) {
        let text = way.clone() + &template(&["good"]).replace("echo working", "touch ran; echo ${local.x}");
        for command in ["", "build", "plan", "preview"] {
            let fork = beside_services(&lab, &server, events::FORK, &text).env("INPUT_COMMAND", command);
            fork.run(&["action"]).succeeded().says("valid");
            assert!(!fork.path().join("ran").exists(), "{way}");
        }
        assert_eq!(server.asked(), [], "{way}");
        assert!(lab.calls().is_empty(), "{:#?}", lab.calls());
    }
    // The services are where the template's own author would have them asked.
    for way in asking(&server) {
        let text = way.clone() + &template(&["good"]).replace("echo working", "echo ${local.x}");
        let before = server.asked().len();
        let own = beside_services(&lab, &server, events::OWN, &text).env("INPUT_COMMAND", "build");
        assert_eq!(own.run(&["action"]).code, Some(1), "{way}");
        assert!(server.asked().len() > before, "{way}");
    }
}

#[test]
fn a_forks_own_file_cannot_have_it_built() {
    let lab = Github::start();
    let server = Server::new(|_| Some(reply(404, "{}")));
    let text = template(&["good"]).replace("echo working", "touch ran");
    for (events, says, code) in [
        ("{ fork: build }", "forks cannot be set to \"build\"", 1),
        ("{ fork: preview }", "cannot be set to \"preview\"", 1),
        ("{ fork: publish }", "cannot be set to \"publish\"", 1),
        ("{ pull_request: build, push: build, manual: build, tag: build }", "valid", 0),
        ("{ fork: plan }", "valid", 0),
    ] {
        for place in ["on", "defaults"] {
            let on = if place == "on" { format!("    on: {events}\n") } else { String::new() };
            let defaults = if place == "on" { String::new() } else { format!("defaults:\n  on: {events}\n") };
            let config = format!("version: 1\n{defaults}images:\n  web:\n    template: t.pkr.hcl\n{on}");
            for command in ["", "build"] {
                let fork = beside_services(&lab, &server, events::FORK, &text).env("INPUT_COMMAND", command);
                fork.file(".github/forge.yml", &config);
                let ran = fork.run(&["action"]);
                assert_eq!(ran.code, Some(code), "{config}{ran:#?}");
                ran.says(says);
                assert!(!fork.path().join("ran").exists(), "{config}{ran:#?}");
            }
        }
    }
    assert!(lab.calls().is_empty(), "{:#?}", lab.calls());
}

/// What actions/download-artifact does with these options. act would have to fetch it from GitHub.
const DOWNLOAD: &str = r#"
import fnmatch, io, json, os, urllib.request, zipfile
class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_): return None
def get(url, token):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        return urllib.request.build_opener(Stay).open(request).read()
    except urllib.error.HTTPError as found:
        if found.code != 302: raise
        return get(found.headers["Location"], None)
of_run = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}/actions/runs/{os.environ['RUN_ID']}/artifacts"
for artifact in json.loads(get(of_run, os.environ["TOKEN"]))["artifacts"]:
    if fnmatch.fnmatch(artifact["name"], os.environ["PATTERN"]):
        archive = zipfile.ZipFile(io.BytesIO(get(artifact["archive_download_url"], os.environ["TOKEN"])))
        archive.extractall(os.path.join(os.environ["RECORDS"], artifact["name"]))
"#;

/// The second half, whose step that downloads is done by [`DOWNLOAD`] with the same options.
fn report() -> String {
    let text = example("forks-report.yml");
    let (before, step) = text.split_once("- uses: actions/download-artifact@").expect("it downloads the record");
    let (options, rest) = step.split_once("      - uses: ./").unwrap();
    let mut options = options.split_once('\n').unwrap().1.to_owned();
    for (option, variable) in [
        ("with:", "env:"),
        ("run-id:", "RUN_ID:"),
        ("github-token:", "TOKEN:"),
        ("pattern:", "PATTERN:"),
        ("path:", "RECORDS:"),
    ] {
        assert_eq!(options.matches(option).count(), 1, "{options}");
        options = options.replace(option, variable);
    }
    format!("{before}- run: python3 .github/download.py\n{options}      - uses: ./{rest}")
}

#[test]
fn one_workflow_validates_a_fork_and_another_reports_it() {
    let lab = Github::start();
    let pull =
        json!({ "number": 8, "head": "change", "head_sha": lab.at("head"), "head_repo": events::FORK, "base": "main" });
    let about = json!({ "name": "forks", "event": "pull_request", "head_sha": lab.at("head"), "head_branch": "change", "head_repo": events::FORK });
    let made = lab.ask(
        "repository",
        &json!({ "pulls": [pull], "runs": [about, { "name": "forks-report", "event": "workflow_run" }] }),
    );
    let run = |number: usize| {
        let run = &made["runs"][number];
        (run["id"].as_u64().unwrap(), run["runtime_token"].as_str().unwrap())
    };
    let mistaken = template(&["good"]).replace("inline", "inlnie").replace("echo working", "touch /tmp/forge-evil-ran");
    let (first, second) = (example("forks.yml"), report());
    let folder = tempfile::tempdir().unwrap();
    checkout(
        folder.path(),
        events::OWN,
        &[
            (".github/workflows/forks.yml", &first),
            (".github/workflows/forks-report.yml", &second),
            (".github/download.py", DOWNLOAD),
            ("images/web/web.pkr.hcl", &mistaken),
        ],
    );
    let act = Act { lab: &lab, folder: folder.path() };

    let mut event = events::pull_request(&lab, events::FORK);
    event["number"] = json!(8);
    event["pull_request"]["number"] = json!(8);
    let acted = act.run("forks.yml", ("pull_request", &event), run(0));
    assert!(!acted.succeeded && acted.log.contains("inlnie"), "{}", acted.log);
    assert!(lab.calls().is_empty(), "{:#?}", lab.calls());
    let kept = lab.artifacts();
    assert_eq!((kept.len(), kept[0]["run"].as_u64()), (1, Some(run(0).0)), "{}", acted.log);

    let event = json!({
        "action": "completed",
        "workflow_run": {
            "id": run(0).0, "event": "pull_request", "head_sha": lab.at("head"), "head_branch": "change", "conclusion": "failure",
            "head_repository": { "id": 2, "full_name": events::FORK, "owner": { "login": "mallory" } },
            "repository": { "id": 1, "full_name": events::OWN }, "pull_requests": [],
        },
        "repository": events::repository(),
    });
    let acted = act.run("forks-report.yml", ("workflow_run", &event), run(1));
    assert!(!acted.succeeded, "the template has a mistake:\n{}", acted.log);
    let comments = lab.comments();
    let of: Vec<Option<u64>> = comments.iter().map(|comment| comment["issue"].as_u64()).collect();
    assert_eq!(of, [Some(8)], "{comments:#?}\n{}", acted.log);
    assert!(lab.comment().contains("inlnie"), "{}", lab.comment());
    let check = lab.check("forge / fork");
    assert_eq!((check["head_sha"].as_str(), check["conclusion"].as_str()), (Some(lab.at("head")), Some("failure")));
    let line = mistaken.lines().position(|line| line.contains("inlnie")).unwrap() + 1;
    let place = (Some("images/web/web.pkr.hcl"), Some(line as u64));
    let marks = check["annotations"].as_array().unwrap();
    assert!(marks.iter().any(|mark| (mark["path"].as_str(), mark["start_line"].as_u64()) == place), "{check:#}");

    // A pull request of the repository itself is not for these two.
    let own: Value = events::pull_request(&lab, events::OWN);
    let before = lab.artifacts().len();
    assert!(act.run("forks.yml", ("pull_request", &own), run(0)).succeeded);
    assert_eq!(lab.artifacts().len(), before);
    lab.took_everything();
}
