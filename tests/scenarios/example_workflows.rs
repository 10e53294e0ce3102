//! The example workflows under act, as they stand in the documents, with GitHub's server behind them. Those of previews and
//! releases are in `story_act.rs`.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use serde_json::{Value, json};

use crate::action::checkout;
use crate::github_reports::template;
use crate::support::act::{Act, example};
use crate::support::github::Github;
use crate::support::{Image, busybox, events};

/// The only file of every artifact that act's server has kept for a run.
fn records(artifacts: &Path, run: u64) -> Vec<Value> {
    let mut records = Vec::new();
    for entry in std::fs::read_dir(artifacts.join(run.to_string())).unwrap() {
        let (name, folder) = (entry.as_ref().unwrap().file_name(), entry.unwrap().path());
        let file = folder.join(format!("{}.zip", name.to_str().unwrap()));
        let mut archive = zip::ZipArchive::new(File::open(file).unwrap()).unwrap();
        assert_eq!(archive.len(), 1);
        let record = archive.by_index(0).unwrap();
        assert_eq!(record.name(), "forge-record.json");
        records.push(serde_json::from_reader(record).unwrap());
    }
    records
}

/// The records go through act's own artifact server, which knows the service from GitHub's side of it and not from ours.
#[test]
fn a_fan_out_is_planned_built_by_a_job_each_and_reported_as_one() {
    let lab = Github::start();
    let folder = tempfile::tempdir().unwrap();
    let names = ["base", "broken", "web"];
    let mut files = vec![
        (
            ".github/forge.yml".to_owned(),
            "images:\n".to_owned() + &names.map(|name| format!("  {name}:\n    template: images/{name}\n")).concat(),
        ),
        (".github/workflows/fan-out.yml".to_owned(), example("fan-out.yml")),
    ];
    files.extend(names.map(|name| {
        let text = template(&[if name == "broken" { "bad" } else { "good" }]);
        (format!("images/{name}/image.pkr.hcl"), text)
    }));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    checkout(folder.path(), events::OWN, &files);
    let artifacts = tempfile::tempdir().unwrap();
    let act = Act { lab: &lab, folder: folder.path() };
    let event = events::pull_request(&lab, events::OWN);
    let run = |number| act.run_with_its_artifacts("fan-out.yml", ("pull_request", &event), number, artifacts.path());

    let acted = run(41);
    assert!(!acted.succeeded, "one of the images is broken:\n{}", acted.log);
    let comment = lab.comment();
    assert!(comment.contains("❌ 1 of 3 builds failed"), "{comment}\n{}", acted.log);
    for name in ["base/null.good", "broken/null.bad", "web/null.good"] {
        assert!(comment.contains(name), "{comment}");
    }
    let conclusion = |name: &str| lab.check(name)["conclusion"].as_str().unwrap().to_owned();
    assert_eq!(conclusion("forge / base/null.good"), "success");
    assert_eq!(conclusion("forge / broken/null.bad"), "failure");
    assert_eq!((conclusion("forge").as_str(), lab.checks().len()), ("failure", 4));
    // Each job has left what it built; the plan, what there is to build; the report, all of it.
    let records = records(artifacts.path(), 41);
    let entries: BTreeSet<&str> = records.iter().filter_map(|record| record["inputs"]["entry"].as_str()).collect();
    assert_eq!((records.len(), entries.len()), (5, 3), "{records:#?}");
    let plans: Vec<&Value> = records.iter().filter(|record| record["matrix"].is_object()).collect();
    let ids: BTreeSet<&str> =
        plans[0]["matrix"]["include"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert_eq!((plans.len(), &ids), (1, &entries));
    assert!(lab.artifacts().is_empty(), "the lab's own service was not asked");

    // Mended, and run again: the same comment.
    let broken = folder.path().join("images/broken/image.pkr.hcl");
    std::fs::write(&broken, template(&["bad"]).replace("exit 3", "exit 0")).unwrap();
    let acted = run(42);
    assert!(acted.succeeded, "{}", acted.log);
    assert!(lab.comment().contains("✅ 3 builds succeeded"), "{}\n{}", lab.comment(), acted.log);
    lab.took_everything();
}

/// On runners of one's own, whose labels come from the file of images. act does not tell a job its number in the matrix
/// (`strategy.job-index`); the entries tell them apart.
#[test]
fn fifty_builds_of_five_jobs_are_one_comment_and_one_summary() {
    let lab = Github::start();
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..50).map(|n| if n == 7 { "bad7".to_owned() } else { format!("b{n}") }).collect();
    let text = template(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let workflow = example("fan-out-arc.yml");
    let grouped = workflow.replace("command: plan\n", "command: plan\n          group: 10\n");
    assert_ne!(workflow, grouped);
    checkout(
        folder.path(),
        events::OWN,
        &[
            (".github/workflows/fan-out-arc.yml", &grouped),
            (".github/forge.yml", "defaults:\n  runs-on: arc-docker\nimages:\n  all:\n    template: images/all\n"),
            ("images/all/image.pkr.hcl", &text),
        ],
    );
    let artifacts = tempfile::tempdir().unwrap();
    let act = Act { lab: &lab, folder: folder.path() };
    let event = events::pull_request(&lab, events::OWN);
    let acted = act.run_with_its_artifacts("fan-out-arc.yml", ("pull_request", &event), 43, artifacts.path());
    assert!(!acted.succeeded, "one of the builds fails:\n{}", acted.log);
    assert_eq!(records(artifacts.path(), 43).len(), 7, "five jobs, their plan, and what they were joined into");
    let comment = lab.comment();
    assert!(comment.contains("❌ 1 of 50 builds failed") && comment.contains("all/null.b49"), "{comment}");
    assert_eq!(comment.matches("✅ success").count(), 49, "{comment}");
    assert!(acted.log.contains("Summary - ### ❌ 1 of 50 builds failed"), "{}", acted.log);
    assert_eq!((lab.check("forge")["conclusion"].as_str(), lab.checks().len()), (Some("failure"), 51));
    lab.took_everything();
}

#[test]
fn one_job_builds_the_images_and_later_steps_have_their_id() {
    let lab = Github::start();
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "source \"docker\" \"web\" {{\n  image  = {:?}\n  pull   = false\n  commit = true\n}}\nbuild {{\n  sources = [\"docker.web\"]\n  provisioner \"shell\" {{\n    inline = [\"date > /made\"]\n  }}\n}}\n",
        busybox()
    );
    let workflow = example("images.yml");
    checkout(
        folder.path(),
        events::OWN,
        &[(".github/workflows/images.yml", &workflow), ("images/web/web.pkr.hcl", &text)],
    );
    let act = Act { lab: &lab, folder: folder.path() };
    let run = (100, lab.at("runtime_token"));
    for (name, event, sha) in [
        ("pull_request", events::pull_request(&lab, events::OWN), Some(lab.at("head"))),
        ("push", json!({ "ref": "refs/heads/main", "repository": events::repository() }), None),
    ] {
        let acted = act.run("images.yml", (name, &event), run);
        assert!(acted.succeeded, "{name}:\n{}", acted.log);
        let built = acted.log.split("built sha256:").nth(1).unwrap_or_else(|| panic!("no id:\n{}", acted.log));
        let image = Image(format!("sha256:{}", &built[..64]));
        assert!(image.exists(), "{image:?}");
        assert_eq!(image.sh("wc -l < /made").trim(), "1");
        if let Some(sha) = sha {
            let check = lab.check("forge / docker.web");
            assert_eq!((check["head_sha"].as_str(), check["conclusion"].as_str()), (Some(sha), Some("success")));
            assert!(lab.comment().contains("docker.web"), "{}", lab.comment());
        }
    }
    lab.took_everything();
}
