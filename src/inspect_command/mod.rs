//! `forge inspect`: variables, locals and builds of a template, in the peer's layout.

mod legacy;

use std::fmt::Write as _;

use crate::app::{self, Process};
use crate::cli::InspectArgs;
use crate::diagnostic::Style;
use crate::eval::scope::Scope;
use crate::exit_code::ExitCode;
use crate::front::{Front, Looked};
use crate::plan::{Outline, outline};
use crate::report::machine_line;
use crate::secret::Redactor;
use crate::value::quoted;
use legacy::Line;

/// Prints what the template holds. Variables without a value are no mistake here.
pub(crate) async fn run(args: &InspectArgs, process: &Process, redactor: &Redactor) -> ExitCode {
    let mut front = Front::empty();
    let resolved = front.look(&args.template, process, redactor).await;
    let builds = match &resolved {
        Some(looked) => outline(&looked.template, &looked.scope, &mut front.diagnostics),
        None => Vec::new(),
    };
    if front.show(Style::Plain, process, redactor).is_some() {
        return ExitCode::Failed;
    }
    let Some(Looked { template, scope, .. }) = resolved else { return ExitCode::Failed };
    let lines = match &template.legacy {
        Some(legacy) => {
            let provisioners: Vec<String> = builds.into_iter().flat_map(|build| build.provisioners).collect();
            legacy::lines(&template, legacy, &provisioners)
        }
        None => {
            let parts = ["Packer Inspect: HCL2 mode\n".to_owned(), values(&scope), listed(&builds)];
            parts.into_iter().map(Line::Say).collect()
        }
    };
    for line in lines {
        match line {
            Line::Say(text) => {
                let text = redactor.redact(&text);
                let line = if args.machine_readable { machine_line("", "ui", &["say", &text]) } else { text };
                app::print(&format!("{line}\n"));
            }
            Line::Record(kind, fields) if args.machine_readable => {
                let fields: Vec<String> = fields.iter().map(|field| redactor.redact(field)).collect();
                let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
                app::print(&format!("{}\n", machine_line("", kind, &fields)));
            }
            Line::Record(..) => {}
        }
    }
    ExitCode::Success
}

/// Variables and locals with their values.
pub(crate) fn values(scope: &Scope) -> String {
    let mut text = String::new();
    for (title, root) in [("input-variables", "var"), ("local-variables", "local")] {
        let _ = writeln!(text, "> {title}:\n");
        for name in scope.members(root) {
            let value = scope.member(root, &name).flatten().map(|value| value.shown()).unwrap_or_default();
            let _ = writeln!(text, "{root}.{name}: {}", quoted(&value));
        }
        text.push('\n');
    }
    text.truncate(text.len() - 1);
    text
}

fn listed(builds: &[Outline]) -> String {
    let mut text = "> builds:\n".to_owned();
    for (number, build) in builds.iter().enumerate() {
        let name = build.name.clone().unwrap_or_else(|| format!("<unnamed build {number}>"));
        let _ = write!(text, "\n  > {name}:\n\n");
        if let Some(description) = &build.description {
            let _ = write!(text, "  > Description: {description}\n\n");
        }
        text.push_str("    sources:\n\n");
        for source in &build.sources {
            let _ = write!(text, "      {source}\n\n");
        }
        if build.sources.is_empty() {
            text.push_str("      <no source>\n\n");
        }
        text.push_str("    provisioners:\n\n");
        for provisioner in &build.provisioners {
            let _ = writeln!(text, "      {provisioner}");
        }
        if build.provisioners.is_empty() {
            text.push_str("      <no provisioner>\n");
        }
        text.push_str("\n    post-processors:\n");
        for (number, steps) in build.sequences.iter().enumerate() {
            let _ = write!(text, "\n      {number}:\n");
            for step in steps {
                let _ = writeln!(text, "        {step}");
            }
        }
        if build.sequences.is_empty() {
            text.push_str("\n      <no post-processor>\n");
        }
    }
    text
}
