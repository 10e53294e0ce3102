//! The flow: load, resolve, plan, run, report. Diagnostics and errors meet here and become an exit code.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::action_command;
use crate::cli::{self, BuildArgs, Cli, Command, SweepArgs, TemplateArgs, ValidateArgs};
use crate::client::Services;
use crate::console_command;
use crate::diagnostic::{self, Diagnostics, Severity, SourceMap, Style, annotation};
use crate::engine::{self, OnError, Settings, Tally, Workshop};
use crate::eval::functions::FunctionContext;
use crate::eval::scope::Scope;
use crate::exit_code::ExitCode;
use crate::fmt_command;
use crate::inspect_command;
use crate::plan::{Context, Plan, Selection, plan};
use crate::report::{self, Reporter, RunView};
use crate::resolve::{Environment, resolve};
use crate::run::RunInfo;
use crate::run::cancel::Cancel;
use crate::run::event::{self, EventKind, EventSender};
use crate::run::journal::Journal;
use crate::secret::Redactor;
use crate::template::variable_files::Given;
use crate::template::{Template, load};
use crate::workflow_command::{command, neutral};

/// Reporters have so long to finish once a second signal has ended all waiting.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(2);

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
    fn below_workspace(&self) -> PathBuf {
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
        Command::Validate(args) => validate(&args, process, redactor),
        Command::Inspect(args) => inspect_command::run(&args, process, redactor),
        Command::Console(args) => console_command::run(&args, process, redactor),
        Command::Fmt(args) => fmt_command::run(&args, process, redactor),
        Command::Sweep(args) => sweep(&args, process).await,
        Command::Action => action_command::run(process, redactor).await,
        Command::Version => {
            print(&format!("forge {}\n", cli::version()));
            ExitCode::Success
        }
    }
}

/// Text to stdout, where the peer prints everything; a closed pipe is no reason to fail.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// What is asked of a template's variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    /// Each must have a value; values for names that are not declared may be worth a warning.
    Needed { warn_undeclared: bool },
    /// One without a value is unknown.
    MayLack,
}

/// A scope without a template: functions and paths only.
pub(crate) fn empty_scope(process: &Process) -> Scope {
    let functions =
        FunctionContext { cwd: process.cwd.clone(), started: process.started, ..FunctionContext::detached() };
    Scope::new(Arc::new(functions))
}

/// A template's way from text to plan, with everything found wrong on it.
pub(crate) struct Front {
    pub sources: SourceMap,
    pub diagnostics: Diagnostics,
    pub plan: Plan,
    pub services: Arc<Services>,
}

impl Front {
    /// Nothing read yet.
    pub(crate) fn empty() -> Self {
        Self {
            sources: SourceMap::new(),
            diagnostics: Diagnostics::new(),
            plan: Plan::default(),
            services: Arc::new(Services::default()),
        }
    }

    /// Loads, resolves and plans. With `syntax_only` it stops before components are decoded.
    pub(crate) fn new(
        args: &TemplateArgs,
        warn_undeclared: bool,
        syntax_only: bool,
        process: &Process,
        redactor: &Redactor,
    ) -> Self {
        let mut front = Self::empty();
        let selection = Selection::new(&args.only, &args.except, &mut front.diagnostics);
        let values = Values::Needed { warn_undeclared };
        if let Some((template, scope)) = front.resolve(args, values, process, redactor)
            && !syntax_only
        {
            let (services, cwd) = (&front.services, process.cwd.as_path());
            let cx = Context { sources: &front.sources, services, cwd, started: process.started };
            front.plan = plan(&template, &scope, &selection, &cx, &mut front.diagnostics);
        }
        front
    }

