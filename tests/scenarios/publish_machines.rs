//! Machine images of AWS get the names of a version: copies, who may use them, tags, parameters, and what can fail.

use serde_json::{Value, json};

use crate::amazon_ebs::granted;
use crate::support::lab::Lab;
use crate::support::pushed::record;
use crate::support::sigstore::Sigstore;
use crate::support::{Ran, Workspace};

const TEMPLATE: &str = r#"
source "amazon-ebs" "web" {
  region        = "eu-west-1"
  instance_type = "t3.micro"
  ssh_username  = "ubuntu"
  ami_name      = "web"
  source_ami    = "ami-0aaaaaaaaaaaa0002"
}
build { sources = ["source.amazon-ebs.web"] }
"#;

pub(crate) const CONFIG: &str = "
images:
  web:
    template: t.pkr.hcl
    publish:
      regions: [eu-west-1, eu-central-1, us-east-1]
      users: ['210987654321']
      image-tags: { Version: '{version}', Of: '{image}' }
      deprecate-after: 90d
      ssm-parameter: /forge/{image}/{channel}
";

/// An image in eu-west-1 that a build has left.
pub(crate) fn image(lab: &Lab, name: &str) -> String {
    let about = json!({ "region": "eu-west-1", "name": name, "created": "2026-01-01T00:00:00" });
    lab.ask("image", &about).as_str().unwrap().to_owned()
}

pub(crate) fn build(id: &str) -> Value {
    let name = "web/amazon-ebs.web";
    let image = json!({ "build": name, "builder": "amazon-ebs", "id": id, "location": "eu-west-1" });
    json!({ "name": name, "builder": "amazon-ebs", "state": "succeeded", "images": [image] })
}

pub(crate) fn folder(lab: &Lab, build: &Value) -> Workspace {
    let workspace = lab.environment(Workspace::new(TEMPLATE));
    workspace.file(".github/forge.yml", CONFIG);
    workspace.file("forge-record.json", record(std::slice::from_ref(build)).to_string());
    workspace
}

pub(crate) fn publish(workspace: &Workspace, version: &str) -> Ran {
    workspace.run(&["publish", "--record", "forge-record.json", "--version", version])
}

/// Ids by region of the images of that name.
pub(crate) fn ids(lab: &Lab, name: &str) -> Vec<(String, String)> {
    let images = lab.images();
    let named = images.as_object().unwrap().iter().filter(|(_, image)| image["name"] == name);
    let mut ids: Vec<_> = named.map(|(id, image)| (image["region"].as_str().unwrap().to_owned(), id.clone())).collect();
    ids.sort();
    ids
}

pub(crate) fn parameter(lab: &Lab, region: &str, name: &str) -> Option<String> {
    let found = &lab.ask("parameters", &Value::Null)[region][name];
    assert!(found.is_null() || found[1] == "aws:ec2:image", "{found}");
    found[0].as_str().map(str::to_owned)
}

