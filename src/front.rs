//! A template's way from text to plan, shared by every command that reads one, and how its mistakes are shown.

use std::sync::Arc;
use std::time::SystemTime;

use crate::app::{Process, print, print_aside, print_commands};
use crate::cli::TemplateArgs;
use crate::client::Services;
use crate::diagnostic::{self, Diagnostic, Diagnostics, Severity, SourceMap, Style, annotation};
use crate::eval::functions::FunctionContext;
use crate::eval::interpolate::Legacy;
use crate::eval::scope::Scope;
use crate::lookup::Lookup;
use crate::plan::{Context, Plan, Selection, check_selection, plan, references};
use crate::report::record::{Note, Place};
use crate::resolve::{Environment, Wanted, resolve, user_variables};
use crate::run::inputs::{Places, Planned};
use crate::secret::Redactor;
use crate::stdio::print_commands_aside;
use crate::template::variable_files::{Checks, Given};
use crate::template::{Input, Template, load};
use crate::workflow_command::command;

/// What is asked of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Values for variables that are not declared are worth a warning.
    pub warn_undeclared: bool,
    /// Blocks and variables only, no component.
    pub syntax_only: bool,
    /// Data sources are read, not only checked.
    pub read_data: bool,
    /// Functions may ask Vault and the like; what they would have said is unknown otherwise.
    pub ask_services: bool,
    /// What decides each image is listed; data sources that are not read otherwise are read for it.
    pub inputs: bool,
}

/// A template with all its values.
pub(crate) struct Looked {
    pub template: Template,
    pub scope: Scope,
    /// In the old format, what its texts see.
    pub legacy: Option<Arc<Legacy>>,
}

/// What variables are set to, and the facts that expressions can see.
fn environment(args: &TemplateArgs, warn_undeclared: bool, checks: Checks, process: &Process) -> Environment {
    let variables = process.environment.iter();
    let variables = variables.filter_map(|(k, v)| Some((k.strip_prefix("PKR_VAR_")?.to_owned(), v.clone())));
    let given = Given {
        environment: variables.collect(),
        files: args.var_file.clone(),
        arguments: args.var.clone(),
        warn_undeclared,
        checks,
    };
    Environment {
        cwd: process.cwd.clone(),
        started: process.started,
        given,
        secrets: None,
        services: Arc::default(),
        frozen: false,
        outputs: None,
    }
}

/// A scope without a template: functions and paths only.
pub(crate) fn empty_scope(process: &Process, redactor: &Redactor) -> Scope {
    let functions = FunctionContext {
        cwd: process.cwd.clone(),
        started: process.started,
        secrets: Some(lookup(process, redactor)),
        ..FunctionContext::detached()
    };
    Scope::new(Arc::new(functions))
}

/// Asks Vault, Consul and AWS for what the template wants to know.
fn lookup(process: &Process, redactor: &Redactor) -> Arc<Lookup> {
    Arc::new(Lookup::new(&process.environment, redactor))
}

/// A plan made with a frozen clock, for the inputs of its builds.
struct Frozen {
    plan: Plan,
    /// Why it says less than it should.
    unknown: Option<String>,
}

impl Frozen {
    /// Gives the builds their inputs.
    fn add_to(self, planned: &mut Plan) {
        let same = planned.builds.len() == self.plan.builds.len();
        let mut frozen = self.plan.builds.into_iter();
        for build in &mut planned.builds {
            let inputs = frozen.next().and_then(|frozen| frozen.inputs).filter(|_| same);
            let mut inputs = inputs.unwrap_or_else(|| Planned::unknown("which builds there are depends on the time"));
            inputs.unknown = self.unknown.clone().or(inputs.unknown);
            build.inputs = Some(inputs);
        }
    }
}

/// Evaluates and plans once more, so that nothing depends on when it is done: the clock stands still, and texts stand
/// for secrets. Outputs of data sources are those of `environment`: a stand-in would be asked with otherwise.
async fn inputs(
    both: (&Template, &Input),
    environment: &mut Environment,
    selection: &Selection,
    (process, redactor): (&Process, &Redactor),
    sources: &mut SourceMap,
) -> Frozen {
    (environment.frozen, environment.started) = (true, SystemTime::UNIX_EPOCH);
    let mut diagnostics = Diagnostics::new();
    let legacy = user_variables(both.0, environment, &process.environment, redactor, sources, &mut diagnostics);
    if legacy.is_some() {
        environment.given = Given { checks: environment.given.checks, ..Given::default() };
    }
    let scope = resolve(both, &Wanted::nothing(), environment, redactor, sources, &mut diagnostics).await;
    let places = Places::new(&process.cwd);
    let cx = Context {
        sources,
        services: &environment.services,
        cwd: &process.cwd,
        started: environment.started,
        legacy,
        frozen: Some(&places),
    };
    let plan = plan(both.0, &scope, selection, &cx, &mut diagnostics);
    let unknown = first_mistake(&diagnostics)
        .map(|mistake| format!("with a text in place of each secret, and another time, there is a mistake: {mistake}"));
    Frozen { plan, unknown }
}

