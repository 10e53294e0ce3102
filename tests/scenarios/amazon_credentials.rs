//! Every place that credentials come from, seen by the id of the key that calls are signed with.

use serde_json::{Value, json};

use crate::support::Workspace;
use crate::support::http::{Server, reply};
use crate::support::lab::Lab;

/// A template that asks EC2 one question.
pub(crate) fn asking(lab: &Lab, options: &str) -> Workspace {
    let template = format!(
        "data \"amazon-ami\" \"u\" {{\nregion = \"eu-west-1\"\nowners = [\"099720109477\"]\nmost_recent = true\n\
         filters = {{ name = \"ubuntu/images/*jammy*\" }}\n{options}\n}}\n\
         source \"file\" \"f\" {{\ncontent = data.amazon-ami.u.id\ntarget = \"out\"\n}}\n\
         build {{ sources = [\"source.file.f\"] }}"
    );
    lab.endpoint(Workspace::new(&template))
}

#[track_caller]
fn signed(lab: &Lab, workspace: &Workspace, key: &str) {
    lab.ask("forget-calls", &Value::Null);
    workspace.build(&["-force"]);
    assert_eq!(lab.keys("DescribeImages"), [key]);
}

fn keys(name: &str, id: &str) -> String {
    format!("[{name}]\naws_access_key_id = {id}\naws_secret_access_key = s-of-{id}\n")
}

#[test]
fn profiles_and_files_of_the_template() {
    let lab = Lab::start();
    let with_files = |options: &str| {
        let workspace = asking(&lab, options);
        workspace.file(".aws/credentials", keys("default", "AKIADEFAULT") + &keys("team", "AKIATEAM"));
        // In the form of a credentials file and in that of a config file.
        let own = keys("default", "AKIAOWN") + &keys("team", "AKIAOWNTEAM") + &keys("profile people", "AKIAOWNPEOPLE");
        let path = workspace.file("own", own).display().to_string();
        workspace.file("t.pkr.hcl", workspace.read("t.pkr.hcl").replace("OWN", &format!("{path:?}")));
        workspace
    };
    signed(&lab, &with_files(""), "AKIADEFAULT");
    signed(&lab, &with_files("profile = \"team\""), "AKIATEAM");
    signed(&lab, &with_files("shared_credentials_file = OWN"), "AKIAOWN");
    signed(&lab, &with_files("shared_credentials_file = OWN\nprofile = \"team\""), "AKIAOWNTEAM");
    signed(&lab, &with_files("shared_credentials_file = OWN\nprofile = \"people\""), "AKIAOWNPEOPLE");
    signed(&lab, &with_files("shared_credentials_file = \"~/own\"\nprofile = \"people\""), "AKIAOWNPEOPLE");
    // Without the metadata service the rest is as before.
    for (options, key) in [
        ("shared_credentials_file = OWN", "AKIAOWN"),
        ("shared_credentials_file = OWN\nprofile = \"team\"", "AKIAOWNTEAM"),
        ("shared_credentials_file = OWN\nprofile = \"people\"", "AKIAOWNPEOPLE"),
        ("profile = \"team\"", "AKIATEAM"),
        ("", "AKIADEFAULT"),
    ] {
        signed(&lab, &with_files(&format!("{options}\nskip_metadata_api_check = true")), key);
    }
    // The environment's keys come after a profile that the template names, and before all others.
    for more in ["", "\nskip_metadata_api_check = true"] {
        for (options, key) in [
            ("shared_credentials_file = OWN", "AKIAEXAMPLE"),
            ("profile = \"team\"", "AKIATEAM"),
            ("shared_credentials_file = OWN\nprofile = \"people\"", "AKIAOWNPEOPLE"),
        ] {
            signed(&lab, &lab.environment(with_files(&format!("{options}{more}"))), key);
        }
    }
    // Nobody else's credentials in its place.
    lab.ask("forget-calls", &json!(null));
    let ran = lab.environment(with_files("profile = \"nobody\"")).fail(&[]);
    ran.says("there is no profile \"nobody\" in AWS's files").says("leave it out where the job signs in otherwise");
    assert_eq!(lab.calls(), Vec::<String>::new());
}

#[test]
fn roles_of_containers_and_instances() {
    let lab = Lab::start();
    let expires = "2099-01-01T00:00:00Z";
    let body = json!({
        "AccessKeyId": "ASIACONTAINER", "SecretAccessKey": "of-the-container", "Token": "t", "Expiration": expires,
    });
    let container = Server::new(move |request| {
        let status = if request.header("authorization") == "the-token" { 200 } else { 401 };
        Some(reply(status, body.to_string()))
    });
    let workspace = asking(&lab, "")
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{}/role", container.address))
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "the-token");
    signed(&lab, &workspace, "ASIACONTAINER");

    lab.ask("host", &Value::Null);
    let here = |options: &str| {
        asking(&lab, options)
            .env("AWS_EC2_METADATA_DISABLED", "false")
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", lab.at("endpoint"))
    };
    signed(&lab, &here(""), "ASIAINSTANCE");
    here("skip_metadata_api_check = true").fail(&[]).says("there are no AWS credentials");
}

