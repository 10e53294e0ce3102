//! act, which runs workflows as GitHub's runner does, in a checkout whose GitHub is the lab; and the example workflows in
//! a form that it can run.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::github::Github;
use super::setting;

/// Runners that the examples name: this machine is all of them.
const LABELS: &[&str] = &["ubuntu-latest", "arc-small", "arc-docker"];

/// A checkout and its GitHub.
pub(crate) struct Act<'a> {
    pub lab: &'a Github,
    pub folder: &'a Path,
}

/// How a workflow's run ended, and its log.
pub(crate) struct Acted {
    pub succeeded: bool,
    pub log: String,
}

impl Act<'_> {
    /// Runs a workflow for an event, as the run of that number. Its artifacts go to the lab, by the run's token.
    pub(crate) fn run(&self, workflow: &str, event: (&str, &Value), (number, token): (u64, &str)) -> Acted {
        let mut command = self.command(workflow, event, number);
        command.args(["--env", &format!("ACTIONS_RESULTS_URL={}", self.lab.at("results"))]);
        ended(command.args(["--env", &format!("ACTIONS_RUNTIME_TOKEN={token}")]))
    }

    /// The same with act's own artifact server, which keeps them as `number/name/name.zip` in the folder `artifacts`.
    pub(crate) fn run_with_its_artifacts(
        &self,
        workflow: &str,
        event: (&str, &Value),
        number: u64,
        artifacts: &Path,
    ) -> Acted {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = self.command(workflow, event, number);
        command.args(["--artifact-server-path", artifacts.to_str().unwrap()]);
        ended(command.args(["--artifact-server-addr", "127.0.0.1", "--artifact-server-port", &port.to_string()]))
    }

    fn command(&self, workflow: &str, (name, event): (&str, &Value), number: u64) -> Command {
        let file = self.folder.join(".git/event.json");
        std::fs::write(&file, event.to_string()).unwrap();
        let mut command = Command::new(setting("FORGE_TEST_ACT"));
        command
            .args([name, "-W", &format!(".github/workflows/{workflow}")])
            .args(LABELS.iter().flat_map(|label| ["-P".to_owned(), format!("{label}=-self-hosted")]))
            // Of a failed job, too, nothing stays on this machine.
            .args(["--no-cache-server", "--pull=false", "--rm", "-e", file.to_str().unwrap()])
            .args(["--var", &format!("FORGE_BINARY={}", env!("CARGO_BIN_EXE_forge"))])
            .args(["-s", &format!("GITHUB_TOKEN={}", self.lab.at("token"))])
            .args(["--env", &format!("GITHUB_API_URL={}", self.lab.at("endpoint"))])
            .args(["--env", &format!("GITHUB_RUN_ID={number}")])
            .current_dir(self.folder)
            .stdin(Stdio::null());
        command
    }
}

fn ended(command: &mut Command) -> Acted {
    let output = command.output().unwrap();
    let log = [output.stdout, output.stderr].concat();
    Acted { succeeded: output.status.success(), log: String::from_utf8_lossy(&log).into_owned() }
}

/// An example workflow, with this checkout as the action and the lab's token.
pub(crate) fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/workflows").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    // The lab's registry has no logins.
    let (before, login) = text.split_once("      - name: Log in to the registry\n").unwrap_or((&text, ""));
    let rest = login.find("      - uses: org/").map_or(login, |at| &login[at..]);
    let text = format!("{before}{rest}");
    let mut steps = text.split_inclusive("      - uses: ");
    let mut adapted = steps.next().unwrap().to_owned();
    steps.for_each(|step| adapted += &own(step));
    adapted
}

/// The text from the name of a step's action to the next one; the action is this checkout where it is ours.
fn own(step: &str) -> String {
    const GIVEN: &str =
        "          binary-path: ${{ vars.FORGE_BINARY }}\n          github-token: ${{ secrets.GITHUB_TOKEN }}\n";
    let Some((_, options)) = step.strip_prefix("org/forge-action").and_then(|step| step.split_once('\n')) else {
        return step.to_owned();
    };
    match options.split_once("        with:\n") {
        Some((before, with)) => format!("./\n{before}        with:\n{GIVEN}{with}"),
        None => {
            let id = options.starts_with("        id: ").then(|| options.split_inclusive('\n').next()).flatten();
            let (id, rest) = options.split_at(id.map_or(0, str::len));
            format!("./\n{id}        with:\n{GIVEN}{rest}")
        }
    }
}
