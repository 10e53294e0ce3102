//! Machine images of the same inputs are found by their tag, in every region where the build would leave one.

use serde_json::{Value, json};

use crate::support::lab::Lab;

const OPTIONS: &str = "ami_name = \"web-{{timestamp}}\"\nami_regions = [\"eu-central-1\"]\ntags = { Name = \"web\" }";

#[test]
fn an_image_with_the_tag_is_the_result() {
    let lab = Lab::start();
    let workspace = lab.workspace(OPTIONS, "provisioner \"shell\" { script = \"s.sh\" }");
    workspace.file("s.sh", "echo one");
    let plan: Value = serde_json::from_str(&workspace.run(&["plan", "-json", "."]).succeeded().stdout).unwrap();
    let digest = plan["builds"][0]["digest"].as_str().unwrap_or_else(|| panic!("{plan:#}")).to_owned();
    let looks = |calls: &[String]| calls.iter().all(|call| call == "DescribeImages" || call == "GetCallerIdentity");
    assert!(looks(&lab.calls()), "{:?}", lab.calls());
    let first = workspace.build(&["-skip-unchanged"]);
    first.says("Building the image anew: there is no image of these inputs in eu-west-1");
    let images = lab.tagged_images();
    let ids: Vec<&String> = images.as_object().unwrap().keys().collect();
    assert_eq!(ids.len(), 2, "{images:#}");
    for (id, image) in images.as_object().unwrap() {
        assert_eq!(image["tags"], json!({ "Name": "web", "forge:inputs": digest }), "{id}");
    }
    // No call was made for it.
    let tagging = lab.calls().iter().filter(|call| *call == "CreateTags").count();
    assert_eq!(tagging, 2, "one in each region, for the template's own");
    let before = lab.calls().len();
    let second = workspace.build(&["-skip-unchanged"]);
    second.says("Build 'amazon-ebs.web' is unchanged: eu-central-1:ami-").says("AMIs are unchanged");
    ids.iter().for_each(|id| _ = second.says(id));
    let calls = lab.calls();
    assert!(looks(&calls[before..]) && calls.len() - before <= 4, "{:?}", &calls[before..]);
    workspace.file("s.sh", "echo two");
    workspace.build(&["-skip-unchanged"]).says("Building the image anew: there is no image of these inputs");
}

/// A record may name an image that is gone; what counts is what the account has.
#[test]
fn a_record_of_an_image_that_is_gone_builds_it_anew() {
    let lab = Lab::start();
    let workspace = lab.workspace("communicator = \"none\"\nami_name = \"web-{{timestamp}}\"", "");
    let plan: Value = serde_json::from_str(&workspace.run(&["plan", "-json", "."]).succeeded().stdout).unwrap();
    let with_record = |id: &str| {
        let mut build = plan["builds"][0].clone();
        build["state"] = "succeeded".into();
        build["images"] =
            json!([{ "build": "amazon-ebs.web", "builder": "amazon-ebs", "id": id, "location": "eu-west-1" }]);
        let record = json!({ "schema": 1, "forge": "0", "run": "r", "builds": [build] });
        workspace.file("record.json", record.to_string());
        workspace.build(&["-skip-unchanged", "-baseline", "record.json"])
    };
    let gone = "ami-0123456789abcdef0";
    with_record(gone)
        .says(&format!("there is no image of these inputs in eu-west-1; the image of the record is gone: {gone}"));
    let images = lab.images();
    let ids: Vec<&String> = images.as_object().unwrap().keys().collect();
    assert_eq!(ids.len(), 1, "{images:#}");
    with_record(ids[0]).says(&format!("Build 'amazon-ebs.web' is unchanged: eu-west-1:{}", ids[0]));
    assert_eq!(lab.images().as_object().unwrap().len(), 1);
}
