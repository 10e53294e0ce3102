//! `forge console`: expressions typed or piped in, evaluated with a template's variables and locals.

use std::io::{BufRead as _, IsTerminal as _};

use hcl_edit::expr::Expression;

use crate::app::{self, Process};
use crate::cli::ConsoleArgs;
use crate::diagnostic::{Diagnostic, Diagnostics, Span, Style};
use crate::eval::evaluate;
use crate::eval::scope::Scope;
use crate::exit_code::ExitCode;
use crate::front::{Front, empty_scope};
use crate::inspect_command;
use crate::secret::Redactor;

const HELP: &str = "\
Expressions are evaluated with the template's variables and locals: type one and press Enter.

  upper(var.name)   shows the name in upper case
  variables         shows all variables and locals
  help              shows this
  exit              leaves, as Ctrl-D does
";

/// Reads lines until the end. Piped ones are evaluated in turn, and the last result is shown, as in the peer.
pub(crate) async fn run(args: &ConsoleArgs, process: &Process, redactor: &Redactor) -> ExitCode {
    let mut front = Front::empty();
    let scope = match &args.template {
        Some(path) => {
            let template = args.variables(path);
            front.look(&template, process, redactor).await.map(|(_, scope)| scope)
        }
        None => Some(empty_scope(process, redactor)),
    };
    if front.show(Style::Plain, process, redactor).is_some() {
        return ExitCode::Failed;
    }
    let Some(scope) = scope else { return ExitCode::Failed };
    if std::io::stdin().is_terminal() { typed(&scope, process, redactor) } else { piped(&scope, process, redactor) }
}

fn piped(scope: &Scope, process: &Process, redactor: &Redactor) -> ExitCode {
    let mut last = String::new();
    for line in std::io::stdin().lock().lines() {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                app::print(&format!("Error: standard input cannot be read: {error}\n"));
                return ExitCode::Failed;
            }
        };
        match answer(&line, scope, process, redactor) {
            Answer::Text(text) => last = text,
            Answer::Mistake => return ExitCode::Failed,
            Answer::Nothing => {}
            Answer::Exit => break,
        }
    }
    app::print(&format!("{last}\n"));
    ExitCode::Success
}

/// With the history of this session: what is typed may hold secrets, so it is not kept.
fn typed(scope: &Scope, process: &Process, redactor: &Redactor) -> ExitCode {
    let mut editor = match rustyline::DefaultEditor::new() {
        Ok(editor) => editor,
        Err(error) => {
            app::print(&format!("Error: the terminal cannot be used: {error}\n"));
            return ExitCode::Failed;
        }
    };
    while let Ok(line) = editor.readline("> ") {
        let _ = editor.add_history_entry(&line);
        match answer(&line, scope, process, redactor) {
            Answer::Text(text) => app::print(&format!("{text}\n")),
            Answer::Mistake | Answer::Nothing => {}
            Answer::Exit => break,
        }
    }
    ExitCode::Success
}

enum Answer {
    Text(String),
    /// It was shown.
    Mistake,
    Nothing,
    Exit,
}

fn answer(line: &str, scope: &Scope, process: &Process, redactor: &Redactor) -> Answer {
    match line.trim() {
        "" => return Answer::Nothing,
        "exit" => return Answer::Exit,
        "help" => return Answer::Text(HELP.to_owned()),
        "variables" => return Answer::Text(redactor.redact(&inspect_command::values(scope))),
        _ => {}
    }
    let mut front = Front::empty();
    let file = front.sources.add("<console>", line.to_owned());
    let value = match line.parse::<Expression>() {
        Ok(expression) => evaluate(&expression, file, scope, &mut front.diagnostics),
        Err(error) => {
            let at = error.location().offset().min(line.len());
            let diagnostic = Diagnostic::error("this is not an expression").at(Span::new(file, at..line.len()));
            front.diagnostics = Diagnostics::new();
            front.diagnostics.push(diagnostic.detail(error.message().replace('`', "\"")));
            front.show(Style::Plain, process, redactor);
            return Answer::Mistake;
        }
    };
    match front.show(Style::Plain, process, redactor) {
        Some(_) => Answer::Mistake,
        None => Answer::Text(redactor.redact(&value.shown())),
    }
}
