//! China and GovCloud: their addresses and audiences, and calls that take no tags there.

use serde_json::{Value, json};

use crate::amazon_ownership::elsewhere;
use crate::support::Workspace;
use crate::support::lab::Lab;

const CHINA: [&str; 2] = ["cn-north-1", "cn-northwest-1"];
const OPTIONS: &str = "ami_name = \"partition-test\"\nami_regions = [\"cn-northwest-1\"]\n\
                       tags = { Name = \"web\" }\nrun_tags = { Team = \"images\" }\n";
const STEP: &str = "provisioner \"shell\" { inline = [\"echo working\"] }";
const EXCHANGE: &str = "AssumeRoleWithWebIdentity";

fn role(partition: &str) -> String {
    format!("arn:{partition}:iam::123456789012:role/images")
}

/// A job of a workflow that builds in China.
fn in_china(lab: &Lab) -> Workspace {
    let template = elsewhere(lab, CHINA[0], OPTIONS, STEP).read("t.pkr.hcl");
    lab.workflow(Workspace::new(&template))
}

/// The same where nobody gets to AWS: the address is told.
fn away(lab: &Lab, workspace: &Workspace) -> Workspace {
    Workspace::new(&workspace.read("t.pkr.hcl"))
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/token?x=1", lab.at("endpoint")))
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", lab.at("token"))
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
}

/// What a token of the identity service is for.
fn audience(form: &Value) -> String {
    let claims = form["WebIdentityToken"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
    let claims: Value = serde_json::from_slice(&bytes).unwrap();
    claims["aud"].as_str().unwrap().to_owned()
}

#[test]
fn a_build_in_china_signs_in_there_and_tags_afterwards() {
    let lab = Lab::start();
    let role = role("aws-cn");
    let ran = in_china(&lab).run(&["build", "--aws-role", &role, "--aws-region", CHINA[0], "."]);
    ran.succeeded();
    let exchanges = lab.parameters(EXCHANGE);
    assert_eq!((exchanges.len(), audience(&exchanges[0])), (1, "sts.amazonaws.com.cn".to_owned()));
    for call in ["CreateKeyPair", "CreateSecurityGroup", "CreateImage"] {
        let form = lab.parameters(call).remove(0);
        assert!(!form.to_string().contains("TagSpecification"), "{call}: {form:#}");
    }
    let run = &lab.parameters("RunInstances")[0];
    assert!(run.to_string().contains("forge:run"), "what can carry it has the tag of the run: {run:#}");
    let images = lab.tagged_images();
    let mut regions = Vec::new();
    for (id, image) in images.as_object().unwrap() {
        regions.push(image["region"].as_str().unwrap());
        let tags = &image["tags"];
        assert_eq!((&tags["Name"], &tags["forge:run"]), (&json!("web"), &Value::Null), "{id}: {images:#}");
        assert!(tags["forge:inputs"].is_string(), "{id}: {images:#}");
    }
    regions.sort_unstable();
    assert_eq!(regions, CHINA);
    assert_eq!(lab.left().len(), 2, "{:#?}", lab.left());
}

#[test]
fn nothing_stays_in_china_whatever_fails() {
    let mut lab = Lab::start();
    let denied = json!({ "code": "UnauthorizedOperation", "message": "no", "status": 403 });
    for (call, region) in [
        ("CreateTags", CHINA[0]),
        ("CreateTags", CHINA[1]),
        ("CreateImage", CHINA[0]),
        ("CopyImage", CHINA[1]),
        ("RunInstances", CHINA[0]),
        ("AuthorizeSecurityGroupIngress", CHINA[0]),
    ] {
        lab.reset();
        lab.rules(&json!([{ "call": call, "region": region, "error": denied }]));
        let ran = lab.environment(in_china(&lab)).fail(&[]);
        assert_eq!(lab.left(), Vec::<String>::new(), "{call} in {region}: {}", ran.stdout);
        ran.says(&format!("{call} in {region}: UnauthorizedOperation"));
    }
    // The answer that would have named it is lost with the program.
    for call in ["CreateKeyPair", "CreateSecurityGroup", "CreateImage", "CopyImage"] {
        lab.reset();
        lab.rules(&json!([{ "call": call, "nth": 1, "hold": "after" }]));
        let workspace = lab.environment(in_china(&lab));
        lab.kill_when_held(&workspace, &[]);
        let ran = workspace.run(&["sweep"]);
        ran.succeeded();
        assert_eq!((lab.left(), workspace.journals()), (Vec::<String>::new(), 0), "{call}: {}", ran.stdout);
    }
}

/// A role is taken with a token for its own partition, at an address there.
/// A template for a region that asks who it is.
fn asking(lab: &Lab, region: &str) -> Workspace {
    let template = crate::amazon_credentials::asking(lab, "").read("t.pkr.hcl").replace("eu-west-1", region);
    lab.workflow(Workspace::new(&template))
}

/// Partition, region, the domain of its addresses, and for whom a token is.
const PARTITIONS: [(&str, &str, &str, &str); 4] = [
    ("aws-cn", CHINA[0], "amazonaws.com.cn", "sts.amazonaws.com.cn"),
    ("aws-cn", CHINA[1], "amazonaws.com.cn", "sts.amazonaws.com.cn"),
    ("aws-us-gov", "us-gov-west-1", "amazonaws.com", "sts.amazonaws.com"),
    ("aws", "eu-west-1", "amazonaws.com", "sts.amazonaws.com"),
];

#[test]
fn tokens_are_for_the_partition_of_the_role() {
    let lab = Lab::start();
    for (partition, region, _, for_whom) in PARTITIONS {
        lab.ask("forget-calls", &Value::Null);
        let role = role(partition);
        let arguments = ["build", "-force", "--aws-role", &role, "--aws-region", region, "."];
        asking(&lab, region).run(&arguments).succeeded();
        assert_eq!(audience(&lab.parameters(EXCHANGE)[0]), for_whom, "{partition}");
        let asked = lab.ask("calls", &Value::Null);
        let image = asked.as_array().unwrap().iter().find(|call| call["action"] == "DescribeImages").unwrap();
        assert_eq!(image["region"], region, "{image:#}");

        // A token for somebody else is refused and shown.
        let other = if partition == "aws-cn" { "sts.amazonaws.com" } else { "sts.amazonaws.com.cn" };
        lab.ask("event", &json!({ "aud": other }));
        let ran = asking(&lab, region).run(&arguments);
        ran.failed().says("Incorrect token audience").says(&format!("aud: {other}\n"));
        lab.ask("event", &json!({}));
    }
}

/// All tries of an exchange take half a minute: side by side.
#[test]
fn roles_are_taken_at_the_address_of_their_partition() {
    let lab = Lab::start();
    let refused = |workspace: Workspace, partition: &str, region: &str, host: &str| {
        let role = role(partition);
        let ran = workspace.run(&["build", "--aws-role", &role, "--aws-region", region, "."]);
        ran.failed().says(&format!("each at https://sts.{host}"));
    };
    let (lab, refused) = (&lab, &refused);
    std::thread::scope(|scope| {
        // The region of those that name none is somewhere else.
        scope.spawn(|| refused(away(lab, &in_china(lab)), "aws-cn", "eu-west-1", "cn-north-1.amazonaws.com.cn"));
        for (partition, region, domain, _) in PARTITIONS {
            let host = format!("{region}.{domain}");
            scope.spawn(move || refused(away(lab, &asking(lab, region)), partition, region, &host));
        }
    });
}
