//! Codes of MFA devices: one exchange for a session that everything else works with, and whose keys can take no code.
//! The lab judges codes as AWS does: by the time, the device and its user, and once.

use serde_json::{Value, json};

use crate::amazon_credentials::asking;
use crate::support::lab::Lab;
use crate::support::policies::{documented, granted};
use crate::support::{Ran, Workspace};

const USER: &str = "AKIAOFALICE";
const DEVICE: &str = "arn:aws:iam::123456789012:mfa/alice";
const ROLE: &str = "arn:aws:iam::123456789012:role/images";
const KEYS: &str = "access_key = \"AKIAOFALICE\"\nsecret_key = \"s-of-alice\"\nmfa_code = var.code\n";
const VARIABLE: &str = "variable \"code\" { default = \"\" }\n";
const PLAIN: &str = "communicator = \"none\"\nskip_create_ami = true\nami_name = \"mfa-test\"\n";

/// A lab whose user has a device, and roles that want it.
fn lab() -> Lab {
    let lab = Lab::start();
    devices(&lab, &[DEVICE]);
    lab.ask("mfa", &json!({ "trust": documented("trust mfa") }));
    lab
}

fn devices(lab: &Lab, serials: &[&str]) {
    lab.ask("mfa", &json!({ "devices": { USER: serials } }));
}

/// What the device shows, as a variable of the template; `later` codes from now.
fn code(lab: &Lab, later: i32) -> String {
    format!("code={}", lab.ask("mfa-code", &json!(later)).as_str().unwrap())
}

/// A device shows each code for half a minute: this one was used by nobody.
fn fresh(lab: &Lab) -> String {
    lab.ask("mfa", &json!({ "used": [] }));
    code(lab, 0)
}

fn with_variable(workspace: Workspace) -> Workspace {
    workspace.file("t.pkr.hcl", VARIABLE.to_owned() + &workspace.read("t.pkr.hcl"));
    workspace
}

fn count(lab: &Lab, call: &str) -> usize {
    lab.calls().iter().filter(|one| *one == call).count()
}