    /// Loads a template and finds the values of its variables and locals; nothing when there is no template.
    pub(crate) fn resolve(
        &mut self,
        args: &TemplateArgs,
        values: Values,
        process: &Process,
        redactor: &Redactor,
    ) -> Option<(Template, Scope)> {
        let Front { sources, diagnostics, .. } = self;
        let (input, template) = load(&args.template, sources, diagnostics)?;
        let variables = process.environment.iter();
        let variables = variables.filter_map(|(k, v)| Some((k.strip_prefix("PKR_VAR_")?.to_owned(), v.clone())));
        let given = Given {
            environment: variables.collect(),
            files: args.var_file.clone(),
            arguments: args.var.clone(),
            warn_undeclared: matches!(values, Values::Needed { warn_undeclared: true }),
            may_lack: matches!(values, Values::MayLack),
        };
        let environment = Environment { cwd: process.cwd.clone(), started: process.started, given };
        let scope = resolve(&template, &input, &environment, redactor, sources, diagnostics);
        Some((template, scope))
    }

    /// Prints what was found, redacted, on Actions also as annotations. The text, if there are errors.
    pub(crate) fn show(&self, style: Style, process: &Process, redactor: &Redactor) -> Option<String> {
        let actions = process.on_actions();
        if actions {
            // The runner hides these whoever prints them, from here on.
            let masks = redactor.secrets().into_iter().map(|secret| command("add-mask", &[], &secret) + "\n");
            print(&masks.collect::<String>());
        }
        let mut text = String::new();
        for diagnostic in self.diagnostics.iter() {
            text.push_str(&diagnostic::render(diagnostic, &self.sources, style));
            text.push_str("\n\n");
        }
        let errors = self.diagnostics.error_count();
        let text = redactor.redact(&text);
        if !actions {
            print(&text);
            return (errors > 0).then_some(text);
        }
        let base = process.below_workspace();
        let annotations = self.diagnostics.iter().map(|d| d.rewritten(|text| redactor.redact(text)));
        let annotations = annotations.map(|d| annotation(&d, &self.sources, &base) + "\n");
        print(&(neutral(&text) + &annotations.collect::<String>()));
        (errors > 0).then_some(text)
    }

    /// Like [`Self::show`], for what is about to build or has been asked for a verdict: says how many there are.
    pub(crate) fn refuse(&self, style: Style, process: &Process, redactor: &Redactor) -> Option<String> {
        let text = self.show(style, process, redactor)?;
        let errors = self.diagnostics.error_count();
        let warnings = self.diagnostics.iter().filter(|d| d.severity == Severity::Warning).count();
        print(&format!("{}; nothing was started.\n", counted(errors, warnings)));
        Some(text)
    }
}

fn counted(errors: usize, warnings: usize) -> String {
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    match warnings {
        0 => plural(errors, "error"),
        n => format!("{} and {}", plural(errors, "error"), plural(n, "warning")),
    }
}

fn style(process: &Process, wanted: bool) -> Style {
    let off = process.var("NO_COLOR").is_some() || process.var("PACKER_NO_COLOR").is_some();
    if wanted && !off && std::io::stdout().is_terminal() { Style::Colour } else { Style::Plain }
}

fn validate(args: &ValidateArgs, process: &Process, redactor: &Redactor) -> ExitCode {
    let front = Front::new(&args.template, !args.no_warn_undeclared_var, args.syntax_only, process, redactor);
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
    let front = Front::new(&args.template, args.warn_on_undeclared_var, false, process, redactor);
    if front.refuse(style(process, args.color && !args.machine_readable), process, redactor).is_some() {
        return ExitCode::Failed;
    }
    let (tally, _) = execute(front, args, process, redactor, vec![console(args, process)]).await;
    exit_code(tally)
}

/// The reporter for stdout.
pub(crate) fn console(args: &BuildArgs, process: &Process) -> Box<dyn Reporter + Send> {
    report::console(&report::ConsoleOptions {
        machine_readable: args.machine_readable,
        timestamps: args.timestamp_ui,
        colour: args.color && process.var("NO_COLOR").is_none() && process.var("PACKER_NO_COLOR").is_none(),
        terminal: std::io::stdout().is_terminal() && process.var("TERM") != Some("dumb"),
        actions: process.on_actions(),
    })
}

