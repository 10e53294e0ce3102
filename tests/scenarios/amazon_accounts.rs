//! Whose credentials are used for what, and what happens with those of somebody else.

use serde_json::json;

use crate::support::Workspace;
use crate::support::lab::Lab;

const PLAIN: &str = "communicator = \"none\"\nskip_create_ami = true\nami_name = \"account-test\"\n";

#[test]
fn what_one_key_made_is_released_with_that_key() {
    let lab = Lab::start();
    let one = lab.workspace(&format!("{PLAIN}KEYS"), "").read("t.pkr.hcl");
    let (source, _) = one.split_once("build {").unwrap();
    let source = |name: &str, key: &str| {
        let keys = format!("access_key = {key:?}\nsecret_key = \"s\"");
        source.replace("\"web\"", &format!("{name:?}")).replace("KEYS", &keys)
    };
    let build = "build { sources = [\"source.amazon-ebs.a\", \"source.amazon-ebs.b\"] }";
    let template = format!("{}\n{}\n{build}", source("a", "AKIAOFA"), source("b", "AKIAOFB"));
    lab.environment(Workspace::new(&template)).build(&[]);
    for call in ["RunInstances", "TerminateInstances", "DeleteSecurityGroup"] {
        let mut keys = lab.keys(call);
        keys.sort_unstable();
        assert_eq!(keys, ["AKIAOFA", "AKIAOFB"], "{call}");
    }
    assert_eq!(lab.left(), Vec::<String>::new());
}

/// Neither its calls nor its cleaning up, which has an end.
#[test]
fn a_build_does_not_wait_for_the_credentials_of_another() {
    let lab = Lab::start();
    let one = lab.workspace(&format!("{PLAIN}KEYS"), "").read("t.pkr.hcl");
    let (source, _) = one.split_once("build {").unwrap();
    let source = |name: &str, key: &str| {
        let keys = format!("access_key = {key:?}\nsecret_key = \"s\"");
        source.replace("\"web\"", &format!("{name:?}")).replace("KEYS", &keys)
    };
    let build = "build { sources = [\"source.amazon-ebs.a\", \"source.amazon-ebs.b\"] }";
    lab.rules(&json!([{ "call": "GetCallerIdentity", "key": "AKIAOFB", "delay": 25 }]));
    lab.environment(Workspace::new(&format!("{}\n{}\n{build}", source("a", "AKIAOFA"), source("b", "AKIAOFB"))))
        .build(&[]);
    let calls = lab.ask("calls", &serde_json::Value::Null);
    let at = |action: &str, key: &str| {
        let call = calls.as_array().unwrap().iter().rfind(|call| call["action"] == action && call["key"] == key);
        call.unwrap()["at"].as_f64().unwrap()
    };
    let waited = at("DeleteSecurityGroup", "AKIAOFA") - at("GetCallerIdentity", "AKIAOFB");
    assert!(waited < 20.0, "{waited} s");
    assert_eq!(lab.left(), Vec::<String>::new());
}

#[test]
fn a_sweep_with_credentials_of_another_account_says_so_and_keeps_the_journal() {
    let lab = Lab::start();
    lab.rules(&json!([{ "call": "RunInstances", "nth": 1, "hold": "after" }]));
    let workspace = lab.workspace(PLAIN, "");
    lab.kill_when_held(&workspace, &[]);
    let before = lab.left().len();
    lab.rules(&json!([{ "call": "GetCallerIdentity", "replace": [["123456789012", "210987654321"]] }]));
    let ran = workspace.run(&["sweep"]);
    assert_eq!(ran.code, Some(6), "{}", ran.stdout);
    ran.says("FAILED").says("of the account 210987654321").says("in the account 123456789012").says_not("gone");
    assert_eq!((lab.left().len(), workspace.journals()), (before, 1));
    lab.rules(&json!([]));
    workspace.run(&["sweep"]).succeeded().says("removed   instance");
    assert_eq!((lab.left(), workspace.journals()), (Vec::<String>::new(), 0));
}

#[test]
fn credentials_are_checked_before_anything_else_unless_the_template_says_not_to() {
    let lab = Lab::start();
    let refused = json!({ "code": "InvalidClientTokenId", "message": "The security token is invalid", "status": 403 });
    lab.rules(&json!([{ "call": "GetCallerIdentity", "error": refused }]));
    lab.workspace(PLAIN, "").fail(&[]).says("InvalidClientTokenId");
    assert_eq!(lab.calls(), ["GetCallerIdentity"]);
    let skipping = lab.workspace(&format!("{PLAIN}skip_credential_validation = true"), "");
    skipping.build(&[]);
    assert_eq!(lab.calls().iter().filter(|call| *call == "GetCallerIdentity").count(), 1);
    // What was made without knowing the account is swept without knowing it.
    lab.add_rule(&json!({ "call": "RunInstances", "nth": 1, "hold": "after" }));
    lab.kill_when_held(&skipping, &[]);
    skipping.run(&["sweep"]).succeeded();
    assert_eq!(lab.left(), Vec::<String>::new());
}

/// The address of an endpoint in a VPC names its region, and there is none like it elsewhere.
#[test]
fn the_templates_endpoint_is_that_of_the_build_region() {
    let lab = Lab::start();
    let given = "http://vpce-1.ec2.eu-west-1.vpce.invalid";
    let options = format!(
        "communicator = \"none\"\nami_name = \"endpoint-test\"\nami_regions = [\"eu-central-1\"]\ncustom_endpoint_ec2 = {given:?}"
    );
    lab.workspace(&options, "").env("HTTP_PROXY", lab.at("endpoint")).build(&[]);
    let calls = lab.ask("calls", &serde_json::Value::Null);
    for call in calls.as_array().unwrap().iter().filter(|call| call["service"] == "ec2") {
        let (host, own) = (call["host"].as_str().unwrap(), call["region"] == "eu-west-1");
        assert_eq!(host == "vpce-1.ec2.eu-west-1.vpce.invalid", own, "{call}");
    }
    assert_eq!(lab.left().len(), 2, "{:#?}", lab.left());
}
