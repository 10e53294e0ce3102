//! A small file for each rule of the language, judged by forge and by the distribution's Packer: the verdict of
//! `validate`, what `inspect -machine-readable` shows where both accept it, what `fmt` makes of it, and what `hcl2_upgrade` makes of a
//! template of the old format, comments and empty lines aside.
//!
//! `tests/conformance/differences.txt` lists what may differ, each with its reason. Any other difference fails, and so
//! does a listed one that is none any more.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Workspace, setting};

/// Differences that were found, by file.
fn judge(files: &[String], folder: &Path) -> BTreeMap<String, String> {
    let workspace = Workspace::new("");
    let mut found = BTreeMap::new();
    for name in files {
        let path = folder.join(name);
        let path = path.to_str().unwrap();
        let theirs = |command: &str| {
            let mut packer = Command::new(setting("FORGE_TEST_PACKER"));
            packer.args(command.split(' ')).arg(path).current_dir(workspace.path()).env("CHECKPOINT_DISABLE", "1");
            let output = packer.output().unwrap();
            (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let (code, text) = theirs("validate");
        let ours = workspace.run(&["validate", path]);
        assert!(matches!(ours.code, Some(0 | 1)), "{name}: {ours:#?}");
        if ours.code != code {
            found.insert(
                name.clone(),
                format!("validate: forge {:?}, packer {code:?}\n{}{text}", ours.code, ours.stdout),
            );
        } else if code == Some(0) {
            let theirs = records(&theirs("inspect -machine-readable").1);
            let ours = records(&workspace.run(&["inspect", "-machine-readable", path]).stdout);
            assert!(ours.contains("Packer Inspect"), "{name}: {ours}");
            if ours != theirs {
                found.insert(name.clone(), format!("inspect: forge\n{ours}\npacker\n{theirs}"));
            }
        }
        if code == Some(0)
            && let Some((ours, theirs)) = rewritten(name, path, &workspace)
            && ours != theirs
        {
            found.entry(name.clone()).or_insert(format!("rewritten: forge\n{ours}\npacker\n{theirs}"));
        }
    }
    found
}

/// Lines for programs without their times; warnings for people are left out.
fn records(text: &str) -> String {
    let lines = text.lines().filter_map(|line| line.split_once(','));
    let stamped = lines.filter(|(time, _)| !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit()));
    stamped.map(|(_, record)| record.to_owned() + "\n").collect()
}

/// Packer 1.6.6 writes it whether it is used or not.
const UNASKED: &str = "locals { timestamp =";

/// What both make of a file that they rewrite: `fmt`, or `hcl2_upgrade` for the old format.
fn rewritten(name: &str, path: &str, workspace: &Workspace) -> Option<(String, String)> {
    let both = |command: &dyn Fn(&str) -> Vec<String>, plain: &dyn Fn(String) -> String| {
        let made = |who: &str| plain(fs::read_to_string(workspace.path().join(who)).unwrap_or_default());
        let ours = command("ours.pkr.hcl");
        workspace.run(&ours.iter().map(String::as_str).collect::<Vec<_>>());
        let theirs = command("theirs.pkr.hcl");
        let mut packer = Command::new(setting("FORGE_TEST_PACKER"));
        packer.args(theirs).current_dir(workspace.path()).env("CHECKPOINT_DISABLE", "1").output().unwrap();
        (made("ours.pkr.hcl"), made("theirs.pkr.hcl"))
    };
    if name.ends_with(".pkr.hcl") {
        for copy in ["ours.pkr.hcl", "theirs.pkr.hcl"] {
            fs::copy(path, workspace.path().join(copy)).unwrap();
        }
        return Some(both(&|file| vec!["fmt".to_owned(), file.to_owned()], &|text| text));
    }
    if name.ends_with(".pkr.json") {
        return None;
    }
    let essence = |text: String| {
        // Packer 1.6.6 writes no `packer` block yet.
        let body = text.find("packer {\n").and_then(|start| {
            let end = start + text[start..].find("\n}\n")? + 3;
            Some(text[..start].to_owned() + &text[end..])
        });
        let body = body.unwrap_or(text);
        let lines = body
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty() && !line.trim_start().starts_with('#') && !line.starts_with(UNASKED));
        lines.collect::<Vec<_>>().join("\n")
    };
    let command = |file: &str| vec!["hcl2_upgrade".to_owned(), format!("-output-file={file}"), path.to_owned()];
    let made = both(&command, &essence);
    assert!(made.0.contains("build {"), "{name}: {}", made.0);
    // What was made must mean the same.
    workspace.run(&["validate", "-syntax-only", "ours.pkr.hcl"]).succeeded();
    Some(made)
}

#[test]
fn every_rule_is_judged_as_the_peer_judges_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.ends_with(".txt")).collect();
    names.sort();
    assert!(names.len() >= 150, "{}", names.len());
    let (first, second) = names.split_at(names.len() / 2);
    let found = std::thread::scope(|scope| {
        let other = scope.spawn(|| judge(first, &folder));
        let mut found = judge(second, &folder);
        found.extend(other.join().unwrap());
        found
    });
    let listed = fs::read_to_string(folder.join("differences.txt")).unwrap();
    let listed = listed.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let listed: BTreeMap<&str, &str> = listed.map(|line| line.split_once(": ").expect("name: reason")).collect();
    let unlisted: Vec<String> = found
        .iter()
        .filter(|(name, _)| !listed.contains_key(name.as_str()))
        .map(|(name, text)| format!("== {name}\n{text}"))
        .collect();
    assert!(unlisted.is_empty(), "{}", unlisted.join("\n"));
    let stale: Vec<&&str> = listed.keys().filter(|name| !found.contains_key(**name)).collect();
    assert!(stale.is_empty(), "no difference any more: {stale:?}");
}
