//! An image that must have an attestation is published only if the right workflow has signed it, of the right commit.

use serde_json::{Value, json};

use crate::action::runner;
use crate::publish_github::TEMPLATE;
use crate::publish_records::{inputs, recorded};
use crate::support::github::Github;
use crate::support::pushed::{Pushed, digest, record, repository, tags};
use crate::support::sigstore::Sigstore;
use crate::support::{Ran, Workspace, setting};

const CONFIG: &str = "
images:
  web:
    template: t.pkr.hcl
    publish:
      attestation:
        required: true
        signer-workflow: octo/images/.github/workflows/images.yml@refs/heads/*
        trusted-root: roots.jsonl
";

/// The workflow that may sign.
const IMAGES: &str = "octo/images/.github/workflows/images.yml@refs/heads/main";

fn main_commit() -> String {
    "a".repeat(40)
}

fn pushed(name: &str) -> Pushed {
    Pushed::new(&repository(&setting("FORGE_TEST_REGISTRY"), name), 1000, &[])
}

/// What the lab signs of an image, but for what `more` says.
fn about(digest: &str, more: &Value) -> Value {
    let mut about = json!({ "subjects": { "image": digest }, "workflow": IMAGES, "commit": main_commit() });
    for (key, value) in more.as_object().into_iter().flatten() {
        about[key] = value.clone();
    }
    about
}

/// A record of these builds, made by a run of the workflow.
fn made(builds: &[Value], sha: &str, run: &Value) -> Value {
    let mut made = record(builds);
    made["workflow"] = json!({ "repository": "octo/images", "event": "push", "sha": sha, "workflow": "images",
        "job": "image", "run_id": run, "attempt": 1, "url": "https://github.com/octo/images/actions/runs/1" });
    made
}

/// On GitHub, the run of a push that has left the record.
fn built(lab: &Github, builds: &[Value]) {
    let run = json!({ "event": "push", "head_sha": lab.at("main"), "head_branch": "main", "status": "completed",
        "conclusion": "success" });
    let id = lab.ask("repository", &json!({ "runs": [run] }))["runs"][0]["id"].clone();
    let files = json!({ "forge-record.json": made(builds, lab.at("main"), &id).to_string() });
    lab.ask(
        "repository",
        &json!({ "artifacts": [{ "run": id, "name": "forge-record-image-1-abcd", "files": files }] }),
    );
}

/// A step of the run that a pushed tag has started.
fn tagged(lab: &Github, config: &str, roots: &str) -> Workspace {
    let payload = json!({ "ref": "refs/tags/v1.2.3", "deleted": false,
        "repository": { "id": 1, "full_name": "octo/images", "default_branch": "main" } });
    let workspace = lab.step(runner(TEMPLATE), "push", &payload, 100);
    workspace.file(".github/forge.yml", config);
    workspace.file("roots.jsonl", roots);
    workspace.env("GITHUB_REF", "refs/tags/v1.2.3").env("GITHUB_SHA", lab.at("main"))
}

/// What GitHub was asked of attestations.
fn asked(lab: &Github) -> usize {
    lab.calls().iter().filter(|call| call.contains("/attestations/")).count()
}

#[test]
fn what_the_workflow_has_attested_is_published_and_nothing_else() {
    let (lab, sigstore, stranger) = (Github::start(), Sigstore::new(), Sigstore::new());
    let (good, bare) = (pushed("attested"), pushed("bare"));
    let config = CONFIG.replace("images:", "images:\n  bare: { template: t.pkr.hcl, publish: { attestation: { required: true, trusted-root: roots.jsonl } } }");
    built(&lab, &[good.build("web/docker.app"), bare.build("bare/docker.app")]);
    let roots = format!("{}{}", stranger.root(), sigstore.root());
    let signed = |more: &Value| sigstore.attest(&about(&good.digest, more));
    // The newest come first: the one that counts is on the second page.
    let attestations = [
        signed(&json!({})),
        signed(&json!({ "workflow": "octo/images/.github/workflows/other.yml@refs/heads/main" })),
        signed(&json!({ "predicate_type": "https://spdx.dev/Document/v2.3" })),
    ];
    lab.ask("repository", &json!({ "attestations": attestations }));
    lab.ask("settings", &json!({ "attestations_in_a_page": 1 }));
    let ran = tagged(&lab, &config, &roots).run(&["action"]);
    let app = &good.repository;
    ran.failed().says(&format!("web/docker.app: attested  {} by {IMAGES}", good.digest));
    ran.says(&format!("bare/docker.app: FAILED    {} has no attestation;", bare.digest));
    // Not half of a release.
    ran.says("web/docker.app: FAILED    nothing is published, since nobody vouches for bare/docker.app");
    assert!(tags(app).is_empty() && tags(&bare.repository).is_empty());
    assert_eq!(asked(&lab), 3, "two pages of the one, and none of the other");

    // With a ref that any workflow of the repository may have, and bundles that GitHub keeps elsewhere.
    let signed = sigstore
        .attest(&about(&bare.digest, &json!({ "workflow": "octo/images/.github/workflows/b.yml@refs/tags/x" })));
    lab.ask("repository", &json!({ "attestations": [signed] }));
    lab.ask("settings", &json!({ "inline_bundles": false }));
    let ran = tagged(&lab, &config, &roots).run(&["action"]);
    ran.succeeded().says("octo/images/.github/workflows/b.yml@refs/tags/x");
    ran.says(&format!("web/docker.app: published {app}:latest"));
    assert_eq!(tags(app), ["1", "1.2", "1.2.3", "latest"]);
    assert_eq!(digest(app, "latest").as_ref(), Some(&good.digest));
    assert_eq!(tags(&bare.repository).len(), 4);
    lab.took_everything();

    // The job may not look.
    lab.permit(&json!({ "contents": "write", "actions": "read" }));
    let refused = tagged(&lab, CONFIG, &roots).run(&["action"]);
    refused.failed().says("the job may not read them: give it `permissions` with `attestations: read`");
    // Whoever does not ask for attestations needs no permission, and makes no call.
    lab.ask("forget-calls", &Value::Null);
    let off = CONFIG.replace("required: true", "required: false");
    tagged(&lab, &off, "not read").run(&["action"]).succeeded().says_not(": attested ");
    assert_eq!(asked(&lab), 0);
}

/// A bundle that cannot be had is none; its store may be away for a moment, and what is not needed is not fetched.
#[test]
fn bundles_are_fetched_one_after_the_other_until_one_holds() {
    let (lab, sigstore) = (Github::start(), Sigstore::new());
    let image = pushed("fetched");
    built(&lab, &[image.build("web/docker.app")]);
    let good = sigstore.attest(&about(&image.digest, &json!({})));
    lab.ask("repository", &json!({ "attestations": [good, good, good] }));
    lab.ask("settings", &json!({ "inline_bundles": false }));
    let fetched = || {
        let calls = lab.ask("calls", &Value::Null);
        let of_store = |call: &&Value| call["path"].as_str().unwrap().starts_with("/blobs/attestations/");
        calls.as_array().unwrap().iter().filter(of_store).count()
    };
    let go = || tagged(&lab, CONFIG, &sigstore.root()).run(&["action"]);
    let rule = |status: u32, times: u32| json!([{ "method": "GET", "path": "/blobs/attestations/", "nth": 1, "times": times, "status": status }]);
    go().succeeded();
    assert_eq!(fetched(), 1);
    for (status, number) in [(404, 2), (503, 2)] {
        lab.ask("forget-calls", &Value::Null);
        lab.rules(&rule(status, 1));
        go().succeeded().says(": attested ");
        assert_eq!(fetched(), number, "{status}");
    }
    lab.rules(&rule(404, 3));
    go().failed().says("has no attestation that counts: it cannot be read").says("its store does not have it");
}

/// The commit has no image of its own; that of an earlier one stands for it, and is attested of that one.
#[test]
fn an_image_of_the_same_inputs_is_attested_of_its_own_commit() {
    let (lab, sigstore) = (Github::start(), Sigstore::new());
    let go = || tagged(&lab, CONFIG, &sigstore.root());
    let (known, all) = inputs(&go());
    let place = repository(&setting("FORGE_TEST_REGISTRY"), "same");
    let left = |image: &Pushed| {
        let build = recorded(image, "web/docker.app", &known, &all);
        crate::publish_github::built(&lab, lab.at("head"), &[build], &json!({}), &json!({}));
    };
    let image = Pushed::new(&place, 1000, &[("forge.inputs", &known)]);
    left(&image);
    let attest = |image: &Pushed, commit: &str| {
        let signed = sigstore.attest(&about(&image.digest, &json!({ "commit": commit })));
        lab.ask("repository", &json!({ "attestations": [signed] }));
    };
    attest(&image, lab.at("main"));
    let told = format!("source commit: expected {}, seen {}", lab.at("head"), lab.at("main"));
    go().run(&["action"]).failed().says(&told);
    assert!(tags(&place).is_empty());
    attest(&image, lab.at("head"));
    let ran = go().run(&["action"]);
    ran.succeeded().says("which run").says(&format!("attested  {} by {IMAGES}", image.digest));
    assert_eq!(digest(&place, "1.2.3").as_ref(), Some(&image.digest));

    // What it was made of nobody has signed: the image must say so itself.
    let silent = Pushed::new(&repository(&setting("FORGE_TEST_REGISTRY"), "silent"), 1000, &[]);
    attest(&silent, lab.at("head"));
    left(&silent);
    let ran = tagged(&lab, CONFIG, &sigstore.root()).run(&["action"]);
    ran.failed().says("does not say what it was made of (forge.inputs or forge:inputs)");
    assert!(tags(&silent.repository).is_empty());
    lab.took_everything();
}

#[test]
fn the_version_is_of_the_commit_that_is_attested() {
    let (lab, sigstore) = (Github::start(), Sigstore::new());
    let image = pushed("commit");
    let workspace = tagged(&lab, CONFIG, &sigstore.root());
    let record = made(&[image.build("web/docker.app")], lab.at("head"), &json!(1));
    workspace.file("old/forge-record.json", record.to_string());
    let workspace = workspace.env("INPUT_RECORDS", "old");
    let told = format!("the version is of commit {}, and the record is of commit {}", lab.at("main"), lab.at("head"));
    workspace.run(&["action"]).failed().says(&told);
    assert!(tags(&image.repository).is_empty());
    // Nothing that is built while publishing is attested.
    let config = CONFIG.replace("publish:", "publish:\n      without-record: build");
    let mistake = tagged(&lab, &config, &sigstore.root()).run(&["action"]);
    mistake.failed().says("\"without-record\" is \"build\", and an attestation is required");
}

/// Outside of GitHub, with attestations in files.
fn publish(workspace: &Workspace, more: &[&str]) -> Ran {
    let usual = ["publish", "--record", "forge-record.json", "--version", "v1.2.3", "--trusted-root", "roots.jsonl"];
    workspace.run(&[&usual[..], more].concat())
}

const LOCAL: [&str; 4] = ["--source-repository", "octo/images", "--attestation-bundle", "bundle.json"];

#[test]
fn what_does_not_match_is_told_with_what_was_expected_and_what_was_seen() {
    let (sigstore, stranger) = (Sigstore::new(), Sigstore::new());
    let image = pushed("refused");
    let workspace = Workspace::new("");
    workspace.file("forge-record.json", made(&[image.build("docker.app")], &main_commit(), &json!(1)).to_string());
    workspace.file("roots.jsonl", sigstore.root());
    let signer = ["--signer-workflow", "octo/images/.github/workflows/images.yml@refs/heads/main"];
    let try_with = |bundle: &str| {
        workspace.file("bundle.json", bundle);
        publish(&workspace, &[&LOCAL[..], &signer].concat())
    };
    let other = format!("sha256:{}", "1".repeat(64));
    for (more, told) in [
        (
            json!({ "workflow": "octo/images/.github/workflows/other.yml@refs/heads/main" }),
            "signer workflow: expected octo/images/.github/workflows/images.yml@refs/heads/main, seen \
             octo/images/.github/workflows/other.yml@refs/heads/main"
                .to_owned(),
        ),
        (
            json!({ "workflow": "octo/images/.github/workflows/images.yml@refs/pull/7/merge" }),
            "seen octo/images/.github/workflows/images.yml@refs/pull/7/merge".to_owned(),
        ),
        (
            json!({ "commit": "b".repeat(40) }),
            format!("source commit: expected {}, seen {}", main_commit(), "b".repeat(40)),
        ),
        (
            json!({ "source": "stranger/images" }),
            "source repository: expected https://github.com/octo/images, seen https://github.com/stranger/images"
                .to_owned(),
        ),
        (
            json!({ "issuer": "https://issuer.example" }),
            "identity provider: expected https://token.actions.githubusercontent.com, seen https://issuer.example"
                .to_owned(),
        ),
        (
            json!({ "predicate_type": "https://spdx.dev/Document" }),
            "predicate type: expected https://slsa.dev/provenance/v1, seen https://spdx.dev/Document".to_owned(),
        ),
        (json!({ "subjects": { "a": &other } }), format!("digest: expected {}, seen {other}", image.digest)),
        (json!({ "subjects": {} }), "digest: expected".to_owned()),
        (json!({ "age": 700 }), "its signature does not hold: ".to_owned()),
        (json!({ "untimed": true }), "its signature does not hold: ".to_owned()),
        (json!({ "tampered": true }), "its signature does not hold: invalid signature".to_owned()),
    ] {
        let ran = try_with(&sigstore.attest(&about(&image.digest, &more)).to_string());
        ran.failed().says("docker.app: FAILED").says("has no attestation that counts: ").says(&told);
    }
    let foreign = stranger.attest(&about(&image.digest, &json!({})));
    try_with(&foreign.to_string()).failed().says("its signature does not hold: ");
    try_with("{\"mediaType\": 1}").failed().says("has no attestation that counts: it cannot be read: ");
    try_with("{").failed().says("bundle.json: ");
    try_with("").failed().says("has no attestation; let the workflow that builds it attest it");
    assert!(tags(&image.repository).is_empty(), "no name was written");

    // Of several one is enough, and what is said is who has signed it.
    let good = sigstore.attest(&about(&image.digest, &json!({})));
    let several = format!("{foreign}\n{good}\n");
    workspace.file("bundle.json", &several);
    publish(&workspace, &[&LOCAL[..], &signer, &["--dry-run"]].concat()).succeeded().says(&format!("by {IMAGES}"));
    assert!(tags(&image.repository).is_empty());
    try_with(&several).succeeded().says("published");
    // The roots that come with the program know nothing of it.
    let built_in = workspace
        .run(&[&["publish", "--record", "forge-record.json", "--version", "v1.2.3"][..], &LOCAL, &signer].concat());
    built_in.failed().says("name its roots in \"trusted-root\"");
}

#[test]
fn a_sigstore_with_a_log_wants_what_it_signs_to_be_in_it() {
    let sigstore = Sigstore::with_log();
    let image = pushed("logged");
    let workspace = Workspace::new("");
    workspace.file("forge-record.json", made(&[image.build("docker.app")], &main_commit(), &json!(1)).to_string());
    workspace.file("roots.jsonl", sigstore.root());
    workspace.file("bundle.json", sigstore.attest(&about(&image.digest, &json!({ "logged": false }))).to_string());
    publish(&workspace, &LOCAL).failed().says("its signature does not hold: ").says("inclusion proof");
    // The time of the entry is as good as a stamp.
    let logged = sigstore.attest(&about(&image.digest, &json!({ "untimed": true })));
    workspace.file("bundle.json", logged.to_string());
    publish(&workspace, &LOCAL).succeeded().says("attested");
    // Of another statement than the log has.
    let mut moved = sigstore.attest(&about(&image.digest, &json!({})));
    moved["verificationMaterial"]["tlogEntries"] = logged["verificationMaterial"]["tlogEntries"].clone();
    workspace.file("bundle.json", moved.to_string());
    publish(&workspace, &LOCAL).failed().says("its signature does not hold: ");
}

#[test]
fn without_anybody_to_ask_it_is_told_what_to_give() {
    let sigstore = Sigstore::new();
    let image = pushed("nobody");
    let workspace = Workspace::new("");
    workspace.file("forge-record.json", made(&[image.build("docker.app")], &main_commit(), &json!(1)).to_string());
    workspace.file("roots.jsonl", sigstore.root());
    workspace.file("bundle.json", sigstore.attest(&about(&image.digest, &json!({}))).to_string());
    publish(&workspace, &LOCAL[..2]).failed().says("set GITHUB_TOKEN").says("--attestation-bundle");
    // Whoever says what it is built of wants to know.
    let usual = ["publish", "--record", "forge-record.json", "--version", "v1.2.3"];
    workspace.run(&[&usual[..], &LOCAL[..2]].concat()).failed().says("set GITHUB_TOKEN");
    publish(&workspace, &LOCAL[2..]).failed().says("give --source-repository OWNER/NAME");
    workspace.file("roots.jsonl", "{}");
    publish(&workspace, &LOCAL).failed().says("the trusted root roots.jsonl: it has no trusted roots of Sigstore");
    let wrong = publish(&workspace, &["--signer-workflow", "images.yml"]);
    assert!(
        wrong.code == Some(1) && wrong.stderr.contains("does not begin with OWNER/NAME/.github/workflows/"),
        "{wrong:#?}"
    );
    workspace.file("forge-record.json", record(&[image.build("docker.app")]).to_string());
    workspace.file("roots.jsonl", sigstore.root());
    publish(&workspace, &LOCAL).failed().says("its record does not say which commit it is of");

    // A token of a person, and an API to ask.
    let lab = Github::start();
    workspace.file("forge-record.json", made(&[image.build("docker.app")], &main_commit(), &json!(1)).to_string());
    lab.ask("repository", &json!({ "attestations": [sigstore.attest(&about(&image.digest, &json!({})))] }));
    let workspace = workspace.env("GITHUB_API_URL", lab.at("endpoint")).env("GITHUB_TOKEN", lab.at("token"));
    publish(&workspace, &LOCAL[..2]).succeeded().says(&format!("attested  {} by {IMAGES}", image.digest));
    lab.took_everything();
}
