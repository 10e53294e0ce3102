//! The action: inputs from the environment, outputs and summary in the runner's files, cancellation to the second.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::cancel::Gate;
use crate::support::{Image, Ran, Workspace, docker, setting, wait};

const TEMPLATE: &str = r#"
source "docker" "web" {
  image   = "BUSYBOX"
  pull    = false
  commit  = true
}
build {
  sources = ["docker.web"]
  provisioner "shell" { inline = ["echo provisioning; sleep 0.1; date > /made"] }
  post-processor "manifest" {}
}
"#;

/// A workspace whose program sees what a runner gives a step.
pub(crate) fn runner(template: &str) -> Workspace {
    let workspace = Workspace::new(template);
    let mut names = Vec::new();
    for name in ["GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY", "GITHUB_ENV"] {
        names.push((name, workspace.file(&format!(".runner/{name}"), "")));
    }
    let folder = workspace.path().to_owned();
    let mut workspace =
        workspace.env("GITHUB_ACTIONS", "true").env("CI", "true").env("RUNNER_OS", "Linux").env("RUNNER_ARCH", "X64");
    for (name, path) in names {
        workspace = workspace.env(name, path.to_str().unwrap());
    }
    let temp = folder.join(".temp");
    fs::create_dir_all(&temp).unwrap();
    workspace.env("GITHUB_WORKSPACE", folder.to_str().unwrap()).env("RUNNER_TEMP", temp.to_str().unwrap())
}

/// Reads a file-command file by the runner's grammar.
fn entries(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        match (line.find("<<"), line.find('=')) {
            (Some(at), equals) if equals.is_none_or(|e| at < e) => {
                let (name, delimiter) = (&line[..at], &line[at + 2..]);
                assert!(!name.is_empty() && !delimiter.is_empty(), "{line:?}");
                let mut value = Vec::new();
                loop {
                    let line = lines.next().expect("the delimiter comes");
                    if line == delimiter {
                        break;
                    }
                    value.push(line);
                }
                found.push((name.to_owned(), value.join("\n")));
            }
            (_, Some(at)) => found.push((line[..at].to_owned(), line[at + 1..].to_owned())),
            _ => assert!(line.is_empty(), "{line:?} is no entry"),
        }
    }
    found
}

pub(crate) fn output(workspace: &Workspace, name: &str) -> String {
    let entries = entries(&workspace.read(".runner/GITHUB_OUTPUT"));
    entries.into_iter().find(|(key, _)| key == name).unwrap_or_else(|| panic!("no output {name}")).1
}

#[test]
fn outputs_summary_and_groups() {
    let workspace = runner(TEMPLATE);
    let ran: Ran = workspace.run(&["action"]);
    ran.succeeded().says("::group::").says("::endgroup::");
    let id = output(&workspace, "image-id");
    assert!(id.starts_with("sha256:"), "{id}");
    let image = Image(id.clone());
    assert!(image.exists());
    assert_eq!(output(&workspace, "result"), "success");
    assert!(output(&workspace, "manifest").ends_with("packer-manifest.json"));
    let images: serde_json::Value = serde_json::from_str(&output(&workspace, "images")).unwrap();
    assert_eq!((images[0]["build"].as_str(), images[0]["id"].as_str()), (Some("docker.web"), Some(id.as_str())));
    let summary = workspace.read(".runner/GITHUB_STEP_SUMMARY");
    for part in ["docker.web", &id[..19], "shell", "manifest"] {
        assert!(summary.contains(part), "{part} is missing in:\n{summary}");
    }
}

#[test]
fn inputs_are_checked() {
    let ran = runner(TEMPLATE).env("INPUT_TEMPLETE", "x").run(&["action"]);
    assert_eq!(ran.code, Some(1));
    ran.says("templete").says("template");
    let ran = runner(TEMPLATE).env("INPUT_FORCE", "yes").run(&["action"]);
    assert_eq!(ran.code, Some(1));
    ran.says("force");
    let ran = runner(TEMPLATE).env("INPUT_COMMAND", "destroy").run(&["action"]);
    assert_eq!(ran.code, Some(1));
    ran.says("destroy");
}