#[test]
fn a_version_is_copied_shared_tagged_and_named_and_nothing_is_built() {
    let lab = Lab::start();
    let id = image(&lab, "web-1");
    let workspace = folder(&lab, &build(&id));
    let dry = workspace.run(&["publish", "--record", "forge-record.json", "--version", "v1.2.3", "--dry-run"]);
    dry.succeeded().says("what would be done").says("us-east-1 a copy of");
    assert_eq!(ids(&lab, "web-1").len(), 1);
    lab.ask("forget-calls", &Value::Null);
    publish(&workspace, "v1.2.3").succeeded().says(&format!("published eu-west-1 {id} may be used by 210987654321"));
    granted(&lab, &["publish"]);
    let calls = lab.calls();
    for never in ["RunInstances", "CreateImage", "RegisterImage", "DeregisterImage"] {
        assert!(calls.iter().all(|call| call != never), "{calls:?}");
    }
    let made = ids(&lab, "web-1");
    assert_eq!(
        made.iter().map(|(region, _)| region.as_str()).collect::<Vec<_>>(),
        ["eu-central-1", "eu-west-1", "us-east-1"]
    );
    let images = lab.images();
    for (region, made) in &made {
        let image = &images[made];
        let tags = &image["tags"];
        assert_eq!((&tags["forge:version"], &tags["forge:image"]), (&json!("1.2.3"), &json!("web")), "{image}");
        assert_eq!((&tags["Version"], &tags["Of"]), (&json!("1.2.3"), &json!("web")), "{image}");
        assert!(image["permissions"].to_string().contains("210987654321"), "{image}");
        assert!(image["asked"]["EnableImageDeprecation"]["DeprecateAt"].is_string(), "{image}");
        for name in ["1.2.3", "1.2", "1", "latest"] {
            assert_eq!(parameter(&lab, region, &format!("/forge/web/{name}")).as_ref(), Some(made), "{region} {name}");
        }
    }

    // Again: nothing to do, and nothing is made twice.
    lab.ask("forget-calls", &Value::Null);
    publish(&workspace, "v1.2.3").succeeded().says("already").says_not("published");
    let calls = lab.calls();
    let changes = |call: &&String| !call.starts_with("Describe") && !call.starts_with("Get");
    assert_eq!(calls.iter().filter(changes).collect::<Vec<_>>(), Vec::<&String>::new());

    // A backport leaves what belongs to higher versions, in every region.
    let older = image(&lab, "web-0");
    let ran = publish(&folder(&lab, &build(&older)), "v1.1.9");
    ran.succeeded().says("left      us-east-1 latest: 1.2.3 is higher than 1.1.9");
    for (region, made) in &made {
        assert_eq!(parameter(&lab, region, "/forge/web/latest").as_ref(), Some(made), "{region}");
        assert_ne!(parameter(&lab, region, "/forge/web/1.1").as_ref(), Some(made), "{region}");
    }
    // A version is one image.
    let ran = publish(&folder(&lab, &build(&older)), "v1.2.3");
    ran.failed().says(&format!("eu-west-1 1.2.3 is another image, {id}")).says("--force");
    assert_eq!(lab.images()[&older]["tags"]["forge:version"], "1.1.9", "nothing of it is done by halves");
    assert_eq!(parameter(&lab, "eu-west-1", "/forge/web/latest").as_ref(), Some(&id));
}

#[test]
fn a_region_that_fails_does_not_hold_up_the_others_and_a_second_run_completes() {
    let lab = Lab::start();
    let id = image(&lab, "web-1");
    let workspace = folder(&lab, &build(&id));
    let error = json!({ "code": "ResourceLimitExceeded", "message": "too many copies", "status": 400 });
    lab.rules(&json!([{ "call": "CopyImage", "region": "us-east-1", "error": error }]));
    let ran = publish(&workspace, "v1.2.3");
    ran.failed().says("FAILED    us-east-1: ").says("too many copies");
    let there = ids(&lab, "web-1");
    assert_eq!(there.iter().map(|(region, _)| region.as_str()).collect::<Vec<_>>(), ["eu-central-1", "eu-west-1"]);
    assert!(parameter(&lab, "eu-central-1", "/forge/web/latest").is_some());
    assert_eq!(parameter(&lab, "us-east-1", "/forge/web/latest"), None);
    lab.rules(&json!([]));
    publish(&workspace, "v1.2.3").succeeded().says("published us-east-1 ami-").says("already   eu-central-1 ami-");
    let all = ids(&lab, "web-1");
    assert_eq!(all.len(), 3);
    assert!(there.iter().all(|one| all.contains(one)), "{there:?} {all:?}");
    assert!(parameter(&lab, "us-east-1", "/forge/web/latest").is_some());
}

#[test]
fn what_is_wrong_is_told_and_nothing_is_published() {
    let lab = Lab::start();
    let id = image(&lab, "web-1");
    let gone = publish(&folder(&lab, &build("ami-0123456789abcdef0")), "v1.0.0");
    gone.failed().says("the recorded image is gone: ami-0123456789abcdef0 is not in eu-west-1");
    lab.ask("tag-in", &json!({ "region": "eu-west-1", "id": id, "tags": { "forge:inputs": "sha256:aaaa" } }));
    let mut other = build(&id);
    other["digest"] = json!("sha256:bbbb");
    let ran = publish(&folder(&lab, &other), "v1.0.0");
    ran.failed().says("is not the image of the record").says("sha256:aaaa").says("sha256:bbbb");
    let preview = json!({ "forge:pull-request": "octo/images#7" });
    lab.ask("tag-in", &json!({ "region": "eu-west-1", "id": id, "tags": preview }));
    publish(&folder(&lab, &build(&id)), "v1.0.0").failed().says("is a preview of octo/images#7");
    assert_eq!(lab.ask("parameters", &Value::Null), json!({}));
    // A build of the file that no record has.
    let mut unknown = build(&id);
    unknown["name"] = json!("db/amazon-ebs.db");
    publish(&folder(&lab, &unknown), "v1.0.0").failed().says("no record has an image of web/amazon-ebs.web");
}

