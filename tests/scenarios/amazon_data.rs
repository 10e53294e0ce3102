//! Data sources of the Amazon plugin, against the lab.

use std::process::Command;

use serde_json::json;

use crate::support::Workspace;
use crate::support::lab::Lab;
use crate::support::policies::{granted, granted_but};

/// Asks a JSON service of the lab directly.
fn call(lab: &Lab, target: &str, service: &str, body: &serde_json::Value) {
    let scope = format!("Authorization: AWS4-HMAC-SHA256 Credential=a/20240101/eu-west-1/{service}/aws4_request");
    let output = Command::new("curl")
        .args(["-fsS", "-X", "POST", lab.at("endpoint"), "-d", &body.to_string()])
        .args([
            "-H",
            &format!("X-Amz-Target: {target}"),
            "-H",
            "Content-Type: application/x-amz-json-1.1",
            "-H",
            &scope,
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn workspace(lab: &Lab, data: &str, content: &str) -> Workspace {
    let template = format!(
        "{data}\nsource \"file\" \"f\" {{\ncontent = {content}\ntarget = \"out\"\n}}\nbuild {{ sources = [\"source.file.f\"] }}"
    );
    lab.environment(Workspace::new(&template)).env("AWS_REGION", "eu-west-1")
}

#[test]
fn the_newest_image_of_an_owner_is_found() {
    let lab = Lab::start();
    let data = r#"data "amazon-ami" "u" {
      owners      = ["099720109477"]
      most_recent = true
      filters     = { name = "ubuntu/images/*jammy*", virtualization-type = "hvm" }
    }"#;
    let content = "\"${data.amazon-ami.u.id} ${data.amazon-ami.u.name} ${data.amazon-ami.u.owner} ${length(data.amazon-ami.u.tags)}\"";
    let found = workspace(&lab, data, content);
    found.build(&[]);
    let image = "ami-0aaaaaaaaaaaa0002 ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20260801 099720109477 0";
    assert_eq!(found.read("out"), image);
    let calls = lab.calls();
    assert_eq!(calls, ["GetCallerIdentity", "DescribeImages"], "one call, once it is known whose keys these are");
    workspace(&lab, &data.replace("true", "false"), "\"${data.amazon-ami.u.id}\"")
        .fail(&[])
        .says("2 images in eu-west-1 match")
        .says("data source \"amazon-ami\" \"u\" could not be read");
    workspace(&lab, "data \"amazon-ami\" \"u\" { filters = { name = \"x\" } }", "\"${data.amazon-ami.u.id}\"")
        .fail(&[])
        .says("\"owners\" is missing");
    // Looking costs nothing while a template is only checked.
    let checked = workspace(&lab, data, content);
    checked.run(&["validate", "."]).succeeded();
    assert_eq!(lab.calls().iter().filter(|call| *call == "DescribeImages").count(), 2);
}

#[test]
fn secrets_and_parameters_are_read_and_never_shown() {
    let lab = Lab::start();
    let secret = json!({
        "Name": "web/db", "SecretString": "{\"password\":\"p-of-the-database\",\"port\":5432}",
        "ClientRequestToken": uuid::Uuid::new_v4().to_string(),
    });
    call(&lab, "secretsmanager.CreateSecret", "secretsmanager", &secret);
    let parameter = json!({ "Name": "/web/key", "Value": "k-of-the-parameter", "Type": "SecureString" });
    call(&lab, "AmazonSSM.PutParameter", "ssm", &parameter);
    let data = r#"
      data "amazon-secretsmanager" "db" {
        name = "web/db"
        key  = "password"
      }
      data "amazon-secretsmanager" "port" {
        name = "web/db"
        key  = "port"
      }
      data "amazon-parameterstore" "key" {
        name            = "/web/key"
        with_decryption = true
      }
    "#;
    let content = "\"${data.amazon-secretsmanager.db.value} ${data.amazon-secretsmanager.port.value} ${data.amazon-parameterstore.key.value} ${data.amazon-parameterstore.key.version}\"";
    let found = workspace(&lab, data, content);
    let template = found.read("t.pkr.hcl");
    let step = "provisioner \"shell-local\" { inline = [\"echo ${data.amazon-secretsmanager.db.value} ${data.amazon-parameterstore.key.value}\"] }";
    found.file(
        "t.pkr.hcl",
        template.replace("build { sources", "build {\nsources").replace("] }", &format!("]\n{step}\n}}")),
    );
    let ran = found.build(&[]);
    ran.says_not("p-of-the-database").says_not("k-of-the-parameter");
    assert_eq!(found.read("out"), "p-of-the-database 5432 k-of-the-parameter 1");
    granted_but(&lab, &["data"], &["CreateSecret", "PutParameter"]);
    let missing = data.replace("web/db", "web/none");
    workspace(&lab, &missing, content).fail(&[]).says("ResourceNotFoundException");
}

#[test]
fn a_secret_is_of_the_version_that_is_asked_for() {
    let lab = Lab::start();
    let mut versions = Vec::new();
    for (target, text) in [("CreateSecret", "the-first-text"), ("PutSecretValue", "the-second-text")] {
        let version = uuid::Uuid::new_v4().to_string();
        let mut body = json!({ "SecretString": text, "ClientRequestToken": version });
        body[if target == "CreateSecret" { "Name" } else { "SecretId" }] = json!("web/text");
        call(&lab, &format!("secretsmanager.{target}"), "secretsmanager", &body);
        versions.push(version);
    }
    let binary = json!({
        "Name": "web/binary", "SecretBinary": "dGhlLWJ5dGVz", "ClientRequestToken": uuid::Uuid::new_v4().to_string(),
    });
    call(&lab, "secretsmanager.CreateSecret", "secretsmanager", &binary);
    let data = format!(
        r#"
      data "amazon-secretsmanager" "now" {{
        name = "web/text"
      }}
      data "amazon-secretsmanager" "before" {{
        name          = "web/text"
        version_stage = "AWSPREVIOUS"
      }}
      data "amazon-secretsmanager" "first" {{
        name       = "web/text"
        version_id = {:?}
      }}
      data "amazon-secretsmanager" "bytes" {{
        name = "web/binary"
      }}
    "#,
        versions[0]
    );
    let of = |name: &str, output: &str| format!("${{data.amazon-secretsmanager.{name}.{output}}}");
    let parts = [
        of("now", "secret_string"),
        of("before", "value"),
        of("first", "value"),
        of("bytes", "secret_binary"),
        of("now", "version_id"),
    ];
    let found = workspace(&lab, &data, &format!("\"{}\"", parts.join(" ")));
    found.build(&[]);
    let expected = format!("the-second-text the-first-text the-first-text the-bytes {}", versions[1]);
    assert_eq!(found.read("out"), expected);
}

/// No registry of AWS answers here: what is seen is that the password was asked for, used, and not shown.
#[test]
fn a_registry_of_aws_is_logged_in_to_with_a_password_of_aws() {
    let lab = Lab::start();
    let login = |server: &str| {
        let template = format!(
            "source \"docker\" \"d\" {{\nimage = \"{server}/x:1\"\ndiscard = true\necr_login = true\nlogin_server = {server:?}\n}}\nbuild {{ sources = [\"source.docker.d\"] }}"
        );
        lab.environment(Workspace::new(&template))
    };
    let server = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
    let ran = login(server).fail(&[]);
    ran.says("Fetching ECR credentials").says("Pulling Docker image");
    assert_eq!(lab.calls(), ["GetCallerIdentity", "GetAuthorizationToken"]);
    granted(&lab, &["ecr"]);
    // moto knows the public one not: what is asked for is what counts.
    let ran = login("public.ecr.aws/web").fail(&[]);
    ran.says("Fetching ECR credentials");
    let calls = lab.ask("calls", &serde_json::Value::Null);
    let last = calls.as_array().unwrap().last().unwrap();
    assert_eq!((last["service"].as_str(), last["region"].as_str()), (Some("ecr-public"), Some("us-east-1")), "{last}");
    granted(&lab, &["ecr"]);
    login("registry.example.org").fail(&[]).says("\"login_server\" is no registry of AWS");
}