fn first_mistake(found: &Diagnostics) -> Option<String> {
    let error = found.iter().find(|diagnostic| diagnostic.severity == Severity::Error)?;
    Some([Some(&error.summary), error.detail.as_ref()].into_iter().flatten().cloned().collect::<Vec<_>>().join(": "))
}

/// What was found, as it is printed.
pub(crate) struct Told {
    /// Workflow commands: the runner hides these texts, whoever prints them from here on.
    masks: String,
    text: String,
    /// Workflow commands that mark lines of templates.
    marks: String,
    /// The findings, if there are errors.
    mistakes: Option<String>,
}

impl Told {
    /// Prints it, and returns the findings if there are errors.
    pub(crate) fn print(self) -> Option<String> {
        print_commands(&self.masks);
        print(&self.text);
        print_commands(&self.marks);
        self.mistakes
    }

    /// The same where stdout is for a program.
    pub(crate) fn print_aside(self) -> Option<String> {
        print_commands_aside(&self.masks);
        print_aside(&self.text);
        print_commands_aside(&self.marks);
        self.mistakes
    }
}

/// A template's way from text to plan, with everything found wrong on it.
pub(crate) struct Front {
    pub sources: SourceMap,
    pub diagnostics: Diagnostics,
    pub plan: Plan,
    pub services: Arc<Services>,
    /// On Actions, mistakes are shown at their lines by workflow commands.
    pub marks_lines: bool,
}

impl Front {
    /// Nothing read yet.
    pub(crate) fn empty() -> Self {
        Self {
            sources: SourceMap::new(),
            diagnostics: Diagnostics::new(),
            plan: Plan::default(),
            services: Arc::new(Services::default()),
            marks_lines: true,
        }
    }

    /// Loads, resolves and plans.
    pub(crate) async fn new(args: &TemplateArgs, asked: Asked, process: &Process, redactor: &Redactor) -> Self {
        Self::of(Services::default(), args, asked, process, redactor).await
    }

    /// The same with services that know who asks.
    pub(crate) async fn of(
        services: Services,
        args: &TemplateArgs,
        asked: Asked,
        process: &Process,
        redactor: &Redactor,
    ) -> Self {
        let mut front = Self { services: Arc::new(services), ..Self::empty() };
        let selection = Selection::new(&args.only, &args.except, &mut front.diagnostics);
        front.plan = front.read(args, &selection, asked, process, redactor).await;
        check_selection(&front.plan, &selection, &mut front.diagnostics);
        front
    }

    /// Reads one template more: what is wrong with it joins what was found before. A selection may leave nothing.
    pub(crate) async fn read(
        &mut self,
        args: &TemplateArgs,
        selection: &Selection,
        asked: Asked,
        process: &Process,
        redactor: &Redactor,
    ) -> Plan {
        let Front { sources, diagnostics, services, .. } = self;
        if asked.read_data {
            services.use_codes();
        }
        let Some((input, template)) = load(&args.template, sources, diagnostics) else { return Plan::default() };
        let checks = if asked.syntax_only { Checks::TypesOnly } else { Checks::All };
        let mut environment = environment(args, asked.warn_undeclared, checks, process);
        environment.services = Arc::clone(services);
        if !asked.syntax_only && asked.ask_services {
            environment.secrets = Some(lookup(process, redactor));
        }
        let mut frozen = asked.inputs.then(|| environment.clone());
        let mut legacy = None;
        if !asked.syntax_only {
            legacy = user_variables(&template, &environment, &process.environment, redactor, sources, diagnostics);
        }
        if template.legacy.is_some() {
            environment.given = Given { checks, ..Given::default() };
        }
        let both = (&template, &input);
        let mut wanted = Wanted::nothing();
        if !template.data.is_empty() && !asked.syntax_only {
            // Whatever is wrong is told the second time.
            let mut scratch = (SourceMap::new(), Diagnostics::new());
            let scope = resolve(both, &wanted, &environment, redactor, &mut scratch.0, &mut scratch.1).await;
            wanted = Wanted::reached(&template, &references(&template, &scope, selection), asked.read_data);
        }
        let scope = resolve(both, &wanted, &environment, redactor, sources, diagnostics).await;
        if asked.syntax_only {
            return Plan::default();
        }
        let (cwd, started) = (process.cwd.as_path(), process.started);
        let cx = Context { sources, services, cwd, started, legacy, frozen: None };
        let mut planned = plan(&template, &scope, selection, &cx, diagnostics);
        if let Some(environment) = frozen.as_mut().filter(|_| !diagnostics.has_errors()) {
            let mut found = Diagnostics::new();
            let read = asked.read_data || template.data.is_empty();
            environment.outputs = Some(match read {
                true => scope,
                false => resolve(both, &wanted.reading(), environment, redactor, sources, &mut found).await,
            });
            let mut again = inputs(both, environment, selection, (process, redactor), sources).await;
            again.unknown = first_mistake(&found).or(again.unknown);
            again.add_to(&mut planned);
        }
        planned
    }

