//! `forge fix`: a template of the old JSON format with what is out of date replaced, on standard output.

use serde_json::{Map, Value};

use crate::app::{self, Process};
use crate::cli::FixArgs;
use crate::diagnostic::{Diagnostic, Diagnostics, Span, Style};
use crate::exit_code::ExitCode;
use crate::fix::fix;
use crate::front::Front;
use crate::secret::Redactor;
use crate::template::{check_legacy, read_file};

/// Prints the fixed template, members sorted; with `-validate`, only one that can be read.
pub(crate) fn run(args: &FixArgs, process: &Process, redactor: &Redactor) -> ExitCode {
    let mut front = Front::empty();
    let fixed = fixed(args, &mut front);
    if let (true, Some(text)) = (args.validate, &fixed) {
        // Its places are in the fixed text, which nobody has seen: the written one has them for most.
        let mut aside = Diagnostics::new();
        let file = front.sources.add("<fixed template>", text.clone());
        check_legacy(file, &mut front.sources, &mut aside);
        aside.iter().for_each(|diagnostic| front.diagnostics.push(diagnostic.clone()));
    }
    if front.show(Style::Plain, process, redactor).is_some() {
        return ExitCode::Failed;
    }
    // As the peer prints it, with an empty line at the end.
    app::print_json(&(fixed.unwrap_or_default() + "\n\n"));
    ExitCode::Success
}

fn fixed(args: &FixArgs, front: &mut Front) -> Option<String> {
    let file = read_file(&args.template, &mut front.sources, &mut front.diagnostics)?;
    let text = front.sources.text(file);
    let mut template: Map<String, Value> = match serde_json::from_str(text) {
        Ok(template) => template,
        Err(error) => {
            let start: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
            let at = (start + error.column().saturating_sub(1)).min(text.len());
            let diagnostic =
                Diagnostic::error("this is no template of the old JSON format").at(Span::new(file, at..at));
            front.diagnostics.push(diagnostic.detail(error.to_string()));
            return None;
        }
    };
    fix(&mut template);
    serde_json::to_string_pretty(&sorted(Value::Object(template))).ok()
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> = members.into_iter().map(|(name, v)| (name, sorted(v))).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}