#[test]
fn a_failing_step_is_in_the_summary_with_its_output() {
    let template = TEMPLATE.replace("sleep 0.1", "echo '```'; echo '<b>bad</b> sign'; exit 7");
    let workspace = runner(&template);
    let ran = workspace.run(&["action"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert_eq!(output(&workspace, "result"), "failure");
    let summary = workspace.read(".runner/GITHUB_STEP_SUMMARY");
    for part in ["bad</b> sign", "exit status: 7", "````"] {
        assert!(summary.contains(part), "{part} is missing in:\n{summary}");
    }
}

#[test]
fn validate_and_variables() {
    let workspace = runner(
        "variable \"x\" {}\nsource \"null\" \"n\" { communicator = \"none\" }\nbuild {\n sources = [\"null.n\"]\n provisioner \"shell-local\" { inline = [\"echo x=${var.x}\"] }\n}",
    );
    let workspace = workspace.env("INPUT_COMMAND", "validate");
    assert_eq!(workspace.run(&["action"]).code, Some(1));
    let workspace = workspace.env("INPUT_VARS", "x=one=two\n");
    workspace.run(&["action"]).succeeded().says("valid");
    let workspace = workspace.env("INPUT_COMMAND", "build");
    workspace.run(&["action"]).succeeded().says("x=one=two");
}

#[test]
fn an_output_that_other_jobs_will_not_get_is_warned_of() {
    let text = "variable \"key\" {\n sensitive = true\n default = \"correct-horse\"\n}\nsource \"null\" \"n\" { communicator = \"none\" }\nbuild {\n sources = [\"null.n\"]\n post-processor \"manifest\" { output = \"NAME.json\" }\n}";
    for (name, token) in [("${var.key}", ""), ("deploy-4711-deploy", "deploy-4711-deploy")] {
        let workspace = runner(&text.replace("NAME", name)).env("DEPLOY_TOKEN", token);
        let ran = workspace.run(&["action"]);
        ran.succeeded().says("::warning title=forge::the output \"manifest\" holds a value");
        // Steps of this job are to have it as it is.
        assert!(PathBuf::from(output(&workspace, "manifest")).exists(), "{ran:#?}");
    }
    runner(&text.replace("NAME", "plain")).run(&["action"]).succeeded().says_not("::warning");
}

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Starts `dist/main.js` or `dist/post.js` as the runner does.
pub(crate) fn entry(workspace: &Workspace, script: &str, state: &[(String, String)]) -> Command {
    let template = workspace.command(&[]);
    let mut command = Command::new("node");
    command.arg(project().join("dist").join(script)).current_dir(workspace.path()).env_clear().stdin(Stdio::null());
    for (name, value) in template.get_envs() {
        if let Some(value) = value
            && name != "FORGE_STATE_DIR"
        {
            command.env(name, value);
        }
    }
    command.env("INPUT_BINARY-PATH", env!("CARGO_BIN_EXE_forge"));
    for (name, value) in state {
        command.env(format!("STATE_{name}"), value);
    }
    command
}

pub(crate) fn saved_state(workspace: &Workspace) -> Vec<(String, String)> {
    entries(&workspace.read(".runner/GITHUB_STATE"))
}

/// Names of the containers that carry this test's marker.
pub(crate) fn containers_with(marker: &str) -> String {
    docker(&["ps", "-a", "--filter", &format!("label={marker}"), "--format", "{{.Names}}"])
}

pub(crate) fn cancellable(marker: &str) -> Workspace {
    runner(&format!(
        "source \"docker\" \"web\" {{\n image = \"BUSYBOX\"\n pull = false\n discard = true\n run_command = [\"-d\", \"-i\", \"-t\", \"--label\", \"{marker}\", \"--entrypoint=/bin/sh\", \"--\", \"{{{{.Image}}}}\"]\n}}\nbuild {{\n sources = [\"docker.web\"]\n provisioner \"shell\" {{ inline = [\"echo provisioning\", \"sleep 120\"] }}\n}}"
    ))
}

/// After the first signal; the runner's second one comes at 7.5 s.
const LEAVES_WITHIN: Duration = Duration::from_secs(6);

/// Sends what the runner sends for a cancelled job, until main has left: how long that took, and what was sent.
fn cancel(main: &mut Child) -> (Duration, Vec<&'static str>) {
    let (begun, mut sent) = (Instant::now(), Vec::new());
    while main.try_wait().unwrap().is_none() {
        for (name, milliseconds) in [("INT", 0), ("TERM", 7_500), ("KILL", 10_000)] {
            if !sent.contains(&name) && begun.elapsed() >= Duration::from_millis(milliseconds) {
                let pid = main.id().to_string();
                Command::new("kill").args([&format!("-{name}"), &pid]).stderr(Stdio::null()).status().unwrap();
                sent.push(name);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    (begun.elapsed(), sent)
}

#[test]
fn cancelled_as_the_runner_does_it() {
    let marker = format!("cancel{}", std::process::id());
    let workspace = cancellable(&marker);
    let mut main = entry(&workspace, "main.js", &[]).stdout(Stdio::null()).spawn().unwrap();
    wait("the container", || !containers_with(&marker).is_empty());
    let (took, sent) = cancel(&mut main);
    assert!(took < LEAVES_WITHIN, "main took {took:?}");
    assert_eq!(sent, ["INT"]);
    let post = entry(&workspace, "post.js", &saved_state(&workspace)).output().unwrap();
    assert!(post.status.success(), "{}", String::from_utf8_lossy(&post.stdout));
    assert_eq!(containers_with(&marker), "");
}

#[test]
fn cancelled_while_the_engine_is_slow() {
    let marker = format!("slow{}", std::process::id());
    let engine = Gate::open();
    let workspace = cancellable(&marker).env("DOCKER_HOST", engine.address.as_str());
    let mut main = entry(&workspace, "main.js", &[]).stdout(Stdio::null()).spawn().unwrap();
    wait("the container", || !containers_with(&marker).is_empty());
    engine.closed.store(true, Ordering::Relaxed);
    let (took, sent) = cancel(&mut main);
    assert!(took < LEAVES_WITHIN, "main took {took:?}");
    assert_eq!(sent, ["INT"], "it left by itself, before the runner's second signal");
    assert!(!containers_with(&marker).is_empty(), "the engine did not hear of anything");
    let closed = Arc::clone(&engine.closed);
    let answers = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        closed.store(false, Ordering::Relaxed);
    });
    let post = entry(&workspace, "post.js", &saved_state(&workspace)).output().unwrap();
    answers.join().unwrap();
    let log = String::from_utf8_lossy(&post.stdout);
    assert!(post.status.success() && log.contains("is still running") && log.contains("the build has ended"), "{log}");
    assert!(!log.contains("sending"), "a second signal would have it stop waiting: {log}");
    assert_eq!(containers_with(&marker), "");
}

#[test]
fn killed_at_once_as_act_does_it() {
    let marker = format!("kill{}", std::process::id());
    let workspace = cancellable(&marker);
    let mut main = entry(&workspace, "main.js", &[]).stdout(Stdio::null()).spawn().unwrap();
    wait("the container", || !containers_with(&marker).is_empty());
    main.kill().unwrap();
    main.wait().unwrap();
    let post = entry(&workspace, "post.js", &saved_state(&workspace)).output().unwrap();
    assert!(post.status.success(), "{}", String::from_utf8_lossy(&post.stdout));
    assert_eq!(containers_with(&marker), "");
}

/// Copies the files that git knows, so that act sees a checkout of its own, and adds some.
pub(crate) fn checkout(to: &Path, repository: &str, more: &[(&str, &str)]) {
    let list = Command::new("git").args(["ls-files", "-z"]).current_dir(project()).output().unwrap();
    for name in String::from_utf8(list.stdout).unwrap().split('\0').filter(|n| !n.is_empty()) {
        let target = to.join(name);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(project().join(name), target).unwrap();
    }
    for (name, content) in more {
        let target = to.join(name);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, content).unwrap();
    }
    let remote = format!("https://github.com/{repository}");
    for args in [
        &["init", "-q", "-b", "main"][..],
        &["add", "-A"],
        &["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "x"],
        &["remote", "add", "origin", &remote],
    ] {
        assert!(Command::new("git").args(args).current_dir(to).status().unwrap().success());
    }
}

#[test]
fn act_runs_the_example_workflow() {
    let act = setting("FORGE_TEST_ACT");
    let folder = tempfile::tempdir().unwrap();
    checkout(folder.path(), "org/forge-action", &[]);
    let output = Command::new(act)
        .args([
            "push",
            "-W",
            ".github/workflows/example.yml",
            "-P",
            "ubuntu-latest=-self-hosted",
            "--no-cache-server",
            "--pull=false",
        ])
        .args(["--var", &format!("FORGE_BINARY={}", env!("CARGO_BIN_EXE_forge"))])
        .args(["--var", &format!("FORGE_BASE_IMAGE={}", setting("FORGE_TEST_BASE_IMAGE"))])
        .args(["--var", &format!("FORGE_REPOSITORY={}/forge-test/act", setting("FORGE_TEST_REGISTRY"))])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    let shown = log.find("image sha256:").or_else(|| log.find("image 127.0.0.1:"));
    assert!(shown.is_some(), "no later step printed the image id:\n{log}");
}