#[test]
fn identities_of_elsewhere() {
    let lab = Lab::start();
    // A token in a file, as on Kubernetes.
    let token = crate::support::output(
        "curl",
        &[
            "-fsS",
            "-H",
            &format!("Authorization: bearer {}", lab.at("token")),
            &format!("{}/token?audience=sts.amazonaws.com", lab.at("endpoint")),
        ],
        std::path::Path::new("/"),
    );
    let token: Value = serde_json::from_str(&token).unwrap();
    let workspace = asking(&lab, "");
    let file = workspace.file("token", token["value"].as_str().unwrap()).display().to_string();
    let workspace = workspace
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", file)
        .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/images")
        .env("AWS_ROLE_SESSION_NAME", "pod");
    workspace.build(&[]);
    assert_eq!(lab.parameters("AssumeRoleWithWebIdentity")[0]["RoleSessionName"], "pod");
    let used = lab.keys("DescribeImages");
    assert!(used[0].starts_with("ASIA"), "{used:?}");

    // Somebody who is signed in with SSO.
    let portal = Server::new(|request| {
        let expires = 4_000_000_000_000_u64;
        let keys = json!({
            "accessKeyId": "ASIASSO", "secretAccessKey": "of-sso", "sessionToken": "t", "expiration": expires,
        });
        let signed_in = request.header("x-amz-sso_bearer_token") == "signed-in";
        Some(reply(if signed_in { 200 } else { 401 }, json!({ "roleCredentials": keys }).to_string()))
    });
    let start = "https://octo.awsapps.example/start";
    let workspace = asking(&lab, "profile = \"people\"");
    let config = format!(
        "[profile people]\nsso_start_url = {start}\nsso_region = eu-west-1\nsso_account_id = 123456789012\nsso_role_name = Images\n"
    );
    workspace.file(".aws/config", config);
    workspace.file("start", start);
    let hash = crate::support::output("sha1sum", &["start"], workspace.path());
    let cached = json!({ "accessToken": "signed-in", "expiresAt": "2099-01-01T00:00:00Z", "region": "eu-west-1", "startUrl": start });
    workspace.file(&format!(".aws/sso/cache/{}.json", hash.split(' ').next().unwrap()), cached.to_string());
    let workspace = workspace.env("AWS_ENDPOINT_URL_SSO", format!("http://{}", portal.address));
    signed(&lab, &workspace, "ASIASSO");
}

#[test]
fn one_more_role_on_top_of_the_workflows() {
    let lab = Lab::start();
    let options =
        "assume_role {\nrole_arn = \"arn:aws:iam::123456789012:role/elsewhere\"\nsession_name = \"second\"\n}";
    let workspace = asking(&lab, options)
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/token?x=1", lab.at("endpoint")))
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", lab.at("token"));
    workspace.run(&["build", "--aws-role", "arn:aws:iam::123456789012:role/images", "."]).succeeded();
    let (first, second) = (lab.keys("AssumeRole"), lab.keys("DescribeImages"));
    assert_eq!((first.len(), second.len()), (1, 1));
    assert!(first[0].starts_with("ASIA") && first != second, "{first:?} {second:?}");
    assert_eq!(lab.parameters("AssumeRole")[0]["RoleSessionName"], "second");
}

#[test]
fn a_refusal_is_decoded_when_the_template_wants_it() {
    let lab = Lab::start();
    let message = "You are not authorized. Encoded authorization failure message: bm90LXlvdQ";
    let refused = json!({ "code": "UnauthorizedOperation", "message": message, "status": 403 });
    lab.rules(&json!([{ "call": "DescribeImages", "error": refused }]));
    let ask = |options: &str| lab.environment(asking(&lab, options)).fail(&[]);
    ask("").says("Encoded authorization failure message: bm90LXlvdQ");
    ask("decode_authorization_messages = true").says("explicitDeny").says_not("bm90LXlvdQ");
    assert_eq!(lab.parameters("DecodeAuthorizationMessage")[0]["EncodedMessage"], "bm90LXlvdQ");
}

/// Keys of a role that a template takes out of the environment one by one come without their token.
#[test]
fn the_token_of_the_environment_goes_with_the_templates_keys() {
    let lab = Lab::start();
    let options = "access_key = KEY\nsecret_key = \"the-secret-access-key\"";
    let with = |key: &str, more: &str| {
        let workspace = asking(&lab, &format!("{}\n{more}", options.replace("KEY", &format!("{key:?}"))));
        workspace.env("AWS_SESSION_TOKEN", "token-of-the-environment")
    };
    for (key, more, token) in [
        ("ASIAOFAROLE", "", "token-of-the-environment"),
        ("ASIAOFAROLE", "token = \"token-of-the-template\"", "token-of-the-template"),
        // Keys that last have no token, and AWS refuses them with one.
        ("AKIAOFAUSER", "", ""),
    ] {
        let workspace = with(key, more);
        signed(&lab, &workspace, key);
        assert_eq!(lab.ask("tokens", &json!("DescribeImages")), json!([token]), "{key} {more}");
        workspace.build(&["-force"]).says_not("token-of-the");
    }
}
