//! Tags and releases as they come: prefixes, annotated tags, branches of the same name, files that are replaced.

use serde_json::{Value, json};

use crate::publish_github::{built, pushed, refused, release, releases, tagged};
use crate::support::github::Github;
use crate::support::pushed::{digest, tags};

/// The files of the only release: name, text and state.
fn assets(lab: &Github) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let released = releases(lab).remove(0);
    let all = released["assets"].as_array().unwrap();
    all.iter().map(|asset| (text(&asset["name"]), text(&asset["text"]), text(&asset["state"]))).collect()
}

#[test]
fn a_file_of_a_release_is_replaced_without_ever_being_away() {
    let lab = Github::start();
    let image = pushed("asset");
    built(&lab, lab.at("main"), &[image.build("docker.app")], &json!({}), &json!({}));
    release(&lab, &json!({ "tag_name": "v1.2.3" }));
    let with = |content: &str| {
        let workspace = tagged(&lab, "v1.2.3").env("INPUT_ASSETS", "list of all.txt");
        workspace.file("list of all.txt", content);
        workspace
    };
    let listed = |text: &str| ("list.of.all.txt".to_owned(), text.to_owned(), "uploaded".to_owned());
    with("one").run(&["action"]).succeeded().says("list of all.txt: is among the assets now");
    // A server of some age tells no digest.
    lab.ask("settings", &json!({ "asset_digests": false }));
    lab.ask("forget-calls", &Value::Null);
    with("one").run(&["action"]).succeeded().says("list of all.txt: is among the assets already");
    let changes = |call: &String| !call.starts_with("GET ") && call.contains("/releases");
    assert!(!lab.calls().iter().any(changes), "{:#?}", lab.calls());

    // The upload fails for good: what was there stays.
    lab.rules(&json!([{ "method": "POST", "path": "/assets", "status": 422, "message": "no" }]));
    with("two").run(&["action"]).failed();
    assert!(assets(&lab).contains(&listed("one")), "{:?}", assets(&lab));
    // It breaks off, then the name cannot be given: the next run goes on from there.
    lab.rules(&json!([
        { "method": "POST", "path": "/assets", "nth": 1, "times": 1, "after": true, "starter": true, "status": 502 },
        { "method": "PATCH", "path": "/releases/assets/", "status": 403, "message": "no" },
    ]));
    with("two").run(&["action"]);
    lab.rules(&json!([]));
    lab.ask("forget-calls", &Value::Null);
    with("two").run(&["action"]).succeeded().says("list of all.txt: is among the assets now");
    assert!(
        !lab.calls().iter().any(|call| call.starts_with("POST ") && call.contains("/assets")),
        "{:#?}",
        lab.calls()
    );
    let there = assets(&lab);
    assert!(there.contains(&listed("two")) && there.len() == 2, "{there:?}");

    // What a person has put there under a name like those of files on their way stays.
    let person = tagged(&lab, "v1.2.3").env("INPUT_ASSETS", "list.of.all.txt.new");
    person.file("list.of.all.txt.new", "mine");
    person.run(&["action"]).succeeded();
    with("six").run(&["action"]).succeeded().says("list of all.txt: is among the assets now");
    let names: Vec<String> = assets(&lab).into_iter().map(|(name, ..)| name).collect();
    assert!(names.contains(&"list.of.all.txt.new".to_owned()) && names.len() == 3, "{names:?}");
    // It never is what was uploaded: that has an end.
    lab.rules(&json!([{ "method": "GET", "path": "/releases/assets/", "status": 200, "body": "xxx" }]));
    with("ten").run(&["action"]).failed().says("was uploaded 3 times and is not there as it was");

    // It is deleted while its files arrive.
    lab.rules(&json!([{ "method": "POST", "path": "/assets", "status": 404, "message": "Not Found" }]));
    let ran = with("three").run(&["action"]);
    ran.failed().says("the release v1.2.3 was deleted meanwhile; the images are published, and stay so");
    lab.rules(&json!([]));
    lab.took_everything();
}

#[test]
fn a_tag_with_a_prefix_is_meant_for_the_images_with_that_prefix() {
    let lab = Github::start();
    let (web, db) = (pushed("prefix-web"), pushed("prefix-db"));
    let builds = [web.build("web/docker.app"), db.build("db/docker.app")];
    built(&lab, lab.at("main"), &builds, &json!({}), &json!({}));
    let config =
        "images:\n  web:\n    template: t.pkr.hcl\n    publish: { tag-prefix: web- }\n  db:\n    template: t.pkr.hcl\n";
    let go = |tag: &str| {
        let workspace = tagged(&lab, tag).env("INPUT_TEMPLATE", "");
        workspace.file(".github/forge.yml", config);
        workspace
    };
    let named: Value = json!({ "tags/web-v1.3.0": lab.at("head"), "tags/v9.0.0": lab.at("head") });
    lab.ask("repository", &json!({ "refs": named }));
    let ran = go("web-v1.2.3").run(&["action"]);
    ran.succeeded().says("1.3.0 is higher than 1.2.3").says_not("9.0.0").says_not("db/docker.app");
    assert_eq!((tags(&web.repository), tags(&db.repository).len()), (vec!["1.2".to_owned(), "1.2.3".to_owned()], 0));
    go("v10.0.0").run(&["action"]).succeeded().says_not("web/docker.app");
    assert_eq!(digest(&db.repository, "latest").as_ref(), Some(&db.digest));
    refused(&go("cache-v1.0.0")).says("\"cache-v1.0.0\" is no version").says("Tags of the images begin with: web-");
    lab.took_everything();
}

#[test]
fn annotated_tags_and_a_branch_of_the_same_name() {
    let lab = Github::start();
    let image = pushed("annotated");
    built(&lab, lab.at("main"), &[image.build("docker.app")], &json!({}), &json!({}));
    let tag = json!({ "tag": "v1.2.3", "object": lab.at("main"), "message": "a release" });
    let refs = json!({ "heads/v1.2.3": lab.at("head") });
    lab.ask("repository", &json!({ "annotated_tags": [tag], "refs": refs, "releases": [{ "tag_name": "v1.2.3" }] }));
    // As the runner has it: the commit, while the event's file has the tag object.
    let payload = json!({ "ref": "refs/tags/v1.2.3", "after": "d".repeat(40), "deleted": false });
    let of_tag = lab.step(tagged(&lab, "v1.2.3"), "push", &payload, 100);
    of_tag.run(&["action"]).succeeded().says("now have the images");
    assert_eq!(digest(&image.repository, "1.2.3").as_ref(), Some(&image.digest));
    // By hand, the version's commit is that of the tag, whatever the branch is.
    let by_hand = lab.step(tagged(&lab, "v1.2.3"), "workflow_dispatch", &json!({ "ref": "refs/heads/main" }), 101);
    let by_hand = by_hand.env("GITHUB_REF", "refs/heads/main").env("INPUT_COMMAND", "publish");
    by_hand.env("INPUT_VERSION", "v1.2.3").run(&["action"]).succeeded().says("already");
    lab.took_everything();
}
