//! Roles that a workflow takes by its identity: the exchange and its faults, names of sessions, and sweeps that sign in anew.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::http::{Server, reply};
use crate::support::lab::Lab;
use crate::support::policies::documented;
use crate::support::{Workspace, output};

const ROLE: &str = "arn:aws:iam::123456789012:role/images";
const EXCHANGE: &str = "AssumeRoleWithWebIdentity";

/// A job of a workflow whose template asks EC2 one question.
fn asking(lab: &Lab, options: &str) -> Workspace {
    let workspace = crate::amazon_credentials::asking(lab, options);
    lab.workflow(Workspace::new(&workspace.read("t.pkr.hcl")))
}

fn with_role<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["build", "-force", "--aws-role", ROLE], more, &["."]].concat()
}

/// The tokens of all exchanges so far; no two may be the same.
#[track_caller]
fn tokens(lab: &Lab) -> usize {
    let exchanges = lab.parameters(EXCHANGE);
    let mut tokens: Vec<&str> = exchanges.iter().map(|form| form["WebIdentityToken"].as_str().unwrap()).collect();
    let all = tokens.len();
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), all, "a new token for each try");
    assert_eq!(lab.ask("minted", &Value::Null), json!(all), "and no token in vain");
    all
}

#[test]
fn each_try_of_an_exchange_has_a_token_of_its_own() {
    let mut lab = Lab::start();
    let error = |code: &str, message: &str| json!({ "code": code, "message": message, "status": 400 });
    for (code, message) in [
        ("Throttling", "Rate exceeded"),
        ("IDPCommunicationError", "Couldn't retrieve verification key from your identity provider"),
        ("ExpiredTokenException", "Token expired: current date/time must be before the expiration date/time"),
    ] {
        lab.reset();
        lab.rules(&json!([{ "call": EXCHANGE, "nth": 1, "times": 3, "error": error(code, message) }]));
        asking(&lab, "").run(&with_role(&[])).succeeded();
        assert_eq!(tokens(&lab), 4, "{code}");
    }
    lab.reset();
    lab.rules(&json!([{ "call": EXCHANGE, "nth": 1, "times": 2, "html": 502 }, { "call": EXCHANGE, "nth": 3, "reset": "before" }]));
    asking(&lab, "").run(&with_role(&[])).succeeded();
    assert_eq!(tokens(&lab), 4);

    // Half an answer, or that of a proxy, in place of the identity token.
    let answers = std::sync::atomic::AtomicUsize::new(0);
    let lab_token = format!("{}/token?audience=sts.amazonaws.com", lab.at("endpoint"));
    let bearer = format!("Authorization: bearer {}", lab.at("token"));
    let service = Server::new(move |_| {
        Some(match answers.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => reply(200, "<html>sign in</html>".to_owned()),
            1 => reply(200, "{}".to_owned()),
            _ => reply(200, output("curl", &["-fsS", "-H", &bearer, &lab_token], std::path::Path::new("/"))),
        })
    });
    lab.reset();
    let workspace = asking(&lab, "").env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("http://{}/?x=1", service.address));
    workspace.run(&with_role(&[])).succeeded();
    assert_eq!(tokens(&lab), 1);

    // What does not pass is told once, and each error with what helps against it.
    for (code, message, tries, says) in [
        ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 1, "its trust policy must allow"),
        (
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account",
            1,
            "identity provider for this iss",
        ),
        ("RegionDisabledException", "STS is not activated in this region", 1, "activate STS for this region"),
        ("ValidationError", "1 validation error detected", 1, "1 validation error detected"),
        ("Throttling", "Rate exceeded", 6, "start fewer jobs at once"),
    ] {
        lab.reset();
        lab.rules(&json!([{ "call": EXCHANGE, "error": error(code, message) }]));
        let ran = asking(&lab, "").run(&with_role(&[]));
        ran.failed().says(message).says(says).says_not("eyJ");
        assert_eq!(tokens(&lab), tries, "{code}");
        let blamed = code == "AccessDenied";
        assert_eq!(ran.stdout.contains("trust policy"), blamed, "{}", ran.stdout);
        assert_eq!(
            ran.stdout.contains("sub: repo:octo-org/images"),
            tries == 1 && says.contains("must allow") || says.contains("iss"),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn an_sts_that_cannot_be_reached_is_named_and_given_up_soon() {
    let lab = Lab::start();
    // Nobody listens there.
    let place = "http://127.0.0.1:9";
    for options in ["", "max_retries = 1"] {
        let ran = asking(&lab, options).env("AWS_ENDPOINT_URL_STS", place).run(&with_role(&[]));
        ran.failed().says("could not be taken").says(place).says("must reach AWS's STS").says_not("trust policy");
        assert!(ran.took < Duration::from_secs(90), "{:?}", ran.took);
    }
    // An answer that is none of AWS, as of a proxy.
    lab.rules(&json!([{ "call": EXCHANGE, "html": 502 }]));
    let ran = asking(&lab, "").run(&with_role(&[]));
    ran.failed().says("502").says(lab.at("endpoint")).says_not("trust policy");
}

#[test]
fn a_session_longer_than_the_role_allows_becomes_an_hour() {
    let lab = Lab::start();
    let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    let error = json!({ "code": "ValidationError", "message": message, "status": 400 });
    lab.rules(&json!([{ "call": EXCHANGE, "nth": 1, "error": error }]));
    asking(&lab, "").run(&with_role(&["--aws-session-duration", "43200"])).succeeded();
    let exchanges = lab.parameters(EXCHANGE);
    assert_eq!(exchanges[0]["DurationSeconds"], "43200");
    assert_eq!((exchanges.len(), &exchanges[1]["DurationSeconds"]), (2, &Value::Null), "{exchanges:#?}");
    // Told at the last try: there is one more, and an end.
    lab.ask("forget-calls", &Value::Null);
    let throttled = json!({ "code": "Throttling", "message": "Rate exceeded", "status": 400 });
    lab.rules(&json!([
        { "call": EXCHANGE, "nth": 6, "error": error },
        { "call": EXCHANGE, "error": throttled },
    ]));
    asking(&lab, "").run(&with_role(&["--aws-session-duration", "43200"])).failed().says("Rate exceeded");
    assert_eq!(lab.parameters(EXCHANGE).len(), 7);
}

/// STS is away, or the policy has just been changed: the keys before are good for a while yet.
#[test]
fn a_renewal_that_fails_does_not_end_the_build() {
    let lab = Lab::start();
    lab.ask("lifetime", &json!(24));
    lab.ask("slow", &json!({ "instance": 8, "image": 18 }));
    let denied = json!({ "code": "AccessDenied", "message": "Not authorized", "status": 403 });
    lab.rules(&json!([{ "call": EXCHANGE, "nth": 2, "error": denied }]));
    let options = "communicator = \"none\"\nami_name = \"renewed\"";
    let workspace = lab.workflow(Workspace::new(&lab.workspace(options, "").read("t.pkr.hcl")));
    workspace.run(&with_role(&[])).succeeded();
    let exchanges = lab.parameters(EXCHANGE).len();
    assert!(exchanges >= 3, "{exchanges} exchanges");
    assert_eq!(lab.left().len(), 1, "{:#?}", lab.left());
}

/// The audit log tells the jobs of a matrix apart, whose `GITHUB_JOB` is the same.
#[test]
fn sessions_are_called_after_run_attempt_job_and_cell() {
    let lab = Lab::start();
    let role = "assume_role {\nrole_arn = \"arn:aws:iam::123456789012:role/elsewhere\"\n}";
    let name = |cell: &[(&str, &str)], options: &str, arguments: &[&str]| {
        lab.ask("forget-calls", &Value::Null);
        let mut workspace = asking(&lab, options)
            .env("GITHUB_RUN_ID", "12345678901")
            .env("GITHUB_RUN_ATTEMPT", "2")
            .env("GITHUB_JOB", "build");
        for (name, value) in cell {
            workspace = workspace.env(name, *value);
        }
        workspace.run(arguments).succeeded();
        let taken = ["AssumeRoleWithWebIdentity", "AssumeRole"].map(|call| lab.parameters(call));
        taken.concat().iter().map(|form| form["RoleSessionName"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let arguments = with_role(&[]);
    let own = "forge-12345678901-2-build";
    assert_eq!(name(&[], "", &arguments), [own]);
    assert_eq!(name(&[("INPUT_CELL", "0/1")], "", &arguments), [own]);
    assert_eq!(name(&[("INPUT_CELL", "3/5")], "", &arguments), [format!("{own}-3")]);
    let entry = ("INPUT_ENTRY", r#"{"id":"web.amazon","template":"images/web"}"#);
    // A role that the template takes on top is taken in the same name.
    let both = format!("{own}-web.amazon");
    assert_eq!(name(&[("INPUT_CELL", "3/5"), entry], role, &arguments), [both.clone(), both]);
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "s"), ("INPUT_CELL", "3/5")];
    assert_eq!(name(&keys, role, &["build", "-force", "."]), [format!("{own}-3")]);
}

/// The trust policies of `docs/aws.md` let in whom they are for, in both forms of the subject, and nobody else.
#[test]
fn the_documented_trust_policies_let_in_whom_they_say() {
    let lab = Lab::start();
    let events = [
        json!({ "name": "pull_request" }),
        json!({ "name": "push" }),
        json!({ "name": "push", "ref": "refs/tags/v1.2.3", "environment": "image-release" }),
        json!({ "name": "schedule", "workflow": "sweep.yml" }),
        json!({ "name": "push", "ref": "refs/heads/feature" }),
        json!({ "name": "push", "environment": "test" }),
        json!({ "name": "pull_request", "workflow": "sweep.yml" }),
        json!({ "name": "push", "ref": "refs/heads/feature", "workflow": "sweep.yml" }),
    ];
    // Numbers of those that each is for; what is scheduled on a branch has the subject of that branch.
    for (name, wanted) in [("preview", &[0, 6][..]), ("build", &[1, 3]), ("publish", &[2]), ("sweep", &[3])] {
        let policy = documented(&format!("trust {name}"));
        lab.ask("trust", &policy);
        for (number, event) in events.iter().enumerate() {
            for immutable in [false, true] {
                let mut event = event.clone();
                event["immutable"] = json!(immutable);
                lab.ask("event", &event);
                let ran = asking(&lab, "").run(&with_role(&[]));
                let expected = if wanted.contains(&number) { 0 } else { 1 };
                assert_eq!(ran.code, Some(expected), "{name} for {event}: {}", ran.stdout);
                if expected == 1 {
                    let form = if immutable {
                        "sub: repo:octo-org@1234567/images@7654321:"
                    } else {
                        "sub: repo:octo-org/images:"
                    };
                    ran.says("Not authorized").says(form);
                }
            }
        }
        // Another cloud's audience is refused whoever asks, here and by the lab.
        assert!(
            policy.to_string().contains(r#""token.actions.githubusercontent.com:aud":"sts.amazonaws.com""#),
            "{name}"
        );
    }
}

/// A role whose trust policy demands tags is taken with them by who cleans up, too.
#[test]
fn a_sweep_takes_the_templates_role_with_its_tags() {
    let lab = Lab::start();
    let role = "assume_role {\nrole_arn = \"arn:aws:iam::123456789012:role/elsewhere\"\n\
                tags = { Team = \"images\" }\ntransitive_tag_keys = [\"Team\"]\n}";
    let options = format!("communicator = \"none\"\nskip_create_ami = true\nami_name = \"tagged\"\n{role}");
    let workspace = lab.workspace(&options, "");
    lab.rules(&json!([{ "call": "RunInstances", "nth": 1, "hold": "after" }]));
    lab.kill_when_held(&workspace, &[]);
    lab.ask("forget-calls", &Value::Null);
    workspace.run(&["sweep"]).succeeded().says("removed   instance");
    assert_eq!(lab.left(), Vec::<String>::new());
    let taken = &lab.parameters("AssumeRole")[0];
    assert_eq!(
        (&taken["Tags.member.1.Key"], &taken["Tags.member.1.Value"]),
        (&json!("Team"), &json!("images")),
        "{taken:#}"
    );
    assert_eq!(taken["TransitiveTagKeys.member.1"], "Team", "{taken:#}");
}

/// The post step has nothing of the build's credentials: it signs in again.
#[test]
fn the_post_step_sweeps_with_credentials_of_its_own() {
    let lab = Lab::start();
    let policy = "temporary_iam_instance_profile_policy_document {\nStatement {\nEffect = \"Allow\"\n\
                  Action = [\"s3:GetObject\"]\nResource = [\"*\"]\n}\n}";
    let options = format!("ami_name = \"post\"\n{policy}");
    let template = lab.workspace(&options, "").read("t.pkr.hcl");
    let workspace = lab.workflow(Workspace::new(&template)).env("GITHUB_RUN_ID", "42").env("GITHUB_JOB", "build");
    lab.rules(&json!([{ "call": "CreateImage", "nth": 1, "hold": "after" }]));
    lab.kill_when_held(&workspace, &["--aws-role", ROLE, "--aws-region", "eu-west-1"]);
    let of_build = lab.keys("RunInstances").pop().unwrap();
    assert!(of_build.starts_with("ASIA") && lab.left().len() >= 6, "{of_build} {:#?}", lab.left());
    lab.ask("forget-calls", &Value::Null);
    // As dist/post.js starts it, after another action has blanked the cloud's variables.
    let mut post = workspace.command(&["sweep", "--aws-role", ROLE, "--aws-region", "eu-west-1"]);
    for name in
        ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "REGION", "DEFAULT_REGION", "PROFILE", "ROLE_ARN"]
    {
        post.env(format!("AWS_{name}"), "");
    }
    let output = post.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for kind in ["instance ", "image ", "key pair ", "security group ", "instance profile and role "] {
        assert!(said.contains(&format!("removed   {kind}")), "{kind}: {said}");
    }
    assert_eq!(lab.left(), Vec::<String>::new(), "{said}");
    assert_eq!(workspace.journals(), 0);
    let fresh = lab.keys("TerminateInstances").pop().unwrap();
    assert!(fresh.starts_with("ASIA") && fresh != of_build, "{fresh}");
    assert_eq!(lab.parameters(EXCHANGE).len(), 1);
    for secret in ["secret-ASIA", "token-ASIA", "eyJ", lab.at("token")] {
        assert!(!said.contains(secret), "{secret}: {said}");
    }
}
