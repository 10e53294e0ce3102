//! What a reviewer sees on GitHub: check runs, one comment, marks on lines of the template.

use serde_json::Value;

use crate::action::runner;
use crate::support::Workspace;
use crate::support::github::Github;

/// Builds without a machine, one for each name; a name that begins with `bad` fails.
pub(crate) fn template(names: &[&str]) -> String {
    let mut text = String::new();
    for name in names {
        text += &format!("source \"null\" \"{name}\" {{\n  communicator = \"none\"\n}}\n");
    }
    let sources: Vec<String> = names.iter().map(|name| format!("\"null.{name}\"")).collect();
    text += &format!("build {{\n  sources = [{}]\n", sources.join(", "));
    text += "  provisioner \"shell-local\" {\n    name   = \"install\"\n    inline = [\"echo working\"]\n  }\n";
    let bad: Vec<String> = sources.iter().filter(|name| name.starts_with("\"null.bad")).cloned().collect();
    if !bad.is_empty() {
        text += &format!(
            "  provisioner \"shell-local\" {{\n    only   = [{}]\n    inline = [\"echo '::error::evil'; echo '</details> @everyone'\", \"exit 3\"]\n  }}\n",
            bad.join(", ")
        );
    }
    text + "}\n"
}

pub(crate) fn texts(check: &Value, name: &str) -> String {
    check["output"][name].as_str().unwrap_or_default().to_owned()
}

fn pull_request(lab: &Github, names: &[&str], run: u64) -> Workspace {
    lab.pull_request(runner(&template(names)), run)
}

#[test]
fn each_build_is_a_check_run_and_all_are_one_comment() {
    let lab = Github::start();
    let workspace = pull_request(&lab, &["good", "bad"], 100);
    let ran = workspace.run(&["action"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let good = lab.check("forge / null.good");
    assert_eq!((good["status"].as_str(), good["conclusion"].as_str()), (Some("completed"), Some("success")));
    assert_eq!(good["head_sha"], lab.at("head"), "the commit that people look at, not its merge");
    assert!(texts(&good, "summary").contains("install (shell-local)"), "{good:#}");
    let bad = lab.check("forge / null.bad");
    assert_eq!(bad["conclusion"], "failure");
    assert!(texts(&bad, "text").contains("</details> @everyone"), "the last output is shown as it is: {bad:#}");
    let marks = bad["annotations"].as_array().unwrap();
    assert_eq!(marks.len(), 1, "{bad:#}");
    assert_eq!((marks[0]["path"].as_str(), marks[0]["start_line"].as_u64()), (Some("t.pkr.hcl"), Some(13)));
    assert!(bad["started_at"].is_string() && bad["completed_at"].is_string());
    let comment = lab.comment();
    for part in ["❌ 1 of 2 builds failed", "null.good", "null.bad", "<details>", "run 100, attempt 1"] {
        assert!(comment.contains(part), "{part} is missing in:\n{comment}");
    }
    // The runner marks no line a second time.
    ran.says_not("::error file=");
    lab.took_everything();
    assert_eq!(workspace.journals(), 0, "nothing is left to be told");
}

#[test]
fn a_second_run_changes_the_comment_of_the_first() {
    let lab = Github::start();
    assert_eq!(pull_request(&lab, &["good", "bad"], 100).run(&["action"]).code, Some(1));
    let first = lab.comments();
    pull_request(&lab, &["good"], 101).run(&["action"]).succeeded();
    let second = lab.comments();
    assert_eq!((second.len(), &second[0]["id"]), (1, &first[0]["id"]));
    let text = lab.comment();
    assert!(text.contains("✅ 1 build succeeded") && text.contains("run 101"), "{text}");
    // An older run that ends late leaves it alone.
    pull_request(&lab, &["good", "also"], 99).run(&["action"]).succeeded();
    assert_eq!(lab.comment(), text);
    lab.took_everything();
}

#[test]
fn mistakes_of_a_template_are_marked_at_their_lines_however_many_there_are() {
    let lab = Github::start();
    let mut text = template(&["good"]);
    for number in 0..120 {
        text += &format!(
            "source \"null\" \"s{number}\" {{\n  comunicator = \"none\"\n}}\nbuild {{\n  sources = [\"null.s{number}\"]\n}}\n"
        );
    }
    let ran = lab.pull_request(runner(&text), 100).run(&["action"]);
    assert_eq!(ran.code, Some(1));
    let check = lab.check("forge / template");
    assert_eq!(check["conclusion"], "failure");
    let marks = check["annotations"].as_array().unwrap();
    assert!(marks.len() >= 120, "{}", marks.len());
    let lines: std::collections::BTreeSet<u64> = marks.iter().map(|m| m["start_line"].as_u64().unwrap()).collect();
    assert!(lines.len() >= 120, "each at its own line");
    assert_eq!(marks[0]["path"], "t.pkr.hcl");
    assert!(lab.comment().contains("nothing was started"));
    lab.took_everything();
}

#[test]
fn the_record_is_a_file_an_output_and_an_artifact() {
    let lab = Github::start();
    let workspace = pull_request(&lab, &["good"], 100);
    workspace.run(&["action"]).succeeded();
    let path = crate::action::output(&workspace, "record");
    let record: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!((record["schema"].as_u64(), record["builds"][0]["state"].as_str()), (Some(1), Some("succeeded")));
    assert_eq!(record["workflow"]["sha"], lab.at("head"));
    assert_eq!(record["builds"][0]["steps"][0]["name"], "install");
    let artifacts = lab.artifacts();
    let kept = artifacts.iter().find(|kept| kept["name"].as_str().unwrap().starts_with("forge-record-image-1-"));
    let kept = kept.unwrap_or_else(|| panic!("{artifacts:#?}"));
    let text = kept["files"]["forge-record.json"]["text"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), record);
    lab.took_everything();
}

#[test]
fn calls_grow_with_builds_and_with_nothing_else() {
    let lab = Github::start();
    let names: Vec<String> = (0..10).map(|n| format!("b{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let steps = "  provisioner \"shell-local\" { inline = [\"seq 1 2000\"] }\n".repeat(10);
    let text = template(&names).replace("  provisioner", &format!("{steps}  provisioner"));
    lab.pull_request(runner(&text), 100).run(&["action"]).succeeded();
    let calls = lab.calls();
    assert!(calls.len() <= 3 * 10 + 6, "{} calls: {calls:#?}", calls.len());
    assert_eq!(lab.checks().len(), 10);
    lab.took_everything();
}
