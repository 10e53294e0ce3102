//! A small file for each rule of the language, judged by forge and by the distribution's Packer: the verdict of
//! `validate`, and what `inspect` shows where both accept it.
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
        let path = folder.join(format!("{name}.pkr.hcl"));
        let path = path.to_str().unwrap();
        let theirs = |command: &str| {
            let mut packer = Command::new(setting("FORGE_TEST_PACKER"));
            packer.args([command, path]).current_dir(workspace.path()).env("CHECKPOINT_DISABLE", "1");
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
            let (_, theirs) = theirs("inspect");
            let ours = workspace.run(&["inspect", path]).stdout;
            let ours = ours.split("Packer Inspect").nth(1).map(|rest| format!("Packer Inspect{rest}")).unwrap_or(ours);
            if ours != theirs {
                found.insert(name.clone(), format!("inspect: forge\n{ours}\npacker\n{theirs}"));
            }
        }
    }
    found
}

#[test]
fn every_rule_is_judged_as_the_peer_judges_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter_map(|name| name.strip_suffix(".pkr.hcl").map(str::to_owned)).collect();
    names.sort();
    assert!(names.len() > 90, "{}", names.len());
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