/// Runs the plan with signals, journal and reporters around it.
pub(crate) async fn execute(
    front: Front,
    args: &BuildArgs,
    process: &Process,
    redactor: &Redactor,
    reporters: Vec<Box<dyn Reporter + Send>>,
) -> (Tally, RunView) {
    let (events, receiver) = event::channel(redactor.clone());
    let cancel = Cancel::default();
    let run = RunInfo { id: uuid::Uuid::new_v4().to_string(), force: args.force, cwd: process.cwd.clone() };
    let shop = Workshop {
        settings: Settings {
            parallel: usize::try_from(args.parallel_builds).ok().filter(|n| *n > 0),
            on_error: OnError::from(args.on_error),
            ask: (std::io::stdin().is_terminal() && !args.machine_readable).then(|| Arc::new(ask) as engine::Ask),
        },
        services: front.services,
        journal: Journal::new(&process.state_folder(), &run.id),
        run: Arc::new(run),
        events: events.clone(),
        cancel: cancel.clone(),
    };
    let kill = cancel.kill.clone();
    let signals = tokio::spawn(signals(cancel, events.clone()));
    drop(events);
    // Writing may block on a pipe that nobody reads: not on a thread that builds need.
    let runtime = tokio::runtime::Handle::current();
    let reports = tokio::task::spawn_blocking(move || runtime.block_on(report::run(receiver, reporters)));
    let tally = engine::run(front.plan, &shop).await;
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

pub(crate) fn exit_code(tally: Tally) -> ExitCode {
    match tally {
        Tally { leftovers: 1.., .. } => ExitCode::Leftovers,
        Tally { failed: 0, cancelled: 0, .. } => ExitCode::Success,
        _ => ExitCode::Failed,
    }
}

/// First signal: stop and clean up. Second: stop waiting.
async fn signals(cancel: Cancel, events: EventSender) {
    let Ok(mut signals) = Signals::new() else { return };
    let signal = signals.next().await;
    events.send(EventKind::CancelRequested { signal: signal.to_owned() });
    cancel.stop.cancel();
    signals.next().await;
    events.send(EventKind::KillRequested);
    cancel.kill.cancel();
    std::future::pending::<()>().await;
}

/// The signals that end a run, by the peer's words.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "interrupt",
            _ = self.terminate.recv() => "terminated",
            _ = self.hangup.recv() => "hangup",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        let _ = tokio::signal::ctrl_c().await;
        "interrupt"
    }
}

/// A line from the terminal; nothing when it cannot be read.
fn ask() -> Option<String> {
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer).ok()?;
    (read > 0).then_some(answer)
}

async fn sweep(args: &SweepArgs, process: &Process) -> ExitCode {
    let folder = args.state.clone().unwrap_or_else(|| process.state_folder());
    let swept = match engine::sweep::sweep(&folder, &Services::default()).await {
        Ok(swept) => swept,
        Err(error) => {
            print(&format!("Error: {}\n", with_causes(&error)));
            return ExitCode::Failed;
        }
    };
    let mut failed = false;
    for line in &swept {
        failed |= matches!(line, engine::sweep::Swept::Failed(_));
        print(&match line {
            engine::sweep::Swept::Alive(journal) => {
                format!("running   {journal}: its run is still going, left alone\n")
            }
            engine::sweep::Swept::Removed(resource) => format!("removed   {resource}\n"),
            engine::sweep::Swept::Absent(resource) => format!("gone      {resource}\n"),
            engine::sweep::Swept::Failed(error) => format!("FAILED    {error}\n"),
        });
    }
    if swept.is_empty() {
        print(&format!("Nothing to sweep: no run left anything open in {}.\n", folder.display()));
    }
    if failed { ExitCode::Leftovers } else { ExitCode::Success }
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
