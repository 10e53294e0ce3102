//! Events as GitHub sends them, and as nobody should.

use std::fs;

use super::*;

const OWN: &str = "ec26c3e57ca3a959ca5aad62de7213c562f8c821";
const FOREIGN: &str = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e";
const BASE: &str = "3484a3fb816e0859fd6e1cea078d76385ff50625";
const MERGE: &str = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";
const TIP: &str = "2ffea6db159f6b6c47a24e778fb9ef40cf6b1c7d";

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/events/{name}.json", env!("CARGO_MANIFEST_DIR"))
}

fn read_with(given: &[(&str, &str)]) -> Result<Trigger, EventError> {
    let usual = [("GITHUB_REPOSITORY", "octo-org/images"), ("GITHUB_RUN_ID", "42"), ("GITHUB_SHA", TIP)];
    read(|name| {
        let found = given.iter().chain(&usual).find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

fn trigger(event: &str, path: &str, reference: &str) -> Trigger {
    read_with(&[("GITHUB_EVENT_NAME", event), ("GITHUB_EVENT_PATH", path), ("GITHUB_REF", reference)]).unwrap()
}

/// One line of facts, with names for the commits.
fn shown(trigger: &Trigger) -> String {
    let head = match &trigger.head {
        Head::Sha(sha) => sha.clone(),
        Head::OfPull(number) => format!("of#{number}"),
        Head::Unknown => "?".to_owned(),
    };
    let pull = match &trigger.pull {
        Pull::Number(number) => format!("#{number}"),
        Pull::OfCommit(sha) => format!("of-{sha}"),
        Pull::OfBranch { owner, branch, sha } => format!("{owner}:{branch}@{sha}"),
        Pull::None => "-".to_owned(),
    };
    let code = match &trigger.code {
        Code::Own => "Own".to_owned(),
        Code::Fork => "Fork".to_owned(),
        Code::Privileged { own, foreign } => format!("own({}) foreign({})", own.join(","), foreign.join(",")),
    };
    let class = trigger.class.map_or("Deleted".to_owned(), |class| format!("{class:?}"));
    let line = format!("{class} {head} {pull} {code}");
    let names = [(OWN, "OWN"), (FOREIGN, "FOREIGN"), (BASE, "BASE"), (MERGE, "MERGE"), (TIP, "TIP")];
    names.iter().fold(line, |line, (sha, name)| line.replace(sha, name))
}

#[test]
fn each_event_names_commit_pull_request_and_whose_code() {
    let main = "refs/heads/main";
    let pull = "refs/pull/8/merge";
    let queue = format!("refs/heads/gh-readonly-queue/release/1.x/pr-104-{BASE}");
    for (event, file, reference, expected) in [
        ("pull_request", "pull_request", "refs/pull/7/merge", "PullRequest OWN #7 Own"),
        ("pull_request_review", "pull_request", "refs/pull/7/merge", "PullRequest OWN #7 Own"),
        ("pull_request", "pull_request_fork", pull, "Fork FOREIGN #8 Fork"),
        ("pull_request", "pull_request_fork_deleted", pull, "Fork FOREIGN #8 Fork"),
        ("pull_request_target", "pull_request", main, "PullRequest OWN #7 Own"),
        ("pull_request_target", "pull_request_fork", main, "Fork FOREIGN #8 own(TIP,BASE) foreign(FOREIGN,MERGE)"),
        (
            "pull_request_target",
            "pull_request_fork_deleted",
            main,
            "Fork FOREIGN #8 own(TIP,BASE) foreign(FOREIGN,MERGE)",
        ),
        (
            "pull_request_target",
            "pull_request_fork_merged",
            main,
            "Fork FOREIGN #8 own(TIP,BASE,MERGE) foreign(FOREIGN)",
        ),
        ("pull_request_target", "pull_request_fork", pull, "Fork FOREIGN #8 own(BASE) foreign(FOREIGN,MERGE)"),
        ("push", "push", main, "Push TIP of-TIP Own"),
        ("push", "push", "refs/heads/nginx", "Branch TIP of-TIP Own"),
        ("push", "push_annotated_tag", "refs/tags/v1.4.0", "Tag TIP of-TIP Own"),
        ("push", "push_deleted", "refs/heads/nginx", "Deleted TIP - Own"),
        ("delete", "push", main, "Deleted TIP - Own"),
        ("push", "push", "", "Branch TIP of-TIP Own"),
        ("release", "release", "refs/tags/v1.4.0", "Release TIP of-TIP Own"),
        ("merge_group", "merge_group", &queue, "MergeGroup TIP #104 Own"),
        ("merge_group", "merge_group", "", "MergeGroup TIP #104 Own"),
        ("workflow_dispatch", "workflow_dispatch", "refs/heads/nginx", "Manual TIP - Own"),
        ("repository_dispatch", "repository_dispatch", main, "Manual TIP - Own"),
        ("schedule", "schedule", main, "Schedule TIP - Own"),
        ("deployment", "deployment", "", "Manual TIP of-TIP Own"),
        ("deployment_status", "deployment", "refs/heads/nginx", "Completed TIP of-TIP Own"),
        ("issue_comment", "issue_comment", main, "Comment of#8 #8 own(TIP) foreign()"),
        ("issue_comment", "issue_comment_issue", main, "Comment TIP - own(TIP) foreign()"),
        ("workflow_run", "workflow_run", main, "Completed OWN #7 Own"),
        ("workflow_run", "workflow_run_push", main, "Completed OWN of-OWN Own"),
        ("workflow_run", "workflow_run_comment", main, "Completed OWN octo-org:main@OWN own(TIP,OWN) foreign()"),
        ("workflow_run", "workflow_run_fork", main, "Completed FOREIGN mona:patch-1@FOREIGN own(TIP) foreign(FOREIGN)"),
        ("workflow_run", "workflow_run_fork_deleted", main, "Completed FOREIGN of-FOREIGN own(TIP) foreign(FOREIGN)"),
        ("check_run", "check_run", main, "Completed OWN #7 own(TIP,OWN) foreign()"),
        ("check_suite", "check_suite_fork", main, "Completed FOREIGN of-FOREIGN own(TIP) foreign(FOREIGN)"),
        ("watch", "issue_comment_issue", main, "Fork TIP - own(TIP) foreign()"),
    ] {
        let trigger = trigger(event, &fixture(file), reference);
        assert_eq!(shown(&trigger), expected, "{event} {file} {reference}");
        assert_eq!(trigger.warnings, [""; 0], "{event} {file} {reference}");
    }
}

#[test]
fn names_of_branches() {
    let names = |trigger: Trigger| [Some(trigger.ref_name), trigger.base_ref, trigger.head_ref, trigger.default_branch];
    let some = |names: [&str; 4]| names.map(|name| Some(name.to_owned()).filter(|name| !name.is_empty()));
    let pull = trigger("pull_request", &fixture("pull_request"), "refs/pull/7/merge");
    assert_eq!(names(pull)[1..], some(["", "main", "nginx", "main"])[1..]);
    let tag = trigger("push", &fixture("push_annotated_tag"), "refs/tags/v1.4.0");
    assert_eq!(names(tag), some(["v1.4.0", "", "", "main"]));
    let queued = format!("refs/heads/gh-readonly-queue/release/1.x/pr-104-{BASE}");
    let group = trigger("merge_group", "/nowhere", &queued);
    assert_eq!((group.base_ref.as_deref(), group.pull), (Some("release/1.x"), Pull::Number(104)));
    let clock = trigger("schedule", &fixture("schedule"), "refs/heads/trunk");
    assert_eq!(clock.default_branch.as_deref(), Some("trunk"));
    let run = trigger("workflow_run", &fixture("workflow_run_fork"), "refs/heads/main");
    assert_eq!(run.head_ref.as_deref(), Some("patch-1"));
    let given = [
        ("GITHUB_EVENT_NAME", "pull_request"),
        ("GITHUB_REF", "refs/pull/7/merge"),
        ("GITHUB_REF_NAME", "7/merge"),
        ("GITHUB_HEAD_REF", "nginx"),
        ("GITHUB_BASE_REF", "main"),
    ];
    assert_eq!(names(read_with(&given).unwrap()), some(["7/merge", "main", "nginx", ""]));
}

#[test]
fn the_run_and_its_addresses() {
    let given = [
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_RUN_ATTEMPT", "3"),
        ("GITHUB_RUN_NUMBER", "17"),
        ("GITHUB_JOB", "web"),
        ("GITHUB_WORKFLOW", "images"),
        ("GITHUB_ACTOR", "mona"),
        ("GITHUB_SERVER_URL", "https://ghe.example/"),
        ("GITHUB_API_URL", "https://ghe.example/api/v3"),
    ];
    let trigger = read_with(&given).unwrap();
    assert_eq!(trigger.run.url, "https://ghe.example/octo-org/images/actions/runs/42/attempts/3");
    assert_eq!((trigger.run.number, trigger.run.job.as_str(), trigger.run.actor.as_str()), (17, "web", "mona"));
    assert_eq!(
        (trigger.api_url.as_str(), trigger.server_url.as_str()),
        ("https://ghe.example/api/v3", "https://ghe.example")
    );
    assert_eq!(trigger.graphql_url, "https://api.github.com/graphql");
}

#[test]
fn tokens_that_only_read() {
    for (event, file, actor, read_only) in [
        ("pull_request", "pull_request", "mona", false),
        ("pull_request", "pull_request", "dependabot[bot]", true),
        ("push", "push", "dependabot[bot]", true),
        ("pull_request_target", "pull_request", "dependabot[bot]", false),
        ("workflow_dispatch", "workflow_dispatch", "dependabot[bot]", false),
        ("pull_request", "pull_request_fork", "mona", true),
        ("pull_request_target", "pull_request_fork", "mona", false),
    ] {
        let path = fixture(file);
        let given = [("GITHUB_EVENT_NAME", event), ("GITHUB_EVENT_PATH", &path), ("GITHUB_ACTOR", actor)];
        assert_eq!(read_with(&given).unwrap().read_only_token, read_only, "{event} {file} {actor}");
    }
}

#[test]
fn an_environment_that_is_no_run() {
    assert_eq!(read(|_| None), Err(EventError::NoEvent));
    assert!(EventError::NoEvent.is_harmless());
    for (event, name, value, text, harmless) in [
        ("push", "GITHUB_REPOSITORY", "", "GITHUB_REPOSITORY is not set, owner/name is expected", true),
        ("issue_comment", "GITHUB_REPOSITORY", "a/..", "GITHUB_REPOSITORY is \"a/..\", owner/name is expected", false),
        ("pull_request", "GITHUB_RUN_ID", "0", "GITHUB_RUN_ID is \"0\", a positive number is expected", false),
        ("push", "GITHUB_RUN_ATTEMPT", "-1", "GITHUB_RUN_ATTEMPT is \"-1\", a positive number is expected", true),
        (
            "x",
            "GITHUB_API_URL",
            "file:///",
            "GITHUB_API_URL is \"file:///\", an http or https address is expected",
            false,
        ),
    ] {
        let error = read_with(&[("GITHUB_EVENT_NAME", event), (name, value)]).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.is_harmless()), (text, harmless));
    }
    let trigger = read_with(&[("GITHUB_EVENT_NAME", "push"), ("GITHUB_SHA", "main")]).unwrap();
    assert_eq!((trigger.head, trigger.pull), (Head::Unknown, Pull::None));
}

#[test]
fn broken_files_leave_the_environment_and_no_trust() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read_to_string(fixture("pull_request_fork")).unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (name, text) in [
        ("empty", ""),
        ("cut", &whole[..whole.len() / 2]),
        ("text", "::error::x"),
        ("null", "null"),
        ("list", "[{\"number\": 7}]"),
        ("string", "\"::add-mask::a\""),
        ("deep", &"{\"pull_request\":".repeat(100_000)),
        ("twice", "{} {}"),
    ] {
        fs::write(path(name), text).unwrap();
    }
    fs::write(path("bytes"), b"{\"number\": \"\xff\"}").unwrap();
    fs::create_dir(path("folder")).unwrap();
    let main = "refs/heads/main";
    for name in ["empty", "cut", "text", "null", "list", "string", "deep", "twice", "bytes", "folder", "missing"] {
        for (event, reference, expected) in [
            ("pull_request", "refs/pull/7/merge", "Fork of#7 #7 Fork"),
            ("push", main, "Branch TIP of-TIP Own"),
            ("schedule", main, "Schedule TIP - Own"),
            ("pull_request_target", main, "Fork ? - own() foreign()"),
            ("issue_comment", main, "Comment TIP - own() foreign()"),
            ("workflow_run", main, "Completed ? - own() foreign()"),
            ("check_run", main, "Completed ? - own() foreign()"),
        ] {
            let trigger = trigger(event, &path(name), reference);
            assert_eq!(shown(&trigger), expected, "{name} {event}");
            let [warning] = &trigger.warnings[..] else { panic!("{name} {event}: {:?}", trigger.warnings) };
            assert!(warning.contains(name) && !warning.contains("::"), "{warning}");
        }
    }
}

