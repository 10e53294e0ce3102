//! Inputs as a workflow gives them.

use super::*;

fn read(given: &[(&str, &str)]) -> Result<Inputs, String> {
    let environment: Vec<_> = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let mut diagnostics = Diagnostics::new();
    let inputs = Inputs::read(&environment, &mut diagnostics);
    let text = |d: &Diagnostic| format!("{} {:?} {:?}", d.summary, d.detail, d.help);
    inputs.ok_or_else(|| diagnostics.iter().map(text).collect::<Vec<_>>().join("\n"))
}

#[test]
fn empty_inputs_have_their_defaults() {
    let inputs = read(&[("INPUT_TEMPLATE", ""), ("INPUT_ON-ERROR", " "), ("PATH", "x")]).unwrap();
    assert_eq!(
        (inputs.command, inputs.template.as_deref().and_then(std::path::Path::to_str), inputs.on_error.as_str()),
        (None, None, "cleanup")
    );
    assert!(inputs.summary && inputs.inventory && !inputs.force && inputs.vars.is_empty() && inputs.only.is_empty());
}

#[test]
fn lists_have_lines_and_commas() {
    let inputs = read(&[
        ("INPUT_VARS", "a=1\n\n  b= x = y \r\n"),
        ("INPUT_ONLY", "docker.*, null.x\nfile.y"),
        ("INPUT_VAR-FILES", "a,b.pkrvars.hcl\n c.json "),
        ("INPUT_FORCE", "True"),
        ("INPUT_PARALLEL-BUILDS", "3"),
    ])
    .unwrap();
    assert_eq!(inputs.vars, ["a=1", "b= x = y "]);
    assert_eq!(inputs.only, ["docker.*", "null.x", "file.y"]);
    assert_eq!(inputs.var_files, [PathBuf::from("a,b.pkrvars.hcl"), PathBuf::from("c.json")]);
    assert!(inputs.force && inputs.parallel_builds == 3);
}

#[test]
fn the_runner_tells_which_job_of_how_many_it_is() {
    for (given, expected) in [("", (None, 1)), ("/", (None, 1)), ("0/1", (None, 1)), ("2/5", (Some(2), 5))] {
        let inputs = read(&[("INPUT_CELL", given)]).unwrap();
        assert_eq!((inputs.cell, inputs.jobs), expected, "{given}");
    }
}

#[test]
fn all_mistakes_are_told() {
    let text = read(&[
        ("INPUT_TEMPLETE", "x"),
        ("INPUT_FORCE", "yes"),
        ("INPUT_COMMAND", "biuld"),
        ("INPUT_ON-ERROR", "ask"),
        ("INPUT_PARALLEL-BUILDS", "-1"),
        ("INPUT_VARS", "hunter2"),
    ])
    .unwrap_err();
    for part in [
        "\"templete\"",
        "did you mean \\\"template",
        "\"force\"",
        "did you mean \\\"build",
        "\"ask\"",
        "\"-1\"",
        "line 1 of",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
}