/// Nothing of what must stay secret is in a text.
#[track_caller]
fn quiet(text: &str, code: &str) {
    for secret in [code.trim_start_matches("code="), "s-of-alice", "secret-ASIA", "token-ASIA"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[test]
fn a_whole_build_works_in_one_session_and_takes_its_roles_from_it() {
    let lab = lab();
    // The role is taken again and again while the build runs.
    lab.ask("mfa", &json!({ "role_life": 15 }));
    lab.ask("slow", &json!({ "instance": 10, "image": 10 }));
    let role = format!("assume_role {{\nrole_arn = {ROLE:?}\nsession_name = \"ours\"\n}}");
    let build = "provisioner \"shell\" { inline = [\"echo working\"] }";
    let options = format!("{KEYS}ami_name = \"mfa-test\"\n{role}");
    let workspace = lab.endpoint(with_variable(Workspace::new(&lab.workspace(&options, build).read("t.pkr.hcl"))));
    let code = fresh(&lab);
    let ran = workspace.build(&["-var", &code]);
    quiet(&format!("{}{}", ran.stdout, ran.stderr), &code);
    let session = &lab.parameters("GetSessionToken");
    assert_eq!((session.len(), &session[0]["SerialNumber"]), (1, &json!(DEVICE)), "{session:#?}");
    assert_eq!(lab.keys("GetSessionToken"), [USER]);
    assert_eq!(lab.keys("ListMFADevices"), [USER]);
    let of_session = lab.keys("AssumeRole");
    assert!(of_session.len() >= 2 && of_session[0].starts_with("ASIA"), "{of_session:?}");
    assert!(of_session.iter().all(|key| *key == of_session[0]), "{of_session:?}");
    let calls = lab.ask("calls", &Value::Null);
    for call in calls.as_array().unwrap().iter().filter(|call| call["service"] == "ec2") {
        let key = call["key"].as_str().unwrap();
        assert!(key.starts_with("ASIA") && key != of_session[0], "{call}");
    }
    granted(&lab, &["mfa", "build"]);
    assert_eq!(lab.left().len(), 1, "{:#?}", lab.left());
}

/// The classic set-up: a profile with a role, the profile whose keys take it, and the device.
#[test]
fn a_profile_names_role_keys_and_device() {
    let lab = lab();
    let device = format!("mfa_serial = {DEVICE}\n");
    let role =
        format!("[profile images]\nrole_arn = {ROLE}\nexternal_id = x\nsource_profile = alice\nregion = eu-west-1\n");
    let with_files = |options: &str, (of_role, of_keys): (&str, &str)| {
        let workspace = with_variable(asking(&lab, options));
        workspace.file(".aws/config", format!("{role}{of_role}[profile alice]\noutput = json\n{of_keys}"));
        let keys = format!("[alice]\naws_access_key_id = {USER}\naws_secret_access_key = s-of-alice\n");
        workspace.file(".aws/credentials", keys);
        workspace
    };
    let named = "profile = \"images\"\nmfa_code = var.code";
    for (options, places, asked) in [
        (named, (device.as_str(), ""), 0),
        (named, ("", device.as_str()), 0),
        // Nobody names the device: AWS knows it.
        (named, ("", ""), 1),
        ("mfa_code = var.code", (device.as_str(), ""), 0),
    ] {
        lab.ask("forget-calls", &Value::Null);
        let workspace = with_files(options, places).env("GITHUB_RUN_ID", "42");
        let workspace = if options == named { workspace } else { workspace.env("AWS_PROFILE", "images") };
        let code = fresh(&lab);
        quiet(&workspace.build(&["-var", &code]).stdout, &code);
        assert_eq!((count(&lab, "ListMFADevices"), count(&lab, "GetSessionToken")), (asked, 1), "{options} {places:?}");
        let taken = &lab.parameters("AssumeRole");
        let (arn, external, name) = (&taken[0]["RoleArn"], &taken[0]["ExternalId"], &taken[0]["RoleSessionName"]);
        assert_eq!(
            (taken.len(), arn, external, name),
            (1, &json!(ROLE), &json!("x"), &json!("forge-42")),
            "{taken:#?}"
        );
        let (session, role) = (lab.keys("AssumeRole").remove(0), lab.keys("DescribeImages").remove(0));
        assert!(session.starts_with("ASIA") && role.starts_with("ASIA") && session != role, "{session} {role}");
    }
    // Without a code the role is taken as before, and wants a device.
    let ran = with_files("profile = \"images\"", (&device, "")).fail(&[]);
    ran.says("not authorized to perform: sts:AssumeRole");
    // The template's keys with the device of the profile that it names, and no other's.
    devices(&lab, &[DEVICE, "arn:aws:iam::123456789012:mfa/old"]);
    for (options, works) in [("profile = \"images\"\n", true), ("", false)] {
        let workspace = with_files(&format!("{KEYS}{options}"), (&device, ""));
        let ran = workspace.run(&["build", "-force", "-var", &fresh(&lab), "."]);
        assert_eq!(ran.code, Some(i32::from(!works)), "{options}: {}", ran.stdout);
    }
}

/// Builds in two regions, a data source and a post-processor.
#[test]
fn everything_with_the_same_code_shares_one_session() {
    let lab = lab();
    let one = lab.workspace(&format!("{KEYS}{PLAIN}"), "").read("t.pkr.hcl");
    let (source, _) = one.split_once("build {").unwrap();
    let (a, b) = (
        source.replace("\"web\"", "\"a\""),
        source.replace("\"web\"", "\"b\"").replace(PLAIN, &format!("{PLAIN}max_retries = 3\n")),
    );
    let data = format!(
        "data \"amazon-ami\" \"u\" {{\nregion = \"eu-central-1\"\nowners = [\"099720109477\"]\nmost_recent = true\nfilters = {{ name = \"ubuntu/images/*jammy*\" }}\n{KEYS}}}\n"
    );
    let import = format!(
        "post-processor \"amazon-import\" {{\nregion = \"eu-west-1\"\ns3_bucket_name = \"no-such-bucket\"\n{KEYS}}}\n"
    );
    let file = "source \"file\" \"f\" {\ncontent = data.amazon-ami.u.id\ntarget = \"disk.ova\"\n}\n";
    let builds = format!(
        "build {{ sources = [\"source.amazon-ebs.a\", \"source.amazon-ebs.b\"] }}\nbuild {{\nsources = [\"source.file.f\"]\n{import}}}"
    );
    let workspace = lab.endpoint(Workspace::new(&format!("{VARIABLE}{data}{a}{b}{file}{builds}")));
    let code = fresh(&lab);
    let ran = workspace.run(&["build", "-var", &code, "."]);
    // The bucket that is not there is all that went wrong.
    ran.says("no-such-bucket").says_not("no session");
    quiet(&ran.stdout, &code);
    assert_eq!((count(&lab, "GetSessionToken"), count(&lab, "ListMFADevices")), (1, 1), "{}", ran.stdout);
    assert_eq!(count(&lab, "RunInstances"), 2, "{}", ran.stdout);
    for call in ["DescribeImages", "RunInstances"] {
        let mut keys = lab.keys(call);
        keys.dedup();
        assert_eq!(keys.len(), 1, "{call}: {keys:?}");
    }
    assert_eq!(lab.left(), Vec::<String>::new());
}

#[test]
fn a_code_that_is_refused_is_sent_once_and_explained() {
    let lab = lab();
    let workspace = with_variable(asking(&lab, KEYS));
    let fails = |code: &str, calls: usize| -> Ran {
        lab.ask("forget-calls", &Value::Null);
        let ran = workspace.run(&["build", "-force", "-var", code, "."]);
        ran.failed();
        quiet(&ran.stdout, code);
        assert_eq!(count(&lab, "GetSessionToken"), calls, "{}", ran.stdout);
        ran
    };
    let invalid = "invalid MFA one time pass code";
    fails(&code(&lab, 20), 1).says(invalid).says("start again with the next one").says(DEVICE);
    // What another program has used.
    let used = fresh(&lab);
    workspace.build(&["-var", &used]);
    fails(&used, 1).says(invalid).says("is taken once");
    // No answer, none of AWS, and one that says to come again: the code may be gone.
    let throttled = json!({ "code": "Throttling", "message": "Rate exceeded", "status": 400 });
    for (rule, part) in [
        (json!({ "call": "GetSessionToken", "html": 502 }), "502"),
        (json!({ "call": "GetSessionToken", "reset": "after" }), "not known whether AWS has seen the code"),
        (json!({ "call": "GetSessionToken", "error": throttled }), "the code is not sent again"),
    ] {
        lab.rules(&json!([rule]));
        fails(&fresh(&lab), 1).says(part).says("with the next one");
    }
    lab.rules(&json!([]));
    // Of several builds with a bad code the first one's answer is that of all.
    let role = |name: &str| format!("{KEYS}assume_role {{\nrole_arn = \"arn:aws:iam::123456789012:role/{name}\"\n}}\n");
    let one = |name: &str| {
        lab.workspace(&format!("{PLAIN}{}", role(name)), "").read("t.pkr.hcl").replace("\"web\"", &format!("{name:?}"))
    };
    let (a, b) = (one("a"), one("b"));
    let sources: Vec<&str> = [&a, &b].iter().map(|text| text.split_once("build {").unwrap().0).collect();
    let both =
        format!("{}{}build {{ sources = [\"source.amazon-ebs.a\", \"source.amazon-ebs.b\"] }}", sources[0], sources[1]);
    lab.ask("forget-calls", &Value::Null);
    let ran = lab.endpoint(with_variable(Workspace::new(&both))).run(&["build", "-var", &code(&lab, 20), "."]);
    ran.failed();
    assert!(ran.stdout.matches(invalid).count() >= 2, "{}", ran.stdout);
    assert_eq!(count(&lab, "GetSessionToken"), 1, "{}", ran.stdout);
}

#[test]
fn the_device_is_the_only_one_or_named() {
    let lab = lab();
    let workspace = with_variable(asking(&lab, KEYS));
    let key = "arn:aws:iam::123456789012:u2f/user/alice/key-1";
    for (serials, parts) in [
        (&[][..], &["has no MFA device", "assign one"][..]),
        (&[key], &["that shows codes", key, "security key"]),
        (&[DEVICE, "GAHT12345678"], &["several MFA devices", DEVICE, "GAHT12345678", "mfa_serial = "]),
    ] {
        devices(&lab, serials);
        lab.ask("forget-calls", &Value::Null);
        let ran = workspace.fail(&["-var", &fresh(&lab)]);
        for part in parts {
            ran.says(part);
        }
        assert_eq!(lab.calls(), ["ListMFADevices"]);
    }
    devices(&lab, &[key, DEVICE]);
    workspace.build(&["-var", &fresh(&lab)]);
    // A user who may not ask.
    let denied =
        json!({ "code": "AccessDenied", "message": "is not authorized to perform: iam:ListMFADevices", "status": 403 });
    lab.rules(&json!([{ "call": "ListMFADevices", "error": denied }]));
    workspace.fail(&["-var", &fresh(&lab)]).says("iam:ListMFADevices").says("mfa_serial = ");
    // One that a profile names, of somebody else.
    let named = with_variable(asking(&lab, &format!("{KEYS}profile = \"team\"")));
    named.file(".aws/config", "[profile team]\nmfa_serial = arn:aws:iam::123456789012:mfa/bob\n");
    let ran = named.fail(&["-var", &fresh(&lab)]);
    ran.says("mfa/bob, the mfa_serial of the profile \"team\"")
        .says("unable to validate MFA code")
        .says("the template");
}

#[test]
fn what_can_take_no_code_says_so_before_it_is_used() {
    let lab = lab();
    let keys = format!("[default]\naws_access_key_id = {USER}\naws_secret_access_key = s\naws_session_token = t\n");
    let profile = |text: &str| format!("[profile p]\n{text}\n");
    let sso = profile(
        "sso_start_url = https://octo.awsapps.example/start\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = x",
    );
    let (keys_alone, own) = ("mfa_code = var.code", "profile = \"p\"\nmfa_code = var.code");
    let given = |options: &str, variables: &[(&str, &str)], (config, credentials): (&str, &str), arguments: &[&str]| {
        let mut workspace = with_variable(asking(&lab, options));
        workspace.file(".aws/config", config);
        workspace.file(".aws/credentials", credentials);
        for (name, value) in variables {
            workspace = workspace.env(name, *value);
        }
        let ran = lab.workflow(workspace).run(&[&["build", "-var", &fresh(&lab)], arguments, &["."]].concat());
        ran.failed().says("leave \"mfa_code\" out");
        ran
    };
    let token = [("AWS_SESSION_TOKEN", "t")];
    given(&KEYS.replace("AKIA", "ASIA"), &token, ("", ""), &[]).says("of the template are temporary already");
    let environment = [("AWS_ACCESS_KEY_ID", "ASIAX"), ("AWS_SECRET_ACCESS_KEY", "s"), token[0]];
    given(keys_alone, &environment, ("", ""), &[]).says("of the environment are temporary already");
    given(keys_alone, &[], ("", &keys), &[]).says("of the profile \"default\" are temporary already");
    given(keys_alone, &[], ("", ""), &["--aws-role", ROLE]).says("taken by the workflow's identity");
    given(keys_alone, &[], ("", ""), &[]).says("neither the environment nor a profile \"default\" has keys");
    given(own, &[], (&sso, ""), &[]).says("of the profile \"p\" are temporary already (sso_start_url)");
    let instance = profile(&format!("role_arn = {ROLE}\ncredential_source = Ec2InstanceMetadata"));
    given(own, &[], (&instance, ""), &[]).says("credential_source = Ec2InstanceMetadata");
    // With keys of its own the action's role stays out of it.
    let ran = lab.workflow(with_variable(asking(&lab, KEYS)));
    lab.ask("forget-calls", &Value::Null);
    ran.run(&["build", "-var", &fresh(&lab), "--aws-role", ROLE, "."]).succeeded();
    assert_eq!((count(&lab, "AssumeRoleWithWebIdentity"), count(&lab, "GetSessionToken")), (0, 1));

    // What the template itself says is told with all other mistakes, and asks nobody.
    lab.ask("forget-calls", &Value::Null);
    let options = |more: &str| format!("{PLAIN}{KEYS}{more}");
    for (options, code, part) in [
        (options("token = \"t\""), "492039", "\"mfa_code\" beside \"token\""),
        (
            format!("{PLAIN}mfa_code = var.code\nvault_aws_engine {{\nname = \"x\"\n}}"),
            "492039",
            "beside the block vault_aws_engine",
        ),
        (options(""), "12345", "is no code of an MFA device"),
        (options(""), "492 039", "is no code of an MFA device"),
    ] {
        let workspace = with_variable(lab.workspace(&options, ""));
        workspace.run(&["validate", "-var", &format!("code={code}"), "."]).failed().says(part);
    }
    assert_eq!(lab.calls(), Vec::<String>::new());
}

#[test]
fn who_only_looks_leaves_the_code_for_the_build() {
    let lab = lab();
    let code = fresh(&lab);
    let workspace =
        lab.endpoint(with_variable(Workspace::new(&lab.workspace(&format!("{KEYS}{PLAIN}"), "").read("t.pkr.hcl"))));
    for arguments in [&["validate"][..], &["inspect"], &["plan"], &["plan", "-json"], &["plan", "-explain"]] {
        let ran = workspace.run(&[arguments, &["-var", &code, "."]].concat());
        ran.succeeded();
        assert_eq!(lab.calls(), Vec::<String>::new(), "{arguments:?}: {}", ran.stdout);
        if arguments.len() > 1 {
            ran.says("it is left for the build");
        }
        if arguments[0] != "inspect" {
            quiet(&ran.stdout, &code);
        }
    }
    workspace.build(&["-var", &code]);
    assert_eq!(count(&lab, "GetSessionToken"), 1);
    // A data source is read by who builds.
    let reading = with_variable(asking(&lab, KEYS));
    lab.ask("forget-calls", &Value::Null);
    let code = fresh(&lab);
    for arguments in [&["validate"][..], &["plan", "-json"]] {
        reading.run(&[arguments, &["-var", &code, "."]].concat()).succeeded();
    }
    assert_eq!(lab.calls(), Vec::<String>::new());
    reading.build(&["-var", &code]);
    // The code decides no image.
    let fixed = format!("{KEYS}{PLAIN}source_ami = \"ami-0aaaaaaaaaaaa0002\"");
    let template = lab.workspace(&fixed, "").read("t.pkr.hcl");
    let (before, rest) = template.split_once("source_ami_filter {").unwrap();
    let template = format!("{VARIABLE}{before}{}", rest.split_once("\n  }").unwrap().1);
    let digest = |code: &str| {
        let ran = lab.endpoint(Workspace::new(&template)).run(&["plan", "-json", "-var", code, "."]);
        let plan: Value = serde_json::from_str(&ran.succeeded().stdout).unwrap();
        plan["builds"][0]["digest"].as_str().unwrap_or_else(|| panic!("{plan:#}")).to_owned()
    };
    assert_eq!(digest("code=111111"), digest("code=222222"));
}

/// Whoever sweeps has no code: what is swept is what its own credentials reach.
#[test]
fn a_sweep_uses_credentials_of_its_own() {
    let lab = lab();
    let role = format!("assume_role {{\nrole_arn = {ROLE:?}\n}}");
    let template = lab.workspace(&format!("{KEYS}{PLAIN}{role}"), "").read("t.pkr.hcl");
    let workspace = lab.endpoint(with_variable(Workspace::new(&template)));
    let code = fresh(&lab);
    lab.rules(&json!([{ "call": "RunInstances", "nth": 1, "hold": "after" }]));
    lab.kill_when_held(&workspace, &["-var", &code]);
    for entry in std::fs::read_dir(workspace.state()).unwrap() {
        quiet(&std::fs::read_to_string(entry.unwrap().path()).unwrap(), &code);
    }
    lab.ask("forget-calls", &Value::Null);
    // No credentials, and those of another account.
    let ran = workspace.run(&["sweep"]);
    assert_eq!(ran.code, Some(6), "{}", ran.stdout);
    ran.says("there are no AWS credentials").says("a sweep has no code");
    lab.add_rule(&json!({ "call": "GetCallerIdentity", "times": 8, "replace": [["123456789012", "210987654321"]] }));
    let sweeper = lab.environment(workspace);
    let ran = sweeper.run(&["sweep"]);
    assert_eq!(ran.code, Some(6), "{}", ran.stdout);
    ran.says("of the account 210987654321").says("a sweep has no code");
    lab.rules(&json!([]));
    sweeper.run(&["sweep"]).succeeded().says("removed   instance");
    assert_eq!((lab.left(), sweeper.journals()), (Vec::<String>::new(), 0));
    assert_eq!((count(&lab, "GetSessionToken"), count(&lab, "AssumeRole")), (0, 0));
}

#[test]
fn a_session_that_is_over_is_not_begun_anew() {
    let lab = lab();
    lab.ask("mfa", &json!({ "life": 4 }));
    lab.rules(&json!([{ "call": "RunInstances", "nth": 1, "delay": 5 }]));
    let template = lab.workspace(&format!("{KEYS}{PLAIN}"), "").read("t.pkr.hcl");
    let workspace = lab.endpoint(with_variable(Workspace::new(&template)));
    let code = fresh(&lab);
    let ran = workspace.run(&["build", "-var", &code, "."]);
    assert_eq!(ran.code, Some(6), "{}", ran.stdout);
    ran.says("the session that \"mfa_code\" began is over").says("forge sweep");
    quiet(&ran.stdout, &code);
    assert_eq!(count(&lab, "GetSessionToken"), 1);
    lab.rules(&json!([]));
    lab.environment(workspace).run(&["sweep"]).succeeded();
    assert_eq!(lab.left(), Vec::<String>::new());
}
