//! `forge init`: what a template's `required_plugins` mean here. Nothing is installed: components are built in.

use crate::app::{self, Process};
use crate::cli::InitArgs;
use crate::diagnostic::{Diagnostic, Style};
use crate::exit_code::ExitCode;
use crate::front::Front;
use crate::secret::Redactor;
use crate::template::load;

/// Plugins whose components are built in, by source.
const BUILT_IN: &[(&str, &str)] = &[
    #[cfg(feature = "docker")]
    (
        "github.com/hashicorp/docker",
        "builder docker; post-processors docker-tag, docker-push, docker-save, docker-import",
    ),
];

/// Lists the plugins; one that nothing serves is an error at its place.
pub(crate) fn run(args: &InitArgs, process: &Process, redactor: &Redactor) -> ExitCode {
    let mut front = Front::empty();
    let template =
        load(&args.template.template, &mut front.sources, &mut front.diagnostics).map(|(_, template)| template);
    if template.as_ref().is_some_and(|template| template.legacy.is_some()) {
        let diagnostic = Diagnostic::error("a template of the old JSON format cannot name the plugins it needs");
        front
            .diagnostics
            .push(diagnostic.help("nothing has to be installed: build it, or upgrade it with hcl2_upgrade"));
    }
    let mut text = String::new();
    for plugin in template.iter().flat_map(|template| &template.plugins) {
        match BUILT_IN.iter().find(|(source, _)| *source == plugin.source) {
            Some((_, serves)) => text.push_str(&format!("{} {}: built in ({serves})\n", plugin.source, plugin.version)),
            None => {
                let summary = format!("plugin \"{}\" ({}) has no counterpart here yet", plugin.name, plugin.source);
                let diagnostic = Diagnostic::error(summary).at(plugin.span);
                let known: Vec<&str> = BUILT_IN.iter().map(|(source, _)| *source).collect();
                front.diagnostics.push(diagnostic.help(format!("built in are: {}", known.join(", "))));
            }
        }
    }
    app::print(&redactor.redact(&text));
    if front.show(Style::Plain, process, redactor).is_some() {
        return ExitCode::Failed;
    }
    if text.is_empty() {
        app::print("The template requires no plugins.\n");
    }
    ExitCode::Success
}
