//! `forge plan`: what would be built, for people, for programs, and as the matrix of a GitHub job. Nothing is built and
//! no data source is read.

mod explain;
mod inputs;
mod listing;
mod matrix;
mod table;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub(crate) use explain::changes;
pub(crate) use inputs::of as inputs_of;
pub(crate) use table::table;

use crate::app::{self, Process};
use crate::cli::{PlanArgs, TemplateArgs, WhichArgs};
use crate::config::{self, Config, Image};
use crate::diagnostic::{Diagnostic, Diagnostics, Style};
use crate::exit_code::ExitCode;
use crate::front::{Asked, Front};
use crate::plan::{Plan, Selection, check_selection};
use crate::report::record::Record;
use crate::report_command;
use crate::secret::Redactor;

/// Planning has no effect on the world, and asks nobody but for values. What decides the images is asked for only where
/// it is shown.
pub(crate) const ASKED: Asked =
    Asked { warn_undeclared: true, syntax_only: false, read_data: false, ask_services: true, inputs: false };

/// The plan of one template, for an image of the repository's file or for none.
pub(crate) struct PlannedImage {
    pub image: Option<Image>,
    /// From the working directory on.
    pub template: PathBuf,
    pub plan: Plan,
}

/// Prints the plan. What is wrong stands where it is not in the way of a program that reads.
pub(crate) async fn run(args: &PlanArgs, process: &Process, redactor: &Redactor) -> ExitCode {
    let mut front = Front::empty();
    let planned = plan(args, &mut front, process, redactor).await;
    let earlier = match args.baseline.as_ref().map(|path| report_command::read(std::slice::from_ref(path))) {
        None => None,
        Some(Ok(records)) => Some(records.iter().flat_map(Record::earlier).collect()),
        Some(Err(mistake)) => {
            front.diagnostics.push(Diagnostic::error(format!("-baseline {mistake}")));
            None
        }
    };
    let known = match (args.json || args.explain) && !front.diagnostics.has_errors() {
        true => inputs::of(&planned, process, redactor).await,
        false => Vec::new(),
    };
    let output = match front.diagnostics.has_errors() {
        true => String::new(),
        false if args.json => listing::json(&planned, &known, &process.cwd),
        false if args.explain => match &earlier {
            Some(earlier) => explain::compare(&planned, &known, earlier),
            None => explain::list(&planned, &known),
        },
        false if args.matrix => matrix_line(&planned, args.group.map(usize::from), &mut front, redactor),
        false => table(&planned),
    };
    let for_programs = args.json || args.matrix;
    let style = if for_programs { Style::Plain } else { app::style(process, true) };
    let told = front.refusal(style, process, redactor);
    let mistakes = if for_programs { told.print_aside() } else { told.print() };
    if mistakes.is_some() {
        if args.json {
            app::print_json(&(front.json(redactor) + "\n"));
        }
        return ExitCode::Failed;
    }
    let output = redactor.redact(&output);
    if for_programs {
        app::print_json(&output)
    } else {
        app::print(&output)
    }
    ExitCode::Success
}

/// The matrix; nothing when there are errors. `group` is how many builds an entry may have.
pub(crate) fn matrix_line(
    planned: &[PlannedImage],
    group: Option<usize>,
    front: &mut Front,
    redactor: &Redactor,
) -> String {
    let line = matrix::matrix(planned, group, &mut front.diagnostics).unwrap_or_default();
    if redactor.redact(&line) != line {
        // GitHub drops an output with a secret in it, and a masked name would select nothing.
        front.diagnostics.push(Diagnostic::error("the name of a build holds a secret, so it cannot be in a matrix"));
    }
    line
}

/// A template that is meant, for an image of the repository's file or for none.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub image: Option<Image>,
    pub args: TemplateArgs,
}

/// The template or the images that are asked for; what is wrong with the file is in `front`.
pub(crate) fn choose(args: &PlanArgs, front: &mut Front, process: &Process) -> Vec<Chosen> {
    let Some(path) = file(&args.which, &process.cwd) else {
        return vec![Chosen { image: None, args: arguments(args, None) }];
    };
    let Some(config) = config::read(&path, &mut front.sources, &mut front.diagnostics) else { return Vec::new() };
    let images = chosen(config, &args.which.image, &path, front).into_iter();
    images.map(|image| Chosen { args: arguments(args, Some(&image)), image: Some(image) }).collect()
}

