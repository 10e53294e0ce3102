//! The flow: load, resolve, plan, run, report. Diagnostics and errors meet here and become an exit code.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;

use crate::cli::{self, AwsArgs, BuildArgs, Cli, Command, ValidateArgs};
use crate::client::Services;
use crate::diagnostic::Style;
use crate::engine::{self, OnError, Settings, Skip, Tally, Workshop};
use crate::exit_code::ExitCode;
use crate::front::{Asked, Front};
use crate::plan::PlannedBuild;
use crate::report::{self, Record, Reporter, RunView};
use crate::run::RunInfo;
use crate::run::cancel::Cancel;
use crate::run::event;
use crate::run::id;
use crate::run::journal::Journal;
use crate::run::preview::Preview;
use crate::secret::Redactor;
pub(crate) use crate::stdio::{print, print_aside, print_commands, print_json};
use crate::{
    action, action_command, console_command, fix_command, fmt_command, init_command, inspect_command, plan_command,
    publish_command, report_command, signals, sweep_command, upgrade_command,
};

/// Reporters have so long to finish once a second signal has ended all waiting.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long a preview is kept that was tried by hand.
const KEPT: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// What the process was started with: read once, passed down.
pub(crate) struct Process {
    pub environment: Vec<(String, String)>,
    pub cwd: PathBuf,
    pub started: SystemTime,
}

impl Process {
    pub(crate) fn current() -> std::io::Result<Self> {
        let environment = std::env::vars_os();
        let environment = environment.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Ok(Self { environment: environment.collect(), cwd: std::env::current_dir()?, started: SystemTime::now() })
    }

