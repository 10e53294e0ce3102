//! Previews in AWS: what an image of one is like, that nobody else gets it, and that it goes without taking anything along.

use serde_json::{Value, json};

use crate::support::Workspace;
use crate::support::lab::Lab;

const SHARED: &str = r#"
  communicator     = "none"
  ami_name         = "web-1"
  ami_regions      = ["eu-central-1"]
  ami_users        = ["111122223333"]
  snapshot_users   = ["111122223333"]
  deprecate_at     = "2050-01-01T00:00:00Z"
  force_deregister = true
  tags             = { Name = "web" }
"#;
const SHA: &str = "0123abcd0123abcd0123abcd0123abcd0123abcd";

fn on_github(workspace: Workspace) -> Workspace {
    workspace.env("GITHUB_REPOSITORY", "octo/images").env("GITHUB_SHA", SHA)
}

/// The images by their names, sorted.
fn named(lab: &Lab) -> Vec<(String, Value)> {
    let images = lab.images();
    let mut named: Vec<(String, Value)> = images
        .as_object()
        .unwrap()
        .values()
        .map(|image| (image["name"].as_str().unwrap().to_owned(), image.clone()))
        .collect();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    named
}

#[test]
fn an_image_of_a_preview_is_for_nobody_else_and_goes_alone() {
    let lab = Lab::start();
    let published = lab.workspace(SHARED, "");
    published.build(&[]);
    let before = named(&lab).len();
    let workspace = on_github(lab.workspace(SHARED, ""));
    let preview = |number: &str| workspace.build(&["-preview", number]);
    let ran = preview("7");
    ran.says("Preview of octo/images#7, held back: ami_users, snapshot_users, ami_regions (eu-central-1), force_deregister of web-1, deprecate_at 2050-01-01T00:00:00Z");
    let images = named(&lab);
    assert_eq!(images.len(), before + 1, "the published images stay: {images:#?}");
    let (_, image) = images.iter().find(|(name, _)| name == "web-1-pr-7-0123abc").unwrap();
    assert_eq!((image["region"].as_str(), &image["permissions"]), (Some("eu-west-1"), &json!([])));
    assert_eq!(
        (&image["tags"]["Name"], &image["tags"]["forge:pull-request"]),
        (&json!("web"), &json!("octo/images#7"))
    );
    assert_eq!(image["snapshot_tags"][0]["forge:pull-request"], "octo/images#7");
    assert_eq!(image["tags"].as_object().unwrap().len(), 3, "ours of the run are gone: {image:#}");
    let deprecated: Vec<String> = lab
        .parameters("EnableImageDeprecation")
        .iter()
        .map(|form| form["DeprecateAt"].as_str().unwrap_or_default().to_owned())
        .collect();
    let expires = image["tags"]["forge:expires"].as_str().unwrap();
    assert_eq!(deprecated.last().map(|at| &at[..16]), Some(&expires[..16]));
    // Again for the same commit: one replaces the other. And that of another pull request.
    preview("7");
    preview("77");
    assert_eq!(named(&lab).len(), before + 2);
    let sweep =
        |args: &[&str]| workspace.run(&[&["sweep", "--aws", "--aws-regions", "eu-west-1,eu-central-1"], args].concat());
    lab.ask("forget-calls", &Value::Null);
    sweep(&["--previews"]).succeeded().says("Nothing to sweep");
    let ran = sweep(&["--pull-request", "7"]);
    ran.succeeded().says("removed   image ami-").says("(preview of octo/images#7)");
    let names: Vec<String> = named(&lab).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["web-1", "web-1", "web-1-pr-77-0123abc"]);
    // The other by its age.
    sweep(&["--previews", "--older-than", "0"]).succeeded().says("(preview of octo/images#77)");
    crate::amazon_ebs::granted(&lab, &["sweep"]);
    assert_eq!(named(&lab).len(), before);
    let left = lab.left();
    assert_eq!(left.len(), before, "images, and no snapshot of a preview: {left:#?}");
}

/// Previews of two repositories on GitHub in one account: the one's sweep leaves the other's alone.
#[test]
fn the_sweep_of_one_repository_leaves_those_of_another() {
    let lab = Lab::start();
    let of = |repository: &str| {
        let workspace = lab.workspace("communicator = \"none\"\nami_name = \"web-1\"", "");
        workspace.env("GITHUB_REPOSITORY", repository).env("GITHUB_SHA", SHA)
    };
    let (own, other) = (of("octo/images"), of("octo/others"));
    own.build(&["-preview", "7"]);
    other.build(&["-preview", "8"]);
    let sweep = ["sweep", "--previews", "--older-than", "0", "--aws", "--aws-regions", "eu-west-1"];
    let whose = || -> Vec<String> {
        let of = |(_, image): (String, Value)| image["tags"]["forge:pull-request"].as_str().unwrap().to_owned();
        named(&lab).into_iter().map(of).collect()
    };
    own.run(&sweep).succeeded().says("(preview of octo/images#7)").says_not("octo/others");
    assert_eq!(whose(), ["octo/others#8"]);
    let anyone = own.command(&sweep).env_remove("GITHUB_REPOSITORY").output().unwrap();
    assert_eq!(anyone.status.code(), Some(1), "{anyone:?}");
    assert_eq!(whose(), ["octo/others#8"]);
    own.run(&[&sweep[..], &["--all-repositories"]].concat()).succeeded().says("(preview of octo/others#8)");
    assert!(whose().is_empty());
}

#[test]
fn volumes_and_snapshots_of_a_preview_go_too() {
    let lab = Lab::start();
    let options = "communicator = \"none\"\nebs_volumes {\n device_name = \"/dev/xvdf\"\n volume_size = 10\n tags = { Name = \"data\" }\n snapshot_volume = true\n snapshot_users = [\"111122223333\"]\n}";
    let workspace = on_github(lab.workspace(options, ""));
    let template = workspace.read("t.pkr.hcl").replace("amazon-ebs", "amazon-ebsvolume");
    workspace.file("t.pkr.hcl", template.replace("skip_region_validation = true", ""));
    workspace.build(&["-preview", "7"]).says("held back: snapshot_users");
    assert!(!lab.calls().contains(&"ModifySnapshotAttribute".to_owned()));
    assert_eq!(lab.left().len(), 2, "{:#?}", lab.left());
    lab.ask("forget-calls", &Value::Null);
    let ran = workspace.run(&["sweep", "--aws", "--aws-regions", "eu-west-1", "--pull-request", "7"]);
    ran.succeeded().says("removed   snapshot snap-").says("removed   volume vol-");
    crate::amazon_ebs::granted(&lab, &["sweep"]);
    assert!(lab.left().is_empty(), "{:#?}", lab.left());
}
