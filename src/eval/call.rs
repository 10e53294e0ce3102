//! Function calls: arguments, list expansion, and the forms that are no ordinary functions: `try`, `can`, `convert`,
//! `templatefile`, `env`.

use std::path::PathBuf;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, FuncCall};
use hcl_edit::template::Template;

use super::expression::{Evaluated, Evaluator, Reported};
use super::scope::{Reach, Scope};
use super::types::type_expression;
use super::{evaluate, functions};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::value::{Kind, Type, Value, convert};

const FORMS: [&str; 5] = ["try", "can", "convert", "templatefile", "env"];

/// Largest template file, in bytes.
const LARGEST: u64 = 16 << 20;

impl Evaluator<'_> {
    pub(super) fn call(&mut self, call: &FuncCall) -> Evaluated {
        let name = call.name.name.as_str();
        let name_span = Span::of(self.file, call.name.name.span());
        if call.name.is_namespaced() {
            return self.fail(Diagnostic::error("functions have no namespaces here").at(name_span));
        }
        match (self.scope.reach(), name) {
            (Reach::Literals, _) => {
                let diagnostic = Diagnostic::error("functions are not allowed here").at(name_span);
                return self.fail(diagnostic.detail("a literal value is expected"));
            }
            (Reach::Defaults, "env") => return self.env(call, name_span),
            (Reach::Defaults, _) => {
                let diagnostic = Diagnostic::error(format!("function \"{name}\" is not allowed here")).at(name_span);
                return self.fail(
                    diagnostic
                        .detail("the default of a variable is a literal or env(\"NAME\")")
                        .help("compute it in locals { ... } instead"),
                );
            }
            (Reach::Everything, "env") => {
                let diagnostic = Diagnostic::error("function \"env\" is not allowed here").at(name_span);
                return self.fail(
                    diagnostic
                        .detail("it works in the default of a variable only")
                        .help("declare variable \"x\" { default = env(\"NAME\") } and use var.x"),
                );
            }
            _ => {}
        }
        match name {
            "try" => self.try_form(call, name_span),
            "can" => self.can_form(call, name_span),
            "convert" => self.convert_form(call, name_span),
            "templatefile" => self.templatefile(call, name_span),
            _ => self.ordinary(name, call, name_span),
        }
    }

    fn ordinary(&mut self, name: &str, call: &FuncCall, name_span: Span) -> Evaluated {
        let mut arguments: Vec<(Value, Span)> = Vec::new();
        for argument in call.args.iter() {
            let place = self.span(argument);
            arguments.push((self.expression(argument)?, place));
        }
        if call.args.expand_final()
            && let Some((list, place)) = arguments.pop()
        {
            match &list.kind {
                Kind::Unknown(_) => return Ok(Value::unknown(Type::Any)),
                Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) => {
                    arguments.extend(items.iter().map(|item| (item.clone().marked(list.sensitive), place)));
                }
                _ => {
                    let diagnostic = Diagnostic::error("\"...\" needs a list before it").at(place);
                    return self.fail(diagnostic.detail(format!("this is a {}", list.ty())));
                }
            }
        }
        let values: Vec<Value> = arguments.iter().map(|(value, _)| value.clone()).collect();
        match functions::call(name, &values, self.scope.functions()) {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => {
                let place = error.argument.and_then(|i| arguments.get(i)).map_or(name_span, |(_, place)| *place);
                let diagnostic = Diagnostic::error(format!("error in function \"{name}\"")).at(place);
                let diagnostic = diagnostic.detail(error.message);
                self.fail(match error.hint {
                    Some(hint) => diagnostic.help(hint),
                    None => diagnostic,
                })
            }
            None => self.no_function(name, name_span),
        }
    }

    fn no_function<T>(&mut self, name: &str, place: Span) -> Result<T, Reported> {
        let diagnostic = Diagnostic::error(format!("there is no function \"{name}\"")).at(place);
        let target = match name {
            "tostring" => Some("string"),
            "tonumber" => Some("number"),
            "tobool" => Some("bool"),
            "tolist" => Some("list(string)"),
            "toset" => Some("set(string)"),
            "tomap" => Some("map(string)"),
            _ => None,
        };
        self.fail(match target {
            Some(ty) => diagnostic.detail("it belongs to Terraform").help(format!("write convert(value, {ty})")),
            None => diagnostic.suggest(name, functions::names().chain(FORMS)),
        })
    }

    /// A number of arguments other than `expected` is reported.
    fn arguments<'c, const N: usize>(
        &mut self,
        call: &'c FuncCall,
        place: Span,
        form: &str,
    ) -> Result<[&'c Expression; N], Reported> {
        let given: Vec<&Expression> = call.args.iter().collect();
        let count = given.len();
        match <[&Expression; N]>::try_from(given) {
            Ok(arguments) => Ok(arguments),
            Err(_) => {
                let diagnostic = Diagnostic::error(format!("{count} arguments are given, {N} expected")).at(place);
                self.fail(diagnostic.help(format!("write {form}")))
            }
        }
    }

    fn try_form(&mut self, call: &FuncCall, place: Span) -> Evaluated {
        let mut last = None;
        for argument in call.args.iter() {
            let mut tried = Diagnostics::new();
            let value = evaluate(argument, self.file, self.scope, &mut tried);
            if !tried.has_errors() {
                return Ok(value);
            }
            last = tried.iter().next().map(|d| match &d.detail {
                Some(detail) => format!("{}: {detail}", d.summary),
                None => d.summary.clone(),
            });
        }
        let diagnostic = Diagnostic::error("none of the arguments of \"try\" can be evaluated").at(place);
        self.fail(diagnostic.detail(last.unwrap_or_else(|| "there are no arguments".to_owned())))
    }

    fn can_form(&mut self, call: &FuncCall, place: Span) -> Evaluated {
        let [argument] = self.arguments::<1>(call, place, "can(expression)")?;
        let mut tried = Diagnostics::new();
        let value = evaluate(argument, self.file, self.scope, &mut tried);
        if value.is_unknown() && !tried.has_errors() {
            return Ok(Value::unknown(Type::Bool));
        }
        Ok((!tried.has_errors()).into())
    }

    fn convert_form(&mut self, call: &FuncCall, place: Span) -> Evaluated {
        let [value, ty] = self.arguments::<2>(call, place, "convert(value, type)")?;
        let value_span = self.span(value);
        let value = self.expression(value)?;
        let ty = type_expression(ty, self.file, self.diagnostics).ok_or(Reported)?;
        match convert(&value, &ty) {
            Ok(value) => Ok(value),
            Err(error) => {
                let diagnostic = Diagnostic::error(format!("this does not convert to {ty}")).at(value_span);
                self.fail(diagnostic.detail(error.to_string()))
            }
        }
    }

    fn env(&mut self, call: &FuncCall, place: Span) -> Evaluated {
        let [name] = self.arguments::<1>(call, place, "env(\"NAME\")")?;
        let Expression::String(name) = name else {
            return self.fail(
                Diagnostic::error("the name of an environment variable must be a literal text").at(self.span(name)),
            );
        };
        Ok(std::env::var_os(name.as_str()).map(|v| v.to_string_lossy().into_owned()).unwrap_or_default().into())
    }

    /// Renders a file as template. It sees only the given names, and every function but `templatefile` itself.
    fn templatefile(&mut self, call: &FuncCall, place: Span) -> Evaluated {
        let [path, names] = self.arguments::<2>(call, place, "templatefile(path, { name = value })")?;
        let (path_span, names_span) = (self.span(path), self.span(names));
        let path = self.expression(path)?;
        let names = self.expression(names)?;
        let sensitive = path.sensitive || names.sensitive;
        let Ok(Some(path)) = convert(&path, &Type::String).map(|p| p.as_str().map(PathBuf::from)) else {
            if path.is_unknown() {
                return Ok(Value::unknown(Type::Any));
            }
            return self.fail(Diagnostic::error("a path is required").at(path_span));
        };
        let names = match &names.kind {
            Kind::Object(entries) | Kind::Map(_, entries) => entries.clone(),
            Kind::Unknown(_) => return Ok(Value::unknown(Type::Any)),
            _ => {
                return self
                    .fail(Diagnostic::error("an object with the names of the template is required").at(names_span));
            }
        };
        let mut scope = Scope::new(std::sync::Arc::new(self.scope.functions().inside_template()));
        for (name, value) in names.iter() {
            scope.set(name, value.clone());
        }
        if self.scope.functions().in_template {
            return self.fail(Diagnostic::error("\"templatefile\" cannot be used inside a template file").at(place));
        }
        let text = match self.scope.functions().read_text(&path, LARGEST) {
            Ok(text) => text,
            Err(error) => return self.fail(Diagnostic::error("this file cannot be read").at(path_span).detail(error)),
        };
        let template: Template = match text.parse() {
            Ok(template) => template,
            Err(error) => {
                let error: hcl_edit::parser::Error = error;
                let at = format!("{}:{}: {}", path.display(), error.location().line(), error.message());
                return self.fail(Diagnostic::error("this file is not a template").at(path_span).detail(at));
            }
        };
        let mut inner = Diagnostics::new();
        let result = Evaluator { file: self.file, scope: &scope, diagnostics: &mut inner }.file_template(&template);
        match result {
            Ok(value) => Ok(value.marked(sensitive)),
            Err(Reported) => {
                // The places inside point into the file's own text, which is not part of the source map.
                let first = inner.iter().next();
                let detail = first.map(|d| match (&d.detail, d.span) {
                    (detail, Some(span)) => {
                        let line = text.get(..span.start as usize).map_or(1, |t| t.matches('\n').count() + 1);
                        let detail = detail.as_deref().map(|t| format!(": {t}")).unwrap_or_default();
                        format!("{}:{line}: {}{detail}", path.display(), d.summary)
                    }
                    (_, None) => d.summary.clone(),
                });
                let diagnostic = Diagnostic::error("the template file has a mistake").at(path_span);
                self.fail(diagnostic.detail(detail.unwrap_or_default()))
            }
        }
    }
}