    pub(crate) fn var(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Whether GitHub's runner reads what we print.
    pub(crate) fn on_actions(&self) -> bool {
        self.var("GITHUB_ACTIONS") == Some("true")
    }

    /// The working directory seen from the checkout: annotations name files from there.
    pub(crate) fn below_workspace(&self) -> PathBuf {
        let below = self.var("GITHUB_WORKSPACE").and_then(|root| self.cwd.strip_prefix(root).ok());
        below.map(Path::to_owned).unwrap_or_default()
    }

    /// Where journals live: `FORGE_STATE_DIR`, else the user's state folder.
    pub(crate) fn state_folder(&self) -> PathBuf {
        if let Some(folder) = self.var("FORGE_STATE_DIR") {
            return folder.into();
        }
        let home = || Some(Path::new(self.var("HOME").or_else(|| self.var("USERPROFILE"))?).join(".local/state"));
        let base = self.var("XDG_STATE_HOME").map(PathBuf::from).or_else(home);
        base.unwrap_or_else(std::env::temp_dir).join("forge")
    }
}

/// Runs one command of the parsed command line.
pub(crate) async fn run(cli: Cli, process: &Process, redactor: &Redactor) -> ExitCode {
    match cli.command {
        Command::Build(args) => build(&args, process, redactor).await,
        Command::Validate(args) => validate(&args, process, redactor).await,
        Command::Plan(args) => plan_command::run(&args, process, redactor).await,
        Command::Init(args) => init_command::run(&args, process, redactor),
        Command::Inspect(args) => inspect_command::run(&args, process, redactor).await,
        Command::Console(args) => console_command::run(&args, process, redactor).await,
        Command::Fmt(args) => fmt_command::run(&args, process, redactor),
        Command::Fix(args) => fix_command::run(&args, process, redactor),
        Command::Hcl2Upgrade(args) => upgrade_command::run(&args, process, redactor),
        Command::Sweep(args) => sweep_command::run(&args, process, redactor).await,
        Command::Publish(args) => publish_command::run(&args, process, redactor).await,
        Command::Report(args) => report_command::run(&args, process),
        Command::Action => action_command::run(process, redactor).await,
        Command::Version => {
            print(&format!("forge {}\n", cli::version()));
            ExitCode::Success
        }
    }
}

pub(crate) fn style(process: &Process, wanted: bool) -> Style {
    let off = process.var("NO_COLOR").is_some() || process.var("PACKER_NO_COLOR").is_some();
    if wanted && !off && std::io::stdout().is_terminal() { Style::Colour } else { Style::Plain }
}

async fn validate(args: &ValidateArgs, process: &Process, redactor: &Redactor) -> ExitCode {
    let asked = Asked {
        warn_undeclared: !args.no_warn_undeclared_var,
        syntax_only: args.syntax_only,
        read_data: args.evaluate_datasources,
        ask_services: true,
        inputs: false,
    };
    let front = Front::new(&args.template, asked, process, redactor).await;
    if args.json {
        print_json(&(front.json(redactor) + "\n"));
        return if front.diagnostics.has_errors() { ExitCode::Failed } else { ExitCode::Success };
    }
    if front.refuse(style(process, true), process, redactor).is_some() {
        return ExitCode::Failed;
    }
    print(match args.syntax_only {
        true => "Syntax-only check passed. Everything looks okay.\n",
        false => "The configuration is valid.\n",
    });
    ExitCode::Success
}

async fn build(args: &BuildArgs, process: &Process, redactor: &Redactor) -> ExitCode {
    let asked = Asked {
        warn_undeclared: args.warn_on_undeclared_var,
        syntax_only: false,
        read_data: true,
        ask_services: true,
        inputs: true,
    };
    if args.sbom.is_some() && args.inventory == Some(false) {
        print("Error: -sbom writes the inventory, which -inventory=false turns off\n");
        return ExitCode::Failed;
    }
    let services = Services::default();
    if let Err(mistake) = take_role(&services, &args.aws, process, redactor) {
        print(&format!("Error: {mistake}\n"));
        return ExitCode::Failed;
    }
    let skip = match skip(args) {
        Ok(skip) => skip,
        Err(mistake) => {
            print(&format!("Error: -baseline {mistake}\n"));
            return ExitCode::Failed;
        }
    };
    let front = Front::of(services, &args.template, asked, process, redactor).await;
    if front.refuse(style(process, args.color && !args.machine_readable), process, redactor).is_some() {
        return ExitCode::Failed;
    }
    let preview = match args.preview.map(|number| preview(number, &front, process)).transpose() {
        Ok(preview) => preview,
        Err(mistake) => {
            print(&format!("Error: {mistake}\n"));
            return ExitCode::Failed;
        }
    };
    let around = Around { preview, ..Around::default() };
    let (tally, view) = execute(front, (args, skip), around, process, redactor, vec![console(args, process)]).await;
    if let Some(folder) = &args.sbom {
        let about = report::About { forge: env!("CARGO_PKG_VERSION").to_owned(), ..report::About::default() };
        if let Err(error) = report::write_sboms(&Record::of(&view, &about), &process.cwd.join(folder)) {
            print(&format!("Error: -sbom: {error}\n"));
            return ExitCode::Failed;
        }
    }
    exit_code(tally)
}

/// A preview that is tried by hand: of the repository that the environment names, at the commit that is checked out.
fn preview(number: u64, front: &Front, process: &Process) -> Result<Preview, String> {
    let repository = process.var("GITHUB_REPOSITORY").ok_or("-preview: GITHUB_REPOSITORY (owner/name) is not set")?;
    let sha = match process.var("GITHUB_SHA") {
        Some(sha) => sha.to_owned(),
        None => action::commit(&process.cwd).map_err(|error| format!("-preview: {error}; or set GITHUB_SHA"))?,
    };
    Ok(Preview {
        repository: repository.to_owned(),
        pull_request: number,
        sha,
        expires: SystemTime::now() + KEPT,
        push: true,
        shared: shared_repositories(&front.plan.builds),
    })
}

/// Repositories of registries in which several of the builds name their images.
pub(crate) fn shared_repositories(builds: &[PlannedBuild]) -> BTreeSet<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    builds.iter().flat_map(PlannedBuild::repositories).for_each(|name| *counts.entry(name).or_default() += 1);
    counts.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name.to_owned()).collect()
}

/// The reporter for stdout.
fn console(args: &BuildArgs, process: &Process) -> Box<dyn Reporter + Send> {
    report::console(&console_options(args, process))
}

/// The same for the action, whose reports mark the lines of the template themselves.
pub(crate) fn console_of_action(args: &BuildArgs, process: &Process) -> Box<dyn Reporter + Send> {
    report::console(&report::ConsoleOptions { marks_lines: false, ..console_options(args, process) })
}

fn console_options(args: &BuildArgs, process: &Process) -> report::ConsoleOptions {
    report::ConsoleOptions {
        marks_lines: true,
        machine_readable: args.machine_readable,
        timestamps: args.timestamp_ui,
        colour: args.color && process.var("NO_COLOR").is_none() && process.var("PACKER_NO_COLOR").is_none(),
        terminal: std::io::stdout().is_terminal() && process.var("TERM") != Some("dumb"),
        actions: process.on_actions(),
    }
}

/// What a run has besides its plan and flags.
#[derive(Default)]
pub(crate) struct Around {
    pub preview: Option<Preview>,
    /// Reports wait for it when the builds are over, however they ended: it takes no time.
    pub last: Option<BoxFuture<'static, ()>>,
}

/// What builds may be skipped by.
pub(crate) fn skip(args: &BuildArgs) -> Result<Option<Arc<Skip>>, String> {
    if !args.skip_unchanged {
        return Ok(None);
    }
    let mut skip = Skip::default();
    if let Some(path) = &args.baseline {
        for record in report_command::read(std::slice::from_ref(path))? {
            skip.earlier.extend(record.earlier());
        }
    }
    Ok(Some(Arc::new(skip)))
}

