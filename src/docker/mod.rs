//! What the docker builder and the docker post-processors have in common: logins, changes, kinds of artifacts.

pub(crate) mod changes;

use crate::client::docker::Login;
use crate::diagnostic::Diagnostic;
use crate::eval::fields::Fields;
use crate::run::BuildContext;

/// Post-processors take an artifact by the id of who made it: a committed image passes as an imported one.
pub(crate) const IMPORT_ID: &str = "packer.post-processor.docker-import";
pub(crate) const BUILDER_ID: &str = "packer.docker";

const NO_AWS: &str = "AWS support is not there yet";

/// The `login` options; nothing when `login` is not true.
pub(crate) fn login(fields: &mut Fields<'_>) -> Option<Login> {
    let wanted = fields.flag("login").unwrap_or(false);
    let server = fields.text("login_server").unwrap_or_default();
    let username = fields.text("login_username").unwrap_or_default();
    let password = fields.text("login_password").unwrap_or_default();
    fields.unsupported(
        &["ecr_login", "aws_access_key", "aws_secret_key", "aws_token", "aws_profile", "aws_force_use_public_ecr"],
        NO_AWS,
    );
    wanted.then_some(Login { server, username, password })
}

/// Hides the login's password from everything printed. The error says what is missing.
pub(crate) fn hide(login: Option<&Login>, cx: &BuildContext) -> Result<(), String> {
    let Some(login) = login else { return Ok(()) };
    cx.events.redactor().add(&login.password);
    match login.username.is_empty() || login.password.is_empty() {
        true => Err("\"login\" is set, but \"login_username\" or \"login_password\" is empty".to_owned()),
        false => Ok(()),
    }
}

/// The engine's API is spoken, so there is no program to choose.
pub(crate) fn docker_path(fields: &mut Fields<'_>) {
    let Some(path) = fields.text("docker_path") else { return };
    let program = path.rsplit('/').next().unwrap_or_default();
    if program != "docker" && !program.is_empty() {
        let warning = Diagnostic::warning(format!("\"docker_path\" is not used: {path:?} is never started"))
            .at_some(fields.span_of("docker_path"))
            .detail("the engine's API is used instead")
            .help("to use another engine, such as Podman, set DOCKER_HOST to the address of its socket");
        fields.push(warning);
    }
}

/// Reads the list `changes`, with an error for each line that a commit or an import refuses.
pub(crate) fn decode_changes(fields: &mut Fields<'_>) -> Vec<String> {
    let lines = fields.texts("changes").unwrap_or_default();
    if !fields.is_unknown("changes") {
        for line in &lines {
            if let Err(reason) = changes::check(line) {
                fields.error_at("changes", format!("a change cannot be made: {line:?}"), reason);
            }
        }
    }
    lines
}
