//! `aws_secretsmanager`: what it asks, what it gives, and that nothing of it is shown. AWS is moto, from `script/setup`.

use std::process::Command;

use crate::secrets::template;
use crate::support::{Workspace, setting};

/// A secret at moto.
fn store(name: &str, field: &str, text: &str) {
    let body = serde_json::json!({ "Name": name, field: text, "ClientRequestToken": uuid::Uuid::new_v4().to_string() });
    let output = Command::new("curl")
        .args(["-fsS", "-X", "POST", &setting("FORGE_TEST_AWS"), "-d", &body.to_string()])
        .args(["-H", "X-Amz-Target: secretsmanager.CreateSecret", "-H", "Content-Type: application/x-amz-json-1.1"])
        // moto takes the region from here, and does not check the rest.
        .args(["-H", "Authorization: AWS4-HMAC-SHA256 Credential=a/20240101/eu-west-1/secretsmanager/aws4_request"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Without credentials: a test adds them.
fn aws(value: &str) -> Workspace {
    let workspace = template(value).env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", "/nowhere");
    workspace.env("AWS_ENDPOINT_URL", setting("FORGE_TEST_AWS"))
}

fn with_keys(workspace: Workspace) -> Workspace {
    let workspace = workspace.env("AWS_REGION", "eu-west-1").env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE");
    workspace.env("AWS_SECRET_ACCESS_KEY", "a-secret-access-key")
}

#[test]
fn aws_gives_texts_and_parts_of_json() {
    let own = uuid::Uuid::new_v4();
    let name = |kind: &str| format!("{own}/{kind}");
    store(&name("several"), "SecretString", r#"{"user":"u-several","password":"p-several","port":5432,"on":true}"#);
    store(&name("one"), "SecretString", r#"{"password":"p-one"}"#);
    store(&name("text"), "SecretString", "p-text");
    store(&name("number"), "SecretString", "12345");
    store(&name("binary"), "SecretBinary", "AAEC");
    let call = |function: &str, kind: &str, more: &str| format!("{function}(\"{}\"{more})", name(kind));
    let (one, raw) = ("aws_secretsmanager", "aws_secretsmanager_raw");
    for (call, expected) in [
        (call(one, "several", ", \"password\""), "p-several"),
        (call(one, "several", ", \"port\""), "5432"),
        (call(one, "one", ", null"), "p-one"),
        (call(one, "one", ", \"password\""), "p-one"),
        (call(one, "text", ", null"), "p-text"),
        (call(one, "text", ", \"key\""), "p-text"),
        (call(raw, "one", ""), r#"{"password":"p-one"}"#),
        (call(raw, "number", ""), "12345"),
        (format!("jsondecode({})[\"user\"]", call(raw, "several", "")), "u-several"),
    ] {
        let workspace = with_keys(aws(&call));
        workspace.build(&[]);
        assert_eq!(workspace.read("out"), expected, "{call}");
    }
    for (call, parts) in [
        (call(one, "several", ", null"), &["has several keys", "ask for one of: user, password, port, on"][..]),
        (call(one, "several", ", \"on\""), &["holds a truth value"]),
        (call(one, "one", ", \"user\""), &["has no key \"user\"", "it has: password"]),
        (call(one, "number", ", null"), &["is JSON, but a number", "aws_secretsmanager_raw"]),
        (call(one, "binary", ", null"), &["is binary, not a text"]),
        (call(raw, "none", ""), &["ResourceNotFoundException", "in eu-west-1", "check the name, the region"]),
    ] {
        let ran = with_keys(aws(&call)).fail(&[]);
        ran.says("t.pkr.hcl:1:18").says_not("p-several").says_not("p-one");
        for part in parts {
            ran.says(part);
        }
    }
}

#[test]
fn aws_needs_a_region_and_credentials() {
    let name = uuid::Uuid::new_v4().to_string();
    store(&name, "SecretString", r#"{"user":"u-profile","password":"p-profile"}"#);
    let call = format!("aws_secretsmanager(\"{name}\", \"password\")");
    let ran = aws(&call).fail(&[]);
    ran.says("no AWS region is given").says("set AWS_REGION").says("t.pkr.hcl:1:18");
    let ran = aws(&call).env("AWS_DEFAULT_REGION", "eu-west-1").fail(&[]);
    ran.says("there are no AWS credentials").says("AWS_PROFILE");
    let profile = aws(&call).env("AWS_PROFILE", "team");
    let config = "[profile team]\nregion = eu-west-1\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = x\n";
    let config = profile.file("config", config);
    let profile = profile.env("AWS_CONFIG_FILE", config.to_str().unwrap());
    profile.build(&[]);
    assert_eq!(profile.read("out"), "p-profile");
    let elsewhere = with_keys(aws(&call)).env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").fail(&[]);
    elsewhere.says("could not be asked for").says_not("a-secret-access-key");
}

#[test]
fn parts_of_a_secret_are_hidden_too() {
    let name = uuid::Uuid::new_v4().to_string();
    store(&name, "SecretString", r#"{"user":"u-hidden","password":"p-hidden"}"#);
    let call = format!("jsondecode(aws_secretsmanager_raw(\"{name}\"))");
    let workspace = with_keys(aws("\"\"")).env("FORGE_LOG", "trace");
    workspace.file(
        "u.pkr.hcl",
        format!(
            "source \"null\" \"n\" {{ communicator = \"none\" }}\nbuild {{\n  sources = [\"null.n\"]\n  provisioner \"shell-local\" {{ inline = [\"echo is ${{{call}.password}}\"] }}\n}}\n"
        ),
    );
    workspace.build(&[]).says("is <sensitive>").says_not("p-hidden").says_not("u-hidden").says_not("a-secret-access");
}