impl Chosen {
    /// Reads the template. `own` is said of a selection that is the file's own, which must find something.
    pub(crate) async fn read(
        self,
        asked: Asked,
        own: bool,
        front: &mut Front,
        process: &Process,
        redactor: &Redactor,
    ) -> Option<PlannedImage> {
        let errors = front.diagnostics.error_count();
        if let Some(image) = &self.image {
            image.check_files(&process.cwd, &mut front.diagnostics);
            if front.diagnostics.error_count() > errors {
                return None;
            }
        }
        let selection = Selection::new(&self.args.only, &self.args.except, &mut front.diagnostics);
        let plan = front.read(&self.args, &selection, asked, process, redactor).await;
        if let (Some(image), true) = (&self.image, own && front.diagnostics.error_count() == errors) {
            check(image, &plan, &selection, &mut front.diagnostics);
        }
        let template = match &self.image {
            Some(image) => image.template.clone(),
            None => below(&self.args.template, &process.cwd),
        };
        Some(PlannedImage { image: self.image, template, plan })
    }
}

/// Plans the template or the images that are asked for; mistakes of all of them are in `front`.
async fn plan(args: &PlanArgs, front: &mut Front, process: &Process, redactor: &Redactor) -> Vec<PlannedImage> {
    let own = args.only.is_empty() && args.except.is_empty();
    let mut planned = Vec::new();
    for chosen in choose(args, front, process) {
        let asked = Asked { inputs: args.json || args.explain, ..ASKED };
        planned.extend(chosen.read(asked, own, front, process, redactor).await);
    }
    // A pattern of the command line is meant for all images together.
    let names: Vec<String> = planned.iter().flat_map(|image| image.plan.names.iter().cloned()).collect();
    Selection::new(&args.only, &args.except, &mut front.diagnostics).report_unmatched(&names, &mut front.diagnostics);
    planned
}

/// Reports what the file's own `only` and `except` of an image do not find.
fn check(image: &Image, plan: &Plan, selection: &Selection, diagnostics: &mut Diagnostics) {
    let mut found = Diagnostics::new();
    check_selection(plan, selection, &mut found);
    found.iter().for_each(|diagnostic| diagnostics.push(diagnostic.clone().at(image.span)));
}

/// The file with the images: the one that is named, or the usual one when it is there and no template is named.
pub(crate) fn file(args: &WhichArgs, cwd: &Path) -> Option<PathBuf> {
    let usual = || args.template.is_none() && (!args.image.is_empty() || cwd.join(config::PLACE).exists());
    args.config.clone().or_else(|| usual().then(|| config::PLACE.into()))
}

/// The images with these names, in the order of the file; all of them when none is named.
fn chosen(config: Config, names: &[String], path: &Path, front: &mut Front) -> Vec<Image> {
    for name in names.iter().filter(|name| config.images.iter().all(|image| image.name != **name)) {
        let known: Vec<&str> = config.images.iter().map(|image| image.name.as_str()).collect();
        let diagnostic = Diagnostic::error(format!("-image {name}: {} has no image of this name", path.display()));
        let diagnostic = diagnostic.detail(format!("images of the file: {}", known.join(", ")));
        front.diagnostics.push(diagnostic.suggest(name, known));
    }
    let wanted = |image: &Image| names.is_empty() || names.contains(&image.name);
    config.images.into_iter().filter(wanted).collect()
}

/// What an image's template is read with. The command line wins: its variables come last, its `-only` and `-except`
/// replace those of the file.
fn arguments(args: &PlanArgs, image: Option<&Image>) -> TemplateArgs {
    let mut template = TemplateArgs {
        template: args.which.template.clone().unwrap_or_else(|| ".".into()),
        peer: args.peer.clone(),
        ..TemplateArgs::default()
    };
    if let Some(image) = image {
        template.template.clone_from(&image.template);
        template.var.clone_from(&image.vars);
        template.var_file.clone_from(&image.var_files);
        template.only.clone_from(&image.only);
        template.except.clone_from(&image.except);
    }
    template.var.extend(args.which.var.iter().cloned());
    template.var_file.extend(args.which.var_file.iter().cloned());
    for (own, given) in [(&mut template.only, &args.only), (&mut template.except, &args.except)] {
        if !given.is_empty() {
            own.clone_from(given);
        }
    }
    template
}

/// The path from the working directory on; one that leads elsewhere is as it was typed.
fn below(path: &Path, cwd: &Path) -> PathBuf {
    let path = path.strip_prefix(cwd).unwrap_or(path);
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path.to_owned() }
}
