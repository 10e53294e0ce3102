//! Copies of machine images that fail, take their time or outlive their run, names that a run left to the wrong version,
//! and who may use what was published.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::amazon_ebs::granted;
use crate::publish_machines::{CONFIG, build, folder, ids, image, parameter, publish};
use crate::support::lab::Lab;
use crate::support::{Workspace, wait};

/// The folder of a record of the image, to be published in these regions.
fn within(lab: &Lab, id: &str, regions: &str) -> Workspace {
    let workspace = folder(lab, &build(id));
    workspace.file(".github/forge.yml", CONFIG.replace("[eu-west-1, eu-central-1, us-east-1]", regions));
    workspace
}

/// The only image of that name in a region.
fn only(lab: &Lab, name: &str, region: &str) -> String {
    let found: Vec<String> =
        ids(lab, name).into_iter().filter(|(place, _)| place == region).map(|(_, id)| id).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

fn becomes(lab: &Lab, id: &str, state: &str) {
    lab.ask("image-state", &json!({ "region": "us-east-1", "id": id, "state": state }));
}

#[test]
fn a_copy_that_failed_is_removed_and_made_again() {
    let lab = Lab::start();
    let id = image(&lab, "web-1");
    let workspace = within(&lab, &id, "[eu-west-1, us-east-1]");
    lab.rules(&json!([{ "call": "CopyImage", "state": "failed", "nth": 1, "times": 1 }]));
    publish(&workspace, "v1.2.3").failed().says("FAILED    us-east-1: ").says("it is failed");
    let failed = only(&lab, "web-1", "us-east-1");
    assert_eq!(parameter(&lab, "us-east-1", "/forge/web/latest"), None);
    lab.ask("forget-calls", &Value::Null);
    let ran = publish(&workspace, "v1.2.3");
    ran.succeeded().says(&format!("us-east-1 {failed}, a copy that failed: it is removed"));
    granted(&lab, &["publish"]);
    let made = only(&lab, "web-1", "us-east-1");
    assert_ne!(made, failed);
    assert_eq!(parameter(&lab, "us-east-1", "/forge/web/latest"), Some(made));
    let left = lab.left();
    assert!(left.iter().all(|one| !one.starts_with("snapshot us-east-1")), "{left:?}");

    // Somebody has removed the failed one: EC2 still answers the call of then with it.
    let other = image(&lab, "web-2");
    let workspace = within(&lab, &other, "[us-east-1]");
    lab.rules(&json!([{ "call": "CopyImage", "state": "failed", "nth": 1, "times": 1 }]));
    publish(&workspace, "v1.3.0").failed();
    let failed = only(&lab, "web-2", "us-east-1");
    becomes(&lab, &failed, "gone");
    publish(&workspace, "v1.3.0").succeeded();
    assert_ne!(only(&lab, "web-2", "us-east-1"), failed);

    // Its tags have changed besides: the call of then is another one.
    let third = image(&lab, "web-3");
    let workspace = within(&lab, &third, "[us-east-1]");
    lab.rules(&json!([{ "call": "CopyImage", "state": "failed", "nth": 1, "times": 1 }]));
    publish(&workspace, "v1.4.0").failed();
    becomes(&lab, &only(&lab, "web-3", "us-east-1"), "gone");
    lab.ask("tag-in", &json!({ "region": "eu-west-1", "id": third, "tags": { "Team": "b" } }));
    publish(&workspace, "v1.4.0").succeeded();
    let copy = only(&lab, "web-3", "us-east-1");
    assert_eq!(lab.images()[&copy]["tags"]["Team"], "b");
}

#[test]
fn a_copy_that_outlived_its_run_is_waited_for_and_is_no_version_before() {
    let lab = Lab::start();
    let id = image(&lab, "web-1");
    publish(&within(&lab, &id, "[eu-west-1]"), "v1.2.3").succeeded();
    // A region more: its copy takes its time, and the run does not live to see its end.
    lab.rules(&json!([{ "call": "CopyImage", "state": "pending", "nth": 1, "times": 1 }]));
    let workspace = within(&lab, &id, "[eu-west-1, us-east-1]");
    let args = ["publish", "--record", "forge-record.json", "--version", "v1.2.3"];
    let mut killed = workspace.command(&args).stdout(Stdio::null()).spawn().unwrap();
    wait("the copy", || ids(&lab, "web-1").len() == 2);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let copy = only(&lab, "web-1", "us-east-1");
    let tags = &lab.images()[&copy]["tags"];
    assert_eq!((&tags["forge:source"], &tags["forge:version"]), (&json!(id), &Value::Null), "{tags}");

    // To others there is no such version in that region, even if somebody has tagged what is not ready.
    let own = json!({ "forge:image": "web", "forge:version": "1.2.3" });
    lab.ask("tag-in", &json!({ "region": "us-east-1", "id": copy, "tags": own }));
    let low = image(&lab, "web-0");
    publish(&within(&lab, &low, "[us-east-1]"), "v1.1.9").succeeded();
    let low = only(&lab, "web-0", "us-east-1");
    assert_eq!(parameter(&lab, "us-east-1", "/forge/web/latest"), Some(low));

    lab.ask("forget-calls", &Value::Null);
    std::thread::scope(|scope| {
        let again = scope.spawn(|| publish(&workspace, "v1.2.3"));
        wait("a look at the copy", || lab.calls().iter().filter(|call| *call == "DescribeImages").count() > 3);
        becomes(&lab, &copy, "available");
        again.join().unwrap().succeeded().says(&format!("already   us-east-1 {copy}, a copy of {id} in eu-west-1"));
    });
    assert!(!lab.calls().contains(&"CopyImage".to_owned()));
    assert_eq!(parameter(&lab, "us-east-1", "/forge/web/latest"), Some(copy));
}

#[test]
fn a_name_that_a_run_left_to_the_lower_version_is_given_back_by_its_next_run() {
    let lab = Lab::start();
    let (low, high) = (image(&lab, "web-1"), image(&lab, "web-2"));
    let (slow, fast) = (within(&lab, &low, "[eu-west-1]"), within(&lab, &high, "[eu-west-1]"));
    lab.rules(&json!([{ "call": "PutParameter", "nth": 4, "times": 1, "hold": "before" }]));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| publish(&slow, "v1.9.0"));
        lab.wait_held();
        publish(&fast, "v2.0.0").succeeded();
        // It writes the name, and cannot look again.
        let error = json!({ "code": "UnauthorizedOperation", "message": "by the lab", "status": 403 });
        lab.rules(&json!([{ "call": "DescribeImages", "error": error }]));
        lab.release();
        first.join().unwrap().failed();
    });
    lab.rules(&json!([]));
    assert_eq!(parameter(&lab, "eu-west-1", "/forge/web/latest"), Some(low.clone()));
    let ran = publish(&slow, "v1.9.0");
    ran.succeeded().says(&format!("published eu-west-1 /forge/web/latest = {high}, given back to 2.0.0"));
    assert_eq!(parameter(&lab, "eu-west-1", "/forge/web/latest"), Some(high));
    assert_eq!(parameter(&lab, "eu-west-1", "/forge/web/1"), Some(low));
    publish(&slow, "v1.9.0").succeeded().says_not("published");
}

