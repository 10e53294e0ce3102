//! SSH over Session Manager: the lab is the service, its WebSocket and the agent on the instance.

use serde_json::json;

use crate::support::Workspace;
use crate::support::lab::Lab;
use crate::support::leaks::Leaks;

const SESSION: &str = r#"
  ami_name                = "session-test"
  iam_instance_profile    = "builder"
  skip_profile_validation = true
  skip_create_ami         = true
"#;

const PROVISION: &str = r#"
  provisioner "file" {
    source      = "data"
    destination = "/tmp/data"
  }
  provisioner "shell" {
    inline = ["echo sum $(md5sum </tmp/data)", "yes | head -c 300000 | md5sum"]
  }
"#;

fn through(lab: &Lab, options: &str, build: &str) -> Workspace {
    let workspace = lab.workspace(&format!("{SESSION}\n{options}"), build);
    let template = workspace.read("t.pkr.hcl");
    workspace.file("t.pkr.hcl", template.replace("\"private_ip\"", "\"session_manager\""));
    // moto knows no instance profile by that name.
    lab.rules(&json!([{ "call": "RunInstances", "drop": "IamInstanceProfile.Name" }]));
    workspace
}

#[test]
fn a_build_goes_through_a_session_and_opens_no_port() {
    let lab = Lab::start();
    // The agent registers late, and every ninth message is lost.
    lab.ask("sessions", &json!({ "late": 2, "lose": 9 }));
    let workspace = through(&lab, "", PROVISION);
    let data: Vec<u8> = (0..100_000u32).flat_map(|n| n.to_le_bytes()).collect();
    workspace.file("data", &data);
    let ran = workspace.build(&[]);
    ran.says("Connecting through Session Manager...");
    let expected = crate::support::output("md5sum", &["data"], workspace.path());
    ran.says(&format!("sum {}", expected.split(' ').next().unwrap()));
    assert!(lab.ask("sessions", &json!({}))["lost"].as_i64().unwrap() > 10);
    let calls = lab.calls();
    assert!(!calls.contains(&"AuthorizeSecurityGroupIngress".to_owned()), "{calls:?}");
    assert!(calls.iter().filter(|call| *call == "StartSession").count() >= 3, "{calls:?}");
    assert_eq!(lab.left(), Vec::<String>::new());
}

#[test]
fn the_templates_own_key_is_lent_to_the_instance() {
    let lab = Lab::start();
    let workspace =
        through(&lab, "ssh_private_key_file = \"id\"", "provisioner \"shell\" { inline = [\"echo I am $(id -un)\"] }");
    crate::support::output("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", "id"], workspace.path());
    workspace.build(&[]).says("I am ubuntu");
    let calls = lab.calls();
    crate::amazon_ebs::granted(&lab, &["build", "session"]);
    assert!(
        calls.contains(&"SendSSHPublicKey".to_owned()) && !calls.contains(&"CreateKeyPair".to_owned()),
        "{calls:?}"
    );
}

#[test]
fn what_the_agent_asks_for_in_vain_is_said() {
    let lab = Lab::start();
    lab.ask("sessions", &json!({ "asks": ["SessionType", "KMSEncryption"] }));
    let ran = through(&lab, "ssh_timeout = \"3s\"", "").fail(&[]);
    ran.says("demand encryption with a KMS key");
    assert_eq!(lab.left(), Vec::<String>::new());
}

#[test]
fn a_session_that_is_refused_is_asked_for_once() {
    let lab = Lab::start();
    // Attempts without a limit of time: only those count that reach the machine.
    let workspace = through(&lab, "ssh_handshake_attempts = 3", "");
    let error = json!({ "code": "AccessDeniedException", "message": "not authorized to perform: ssm:StartSession" });
    lab.add_rule(&json!({ "call": "StartSession", "error": error }));
    let ran = workspace.fail(&[]);
    ran.says("AccessDeniedException");
    assert_eq!(lab.calls().iter().filter(|call| *call == "StartSession").count(), 1);
    assert_eq!(lab.left(), Vec::<String>::new());
}

#[test]
fn nothing_stays_of_sessions_whatever_fails() {
    let template = |lab: &Lab| through(lab, "ssh_timeout = \"5s\"", "");
    Leaks { workspace: &template, finished: &|_| false, also: &|_| {} }
        .never_in(&mut Lab::start(), |call| call.ends_with("Session") || call == "DescribeInstances");
}

#[test]
fn a_session_of_a_killed_build_is_swept() {
    let lab = Lab::start();
    let workspace = through(&lab, "", "provisioner \"shell\" { inline = [\"echo begun\", \"sleep 100\"] }");
    let mut run = workspace.start(&[]);
    run.wait_for("begun");
    run.signal("KILL");
    run.end();
    assert!(lab.left().iter().any(|text| text.starts_with("session ")), "{:?}", lab.left());
    let ran = workspace.run(&["sweep"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    ran.says("session forge-");
    assert_eq!(lab.left(), Vec::<String>::new(), "{}", ran.stdout);
}

#[test]
fn a_session_needs_a_profile_and_no_other_way() {
    let lab = Lab::start();
    for (from, to, part) in [
        ("iam_instance_profile    = \"builder\"", "", "Session Manager needs an instance profile"),
        ("skip_create_ami         = true", "ssh_proxy_host = \"proxy\"", "Session Manager beside a bastion or a proxy"),
        ("skip_create_ami         = true", "communicator = \"none\"", "Session Manager carries SSH only"),
    ] {
        let workspace = through(&lab, "", "");
        let template = workspace.read("t.pkr.hcl").replace(from, to);
        workspace.file("t.pkr.hcl", template);
        let ran = workspace.run(&["validate", "."]);
        assert_eq!(ran.code, Some(1), "{to}");
        ran.says(part);
    }
}