    /// Loads a template and finds all its values, as far as they can be found; nothing when there is no template.
    pub(crate) async fn look(&mut self, args: &TemplateArgs, process: &Process, redactor: &Redactor) -> Option<Looked> {
        let Front { sources, diagnostics, .. } = self;
        let (input, template) = load(&args.template, sources, diagnostics)?;
        let mut environment = environment(args, false, Checks::MayLack, process);
        environment.secrets = Some(lookup(process, redactor));
        let legacy = user_variables(&template, &environment, &process.environment, redactor, sources, diagnostics);
        if legacy.is_some() {
            environment.given = Given::default();
        }
        let wanted = Wanted::all(&template);
        let scope = resolve((&template, &input), &wanted, &environment, redactor, sources, diagnostics).await;
        Some(Looked { template, scope, legacy })
    }

    /// Prints what was found, redacted, on Actions also as annotations. The text, if there are errors.
    pub(crate) fn show(&self, style: Style, process: &Process, redactor: &Redactor) -> Option<String> {
        self.found(style, process, redactor).print()
    }

    /// What [`Self::show`] prints.
    fn found(&self, style: Style, process: &Process, redactor: &Redactor) -> Told {
        let mut text = String::new();
        for diagnostic in self.diagnostics.iter() {
            text.push_str(&diagnostic::render(diagnostic, &self.sources, style));
            text.push_str("\n\n");
        }
        let errors = self.diagnostics.error_count();
        let text = redactor.redact(&text);
        let mistakes = (errors > 0).then(|| text.clone());
        let mut told = Told { masks: String::new(), text, marks: String::new(), mistakes };
        if process.on_actions() {
            let masks = redactor.secrets().into_iter().map(|secret| command("add-mask", &[], &secret) + "\n");
            told.masks = masks.collect();
        }
        if process.on_actions() && self.marks_lines {
            let base = process.below_workspace();
            let found = self.diagnostics.iter().map(|d| d.rewritten(|text| redactor.redact(text)));
            told.marks = found.map(|d| annotation(&d, &self.sources, &base) + "\n").collect();
        }
        told
    }

    /// Everything that was found, redacted, for reports; places are seen from the checkout.
    pub(crate) fn notes(&self, process: &Process, redactor: &Redactor) -> Vec<Note> {
        let base = process.below_workspace();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let place = |span| {
            let span = self.sources.written(span);
            let at = self.sources.position(span);
            Place {
                path: diagnostic::from_base(&base, self.sources.path(span.file)),
                line: number(at.line),
                end_line: number(at.end_line),
                column: number(at.column),
                end_column: number(at.end_column),
            }
        };
        let note = |found: &Diagnostic| {
            let found = found.rewritten(|text| redactor.redact(text));
            let said = [found.detail.as_deref(), found.help.as_deref()];
            Note {
                error: found.severity == Severity::Error,
                place: found.span.map(place),
                summary: found.summary.clone(),
                detail: Some(said.into_iter().flatten().collect::<Vec<_>>().join("\n")).filter(|text| !text.is_empty()),
            }
        };
        self.diagnostics.iter().map(note).collect()
    }

    /// Everything that was found, redacted, for programs.
    pub(crate) fn json(&self, redactor: &Redactor) -> String {
        let mut redacted = Diagnostics::new();
        for diagnostic in self.diagnostics.iter() {
            redacted.push(diagnostic.rewritten(|text| redactor.redact(text)));
        }
        diagnostic::json(&redacted, &self.sources)
    }

    /// Like [`Self::show`], for what is about to build or has been asked for a verdict: says how many there are.
    pub(crate) fn refuse(&self, style: Style, process: &Process, redactor: &Redactor) -> Option<String> {
        self.refusal(style, process, redactor).print()
    }

    /// What [`Self::refuse`] prints.
    pub(crate) fn refusal(&self, style: Style, process: &Process, redactor: &Redactor) -> Told {
        let mut told = self.found(style, process, redactor);
        if told.mistakes.is_none() {
            return told;
        }
        let errors = self.diagnostics.error_count();
        let warnings = self.diagnostics.iter().filter(|d| d.severity == Severity::Warning).count();
        let unsupported = self.diagnostics.all_unsupported();
        if !unsupported.is_empty() {
            let components = if unsupported.len() == 1 { "component is" } else { "components are" };
            let count = unsupported.len();
            told.text.push_str(&format!("{count} {components} not supported by forge: {}\n", unsupported.join(", ")));
        }
        told.text.push_str(&format!("{}; nothing was started.\n", counted(errors, warnings)));
        told
    }
}

fn counted(errors: usize, warnings: usize) -> String {
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    match warnings {
        0 => plural(errors, "error"),
        n => format!("{} and {}", plural(errors, "error"), plural(n, "warning")),
    }
}