#[test]
fn who_may_use_an_image_and_when_its_time_is_over() {
    let lab = Lab::start();
    let id = image(&lab, "web-1");
    let workspace = folder(&lab, &build(&id));
    let arn = |kind: &str| format!("arn:aws:organizations::123456789012:{kind}");
    let (all, unit) = (arn("organization/o-1"), arn("ou/o-1/ou-2"));
    let config = CONFIG.replace("[eu-west-1, eu-central-1, us-east-1]", "[eu-west-1]");
    let more = format!("      groups: [all]\n      organizations: ['{all}', '{unit}']\n");
    workspace.file(".github/forge.yml", config + &more);
    // moto knows no sharing with organizations.
    lab.rules(&json!([{ "call": "ModifyImageAttribute", "fine": ["OrganizationArn.1", "OrganizationalUnitArn.1"] }]));
    let ran = publish(&workspace, "v1.2.3");
    ran.succeeded()
        .says(&format!("published eu-west-1 {id} may be used by all"))
        .says(&format!("published eu-west-1 {id} may be used by {all}"))
        .says(&format!("published eu-west-1 {id} may be used by {unit}"));
    let asked = lab.parameters("ModifyImageAttribute");
    let sent = |key: &str| asked.iter().find_map(|form| form[key].as_str()).unwrap_or_else(|| panic!("{asked:#?}"));
    assert_eq!(
        (sent("UserGroup.1"), sent("OrganizationArn.1"), sent("OrganizationalUnitArn.1")),
        ("all", &*all, &*unit)
    );
    let day = |id: &str| lab.images()[id]["asked"]["EnableImageDeprecation"]["DeprecateAt"].clone();
    let first = day(&id);
    assert!(first.is_string());

    // Another length of time does not move the day that is set.
    workspace.file(".github/forge.yml", workspace.read(".github/forge.yml").replace("90d", "30d"));
    publish(&workspace, "v1.2.4").succeeded().says(&format!("already   eu-west-1 {id} is deprecated from"));
    assert_eq!(day(&id), first);
}
