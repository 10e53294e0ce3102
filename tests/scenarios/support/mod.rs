//! The program under test, a folder of its own for each test, and questions to the real engine.

pub(crate) mod act;
pub(crate) mod commands;
pub(crate) mod events;
pub(crate) mod gate;
pub(crate) mod github;
pub(crate) mod http;
pub(crate) mod lab;
pub(crate) mod leaks;
#[cfg(feature = "aws")]
pub(crate) mod policies;
pub(crate) mod pushed;
pub(crate) mod registry;
pub(crate) mod served;
pub(crate) mod sigstore;
pub(crate) mod socks;
pub(crate) mod sshd;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A setting made by `script/test`. A test that cannot run says why and fails.
pub(crate) fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run script/test, which prepares what tests need"))
}

/// A small image with `/bin/sh` and busybox.
pub(crate) fn busybox() -> String {
    setting("FORGE_TEST_BUSYBOX")
}

/// A folder with a template and the program to run on it. The program sees a scrubbed environment and keeps its
/// journal in the folder.
pub(crate) struct Workspace {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

/// A test that ends early may leave a run's things behind; its journal knows them.
impl Drop for Workspace {
    fn drop(&mut self) {
        if self.journals() > 0 {
            let _ = self.command(&["sweep"]).output();
        }
    }
}

/// What a run printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub stdout: String,
    pub stderr: String,
    pub code: Option<i32>,
    pub took: Duration,
}

impl Workspace {
    /// A folder with `template` as `t.pkr.hcl`; `BUSYBOX` in it becomes the name of the small image.
    pub(crate) fn new(template: &str) -> Self {
        let workspace = Self { folder: tempfile::tempdir().unwrap(), environment: Vec::new() };
        if !template.is_empty() {
            let template = if template.contains("BUSYBOX") {
                template.replace("BUSYBOX", &busybox())
            } else {
                template.to_owned()
            };
            workspace.file("t.pkr.hcl", &template);
        }
        workspace
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder, with the folders it needs.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.path().join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forge"));
        command.args(args).current_dir(self.path()).env_clear().stdin(Stdio::null());
        for kept in ["PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "TMPDIR"] {
            if let Ok(value) = std::env::var(kept) {
                command.env(kept, value);
            }
        }
        command.env("FORGE_STATE_DIR", self.state());
        command.envs(self.environment.iter().map(|(k, v)| (k, v)));
        command
    }

    /// Where the program keeps its journal.
    pub(crate) fn state(&self) -> PathBuf {
        self.path().join(".state")
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let begun = Instant::now();
        let output = self.command(args).output().unwrap();
        Ran::new(output, begun.elapsed())
    }

    /// Builds the folder's template and expects success.
    pub(crate) fn build(&self, args: &[&str]) -> Ran {
        let ran = self.run(&[&["build"], args, &["."]].concat());
        ran.succeeded();
        ran
    }

    /// Builds the folder's template and expects exit code 1.
    pub(crate) fn fail(&self, args: &[&str]) -> Ran {
        let ran = self.run(&[&["build"], args, &["."]].concat());
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        ran
    }

    /// Starts a build in the background.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let args = [&["build"], args, &["."]].concat();
        let log = self.path().join("background.log");
        let file = fs::File::create(&log).unwrap();
        let mut command = self.command(&args);
        command.stdout(file.try_clone().unwrap()).stderr(file);
        Running { child: command.spawn().unwrap(), log }
    }

    /// Journals that still exist: none after a run that released everything.
    pub(crate) fn journals(&self) -> usize {
        fs::read_dir(self.state()).map_or(0, Iterator::count)
    }
}

impl Ran {
    pub(crate) fn new(output: Output, took: Duration) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Self { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code(), took }
    }

    #[track_caller]
    pub(crate) fn succeeded(&self) -> &Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// It said what was wrong; it did not break.
    #[track_caller]
    pub(crate) fn failed(&self) -> &Self {
        assert_eq!(self.code, Some(1), "{}{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn says(&self, part: &str) -> &Self {
        assert!(self.stdout.contains(part), "missing {part:?} in:\n{}\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn says_not(&self, part: &str) -> &Self {
        assert!(
            !self.stdout.contains(part) && !self.stderr.contains(part),
            "found {part:?} in:\n{}\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// The image id of the first line `Image ID: sha256:...`.
    #[track_caller]
    pub(crate) fn image(&self) -> Image {
        let at = self.stdout.find("Image ID: sha256:").unwrap_or_else(|| panic!("no image id in:\n{}", self.stdout));
        let rest = &self.stdout[at + "Image ID: ".len()..];
        Image(rest.split_whitespace().next().unwrap().to_owned())
    }
}

/// A build in the background. Killed when the test ends early.
pub(crate) struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until the output has `part`.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, part: &str) {
        wait(&format!("output {part:?}"), || {
            if let Ok(Some(status)) = self.child.try_wait() {
                assert!(self.log().contains(part), "ended with {status} before {part:?}:\n{}", self.log());
            }
            self.log().contains(part)
        });
    }

    pub(crate) fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end; the exit code is nothing after a deadly signal.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60), "did not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        (self.child.wait().unwrap().code(), self.log())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits up to half a minute for a condition.
#[track_caller]
pub(crate) fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What a program of this machine prints.
#[track_caller]
pub(crate) fn output(program: &str, args: &[&str], within: &Path) -> String {
    let output = Command::new(program).args(args).current_dir(within).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs the docker command-line client and returns what it prints.
#[track_caller]
pub(crate) fn docker(args: &[&str]) -> String {
    let output = Command::new("docker").args(args).output().unwrap();
    assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Containers (running or not) of run `run`, which stands in their names, or of any run when empty.
pub(crate) fn containers_of(run: &str) -> String {
    let short: String = run.chars().filter(|c| *c != '-').take(12).collect();
    docker(&["ps", "-a", "--no-trunc", "--filter", &format!("name=^/forge-{short}"), "--format", "{{.Names}}"])
}

/// An image on the engine, removed at the end of the test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image(pub String);

impl Image {
    /// Runs a command in a container of the image and returns what it prints.
    #[track_caller]
    pub(crate) fn sh(&self, command: &str) -> String {
        docker(&["run", "--rm", "--entrypoint", "/bin/sh", &self.0, "-c", command])
    }

    #[track_caller]
    pub(crate) fn inspect(&self, format: &str) -> String {
        docker(&["image", "inspect", "--format", format, &self.0])
    }

    pub(crate) fn exists(&self) -> bool {
        Command::new("docker").args(["image", "inspect", &self.0]).output().unwrap().status.success()
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rmi", "-f", &self.0]).output();
    }
}
