//! `forge console`: expressions typed or piped in, evaluated with a template's variables and locals.

use std::io::{BufRead as _, IsTerminal as _};

use hcl_edit::expr::Expression;

use crate::app::{self, Process};
use crate::cli::ConsoleArgs;
use crate::diagnostic::{Diagnostic, Span, Style};
use crate::eval::evaluate;
use crate::eval::interpolate::{Interpolation, data};
use crate::eval::scope::Scope;
use crate::exit_code::ExitCode;
use crate::front::{Front, Looked, empty_scope};
use crate::inspect_command;
use crate::lexer::{Kind, tokens};
use crate::secret::Redactor;
use crate::template::PEER_VERSION;

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
    let language = match &args.template {
        Some(path) => {
            let template = args.variables(path);
            let looked = front.look(&template, process, redactor).await;
            looked.map(|looked| Language::of(looked, process))
        }
        None => Some(Language::Native(empty_scope(process, redactor))),
    };
    if front.show(Style::Plain, process, redactor).is_some() {
        return ExitCode::Failed;
    }
    let Some(language) = language else { return ExitCode::Failed };
    match std::io::stdin().is_terminal() {
        true => typed(&language, process, redactor),
        false => piped(&language, process, redactor),
    }
}

/// What is typed: expressions, or texts with `{{ }}` where the template is of the old format.
enum Language {
    Native(Scope),
    Legacy(Interpolation),
}

impl Language {
    fn of(looked: Looked, process: &Process) -> Self {
        match looked.legacy {
            None => Self::Native(looked.scope),
            legacy => Self::Legacy(Interpolation {
                build_name: None,
                build_type: None,
                started: process.started,
                cwd: process.cwd.clone(),
                version: PEER_VERSION.to_owned(),
                frozen: false,
                legacy,
            }),
        }
    }

    /// All variables and locals.
    fn values(&self) -> String {
        match self {
            Self::Native(scope) => inspect_command::values(scope),
            Self::Legacy(engine) => {
                let variables = engine.legacy.iter().flat_map(|legacy| &legacy.variables);
                variables.map(|(name, value)| format!("{name}: {value},\n")).collect()
            }
        }
    }

    /// The result of one line; nothing, and a diagnostic, after a mistake.
    fn answer(&self, line: &str, front: &mut Front) -> Option<String> {
        let file = front.sources.add("<console>", line.to_owned());
        match self {
            Self::Native(scope) => match without_comments(line).trim_end().parse::<Expression>() {
                Ok(expression) => Some(evaluate(&expression, file, scope, &mut front.diagnostics).shown()),
                Err(error) => {
                    let at = error.location().offset().min(line.len());
                    let diagnostic = Diagnostic::error("this is not an expression");
                    let diagnostic = diagnostic.at(Span::new(file, at..line.len()));
                    front.diagnostics.push(diagnostic.detail(error.message().replace('`', "\"")));
                    None
                }
            },
            Self::Legacy(engine) => match engine.render(line, &data([])) {
                Ok(text) => Some(text),
                Err(error) => {
                    let at = error.offset.min(line.len());
                    let mut diagnostic = Diagnostic::error("this cannot be rendered").detail(error.message);
                    diagnostic.help = error.help;
                    front.diagnostics.push(diagnostic.at(Span::new(file, at..line.len())));
                    None
                }
            },
        }
    }
}

fn piped(language: &Language, process: &Process, redactor: &Redactor) -> ExitCode {
    let mut last = String::new();
    for line in std::io::stdin().lock().lines() {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                app::print(&format!("Error: standard input cannot be read: {error}\n"));
                return ExitCode::Failed;
            }
        };
        match answer(&line, language, process, redactor) {
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
fn typed(language: &Language, process: &Process, redactor: &Redactor) -> ExitCode {
    let mut editor = match rustyline::DefaultEditor::new() {
        Ok(editor) => editor,
        Err(error) => {
            app::print(&format!("Error: the terminal cannot be used: {error}\n"));
            return ExitCode::Failed;
        }
    };
    while let Ok(line) = editor.readline("> ") {
        let _ = editor.add_history_entry(&line);
        match answer(&line, language, process, redactor) {
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

fn answer(line: &str, language: &Language, process: &Process, redactor: &Redactor) -> Answer {
    match line.trim() {
        "" => return Answer::Nothing,
        "exit" => return Answer::Exit,
        "help" => return Answer::Text(HELP.to_owned()),
        "variables" => return Answer::Text(redactor.redact(&language.values())),
        _ => {}
    }
    let mut front = Front::empty();
    let text = language.answer(line, &mut front);
    match (front.show(Style::Plain, process, redactor), text) {
        (None, Some(text)) => Answer::Text(redactor.redact(&text)),
        _ => Answer::Mistake,
    }
}

/// Comments are blanked: places stay true.
fn without_comments(line: &str) -> String {
    let mut text = line.to_owned();
    for comment in tokens(line).iter().filter(|token| token.kind == Kind::Comment) {
        text.replace_range(comment.at..comment.at + comment.text.len(), &" ".repeat(comment.text.len()));
    }
    text
}