#[test]
fn of_two_releases_at_once_the_higher_one_is_latest() {
    let lab = Lab::start();
    let (low, high) = (image(&lab, "web-1"), image(&lab, "web-2"));
    // The first one writes its parameters when the second has done all of its work.
    lab.rules(&json!([{ "call": "PutParameter", "nth": 1, "times": 1, "hold": "before" }]));
    let one = |id: &str| {
        let workspace = folder(&lab, &build(id));
        workspace.file(".github/forge.yml", CONFIG.replace("[eu-west-1, eu-central-1, us-east-1]", "[eu-west-1]"));
        workspace
    };
    let (slow, fast) = (one(&low), one(&high));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| publish(&slow, "v1.9.0"));
        lab.wait_held();
        publish(&fast, "v2.0.0").succeeded();
        lab.release();
        first.join().unwrap().succeeded().says("/forge/web/latest: it is of 2.0.0, published meanwhile");
    });
    assert_eq!(parameter(&lab, "eu-west-1", "/forge/web/latest"), Some(high.clone()));
    assert_eq!(parameter(&lab, "eu-west-1", "/forge/web/1"), Some(low));
    assert_eq!(parameter(&lab, "eu-west-1", "/forge/web/2"), Some(high));
}

/// A machine image has no digest: the record that names it is what is signed, to the byte.
#[test]
fn a_machine_image_is_attested_by_its_record() {
    let (lab, sigstore) = (Lab::start(), Sigstore::new());
    let id = image(&lab, "attested");
    let workspace = folder(&lab, &build(&id));
    let mut made = record(&[build(&id)]);
    let sha = "a".repeat(40);
    made["workflow"] = json!({ "repository": "octo/images", "event": "push", "sha": sha, "workflow": "images",
        "job": "image", "run_id": 1, "attempt": 1, "url": "https://github.com/octo/images/actions/runs/1" });
    let path = workspace.file("forge-record.json", made.to_string());
    let config = CONFIG.replace("publish:", "publish:\n      attestation: { trusted-root: roots.jsonl }");
    workspace.file(".github/forge.yml", config);
    workspace.file("roots.jsonl", sigstore.root());
    let sum = std::process::Command::new("sha256sum").arg(&path).output().unwrap().stdout;
    let digest = format!("sha256:{}", String::from_utf8(sum).unwrap().split(' ').next().unwrap());
    let bundle = sigstore.attest(&json!({ "subjects": { "forge-record.json": digest }, "commit": sha }));
    workspace.file("bundle.json", bundle.to_string());
    // Who publishes need not be what the image is built of.
    let workspace = workspace.env("GITHUB_REPOSITORY", "octo/releases");
    let more = ["--source-repository", "octo/images", "--attestation-bundle", "bundle.json"];
    let go =
        || workspace.run(&[&["publish", "--record", "forge-record.json", "--version", "v1.2.3"][..], &more].concat());
    workspace.file("forge-record.json", format!("{made} "));
    go().failed().says("its record (sha256:").says(&format!("seen {digest}"));
    assert_eq!(parameter(&lab, "eu-west-1", "/forge/web/latest"), None);
    assert_eq!(ids(&lab, "attested").len(), 1, "no copy was made");
    workspace.file("forge-record.json", made.to_string());
    go().succeeded().says(&format!("attested  its record ({digest}) by octo/images/.github/workflows/images.yml@"));
    assert_eq!(lab.images()[&id]["tags"]["forge:repository"], "octo/releases");
    assert_eq!(parameter(&lab, "eu-west-1", "/forge/web/latest"), Some(id));
}