/// Runs the plan with signals, journal and reporters around it.
pub(crate) async fn execute(
    front: Front,
    (args, skip): (&BuildArgs, Option<Arc<Skip>>),
    around: Around,
    process: &Process,
    redactor: &Redactor,
    reporters: Vec<Box<dyn Reporter + Send>>,
) -> (Tally, RunView) {
    let (events, receiver) = event::channel(redactor.clone());
    let cancel = Cancel::default();
    let cleans_up = OnError::from(args.on_error) == OnError::Cleanup;
    let run = RunInfo {
        id: id::time_ordered(),
        force: args.force,
        cleans_up,
        cwd: process.cwd.clone(),
        preview: around.preview,
    };
    let shop = Workshop {
        settings: Settings {
            parallel: usize::try_from(args.parallel_builds).ok().filter(|n| *n > 0),
            on_error: OnError::from(args.on_error),
            inventory: args.inventory.unwrap_or(args.sbom.is_some()),
            ask: (std::io::stdin().is_terminal() && !args.machine_readable).then(|| Arc::new(ask) as engine::Ask),
            skip,
        },
        services: front.services,
        journal: Journal::new(&process.state_folder(), &run.id),
        run: Arc::new(run),
        events: events.clone(),
        cancel: cancel.clone(),
    };
    let kill = cancel.kill.clone();
    let signals = tokio::spawn(signals::watch(cancel, events.clone()));
    drop(events);
    // Writing may block on a pipe that nobody reads: not on a thread that builds need.
    let runtime = tokio::runtime::Handle::current();
    let reports = tokio::task::spawn_blocking(move || runtime.block_on(report::run(receiver, reporters)));
    let tally = engine::run(front.plan, &shop).await;
    if let Some(last) = around.last {
        last.await;
    }
    signals.abort();
    let _ = signals.await;
    // The reporters end when the last sender is gone.
    drop(shop);
    let view = tokio::select! {
        view = reports => view.unwrap_or_default(),
        () = async { kill.cancelled().await; tokio::time::sleep(LAST_WORDS).await } => RunView::default(),
    };
    (tally, view)
}

/// Makes the role of the command line the one that AWS is asked as.
#[cfg(feature = "aws")]
pub(crate) fn take_role(
    services: &Services,
    args: &AwsArgs,
    process: &Process,
    redactor: &Redactor,
) -> Result<(), String> {
    let region = args.aws_region.clone().or_else(|| process.var("AWS_REGION").map(str::to_owned)).unwrap_or_default();
    let session_name = session_name(process);
    services.aws.name_sessions(session_name.clone());
    let Some(arn) = &args.aws_role else {
        services.aws.default_region(region);
        return Ok(());
    };
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let is_role = matches!(parts[..], ["arn", partition, "iam", "", account, name]
        if partition.starts_with("aws") && account.len() == 12 && name.starts_with("role/"));
    if !is_role {
        return Err(format!("{arn:?} is not the ARN of a role, such as arn:aws:iam::123456789012:role/images"));
    }
    services.aws.take_role(
        crate::client::aws::OidcRole {
            role_arn: arn.clone(),
            region,
            duration: args.aws_session_duration,
            session_name,
        },
        redactor.clone(),
    );
    Ok(())
}

/// How AWS's audit log calls what this job does.
#[cfg(feature = "aws")]
fn session_name(process: &Process) -> String {
    let variable = |name| process.var(name).unwrap_or_default();
    let (run, attempt) = (variable("GITHUB_RUN_ID"), variable("GITHUB_RUN_ATTEMPT"));
    let cell = action::cell(variable("INPUT_ENTRY"), variable("INPUT_CELL"));
    crate::client::aws::Session { run, attempt, job: variable("GITHUB_JOB"), cell: &cell }.name()
}

#[cfg(not(feature = "aws"))]
pub(crate) fn take_role(_: &Services, args: &AwsArgs, _: &Process, _: &Redactor) -> Result<(), String> {
    match args.aws_role {
        Some(_) => Err("this program was built without the feature \"aws\"".to_owned()),
        None => Ok(()),
    }
}

pub(crate) fn exit_code(tally: Tally) -> ExitCode {
    match tally {
        Tally { leftovers: 1.., .. } => ExitCode::Leftovers,
        Tally { failed: 0, cancelled: 0, .. } => ExitCode::Success,
        _ => ExitCode::Failed,
    }
}

/// A line from the terminal; nothing when it cannot be read.
fn ask() -> Option<String> {
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer).ok()?;
    (read > 0).then_some(answer)
}

/// An error with its sources, outermost first.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
