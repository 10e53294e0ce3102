//! Matrices of plans of real templates: they select what they name, and keep GitHub's limits.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::SystemTime;

use serde_json::Value;

use super::*;
use crate::diagnostic::Diagnostics;

/// A folder with a template `t.pkr.hcl` of builds with these names, and what else is in it.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new(names: &[&str]) -> Self {
        let mut text = "source \"null\" \"s\" { communicator = \"none\" }\n".to_owned();
        for name in names {
            let _ = writeln!(text, "build {{\n name = {name:?}\n sources = [\"null.s\"]\n}}");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t.pkr.hcl"), text).unwrap();
        Self(folder)
    }

    fn process(&self) -> Process {
        Process { environment: Vec::new(), cwd: self.0.path().to_owned(), started: SystemTime::now() }
    }

    fn plan(&self, args: &PlanArgs) -> (Vec<PlannedImage>, Front) {
        // Paths of templates are relative to the process, which tests share.
        let template = args.which.template.clone().unwrap_or_else(|| self.0.path().join("t.pkr.hcl"));
        let args = PlanArgs { which: WhichArgs { template: Some(template), ..args.which.clone() }, ..args.clone() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut front = Front::empty();
        let planned = runtime.block_on(plan(&args, &mut front, &self.process(), &Redactor::new()));
        assert!(!front.diagnostics.has_errors(), "{}", front.json(&Redactor::new()));
        (planned, front)
    }

    fn matrix(&self, group: Option<usize>) -> Result<Vec<Value>, String> {
        let mut diagnostics = Diagnostics::new();
        let (planned, _) = self.plan(&PlanArgs::default());
        let line = matrix::matrix(&planned, group, &mut diagnostics);
        let told: Vec<&str> = diagnostics.iter().map(|d| d.summary.as_str()).collect();
        let line = line.ok_or(told.join("\n"))?;
        assert_eq!(line.find('\n'), Some(line.len() - 1), "one line");
        assert!(line.encode_utf16().count() * 2 < 1_000_000);
        let matrix: Value = serde_json::from_str(&line).unwrap();
        let entries = matrix["include"].as_array().unwrap().clone();
        let ids: BTreeSet<&str> = entries.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), entries.len(), "{ids:?}");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        assert!(ids.iter().all(|id| id.chars().all(plain)), "{ids:?}");
        assert!(entries.len() <= 256);
        for entry in &entries {
            assert!(entry.to_string().encode_utf16().count() < 2_000);
            // As a job gets it, by `toJSON(matrix)`: an environment variable of Windows has 32,767 units.
            assert!(serde_json::to_string_pretty(entry).unwrap().encode_utf16().count() < 4_000);
        }
        Ok(entries)
    }

    /// What an entry's `only` selects, as the command line reads it.
    fn selected(&self, entry: &Value) -> Vec<String> {
        let only = entry["only"].as_str().unwrap();
        let only: Vec<String> = only.split(',').map(|glob| glob.trim().to_owned()).collect();
        let (planned, front) = self.plan(&PlanArgs { only, ..PlanArgs::default() });
        assert_eq!(front.diagnostics.iter().count(), 0);
        planned[0].plan.builds.iter().map(|build| build.title.name.clone()).collect()
    }
}

