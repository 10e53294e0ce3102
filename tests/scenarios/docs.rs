//! The README holds: its commands run, its tables say what the program and action.yml say.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Image, Workspace, setting};

fn project(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Texts of the README's code blocks in a language.
fn blocks(language: &str) -> Vec<String> {
    let readme = project("README.md");
    let fence = format!("```{language}\n");
    readme.split(&fence).skip(1).map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

/// Names in backticks in the first column of the table whose heading begins with `heading`.
fn first_column(heading: &str) -> BTreeSet<String> {
    let readme = project("README.md");
    let rows = readme.split(heading).nth(1).unwrap().lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| quoted(row.split('|').nth(1).unwrap())).collect()
}

fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn names(mapping: &serde_yaml::Value) -> BTreeSet<String> {
    mapping.as_mapping().unwrap().keys().map(|key| key.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_inputs_are_those_of_the_action() {
    let action: serde_yaml::Value = serde_yaml::from_str(&project("action.yml")).unwrap();
    let (inputs, outputs) = (names(&action["inputs"]), names(&action["outputs"]));
    assert_eq!(first_column("| input | meaning"), inputs);
    let readme = project("README.md");
    let listed = readme.split("\nOutputs: ").nth(1).unwrap().split("\n\n").next().unwrap();
    assert!(outputs.is_subset(&quoted(listed)), "{listed}");
    let workflow: serde_yaml::Value = serde_yaml::from_str(&blocks("yaml")[0]).unwrap();
    let steps = workflow["jobs"]["image"]["steps"].as_sequence().unwrap();
    let ours = steps.iter().find(|step| step["uses"].as_str().is_some_and(|uses| uses.contains("forge-action")));
    let given = names(&ours.unwrap()["with"]);
    assert!(!given.is_empty() && given.is_subset(&inputs), "{given:?}");
    let used: BTreeSet<String> = blocks("yaml")[0]
        .split("steps.forge.outputs.")
        .skip(1)
        .map(|rest| rest.split(' ').next().unwrap().to_owned())
        .collect();
    assert!(!used.is_empty() && used.is_subset(&outputs), "{used:?}");
}

#[test]
fn the_components_are_those_of_the_program() {
    let readme = project("README.md");
    for (kind, template) in [
        ("builders", "source \"zzzzzzzz\" \"s\" {}\nbuild { sources = [\"zzzzzzzz.s\"] }"),
        (
            "provisioners",
            "source \"null\" \"s\" { communicator = \"none\" }\nbuild {\n sources = [\"null.s\"]\n provisioner \"zzzzzzzz\" {}\n}",
        ),
        (
            "post-processors",
            "source \"null\" \"s\" { communicator = \"none\" }\nbuild {\n sources = [\"null.s\"]\n post-processor \"zzzzzzzz\" {}\n}",
        ),
    ] {
        let row = readme.lines().find(|line| line.starts_with(&format!("| {kind} |"))).unwrap();
        let ran = Workspace::new(template).fail(&[]);
        let list = ran.stdout.split("there are: ").nth(1).unwrap().lines().next().unwrap();
        let known: BTreeSet<String> = list.split(", ").map(str::to_owned).collect();
        assert_eq!(quoted(row), known, "{kind}");
    }
}

#[test]
fn the_commands_run() {
    let forge = Path::new(env!("CARGO_BIN_EXE_forge")).parent().unwrap();
    let repository = format!("{}/forge-test/readme", setting("FORGE_TEST_REGISTRY"));
    let workspace = Workspace::new("")
        .env("PATH", format!("{}:{}", forge.display(), std::env::var("PATH").unwrap()))
        .env("PKR_VAR_base_image", setting("FORGE_TEST_BASE_IMAGE"))
        .env("PKR_VAR_repository", repository.as_str());
    let template = "variable \"tag\" { default = \"0\" }\nsource \"null\" \"other\" { communicator = \"none\" }\nsource \"docker\" \"web\" {\n  image   = \"BUSYBOX\"\n  pull    = false\n  discard = true\n}\nbuild {\n  sources = [\"docker.web\", \"null.other\"]\n  provisioner \"shell\" {\n    except = [\"null.other\"]\n    inline = [\"echo tag ${var.tag}\"]\n  }\n}\n";
    workspace.file("images/web/web.pkr.hcl", template.replace("BUSYBOX", &setting("FORGE_TEST_BUSYBOX")));
    let old = r#"{"builders": [{"type": "null", "communicator": "none"}], "provisioners": [{"type": "shell-local", "inline": "echo {{build_name}}"}]}"#;
    workspace.file("old.json", old);
    let example = workspace.path().join("examples/nginx");
    fs::create_dir_all(&example).unwrap();
    let copied = Command::new("cp")
        .arg("-r")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/nginx/."))
        .arg(&example)
        .status();
    assert!(copied.unwrap().success());
    let mut ran = Vec::new();
    for line in blocks("sh").iter().flat_map(|block| block.lines()).filter(|line| line.starts_with("forge ")) {
        let mut command = workspace.command(&[]);
        let variables: Vec<_> = command.get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
        command = Command::new("bash");
        command.args(["-ec", line]).current_dir(workspace.path()).env_clear();
        command.envs(variables.into_iter().filter_map(|(key, value)| Some((key, value?))));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stdout));
        ran.push((line.to_owned(), String::from_utf8_lossy(&output.stdout).into_owned()));
    }
    drop(Image(format!("{repository}:1.0.0")));
    assert!(ran.len() >= 4, "{ran:?}");
    let tagged = ran.iter().find(|(line, _)| line.contains("tag=")).unwrap();
    assert!(tagged.1.contains("==> docker.web: tag 1.2.3") && !tagged.1.contains("null.other"), "{}", tagged.1);
}