#[test]
fn wrong_types_count_as_absent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("event.json");
    for text in [
        "{}",
        r#"{"pull_request": "x", "issue": [], "workflow_run": 1, "check_run": null, "merge_group": true, "repository": 0}"#,
        r#"{"number": "7", "pull_request": {"number": -7, "head": {"sha": 1, "repo": {"id": "1"}}, "base": []}}"#,
        r#"{"number": 1e99, "pull_request": {"number": 0, "head": {"sha": "main", "repo": 5}, "merged": "true"}}"#,
        r#"{"workflow_run": {"event": {}, "head_sha": [], "head_repository": "x", "pull_requests": {"0": 1}}}"#,
    ] {
        fs::write(&path, text).unwrap();
        for (event, expected) in [
            ("pull_request", "Fork ? - Fork"),
            ("pull_request_target", "Fork ? - own() foreign()"),
            ("push", "Branch TIP of-TIP Own"),
            ("merge_group", "MergeGroup TIP - Own"),
            ("issue_comment", "Comment TIP - own() foreign()"),
            ("workflow_run", "Completed ? - own() foreign()"),
            ("check_run", "Completed ? - own() foreign()"),
            ("check_suite", "Completed ? - own() foreign()"),
        ] {
            let trigger = trigger(event, path.to_str().unwrap(), "refs/heads/main");
            assert_eq!(shown(&trigger), expected, "{event} {text}");
            assert!(!trigger.warnings.is_empty());
        }
    }
}

#[test]
fn hostile_texts_stay_data() {
    let trigger = trigger("pull_request", &fixture("hostile"), "refs/pull/9/merge");
    assert_eq!(shown(&trigger), "Fork FOREIGN #9 Fork");
    assert_eq!(trigger.head_ref.as_deref(), Some("$(id)`x`<img/src=//e.example/t>@everyone%0A::error::"));
    assert!(trigger.warnings.is_empty());
}

#[test]
fn a_large_event_is_read_and_a_larger_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("event.json");
    let commit = format!("{{\"id\": \"{OWN}\", \"message\": \"{}\"}},", "x".repeat(1000));
    for (size, expected, warnings) in [(30 << 20, "Push TIP of-TIP Own", 0), (65 << 20, "Branch TIP of-TIP Own", 1)] {
        let commits = commit.repeat(size / commit.len());
        let text = format!("{{\"commits\": [{commits}0], \"repository\": {{\"default_branch\": \"main\"}}}}");
        fs::write(&path, text).unwrap();
        let trigger = trigger("push", path.to_str().unwrap(), "refs/heads/main");
        assert_eq!((shown(&trigger).as_str(), trigger.warnings.len()), (expected, warnings));
    }
}