#[test]
fn an_entry_selects_its_build_and_no_other() {
    let names = [
        "web", "WEB", "a*", "ab", "a?", "a[b]", "a{b,c}", "a\\b", "!a", "é", "x,y", "^x", "a-b", "a b", " pad ", "[",
        "]", "}", "a/b",
    ];
    let repository = Repository::new(&names);
    let entries = repository.matrix(None).unwrap();
    assert_eq!(entries.len(), names.len());
    for (entry, name) in entries.iter().zip(names) {
        let full = format!("{name}.null.s");
        assert_eq!(entry["build"].as_str(), Some(full.as_str()));
        assert_eq!(repository.selected(entry), [full], "{entry}");
        assert_eq!((entry["builder"].as_str(), entry["runs-on"].as_str()), (Some("null"), Some("ubuntu-latest")));
        assert!(entry.get("image").is_none());
    }
    assert_eq!(entries[0]["id"], "web.null.s");
    let second = Repository::new(&names[1..]).matrix(None).unwrap();
    let ids = |entries: &[Value]| entries.iter().map(|entry| entry["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&entries[1..]), ids(&second), "ids do not depend on what else is planned");
}

#[test]
fn what_no_pattern_tells_apart_is_an_error() {
    let told = Repository::new(&["a,b", "a;b"]).matrix(None).unwrap_err();
    assert_eq!(told, "no pattern selects just the build \"a,b.null.s\"");
    let told = Repository::new(&[&"x".repeat(2_000)]).matrix(None).unwrap_err();
    assert!(told.len() < 200 && told.ends_with("is too long for an entry of a matrix"), "{told}");
}

#[test]
fn too_many_builds_share_entries() {
    let names: Vec<String> = (0..600).map(|n| format!("b{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let repository = Repository::new(&names);
    let entries = repository.matrix(None).unwrap();
    assert_eq!((entries.len(), entries[0]["id"].as_str()), (200, Some("null.group-1")));
    assert_eq!(entries[0]["build"], "b0.null.s and 2 more");
    assert_eq!(repository.selected(&entries[199]), ["b597.null.s", "b598.null.s", "b599.null.s"]);
    let entries = repository.matrix(Some(500)).unwrap();
    let all: Vec<&str> = entries.iter().flat_map(|entry| entry["only"].as_str().unwrap().split(',')).collect();
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (600, 600), "none is lost");
    assert!(entries.len() < 10, "{}", entries.len());
    let few = Repository::new(&["a", "b", "c"]).matrix(Some(2)).unwrap();
    assert_eq!((&few[0]["only"], &few[1]["id"]), (&"a.null.s,b.null.s".into(), &"c.null.s".into()));
}

#[test]
fn what_does_not_fit_is_an_error() {
    let names: Vec<String> = (0..300).map(|n| format!("{n}{}", "x".repeat(700))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let told = Repository::new(&names).matrix(None).unwrap_err();
    assert_eq!(told, "300 builds do not fit in a matrix");
}

#[test]
fn builds_of_one_name_are_one_entry() {
    let entries = Repository::new(&["same", "same"]).matrix(None).unwrap();
    assert_eq!(entries.len(), 1);
}

#[test]
fn nothing_is_an_empty_matrix() {
    assert_eq!(matrix::matrix(&[], None, &mut Diagnostics::new()).unwrap(), "{\"include\":[]}\n");
    assert_eq!(table(&[]), "Nothing would be built.\n");
}

#[test]
fn the_command_line_wins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("forge.yml");
    let text = "images: {a: {template: t, vars: {x: 1}, var-files: [f.hcl], only: [o], except: [e]}}";
    std::fs::write(&path, text).unwrap();
    let mut front = Front::empty();
    let config = config::read(&path, &mut front.sources, &mut front.diagnostics).unwrap();
    let own = arguments(&PlanArgs::default(), config.images.first());
    assert_eq!((own.var, own.only, own.except), (vec!["x=1".to_owned()], vec!["o".to_owned()], vec!["e".to_owned()]));
    let given = PlanArgs {
        which: WhichArgs { var: vec!["x=2".to_owned()], ..WhichArgs::default() },
        only: vec!["p".to_owned()],
        ..PlanArgs::default()
    };
    let won = arguments(&given, config.images.first());
    assert_eq!(
        (won.var, won.only, won.except),
        (vec!["x=1".to_owned(), "x=2".to_owned()], vec!["p".to_owned()], vec!["e".to_owned()])
    );
    assert_eq!((won.template, won.var_file), ("t".into(), vec![PathBuf::from("f.hcl")]));
}
